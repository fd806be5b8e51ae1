"""The interface of a linker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from reid.tracklets import CameraId, IdentityId, Link, Tracklet, TrackView

Known = Mapping[IdentityId, Sequence[Tracklet]]


class Linker(Protocol):
    """Gives every confirmed track one identity. Deterministic; takes cameras in any order of a tick."""

    def remember(self, identities: Known, next_identity: IdentityId, learned: Mapping[str, Any]) -> None:
        """People of earlier runs; called before the first `update`, if at all.

        Args:
            identities: their tracklets, whose `TrackletKey.run` is not 0.
            next_identity: the first number that a new person may get.
            learned: what `learned` gave at the end of the run before; empty if there was none.
        """

    def update(self, camera: CameraId, time: float, tracks: Sequence[TrackView]) -> list[Link]:
        """Take one camera's tracks at ``time`` [s]; returns what was decided now, also about other cameras."""

    def take_changed(self) -> list[Tracklet]:
        """Tracklets of this run that have an identity and have begun, changed or ended since the last call.

        Call it after each `update` and `finish`: what is not taken is replaced, so that nothing piles up.
        """

    def learned(self) -> dict[str, Any]:
        """What was learned of the site so far, as plain data for JSON."""

    def finish(self) -> list[Link]:
        """All cameras are over: decide what is still open."""
