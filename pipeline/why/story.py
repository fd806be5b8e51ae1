"""What the identity log says about one identity: its tracks and all decisions about it, in order of time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from pipeline.errors import RunError
from pipeline.sinks.identities import LOG
from reid.identity_map import IdentityMap
from reid.tracklets import CameraId, IdentityId, Link, LinkKind, TrackletKey

_SHOWN = 12  # ranges of numbers that an error lists


@dataclass(frozen=True, slots=True)
class Sighting:
    """One track: from when to when [s]; ``over`` is False where the log breaks off before its end."""

    key: TrackletKey
    start: float
    end: float
    over: bool = True


class Role(Enum):
    """What became of an identity that a track was compared with."""

    CHOSEN = "chosen"
    REFUSED = "refused"  # the rival: it came second, or was not good enough
    MERGED = "merged"  # the track's identity and this one became one
    LEFT = "left"  # the track had it before


@dataclass(frozen=True, slots=True)
class Compared:
    """An identity that a track was compared with.

    Attributes:
        identity: its number at that time.
        role: what became of it.
        distance: appearance distance, where the log has it.
        sighting: its track nearest in time before the one that was decided on; None where there is none.
    """

    identity: IdentityId
    role: Role
    distance: float | None
    sighting: Sighting | None


@dataclass(frozen=True, slots=True)
class Step:
    """A decision.

    Attributes:
        kind: of the event.
        time: of the decision [s].
        sighting: the track that was decided on.
        identity: that it got; for a merge, that is kept.
        previous: identity before, for merge and split.
        is_new: whether nobody had the identity before.
        last: where the identity was seen before this track; None for a merge, and where it was not.
        compared: one or two identities, the chosen one first.
        about: the identity that looks and way speak for (> 0) or against; None where there was none.
        looks, way: nats.
        probability: of the decision; None where there was nothing to compare with.
        reason: a sentence.
    """

    kind: LinkKind
    time: float
    sighting: Sighting
    identity: IdentityId
    previous: IdentityId | None
    is_new: bool
    last: Sighting | None
    compared: tuple[Compared, ...]
    about: IdentityId | None
    looks: float | None
    way: float | None
    probability: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Story:
    """All about one identity: its tracks in order of time, and the steps with merges and splits at their time."""

    identity: IdentityId
    sightings: tuple[Sighting, ...]
    steps: tuple[Step, ...]


def read(run: Path, identity: int, track: TrackletKey | None = None) -> Story:
    """The story of an identity.

    Args:
        run: folder of the run; it may still go on, or have been killed.
        identity: its number.
        track: steps of this track only.

    Raises:
        RunError: if there is no such folder, log, identity or track; says which there are.
    """
    if not run.is_dir():
        raise RunError(f"{run}: no such folder; give the folder of a run (run.py --output)")
    log = run / LOG
    if not log.is_file():
        raise RunError(f"{log}: there is none; run with the sink {{type: identities}}, which all presets have")
    entries = list(_entries(log))
    wanted, reader = IdentityId(identity), _Reader(entries)
    reader.check(log, wanted)
    story = reader.story(wanted)
    if track is None:
        return story
    steps = tuple(step for step in story.steps if step.sighting.key == track)
    if not steps:
        keys = sorted({step.sighting.key for step in story.steps})
        known = ", ".join(f"{key.camera}/{key.track}" for key in keys[:_SHOWN]) + " ..." * (len(keys) > _SHOWN)
        raise RunError(f"{log}: {track.camera}/{track.track} is no track of identity {identity}; it has: {known}")
    return replace(story, steps=steps)


class _Reader:
    """Replays a log. Holds all of it."""

    def __init__(self, entries: Sequence[dict[str, Any]]) -> None:
        self._entries = entries
        self._sightings = _sightings(entries)
        self._decisions = [entry for entry in entries if entry["event"] not in ("start", "end")]
        self._map = IdentityMap()  # as before the decision that is looked at; in the end, as at the end
        self._members: dict[IdentityId, set[TrackletKey]] = {}
        self._steps = []
        for entry in self._decisions:
            self._steps.append(self._step(entry))
            self._apply(entry)

    def check(self, log: Path, identity: IdentityId) -> None:
        """RunError unless there is such an identity at the end of the log."""
        became = {step.previous: step for step in self._steps if step.kind is LinkKind.MERGE}
        merge = became.get(identity)
        if merge is not None:
            raise RunError(
                f"{log}: identity {identity} was merged into {merge.identity} ({merge.reason}); "
                f"ask for {merge.identity}"
            )
        known = {step.identity for step in self._steps} - set(became)
        if identity not in known:
            has = f"it has {ranges(sorted(known))}" if known else "it has none: nobody was seen"
            raise RunError(f"{log}: there is no identity {identity}; {has}")

    def story(self, identity: IdentityId) -> Story:
        """Of an identity that there is."""
        names = {identity}  # and those that were merged into it, one after another
        for step in reversed(self._steps):
            if step.kind is LinkKind.MERGE and step.identity in names and step.previous is not None:
                names.add(step.previous)
        members = sorted(self._members.get(identity, ()), key=lambda key: (self._sightings[key].start, key))
        latest = {step.sighting.key: step for step in self._steps if step.kind is not LinkKind.MERGE}
        sightings = [self._sightings[key] for key in members]
        rows = [
            (sighting.start, 0, replace(latest[sighting.key], last=_before(sighting, sightings)))
            for sighting in sightings
            if sighting.key in latest
        ]
        for step in self._steps:
            merged = step.kind is LinkKind.MERGE and step.identity in names
            left = step.previous in names and step.sighting.key not in members and step.kind is LinkKind.SPLIT
            if merged or left:
                rows.append((step.time, 1, step))
        rows.sort(key=lambda row: (row[:2], row[2].sighting.key))
        return Story(identity, tuple(sightings), tuple(step for _, _, step in rows))

    def _step(self, entry: dict[str, Any]) -> Step:
        kind, evidence = LinkKind(entry["event"]), entry["evidence"]
        key, identity, previous = _key(entry), entry["identity"], entry.get("previous")
        is_new = not self._members.get(identity)
        about = self._about(kind, key, entry, is_new=is_new)
        return Step(
            kind,
            entry["time"],
            self._sightings[key],
            identity,
            previous,
            is_new,
            None,
            tuple(self._compared(entry, about, is_new=is_new)),
            about if evidence.get("looks") is not None else None,
            evidence.get("looks"),
            evidence.get("way"),
            evidence.get("probability"),
            evidence["reason"],
        )

    def _about(
        self, kind: LinkKind, key: TrackletKey, entry: dict[str, Any], *, is_new: bool
    ) -> IdentityId | None:
        """Whom the distance, the looks and the way of an entry are about."""
        identity: IdentityId = entry["identity"]
        if kind is LinkKind.MERGE:
            mine, previous = self._map.get(key), IdentityId(entry["previous"])
            return identity if mine == previous else previous
        rival: IdentityId | None = entry["evidence"].get("rival")
        return rival if is_new else identity

    def _compared(self, entry: dict[str, Any], about: IdentityId | None, *, is_new: bool) -> Iterator[Compared]:
        """The chosen identity, if somebody had it; then who was left, or came second."""
        evidence, kind, key = entry["evidence"], LinkKind(entry["event"]), _key(entry)
        distance, rival = evidence.get("distance"), evidence.get("rival")
        chosen = about if kind is LinkKind.MERGE else (None if is_new else entry["identity"])
        role = Role.MERGED if kind is LinkKind.MERGE else Role.CHOSEN
        if chosen is not None:
            yield Compared(chosen, role, distance, self._nearest(chosen, key))
        if kind is LinkKind.SPLIT:
            left = IdentityId(entry["previous"])
            yield Compared(left, Role.LEFT, distance if left == about else None, self._nearest(left, key))
        elif rival is not None and rival != chosen:
            gap = distance if rival == about else evidence.get("runner_up")
            yield Compared(rival, Role.REFUSED, gap, self._nearest(rival, key))

    def _nearest(self, identity: IdentityId, key: TrackletKey) -> Sighting | None:
        """The other track of an identity that is nearest in time before the given one, else nearest at all."""
        own = self._sightings[key]
        others = [self._sightings[other] for other in sorted(self._members.get(identity, ())) if other != key]
        earlier = [other for other in others if other.end <= own.start]
        if earlier:
            return max(earlier, key=lambda other: other.end)
        return min(others, key=lambda other: abs(other.start - own.start), default=None)

    def _apply(self, entry: dict[str, Any]) -> None:
        kind, key, identity, previous = (
            LinkKind(entry["event"]),
            _key(entry),
            IdentityId(entry["identity"]),
            IdentityId(entry["previous"]) if "previous" in entry else None,
        )
        old = self._map.get(key)
        self._map.apply(Link(key, identity, kind, entry["time"], previous, None, None, None, None, ""))
        if kind is LinkKind.MERGE and previous is not None:
            self._members.setdefault(identity, set()).update(self._members.pop(previous, set()))
        else:
            if old is not None:
                self._members[old].discard(key)
            self._members.setdefault(identity, set()).add(key)


def ranges(numbers: Sequence[int]) -> str:
    """Rising numbers for people, shortened where there are many.

    >>> ranges([1, 2, 3, 7, 9, 10])
    '1-3, 7, 9-10'
    """
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    words = [str(first) if first == last else f"{first}-{last}" for first, last in parts[:_SHOWN]]
    return ", ".join(words) + (f" and others up to {numbers[-1]}" if len(parts) > _SHOWN else "")


def _before(sighting: Sighting, sightings: Sequence[Sighting]) -> Sighting | None:
    """Of the tracks of an identity in order of time, the one that was seen last when this one began."""
    earlier = sightings[: sightings.index(sighting)]
    return max(earlier, key=lambda other: min(other.end, sighting.start), default=None)


def _sightings(entries: Sequence[dict[str, Any]]) -> dict[TrackletKey, Sighting]:
    found: dict[TrackletKey, Sighting] = {}
    latest = max((entry["time"] for entry in entries), default=0.0)
    for entry in entries:
        key = _key(entry)
        if entry["event"] == "end":
            found[key] = Sighting(key, entry["start"], entry["end"])
        elif key not in found:
            found[key] = Sighting(key, entry["time"], latest, over=False)
    return found


def _key(entry: dict[str, Any]) -> TrackletKey:
    return TrackletKey(CameraId(entry["camera"]), int(entry["track"]))


def _entries(log: Path) -> Iterator[dict[str, Any]]:
    """All lines; a last one that a kill has cut off is left out."""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise RunError(f"{log}:{number}: not JSON ({error}); restore the file") from None
        if not _is_entry(entry):
            raise RunError(f"{log}:{number}: not an entry of the identity log; restore the file")
        yield entry


def _is_entry(entry: object) -> bool:
    """Whether a line has what its event needs."""
    if not isinstance(entry, dict) or not entry.keys() >= {"event", "time", "camera", "track", "identity"}:
        return False
    if entry["event"] == "start":
        return True
    if entry["event"] == "end":
        return entry.keys() >= {"start", "end"}
    known = entry["event"] in {kind.value for kind in LinkKind}
    has_previous = entry["event"] == LinkKind.LINK.value or "previous" in entry
    evidence = entry.get("evidence")
    return known and has_previous and isinstance(evidence, dict) and "reason" in evidence
