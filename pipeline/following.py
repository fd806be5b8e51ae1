"""From detections to identities: one tracker a camera, one linker for the site."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipeline.frames import Frame, FrameResult
from reid.base import Linker
from reid.identity_map import IdentityMap
from reid.tracklets import CameraId, IdentityId, Link, LinkKind, Tracklet, TrackletKey
from trackers import Detections, Track, Tracker, TrackState

STAGES = ("wait", "detect", "embed", "track", "link", "write")


@dataclass(slots=True)
class Statistics:
    """What a run did, for the summary.

    Attributes:
        frames: processed, by camera.
        ticks: rounds of the loop.
        seconds: spent in each stage; `wait` is for frames to be decoded.
        identities: people told apart so far.
    """

    frames: dict[CameraId, int]
    ticks: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    identities: int = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time inside to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start


class Follower:
    """Tracks and links what was detected, the same whether it was detected now or comes from a recording.

    Args:
        cameras: in the order of all output.
        trackers: one for each camera.
        linker: for all of them.
        first_identity: the smaller numbers are of people of earlier runs.
    """

    def __init__(
        self,
        cameras: Sequence[CameraId],
        trackers: Mapping[CameraId, Tracker],
        linker: Linker,
        first_identity: int = 1,
    ) -> None:
        self._trackers, self._linker = dict(trackers), linker
        self._identities = IdentityMap()
        self._last_time = dict.fromkeys(cameras, 0.0)
        self.statistics = Statistics(dict.fromkeys(cameras, 0))
        self._first_identity, self._newest_identity = first_identity, first_identity - 1
        self._met: set[IdentityId] = set()  # of earlier runs
        self._live: set[TrackletKey] = set()

    def update(self, frame: Frame, detections: Detections) -> FrameResult:
        """Take the next frame of a camera and what was detected in it."""
        with self.statistics.stage("track"):
            tracks = self._trackers[frame.camera].update(detections, frame.time)
        self.statistics.frames[frame.camera] += 1
        self._last_time[frame.camera] = frame.time
        return self._result(frame.camera, frame.time, frame, tracks, detections)

    def end(self, camera: CameraId) -> FrameResult | None:
        """A camera is over: its tracks end. None if it was over before."""
        tracker = self._trackers.pop(camera, None)
        if tracker is None:
            return None
        return self._result(camera, self._last_time[camera], None, tracker.finish(), None)

    def finish(self) -> Iterator[FrameResult]:
        """All is over: end the cameras that are left and decide what is still open."""
        cameras = list(self._last_time)
        for camera in cameras:
            if (last := self.end(camera)) is not None:
                yield last
        with self.statistics.stage("link"):
            links = self._linker.finish()
            tracklets = self._linker.take_changed()
        if links or tracklets:
            now = max(self._last_time.values())
            yield self._identified(cameras[0], now, None, [], links, None, tracklets)

    def _result(
        self,
        camera: CameraId,
        now: float,
        frame: Frame | None,
        tracks: Sequence[Track],
        detections: Detections | None,
    ) -> FrameResult:
        with self.statistics.stage("link"):
            links = self._linker.update(camera, now, tracks)
            changed = self._linker.take_changed()
            return self._identified(camera, now, frame, tracks, links, detections, changed)

    def _identified(
        self,
        camera: CameraId,
        now: float,
        frame: Frame | None,
        tracks: Sequence[Track],
        links: Sequence[Link],
        detections: Detections | None,
        tracklets: Sequence[Tracklet],
    ) -> FrameResult:
        for link in links:
            self._identities.apply(link)
            self._count(link)
        identities = {
            track.id: identity
            for track in tracks
            if (identity := self._identities.get(TrackletKey(camera, track.id))) is not None
        }
        self._forget_ended(camera, tracks, links)
        return FrameResult(camera, now, frame, tracks, identities, links, detections, tracklets)

    def _forget_ended(self, camera: CameraId, tracks: Sequence[Track], links: Sequence[Link]) -> None:
        """Drop the identities of tracks that are over, also of those that were decided on after their end."""
        ended = {TrackletKey(camera, track.id) for track in tracks if track.state is TrackState.ENDED}
        self._live.update(TrackletKey(camera, track.id) for track in tracks)
        self._live -= ended
        for key in ended | {link.key for link in links}:
            if key not in self._live:
                self._identities.forget(key)

    def _count(self, link: Link) -> None:
        """Those of this run by their rising numbers, those of earlier runs one by one."""
        counted = len(self._met)
        if link.kind is LinkKind.MERGE and link.previous is not None:
            if link.previous >= self._first_identity:
                self.statistics.identities -= 1
            self._met.discard(link.previous)
        if link.identity < self._first_identity:
            self._met.add(link.identity)
        elif link.identity > self._newest_identity:
            self._newest_identity = link.identity
            self.statistics.identities += 1
        self.statistics.identities += len(self._met) - counted
