"""The interface of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pipeline.frames import Frame
from trackers.tracks import Detections


class Detector(Protocol):
    """Finds pedestrians. Deterministic: the same frames give the same boxes."""

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Detect in the frames of one tick (at most one a camera, any sizes) in ONE batch.

        Returns:
            One `Detections` a frame, in the order given: boxes x1 y1 x2 y2 in pixels of `Frame.image`,
            inside the image, by falling score.
        """

    def close(self) -> None:
        """Release memory; may be called twice."""
