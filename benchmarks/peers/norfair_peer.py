"""Norfair. It has no default for what is near: IoU and .7 are those of its demonstrations with detectors.

Of its own defaults one is changed in its favour: a track is shown after 3 detections more than missed frames, not
after 7. With re-identification, for which it has no defaults either, a track is kept 60 frames longer and joined
with a new one up to a cosine distance of .25. It takes every box as it is, so those of low score are withheld.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from norfair import Detection, Tracker
from replay import Frame, main


def cosine_distance(new: Any, old: Any) -> float:
    """Between the last detections of two of norfair's tracks."""
    return float(1 - old.past_detections[-1].embedding @ new.last_detection.embedding)


OPTIONS: dict[str, dict[str, Any]] = {
    "norfair-iou": {},
    "norfair-reid": {
        "reid_distance_function": cosine_distance,
        "reid_distance_threshold": 0.25,
        "reid_hit_counter_max": 60,
    },
}


class Peer:
    """See `replay.Adapter`."""

    def __init__(self, name: str) -> None:
        self._tracker = Tracker(
            distance_function="iou", distance_threshold=0.7, initialization_delay=3, **OPTIONS[name]
        )

    def prepare(self, frame: Frame) -> Any:
        """A list of norfair's detections, each with two corners."""
        frame = frame.confident()
        corners = frame.boxes.reshape(-1, 2, 2).astype(np.float64)
        embeddings = [None] * len(corners) if frame.embeddings is None else frame.embeddings
        return [
            Detection(points=points, scores=np.full(2, score), embedding=embedding)
            for points, score, embedding in zip(corners, frame.scores, embeddings, strict=True)
        ]

    def update(self, prepared: Any) -> Any:
        """One frame."""
        return self._tracker.update(detections=prepared)

    def read(self, returned: Any) -> tuple[Any, Any]:
        """All that norfair shows."""
        return [track.id for track in returned], [track.estimate.reshape(-1) for track in returned]


if __name__ == "__main__":
    main(lambda peer, width, height: Peer(peer))
