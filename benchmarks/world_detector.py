"""How well a real detector finds the people of rendered scenes: recall and precision against the exact truth.

    python -m benchmarks.world_detector runs/world/demo runs/world/mall --weights yolo11n_int8_openvino_model

Counts as found: a box that overlaps (IoU .5) the whole or the visible part of a person. Recall is over people at
least 60 pixels tall and half visible; a detection is wrong if it is on nobody. Every eighth frame is looked at.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks.clip_frames import frames_of
from pipeline.detectors.yolo import YoloSettings
from pipeline.frames import Frame
from trackers.boxes import iou_matrix

Boxes = npt.NDArray[np.float64]
TALL, VISIBLE, OVERLAP, EVERY = 60.0, 0.5, 0.5, 8


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--weights", required=True, help="As detector.weights.")
@click.option("--confidence", default=0.25, show_default=True)
def main(folders: tuple[Path, ...], weights: str, confidence: float) -> None:
    """Print a table, a row for each camera."""
    detector = YoloSettings(weights=weights, confidence=confidence).build()
    table = Table("scene", "camera", "people", "recall", "detections", "precision")
    totals = np.zeros(4, int)
    for folder in folders:
        for clip in sorted(folder.glob("*.mp4")):
            counts = np.zeros(4, int)
            for frame, rows in samples(clip, folder / "truth" / "details" / f"{clip.stem}.csv"):
                counts += judge(detector.detect([frame])[0].boxes.astype(float), rows)
            totals += counts
            table.add_row(folder.name, clip.stem, *_shares(counts))
    table.add_row("all", "", *_shares(totals))
    Console().print(table)
    detector.close()


def samples(clip: Path, details: Path) -> Iterator[tuple[Frame, Boxes]]:
    """Every eighth frame with its truth: (N, 9) box, visible box, visibility."""
    truth: dict[int, list[list[float]]] = {}
    with details.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            names = [f"{kind}{side}" for kind in ("", "visible_") for side in ("left", "top", "right", "bottom")]
            truth.setdefault(int(row["frame"]), []).append([float(row[name]) for name in (*names, "visibility")])
    for frame in frames_of(clip, EVERY):
        yield frame, np.array(truth.get(frame.index + 1, []), float).reshape(-1, 9)


def judge(found: Boxes, truth: Boxes) -> npt.NDArray[np.int64]:
    """People who count, those of them found, detections, those of them on somebody."""
    overlap = np.maximum(iou_matrix(found, truth[:, :4]), iou_matrix(found, truth[:, 4:8]))
    counts = (truth[:, 3] - truth[:, 1] >= TALL) & (truth[:, 8] >= VISIBLE)
    hit = np.asarray(overlap >= OVERLAP)
    people, boxes = hit.sum(0) > 0, hit.sum(1) > 0
    return np.array([counts.sum(), np.sum(counts & people), len(found), np.sum(boxes)])


def _shares(counts: npt.NDArray[np.int64]) -> tuple[str, str, str, str]:
    people, found, detections, right = counts.tolist()
    return str(people), f"{found / max(people, 1):.3f}", str(detections), f"{right / max(detections, 1):.3f}"


if __name__ == "__main__":
    main()
