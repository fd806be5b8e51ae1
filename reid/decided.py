"""A linker that was decided beforehand: each track gets its final identity when it is first seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reid.base import Known
from reid.tracklets import CameraId, IdentityId, Link, Tracklet, TrackletKey, TrackView


class DecidedLinker:
    """Tells each decision at the first sight of its track.

    Args:
        links: of every track.
    """

    def __init__(self, links: Mapping[TrackletKey, Link]) -> None:
        self._links = dict(links)

    def remember(self, identities: Known, next_identity: IdentityId, learned: Mapping[str, Any]) -> None:
        """Nothing can change any more."""

    def update(self, camera: CameraId, time: float, tracks: Sequence[TrackView]) -> list[Link]:
        """The decisions about tracks that are seen for the first time."""
        seen = (self._links.pop(TrackletKey(camera, int(track.id)), None) for track in tracks)
        return [replace(link, time=time) for link in seen if link is not None]

    def take_changed(self) -> list[Tracklet]:
        """None: what is known of the tracklets is in the recording."""
        return []

    def learned(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def finish(self) -> list[Link]:
        """Nothing is open."""
        return []
