"""The package `trackers` of roboflow at its own defaults, motion only, without camera-motion compensation."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import supervision
from replay import Frame, main

# Ours has the same name, and type checkers would find that one.
PACKAGE: Any = importlib.import_module("trackers")
CLASSES = {
    "roboflow-sort": ("SORTTracker", {}),
    "roboflow-bytetrack": ("ByteTrackTracker", {}),
    "roboflow-ocsort": ("OCSORTTracker", {}),
    "roboflow-botsort": ("BoTSORTTracker", {"enable_cmc": False}),
}


class Peer:
    """See `replay.Adapter`."""

    def __init__(self, name: str) -> None:
        kind, options = CLASSES[name]
        self._tracker = getattr(PACKAGE, kind)(**options)

    def prepare(self, frame: Frame) -> Any:
        """As `supervision.Detections`."""
        classes = np.zeros(len(frame.scores), np.int64)
        return supervision.Detections(xyxy=frame.boxes, confidence=frame.scores, class_id=classes)

    def update(self, prepared: Any) -> Any:
        """One frame."""
        return self._tracker.update(prepared)

    def read(self, returned: Any) -> tuple[Any, Any]:
        """Boxes of tracks on probation have the id -1."""
        if returned.tracker_id is None or not len(returned):
            return [], []
        shown = np.asarray(returned.tracker_id) >= 0
        return np.asarray(returned.tracker_id)[shown], returned.xyxy[shown]


if __name__ == "__main__":
    main(lambda peer, width, height: Peer(peer))
