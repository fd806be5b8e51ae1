"""Writes a clip as H.264 with the times of its frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray

_CLOCK = 90_000  # ticks a second

# One thread and no look-ahead: only so does x264 give the same bytes each time.
_OPTIONS = {"preset": "medium", "x264-params": "threads=1:sliced-threads=0:no-mbtree=1:rc-lookahead=0:keyint=100"}


class Clip:
    """A file that takes frames; `close` it, or use it in a `with`."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float, crf: int) -> None:
        self._container = av.open(str(path), "w", options={"movflags": "+faststart"})
        rate = Fraction(fps).limit_denominator(1000)
        self._stream: Any = self._container.add_stream("libx264", rate=rate, options={**_OPTIONS, "crf": str(crf)})
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        self._stream.thread_count = 1
        self._stream.max_b_frames = 0
        self._stream.codec_context.time_base = Fraction(1, _CLOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, frame: NDArray[np.uint8], seconds: float) -> None:
        """Add a frame (H, W, 3) uint8 BGR at a time since the clip's beginning."""
        picture = av.VideoFrame.from_ndarray(frame, format="bgr24")
        picture.pts = round(seconds * _CLOCK)
        picture.time_base = Fraction(1, _CLOCK)
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Finish the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
