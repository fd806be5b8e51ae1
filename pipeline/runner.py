"""The loop: ticks of frames -> detections -> embeddings -> tracks -> identities -> sinks. The only loop."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipeline.detectors.base import Detector
from pipeline.frames import CameraInfo, Frame, FrameResult
from pipeline.sinks.base import Sink
from pipeline.ticks import Ticks
from reid.base import Linker
from reid.embedder import Embedder
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


class Runner:
    """Runs live parts over ticks until the sources end or are stopped.

    Args:
        cameras: in the order of all output.
        trackers: one for each camera.
        sinks: written to in this order.
        first_identity: smaller numbers are people whom the linker knows from earlier runs.
    """

    def __init__(
        self,
        cameras: Sequence[CameraInfo],
        detector: Detector,
        embedder: Embedder,
        trackers: Mapping[CameraId, Tracker],
        linker: Linker,
        sinks: Sequence[Sink],
        first_identity: int = 1,
    ) -> None:
        self._detector, self._embedder, self._trackers = detector, embedder, dict(trackers)
        self._linker, self._sinks = linker, sinks
        self._identities = IdentityMap()
        self._last_time = {camera.name: 0.0 for camera in cameras}
        self.statistics = Statistics({camera.name: 0 for camera in cameras})
        self._newest_identity = first_identity - 1
        self._first_identity = first_identity
        self._met: set[IdentityId] = set()  # of earlier runs
        self._live: set[TrackletKey] = set()

    def run(self, ticks: Ticks) -> None:
        """Process everything. The ends of all tracks are reported even when a part raises or the run stops."""
        try:
            with ticks:
                iterator = iter(ticks)
                while (frames := self._next(iterator)) is not None:
                    self._tick(frames)
                    for camera in ticks.take_ended():
                        self._end(camera)
        finally:
            self._finish()

    def _next(self, iterator: Iterator[list[Frame]]) -> list[Frame] | None:
        with self.statistics.stage("wait"):
            return next(iterator, None)

    def _tick(self, frames: Sequence[Frame]) -> None:
        """One frame of each camera that has one: one detector batch, one embedder batch."""
        stage = self.statistics.stage
        self.statistics.ticks += 1
        with stage("detect"):
            detections = self._detector.detect(frames)
        with stage("embed"):
            detections = self._embed(frames, detections)
        for frame, found in zip(frames, detections, strict=True):
            with stage("track"):
                tracks = self._trackers[frame.camera].update(found, frame.time)
            self.statistics.frames[frame.camera] += 1
            self._last_time[frame.camera] = frame.time
            self._report(frame.camera, frame.time, frame, tracks)

    def _embed(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[Detections]:
        wanted = [
            self._trackers[frame.camera].wants_embedding(found, frame.time)
            for frame, found in zip(frames, detections, strict=True)
        ]
        boxes = [found.boxes[mask] for found, mask in zip(detections, wanted, strict=True)]
        rows = self._embedder.embed([frame.image for frame in frames], boxes)
        return [
            found.with_embeddings(mask, part) for found, mask, part in zip(detections, wanted, rows, strict=True)
        ]

    def _report(self, camera: CameraId, now: float, frame: Frame | None, tracks: Sequence[Track]) -> None:
        with self.statistics.stage("link"):
            links = self._linker.update(camera, now, tracks)
            tracklets = self._linker.take_changed()
        self._write(camera, now, frame, tracks, links, tracklets)

    def _write(
        self,
        camera: CameraId,
        now: float,
        frame: Frame | None,
        tracks: Sequence[Track],
        links: Sequence[Link],
        tracklets: Sequence[Tracklet],
    ) -> None:
        with self.statistics.stage("write"):
            for link in links:
                self._identities.apply(link)
                self._count(link)
            identities = {
                track.id: identity
                for track in tracks
                if (identity := self._identities.get(TrackletKey(camera, track.id))) is not None
            }
            result = FrameResult(camera, now, frame, tracks, identities, links, tracklets)
            for sink in self._sinks:
                sink.write(result)
            self._forget_ended(camera, tracks, links)

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

    def _end(self, camera: CameraId) -> None:
        """A camera is over: its tracks end."""
        tracker = self._trackers.pop(camera, None)
        if tracker is not None:
            self._report(camera, self._last_time[camera], None, tracker.finish())

    def _finish(self) -> None:
        cameras = list(self._last_time)
        for camera in cameras:
            self._end(camera)
        with self.statistics.stage("link"):
            links = self._linker.finish()
            tracklets = self._linker.take_changed()
        if links or tracklets:
            self._write(cameras[0], max(self._last_time.values()), None, [], links, tracklets)
