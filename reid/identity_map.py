"""Which identity a track has after a sequence of links, merges and splits."""

from __future__ import annotations

from reid.tracklets import IdentityId, Link, LinkKind, TrackletKey


class IdentityMap:
    """Replays the linker's decisions. Holds one entry a track until `forget`, and one a merge."""

    def __init__(self) -> None:
        self._identities: dict[TrackletKey, IdentityId] = {}
        self._merged_into: dict[IdentityId, IdentityId] = {}

    def apply(self, link: Link) -> None:
        """Take one decision."""
        if link.kind is LinkKind.MERGE and link.previous is not None:
            self._merged_into[link.previous] = link.identity
        else:
            self._identities[link.key] = link.identity

    def get(self, key: TrackletKey) -> IdentityId | None:
        """The identity of a track, if it has one yet."""
        identity = self._identities.get(key)
        while identity in self._merged_into:
            identity = self._merged_into[identity]
        return identity

    def forget(self, key: TrackletKey) -> None:
        """Drop a track that will not be asked for again."""
        self._identities.pop(key, None)
