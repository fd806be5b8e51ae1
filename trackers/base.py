"""The interface of a tracker."""

from __future__ import annotations

from typing import Protocol

from trackers.tracks import BoolArray, Detections, Track


class Tracker(Protocol):
    """Follows the people of ONE camera. Deterministic; holds no globals; can be pickled."""

    def wants_embedding(self, detections: Detections, time: float) -> BoolArray:
        """(N,) bool: which detections need an embedding before `update` at ``time`` [s]."""

    def update(self, detections: Detections, time: float) -> list[Track]:
        """Take the detections of the frame at ``time`` [s] and tell where every track stands.

        Returns:
            All confirmed tracks (seen or lost) by rising id, and those that ended now, each exactly once.
        """

    def finish(self) -> list[Track]:
        """The camera is over: end all tracks and return them as ended."""
