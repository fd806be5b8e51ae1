"""What speaks for each pair of tracklets of a finished run being one person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reid.appearance import Space, rows_of
from reid.calibration import AppearanceCalibration
from reid.matching import ANYBODY, joint_probabilities
from reid.topology import Topology
from reid.tracklets import CameraId, Tracklet, TrackletKey
from reid.traffic import Traffic
from reid.transit import Exits, Transits

Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Int = npt.NDArray[np.int64]

_PAUSE, _PAUSES = 30.0, 10.0  # longest gap that counts in full: seconds, or so many median ones if that is more
_FEW = 4.0  # clear views: a glance has less
_FEWER = 0.5  # share of its camera's upper quartile: a glance has less than that, too


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a person has decided.

    Attributes:
        together: groups of tracklets that are one person.
        apart: pairs of tracklets that are two.
    """

    together: Sequence[Collection[TrackletKey]] = ()
    apart: Sequence[tuple[TrackletKey, TrackletKey]] = ()


class Scales(NamedTuple):
    """From distances to evidence: of tracklets with views enough, and of pairs with a glance."""

    clear: AppearanceCalibration
    glances: AppearanceCalibration


class Evidence:
    """What speaks for each pair of tracklets being one person; row and column i are tracklet i by rising start.

    Attributes:
        tracklets: N, by rising start. cameras: (N,) index of the camera of each. seen: (N,) whether it has
        an appearance. seconds: in which they came, without pauses such as nights.
        glances: (N, N) whether either is but a glance at somebody.
        looks: (N, N) nats; 0 where one has no appearance.
        ways: (N, N) nats for j being the next sighting after i, against its being somebody new; minus infinite if
        impossible. timeless: the same if transit times and places meant nothing.
        together: disjoint groups of tracklets that a person has called one, each in order.
        apart: (N, N) certainly two people. distance: (N, N) of appearance; not a number without.
    """

    def __init__(self, tracklets: Sequence[Tracklet], topology: Topology, constraints: Constraints) -> None:
        count = len(tracklets)
        self.tracklets, self.topology = tracklets, topology
        self._names = sorted({tracklet.key.camera for tracklet in tracklets})
        self.cameras = np.array([self._names.index(tracklet.key.camera) for tracklet in tracklets], np.int64)
        index = {tracklet.key: i for i, tracklet in enumerate(tracklets)}
        self._exits = Exits.of(tracklets)
        self.seen = np.array([tracklet.mean is not None for tracklet in tracklets], bool)
        quality = np.array([tracklet.quality for tracklet in tracklets], float) * self.seen
        glances = _glances(quality, self.cameras)
        self.glances = glances[:, None] | glances
        self._ends = [tracklet.end for tracklet in tracklets]
        self.seconds = _busy_seconds([tracklet.start for tracklet in tracklets], self._ends)
        self.apart, self._follows = self._possible()
        for a, b in constraints.apart:
            if a in index and b in index:
                self.apart[index[a], index[b]] = self.apart[index[b], index[a]] = True
        self.together = _united([{index[key] for key in group if key in index} for group in constraints.together])
        for group in self.together:  # a person's word goes before what times and links say
            self.apart[np.ix_(group, group)] = False
            self._follows[np.ix_(group, group)] = True
        self._follows = np.triu(self._follows, 1)
        self.distance: Float = np.full((count, count), np.nan)
        self.looks: Float = np.zeros((count, count))
        self.ways: Float = np.zeros((count, count))
        self.timeless: Float = np.zeros((count, count))

    def _possible(self) -> tuple[Bool, Bool]:
        """(N, N) pairs that cannot be one person; and (i, j) where j can be the next sighting after i."""
        count = len(self.tracklets)
        apart, follows = np.zeros((count, count), bool), np.zeros((count, count), bool)
        for i, a in enumerate(self.tracklets):
            for j in range(i + 1, count):
                b = self.tracklets[j]
                apart[i, j] = apart[j, i] = not self.topology.can_be_one_person(a, b)
                follows[i, j] = self.topology.can_follow(a, b)
        return apart, follows

    def look_through(self, space: Space | None) -> None:
        """Distances in a space."""
        places = np.flatnonzero(self.seen)
        if space is None or len(places) == 0:
            return
        rows = rows_of(space, [self.tracklets[i] for i in places.tolist()])
        self.distance[np.ix_(places, places)] = np.clip(1 - rows @ rows.T, 0, 2)

    def certain_negatives(self, glances: bool) -> dict[tuple[CameraId, CameraId], Float]:
        """Distances of those who are certainly two people, for each two cameras: with glances, or without."""
        rows, columns = np.nonzero(np.triu(self.apart & np.isfinite(self.distance) & (self.glances == glances)))
        pairs = self.cameras[rows] * len(self._names) + self.cameras[columns]
        distances = self.distance[rows, columns]
        return {
            (self._names[pair // len(self._names)], self._names[pair % len(self._names)]): distances[pairs == pair]
            for pair in np.unique(pairs).tolist()
        }

    def weigh(self, scales: Scales, transits: Transits, traffic: Traffic) -> None:
        """Looks and ways in nats, by what is known of the site."""
        others = np.flatnonzero(self.seen)
        for number, camera in enumerate(self._names):
            own = np.flatnonzero(self.seen & (self.cameras == number))
            if len(own):
                pairs = np.ix_(own, others)
                which = np.broadcast_to(self.cameras[others], (len(own), len(others)))
                distances, looks = self.distance[pairs], np.zeros((len(own), len(others)))
                for glances, scale in zip((False, True), scales, strict=True):
                    of = self.glances[pairs] == glances
                    looks[of] = scale.log_ratios(camera, self._names, which[of], distances[of])
                self.looks[pairs] = looks
        np.fill_diagonal(self.looks, 0.0)
        self.ways[:] = -np.inf
        for j, later in enumerate(self.tracklets):
            before = np.flatnonzero(self._follows[:, j])
            if len(before):
                rates = transits.log_rates_with_broken(self._exits.some(before), later) + np.log1p(-ANYBODY)
                anybody = traffic.anybody[self.cameras[j]] + np.log(ANYBODY)
                self.ways[before, j] = np.logaddexp(rates, anybody)
        against = traffic.back[self.cameras][:, None] - traffic.newcomers[self.cameras]
        self.ways += against
        self.timeless = np.where(self._follows, against + traffic.anybody[self.cameras], -np.inf)

    def following(self, ways: Float) -> Float:
        """(N, N) probability that j is the next sighting after i; rows and columns sum to 1 at most.

        Args:
            ways: (N, N) `ways` or `timeless`.
        """
        worth = self.looks + ways
        worth[self.apart | ~np.isfinite(self.distance)] = -np.inf
        return joint_probabilities(worth)

    def chain(self, members: Sequence[int]) -> float:
        """What the ways of one person's sightings, by rising start, say."""
        total, last = 0.0, -1
        for member in members:
            if last >= 0:
                total += self.ways[last, member]
            if last < 0 or self._ends[member] > self._ends[last]:
                last = member  # a double may end earlier
        return float(total)


def _united(groups: Sequence[set[int]]) -> list[list[int]]:
    """Groups that share a member are one."""
    apart: list[set[int]] = []
    for group in groups:
        shared = [other for other in apart if other & group]
        apart = [other for other in apart if not other & group] + [group.union(*shared)]
    return [sorted(group) for group in apart]


def _glances(quality: Float, cameras: Int) -> Bool:
    """(N,) tracklets with few clear views, and fewer than is usual there: these may not look like their person.

    Args:
        quality: (N,) summed quality of the views; 0 without any.
        cameras: (N,) index of the camera of each.
    """
    found = (quality > 0) & (quality < _FEW)
    for camera in np.unique(cameras[found]):
        usual = np.quantile(quality[(cameras == camera) & (quality > 0)], 0.75)
        found &= (cameras != camera) | (quality < _FEWER * usual)
    return found


def _busy_seconds(starts: Sequence[float], ends: Sequence[float]) -> float:
    """How long people came: long gaps between two arrivals count for a few usual ones."""
    if len(starts) < 2:
        return 1.0
    gaps = np.diff(np.sort([*starts, max(ends)]))
    return max(1.0, float(np.minimum(gaps, max(_PAUSE, _PAUSES * float(np.median(gaps)))).sum()))
