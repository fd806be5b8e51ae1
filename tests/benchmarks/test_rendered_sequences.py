"""Rendered clips as sequences: their frames are those of the truth."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks import filmed_sequences
from benchmarks.rendered_sequences import folder_sequence
from pipeline.errors import TruthError
from reid.embedder import StripesSettings
from trackers import Detections
from world.clip import Clip

TIMES = [0.0, 0.1, 0.2, 0.5, 0.6, 1.4, *(1.5 + np.arange(15) / 10)]  # more than are embedded at once
SIDES = ("left", "top", "right", "bottom")


class TwoBoxes:
    """A detector that sees the same everywhere."""

    def detect(self, frames):
        boxes = np.array([[0, 0, 20, 50], [30, 10, 60, 90]], np.float32)
        return [Detections(boxes, np.array([0.9, 0.3], np.float32)) for _ in frames]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A clip at ten frames a second that lacks some, with its truth, as the world writes them."""
    models = TwoBoxes(), {"histogram": StripesSettings().build()}
    monkeypatch.setattr(filmed_sequences, "_models", lambda: models)
    (tmp_path / "truth/details").mkdir(parents=True)
    with Clip(tmp_path / "hall.mp4", (128, 96), 10.0, 28) as clip:
        for time in TIMES:
            clip.write(np.full((96, 128, 3), int(50 * time), np.uint8), time)
    rows = [(frame, person, 30, 10, 60, 90) for frame in range(1, len(TIMES) + 1) for person in (1, 2)]
    write_truth(tmp_path, rows)
    return tmp_path


def write_truth(folder: Path, rows: Sequence[tuple[int, ...]]) -> None:
    """Person 2 does not count."""
    corners = [(frame, who, x1, y1, x2 - x1, y2 - y1, int(who == 1)) for frame, who, x1, y1, x2, y2 in rows]
    text = "".join(",".join(map(str, row)) + ",1,0.5\n" for row in corners)
    (folder / "truth/hall.txt").write_text(text)
    with (folder / "truth/details/hall.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "person", *(f"visible_{side}" for side in SIDES), "visibility"])
        writer.writerows((*row, 0.5) for row in rows)


def test_lost_frames_are_gaps_in_time(folder):
    sequence = folder_sequence("x", "tune", folder, "hall")
    assert np.allclose(sequence.times, TIMES, atol=2e-3)
    assert sequence.size == (128, 96)
    assert len(sequence.dets) == len(sequence.embeddings["histogram"]) == 2 * len(TIMES)
    assert sequence.gt[:, 0].tolist() == list(range(1, len(TIMES) + 1))
    assert sequence.gt[0].tolist() == [1, 1, 30, 10, 60, 90, 0.5]
    quality = sequence.quality(score=0.25)
    assert (quality.recall, quality.precision) == (1.0, 0.5)


def test_truth_of_frames_that_are_not_there(folder):
    write_truth(folder, [(len(TIMES) + 1, 1, 30, 10, 60, 90)])
    with pytest.raises(TruthError, match=f"frame {len(TIMES) + 1}"):
        folder_sequence("x", "tune", folder, "hall")
