"""How sure a link must be, so that a given share of all links is expected to be wrong."""

from __future__ import annotations

from collections import deque

import numpy as np

ADVANCE = 10  # links, half of the rate of them wrong, that are taken to have been made before the first


class FalseLinkBudget:
    """The least probability of a link, from those of the latest decisions.

    A link of probability p is expected to be wrong 1 - p times. Of the best candidates of the latest tracklets,
    the likeliest ones are linked, as many as keep the mean of 1 - p at the rate that was asked for; never one that
    is more likely wrong than right.

    Args:
        rate: expected share of wrong links, 0 to 1.
        window: decisions that count.
    """

    def __init__(self, rate: float, window: int = 300) -> None:
        self._rate = rate
        self._latest: deque[float] = deque(maxlen=window)

    def add(self, probability: float) -> None:
        """Probability of the best candidate of a tracklet that is decided on."""
        if probability >= 0.5:
            self._latest.append(probability)

    @property
    def needed(self) -> float:
        """Least probability of a link."""
        likeliest = np.sort(np.array(self._latest))[::-1]
        wrong, links = np.cumsum(1 - likeliest), np.arange(1, len(likeliest) + 1)
        left = self._rate * (links + ADVANCE / 2) - wrong  # wrong links that may yet be expected
        within = np.flatnonzero(left >= 0)
        if len(within) == 0:
            return max(0.5, 1 - self._rate * (1 + ADVANCE / 2))
        last = within[-1]
        return max(0.5, min(float(likeliest[last]), 1 - float(left[last]) - self._rate))
