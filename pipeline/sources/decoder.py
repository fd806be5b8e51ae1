"""One video through PyAV: container and codec in, BGR pictures with the container's seconds out."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import NamedTuple, cast

import av
import numpy as np
from av.container import InputContainer
from av.error import EOFError as EndOfFileError
from av.error import ExitError, FFmpegError, InvalidDataError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from pipeline.errors import SourceError
from pipeline.frames import Image

OPEN_TIMEOUT = 10.0  # seconds that a server has to answer
READ_TIMEOUT = 10.0  # seconds of silence, more than a segment of HLS; also how late a silent one notices `close`

_FILE_THREADS = 2  # a decoder: 1.5x the speed of one on a lone 1080p file; more would multiply with the cameras
_MAX_BAD_READS = 1000  # in a row, before a container counts as broken off
_PLAUSIBLE_FPS = 240.0  # containers with variable rate may claim the rate of their clock (1000, 90000)
_DEFAULT_FPS = 25.0
_SILENT = "no answer in time"

_NETWORK_OPTIONS = {
    "rtsp_transport": "tcp",  # lost UDP packets would be smeared pictures
    "analyzeduration": "1000000",  # microseconds looked at before the first frame; ffmpeg takes 5 s or more
    "max_delay": "0",  # do not wait for late packets
}

log = logging.getLogger(__name__)


class Picture(NamedTuple):
    """A decoded picture: seconds since the first one (None where the container says none), and (H, W, 3) BGR."""

    seconds: float | None
    image: Image


class Decoder:
    """The first video stream of a file or URL.

    Files decode with two threads (frames and slices). Connections decode with one, because every further thread
    would hold a frame back. Parts that cannot be read are skipped and counted in `unreadable`.

    Args:
        target: path or URL for ffmpeg.
        label: camera and place, without credentials; begins every message.
        network: whether ``target`` is a URL.
        timeout: seconds that a server has to answer.

    Attributes:
        fps: nominal frames per second.
        declared: how many frames the container says it holds; None where it does not say.
        ends: whether it has an end: its length is known, in seconds or in bytes.
        own_clock: whether timestamps come from the stream; formats without any get ffmpeg's invented ones.
        segmented: whether the stream comes in pieces of several seconds (HLS, DASH).
        pictures: decodes to the end, in order of presentation.
        unreadable: parts skipped so far.
        read: pictures decoded so far.
        failure: why reading ended early, in ffmpeg's words; None at a proper end.

    Raises:
        SourceError: if it cannot be opened or holds no video.
    """

    def __init__(self, target: str, label: str, *, network: bool = False, timeout: float = OPEN_TIMEOUT) -> None:
        self.label = label
        self._network = network
        self._container = _open(target, label, timeout if network else None)
        try:
            self._stream = _video_stream(self._container, label)
        except SourceError:
            self._container.close()
            raise
        self._stream.thread_type = "SLICE" if network else "AUTO"
        self._stream.codec_context.thread_count = 1 if network else _FILE_THREADS
        self._reformatter = VideoReformatter()
        self._first_pts: int | None = None
        self._end: float = 0.0
        self.fps = _nominal_fps(self._stream)
        self.declared = self._stream.frames or None
        self.own_clock = self._container.format.name not in {"mpjpeg", "mjpeg", "h264", "hevc", "m4v"}
        self.segmented = self._container.format.name in {"hls", "dash"}
        self.ends = bool(self._container.duration) or (not self.segmented and self._container.size > 0)
        self.unreadable = 0
        self.read = 0
        self.failure: str | None = None
        self.pictures = self._decode()

    def first(self) -> Picture:
        """The first picture.

        Raises:
            SourceError: if there is none.
        """
        picture = next(self.pictures, None)
        if picture is None:
            reason = f"; ffmpeg says: {self.failure}" if self.failure else ""
            remedy = "see whether the camera sends video" if self._network else "record or copy it again"
            raise SourceError(
                f"{self.label}: no frame in it can be decoded{reason}; play it to check, then {remedy}"
            )
        return picture

    def _decode(self) -> Iterator[Picture]:
        for packet in self._packets():
            try:
                frames = packet.decode()
            except FFmpegError:
                self.unreadable += 1
                continue
            yield from map(self._picture, frames)
        try:
            frames = self._stream.decode(None)  # what the decoder still holds back
        except FFmpegError:
            frames = []
        yield from map(self._picture, frames)

    def close(self) -> None:
        """Release file and codec, and say how much could not be read; may be called twice."""
        if self._container.input_was_opened:
            self._container.close()
            if self.unreadable:
                log.warning("%s: %d unreadable parts were skipped", self.label, self.unreadable)

    def missing(self) -> str | None:
        """After the last picture: how much of what the container promised did not come, or None.

        Compared is the time reached, not the number of frames, because a container also counts frames that it
        leaves empty or cuts off (edit lists).
        """
        promised = self._promised_seconds()
        if promised is None or promised - self._end <= max(3 / self.fps, 0.02 * promised):
            return None
        if self.declared:
            return f"{self.read} of {self.declared} frames"
        return f"{self._end:.1f} of {promised:.1f} s"

    def _promised_seconds(self) -> float | None:
        """How long the video is by its header; None for formats whose length is an estimate."""
        name, stream = self._container.format.name, self._stream
        if "matroska" in name:
            return self._container.duration / 1e6 if self._container.duration else None
        if name == "avi" and stream.frames and stream.average_rate:  # its duration shrinks with the file
            return stream.frames / float(stream.average_rate)
        if "mp4" in name and stream.frames and stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        return None

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """The video's packets; goes on after damaged ones, and ends (`failure` says why) when reading fails."""
        reading = self._container.demux()
        bad_reads = 0
        while True:
            try:
                packet = next(reading)
            except StopIteration:
                return
            except InvalidDataError as error:
                self.unreadable += 1
                bad_reads += 1
                if bad_reads > _MAX_BAD_READS:
                    self.failure = _reason(error)
                    return
                reading = self._container.demux()
                continue
            except FFmpegError as error:
                self.failure = _reason(error)
                return
            bad_reads = 0
            self._note_end(packet)
            if packet.stream_index != self._stream.index:
                continue
            if packet.is_corrupt and not self._network:  # cut off: half a picture at best
                self.unreadable += 1
            elif packet.size:  # an empty one would tell the decoder that the stream is over
                yield cast("Packet[VideoStream]", packet)

    def _note_end(self, packet: Packet[av.stream.Stream]) -> None:
        """Remember how far the container's streams reach: a sound track may be longer than the video.

        Headers count the length from zero or from the first frame; the reading that reaches further is taken.
        """
        if packet.pts is not None and packet.time_base:
            before_zero = min(0, self._container.start_time or 0) / 1e6
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self._end = max(self._end, end - before_zero)

    def _picture(self, frame: VideoFrame) -> Picture:
        self.read += 1
        converted = self._reformatter.reformat(frame, format="bgr24", threads=1)  # its own threads only cost here
        image = cast("Image", converted.to_ndarray())
        if converted is frame:  # the decoder may still look at this picture
            image = image.copy()
        if quarter_turns := round(frame.rotation / 90) % 4:
            image = np.rot90(image, quarter_turns)
        return Picture(self._seconds(frame.pts), image)

    def _seconds(self, pts: int | None) -> float | None:
        if pts is None or self._stream.time_base is None:
            return None
        if self._first_pts is None:
            self._first_pts = pts
        time_base = self._stream.time_base
        return (pts - self._first_pts) * time_base.numerator / time_base.denominator


def _open(target: str, label: str, timeout: float | None) -> InputContainer:
    """The container; ``timeout`` for a URL, None for a file."""
    begin = time.monotonic()
    try:
        if timeout is None:
            return av.open(target)
        return av.open(target, options=_NETWORK_OPTIONS, timeout=(timeout, READ_TIMEOUT))
    except EndOfFileError:
        raise SourceError(
            f"{label}: holds no frames (it ends after its header); record or copy it again"
        ) from None
    except FFmpegError as error:
        if timeout is not None:  # some protocols hide that it ran out behind another error
            reason = _SILENT if time.monotonic() - begin >= timeout else _reason(error)
            raise SourceError(
                f"{label}: no connection; ffmpeg says: {reason}; check address, login and network"
            ) from None
        if isinstance(error, OSError):
            raise SourceError(
                f"{label}: cannot be read: {_reason(error)}; check its rights and the disk"
            ) from None
        raise SourceError(
            f"{label}: not a video, or cut off before its index; ffmpeg says: {_reason(error)}; play it to check, "
            "then record or copy it again"
        ) from None


def _video_stream(container: InputContainer, label: str) -> VideoStream:
    """The first video stream that is neither cover art nor text drawn as a picture."""
    name = container.format.name
    if name == "tty":
        raise SourceError(f"{label}: not a video: a text file; correct `source`")
    if name.endswith("_pipe") or name == "image2":
        raise SourceError(f"{label}: not a video: a single picture; name the folder of the pictures and set `fps`")
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic and stream.codec_context is not None:
            return stream
    raise SourceError(
        f"{label}: holds no video that can be decoded (sound only, or no frame at all); correct `source`"
    )


def _nominal_fps(stream: VideoStream) -> float:
    for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate):
        if rate and 0 < rate <= _PLAUSIBLE_FPS:
            return float(rate)
    return _DEFAULT_FPS


def _reason(error: FFmpegError) -> str:
    """What ffmpeg says, without the address that its exceptions carry."""
    if isinstance(error, ExitError):
        return _SILENT
    return error.strerror or type(error).__name__
