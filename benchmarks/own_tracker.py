"""One of our trackers, replayed in a process of its own by the very loop that replays the peers.

python -m benchmarks.own_tracker SETTINGS_JSON SEQUENCE.npz RESULT.npz --embedder NAME
"""

from __future__ import annotations

import numpy as np
from pydantic import TypeAdapter

from benchmarks.peers.replay import Frame, main
from trackers import Detections, Track, Tracker, TrackerSettings, TrackState


class OwnTracker:
    """See `replay.Adapter`. Every box that has an embedding in the sequence comes with it."""

    def __init__(self, settings: str) -> None:
        built: TrackerSettings = TypeAdapter(TrackerSettings).validate_json(settings)
        self._tracker: Tracker = built.build()

    def prepare(self, frame: Frame) -> tuple[Detections, float]:
        """Detections and time."""
        embedded = None if frame.embeddings is None else np.ones(len(frame.scores), bool)
        return Detections(frame.boxes, frame.scores, frame.embeddings, embedded), frame.time

    def update(self, prepared: tuple[Detections, float]) -> list[Track]:
        """One frame."""
        return self._tracker.update(*prepared)

    def read(self, returned: list[Track]) -> tuple[list[int], list[np.ndarray]]:
        """Tracks that were seen in this frame."""
        shown = [track for track in returned if track.state is TrackState.CONFIRMED]
        return [track.id for track in shown], [track.box for track in shown]


if __name__ == "__main__":
    main(lambda settings, width, height: OwnTracker(settings))
