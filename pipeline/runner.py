"""The loop: ticks of frames -> detections -> embeddings -> tracks -> identities -> sinks. The only loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pipeline.detectors.base import Detector
from pipeline.following import Follower, Statistics
from pipeline.frames import CameraInfo, Frame, FrameResult
from pipeline.sinks.base import Sink
from pipeline.ticks import Ticks
from reid.base import Linker
from reid.embedder import Embedder
from reid.tracklets import CameraId, FloatArray
from trackers import Detections, Tracker


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
        self._detector, self._embedder, self._trackers = detector, embedder, trackers
        self._follower = Follower([camera.name for camera in cameras], trackers, linker, first_identity)
        self._sinks = sinks

    @property
    def statistics(self) -> Statistics:
        """What was done so far."""
        return self._follower.statistics

    def run(self, ticks: Ticks) -> None:
        """Process everything. The ends of all tracks are reported even when a part raises or the run stops."""
        try:
            with ticks:
                iterator = iter(ticks)
                while (frames := self._next(iterator)) is not None:
                    self._tick(frames)
                    for camera in ticks.take_ended():
                        self._write(self._follower.end(camera))
        finally:
            for result in self._follower.finish():
                self._write(result)

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
            self._write(self._follower.update(frame, found))

    def _embed(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[Detections]:
        wanted = [
            self._trackers[frame.camera].wants_embedding(found, frame.time)
            for frame, found in zip(frames, detections, strict=True)
        ]
        boxes = [found.boxes[mask] for found, mask in zip(detections, wanted, strict=True)]
        rows = self._embedder.embed([frame.image for frame in frames], boxes)
        return [
            found.with_embeddings(mask, as_recorded(part))
            for found, mask, part in zip(detections, wanted, rows, strict=True)
        ]

    def _write(self, result: FrameResult | None) -> None:
        if result is not None:
            with self.statistics.stage("write"):
                for sink in self._sinks:
                    sink.write(result)


def as_recorded(embeddings: FloatArray) -> FloatArray:
    """Embeddings as a recording keeps them, so that a run decides on the same numbers as its replay."""
    return embeddings.astype(np.float16).astype(np.float32)
