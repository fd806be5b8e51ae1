"""ByteTrack of pyxtrackers (Cython) at its own defaults, motion only."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyxtrackers import BYTETracker
from replay import Frame, main


class Peer:
    """See `replay.Adapter`."""

    def __init__(self) -> None:
        self._tracker = BYTETracker()

    def prepare(self, frame: Frame) -> Any:
        """(N, 5) float64: xyxy and score."""
        return np.column_stack([frame.boxes, frame.scores]).astype(np.float64)

    def update(self, prepared: Any) -> Any:
        """One frame."""
        return self._tracker.update(prepared)

    def read(self, returned: Any) -> tuple[Any, Any]:
        """From (K, 5): xyxy and id."""
        return returned[:, 4].astype(np.int64), returned[:, :4]


if __name__ == "__main__":
    main(lambda peer, width, height: Peer())
