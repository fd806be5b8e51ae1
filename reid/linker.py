"""Joins the tracks of all cameras into identities, while they happen."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel, Field

from reid.base import Known
from reid.calibration import CalibrationSettings, DistanceCalibration, ratio
from reid.gallery import Gallery, Identity, tracklet_distances
from reid.matching import CandidateSearch, Match, assign
from reid.topology import CameraLink, Topology
from reid.tracklet_builder import TrackletBuilder, observation_qualities
from reid.tracklets import CameraId, IdentityId, Link, LinkKind, Tracklet, TrackletKey, TrackView


class GalleryLinkerSettings(BaseModel, frozen=True, extra="forbid"):
    """Average linkage to a gallery of known identities, gated by time and camera links."""

    type: Literal["gallery"] = "gallery"
    interval: float = Field(1.0, gt=0, description="Seconds between decisions.")
    min_duration: float = Field(1.0, ge=0, description="Seconds a track must have been seen before it is linked.")
    min_views: int = Field(3, ge=1, description="Embedded views a track must have before it is linked.")
    exemplars: int = Field(5, ge=1, description="Diverse embeddings kept of each track, beside their mean.")
    min_likelihood_ratio: float = Field(
        1.0, gt=0, description='How many times likelier "same person" must be for a link or a merge.'
    )
    switch_likelihood_ratio: float = Field(
        3.0, ge=1, description="How many times likelier another identity must be for a track to change over."
    )
    split_likelihood_ratio: float = Field(
        0.2, gt=0, description="An ended track whose final evidence is below this ratio leaves its identity."
    )
    clock_tolerance: float = Field(
        0.5, ge=0, description="Seconds that two cameras' clocks may differ: how long one person may be in both."
    )
    expiry: float = Field(3600.0, gt=0, description="Seconds after which an unseen identity is forgotten.")
    max_identities: int = Field(2000, ge=1, description="Identities remembered; the longest unseen are forgotten.")
    max_tracklets: int = Field(20, ge=1, description="Tracks remembered for each identity.")
    calibration: CalibrationSettings = Field(
        default_factory=CalibrationSettings, description="How distances become likelihood ratios."
    )

    def build(self, links: Sequence[CameraLink]) -> GalleryLinker:
        """A linker for all cameras of a site."""
        return GalleryLinker(self, Topology(links, self.clock_tolerance))


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What a decision rests on; ``against`` when it was made against ``match``."""

    match: Match | None
    runner_up: Match | None = None
    transit: float | None = None
    against: bool = False


class GalleryLinker:
    """Online average-linkage clustering of tracklets.

    Each `interval`: tracks with enough evidence are assigned to known identities, all at once; who fits nobody is
    new. A track in view whose identity a new track claims is assigned anew together with it, so that an early
    mistake does not push the next track into another one. Ended tracks are looked at once more with all their
    evidence: they may leave their identity, and identities that have grown alike are merged. Memory: live tracks
    plus the bounded gallery.
    """

    def __init__(self, settings: GalleryLinkerSettings, topology: Topology) -> None:
        self._settings, self._topology = settings, topology
        self._gallery = Gallery(settings.expiry, settings.max_identities, settings.max_tracklets)
        self.calibration = DistanceCalibration(settings.calibration)
        self._search = CandidateSearch(self._gallery, topology, self.calibration, settings.min_likelihood_ratio)
        self._open: dict[TrackletKey, TrackletBuilder] = {}
        self._identity_of: dict[TrackletKey, IdentityId] = {}  # of the open tracklets
        self._changed: list[Tracklet] = []
        self._time = -math.inf
        self._due = -math.inf

    def __len__(self) -> int:
        """How many identities are remembered."""
        return len(self._gallery)

    def update(self, camera: CameraId, time: float, tracks: Sequence[TrackView]) -> list[Link]:
        """Gather evidence; decide when it is time to. See `reid.base.Linker`, as for all methods here."""
        seen = [track for track in tracks if track.state.value == "confirmed"]
        for track, quality in zip(seen, observation_qualities(seen), strict=True):
            key = TrackletKey(camera, int(track.id))
            builder = self._open.setdefault(key, TrackletBuilder(key, self._settings.exemplars))
            builder.observe(track, time, float(quality))
        for track in tracks:
            if track.state.value == "ended" and (ended := self._open.get(TrackletKey(camera, int(track.id)))):
                ended.ended = True
        self._time = max(self._time, time)
        if self._time < self._due:
            return []
        self._due = self._time + self._settings.interval
        return self._decide()

    def finish(self) -> list[Link]:
        """Decide on everything that is still open, however little is known of it."""
        for builder in self._open.values():
            builder.ended = True
        return self._decide()

    def take_changed(self) -> list[Tracklet]:
        """See `Linker.take_changed`."""
        changed, self._changed = self._changed, []
        return changed

    def remember(self, identities: Known, next_identity: IdentityId, learned: Mapping[str, Any]) -> None:
        """See `Linker.remember`."""
        self._gallery.remember(identities, next_identity)
        self.calibration.remember(learned.get("calibration", {}))

    def learned(self) -> dict[str, Any]:
        """See `Linker.learned`."""
        return {"calibration": self.calibration.learned()}

    def _decide(self) -> list[Link]:
        current = {key: builder.tracklet() for key, builder in self._open.items()}
        for key, identity in self._identity_of.items():
            self._gallery[identity].put(current[key])
        ended = [current[key] for key, builder in self._open.items() if builder.ended]
        links = self._undo_conflicts(current) + self._link_pending(current)
        links += self._revise(sorted(ended, key=_order))
        self._changed = [tracklet for key, tracklet in current.items() if key in self._identity_of]
        for tracklet in ended:
            del self._open[tracklet.key], self._identity_of[tracklet.key]
        self._gallery.forget(self._time, self._identity_of)
        return links

    def _undo_conflicts(self, current: Mapping[TrackletKey, Tracklet]) -> list[Link]:
        """A track that was lost may be found again while its identity is already seen elsewhere."""
        links = []
        for key in sorted(self._identity_of):
            identity = self._gallery[self._identity_of[key]]
            for other in identity.members:
                if other.key == key or self._topology.can_be_one_person(current[key], other):
                    continue
                weaker = min(current[key], other, key=lambda tracklet: (tracklet.quality, tracklet.key))
                links.append(self._move(weaker, identity, None, "seen in two places at the same time"))
                break
        return links

    # New tracklets.

    def _link_pending(self, current: Mapping[TrackletKey, Tracklet]) -> list[Link]:
        pending = sorted((t for key, t in current.items() if self._is_due(key)), key=_order)
        self._learn_scale(pending, current)
        options = self._options([tracklet for tracklet in pending if tracklet.mean is not None], current)
        chosen = assign(options, self._search.needed)
        linked = {key: chosen.get(key) for key in options if key in self._identity_of}
        decided = self._resettle(linked, current)
        decided += [self._join(current[key], match) for key, match in chosen.items() if key not in linked]
        changed = [self._gallery[link.identity] for link in decided]
        for tracklet in pending:
            if tracklet.key not in self._identity_of:
                match = None if tracklet.mean is None else self._search.best(tracklet, changed)
                decided.append(self._join(tracklet, match) if match else self._found(tracklet))
                changed.append(self._gallery[decided[-1].identity])
        return self._without_empty(decided)

    def _is_due(self, key: TrackletKey) -> bool:
        builder = self._open[key]
        enough = builder.duration >= self._settings.min_duration and builder.views >= self._settings.min_views
        return key not in self._identity_of and (enough or builder.ended)

    def _learn_scale(self, pending: Sequence[Tracklet], current: Mapping[TrackletKey, Tracklet]) -> None:
        """Tracks that cannot be one person are certain pairs of different people; each pair counts once."""
        new = {tracklet.key for tracklet in pending}
        for tracklet in pending:
            others = [
                other
                for other in self._rivals(tracklet, current)
                if other.mean is not None and not (other.key in new and other.key <= tracklet.key)
            ]
            if tracklet.mean is not None and others:
                for distance in tracklet_distances(tracklet, others):
                    self.calibration.add_different(float(distance))

    def _rivals(self, tracklet: Tracklet, current: Mapping[TrackletKey, Tracklet]) -> list[Tracklet]:
        """Open tracklets that cannot be the same person."""
        return [
            other
            for other in current.values()
            if other.key != tracklet.key and not self._topology.can_be_one_person(tracklet, other)
        ]

    def _options(
        self, pending: Sequence[Tracklet], current: Mapping[TrackletKey, Tracklet]
    ) -> dict[TrackletKey, dict[IdentityId, Match]]:
        """What each pending tracklet may be, and each linked one in view whose identity another one claims."""
        options: dict[TrackletKey, dict[IdentityId, Match]] = {}
        queue = list(pending)
        while queue:
            tracklet = queue.pop(0)
            rivals = {
                rival.key: rival for rival in self._rivals(tracklet, current) if rival.key in self._identity_of
            }
            options[tracklet.key] = self._search.matches(tracklet, rivals)
            self._add_present(tracklet, rivals, options[tracklet.key])
            claimed = [key for key in rivals if self._identity_of[key] in options[tracklet.key]]
            waiting = {other.key for other in queue}
            queue += [rivals[key] for key in sorted(claimed) if key not in options and key not in waiting]
        return options

    def _add_present(
        self, tracklet: Tracklet, rivals: Collection[TrackletKey], options: dict[IdentityId, Match]
    ) -> None:
        """A linked tracklet keeps its identity unless another is a good deal likelier."""
        present = self._identity_of.get(tracklet.key)
        match = None if present is None else self._search.fit(tracklet, self._gallery[present], rivals)
        if match is not None:
            bonus = math.log(self._settings.switch_likelihood_ratio)
            options[match.identity.id] = replace(match, log_ratio=match.log_ratio + bonus)

    def _resettle(
        self, outcomes: Mapping[TrackletKey, Match | None], current: Mapping[TrackletKey, Tracklet]
    ) -> list[Link]:
        """The outcome for tracklets that had an identity: mostly they keep it. May leave identities empty."""
        moves = []
        for key, match in outcomes.items():
            present = self._gallery[self._identity_of[key]]
            keeps = len(present) == 1 if match is None else match.identity is present
            if not keeps:
                moves.append((current[key], present, match))
        return [self._move(*move, "fits better, with all who are in view now") for move in moves]

    def _without_empty(self, links: list[Link]) -> list[Link]:
        """Remove identities that everybody left: whoever left last takes what is known of them along."""
        for index, link in reversed(list(enumerate(links))):
            if (
                link.previous is not None
                and link.previous in self._gallery
                and len(self._gallery[link.previous]) == 0
            ):
                self._gallery.remove(link.previous)
                links[index] = replace(link, kind=LinkKind.MERGE)
        return links

    def _join(self, tracklet: Tracklet, match: Match) -> Link:
        runner_up = self._search.nearest(tracklet, {match.identity.id})
        transit = match.identity.transit_to(tracklet)
        self._put(tracklet, match.identity)
        reason = f"looks like identity {match.identity.id}"
        if runner_up is not None:
            reason += f"; the next best, {runner_up.identity.id}, is at {runner_up.distance:.3f}"
        evidence = _Evidence(match, runner_up, transit)
        return self._link(tracklet, match.identity, LinkKind.LINK, reason, evidence)

    def _found(self, tracklet: Tracklet) -> Link:
        """A new identity."""
        nearest = self._search.nearest(tracklet)
        identity = self._put(tracklet, self._gallery.create())
        if tracklet.mean is None:
            reason = "new: no view of it was embedded"
        elif nearest is None:
            reason = "new: nobody known can be here now"
        else:
            reason = f"new: the most alike, identity {nearest.identity.id}, is too different"
        return self._link(tracklet, identity, LinkKind.LINK, reason, _Evidence(nearest, against=True))

    # Second thoughts.

    def _revise(self, ended: list[Tracklet]) -> list[Link]:
        """With all evidence in, a tracklet may leave its identity, or its identity be merged with another."""
        links = []
        limit = math.log(self._settings.split_likelihood_ratio)
        for tracklet in ended:
            if tracklet.mean is None:
                continue
            identity = self._gallery[self._identity_of[tracklet.key]]
            match = self._search.fit(tracklet, identity)
            if match is not None and match.log_ratio < limit:
                reason = "with all its views it looks different"
                links.append(self._move(tracklet, identity, None, reason, _Evidence(match, against=True)))
            links += self._merge(tracklet)
        return links

    def _move(
        self,
        tracklet: Tracklet,
        old: Identity,
        match: Match | None,
        reason: str,
        evidence: _Evidence | None = None,
    ) -> Link:
        """Take a tracklet out of an identity, into that of ``match`` or a new one."""
        old.remove(tracklet.key)
        new = self._gallery.create() if match is None else match.identity
        transit = new.transit_to(tracklet) if match else None
        if tracklet.key in self._identity_of:
            self._identity_of[tracklet.key] = new.id
        new.put(tracklet)
        evidence = evidence or _Evidence(match, transit=transit)
        return self._link(tracklet, new, LinkKind.SPLIT, reason, evidence, previous=old.id)

    def _merge(self, tracklet: Tracklet) -> list[Link]:
        """Merge the tracklet's identity with the most alike one, again and again while one is alike enough."""
        links = []
        while match := self._search.mergeable(tracklet, self._gallery[self._identity_of[tracklet.key]]):
            mine = self._gallery[self._identity_of[tracklet.key]]
            kept, gone = sorted((mine, match.identity), key=lambda identity: identity.id)
            evidence = _Evidence(match, transit=match.identity.transit_to(tracklet))
            for member in gone.members:
                kept.put(member)
            self._gallery.remove(gone.id)
            for key, identity in self._identity_of.items():
                if identity == gone.id:
                    self._identity_of[key] = kept.id
            reason = f"identities {kept.id} and {gone.id} look like one person"
            links.append(self._link(tracklet, kept, LinkKind.MERGE, reason, evidence, previous=gone.id))
        return links

    def _put(self, tracklet: Tracklet, identity: Identity) -> Identity:
        identity.put(tracklet)
        self._identity_of[tracklet.key] = identity.id
        return identity

    def _link(
        self,
        tracklet: Tracklet,
        identity: Identity,
        kind: LinkKind,
        reason: str,
        evidence: _Evidence,
        previous: IdentityId | None = None,
    ) -> Link:
        match, runner_up, sign = evidence.match, evidence.runner_up, -1 if evidence.against else 1
        return Link(
            key=tracklet.key,
            identity=identity.id,
            kind=kind,
            time=self._time,
            previous=previous,
            distance=None if match is None else match.distance,
            runner_up=None if runner_up is None else runner_up.distance,
            transit=evidence.transit,
            likelihood_ratio=None if match is None else ratio(sign * match.log_ratio),
            reason=reason,
        )


def _order(tracklet: Tracklet) -> tuple[float, TrackletKey]:
    return tracklet.start, tracklet.key
