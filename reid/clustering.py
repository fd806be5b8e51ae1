"""Who is who among all tracklets of a finished run: the linker's evidence, all decided together.

Agglomerative clustering by likelihood: two clusters are joined for what their looks, and the ways between
consecutive sightings, say together. Then each tracklet is tried in every other cluster. The scales of looks and
ways are fitted to the outcome, and all is done again, a few times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from reid.appearance import Space, SpaceLearner
from reid.calibration import AppearanceCalibration
from reid.decisions import ADVANCE
from reid.gallery import order
from reid.matching import agreement
from reid.pair_evidence import Constraints, Evidence
from reid.topology import Topology
from reid.tracklets import CameraId, Tracklet
from reid.transit import Transits

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

_ROUNDS = 3  # of fitting before the first clustering
_LEAST = 0.01  # probability from which a pair counts among those of one person
_SWEEPS = 4  # in which single tracklets change over
_HOPELESS = -2.0  # nats of mean evidence by looks below which clusters are not looked at any closer


@dataclass(slots=True)
class Clustering:
    """Clusters of tracklets and how they came about.

    Attributes:
        tracklets: (N,) by rising start.
        labels: (N,) cluster of each, from 0, by first sighting.
        calibration: as fitted. So are ``transits`` and ``space``.
    """

    tracklets: list[Tracklet]
    labels: Int
    calibration: AppearanceCalibration
    transits: Transits
    space: Space | None
    evidence: Evidence = field(repr=False)

    def explain(self, i: int) -> Why:
        """Why tracklet ``i`` is in its cluster: against all others of it, and the likeliest other cluster."""
        own = int(self.labels[i])
        worths: dict[int, float] = {}
        for label in np.unique(self.labels).tolist():
            others = [m for m in np.flatnonzero(self.labels == label).tolist() if m != i]
            if others and not self.evidence.apart[i, others].any():
                worths[label] = _worth(self.evidence, i, others)
        rest = [m for m in np.flatnonzero(self.labels == own).tolist() if m != i]
        rival = max((label for label in worths if label != own), key=lambda label: worths[label], default=None)
        rival_members = [] if rival is None else np.flatnonzero(self.labels == rival).tolist()
        total = float(np.logaddexp.reduce([0.0, *worths.values()]))
        chosen = worths.get(own, 0.0) if rest else 0.0
        before = [m for m in rest if self.tracklets[m].start <= self.tracklets[i].start and m < i]
        compared = rest or rival_members
        looks = self._looks(i, compared)
        return Why(
            alone=not rest,
            probability=math.exp(chosen - total),
            distance=self._distance(i, compared),
            looks=looks,
            way=None if not rest or looks is None or own not in worths else worths[own] - looks,
            transit=self.tracklets[i].start - max(self.tracklets[m].end for m in before) if before else None,
            rival=rival,
            rival_distance=self._distance(i, rival_members),
        )

    def _distance(self, i: int, others: Sequence[int]) -> float | None:
        known = self.evidence.distance[i, list(others)]
        known = known[np.isfinite(known)]
        return float(known.mean()) if len(known) else None

    def _looks(self, i: int, others: Sequence[int]) -> float | None:
        seen = [m for m in others if np.isfinite(self.evidence.distance[i, m])]
        return float(self.evidence.looks[i, seen].mean()) * float(agreement(len(seen))) if seen else None


@dataclass(frozen=True, slots=True)
class Why:
    """What decided on a tracklet.

    Attributes:
        alone: nobody else is in its cluster; it is compared with the rival then.
        probability: of its cluster, against the others and against being alone.
        distance: mean of appearance to those that it is compared with; looks: what that says [nats].
        way: what place and time say [nats].
        transit: seconds since the last sighting before.
        rival: label of the likeliest other cluster; rival_distance: to it.
    """

    alone: bool
    probability: float
    distance: float | None
    looks: float | None
    way: float | None
    transit: float | None
    rival: int | None
    rival_distance: float | None


def cluster(
    tracklets: Sequence[Tracklet],
    topology: Topology,
    false_link_rate: float = 0.1,
    constraints: Constraints | None = None,
) -> Clustering:
    """Decide on all tracklets together. Memory and time grow with the square of their number.

    Args:
        tracklets: of all cameras.
        topology: time and camera links.
        false_link_rate: expected share of wrong links.
        constraints: what a person has decided.
    """
    ordered = sorted(tracklets, key=order)
    learner = SpaceLearner()
    learner.add(ordered)
    space = learner.space()
    evidence = Evidence(ordered, topology, constraints or Constraints())
    evidence.look_through(space)
    calibration, transits, return_odds = AppearanceCalibration(), Transits(), 0.0
    _learn_different(calibration, ordered, evidence)
    for tracklet in ordered:
        transits.see(tracklet)
    for _ in range(_ROUNDS):
        evidence.weigh(calibration, transits, return_odds)
        calibration, return_odds = _fitted(ordered, evidence)
    for _ in range(2):
        evidence.weigh(calibration, transits, return_odds)
        labels = _clustered(evidence, false_link_rate)
        calibration, return_odds = _fitted(ordered, evidence)
        transits = _walked(ordered, evidence, labels)
    return Clustering(list(ordered), labels, calibration, transits, space, evidence)


def _learn_different(
    calibration: AppearanceCalibration, tracklets: Sequence[Tracklet], evidence: Evidence
) -> None:
    """Who is seen at the same moment as somebody else is certainly another person."""
    by_pair: dict[tuple[CameraId, CameraId], list[float]] = {}
    for i, j in np.argwhere(np.triu(evidence.apart & np.isfinite(evidence.distance))).tolist():
        pair = (tracklets[i].key.camera, tracklets[j].key.camera)
        by_pair.setdefault(pair, []).append(float(evidence.distance[i, j]))
    for (a, b), distances in sorted(by_pair.items()):
        calibration.add_different(a, b, np.array(distances))


def _fitted(tracklets: Sequence[Tracklet], evidence: Evidence) -> tuple[AppearanceCalibration, float]:
    """The scales of looks and the odds of coming back, from pairs by the probability that they are one person."""
    calibration = AppearanceCalibration()
    _learn_different(calibration, tracklets, evidence)
    probabilities = np.triu(evidence.pair_probabilities())
    by_pair: dict[tuple[CameraId, CameraId], list[tuple[int, int]]] = {}
    for i, j in np.argwhere(probabilities > _LEAST).tolist():
        by_pair.setdefault((tracklets[i].key.camera, tracklets[j].key.camera), []).append((i, j))
    for (a, b), pairs in sorted(by_pair.items()):
        places = tuple(np.array(pairs).T)
        calibration.add_same(a, b, evidence.distance[places], probabilities[places])
    returns = float(probabilities.sum())
    return calibration, math.log((returns + 5) / (max(0.0, len(tracklets) - returns) + 5))


def _walked(tracklets: Sequence[Tracklet], evidence: Evidence, labels: Int) -> Transits:
    """The ways between consecutive sightings of those whom looks alone make likely."""
    transits = Transits()
    for tracklet in tracklets:
        transits.see(tracklet)
    for label in np.unique(labels):
        for i, j in pairwise(np.flatnonzero(labels == label).tolist()):
            if evidence.looks[i, j] > math.log(10) and tracklets[i].end <= tracklets[j].start:
                transits.add(tracklets[i], tracklets[j])
    return transits


class _Clusters:
    """Clusters under way: sums of the evidence between them, kept up to date."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        count = len(evidence.starts)
        self.members: dict[int, list[int]] = {i: [i] for i in range(count)}
        self.sums = evidence.looks.copy()
        seen = np.isfinite(np.diagonal(evidence.distance)).astype(float)
        self.pairs = np.outer(seen, seen)  # of tracklets with an appearance
        self.apart = evidence.apart.copy()
        self.alive = np.ones(count, bool)

    def gain(self, a: int, b: int) -> float:
        """What speaks for two clusters being one person [nats]."""
        both = sorted(self.members[a] + self.members[b])
        chain = self.evidence.chain
        ways = chain(both) - chain(self.members[a]) - chain(self.members[b])
        pairs = self.pairs[a, b]
        return float(self.sums[a, b] / pairs * float(agreement(pairs)) + ways) if pairs else ways - 10.0

    def hopeful(self, a: int) -> Int:
        """Clusters that might be joined with ``a``."""
        alike = (self.pairs[a] > 0) & (self.sums[a] > _HOPELESS * self.pairs[a])
        found: Int = np.flatnonzero(alike & ~self.apart[a] & self.alive)
        return np.delete(found, np.flatnonzero(found == a))

    def join(self, a: int, b: int) -> None:
        """Cluster ``b`` becomes part of ``a``."""
        self.members[a] = sorted(self.members[a] + self.members.pop(b))
        for table in (self.sums, self.pairs):
            table[a] += table[b]
            table[:, a] = table[a]
        self.apart[a] |= self.apart[b]
        self.apart[:, a] = self.apart[a]
        self.alive[b] = False

    def labels(self) -> Int:
        """(N,) from 0, by first sighting; tracklets are in order of start."""
        result = np.zeros(len(self.alive), np.int64)
        for label, members in enumerate(sorted(self.members.values())):
            result[members] = label
        return result


def _clustered(evidence: Evidence, false_link_rate: float) -> Int:
    clusters = _Clusters(evidence)
    for group in evidence.together:
        for other in group[1:]:
            a, b = (
                next(c for c, members in clusters.members.items() if each in members) for each in (group[0], other)
            )
            if a != b:
                clusters.join(a, b)
    _agglomerate(clusters, false_link_rate)
    return _swept(evidence, clusters.labels())


def _agglomerate(clusters: _Clusters, false_link_rate: float) -> None:
    """Join what is likeliest first, as long as few enough joins are expected to be wrong."""
    gains: dict[int, dict[int, float]] = {a: {} for a in clusters.members}
    for a in clusters.members:
        for b in clusters.hopeful(a).tolist():
            gains[a][b] = gains[b][a] if b < a and a in gains[b] else clusters.gain(a, b)
    best = {a: found for a in gains if (found := _likeliest(a, gains))}
    joins, wrong = 0, 0.0
    while best:
        a = max(best, key=lambda cluster: (best[cluster][0], best[cluster][1], -cluster))
        probability, gain, b = best[a]
        joins, wrong = joins + 1, wrong + 1 - probability
        expected = (wrong + ADVANCE * false_link_rate / 2) / (joins + ADVANCE)
        if probability < 0.5 or gain <= 0 or expected > false_link_rate:
            return
        stale = {*gains[a], *gains[b]}
        clusters.join(a, b)
        for other in stale:
            for gone in (a, b):
                gains[other].pop(gone, None)
        del gains[b]
        best.pop(b, None)
        gains[a] = {other: clusters.gain(a, other) for other in clusters.hopeful(a).tolist()}
        for other, gain in gains[a].items():
            gains[other][a] = gain
        for other in {a, *stale, *gains[a]} - {b}:
            found = _likeliest(other, gains)
            if found:
                best[other] = found
            else:
                best.pop(other, None)


def _likeliest(a: int, gains: dict[int, dict[int, float]]) -> tuple[float, float, int] | None:
    """Probability, gain and cluster of the best join of a cluster, given what else either side could join."""
    if not gains[a]:
        return None
    b = max(gains[a], key=lambda other: (gains[a][other], -other))
    gain = gains[a][b]
    sides = [_with_rivals(one, other, gains) for one, other in ((a, b), (b, a))]
    return float(np.exp(gain - max(sides))), gain, b


def _with_rivals(a: int, b: int, gains: dict[int, dict[int, float]]) -> float:
    """Logarithm of the odds of all that ``a`` could be: nobody else, ``b``, or somebody who is not ``b``."""
    rivals = [gain for other, gain in gains[a].items() if other != b and gains[b].get(other, -1.0) <= 0]
    return float(np.logaddexp.reduce([0.0, gains[a][b], *rivals]))


def _swept(evidence: Evidence, labels: Int) -> Int:
    """Let each tracklet change over to where it fits better, alone or to another cluster, until none does."""
    members: dict[int, list[int]] = {
        int(each): np.flatnonzero(labels == each).tolist() for each in np.unique(labels)
    }
    bound = {i for group in evidence.together for i in group}
    cluster_of = labels.tolist()
    for _ in range(_SWEEPS):
        moves = [i for i in range(len(labels)) if i not in bound and _moved(evidence, i, members, cluster_of)]
        if not moves:
            break
    result = np.zeros_like(labels)
    for label, group in enumerate(sorted(members.values())):
        result[group] = label
    return result


def _moved(evidence: Evidence, i: int, members: dict[int, list[int]], cluster_of: list[int]) -> bool:
    """Move a tracklet to the cluster that it fits best, if that is another one."""
    own = cluster_of[i]
    rest = [member for member in members[own] if member != i]
    if not rest:
        return False  # to join is what `_agglomerate` decides, with all that it weighs
    best, target = 0.0, -1
    for label, others in members.items():
        if label != own and not evidence.apart[i, others].any():
            worth = _worth(evidence, i, others)
            if worth > best and worth > 0:
                best, target = worth, label
    if best <= _worth(evidence, i, rest) + 1e-9:
        return False
    if target < 0:
        target = max(members) + 1
    members[own] = rest
    members[target] = sorted([*members.get(target, []), i])
    cluster_of[i] = target
    return True


def _worth(evidence: Evidence, i: int, others: Sequence[int]) -> float:
    """What speaks for a tracklet being the person of these others [nats]; 0 if there are none."""
    if not others:
        return 0.0
    seen = np.isfinite(evidence.distance[i, others])
    pairs = int(seen.sum())
    looks = float(evidence.looks[i, others].sum()) / pairs * float(agreement(pairs)) if pairs else -10.0
    if looks < _HOPELESS:
        return looks
    return looks + evidence.chain(sorted([*others, i])) - evidence.chain(list(others))
