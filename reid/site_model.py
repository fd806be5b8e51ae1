"""What all tracklets of a finished run together teach of its site, without labels: expectation and maximisation.

The expectation is who follows whom: each tracklet has at most one next sighting and is that of at most one other,
so that their probabilities come from belief propagation on the matching. How likely it is that somebody comes back
must come from there too. Estimated from sure pairs alone it is too small, which makes the next pairs less sure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from reid.calibration import TYPICAL_GLANCES, AppearanceCalibration, typical_share
from reid.pair_evidence import Evidence, Scales
from reid.tracklets import CameraId
from reid.traffic import Traffic
from reid.transit import Transits

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

_LEAST = 0.01  # probability from which a pair counts among those of one person
_LIKELY = 0.1  # probability by looks alone from which a pair teaches transit times
_CLEAR = math.log(10)  # nats by looks alone from which a pair of one cluster does


@dataclass(frozen=True, slots=True)
class SiteModel:
    """The scales of looks, the ways, and how people come and go."""

    scales: Scales
    transits: Transits
    traffic: Traffic

    @classmethod
    def typical(cls, evidence: Evidence) -> SiteModel:
        """Before anything is known of who is who: half of all are seen again, by ways like those of any site."""
        half = np.full(len(evidence.tracklets), 0.5)
        return cls(_told_apart(evidence), _seen(evidence), _traffic(evidence, half, half))

    @classmethod
    def fitted(cls, evidence: Evidence, labels: Int | None = None) -> SiteModel:
        """From the evidence as weighed by the model before.

        Args:
            evidence: between all tracklets.
            labels: (N,) clusters, if there are any yet: their ways teach transit times.
        """
        scales = _told_apart(evidence)
        following = evidence.following(evidence.ways)
        by_pair: dict[tuple[CameraId, CameraId], list[tuple[int, int]]] = {}
        for i, j in np.argwhere(following > _LEAST).tolist():
            cameras = (evidence.tracklets[i].key.camera, evidence.tracklets[j].key.camera)
            by_pair.setdefault(cameras, []).append((i, j))
        for (a, b), pairs in sorted(by_pair.items()):
            places = tuple(np.array(pairs).T)
            weights = following[places] * typical_share(evidence.looks[places])
            glances, distances = evidence.glances[places], evidence.distance[places]
            scales.clear.add_same(a, b, distances[~glances], weights[~glances])
            scales.glances.add_same(a, b, distances[glances], weights[glances])
        traffic = _traffic(evidence, following.sum(axis=0), following.sum(axis=1))
        transits = _likely_ways(evidence) if labels is None else _ways_of(evidence, labels)
        return cls(scales, transits, traffic)

    def weigh(self, evidence: Evidence) -> None:
        """Give the evidence its looks and ways."""
        evidence.weigh(self.scales, self.transits, self.traffic)


def _traffic(evidence: Evidence, seen_before: Float, seen_after: Float) -> Traffic:
    """Of those with an appearance: who else is nobody's next sighting, and nobody is theirs."""
    own = evidence.seen
    count = 1 + max(evidence.cameras.tolist(), default=-1)
    return Traffic.of(evidence.cameras[own], count, evidence.seconds, seen_before[own], seen_after[own])


def _told_apart(evidence: Evidence) -> Scales:
    """Who is seen at the same moment as somebody else is certainly another person."""
    scales = Scales(AppearanceCalibration(), AppearanceCalibration(TYPICAL_GLANCES))
    for glances, scale in zip((False, True), scales, strict=True):
        for (a, b), distances in evidence.certain_negatives(glances).items():
            scale.add_different(a, b, distances)
    return scales


def _seen(evidence: Evidence) -> Transits:
    transits = Transits(evidence.topology)
    for tracklet in evidence.tracklets:
        transits.see(tracklet)
    return transits


def _likely_ways(evidence: Evidence) -> Transits:
    """From looks alone: what times say must not teach times."""
    transits = _seen(evidence)
    following = evidence.following(evidence.timeless)
    for i, j in np.argwhere(following > _LIKELY).tolist():
        earlier, later = evidence.tracklets[i], evidence.tracklets[j]
        if earlier.end <= later.start:
            transits.add(earlier, later, float(following[i, j]))
    return transits


def _ways_of(evidence: Evidence, labels: Int) -> Transits:
    """From consecutive sightings in one cluster, of those whom looks alone make likely."""
    transits = _seen(evidence)
    for label in np.unique(labels):
        for i, j in pairwise(np.flatnonzero(labels == label).tolist()):
            earlier, later = evidence.tracklets[i], evidence.tracklets[j]
            if evidence.looks[i, j] > _CLEAR and earlier.end <= later.start:
                transits.add(earlier, later)
    return transits
