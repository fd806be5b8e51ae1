"""How sure a link must be, so that a given share of all links is expected to be wrong."""

from __future__ import annotations

from collections import deque
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", float, npt.NDArray[np.float64])

_ADVANCE = 10  # links, half of the rate of them wrong, that are taken to have been made before the first


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
        """Probability of the best candidate of a tracklet that is decided on, or of a merge that is made."""
        if probability >= 0.5:
            self._latest.append(probability)

    @property
    def needed(self) -> float:
        """Least probability of a link."""
        likeliest = np.sort(np.array(self._latest))[::-1]
        links, wrong = np.arange(len(likeliest) + 1.0), np.cumsum([0.0, *(1 - likeliest)])
        left = wrong_left(self._rate, links, wrong)
        kept = int((left >= 0).sum()) - 1  # of the likeliest; what is left may do for one more
        least = float(likeliest[kept - 1]) if kept else 1.0
        return max(0.5, min(least, 1 - self._rate - float(left[kept])))


def wrong_left(rate: float, links: Number, wrong: Number) -> Number:
    """How many more links may be expected to be wrong.

    Args:
        rate: that was asked for.
        links: made.
        wrong: of them, as expected.
    """
    return rate * (links + _ADVANCE / 2) - wrong
