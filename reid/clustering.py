"""Who is who among all tracklets of a finished run: the linker's evidence, all decided together.

Agglomerative clustering by likelihood: two clusters are joined for what their looks, and the ways between
consecutive sightings, say together. Then each tracklet is tried in every other cluster. The scales of looks and
ways are fitted before (`reid.site_model`), and once more with the ways of these clusters, by which all is decided
again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from reid.appearance import SpaceLearner
from reid.decisions import wrong_left
from reid.gallery import order
from reid.matching import agreement
from reid.pair_evidence import Constraints, Evidence
from reid.site_model import SiteModel
from reid.topology import Topology
from reid.tracklets import Tracklet

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

_ROUNDS = 4  # of fitting before the first clustering
_SWEEPS = 4  # in which single tracklets change over
_HOPELESS = -2.0  # nats of mean evidence by looks below which clusters are not looked at any closer
_UNLIKELY = -5.0  # nats of all evidence below which a join is nobody's rival
_CLOSEST = 10  # rivals of a join that are asked whether they are the same person, too
_UNSEEN = -10.0  # nats of looks where there are none


@dataclass(slots=True)
class Clustering:
    """Clusters of tracklets and how they came about.

    Attributes:
        tracklets: (N,) by rising start.
        labels: (N,) cluster of each, from 0, by first sighting.
    """

    tracklets: list[Tracklet]
    labels: Int
    evidence: Evidence = field(repr=False)

    def explain(self, i: int) -> Why:
        """Why tracklet ``i`` is in its cluster: against all others of it, and the likeliest other cluster."""
        own = int(self.labels[i])
        worths = {
            label: _worth(self.evidence, i, self._others(i, label), looks)
            if label == own or looks >= _HOPELESS
            else looks
            for label, looks in enumerate(_looks_of_clusters(self.evidence, i, self.labels).tolist())
            if looks > -math.inf
        }
        rest = self._others(i, own)
        rival = max((label for label in worths if label != own), key=lambda label: worths[label], default=None)
        rival_members = [] if rival is None else self._others(i, rival)
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

    def _others(self, i: int, label: int) -> list[int]:
        return [member for member in np.flatnonzero(self.labels == label).tolist() if member != i]

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
    evidence = Evidence(ordered, topology, constraints or Constraints())
    evidence.look_through(learner.space())
    model = SiteModel.typical(evidence)
    for _ in range(_ROUNDS):
        model.weigh(evidence)
        model = SiteModel.fitted(evidence)
    model.weigh(evidence)
    model = SiteModel.fitted(evidence, _clustered(evidence, false_link_rate))
    model.weigh(evidence)
    return Clustering(list(ordered), _clustered(evidence, false_link_rate), evidence)


class _Clusters:
    """Clusters under way: sums of the evidence between them, kept up to date."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        count = len(evidence.tracklets)
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
        return float(self.sums[a, b] / pairs * float(agreement(pairs)) + ways)

    def third(self, a: int, b: int, c: int) -> float:
        """What speaks for ``c``, who may be ``a``'s person, being ``b``'s as well, if these two are one [nats].

        By the looks of ``b``: that it looks like ``a`` is why it is asked about.
        """
        pairs = self.pairs[b, c]
        if self.apart[a, c] or self.apart[b, c] or pairs == 0:
            return -math.inf
        chain, both = self.evidence.chain, [*self.members[a], *self.members[b]]
        ways = chain(sorted([*both, *self.members[c]])) - chain(sorted(both)) - chain(self.members[c])
        return float(self.sums[b, c] / pairs * float(agreement(pairs)) + ways)

    def gains(self, a: int) -> dict[int, float]:
        """`gain` of all clusters that might be joined with ``a``."""
        alike = (self.pairs[a] > 0) & (self.sums[a] > _HOPELESS * self.pairs[a])
        others = np.flatnonzero(alike & ~self.apart[a] & self.alive).tolist()
        found = {b: self.gain(a, b) for b in others if b != a}
        return {b: gain for b, gain in found.items() if gain > _UNLIKELY}

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
            clusters.join(group[0], other)
    _agglomerate(clusters, false_link_rate)
    return _swept(evidence, clusters.labels())


def _agglomerate(clusters: _Clusters, false_link_rate: float) -> None:
    """Join what is likeliest first, as long as few enough joins are expected to be wrong."""
    gains = {a: clusters.gains(a) for a in clusters.members}
    best = {a: found for a in gains if (found := _likeliest(a, gains, clusters))}
    joins, wrong = 0.0, 0.0
    while best:
        a = max(best, key=lambda cluster: (best[cluster][0], best[cluster][1], -cluster))
        probability, gain, b = best[a]
        joins, wrong = joins + 1, wrong + 1 - probability
        if probability < 0.5 or wrong_left(false_link_rate, joins, wrong) < 0:
            return
        touched = _best_of(gains[a], gains[b])
        clusters.join(a, b)
        for other in touched:
            for gone in (a, b):
                gains[other].pop(gone, None)
        del gains[b]
        best.pop(b, None)
        gains[a] = clusters.gains(a)
        for other, gain in gains[a].items():
            gains[other][a] = gain
        touched = _best_of(touched, gains[a])
        for other in {a, *touched} - {b}:
            if other in best and best[other][2] not in {a, b} and touched[other] < best[other][1] + _UNLIKELY:
                continue  # too little to matter, before and now
            found = _likeliest(other, gains, clusters)
            if found:
                best[other] = found
            else:
                best.pop(other, None)


def _likeliest(a: int, gains: dict[int, dict[int, float]], clusters: _Clusters) -> tuple[float, float, int] | None:
    """Probability, gain and cluster of the best join of a cluster, given what else either side could join.

    None if it is rather alone.
    """
    b = max(gains[a], key=lambda other: (gains[a][other], -other), default=a)
    gain = gains[a].get(b, 0.0)
    if gain <= 0:
        return None
    sides = [_with_rivals(gains[one], one, other, clusters) for one, other in ((a, b), (b, a))]
    return float(np.exp(gain - max(sides))), gain, b


def _with_rivals(gains: dict[int, float], a: int, b: int, clusters: _Clusters) -> float:
    """Logarithm of the odds of all that ``a`` could be: nobody else, ``b``, or somebody who is not ``b``."""
    others = sorted(((gain, other) for other, gain in gains.items() if other != b), reverse=True)
    rivals = [gain - np.logaddexp(0.0, clusters.third(a, b, other)) for gain, other in others[:_CLOSEST]]
    return float(np.logaddexp.reduce([0.0, gains[b], *rivals, *(gain for gain, _ in others[_CLOSEST:])]))


def _best_of(one: Mapping[int, float], two: Mapping[int, float]) -> dict[int, float]:
    """The larger value of each key."""
    return {key: max(one.get(key, -math.inf), two.get(key, -math.inf)) for key in {*one, *two}}


def _swept(evidence: Evidence, labels: Int) -> Int:
    """Let each tracklet change over to where it fits better, alone or to another cluster, until none does."""
    labels = labels.copy()
    bound = {i for group in evidence.together for i in group}
    for _ in range(_SWEEPS):
        moves = [i for i in range(len(labels)) if i not in bound and _moved(evidence, i, labels)]
        if not moves:
            break
    first = {label: place for place, label in reversed(list(enumerate(labels.tolist())))}
    number = {label: n for n, label in enumerate(sorted(first, key=lambda label: first[label]))}
    return np.array([number[label] for label in labels.tolist()], np.int64)


def _moved(evidence: Evidence, i: int, labels: Int) -> bool:
    """Move a tracklet to the cluster that it fits best, if that is another one."""
    own = int(labels[i])
    rest = [member for member in np.flatnonzero(labels == own).tolist() if member != i]
    if not rest:
        return False  # to join is what `_agglomerate` decides, with all that it weighs
    looks = _looks_of_clusters(evidence, i, labels)
    best, target = 0.0, int(labels.max()) + 1
    for label in np.flatnonzero(looks >= _HOPELESS).tolist():
        if label != own:
            worth = _worth(evidence, i, np.flatnonzero(labels == label).tolist(), float(looks[label]))
            if worth > best:
                best, target = worth, label
    if best <= _worth(evidence, i, rest, float(looks[own])) + 1e-9:
        return False
    labels[i] = target
    return True


def _looks_of_clusters(evidence: Evidence, i: int, labels: Int) -> Float:
    """(L,) what the looks of all others in each cluster say of a tracklet [nats].

    Minus infinite where it cannot be, or nobody else is, in the cluster.
    """
    seen = np.isfinite(evidence.distance[i])
    seen[i] = False
    there = np.bincount(labels)
    there[labels[i]] -= 1
    pairs, sums = np.bincount(labels, seen), np.bincount(labels, evidence.looks[i])
    looks = np.where(pairs > 0, sums / np.maximum(pairs, 1) * agreement(np.maximum(pairs, 1)), _UNSEEN)
    looks[(there == 0) | (np.bincount(labels, evidence.apart[i]) > 0)] = -np.inf
    return looks


def _worth(evidence: Evidence, i: int, others: Sequence[int], looks: float) -> float:
    """What speaks for a tracklet being the person of these others, looks and ways [nats]."""
    return looks + evidence.chain(sorted([*others, i])) - evidence.chain(others)
