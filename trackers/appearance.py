"""What each track has looked like lately (DeepSORT, arXiv 1703.07402, section 2.2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trackers.tracks import FloatArray, IntArray


class AppearanceGallery:
    """The last ``budget`` embeddings of each track, in one array that grows with the number of live tracks.

    A track holds a slot from `acquire` to `release`. Memory: 4 * budget * D bytes a live track.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._rows: FloatArray = np.zeros((0, budget, 0), np.float32)  # (slots, budget, D), ring buffers
        self._written: IntArray = np.zeros(0, np.int64)  # embeddings ever written, by slot
        self._free: list[int] = []

    def acquire(self) -> int:
        """A slot without embeddings."""
        if not self._free:
            self._grow()
        slot = self._free.pop()
        self._written[slot] = 0
        return slot

    def release(self, slots: IntArray) -> None:
        """Give slots back."""
        self._free.extend(int(slot) for slot in slots)

    def add(self, slots: IntArray, embeddings: FloatArray) -> None:
        """Write one embedding (K, D) to each of K different slots, over the oldest where the budget is used up."""
        if self._rows.shape[2] != embeddings.shape[1]:
            self._rows = np.zeros((*self._rows.shape[:2], embeddings.shape[1]), np.float32)
            self._written[:] = 0
        self._rows[slots, self._written[slots] % self._budget] = embeddings
        self._written[slots] += 1

    def distances(self, slots: IntArray, embeddings: FloatArray) -> npt.NDArray[np.float32]:
        """Smallest cosine distance to any kept embedding (paper, equation 2).

        Returns:
            (S, M): element (i, j) is of slot i and embedding j; infinite for a slot without embeddings.
        """
        counts = np.minimum(self._written[slots], self._budget)
        distances = np.full((len(slots), len(embeddings)), np.inf, np.float32)
        filled = np.flatnonzero(counts)
        if filled.size == 0 or len(embeddings) == 0:
            return distances
        kept = np.concatenate([self._rows[slots[i], : counts[i]] for i in filled])
        starts = np.concatenate([[0], np.cumsum(counts[filled])[:-1]])
        distances[filled] = 1 - np.maximum.reduceat(kept @ embeddings.T, starts, axis=0)
        return distances

    def _grow(self) -> None:
        old = len(self._written)
        new = max(16, 2 * old)
        rows = np.zeros((new, *self._rows.shape[1:]), np.float32)
        rows[:old] = self._rows
        self._rows = rows
        self._written = np.concatenate([self._written, np.zeros(new - old, np.int64)])
        self._free.extend(range(new - 1, old - 1, -1))
