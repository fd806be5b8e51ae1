"""The identities that can be met again, and the appearance of all their tracklets in one matrix."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from reid.appearance import Space, rows_of
from reid.topology import Topology
from reid.tracklets import CameraId, IdentityId, Tracklet, TrackletKey

Float = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]


class Identity:
    """One person: the tracklets that were linked to them, by rising start.

    Args:
        id: never used again.
    """

    def __init__(self, id: IdentityId) -> None:  # noqa: A002 - the field's name for it
        self.id = id
        self._members: dict[TrackletKey, Tracklet] = {}
        self.whole = True  # none of the tracklets was dropped

    @property
    def members(self) -> list[Tracklet]:
        """Tracklets by rising start."""
        return sorted(self._members.values(), key=order)

    @property
    def last_seen(self) -> float:
        """End of the latest tracklet [s]."""
        return max(tracklet.end for tracklet in self._members.values())

    def put(self, tracklet: Tracklet) -> None:
        """Add a tracklet, or bring it up to date."""
        self._members[tracklet.key] = tracklet

    def remove(self, key: TrackletKey) -> None:
        """Take a tracklet out."""
        del self._members[key]

    def surplus(self, most: int, kept: Container[TrackletKey]) -> list[TrackletKey]:
        """The longest unseen tracklets beyond ``most``, none of ``kept``."""
        over = len(self._members) - most
        if over <= 0:
            return []
        by_end = sorted(self._members.values(), key=lambda member: (member.end, member.key))
        return [member.key for member in by_end if member.key not in kept][:over]

    def __contains__(self, key: TrackletKey) -> bool:
        return key in self._members

    def __len__(self) -> int:
        return len(self._members)

    def admits(
        self, tracklets: Sequence[Tracklet], topology: Topology, ignored: Collection[TrackletKey] = ()
    ) -> bool:
        """Whether time and camera links allow the tracklets to be this person's, beside all others not ignored."""
        new = {tracklet.key for tracklet in tracklets}
        kept = [m for m in self._members.values() if m.key not in new and m.key not in ignored]
        walk = sorted([*kept, *tracklets], key=order)
        for i, later in enumerate(walk):
            before = walk[:i]
            last_left = max((tracklet.end for tracklet in before), default=0.0)  # of the views they were in
            for earlier in before:
                if (earlier.key in new) == (later.key in new):
                    continue
                allowed = topology.can_follow if earlier.end == last_left else topology.can_be_one_person
                if not allowed(earlier, later):
                    return False
        return True

    def before(self, tracklet: Tracklet, ignored: Collection[TrackletKey] = ()) -> Tracklet | None:
        """The last sighting before a tracklet; None when the tracklet is the first."""
        earlier = [
            member
            for member in self._members.values()
            if member.start < tracklet.start and member.key != tracklet.key and member.key not in ignored
        ]
        return max(earlier, key=lambda member: (member.end, member.key), default=None)

    def after(self, tracklet: Tracklet, ignored: Collection[TrackletKey] = ()) -> Tracklet | None:
        """The first sighting after a tracklet; None when the tracklet is the last."""
        later = [
            member
            for member in self._members.values()
            if member.start >= tracklet.start and member.key != tracklet.key and member.key not in ignored
        ]
        return min(later, key=order, default=None)

    def transit_to(self, tracklet: Tracklet) -> float | None:
        """Seconds from the last sighting before the tracklet to its start; None when it is the first."""
        before = self.before(tracklet)
        return None if before is None else tracklet.start - before.end


def in_order(one: Identity, two: Identity) -> tuple[Identity, Identity]:
    """Two identities by their first sightings that are kept."""
    return (one, two) if order(one.members[0]) <= order(two.members[0]) else (two, one)


def transit_between(one: Identity, two: Identity) -> float | None:
    """Seconds out of view before the later one begins, as if they were one person."""
    early, late = in_order(one, two)
    return early.transit_to(late.members[0])


class Appearances:
    """The rows of all tracklets in one space, with whom each belongs to. Memory: 4 D bytes a tracklet."""

    def __init__(self) -> None:
        self._slots: dict[TrackletKey, int] = {}
        self._free: list[int] = []
        self._rows: Float32 = np.zeros((0, 0), np.float32)
        self._owners: Int = np.zeros(0, np.int64)  # 0: nobody
        self._cameras: Int = np.zeros(0, np.int64)
        self.cameras: list[CameraId] = []
        self._version = -1

    def put(self, space: Space, owned: Iterable[tuple[Tracklet, IdentityId]]) -> None:
        """Take in or bring up to date the tracklets that have an appearance; all are of this space."""
        entries = [(tracklet, owner) for tracklet, owner in owned if tracklet.mean is not None]
        if not entries:
            return
        if self._version != space.version:
            raise ValueError("the rows of two spaces cannot be mixed")
        rows = rows_of(space, [tracklet for tracklet, _ in entries])
        for row, (tracklet, owner) in zip(rows, entries, strict=True):
            slot = self._slot(tracklet.key, len(row))
            self._rows[slot], self._owners[slot] = row, owner
            self._cameras[slot] = self._camera(tracklet.key.camera)

    def renew(self, space: Space, owned: Iterable[tuple[Tracklet, IdentityId]]) -> None:
        """Begin anew, in another space."""
        self._slots, self._free, self._version = {}, [], space.version
        self._rows = np.zeros((0, 0), np.float32)
        self._owners, self._cameras = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self.put(space, owned)

    def give(self, keys: Iterable[TrackletKey], owner: IdentityId) -> None:
        """Tracklets go to another identity."""
        for key in keys:
            if key in self._slots:
                self._owners[self._slots[key]] = owner

    def remove(self, keys: Iterable[TrackletKey]) -> None:
        """Drop tracklets."""
        for key in keys:
            if (slot := self._slots.pop(key, None)) is not None:
                self._owners[slot] = 0
                self._free.append(slot)

    def distances(self, row: Float32, ignored: Collection[TrackletKey] = ()) -> tuple[Int, Int, Float]:
        """Cosine distances of a row to all tracklets but some.

        Returns:
            (M,) owners, (M,) index of the camera in ``cameras``, (M,) distances.
        """
        used = self._owners > 0
        for key in ignored:
            if key in self._slots:
                used[self._slots[key]] = False
        places = np.flatnonzero(used)
        if len(places) == 0:
            return places, places, np.zeros(0)
        d = 1 - (self._rows @ row)[places].astype(np.float64)
        return self._owners[places], self._cameras[places], np.clip(d, 0.0, 2.0)

    def row(self, key: TrackletKey) -> Float32 | None:
        """(D,) of a tracklet; None without appearance."""
        slot = self._slots.get(key)
        return None if slot is None else self._rows[slot]

    def _camera(self, camera: CameraId) -> int:
        if camera not in self.cameras:
            self.cameras.append(camera)
        return self.cameras.index(camera)

    def _slot(self, key: TrackletKey, dimension: int) -> int:
        if key in self._slots:
            return self._slots[key]
        if not self._free:
            size = len(self._owners)
            more = max(64, size // 2)
            rows = self._rows if size else np.zeros((0, dimension), np.float32)
            self._rows = np.concatenate([rows, np.zeros((more, dimension), np.float32)])
            self._owners = np.concatenate([self._owners, np.zeros(more, np.int64)])
            self._cameras = np.concatenate([self._cameras, np.zeros(more, np.int64)])
            self._free = list(range(size + more - 1, size - 1, -1))
        self._slots[key] = self._free.pop()
        return self._slots[key]


class Gallery:
    """All identities that can still be met again. Bounded: the longest unseen are forgotten.

    Args:
        expiry: seconds after which an unseen identity is forgotten.
        most_identities: bound on their number.
        most_tracklets: bound on the tracklets kept for each.
    """

    def __init__(self, expiry: float, most_identities: int, most_tracklets: int) -> None:
        self._expiry, self._most_identities, self._most_tracklets = expiry, most_identities, most_tracklets
        self._identities: dict[IdentityId, Identity] = {}
        self._next_id = 1
        self.appearances = Appearances()
        self._space: Space | None = None

    def __len__(self) -> int:
        return len(self._identities)

    def __iter__(self) -> Iterator[Identity]:
        return iter(self._identities.values())

    def __getitem__(self, id: IdentityId) -> Identity:  # noqa: A002
        return self._identities[id]

    def __contains__(self, id: IdentityId) -> bool:  # noqa: A002
        return id in self._identities

    def look_through(self, space: Space | None) -> bool:
        """Compare in this space from now on; True if it is another one."""
        if space is None or (self._space is not None and self._space.version == space.version):
            return False
        self._space = space
        owned = [(member, identity.id) for identity in self for member in identity.members]
        self.appearances.renew(space, owned)
        return True

    def row(self, tracklet: Tracklet) -> Float32 | None:
        """(D,) of a tracklet in the present space; None without appearance."""
        return None if self._space is None else self._space.row(tracklet)

    def create(self) -> Identity:
        """A new identity without tracklets."""
        identity = Identity(IdentityId(self._next_id))
        self._next_id += 1
        self._identities[identity.id] = identity
        return identity

    def put(self, tracklets: Sequence[Tracklet], identity: Identity) -> None:
        """Add tracklets to an identity, or bring them up to date."""
        for tracklet in tracklets:
            identity.put(tracklet)
        if self._space is not None:
            self.appearances.put(self._space, [(tracklet, identity.id) for tracklet in tracklets])

    def update(self, tracklets: Mapping[TrackletKey, Tracklet], owners: Mapping[TrackletKey, IdentityId]) -> None:
        """Bring the tracklets of some identities up to date."""
        for key, owner in owners.items():
            self._identities[owner].put(tracklets[key])
        if self._space is not None:
            self.appearances.put(self._space, [(tracklets[key], owner) for key, owner in owners.items()])

    def move(self, tracklet: Tracklet, old: Identity, new: Identity) -> None:
        """Take a tracklet from one identity to another; ``old`` may be left empty."""
        old.remove(tracklet.key)
        self.put([tracklet], new)

    def merge(self, kept: Identity, gone: Identity) -> None:
        """All tracklets of the one go to the other."""
        members = gone.members
        kept.whole &= gone.whole
        for member in members:
            kept.put(member)
        self.appearances.give([member.key for member in members], kept.id)
        del self._identities[gone.id]

    def remember(self, known: Mapping[IdentityId, Sequence[Tracklet]], next_identity: IdentityId) -> None:
        """Take in people of earlier runs; new ones get numbers from ``next_identity`` on."""
        for id_, tracklets in known.items():
            self._identities[id_] = Identity(id_)
            for tracklet in tracklets:
                self._identities[id_].put(tracklet)
        self._next_id = max(self._next_id, next_identity)

    def remove(self, id: IdentityId) -> None:  # noqa: A002
        """Forget an identity."""
        self.appearances.remove([member.key for member in self._identities[id].members])
        del self._identities[id]

    def forget(self, time: float, in_view: Mapping[TrackletKey, IdentityId]) -> None:
        """Drop what has expired or is over a bound, the longest unseen first; never what is in view.

        Args:
            time: now [s].
            in_view: the open tracklets and their identities.
        """
        for identity in self._identities.values():
            surplus = identity.surplus(self._most_tracklets, in_view)
            identity.whole &= not surplus
            self.appearances.remove(surplus)
            for key in surplus:
                identity.remove(key)
        seen = set(in_view.values())
        unseen = sorted((i.last_seen, i.id) for i in self._identities.values() if i.id not in seen)
        surplus_identities = len(self._identities) - self._most_identities
        for rank, (last_seen, id_) in enumerate(unseen):
            if rank < surplus_identities or time - last_seen > self._expiry:
                self.remove(id_)


def order(tracklet: Tracklet) -> tuple[float, TrackletKey]:
    """Tracklets by rising start."""
    return tracklet.start, tracklet.key
