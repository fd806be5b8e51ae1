"""The linker: clusters tracklets online, by the likelihood that they are one person."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reid import explanation
from reid.base import Known
from reid.decisions import FalseLinkBudget
from reid.doubles import Doubles, has_better
from reid.explanation import Evidence
from reid.gallery import Gallery, Identity, order, transit_between
from reid.learning import SiteLearning
from reid.matching import CandidateSearch, Match, assign
from reid.topology import Topology
from reid.tracklet_builder import TrackletBuilder, observation_qualities
from reid.tracklets import CameraId, IdentityId, Link, LinkKind, Tracklet, TrackletKey, TrackView

if TYPE_CHECKING:
    from reid.linker import EvidenceLinkerSettings

_CLOSEST = 10  # candidates that take part in the assignment
_OPEN = 0.05  # probability from which a candidate keeps a decision open


class EvidenceLinker:
    """Online clustering of tracklets by likelihood.

    Each `interval`: tracks with enough evidence are assigned to known identities, all at once; who fits nobody is
    new. A track in view whose identity a new track claims is assigned anew together with it, so that an early
    mistake does not push the next track into another one. Ended tracks are looked at once more with all their
    evidence: they may leave their identity, and identities that have grown alike are merged. Memory: live tracks,
    the bounded gallery, and what is learned of the site.
    """

    def __init__(self, settings: EvidenceLinkerSettings, topology: Topology) -> None:
        self._settings, self._topology = settings, topology
        self._gallery = Gallery(settings.expiry, settings.max_identities, settings.max_tracklets)
        self.learning, self._budget = SiteLearning(topology), FalseLinkBudget(settings.false_link_rate)
        self._search = CandidateSearch(
            self._gallery, topology, self.learning.calibration, self.learning.transits, self.learning.returns
        )
        self._open: dict[TrackletKey, TrackletBuilder] = {}
        self._due_since: dict[TrackletKey, float] = {}
        self._identity_of: dict[TrackletKey, IdentityId] = {}  # of the open tracklets
        self._doubles: dict[CameraId, Doubles] = {}
        self._changed: list[Tracklet] = []
        self._time = -math.inf
        self._due = -math.inf

    def __len__(self) -> int:
        """How many identities are remembered."""
        return len(self._gallery)

    def update(self, camera: CameraId, time: float, tracks: Sequence[TrackView]) -> list[Link]:
        """Gather evidence; decide when it is time to. See `reid.base.Linker`, as for all methods here."""
        seen = [track for track in tracks if track.state.value == "confirmed"]
        if seen:
            doubles = self._doubles.setdefault(camera, Doubles())
            doubles.see([int(track.id) for track in seen], np.stack([track.box for track in seen]))
        looks = any(track.embedding is not None for track in seen)
        qualities = observation_qualities(seen) if looks else np.ones(len(seen))  # only looks are weighed by it
        for track, quality in zip(seen, qualities, strict=True):
            key = TrackletKey(camera, int(track.id))
            if key not in self._open:
                self._open[key] = TrackletBuilder(key, self._settings.exemplars)
            self._open[key].observe(track, time, float(quality))
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
        self.learning.restore(learned)
        self._gallery.remember(identities, next_identity)
        self._gallery.look_through(self.learning.spaces.space())

    def learned(self) -> dict[str, Any]:
        """See `Linker.learned`."""
        return self.learning.state()

    def _decide(self) -> list[Link]:
        current = {
            key: builder.tracklet(self._doubles[key.camera].of(key.track)) for key, builder in self._open.items()
        }
        self._gallery.update(current, self._identity_of)
        ended = [current[key] for key, builder in self._open.items() if builder.ended]
        links = self._undo_conflicts(current)
        links += self._link_pending(current)
        links += self._revise(sorted(ended, key=order))
        self._changed = [tracklet for key, tracklet in current.items() if key in self._identity_of]
        for tracklet in ended:
            for table in (self._open, self._identity_of, self._due_since):
                table.pop(tracklet.key, None)
            self._doubles[tracklet.key.camera].forget(tracklet.key.track)
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
        due = [t for key, t in current.items() if self._is_due(key)]
        pending = sorted((t for t in due if self._open[t.key].ended or not has_better(t, due)), key=order)
        self._meet(pending, current)
        options = self._options([tracklet for tracklet in pending if tracklet.mean is not None], current)
        chosen = assign(options)
        waiting = {tracklet.key for tracklet in pending if self._may_wait(tracklet.key, chosen, options)}
        for key in options:
            if key not in self._identity_of and key not in waiting:
                self._budget.add(chosen[key].probability if key in chosen else 0.0)
        chosen = {k: m for k, m in chosen.items() if k not in waiting and m.probability >= self._needed(k, m)}
        linked = {key: chosen.get(key) for key in options if key in self._identity_of}
        decided = self._resettle(linked, current)
        decided += [
            self._join(current[key], match, options[key]) for key, match in chosen.items() if key not in linked
        ]
        changed = [link.identity for link in decided]
        for tracklet in pending:
            if tracklet.key not in self._identity_of and tracklet.key not in waiting:
                decided.append(self._settle(tracklet, changed, options.get(tracklet.key, [])))
                changed.append(decided[-1].identity)
        return self._without_empty(decided)

    def _needed(self, key: TrackletKey, match: Match) -> float:
        """Least probability of a match: to keep an identity is no new link."""
        return 0.5 if match.identity.id == self._identity_of.get(key) else self._budget.needed

    def _settle(self, tracklet: Tracklet, changed: Sequence[IdentityId], seen: Sequence[Match]) -> Link:
        """The identity of this round that a tracklet fits, or a new one: others in it may be this person."""
        fits = [match for match in self._search.candidates(tracklet) if match.identity.id in changed]
        if fits and fits[0].probability >= self._budget.needed:
            return self._join(tracklet, fits[0], fits)
        return self._found(tracklet, seen)

    def _is_due(self, key: TrackletKey) -> bool:
        builder = self._open[key]
        enough = builder.duration >= self._settings.min_duration and builder.views >= self._settings.min_views
        return key not in self._identity_of and (enough or builder.ended)

    def _may_wait(
        self,
        key: TrackletKey,
        chosen: Mapping[TrackletKey, Match],
        options: Mapping[TrackletKey, Sequence[Match]],
    ) -> bool:
        """Whether a decision is neither clear nor hopeless, and there is time."""
        if key in self._identity_of or self._open[key].ended or key not in options:
            return False
        since = self._due_since[key]
        best = (
            chosen[key].probability if key in chosen else max((m.probability for m in options[key]), default=0.0)
        )
        return _OPEN < best < max(1 - _OPEN, self._budget.needed) and self._time - since < self._settings.patience

    def _meet(self, pending: Sequence[Tracklet], current: Mapping[TrackletKey, Tracklet]) -> None:
        """Learn from the tracklets that are due for the first time."""
        fresh = [tracklet for tracklet in pending if tracklet.key not in self._due_since]
        self._due_since.update((tracklet.key, self._time) for tracklet in fresh)
        rivals = {tracklet.key: self._rivals(tracklet, current) for tracklet in fresh}
        self.learning.meet(fresh, rivals, self._gallery)

    def _rivals(self, tracklet: Tracklet, current: Mapping[TrackletKey, Tracklet]) -> list[Tracklet]:
        """Open tracklets that cannot be the same person."""
        return [
            other
            for other in current.values()
            if other.key != tracklet.key and not self._topology.can_be_one_person(tracklet, other)
        ]

    def _options(
        self, pending: Sequence[Tracklet], current: Mapping[TrackletKey, Tracklet]
    ) -> dict[TrackletKey, list[Match]]:
        """What each pending tracklet may be, and each linked one in view whose identity another one claims."""
        options: dict[TrackletKey, list[Match]] = {}
        queue = list(pending)
        while queue:
            tracklet = queue.pop(0)
            rivals = {
                rival.key: rival for rival in self._rivals(tracklet, current) if rival.key in self._identity_of
            }
            found = self._search.candidates(tracklet, rivals)
            options[tracklet.key] = self._with_bonus(tracklet, found[:_CLOSEST])
            claimed = {match.identity.id for match in options[tracklet.key] if match.log_odds > 0}
            waiting = {other.key for other in queue}
            heard = {self._identity_of.get(key) for key in {*options, *waiting}}
            for key in sorted(rivals, key=lambda key: (-rivals[key].quality, key)):
                owner = self._identity_of[key]
                if owner in claimed and owner not in heard:  # who was found twice is heard once
                    heard.add(owner)
                    queue.append(rivals[key])
        return options

    def _with_bonus(self, tracklet: Tracklet, matches: list[Match]) -> list[Match]:
        """A linked tracklet keeps its identity unless another is a good deal likelier."""
        present = self._identity_of.get(tracklet.key)
        bonus = math.log(self._settings.switch_likelihood_ratio)
        return [
            replace(match, prior=match.prior + bonus) if match.identity.id == present else match
            for match in matches
        ]

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

    def _join(self, tracklet: Tracklet, match: Match, candidates: Sequence[Match]) -> Link:
        runner_up = next((other for other in candidates if other.identity is not match.identity), None)
        transit = match.identity.transit_to(tracklet)
        self._put(tracklet, match.identity)
        self.learning.returns.add(match.probability)
        reason = explanation.joined(match, runner_up)
        return self._link(tracklet, match.identity, LinkKind.LINK, reason, Evidence(match, runner_up, transit))

    def _found(self, tracklet: Tracklet, candidates: Sequence[Match]) -> Link:
        """A new identity."""
        seen = candidates or self._search.candidates(tracklet)
        identity = self._put(tracklet, self._gallery.create())
        self.learning.returns.add(sum(match.probability for match in candidates))
        reason = explanation.new(tracklet, seen, self._budget.needed)
        evidence = Evidence(seen[0] if seen else None, against=True)
        return self._link(tracklet, identity, LinkKind.LINK, reason, evidence)

    # Second thoughts.

    def _revise(self, ended: list[Tracklet]) -> list[Link]:
        """With all evidence in, a tracklet may leave its identity, or its identity be merged with another."""
        links = []
        limit = math.log(self._settings.split_likelihood_ratio)
        for tracklet in ended:
            if tracklet.mean is None:
                continue
            identity = self._gallery[self._identity_of[tracklet.key]]
            fit = self._search.fit(tracklet, identity)
            if fit is not None and fit.appearance < limit:
                reason = "with all its views it looks different"
                links.append(self._move(tracklet, identity, None, reason, Evidence(fit, against=True)))
            links += self._merge(tracklet)
            self.learning.part(tracklet, self._search, self._gallery)
        return links

    def _move(
        self,
        tracklet: Tracklet,
        old: Identity,
        match: Match | None,
        reason: str,
        evidence: Evidence | None = None,
    ) -> Link:
        """Take a tracklet out of an identity, into that of ``match`` or a new one."""
        new = self._gallery.create() if match is None else match.identity
        transit = new.transit_to(tracklet) if match else None
        if tracklet.key in self._identity_of:
            self._identity_of[tracklet.key] = new.id
        self._gallery.move(tracklet, old, new)
        evidence = evidence or Evidence(match, transit=transit)
        return self._link(tracklet, new, LinkKind.SPLIT, reason, evidence, previous=old.id)

    def _merge(self, tracklet: Tracklet) -> list[Link]:
        """Merge the tracklet's identity with the likeliest other one, as long as one is likely enough."""
        links: list[Link] = []
        while True:
            mine = self._gallery[self._identity_of[tracklet.key]]
            matches = self._search.mergeable(tracklet, mine)
            if not matches:
                return links
            match = matches[0]
            if match.probability < self._budget.needed:
                return links
            self._budget.add(match.probability)
            kept, gone = sorted((mine, match.identity), key=lambda identity: identity.id)
            evidence = Evidence(match, transit=transit_between(mine, match.identity))
            self._gallery.merge(kept, gone)
            for key, identity in self._identity_of.items():
                if identity == gone.id:
                    self._identity_of[key] = kept.id
            reason = f"identities {kept.id} and {gone.id} look like one person"
            links.append(self._link(tracklet, kept, LinkKind.MERGE, reason, evidence, previous=gone.id))

    def _put(self, tracklet: Tracklet, identity: Identity) -> Identity:
        self._gallery.put([tracklet], identity)
        self._identity_of[tracklet.key] = identity.id
        return identity

    def _link(
        self,
        tracklet: Tracklet,
        identity: Identity,
        kind: LinkKind,
        reason: str,
        evidence: Evidence,
        previous: IdentityId | None = None,
    ) -> Link:
        return explanation.link(tracklet, identity.id, kind, self._time, reason, evidence, previous)
