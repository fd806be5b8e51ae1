"""Cuts the people of the virtual split out of PETS09-S2L1: re-ID crops of a site that our weights never saw.

    python -m benchmarks.truth_crops --output runs/halves
    python run.py reid evaluate --weights weights/osnet_x0_25.pth --data runs/halves

Ten people in the two halves of one view: the same lens and light, so scores are far above those of two cameras.
"""

from __future__ import annotations

import csv
from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks.clip_frames import frames_of
from benchmarks.streams import DATA, ROOT
from benchmarks.truth import write_split_truth
from pipeline.motfile import MotRows, read_mot

SMALLEST = 10, 30  # pixels, width and height of a box that is cut out


@click.command()
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs/halves", show_default=True)
@click.option("--every", default=8, show_default=True, help="Frames from one crop of a person to the next.")
def main(output: Path, every: int) -> None:
    """Write the crops as 0003_c1_000104.png: person, half, frame."""
    if any(output.glob("*.png")):
        raise click.ClickException(f"{output}: holds crops; remove them, or give another --output")
    truth = output / "truth"
    write_split_truth(DATA, truth)
    with (truth / "people.csv").open(encoding="utf-8", newline="") as file:
        people = {int(row["mot_id"]): int(row["person"]) for row in csv.DictReader(file)}
    halves = [read_mot(truth / f"{name}.txt") for name in ("left", "right")]
    written = 0
    for frame in frames_of(DATA / "mot/PETS09-S2L1/vtest.avi", every):
        for camera, rows in enumerate(halves, start=1):
            for track, box in _shown(rows, frame.index + 1):
                left, top, right, bottom = np.maximum(np.rint(box), 0).astype(int)
                name = f"{people[track]:04d}_c{camera}_{frame.index + 1:06d}.png"
                cv2.imwrite(str(output / name), frame.image[top:bottom, left:right])
                written += 1
    click.echo(f"{output}: {written} crops of {len(set(people.values()))} people")


def _shown(rows: MotRows, frame: int) -> list[tuple[int, np.ndarray]]:
    """Ids and boxes of a frame that count in the truth and are large enough."""
    boxes = rows.xyxy
    large = (boxes[:, 2:] - boxes[:, :2] >= SMALLEST).all(axis=1)
    own = np.flatnonzero((rows.frame == frame) & (rows.score > 0) & large)
    return [(int(rows.id[place]), boxes[place]) for place in own]


if __name__ == "__main__":
    main()
