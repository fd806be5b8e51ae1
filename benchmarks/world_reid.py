"""How hard rendered people are to tell apart: rank-1 and mAP of an embedder on crops of `python -m world crops`.

    python -m world crops --identities 200 --cameras 4 --tested 1 --output runs/world_crops
    python -m benchmarks.world_reid runs/world_crops --weights osnet_x0_25_msmt17.pth --real CUHK01

Each picture in query/ is looked for in bounding_box_test/ by the protocol of Market-1501. Beside it: colour
stripes, an OSNet with random weights, and with --real the folder of CUHK01, whose identities 486 to 971 are looked
for in each camera from the other. `run.py reid evaluate` scores any set, with more to look at.
"""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.reid_models import Stripes, Untrained
from reid.training.embedding import load_network
from reid.training.evaluate import evaluate, read_search_set

_REAL = "486-971"  # the test people of CUHK01


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--weights", required=True, help="Checkpoint, or re-ID model (.xml, .onnx).")
@click.option("--real", type=click.Path(path_type=Path, exists=True), help="Folder of CUHK01.")
def main(folder: Path, weights: str, real: Path | None) -> None:
    """Print a table, a row for each set and network."""
    trained = load_network(weights)
    rendered = read_search_set(folder)
    pairs = [(rendered, network) for network in (trained, Stripes(), Untrained())]
    if real is not None:
        pairs.append((read_search_set(f"{real}:{_REAL}"), trained))
    table = Table("set", "weights", "queries", "gallery", "rank-1", "mAP")
    for data, network in pairs:
        (result,) = evaluate(network, data)
        ranking = result.ranking
        scores = (f"{100 * value:.1f}" for value in (ranking.cmc(1), ranking.mean_ap))
        table.add_row(data.name, network.name, str(ranking.counted), str(len(data.gallery)), *scores)
    Console().print(table)


if __name__ == "__main__":
    main()
