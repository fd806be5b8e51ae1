"""What speaks for each pair of tracklets of a finished run being one person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid.appearance import Space, rows_of
from reid.calibration import AppearanceCalibration
from reid.matching import ANYBODY
from reid.topology import Topology
from reid.tracklets import Tracklet, TrackletKey
from reid.transit import Exits, Transits

Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a person has decided.

    Attributes:
        together: groups of tracklets that are one person.
        apart: pairs of tracklets that are two.
    """

    together: Sequence[Collection[TrackletKey]] = ()
    apart: Sequence[tuple[TrackletKey, TrackletKey]] = ()


class Evidence:
    """What speaks for each pair of tracklets being one person; row and column i are tracklet i by rising start.

    Attributes:
        looks: (N, N) nats; 0 where one has no appearance.
        ways: (N, N) nats for (i, j) being followed by each other without a sighting between; minus infinite if
        impossible. apart: (N, N) certainly two people. distance: (N, N) of appearance; not a number without.
    """

    def __init__(self, tracklets: Sequence[Tracklet], topology: Topology, constraints: Constraints) -> None:
        count = len(tracklets)
        self._tracklets, self._topology = tracklets, topology
        index = {tracklet.key: i for i, tracklet in enumerate(tracklets)}
        self._exits = Exits.of(tracklets)
        self._seen = np.array([tracklet.mean is not None for tracklet in tracklets], bool)
        self._ends = [tracklet.end for tracklet in tracklets]
        self.starts = np.array([tracklet.start for tracklet in tracklets])
        self.apart, self._follows = self._possible()
        for a, b in constraints.apart:
            if a in index and b in index:
                self.apart[index[a], index[b]] = self.apart[index[b], index[a]] = True
        self.together = [[index[key] for key in group if key in index] for group in constraints.together]
        for group in self.together:  # a person's word goes before what times and links say
            self.apart[np.ix_(group, group)] = False
            self._follows[np.ix_(group, group)] = True
        self.distance: Float = np.full((count, count), np.nan)
        self.looks: Float = np.zeros((count, count))
        self.ways: Float = np.zeros((count, count))

    def _possible(self) -> tuple[Bool, Bool]:
        """(N, N) pairs that cannot be one person; and (i, j) where j can be the next sighting after i."""
        count = len(self._tracklets)
        apart, follows = np.zeros((count, count), bool), np.zeros((count, count), bool)
        for i, a in enumerate(self._tracklets):
            for j in range(i + 1, count):
                b = self._tracklets[j]
                apart[i, j] = apart[j, i] = not self._topology.can_be_one_person(a, b)
                follows[i, j] = self._topology.can_follow(a, b)
        return apart, follows

    def look_through(self, space: Space | None) -> None:
        """Distances in a space."""
        places = np.flatnonzero(self._seen)
        if space is None or len(places) == 0:
            return
        rows = rows_of(space, [self._tracklets[i] for i in places.tolist()])
        self.distance[np.ix_(places, places)] = np.clip(1 - rows @ rows.T, 0, 2)

    def weigh(self, calibration: AppearanceCalibration, transits: Transits, return_odds: float) -> None:
        """Looks and ways in nats, by what is known of the site."""
        cameras = sorted({tracklet.key.camera for tracklet in self._tracklets})
        code = np.array([cameras.index(tracklet.key.camera) for tracklet in self._tracklets])
        others = np.flatnonzero(self._seen)
        for number, camera in enumerate(cameras):
            own = np.flatnonzero(self._seen & (code == number))
            if len(own):
                which = np.tile(code[others], len(own))
                distances = self.distance[np.ix_(own, others)]
                ratios = calibration.log_ratios(camera, cameras, which, distances.ravel())
                self.looks[np.ix_(own, others)] = ratios.reshape(distances.shape)
        np.fill_diagonal(self.looks, 0.0)
        self.ways[:] = -np.inf
        for j, later in enumerate(self._tracklets):
            before = np.flatnonzero(self._follows[:, j])
            if len(before) == 0:
                continue
            rates = transits.log_rates(self._exits.some(before), later)
            shares = np.exp(rates - np.logaddexp.reduce(rates))
            known = max(1.0, len(before) / 2)  # about half of the tracklets before are somebody's last sighting
            self.ways[before, j] = np.log((1 - ANYBODY) * shares + ANYBODY / known) + return_odds

    def pair_probabilities(self) -> Float:
        """(N, N) that two tracklets are one person, given all others that each could be; symmetric."""
        worth = self.looks + np.maximum(self.ways, self.ways.T)
        worth[self.apart | ~np.isfinite(self.distance)] = -np.inf
        np.fill_diagonal(worth, -np.inf)
        odds = np.exp(np.minimum(worth, 50.0))
        others = (worth <= 0) & ~np.eye(len(worth), dtype=bool)
        rivals = odds @ others  # (i, j): of i's candidates, those who are not j's as well
        result: Float = odds / (1 + odds + np.maximum(rivals, rivals.T))
        return result

    def chain(self, members: Sequence[int]) -> float:
        """What the ways of one person's sightings, by rising start, say."""
        total, last = 0.0, -1
        for member in members:
            if last >= 0:
                total += self.ways[last, member]
            if last < 0 or self._ends[member] > self._ends[last]:
                last = member  # a double may end earlier
        return float(total)
