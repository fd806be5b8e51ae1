"""Who a tracklet could be: the identities that looks, time and camera links allow, with the evidence for each."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from reid.calibration import AppearanceCalibration
from reid.gallery import Gallery, Identity, in_order
from reid.topology import Topology
from reid.tracklets import IdentityId, Tracklet, TrackletKey
from reid.transit import Transits

Float = npt.NDArray[np.float64]
Number = float | Float | npt.NDArray[np.integer]
K = TypeVar("K", bound=Hashable)

_CANDIDATES = 50  # identities that are looked at one by one
ANYBODY = 0.1  # share of the prior that does not care about transit times
_CORRELATION = 0.8  # of what the tracklets of one identity say of another one: look-alikes look like all of them
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Match:
    """An identity that a tracklet may belong to. Evidence is in nats, for the identity against somebody new.

    Attributes:
        identity: of the gallery.
        distance: mean appearance distance to its tracklets.
        appearance: what the looks say.
        way: what place and time say: how much likelier it is to come just then and there than the others.
        prior: what is known before: how often somebody comes back, and among how many.
        probability: that the tracklet is this person, all candidates considered.
    """

    identity: Identity
    distance: float
    appearance: float
    way: float
    prior: float
    probability: float = 0.0

    @property
    def log_odds(self) -> float:
        """All evidence together."""
        return self.appearance + self.way + self.prior


class ReturnShare:
    """How often somebody who appears is a person already known: learned from the decisions themselves."""

    _PRIOR = 10.0
    _MOST = 500.0

    def __init__(self) -> None:
        self._returns, self._all = self._PRIOR / 2, self._PRIOR

    def add(self, probability: float) -> None:
        """A tracklet was decided on, that belongs to somebody known with this probability."""
        self._returns += probability
        self._all += 1
        if self._all > self._MOST:
            self._returns, self._all = self._returns * self._MOST / self._all, self._MOST

    @property
    def log_odds(self) -> float:
        """Natural logarithm of the odds."""
        return math.log(self._returns / (self._all - self._returns))


class CandidateSearch:
    """Weighs tracklets against the gallery."""

    def __init__(
        self,
        gallery: Gallery,
        topology: Topology,
        calibration: AppearanceCalibration,
        transits: Transits,
        returns: ReturnShare,
    ) -> None:
        self._gallery, self._topology, self._calibration = gallery, topology, calibration
        self._transits, self._returns = transits, returns

    def candidates(self, tracklet: Tracklet, ignored: Collection[TrackletKey] = ()) -> list[Match]:
        """Every identity that may be the tracklet's, likeliest first, as if the ``ignored`` belonged to nobody.

        Their probabilities take each other into account. The tracklet itself is not compared with.
        """
        row = self._gallery.row(tracklet)
        if row is None:
            return []
        left_out = {*ignored, tracklet.key}
        looks, tried = self._looks(row, tracklet, left_out)
        ways = self._ways(tracklet, [match.identity for match in looks], left_out, tried)
        found = [
            Match(match.identity, match.distance, match.appearance, way, self._prior)
            for match, way in zip(looks, ways, strict=True)
        ]
        found.sort(key=lambda match: (-match.log_odds, match.identity.id))
        return with_probabilities(found)

    def _looks(
        self, row: npt.NDArray[np.float32], tracklet: Tracklet, left_out: set[TrackletKey]
    ) -> tuple[list[Match], float]:
        """The identities that look most alike and that time and camera links allow, by appearance alone.

        And how many of the gallery were tried to find these; a part of those without appearance is counted in.
        """
        store = self._gallery.appearances
        owners, cameras, distances = store.distances(row, left_out)
        if len(owners) == 0:
            return [], 0.0
        ratios = self._calibration.log_ratios(tracklet.key.camera, store.cameras, cameras, distances)
        ids, places, counts = np.unique(owners, return_inverse=True, return_counts=True)
        loudness = agreement(counts)
        evidence = np.bincount(places, ratios) / counts * loudness
        mean = np.bincount(places, distances) / counts
        found: list[Match] = []
        for tried, i in enumerate(np.argsort(-evidence, kind="stable"), start=1):  # noqa: B007 - used after it
            identity = self._gallery[IdentityId(int(ids[i]))]
            if identity.admits([tracklet], self._topology, left_out):
                found.append(Match(identity, float(mean[i]), float(evidence[i]), 0.0, 0.0))
                if len(found) == _CANDIDATES:
                    break
        return found, tried * len(self._gallery) / len(ids)

    def _ways(
        self, tracklet: Tracklet, identities: Sequence[Identity], left_out: set[TrackletKey], tried: float
    ) -> list[float]:
        """For each identity, how much likelier it is to appear just then and there than the mean of all [nats].

        Args:
            tracklet: that appears.
            identities: a sample, by looks, of all who could.
            left_out: tracklets that count as nobody's.
            tried: how many of the gallery were tried to get the sample.
        """
        rates = np.full(len(identities), -np.inf)
        before = [identity.before(tracklet, left_out) for identity in identities]
        known = [n for n, earlier in enumerate(before) if earlier is not None]
        if known:
            rates[known] = self._transits.log_rates([each for each in before if each is not None], tracklet)
        for n, identity in enumerate(identities):
            if before[n] is None and (after := identity.after(tracklet, left_out)) is not None:
                rates[n] = self._transits.rate(tracklet, after)
        if not np.isfinite(rates).any():
            return [0.0] * len(identities)
        expected = float(np.exp(np.logaddexp.reduce(rates)))
        if tried < len(self._gallery):  # of the others, as many come as do come
            arriving = self._transits.arrival_rate(tracklet.key.camera)
            expected = max(expected, arriving or expected * len(self._gallery) / tried)
        shares = np.exp(rates) / expected
        ways: list[float] = np.log((1 - ANYBODY) * shares * len(self._gallery) + ANYBODY).tolist()
        return ways

    def fit(self, tracklet: Tracklet, identity: Identity) -> Match | None:
        """How well a tracklet fits the other tracklets of one identity; None when there are none to compare."""
        row, store = self._gallery.row(tracklet), self._gallery.appearances
        seen = [
            (member.key.camera, store.row(member.key)) for member in identity.members if member.key != tracklet.key
        ]
        known = [camera for camera, theirs in seen if theirs is not None]
        rows = [theirs for _, theirs in seen if theirs is not None]
        if row is None or not rows:
            return None
        distances = np.clip(1 - np.stack(rows).astype(np.float64) @ row, 0, 2)
        ratios = self._calibration.log_ratios(
            tracklet.key.camera, known, np.arange(len(known), dtype=np.int64), distances
        )
        evidence = float(ratios.mean()) * float(agreement(len(rows)))
        return Match(identity, float(distances.mean()), evidence, 0.0, 0.0)

    def mergeable(self, tracklet: Tracklet, own: Identity) -> list[Match]:
        """Identities that may be the same person as ``own``, of those that look like its ``tracklet``."""
        found: list[Match] = []
        keys = {member.key for member in own.members}
        for match in self.candidates(tracklet, keys)[:10]:
            other = match.identity
            fits = [fit for member in own.members if (fit := self.fit(member, other)) is not None]
            if not fits or not other.admits(own.members, self._topology):
                continue
            evidence = float(np.mean([fit.appearance for fit in fits])) * float(agreement(len(fits)))
            distance = float(np.mean([fit.distance for fit in fits]))
            if evidence + self._returns.log_odds > 0:  # not so if it fails even where nobody else is expected
                found.append(Match(other, distance, evidence, 0.0, self._prior))
        found = self._with_ways(own, found)
        found.sort(key=lambda match: (-match.log_odds, match.identity.id))
        return with_probabilities(found)

    @property
    def _prior(self) -> float:
        """Of any one person of the gallery coming back [nats]."""
        return self._returns.log_odds - math.log(max(1, len(self._gallery)))

    def _with_ways(self, own: Identity, matches: Sequence[Match]) -> list[Match]:
        """What place and time say of the later of two identities beginning as the next sighting of the earlier."""
        before = [match.identity for match in matches if in_order(own, match.identity)[0] is not own]
        ways = self._ways_to(own, before)
        for match in matches:
            if match.identity.id not in ways:
                ways |= {match.identity.id: self._ways_to(match.identity, [own])[own.id]}
        return [replace(match, way=ways[match.identity.id]) for match in matches]

    def _ways_to(self, late: Identity, early: Sequence[Identity]) -> dict[IdentityId, float]:
        """What place and time say of each of the ``early`` ones being seen next where ``late`` begins [nats]."""
        if not early or not late.whole:  # where it began is not known any more
            return dict.fromkeys((identity.id for identity in early), 0.0)
        first, keys = late.members[0], {member.key for member in late.members}
        row = self._gallery.row(first)
        looks, tried = ([], 0.0) if row is None else self._looks(row, first, keys)
        sample = {identity.id: identity for identity in (*(match.identity for match in looks), *early)}
        ways = self._ways(first, list(sample.values()), keys, max(tried, len(sample)))
        found = dict(zip(sample, ways, strict=True))
        return {identity.id: found[identity.id] for identity in early}


def agreement(count: Number) -> Float:
    """How many independent ones ``count`` tracklets that say the same are worth: Kish's design effect (1965).

    It is bounded. Otherwise a few look-alikes that were taken for one person would draw in all others.
    """
    n = np.asarray(count, np.float64)
    result: Float = n / (1 + (n - 1) * _CORRELATION)
    return result


def with_probabilities(matches: Sequence[Match]) -> list[Match]:
    """The probability of each of the candidates of one tracklet, of which "somebody new" is one."""
    odds = np.array([match.log_odds for match in matches])
    shares = np.exp(odds - np.logaddexp.reduce([0.0, *odds])).tolist()
    return [
        Match(match.identity, match.distance, match.appearance, match.way, match.prior, share)
        for match, share in zip(matches, shares, strict=True)
    ]


def joint_probabilities(log_odds: Float) -> Float:
    """Probabilities (P, I) of pairs when no row and no column may be in two: belief propagation on the matching.

    Args:
        log_odds: (P, I) of tracklets and identities against being alone; minus infinity where impossible.
    """
    with np.errstate(over="ignore"):
        worth = np.exp(np.clip(log_odds, -700, 60))
    worth[~np.isfinite(log_odds)] = 0.0
    to_rows = np.ones_like(worth)  # how free a column is, as far as the row can tell
    for _ in range(_ROUNDS):
        weighted = worth * to_rows
        to_columns = 1 / (1 + (weighted.sum(axis=1, keepdims=True) - weighted))
        weighted = worth * to_columns
        to_rows = 1 / (1 + (weighted.sum(axis=0, keepdims=True) - weighted))
    both = worth * to_rows * to_columns
    result: Float = both / (1 + both)
    return result


def assign(options: Mapping[K, Sequence[Match]]) -> dict[K, Match]:
    """Give each tracklet at most one identity and each identity at most one tracklet, for the most evidence.

    Args:
        options: what each tracklet may be.

    Returns:
        The chosen ones for whom it is likelier than being new, with the probability given all others.
    """
    keys: Sequence[K] = list(options)
    identities = sorted({match.identity.id for matches in options.values() for match in matches})
    if not identities:
        return {}
    column_of = {identity: column for column, identity in enumerate(identities)}
    odds = np.full((len(keys), len(identities)), -np.inf)
    matches: dict[tuple[int, int], Match] = {}
    for row, key in enumerate(keys):
        for match in options[key]:
            column = column_of[match.identity.id]
            odds[row, column] = match.log_odds
            matches[row, column] = match
    probabilities = joint_probabilities(odds)
    rows, columns = linear_sum_assignment(-np.maximum(odds, 0.0))
    return {
        keys[row]: replace(matches[row, column], probability=float(probabilities[row, column]))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if odds[row, column] > 0
    }
