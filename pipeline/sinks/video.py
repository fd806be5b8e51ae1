"""Annotated video, one H.264 file a camera."""

from __future__ import annotations

import queue
import threading
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, Field

from pipeline.drawing import Trails, draw
from pipeline.errors import OutputError
from pipeline.frames import CameraInfo, FrameResult, Image
from pipeline.sinks.base import SinkSite

if TYPE_CHECKING:
    import av.container
    import av.video.stream

_TICKS = 1000  # of the video clock, a second
_MOVFLAGS = "frag_keyframe+empty_moov+default_base_moof+skip_trailer"
_QUEUE = 8  # frames that wait for the encoder; a full queue holds the run up instead of growing


class VideoSettings(BaseModel, frozen=True, extra="forbid"):
    """<camera>.mp4: box, identity, track, trail, camera and time drawn into the picture."""

    type: Literal["video"] = "video"
    crf: int = Field(23, ge=0, le=51, description="H.264 quality; lower is better and larger.")
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = Field(
        "veryfast", description="H.264 speed; slower is smaller."
    )
    trail: float = Field(2.0, ge=0, description="Length of the trail behind each person, in seconds.")

    def build(self, site: SinkSite) -> VideoSink:
        """A sink that writes into the output folder."""
        return VideoSink(self, site)


class VideoSink:
    """Draws and encodes in one thread a camera. Memory: `_QUEUE` frames a camera."""

    def __init__(self, settings: VideoSettings, site: SinkSite) -> None:
        self._writers = {camera.name: _Writer(settings, camera, site.output) for camera in site.cameras}

    def write(self, result: FrameResult) -> None:
        """Hand the frame to the camera's encoder; waits while its queue is full.

        Raises:
            OutputError: if an earlier frame could not be written.
        """
        if result.frame is not None:
            self._writers[result.camera].put(result)

    def close(self) -> None:
        """Encode what waits and finish all files."""
        errors = [error for writer in self._writers.values() if (error := writer.close())]
        if errors:
            raise errors[0]


class _Writer:
    """One file and its thread. Pacing: the queue blocks the loop; a failed encoder goes on emptying it."""

    def __init__(self, settings: VideoSettings, camera: CameraInfo, output: Path) -> None:
        self._settings, self._camera = settings, camera
        self._path = output / f"{camera.name}.mp4"
        self._trails = Trails(settings.trail)
        self._queue: queue.Queue[FrameResult | None] = queue.Queue(_QUEUE)
        self._error: OutputError | None = None
        self._first_time: float | None = None
        self._last_pts = -1
        self._container: av.container.OutputContainer | None = None
        self._stream: av.video.stream.VideoStream | None = None
        self._thread = threading.Thread(target=self._work, name=f"encode {camera.name}", daemon=True)
        self._thread.start()

    def put(self, result: FrameResult) -> None:
        if self._error is not None:
            raise self._error
        self._queue.put(result)

    def close(self) -> OutputError | None:
        self._queue.put(None)
        self._thread.join()
        return self._error

    def _work(self) -> None:
        try:
            for result in iter(self._queue.get, None):
                if self._error is None:
                    self._try_to_write(result)
        finally:
            self._finish()

    def _try_to_write(self, result: FrameResult) -> None:
        try:
            self._write(result)
        except Exception as error:  # whatever it is, it must reach the loop, and the loop must not wait forever
            self._error = OutputError(f"{self._path}: cannot be written: {error}")
            self._error.__cause__ = error

    def _write(self, result: FrameResult) -> None:
        import av

        assert result.frame is not None  # noqa: S101 - put() takes no other
        image = draw(result.frame.image, result, self._trails.update(result))
        if self._stream is None:
            self._open(image)
        assert self._stream is not None  # noqa: S101
        assert self._container is not None  # noqa: S101
        if self._first_time is None:
            self._first_time = result.time
        picture = av.VideoFrame.from_ndarray(self._fitted(image), format="bgr24")
        self._last_pts = max(self._last_pts + 1, round((result.time - self._first_time) * _TICKS))
        picture.pts, picture.time_base = self._last_pts, Fraction(1, _TICKS)
        self._container.mux(self._stream.encode(picture))

    def _open(self, image: Image) -> None:
        """Start the file: fragmented, so that what is on disk plays whatever happens to the program.

        Without the trailer, for which the muxer would keep an entry a fragment in memory for as long as it runs.
        """
        import av

        height, width = image.shape[:2]
        options = {"movflags": _MOVFLAGS, "flush_packets": "1"}
        self._container = av.open(str(self._path), "w", format="mp4", options=options)
        rate = Fraction(max(self._camera.fps, 1.0)).limit_denominator(1001)
        stream = self._container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        stream.codec_context.gop_size = max(1, round(2 * float(rate)))
        # Without B-frames, which in a fragmented file would shift all times by the depth of their reordering.
        stream.options = {"preset": self._settings.preset, "crf": str(self._settings.crf), "bf": "0"}
        self._stream = stream

    def _fitted(self, image: Image) -> Image:
        """The picture at the file's size: even sides for H.264, and steady when a stream changes its size."""
        import cv2

        assert self._stream is not None  # noqa: S101
        height, width = image.shape[:2]
        below, beside = self._stream.height - height, self._stream.width - width
        if (below, beside) == (0, 0):
            return image
        if below in {0, 1} and beside in {0, 1}:
            return np.pad(image, ((0, below), (0, beside), (0, 0)), mode="edge")
        return np.asarray(cv2.resize(image, (self._stream.width, self._stream.height)), np.uint8)

    def _finish(self) -> None:
        if self._container is None or self._stream is None:
            return
        import av

        try:
            if self._error is None:  # after a failed write, another one can crash the muxer
                self._container.mux(self._stream.encode(None))
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            self._error = self._error or OutputError(f"{self._path}: cannot be finished: {error}")
