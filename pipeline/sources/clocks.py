"""From a container's timestamps to the clock that all cameras of a run share."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from pipeline.errors import SourceError
from pipeline.sources.base import CameraSettings

MAX_GAP = 10.0  # seconds between frames of a file, or ten nominal intervals, before a timestamp must be confirmed
MAX_DRIFT = 1.0  # seconds between a live stream's own clock and the arrival of its frames before it is set anew
MAX_WAIT = 60.0  # seconds; a frame that claims to be further ahead than this has a wrong timestamp

log = logging.getLogger(__name__)


class FileClock:
    """Times of a file's frames: its own timestamps from ``start`` on, or a fixed rate.

    A frame without a timestamp is put one nominal interval after the one before it. So is a frame whose timestamp
    does not fit: it lies before the one of the frame before, or further after it than `MAX_GAP`. What follows
    decides. Where the next timestamps go on from that one, it began something new: after a jump forward a true
    gap (a recorder that runs when somebody moves), after a jump back a timeline that is counted on from here.
    Where they go on from those before it, it was wrong, and nothing else changes.

    Args:
        start: time of the first frame [s].
        fps: nominal frames per second, used for repairs.
        fixed: whether to ignore the timestamps and count frames at ``fps``.
        label: camera and file; begins the warning at the first timestamp that does not fit.
    """

    def __init__(self, start: float, fps: float, *, fixed: bool, label: str) -> None:
        self._start = start
        self._fps = fps
        self._fixed = fixed
        self._label = label
        self._gap = max(MAX_GAP, 10 / fps)  # a time lapse has long intervals
        self._shift = 0.0
        self._said: float | None = None  # the last timestamp that fitted, shifted
        self._last = start
        self._base = start  # the time of the last frame whose timestamp fitted, and how many followed that did not
        self._repaired = 0
        self._doubted: tuple[float, float] | None = None  # a timestamp that did not fit, and the time given for it
        self._warned = False

    def time(self, index: int, seconds: float | None) -> float:
        """The time of frame ``index`` (from 0), whose container says ``seconds`` since the first frame."""
        if self._fixed:
            return self._start + index / self._fps
        if self._said is None:
            self._said = self._last = self._base = self._start + (seconds or 0.0)
        elif seconds is not None and self._fits(seconds):
            self._accept(self._start + self._shift + seconds)
        else:
            self._repaired += 1
            self._last = self._base + self._repaired / self._fps
            if seconds is not None:
                self._doubt(index, seconds)
        return self._last

    def _fits(self, seconds: float) -> bool:
        """Whether a timestamp goes on from the last good one, or from the one that was doubted."""
        assert self._said is not None  # noqa: S101 - there was a frame before
        now = self._start + self._shift + seconds
        if self._said < now <= self._last + self._gap:
            return True
        if self._doubted is None:
            return False
        begin, given = self._doubted
        begin_now = self._start + self._shift + begin
        step, jump = seconds - begin, begin_now - self._said
        if not 0 < step <= max(self._gap, jump):
            return False
        self._gap = max(self._gap, 2 * step)  # frames that are all far apart are no jumps
        if jump <= 0:
            self._shift += given - begin_now
        return True

    def _accept(self, now: float) -> None:
        self._said = now
        creep = self._last + 0.1 / self._fps  # after repairs that overshot
        self._last = now if now > self._last else creep
        self._base, self._repaired, self._doubted = self._last, 0, None

    def _doubt(self, index: int, seconds: float) -> None:
        self._doubted = seconds, self._last
        if not self._warned:
            self._warned = True
            log.warning(
                "%s: the timestamp of frame %d (from 0) jumps to %.2f s; put at %.2f s unless what follows fits",
                self._label,
                index,
                seconds,
                self._last - self._start,
            )


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
