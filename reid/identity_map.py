"""Which identity a track has after a sequence of links, merges and splits."""

from __future__ import annotations

from reid.tracklets import IdentityId, Link, LinkKind, TrackletKey


class IdentityMap:
    """Replays the linker's decisions. Holds what it knows of a track until `forget`."""

    def __init__(self) -> None:
        self._identities: dict[TrackletKey, IdentityId] = {}
        self._tracks: dict[IdentityId, set[TrackletKey]] = {}

    def __len__(self) -> int:
        """How many tracks are known."""
        return len(self._identities)

    def apply(self, link: Link) -> None:
        """Take one decision."""
        if link.kind is LinkKind.MERGE and link.previous is not None:
            for key in self._tracks.pop(link.previous, set()):
                self._identities[key] = link.identity
                self._tracks.setdefault(link.identity, set()).add(key)
        else:
            self.forget(link.key)
            self._identities[link.key] = link.identity
            self._tracks.setdefault(link.identity, set()).add(link.key)

    def get(self, key: TrackletKey) -> IdentityId | None:
        """The identity of a track, if it has one yet."""
        return self._identities.get(key)

    def forget(self, key: TrackletKey) -> None:
        """Drop a track that will not be asked for again."""
        identity = self._identities.pop(key, None)
        if identity is not None:
            self._tracks[identity].discard(key)
            if not self._tracks[identity]:
                del self._tracks[identity]
