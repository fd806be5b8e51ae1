"""From a container's timestamps to the clock that all cameras of a run share."""

from __future__ import annotations

import time
from collections.abc import Callable

from pipeline.errors import SourceError
from pipeline.sources.base import CameraSettings

MAX_DRIFT = 1.0  # seconds between a live stream's own clock and the arrival of its frames before it is set anew
MAX_WAIT = 60.0  # seconds; a frame that claims to be further ahead than this has a wrong timestamp


class FileClock:
    """Times of a file's frames: its own timestamps from ``start`` on, or a fixed rate.

    A timestamp that is missing, or not after the one before it, is put one nominal interval after that one; the
    timestamps that follow count from there.

    Args:
        start: time of the first frame [s].
        fps: nominal frames per second, used for repairs.
        fixed: whether to ignore the timestamps and count frames at ``fps``.
    """

    def __init__(self, start: float, fps: float, *, fixed: bool) -> None:
        self._start = start
        self._fps = fps
        self._fixed = fixed
        self._shift = 0.0
        self._last: float | None = None
        self._good = start  # the last time that came from a timestamp, and how many repaired ones followed
        self._repaired = 0

    def time(self, index: int, seconds: float | None) -> float:
        """The time of frame ``index`` (from 0), whose container says ``seconds`` since the first frame."""
        if self._fixed:
            return self._start + index / self._fps
        now = self._start if seconds is None else self._start + self._shift + seconds
        if self._last is not None and (seconds is None or now <= self._last):
            self._repaired += 1
            now = self._good + self._repaired / self._fps
        if seconds is not None:
            self._good, self._repaired = now, 0
            self._shift = now - self._start - seconds
        self._last = now
        return now


def check_no_start(settings: CameraSettings, label: str) -> None:
    """Refuse ``start`` where times are those of the wall clock.

    Raises:
        SourceError: if it is set.
    """
    if settings.start is not None:
        raise SourceError(f"{label}: `start` is for files; a live camera has the wall clock; remove `start`")


class LiveClock:
    """Times of a live stream's frames: the wall clock at the first frame, then the stream's own timestamps.

    The stream's timestamps keep the spacing of the frames free of network jitter. Where they run away from the
    arrival of the frames by more than `MAX_DRIFT`, arrival counts and the stream's clock is set anew; after a
    burst that ran ahead, times creep (a tenth of the nominal interval a frame) until the wall clock has caught up.

    Args:
        fps: nominal frames per second.
        wall: Unix time [s]; read once, so that setting the system's clock does not disturb a run.
        monotonic: a steady clock [s].
    """

    def __init__(
        self,
        fps: float,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._creep = 0.1 / fps
        self._monotonic = monotonic
        self._offset = wall() - monotonic()
        self._anchor: float | None = None
        self._last: float | None = None

    def restart(self) -> None:
        """Forget the stream's timestamps, after a reconnection; times go on increasing."""
        self._anchor = None

    def ahead(self, seconds: float | None) -> float:
        """How many seconds a frame has come before its time; 0 where the stream's clock is not to be trusted."""
        if seconds is None or self._anchor is None:
            return 0.0
        early = self._anchor + seconds - self._offset - self._monotonic()
        return early if 0.0 < early < MAX_WAIT else 0.0

    def time(self, seconds: float | None) -> float:
        """The time of the frame that has just arrived and whose stream says ``seconds`` since its first frame."""
        arrival = self._offset + self._monotonic()
        now = arrival
        if seconds is not None:
            if self._anchor is None or abs(self._anchor + seconds - arrival) > MAX_DRIFT:
                self._anchor = arrival - seconds
            now = self._anchor + seconds
        if self._last is not None and now <= self._last:
            now = self._last + self._creep
        self._last = now
        return now
