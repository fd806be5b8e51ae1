"""How hard rendered people are to tell apart: rank-1 and mAP of an embedder on crops of `python -m world crops`.

    python -m world crops --identities 200 --cameras 4 --tested 1 --output runs/world_crops
    python -m benchmarks.world_reid runs/world_crops --weights osnet_x0_25_msmt17.pth --real CUHK01

Each picture in query/ is looked for among those of the other cameras in bounding_box_test/ (single query, the
protocol of Zheng et al., ICCV 2015). Beside it: colour stripes, the same network with random weights, and
with --real the folder of CUHK01, whose identities 486 to 971 are looked for in the second camera from the first.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from reid.embedder import Embedder, OsnetSettings, StripesSettings

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
_NAME = re.compile(r"(\d+)_c(\d+)")
_FIRST_REAL = 486


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--weights", required=True, help="As embedder.weights.")
@click.option("--real", type=click.Path(path_type=Path, exists=True), help="Folder of CUHK01.")
def main(folder: Path, weights: str, real: Path | None) -> None:
    """Print a table, a row for each set and network."""
    table = Table("set", "weights", "queries", "gallery", "rank-1", "mAP")
    trained = OsnetSettings(weights=weights).build()
    query, gallery = pictures(folder / "query"), pictures(folder / "bounding_box_test")
    table.add_row("rendered", Path(weights).name, *_scores(trained, query, gallery))
    table.add_row("rendered", "colour stripes", *_scores(StripesSettings().build(), query, gallery))
    table.add_row("rendered", "random", *_scores(_untrained(trained.architecture), query, gallery))
    if real is not None:
        people = [path for path in pictures(real) if labels([path])[0, 0] >= _FIRST_REAL]
        ends = [[path for path in people if labels([path])[0, 1] == camera] for camera in (1, 2)]
        table.add_row("CUHK01 486-971", Path(weights).name, *_scores(trained, *ends))
    Console().print(table)


def pictures(folder: Path) -> list[Path]:
    """The pictures of a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png"))


def labels(paths: Sequence[Path]) -> Labels:
    """(N, 2) identity and camera of each name."""
    return np.array([[int(part) for part in _NAME.search(path.name).groups()] for path in paths])  # type: ignore[union-attr]


def rank1_and_map(queries: Floats, of_queries: Labels, gallery: Floats, of_gallery: Labels) -> tuple[float, float]:
    """Cross-camera retrieval by cosine: share of queries whose best match is right, and mean average precision.

    Args:
        queries: (Q, D) unit rows.
        of_queries: (Q, 2) identity and camera.
        gallery: (G, D) unit rows.
        of_gallery: (G, 2) identity and camera. Pictures of a query's own camera and identity are left out.
    """
    similar = queries @ gallery.T
    first, precision = [], []
    for row, (identity, camera) in zip(similar, of_queries, strict=True):
        kept = (of_gallery[:, 0] != identity) | (of_gallery[:, 1] != camera)
        right = (of_gallery[kept, 0] == identity)[np.argsort(-row[kept], kind="stable")]
        if right.any():
            places = np.flatnonzero(right)
            first.append(right[0])
            precision.append(((np.arange(len(places)) + 1) / (places + 1)).mean())
    return float(np.mean(first)), float(np.mean(precision))


def _scores(embedder: Embedder, query: Sequence[Path], gallery: Sequence[Path]) -> tuple[str, str, str, str]:
    rank1, mean = rank1_and_map(
        _embedded(embedder, query), labels(query), _embedded(embedder, gallery), labels(gallery)
    )
    return str(len(query)), str(len(gallery)), f"{100 * rank1:.1f}", f"{100 * mean:.1f}"


def _embedded(embedder: Embedder, paths: Sequence[Path]) -> Floats:
    rows = []
    for start in range(0, len(paths), 64):
        images = [_read(path) for path in paths[start : start + 64]]
        boxes = [np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32) for image in images]
        rows.append(np.concatenate(list(embedder.embed(images, boxes))))
    return np.concatenate(rows)


def _read(path: Path) -> npt.NDArray[np.uint8]:
    image = cv2.imread(str(path))
    if image is None:
        raise click.ClickException(f"{path}: not a picture")
    return np.asarray(image, np.uint8)


def _untrained(architecture: str) -> Embedder:
    """The same network as it is made, from a file that is gone afterwards."""
    import torch

    from reid.osnet import create_osnet

    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.pth"
        torch.save(create_osnet(architecture).state_dict(), path)
        return OsnetSettings(weights=str(path)).build()


if __name__ == "__main__":
    main()
