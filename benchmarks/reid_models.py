"""Re-ID weights side by side: CMC and mAP on people of CUHK01 and CUHK03, each camera searched from the other.

    python -m benchmarks.reid_models --data-root DATA
    python -m benchmarks.reid_models --data-root DATA --only 0288 --weights weights/osnet_x0_25.pth

DATA holds reid/cuhk01, reid/cuhk03_p1/val, weights/reid/*.pth and weights/omz/*/*.xml. Every picture is a query;
all pictures of the other camera are its gallery. Below the networks stand colour stripes, which need no weights,
and an OSNet with random weights of one seed. Computed in f32: bf16 moves rank-1 by half a point.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from reid.crops import HEIGHT, WIDTH, Image
from reid.embedder import StripesSettings
from reid.osnet import create_osnet
from reid.tracklets import FloatArray
from reid.training.embedding import Network, load_network
from reid.training.evaluate import Evaluation, Options, evaluate, read_search_set
from reid.training.rerank import RerankSettings

SETS = "reid/cuhk01:486-971", "reid/cuhk03_p1/val"
RANDOM = "osnet_x0_25"


class Stripes:
    """Colour histograms of stripes, as a network."""

    def __init__(self) -> None:
        self._embedder = StripesSettings().build()
        self.name, self.description, self.size = "colour stripes", self._embedder.description, (HEIGHT, WIDTH)

    def embed(self, batch: Image) -> FloatArray:
        """See `Network.embed`."""
        whole = np.array([[0, 0, WIDTH, HEIGHT]], np.float32)
        return np.concatenate(self._embedder.embed(list(batch), [whole] * len(batch)))


class Untrained:
    """An OSNet as it is made, from one seed."""

    def __init__(self, architecture: str = RANDOM) -> None:
        import torch

        from reid.runtimes import OpenVinoRuntime, to_openvino

        torch.manual_seed(1)
        self._runtime = OpenVinoRuntime(to_openvino(create_osnet(architecture).eval()), "f32")
        self.name, self.size = f"{architecture} random", (HEIGHT, WIDTH)
        self.description = f"{architecture} with random weights, {self._runtime.description}"

    def embed(self, batch: Image) -> FloatArray:
        """See `Network.embed`."""
        return self._runtime.embed(batch)


@click.command()
@click.option("--data-root", required=True, type=click.Path(path_type=Path, exists=True), help="See above.")
@click.option("--weights", "files", multiple=True, help="Further weights; repeatable.")
@click.option("--only", "wanted", multiple=True, help="Rows with this in their name; repeatable.")
@click.option("--flip", is_flag=True, help="Average with the mirror image.")
@click.option("--rerank", "reranked", is_flag=True, help="Also after re-ranking.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write the scores to this file.")
def main(
    data_root: Path,
    files: Sequence[str],
    wanted: Sequence[str],
    flip: bool,
    reranked: bool,
    json_file: Path | None,
) -> None:
    """Print a table, a row for each network."""
    sets = [read_search_set(f"{data_root}/{name}") for name in SETS]
    options = Options(flip=flip, rerank=RerankSettings() if reranked else None)
    table = Table("network", *(f"{data.name}: rank-1 / 5 / 10 / 20 / mAP" for data in sets), "d'", box=None)
    found: list[Evaluation] = []
    console = Console(width=150)
    for name, make in _networks(data_root, files):
        if wanted and not any(part in name for part in wanted):
            continue
        network = make()
        for row in zip(*(evaluate(network, data, options) for data in sets), strict=True):
            apart = " | ".join(f"{result.separation.d_prime:.2f}" for result in row)
            table.add_row(row[0].label, *map(_cell, row), apart)
            console.log(row[0].label, *map(_cell, row))
            found += row
            if json_file is not None:
                json_file.write_text(json.dumps([result.to_dict() for result in found], indent=2) + "\n")
    console.print(table)


def _networks(data_root: Path, files: Sequence[str]) -> Iterator[tuple[str, Callable[[], Network]]]:
    """What to score, by name, made when its turn comes."""
    models = sorted(data_root.glob("weights/omz/person-reidentification-*/*.xml"), reverse=True)
    checkpoints = sorted(data_root.glob("weights/reid/*.pth"), reverse=True)
    for path in [*map(str, checkpoints), *map(str, models), *files]:
        yield Path(path).stem, lambda path=path: load_network(path)  # type: ignore[misc]
    yield "colour stripes", Stripes
    yield f"{RANDOM} random", Untrained


def _cell(result: Evaluation) -> str:
    ranking = result.ranking
    return " / ".join(f"{100 * value:.1f}" for value in (*map(ranking.cmc, (1, 5, 10, 20)), ranking.mean_ap))


if __name__ == "__main__":
    main()
