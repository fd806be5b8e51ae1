"""From an appearance distance to evidence, on a site that nobody has labelled.

A fixed threshold does not carry over: on another site, and with another embedder, the distances lie elsewhere. But
a site shows many pairs that are certainly different people: those seen at the same moment. And links that are sure
for other reasons as well show how far apart views of one person are. Both densities are fitted for each pair of
cameras, from a typical one that gives way as pairs are seen; a distance then has a likelihood ratio.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reid.tracklets import CameraId

Float = npt.NDArray[np.float64]
Pair = tuple[CameraId, CameraId]
Number = float | Float


@dataclass(frozen=True, slots=True)
class Density:
    """Weight, mean and variance of distances that were seen."""

    count: float = 0.0
    mean: float = 0.0
    variance: float = 0.0

    def with_more(self, values: Float, weights: Float, most: float) -> Density:
        """With weighted values (K,) added; all never count for more than ``most``, so that old ones fade."""
        total = float(weights.sum())
        if total <= 0:
            return self
        mean = float(weights @ values) / total
        added = Density(total, mean, float(weights @ (values - mean) ** 2) / total)
        pooled = self.pooled_with(added)
        return Density(min(pooled.count, most), pooled.mean, pooled.variance)

    def pooled_with(self, other: Density) -> Density:
        """Both together."""
        count = self.count + other.count
        if count == 0:
            return self
        share = other.count / count
        shift = other.mean - self.mean
        variance = (1 - share) * self.variance + share * other.variance + share * (1 - share) * shift**2
        return Density(count, self.mean + share * shift, variance)

    def weighing(self, count: float) -> Density:
        """The same, counting for as much."""
        return Density(count, self.mean, self.variance)


# Typical of one person and of two, for tracklets in the space of `reid.appearance`, with osnet_x0_25 (MSMT17) on
# rendered people, seeds 1 and 2: of all pairs, and of those with a glance (`reid.pair_evidence`).
TYPICAL = Density(30.0, 0.42, 0.19**2), Density(20.0, 1.03, 0.15**2)
TYPICAL_GLANCES = Density(10.0, 0.74, 0.21**2), Density(20.0, 1.03, 0.13**2)
_PAIR_PRIOR = 30.0  # pairs of tracklets for which the densities of all cameras count in those of a pair of cameras
_MOST = 2000.0  # pairs that count; the older ones fade
_ODD = 0.05  # of the views of one person, those that look like anybody's: hidden, cut off, two in one box
_FREEDOM = 7.0  # of Student's density of the distances of different people
_PEAK = math.lgamma((_FREEDOM + 1) / 2) - math.lgamma(_FREEDOM / 2) - math.log(_FREEDOM * math.pi) / 2
_MIN_PAIRS = 20  # of either kind before a pair of cameras is judged
_MIN_SEPARATION = 1.5  # difference of the means, in standard deviations, below which cameras cannot be told apart


@dataclass(frozen=True, slots=True)
class Separation:
    """How well two cameras tell people apart.

    Attributes:
        cameras: the pair, in order of their names.
        separation: difference of the two means in standard deviations (d').
        same: mean distance of one person; different: of two.
        pairs: of tracklets behind them, of either kind.
    """

    cameras: Pair
    separation: float
    same: float
    different: float
    pairs: tuple[float, float]

    @property
    def poor(self) -> bool:
        """Whether there is enough to say that the two cameras cannot be linked by appearance."""
        return min(self.pairs) >= _MIN_PAIRS and self.separation < _MIN_SEPARATION


class AppearanceCalibration:
    """Densities of the distances of one person and of different people, for each pair of cameras.

    Args:
        typical: of one person and of different people, before any pair was seen.
    """

    def __init__(self, typical: tuple[Density, Density] = TYPICAL) -> None:
        self._typical = typical
        self._same: dict[Pair, Density] = {}
        self._different: dict[Pair, Density] = {}
        self._all_same, self._all_different = Density(), Density()
        self._known: dict[Pair, tuple[Density, Density]] = {}  # what `densities` has found since the last change

    def add_different(self, a: CameraId, b: CameraId, distances: Float) -> None:
        """Learn from pairs (K,) that certainly are two people."""
        self._known.clear()
        pair, weights = pair_of(a, b), np.ones(len(distances))
        self._different[pair] = self._different.get(pair, Density()).with_more(distances, weights, _MOST)
        self._all_different = self._all_different.with_more(distances, weights, _MOST)

    def add_same(self, a: CameraId, b: CameraId, distances: Float, weights: Float) -> None:
        """Learn from pairs (K,) that are one person with the probabilities ``weights`` (K,)."""
        self._known.clear()
        pair = pair_of(a, b)
        self._same[pair] = self._same.get(pair, Density()).with_more(distances, weights, _MOST)
        self._all_same = self._all_same.with_more(distances, weights, _MOST)

    def fade(self, share: float) -> None:
        """Let all that was learned count for less."""
        self._known.clear()
        for known in (self._same, self._different):
            for pair, density in known.items():
                known[pair] = density.weighing(share * density.count)
        self._all_same = self._all_same.weighing(share * self._all_same.count)
        self._all_different = self._all_different.weighing(share * self._all_different.count)

    def densities(self, a: CameraId, b: CameraId) -> tuple[Density, Density]:
        """Of one person and of different people, between two cameras."""
        pair = pair_of(a, b)
        if pair not in self._known:
            self._known[pair] = self._densities(pair)
        return self._known[pair]

    def _densities(self, pair: Pair) -> tuple[Density, Density]:
        same = self._all_same.pooled_with(self._typical[0]).weighing(_PAIR_PRIOR)
        different = self._all_different.pooled_with(self._typical[1]).weighing(_PAIR_PRIOR)
        return (
            self._same.get(pair, Density()).pooled_with(same),
            self._different.get(pair, Density()).pooled_with(different),
        )

    def log_ratios(
        self, camera: CameraId, others: Sequence[CameraId], which: npt.NDArray[np.int64], d: Float
    ) -> Float:
        """Natural logarithms of p(distance | same person) / p(distance | different people).

        Args:
            camera: of the one side.
            others: cameras of the other side.
            which: (N,) index into ``others`` for each distance.
            d: (N,) distances.

        Returns:
            (N,), bounded: a distance alone neither proves nor rules out.
        """
        pairs = [self.densities(camera, other) for other in others]
        same = np.array([(one.mean, max(one.variance, 1e-4)) for one, _ in pairs]).reshape(-1, 2)
        different = np.array([(two.mean, max(two.variance, 1e-4)) for _, two in pairs]).reshape(-1, 2)
        return log_ratio(d, same[which, 0], same[which, 1], different[which, 0], different[which, 1])

    def separations(self, among: Collection[Pair] = ()) -> list[Separation]:
        """Every pair of cameras between which pairs of either kind were seen, or those ``among`` these."""
        seen = {*self._same, *self._different}
        return [self._separation(pair) for pair in sorted(seen.intersection(among) if among else seen)]

    def _separation(self, pair: Pair) -> Separation:
        same, different = self.densities(*pair)
        spread = float(np.sqrt((same.variance + different.variance) / 2))
        pairs = (self._same.get(pair, Density()).count, self._different.get(pair, Density()).count)
        return Separation(pair, (different.mean - same.mean) / max(spread, 1e-6), same.mean, different.mean, pairs)

    def state(self) -> dict[str, Any]:
        """What `restore` takes; JSON-able."""
        return {
            "same": [[*pair, each.count, each.mean, each.variance] for pair, each in self._same.items()],
            "different": [[*pair, each.count, each.mean, each.variance] for pair, each in self._different.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier run."""
        self._known.clear()
        for kind, known in (("same", self._same), ("different", self._different)):
            for a, b, *numbers in state[kind]:
                known[pair_of(CameraId(a), CameraId(b))] = Density(*map(float, numbers))
        self._all_same, self._all_different = _all(self._same), _all(self._different)


def log_ratio(
    d: Float, same: Number, same_variance: Number, different: Number, different_variance: Number
) -> Float:
    """Of a normal density of one person, with a share of odd views, and a Student one of two people.

    The tail of look-alikes is heavier than a normal one: of 9900 pairs of people of CUHK03-P1 in two cameras, one
    in a thousand is nearer than 4.4 standard deviations below the mean; Student's density has as many from 4.0 on.
    """
    d = np.clip(d, same - np.sqrt(same_variance), different + 2 * np.sqrt(different_variance))
    one = -((d - same) ** 2) / (2 * same_variance) - np.log(2 * np.pi * same_variance) / 2
    scale = different_variance * (_FREEDOM - 2) / _FREEDOM
    two = _PEAK - np.log(scale) / 2 - (_FREEDOM + 1) / 2 * np.log1p((d - different) ** 2 / (_FREEDOM * scale))
    either: Float = np.logaddexp(one + np.log1p(-_ODD), two + np.log(_ODD))
    return either - two


def typical_share(log_ratios: Float) -> Float:
    """How likely pairs of one person (N,) are no odd views, by log ratio: only these tell of its density."""
    shares: Float = np.maximum(0.0, 1 - _ODD * np.exp(-log_ratios))
    return shares


def pair_of(a: CameraId, b: CameraId) -> Pair:
    """Two cameras in the order of their names."""
    return (a, b) if a <= b else (b, a)


def _all(densities: Mapping[Pair, Density]) -> Density:
    pooled = Density()
    for pair in sorted(densities):
        pooled = pooled.pooled_with(densities[pair])
    return pooled.weighing(min(pooled.count, _MOST))


def ratio(log_ratio: float) -> float:
    """exp, kept within what a log file can show."""
    return math.exp(min(max(log_ratio, -30.0), 30.0))
