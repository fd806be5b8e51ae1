"""From an appearance distance to evidence, on a site that nobody has labelled.

A fixed threshold does not carry over: on another site, and with another embedder, the distances between different
people lie elsewhere. But a site shows many pairs that are certainly different: people seen at the same moment. So
the scale is learned from them, and only ratios are carried over: how far apart views of the same person are, and
how widely both scatter, as shares of the mean distance between different people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import BaseModel, Field


class CalibrationSettings(BaseModel, frozen=True, extra="forbid"):
    """How distances become likelihood ratios; shares are of the mean distance between different people."""

    same_share: float = Field(
        0.55,
        gt=0,
        lt=1,
        description="Mean distance of the same person in two cameras, as a share (see docs/linking.md).",
    )
    spread_share: float = Field(
        0.14, gt=0, description="Standard deviation of both kinds of distance, as a share."
    )
    prior_mean: float = Field(
        0.5, gt=0, le=2, description="Mean distance between different people before any was seen."
    )
    prior_pairs: float = Field(2.0, gt=0, description="How many certain pairs the prior mean counts for.")


class DistanceCalibration:
    """Running scale of the site and the likelihood ratio that follows from it.

    Both kinds of distance are taken as normal with one spread, so the logarithm of the ratio is linear in the
    distance and zero half-way between the two means.
    """

    _MOST_PAIRS = 2000.0  # older pairs fade, so that the scale follows day and night

    def __init__(self, settings: CalibrationSettings) -> None:
        self._settings = settings
        self._pairs = settings.prior_pairs
        self._mean = settings.prior_mean

    def add_different(self, distance: float) -> None:
        """Learn from a pair that certainly is two people."""
        self._pairs = min(self._pairs + 1, self._MOST_PAIRS)
        self._mean += (distance - self._mean) / self._pairs

    def learned(self) -> dict[str, float]:
        """The scale and what it rests on, for `remember` in a later run."""
        return {"mean": self._mean, "pairs": self._pairs}

    def remember(self, learned: Mapping[str, float]) -> None:
        """Go on from what an earlier run learned; unknown keys are of another version and are left out."""
        self._mean = float(learned.get("mean", self._mean))
        self._pairs = float(learned.get("pairs", self._pairs))

    def log_ratio(self, distance: float) -> float:
        """Natural logarithm of p(distance | same person) / p(distance | different people)."""
        same, spread = self._settings.same_share, self._settings.spread_share
        relative = distance / max(self._mean, 1e-6)
        return (1 - same) / spread**2 * ((1 + same) / 2 - relative)


def ratio(log_ratio: float) -> float:
    """exp, kept within what a log file can show."""
    return math.exp(min(max(log_ratio, -30.0), 30.0))
