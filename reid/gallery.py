"""The identities that a new tracklet can belong to, and how far it is from each."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from reid.search import top_k
from reid.topology import Topology
from reid.tracklets import IdentityId, Tracklet, TrackletKey

Float = npt.NDArray[np.float64]

_SHORTLIST = 50  # identities that are compared view by view


def tracklet_distances(query: Tracklet, others: Sequence[Tracklet]) -> Float:
    """Appearance distance (M,) between one tracklet and others, all with embeddings.

    Half the cosine distance of the means, half the mean distance of each exemplar to the nearest of the other side
    (both directions): the mean is stable, the exemplars know the back as well as the front.
    """
    if not others:
        return np.zeros(0)
    if query.mean is None:
        raise ValueError("a tracklet without embeddings has no appearance distance")
    means = np.stack([_mean_of(other) for other in others]).astype(np.float64)
    by_mean = 1 - means @ query.mean.astype(np.float64)
    similarity = np.concatenate([other.exemplars for other in others]).astype(np.float64) @ query.exemplars.T
    counts = np.array([len(other.exemplars) for other in others])
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    to_other = np.maximum.reduceat(similarity, starts, axis=0).mean(axis=1)
    to_query = np.add.reduceat(similarity.max(axis=1), starts) / counts
    distances: Float = (by_mean + 1 - (to_other + to_query) / 2) / 2
    return np.clip(distances, 0.0, 2.0)


class Identity:
    """One person: the tracklets that were linked to them, by rising start.

    Args:
        id: never used again.
    """

    def __init__(self, id: IdentityId) -> None:  # noqa: A002 - the field's name for it
        self.id = id
        self._members: dict[TrackletKey, Tracklet] = {}
        self._centroid: npt.NDArray[np.float32] | None = None
        self._changed = False

    @property
    def members(self) -> list[Tracklet]:
        """Tracklets by rising start."""
        return sorted(self._members.values(), key=lambda tracklet: (tracklet.start, tracklet.key))

    @property
    def last_seen(self) -> float:
        """End of the latest tracklet [s]."""
        return max(tracklet.end for tracklet in self._members.values())

    @property
    def centroid(self) -> npt.NDArray[np.float32] | None:
        """Mean (D,) of the tracklets' mean embeddings, not of unit length; None without appearance."""
        if self._changed:
            means = [member.mean for member in self._members.values() if member.mean is not None]
            self._centroid = np.mean(means, axis=0, dtype=np.float32) if means else None
            self._changed = False
        return self._centroid

    def put(self, tracklet: Tracklet) -> None:
        """Add a tracklet, or bring it up to date."""
        self._members[tracklet.key] = tracklet
        self._changed = True

    def remove(self, key: TrackletKey) -> None:
        """Take a tracklet out."""
        del self._members[key]
        self._changed = True

    def forget(self, most: int, kept: Container[TrackletKey]) -> None:
        """Forget the longest unseen tracklets beyond ``most``, never one of ``kept``."""
        for member in sorted(self._members.values(), key=lambda member: (member.end, member.key)):
            if len(self._members) <= most:
                return
            if member.key not in kept:
                self.remove(member.key)

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
        walk = sorted(
            [*kept, *tracklets],
            key=lambda tracklet: (tracklet.start, tracklet.key),
        )
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

    def transit_to(self, tracklet: Tracklet) -> float | None:
        """Seconds from the last sighting before the tracklet to its start; None when it is the first."""
        before = [member.end for member in self._members.values() if member.start < tracklet.start]
        return tracklet.start - max(before) if before else None


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

    def __len__(self) -> int:
        return len(self._identities)

    def __iter__(self) -> Iterator[Identity]:
        return iter(self._identities.values())

    def __getitem__(self, id: IdentityId) -> Identity:  # noqa: A002
        return self._identities[id]

    def __contains__(self, id: IdentityId) -> bool:  # noqa: A002
        return id in self._identities

    def create(self) -> Identity:
        """A new identity without tracklets."""
        identity = Identity(IdentityId(self._next_id))
        self._next_id += 1
        self._identities[identity.id] = identity
        return identity

    def remember(self, known: Mapping[IdentityId, Sequence[Tracklet]], next_identity: IdentityId) -> None:
        """Take in people of earlier runs; new ones get numbers from ``next_identity`` on."""
        for id_, tracklets in known.items():
            self._identities[id_] = Identity(id_)
            for tracklet in tracklets:
                self._identities[id_].put(tracklet)
        self._next_id = max(self._next_id, next_identity)

    def remove(self, id: IdentityId) -> None:  # noqa: A002
        """Forget an identity."""
        del self._identities[id]

    def forget(self, time: float, in_view: Mapping[TrackletKey, IdentityId]) -> None:
        """Drop what has expired or is over a bound, the longest unseen first; never what is in view.

        Args:
            time: now [s].
            in_view: the open tracklets and their identities.
        """
        for identity in self._identities.values():
            identity.forget(self._most_tracklets, in_view)
        seen = set(in_view.values())
        unseen = sorted((i.last_seen, i.id) for i in self._identities.values() if i.id not in seen)
        surplus = len(self._identities) - self._most_identities
        for rank, (last_seen, id_) in enumerate(unseen):
            if rank < surplus or time - last_seen > self._expiry:
                del self._identities[id_]

    def distances(self, query: Tracklet, ignored: Collection[TrackletKey] = ()) -> tuple[list[Identity], Float]:
        """Mean distance of a tracklet to the tracklets of each identity (average linkage).

        Of many identities, those whose means lie nearest on average are compared.

        Args:
            query: is not compared with itself.
            ignored: tracklets that are left out.

        Returns:
            At most `_SHORTLIST` identities that have an appearance, by rising id, and their distances (I,).
        """
        groups = [
            (
                identity,
                [
                    m
                    for m in identity.members
                    if m.mean is not None and m.key != query.key and m.key not in ignored
                ],
            )
            for identity in self._shortlist(query)
        ]
        groups = [(identity, members) for identity, members in groups if members]
        if not groups:
            return [], np.zeros(0)
        flat = tracklet_distances(query, [member for _, members in groups for member in members])
        counts = np.array([len(members) for _, members in groups])
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        return [identity for identity, _ in groups], np.add.reduceat(flat, starts) / counts

    def _shortlist(self, query: Tracklet) -> list[Identity]:
        """Identities worth comparing with a tracklet, by rising id."""
        known = [(identity, identity.centroid) for identity in self._identities.values()]
        seen = [(identity, centroid) for identity, centroid in known if centroid is not None]
        if len(seen) <= _SHORTLIST or query.mean is None:
            return [identity for identity, _ in seen]
        nearest, _ = top_k(query.mean[None], np.stack([centroid for _, centroid in seen]), _SHORTLIST)
        return [seen[i][0] for i in sorted(nearest[0].tolist())]


def linkage(a: Sequence[Tracklet], b: Sequence[Tracklet]) -> float | None:
    """Mean distance between the tracklets of two identities (average linkage); None without appearance."""
    ours, theirs = [t for t in a if t.mean is not None], [t for t in b if t.mean is not None]
    if not ours or not theirs:
        return None
    return float(np.mean([tracklet_distances(tracklet, theirs) for tracklet in ours]))


def _mean_of(tracklet: Tracklet) -> npt.NDArray[np.float32]:
    if tracklet.mean is None:
        raise ValueError("a tracklet without embeddings has no appearance distance")
    return tracklet.mean
