"""What the linker learns of a site while it runs, all of it without labels."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from reid.appearance import SpaceLearner
from reid.calibration import AppearanceCalibration, Pair, pair_of
from reid.gallery import Gallery
from reid.matching import CandidateSearch, Match, ReturnShare, with_probabilities
from reid.topology import Topology
from reid.tracklets import Tracklet, TrackletKey
from reid.transit import Transits

log = logging.getLogger("handoff.linker")

_LIKELY = 0.2  # probability by looks alone from which a pair teaches transit times
_KEPT = 0.5  # share of the weight of distances that stays when the space that they were measured in changes
_LEAST = 0.01  # probability from which a pair counts among those of one person


class SiteLearning:
    """The space of appearance, the densities of distances, transit times, and how often people come back."""

    def __init__(self, topology: Topology | None = None) -> None:
        self.spaces, self.calibration = SpaceLearner(), AppearanceCalibration()
        self.transits, self.returns = Transits(topology), ReturnShare()
        self._warned: set[Pair] = set()

    def meet(
        self, fresh: Sequence[Tracklet], rivals: Mapping[TrackletKey, Sequence[Tracklet]], gallery: Gallery
    ) -> None:
        """Tracklets have become clear enough to be compared.

        Args:
            fresh: these.
            rivals: for each of them, the open tracklets that cannot be the same person: certain negatives.
            gallery: is made to compare in the newest space.
        """
        self.spaces.add(fresh)
        if gallery.look_through(self.spaces.space()):
            self.calibration.fade(_KEPT)
        new = {tracklet.key for tracklet in fresh}
        for tracklet in fresh:
            self.transits.see(tracklet)
            self.transits.arrive(tracklet)
            row = gallery.row(tracklet)
            for other in rivals[tracklet.key]:
                theirs = gallery.row(other)
                if row is None or theirs is None or (other.key in new and other.key <= tracklet.key):
                    continue
                distance = np.array([1 - float(row @ theirs)])
                self.calibration.add_different(tracklet.key.camera, other.key.camera, distance)

    def part(self, tracklet: Tracklet, search: CandidateSearch, gallery: Gallery) -> None:
        """A tracklet is over, and in the gallery: how far apart are views of one person, and how do people walk?

        Each candidate counts by its probability, also those that were not linked: what is learned from links alone
        would make the next ones ever choosier.
        """
        self.spaces.add([tracklet])
        self.transits.see(tracklet)
        cameras: set[Pair] = set()
        candidates = search.candidates(tracklet)
        for match in candidates:
            if match.probability < _LEAST:
                break
            cameras |= self._learn_looks(tracklet, match, gallery)
        for match in with_probabilities([replace(match, way=0.0) for match in candidates]):
            self._learn_way(tracklet, match)
        self._warn(cameras - self._warned)

    def _learn_looks(self, tracklet: Tracklet, match: Match, gallery: Gallery) -> set[Pair]:
        """Returns the pairs of cameras of which something was learned."""
        row = gallery.row(tracklet)
        members = [member for member in match.identity.members if member.key != tracklet.key]
        seen = [
            (member.key.camera, theirs)
            for member in members
            if (theirs := gallery.appearances.row(member.key)) is not None
        ]
        for camera, theirs in seen:
            if row is not None:
                distance, weight = np.array([1 - float(row @ theirs)]), np.array([match.probability / len(seen)])
                self.calibration.add_same(tracklet.key.camera, camera, distance, weight)
        return {pair_of(tracklet.key.camera, camera) for camera, _ in seen}

    def _learn_way(self, tracklet: Tracklet, match: Match) -> None:
        """From looks alone: what times say must not teach times."""
        if match.probability < _LIKELY:
            return
        before = match.identity.before(tracklet)
        if before is not None and before.end <= tracklet.start:
            self.transits.add(before, tracklet, match.probability)

    def _warn(self, cameras: set[Pair]) -> None:
        """Say once which of these cameras cannot be told apart."""
        for each in self.calibration.separations(cameras) if cameras else ():
            if each.poor:
                self._warned.add(each.cameras)
                a, b = each.cameras
                log.warning(
                    "people in %s cannot be told apart by their looks: the mean distances of one person (%.2f) "
                    "and of two (%.2f) are only %.1f standard deviations apart, so that links rest on time alone; "
                    "a stronger embedder, a larger picture of people or `links` in cams.yaml may help",
                    a if a == b else f"{a} and {b}",
                    each.same,
                    each.different,
                    each.separation,
                )

    def state(self) -> dict[str, Any]:
        """What `restore` takes; JSON-able."""
        return {
            "space": self.spaces.state(),
            "calibration": self.calibration.state(),
            "transits": self.transits.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier run."""
        if "space" in state:
            self.spaces.restore(state["space"])
        if "calibration" in state:
            self.calibration.restore(state["calibration"])
        if "transits" in state:
            self.transits.restore(state["transits"])
