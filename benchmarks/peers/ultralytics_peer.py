"""BoT-SORT and ByteTrack of ultralytics with the settings of its own yaml files, camera-motion compensation off.

Re-identification is off there too; where it is wanted, the embeddings of the sequence go in as the features of
each box, the way that features of its own detectors do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import ultralytics
import yaml
from replay import Frame, main
from ultralytics.trackers import BOTSORT, BYTETracker
from ultralytics.utils import IterableSimpleNamespace


class Results:
    """What its trackers read of a detector's results."""

    def __init__(self, boxes: Any, scores: Any) -> None:
        self.xyxy, self.conf = boxes, scores
        self.cls = np.zeros(len(scores), np.float32)
        self.xywh = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)

    def __len__(self) -> int:
        return len(self.conf)

    def __getitem__(self, rows: Any) -> Results:
        return Results(self.xyxy[rows], self.conf[rows])


class Peer:
    """See `replay.Adapter`."""

    def __init__(self, name: str) -> None:
        kind = "bytetrack" if name == "ultralytics-bytetrack" else "botsort"
        file = Path(ultralytics.__file__).parent / "cfg/trackers" / f"{kind}.yaml"
        settings = yaml.safe_load(file.read_text("utf-8"))
        self._reid = name == "ultralytics-botsort-reid"
        if kind == "botsort":
            settings |= {"gmc_method": "none", "with_reid": self._reid}
        tracker = {"bytetrack": BYTETracker, "botsort": BOTSORT}[kind]
        self._tracker = tracker(IterableSimpleNamespace(**settings))

    def prepare(self, frame: Frame) -> Any:
        """Results, and the features of the boxes if wanted."""
        return Results(frame.boxes, frame.scores), frame.embeddings if self._reid else None

    def update(self, prepared: Any) -> Any:
        """One frame."""
        return self._tracker.update(prepared[0], None, feats=prepared[1])

    def read(self, returned: Any) -> tuple[Any, Any]:
        """From (K, 8): xyxy, id, score, class, index."""
        rows = np.asarray(returned).reshape(-1, 8)
        return rows[:, 4].astype(np.int64), rows[:, :4]


if __name__ == "__main__":
    main(lambda peer, width, height: Peer(peer))
