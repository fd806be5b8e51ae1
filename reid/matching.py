"""Who a tracklet could be: the identities that appearance, time and camera links allow, with the evidence."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.optimize import linear_sum_assignment

from reid.calibration import DistanceCalibration
from reid.gallery import Gallery, Identity, linkage
from reid.topology import Topology
from reid.tracklets import IdentityId, Tracklet, TrackletKey

_CANDIDATES = 10  # nearest identities that are looked at for a merge or as runner-up

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Match:
    """An identity that a tracklet may belong to.

    Attributes:
        identity: of the gallery.
        distance: mean appearance distance to its tracklets.
        log_ratio: natural logarithm of the likelihood ratio "same person" to "another person".
    """

    identity: Identity
    distance: float
    log_ratio: float


class CandidateSearch:
    """Looks tracklets up in the gallery.

    Args:
        gallery: of all identities.
        topology: time and camera links.
        calibration: from distance to evidence.
        min_ratio: least likelihood ratio of a match, before the number of candidates is taken into account.
    """

    def __init__(
        self, gallery: Gallery, topology: Topology, calibration: DistanceCalibration, min_ratio: float
    ) -> None:
        self._gallery, self._topology, self._calibration = gallery, topology, calibration
        self._min_log_ratio = math.log(min_ratio)

    @property
    def needed(self) -> float:
        """Logarithm of the ratio a match needs: among more people, one is more easily alike by chance."""
        return self._min_log_ratio + math.log(max(1, len(self._gallery)))

    def matches(self, tracklet: Tracklet, ignored: Collection[TrackletKey] = ()) -> dict[IdentityId, Match]:
        """Every identity that fits, as if the tracklets ``ignored`` belonged to nobody."""
        found = {}
        identities, distances = self._gallery.distances(tracklet, ignored)
        for identity, distance in zip(identities, distances, strict=True):
            match = self._match(identity, float(distance))
            if match.log_ratio >= self.needed and identity.admits([tracklet], self._topology, ignored):
                found[identity.id] = match
        return found

    def fit(self, tracklet: Tracklet, identity: Identity, ignored: Collection[TrackletKey] = ()) -> Match | None:
        """How well a tracklet fits the other tracklets of one identity; None when there are none to compare."""
        others = [m for m in identity.members if m.key != tracklet.key and m.key not in ignored]
        distance = linkage([tracklet], others)
        return None if distance is None else self._match(identity, distance)

    def best(self, tracklet: Tracklet, identities: Iterable[Identity]) -> Match | None:
        """The likeliest of a few identities, if any is likely enough and allowed."""
        fits = [
            match
            for identity in identities
            if identity.admits([tracklet], self._topology) and (match := self.fit(tracklet, identity))
        ]
        best = max(fits, key=lambda match: match.log_ratio, default=None)
        return best if best and best.log_ratio >= self.needed else None

    def nearest(self, tracklet: Tracklet, besides: Collection[IdentityId] = ()) -> Match | None:
        """The most alike identity that is allowed, however unlikely."""
        if tracklet.mean is None:
            return None
        identities, distances = self._gallery.distances(tracklet)
        for i in np.argsort(distances, kind="stable")[:_CANDIDATES]:
            if identities[i].id not in besides and identities[i].admits([tracklet], self._topology):
                return self._match(identities[i], float(distances[i]))
        return None

    def mergeable(self, tracklet: Tracklet, own: Identity) -> Match | None:
        """The identity that is likeliest the same person as ``own``, of those that look like its ``tracklet``."""
        identities, distances = self._gallery.distances(tracklet)
        best: Match | None = None
        for i in np.argsort(distances, kind="stable")[:_CANDIDATES]:
            other = identities[i]
            distance = None if other is own else linkage(own.members, other.members)
            if distance is None or not other.admits(own.members, self._topology):
                continue
            match = self._match(other, distance)
            if match.log_ratio >= self.needed and (best is None or match.log_ratio > best.log_ratio):
                best = match
        return best

    def _match(self, identity: Identity, distance: float) -> Match:
        return Match(identity, distance, self._calibration.log_ratio(distance))


def assign(options: Mapping[K, Mapping[IdentityId, Match]], needed: float) -> dict[K, Match]:
    """Give each tracklet at most one identity and each identity at most one tracklet, for the most evidence.

    Args:
        options: what each tracklet may be.
        needed: evidence below which having no identity is better.
    """
    keys: Sequence[K] = list(options)
    identities = sorted({identity for matches in options.values() for identity in matches})
    if not identities:
        return {}
    cost = np.full((len(keys), len(identities)), np.inf)
    for row, key in enumerate(keys):
        for column, identity in enumerate(identities):
            if identity in options[key]:
                cost[row, column] = -options[key][identity].log_ratio
    rows, columns = linear_sum_assignment(np.minimum(cost, -needed + 1e-9))
    return {
        keys[row]: options[keys[row]][identities[column]]
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if cost[row, column] <= -needed
    }
