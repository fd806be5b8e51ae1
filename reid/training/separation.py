"""How far apart the distances of same and of different people lie, counted in bins so that memory is bounded."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from reid.training.ranking import Block

BINS: Final = 2000
FARTHEST: Final = 2.0  # of cosine distances
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Separation:
    """Histograms of the distances between queries and the gallery pictures that count for them.

    Attributes:
        same: (BINS,) pairs of one person, by distance from 0 to `FARTHEST`.
        different: (BINS,) pairs of two people.
    """

    def __init__(self) -> None:
        self.same: Counts = np.zeros(BINS, np.int64)
        self.different: Counts = np.zeros(BINS, np.int64)
        self._sums = np.zeros((2, 3))  # same and different: count, sum, sum of squares

    def add(self, block: Block) -> None:
        """Count the pairs of a block."""
        masks = (block.same, ~block.same & ~block.ignored)
        for row, (counts, mask) in enumerate(zip((self.same, self.different), masks, strict=True)):
            values = block.distances[mask].astype(np.float64)
            places = np.clip((values * (BINS / FARTHEST)).astype(np.int64), 0, BINS - 1)
            np.add(counts, np.bincount(places, minlength=BINS), out=counts)
            self._sums[row] += len(values), values.sum(), (values**2).sum()

    @property
    def d_prime(self) -> float:
        """Distance of the means in standard deviations (root of the mean variance); NaN where a kind is absent."""
        counts, sums, squares = self._sums.T
        if not counts.all():
            return float("nan")
        means = sums / counts
        variance = np.maximum(squares / counts - means**2, 0).mean()
        return float((means[1] - means[0]) / np.sqrt(variance)) if variance > 0 else float("inf")

    @property
    def equal_error(self) -> tuple[float, float]:
        """The distance above which as large a share of the same lies as of the different below it; and that share.

        Found to a bin's width, `FARTHEST` / `BINS`; NaN where a kind is absent.
        """
        if not (self.same.any() and self.different.any()):
            return float("nan"), float("nan")
        above = 1 - np.concatenate([[0], np.cumsum(self.same)]) / self.same.sum()
        below = np.concatenate([[0], np.cumsum(self.different)]) / self.different.sum()
        place = int(np.argmax(below >= above))
        if place == 0:
            return 0.0, float(above[0])
        gap_before, gap_after = above[place - 1] - below[place - 1], above[place] - below[place]
        share = gap_before / (gap_before - gap_after)
        rate = above[place - 1] + share * (above[place] - above[place - 1])
        return float((place - 1 + share) * FARTHEST / BINS), float(rate)
