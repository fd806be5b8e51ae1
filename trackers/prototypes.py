"""What the live tracks look like, and how much a cosine distance between two looks says."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from trackers import kernels
from trackers.tracks import BoolArray, FloatArray, IntArray

Float = npt.NDArray[np.float64]

_LEAST_KEPT = 0.9  # share of a mean that stays, however long ago the last embedding was
_LEAST_SAMPLES = 10  # distances between different people before appearance says anything
_MOST_SAMPLES = 2000.0  # distances of either kind that count; the older ones fade
_TYPICAL_COUNT = 20.0  # how many distances of one person's looks the typical ones stand for
_TYPICAL_MEAN, _TYPICAL_SPREAD = 0.3, 0.2  # of these, as shares of the mean distance between different people


class Prototypes:
    """One running mean of embeddings a track, and an earlier state of it; row i is track i of the tracker's table.

    Memory: 8 D bytes a live track.

    Args:
        memory: seconds after which an embedding counts 1/e of what it did.
        lag: seconds after which the mean is put by as the earlier state.
    """

    def __init__(self, memory: float, lag: float) -> None:
        self._memory, self._lag = memory, lag
        self.means: FloatArray = np.zeros((0, 0), np.float32)  # (N, D), unit rows where known
        self.known: BoolArray = np.zeros(0, bool)
        self.views: IntArray = np.zeros(0, np.int64)  # embeddings added
        self.last: Float = np.zeros(0)  # time of the newest [s]
        self._earlier: FloatArray = np.zeros((0, 0), np.float32)
        self._earlier_time: Float = np.zeros(0)

    def append(self, count: int) -> None:
        """Add rows of tracks that nothing is known of."""
        if count == 0:
            return
        blank = np.zeros((count, self.means.shape[1]), np.float32)
        self.means, self._earlier = np.concatenate([self.means, blank]), np.concatenate([self._earlier, blank])
        self.known = np.concatenate([self.known, np.zeros(count, bool)])
        self.views = np.concatenate([self.views, np.zeros(count, np.int64)])
        self.last = np.concatenate([self.last, np.full(count, -np.inf)])
        self._earlier_time = np.concatenate([self._earlier_time, np.zeros(count)])

    def keep(self, rows: BoolArray) -> None:
        """Drop the rows outside the mask (N,)."""
        self.means, self._earlier = self.means[rows], self._earlier[rows]
        self.known, self.views, self.last = self.known[rows], self.views[rows], self.last[rows]
        self._earlier_time = self._earlier_time[rows]

    def fit(self, dimension: int) -> bool:
        """Take embeddings of this many numbers from now on; True if all was forgotten for it."""
        if self.means.shape[1] == dimension:
            return False
        self.means = np.zeros((len(self.known), dimension), np.float32)
        self._earlier = self.means.copy()
        self.known[:], self.views[:], self.last[:] = False, 0, -np.inf
        return True

    def distances_to_earlier(
        self, rows: IntArray, embeddings: FloatArray, columns: IntArray, time: float
    ) -> Float:
        """Cosine distances of tracks seen at least `lag` ago to their own embedding of now; puts their mean by.

        Args:
            rows: (K,) tracks.
            embeddings: (M, D).
            columns: (K,) the embedding of each.
            time: of the embeddings [s].

        Returns:
            (L,), for those of the K tracks whose earlier state is old enough.
        """
        due = self.known[rows] & (np.abs(time - self._earlier_time[rows]) >= self._lag)
        rows, columns = rows[due], columns[due]
        distances = 1 - kernels.similarities(self._earlier, rows, embeddings, columns)
        self._earlier[rows], self._earlier_time[rows] = self.means[rows], time
        return distances

    def add(self, rows: IntArray, embeddings: FloatArray, columns: IntArray, time: float) -> None:
        """Take the embeddings ``columns`` (K,) into the means of the different tracks ``rows`` (K,)."""
        new, views = ~self.known[rows], self.views[rows]
        fading = np.exp(-np.abs(time - self.last[rows]) / self._memory)
        keep = np.minimum(np.maximum(fading, _LEAST_KEPT), views / (views + 1))  # the plain mean of the first few
        kernels.blend(self.means, rows, embeddings, columns, keep.astype(np.float32))
        first = rows[new]
        self._earlier[first], self._earlier_time[first] = self.means[first], time
        self.known[rows], self.last[rows] = True, time
        self.views[rows] += 1


class AppearanceScale:
    """How far apart two looks of one person are, and of two people, learned from the stream itself.

    People seen at the same moment are certainly different; a track now and some time ago is the same person. Both
    kinds of distances are taken for normal with a common spread: the logarithm of the likelihood ratio is then a
    straight line (linear discriminant), steep where the embedder tells people apart here and now, and flat where
    it does not. Old distances fade. Until there are many of the first kind they are helped out by typical ones,
    which are stated as shares of the mean distance between different people, so that they fit any embedder.

    Args:
        limit: greatest logarithm of the likelihood ratio, to either side.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._same, self._different = _Distances(), _Distances()

    def add(self, same: Float, different: Float) -> None:
        """Take cosine distances of one person's looks and of different people's."""
        self._same = self._same.with_more(same)
        self._different = self._different.with_more(different)

    def line(self) -> Float:
        """(3,) slope, middle, limit: the log likelihood ratio of a distance d is slope * (middle - d), limited."""
        different = self._different
        if different.count < _LEAST_SAMPLES or self._limit == 0:
            return np.array([0.0, 0.0, self._limit])
        typical = _Distances(
            _TYPICAL_COUNT, _TYPICAL_MEAN * different.mean, (_TYPICAL_SPREAD * different.mean) ** 2
        )
        same = self._same.pooled_with(typical)
        if different.mean <= same.mean:
            return np.array([0.0, 0.0, self._limit])
        slope = 2 * (different.mean - same.mean) / (same.variance + different.variance + 1e-6)
        return np.array([slope, (same.mean + different.mean) / 2, self._limit])


@dataclass(frozen=True, slots=True)
class _Distances:
    """Count, mean and variance of cosine distances."""

    count: float = 0.0
    mean: float = 0.0
    variance: float = 0.0

    def pooled_with(self, other: _Distances) -> _Distances:
        """Both together."""
        count = self.count + other.count
        share = other.count / count
        shift = other.mean - self.mean
        variance = (1 - share) * self.variance + share * other.variance + share * (1 - share) * shift**2
        return _Distances(count, self.mean + share * shift, variance)

    def with_more(self, new: Float) -> _Distances:
        """With the distances (K,) added; they never count as more than `_MOST_SAMPLES`, so that old ones fade."""
        if len(new) == 0:
            return self
        pooled = self.pooled_with(_Distances(len(new), *kernels.moments(new)))
        return replace(pooled, count=min(pooled.count, _MOST_SAMPLES))
