"""Joins the tracks of all cameras into identities, while they happen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from pydantic import BaseModel, Field
from scipy.optimize import linear_sum_assignment

from reid.calibration import CalibrationSettings, DistanceCalibration, ratio
from reid.gallery import Gallery, Identity, linkage, tracklet_distances
from reid.topology import CameraLink, Topology
from reid.tracklet_builder import TrackletBuilder, observation_qualities
from reid.tracklets import CameraId, IdentityId, Link, LinkKind, Tracklet, TrackletKey, TrackView

_CANDIDATES = 10  # nearest identities that are looked at for a merge or as runner-up


class Linker(Protocol):
    """Gives every confirmed track one identity. Deterministic; takes cameras in any order of a tick."""

    def update(self, camera: CameraId, time: float, tracks: Sequence[TrackView]) -> list[Link]:
        """Take one camera's tracks at ``time`` [s]; returns what was decided now, also about other cameras."""

    def finish(self) -> list[Link]:
        """All cameras are over: decide what is still open."""


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
    split_likelihood_ratio: float = Field(
        0.05, ge=0, description="An ended track whose final evidence is below this ratio leaves its identity."
    )
    clock_tolerance: float = Field(
        0.5,
        ge=0,
        description="Seconds by which two cameras' clocks may disagree: how long one person may be in both.",
    )
    expiry: float = Field(3600.0, gt=0, description="Seconds after which an unseen identity is forgotten.")
    max_identities: int = Field(5000, ge=1, description="Identities remembered; the longest unseen are forgotten.")
    max_tracklets: int = Field(50, ge=1, description="Tracks remembered for each identity.")
    calibration: CalibrationSettings = Field(
        default_factory=CalibrationSettings, description="How distances become likelihood ratios."
    )

    def build(self, links: Sequence[CameraLink]) -> GalleryLinker:
        """A linker for all cameras of a site."""
        return GalleryLinker(self, Topology(links, self.clock_tolerance))


@dataclass(frozen=True, slots=True)
class _Match:
    """An identity that a tracklet may belong to, with its evidence."""

    identity: Identity
    distance: float
    log_ratio: float


class GalleryLinker:
    """Online average-linkage clustering of tracklets.

    Each `interval`: tracks with enough evidence are assigned to known identities, all at once; who fits nobody is
    new. Ended tracks are looked at once more with all their evidence: they may leave their identity, and
    identities that have grown alike are merged. Memory: live tracks plus the bounded gallery.
    """

    def __init__(self, settings: GalleryLinkerSettings, topology: Topology) -> None:
        self._settings, self._topology = settings, topology
        self._gallery = Gallery(settings.expiry, settings.max_identities, settings.max_tracklets)
        self.calibration = DistanceCalibration(settings.calibration)
        self._open: dict[TrackletKey, TrackletBuilder] = {}
        self._identity_of: dict[TrackletKey, IdentityId] = {}  # of the open tracklets
        self._min_log_ratio = math.log(settings.min_likelihood_ratio)
        self._split_log_ratio = math.log(max(settings.split_likelihood_ratio, 1e-12))
        self._time = -math.inf
        self._due = -math.inf

    def __len__(self) -> int:
        """How many identities are remembered."""
        return len(self._gallery)

    def update(self, camera: CameraId, time: float, tracks: Sequence[TrackView]) -> list[Link]:
        """Gather evidence; decide when it is time to. See `Linker.update`."""
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

    def _decide(self) -> list[Link]:
        current = {key: builder.tracklet() for key, builder in self._open.items()}
        for key, identity in self._identity_of.items():
            self._gallery[identity].put(current[key])
        ended = [current[key] for key, builder in self._open.items() if builder.ended]
        links = self._undo_conflicts(current)
        links += self._link_pending(current)
        links += self._revise(sorted(ended, key=_order))
        for tracklet in ended:
            del self._open[tracklet.key], self._identity_of[tracklet.key]
        self._gallery.forget(self._time, set(self._identity_of.values()))
        return links

    # Conflicts: a track that was lost is found again while its identity is already seen elsewhere.

    def _undo_conflicts(self, current: dict[TrackletKey, Tracklet]) -> list[Link]:
        links = []
        for key in sorted(self._identity_of):
            identity = self._gallery[self._identity_of[key]]
            for other in identity.members:
                if other.key == key or self._topology.can_be_one_person(current[key], other):
                    continue
                weaker = min(current[key], other, key=lambda tracklet: (tracklet.quality, tracklet.key))
                links.append(self._split(weaker, identity, None, "seen in two places at the same time"))
                break
        return links

    # New tracklets.

    def _link_pending(self, current: dict[TrackletKey, Tracklet]) -> list[Link]:
        pending = sorted((t for key, t in current.items() if self._is_due(key)), key=_order)
        self._learn_scale(pending, current)
        links, left = self._assign([tracklet for tracklet in pending if tracklet.mean is not None])
        changed = [self._gallery[link.identity] for link in links]
        for tracklet in sorted([*left, *(t for t in pending if t.mean is None)], key=_order):
            match = self._best(tracklet, changed)
            link = self._join(tracklet, match) if match else self._found(tracklet)
            links.append(link)
            changed.append(self._gallery[link.identity])
        return links

    def _is_due(self, key: TrackletKey) -> bool:
        builder = self._open[key]
        enough = builder.duration >= self._settings.min_duration and builder.views >= self._settings.min_views
        return key not in self._identity_of and (enough or builder.ended)

    def _learn_scale(self, pending: Sequence[Tracklet], current: dict[TrackletKey, Tracklet]) -> None:
        """Tracks that cannot be one person are certain pairs of different people; each pair counts once."""
        new = {tracklet.key for tracklet in pending}
        for tracklet in pending:
            others = [
                other
                for key, other in current.items()
                if other.mean is not None
                and not (key in new and key <= tracklet.key)
                and not self._topology.can_be_one_person(tracklet, other)
            ]
            if tracklet.mean is not None and others:
                for distance in tracklet_distances(tracklet, others):
                    self.calibration.add_different(float(distance))

    def _assign(self, pending: list[Tracklet]) -> tuple[list[Link], list[Tracklet]]:
        """Assign pending tracklets to known identities, all at once; returns links and who is left."""
        options = [{m.identity.id: m for m in self._matches(tracklet)} for tracklet in pending]
        identities = sorted(set().union(*options)) if options else []
        if not identities:
            return [], pending
        cost = np.array(
            [[-o[i].log_ratio if i in o else math.inf for i in identities] for o in options], dtype=np.float64
        )
        limit = -self._needed()
        rows, columns = linear_sum_assignment(np.minimum(cost, limit + 1e-9))
        chosen = {int(r): identities[c] for r, c in zip(rows, columns, strict=True) if cost[r, c] <= limit}
        links = [self._join(pending[row], options[row][identity]) for row, identity in sorted(chosen.items())]
        return links, [tracklet for row, tracklet in enumerate(pending) if row not in chosen]

    def _matches(self, tracklet: Tracklet) -> list[_Match]:
        """Every identity that appearance, time and camera links allow."""
        identities, distances = self._gallery.distances(tracklet)
        matches = []
        for identity, distance in zip(identities, distances, strict=True):
            log_ratio = self.calibration.log_ratio(float(distance))
            if log_ratio >= self._needed() and identity.admits([tracklet], self._topology):
                matches.append(_Match(identity, float(distance), log_ratio))
        return matches

    def _needed(self) -> float:
        """The evidence that a link needs: the more people it could be, the likelier one is alike by chance."""
        return self._min_log_ratio + math.log(max(1, len(self._gallery)))

    def _best(self, tracklet: Tracklet, identities: Iterable[Identity]) -> _Match | None:
        """The likeliest of a few identities, if any is likely enough and allowed."""
        matches = []
        for identity in identities:
            distance = linkage([tracklet], identity.members)
            if distance is None or not identity.admits([tracklet], self._topology):
                continue
            matches.append(_Match(identity, distance, self.calibration.log_ratio(distance)))
        best = max(matches, key=lambda match: match.log_ratio, default=None)
        return best if best and best.log_ratio >= self._needed() else None

    def _join(self, tracklet: Tracklet, match: _Match) -> Link:
        runner_up = self._nearest_allowed(tracklet, {match.identity.id})
        transit = match.identity.transit_to(tracklet)
        match.identity.put(tracklet)
        self._identity_of[tracklet.key] = match.identity.id
        reason = f"looks like identity {match.identity.id}"
        if runner_up is not None:
            reason += f"; the next best, {runner_up.identity.id}, is at {runner_up.distance:.3f}"
        return self._link(
            tracklet, match.identity, LinkKind.LINK, reason, match=match, runner_up=runner_up, transit=transit
        )

    def _found(self, tracklet: Tracklet) -> Link:
        """A new identity."""
        nearest = self._nearest_allowed(tracklet, set()) if tracklet.mean is not None else None
        identity = self._gallery.create()
        identity.put(tracklet)
        self._identity_of[tracklet.key] = identity.id
        if tracklet.mean is None:
            reason = "new: no view of it was embedded"
        elif nearest is None:
            reason = "new: nobody known can be here now"
        else:
            reason = f"new: the most alike, identity {nearest.identity.id}, is too different"
        return self._link(tracklet, identity, LinkKind.LINK, reason, match=nearest)

    def _nearest_allowed(self, tracklet: Tracklet, besides: set[IdentityId]) -> _Match | None:
        identities, distances = self._gallery.distances(tracklet)
        for i in np.argsort(distances, kind="stable")[:_CANDIDATES]:
            if identities[i].id not in besides and identities[i].admits([tracklet], self._topology):
                distance = float(distances[i])
                return _Match(identities[i], distance, self.calibration.log_ratio(distance))
        return None

    # Second thoughts, once all evidence is in.

    def _revise(self, ended: list[Tracklet]) -> list[Link]:
        links = []
        for tracklet in ended:
            if tracklet.mean is None:
                continue
            identity = self._gallery[self._identity_of[tracklet.key]]
            others = [member for member in identity.members if member.key != tracklet.key]
            distance = linkage([tracklet], others)
            if distance is not None and self.calibration.log_ratio(distance) < self._split_log_ratio:
                links.append(self._split(tracklet, identity, distance, "with all its views it looks different"))
            links += self._merge(tracklet)
        return links

    def _split(self, tracklet: Tracklet, identity: Identity, distance: float | None, reason: str) -> Link:
        identity.remove(tracklet.key)
        new = self._gallery.create()
        new.put(tracklet)
        if tracklet.key in self._identity_of:
            self._identity_of[tracklet.key] = new.id
        match = None if distance is None else _Match(identity, distance, self.calibration.log_ratio(distance))
        return self._link(tracklet, new, LinkKind.SPLIT, reason, match=match, previous=identity.id)

    def _merge(self, tracklet: Tracklet) -> list[Link]:
        """Merge the tracklet's identity with the most alike one, again and again while one is alike enough."""
        links = []
        while match := self._mergeable(tracklet):
            mine = self._gallery[self._identity_of[tracklet.key]]
            kept, gone = sorted((mine, match.identity), key=lambda identity: identity.id)
            transit = match.identity.transit_to(tracklet)
            for member in gone.members:
                kept.put(member)
            self._gallery.remove(gone.id)
            for key, identity in self._identity_of.items():
                if identity == gone.id:
                    self._identity_of[key] = kept.id
            reason = f"identities {kept.id} and {gone.id} look like one person"
            links.append(
                self._link(tracklet, kept, LinkKind.MERGE, reason, match=match, transit=transit, previous=gone.id)
            )
        return links

    def _mergeable(self, tracklet: Tracklet) -> _Match | None:
        mine = self._gallery[self._identity_of[tracklet.key]]
        identities, distances = self._gallery.distances(tracklet)
        best: _Match | None = None
        for i in np.argsort(distances, kind="stable")[:_CANDIDATES]:
            other = identities[i]
            distance = None if other is mine else linkage(mine.members, other.members)
            if distance is None or not other.admits(mine.members, self._topology):
                continue
            match = _Match(other, distance, self.calibration.log_ratio(distance))
            if match.log_ratio >= self._needed() and (best is None or match.log_ratio > best.log_ratio):
                best = match
        return best

    def _link(
        self,
        tracklet: Tracklet,
        identity: Identity,
        kind: LinkKind,
        reason: str,
        *,
        match: _Match | None = None,
        runner_up: _Match | None = None,
        transit: float | None = None,
        previous: IdentityId | None = None,
    ) -> Link:
        joined = match is not None and (match.identity is identity or kind is LinkKind.MERGE)
        return Link(
            key=tracklet.key,
            identity=identity.id,
            kind=kind,
            time=self._time,
            previous=previous,
            distance=None if match is None else match.distance,
            runner_up=None if runner_up is None else runner_up.distance,
            transit=transit,
            likelihood_ratio=None if match is None else ratio(match.log_ratio if joined else -match.log_ratio),
            reason=reason,
        )


def _order(tracklet: Tracklet) -> tuple[float, TrackletKey]:
    return tracklet.start, tracklet.key
