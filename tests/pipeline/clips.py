"""Small clips whose frames carry their number in the picture, so that tests can tell frames apart."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from pipeline.frames import Image

SIZE = (96, 64)  # width, height
_BITS = 12
_BLOCK = 16  # px; large enough to survive lossy codecs

_CODECS = {".mp4": "libx264", ".mkv": "libx264", ".ts": "libx264", ".h264": "libx264", ".avi": "mpeg4"}
_FAST = {"preset": "ultrafast", "tune": "zerolatency", "g": "10"}


def picture(number: int, size: tuple[int, int] = SIZE) -> Image:
    """A (H, W, 3) picture with ``number`` (below 4096) as black and white blocks at its top left."""
    width, height = size
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.linspace(40, 200, width, dtype=np.uint8)[:, None]
    image[..., 2] = np.linspace(200, 40, height, dtype=np.uint8)[:, None]
    columns = _BITS // 2
    for bit in range(_BITS):
        top, left = bit // columns * _BLOCK, bit % columns * _BLOCK
        image[top : top + _BLOCK, left : left + _BLOCK] = 255 * (number >> bit & 1)
    return image


def number_in(image: Image) -> int:
    """The number that `picture` wrote."""
    columns = _BITS // 2
    number = 0
    for bit in range(_BITS):
        top, left = bit // columns * _BLOCK, bit % columns * _BLOCK
        block = image[top + 4 : top + _BLOCK - 4, left + 4 : left + _BLOCK - 4]
        number |= int(block.mean() > 127) << bit
    return number


def write_video(
    path: Path,
    count: int,
    *,
    fps: int = 10,
    size: tuple[int, int] = SIZE,
    times: Sequence[float] | None = None,
    muxer: Mapping[str, str] | None = None,
    rotation: int = 0,
    encoder: Mapping[str, str] | None = None,
) -> Path:
    """Write frames 0 to ``count`` - 1 at ``fps``, or at ``times`` [s, to the millisecond]; by suffix."""
    with av.open(path, "w", options=dict(muxer or {})) as container:
        stream = _add_stream(container, _CODECS[path.suffix], fps, size, encoder)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(number, size), format="bgr24")
            if times is not None:
                frame.time_base = Fraction(1, 1000)
                frame.pts = round(times[number] * 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_faststart(path: Path, count: int) -> Path:
    """An mp4 with its index in front of the frames."""
    return write_video(path, count, muxer={"movflags": "faststart"})


def write_images(folder: Path, count: int, suffix: str = ".png", size: tuple[int, int] = SIZE) -> Path:
    """Pictures 0 to ``count`` - 1 named without leading zeros."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        write_image(folder / f"frame{number}{suffix}", picture(number, size))
    return folder


def write_image(path: Path, image: Image) -> None:
    """Write one picture."""
    encoded, data = cv2.imencode(path.suffix.lower(), image)
    assert encoded
    path.write_bytes(data.tobytes())


def write_sound(path: Path) -> Path:
    """One second of silence, without any video."""
    with av.open(path, "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    return path


def write_header_only(path: Path) -> Path:
    """A video file without a single frame."""
    with av.open(path, "w") as container:
        _add_stream(container, _CODECS[path.suffix], 10, SIZE)
        container.start_encoding()
    return path


def transport_stream(count: int, *, fps: int = 25, size: tuple[int, int] = SIZE) -> list[bytes]:
    """The MPEG transport stream of frames 0 to ``count`` - 1, one piece a frame."""
    output = io.BytesIO()
    pieces = []
    with av.open(output, "w", format="mpegts", options={"flush_packets": "1"}) as container:
        stream = _add_stream(container, "libx264", fps, size)
        for number in range(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number, size), format="bgr24")))
            pieces.append(output.getvalue())
            output.seek(0)
            output.truncate()
    return pieces


def jpegs(count: int, size: tuple[int, int] = SIZE) -> list[bytes]:
    """Frames 0 to ``count`` - 1 as JPEG files."""
    return [cv2.imencode(".jpg", picture(number, size))[1].tobytes() for number in range(count)]


def cut(path: Path, share: float) -> Path:
    """A copy of a file that ends after ``share`` of its bytes."""
    data = path.read_bytes()
    shorter = path.with_stem(path.stem + "_cut")
    shorter.write_bytes(data[: int(len(data) * share)])
    return shorter


def _add_stream(
    container: av.container.OutputContainer,
    codec: str,
    fps: int,
    size: tuple[int, int],
    encoder: Mapping[str, str] | None = None,
) -> VideoStream:
    options = encoder or (_FAST if codec == "libx264" else {"qscale": "3"})
    stream = container.add_stream(codec, rate=fps, options=dict(options))
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    return stream
