"""Many cameras, one loop: ticks of at most one frame a camera."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from pipeline.errors import SourceError
from pipeline.frames import Frame
from pipeline.sources import Source, redact
from reid.tracklets import CameraId

_POLL = 0.1  # seconds between looks at `stop`
_CLOSE_TIMEOUT = 2.0  # seconds for all readers together; one that hangs in a silent connection ends at its timeout
_WINDOW = 0.999  # of the shortest frame interval: two frames of one camera never fit, rounded timestamps do

log = logging.getLogger(__name__)


class _Lane:
    """What one reader thread hands over. Guarded by the lock of its `Ticks`."""

    def __init__(self, source: Source, lock: threading.Lock) -> None:
        self.source = source
        self.camera: CameraId = source.info.name
        self.live = source.info.live
        self.frames: deque[Frame] = deque()
        self.room = threading.Condition(lock)
        self.dropped = 0
        self.failure: SourceError | None = None
        self.ended = False  # the reader is done; frames may be left
        self.over = False  # ... and none was left when the loop looked
        self.reported = False
        self.began: float | None = None  # monotonic time at which second 0 of a paced file lies


class Ticks:
    """The frames of all cameras, one tick after another; a context manager, to be iterated once.

    One daemon thread a camera reads its source. How ticks are made depends on the sources:

    - Files only: frames are merged by time. A tick starts at the earliest frame t0 that is left and takes of every
      camera the next frame if its time is before t0 + window, where the window is just under the shortest nominal
      frame interval of the cameras still open. Every frame of every file comes exactly once, and the ticks depend
      on the files alone, never on the speed of threads. A reader waits while its queue is full.
    - With a live camera among them: a tick takes what is there and waits for at least one frame. A live camera
      gives its newest frame; an older one that was not fetched is dropped and counted. Files are paced by their
      own timestamps, are never dropped, and fall behind if the loop is slower than they are.

    Memory: at most ``depth`` frames a file and one a live camera wait here; besides, each source holds the one
    that it is decoding.

    A reader's exception ends its camera alone. `take_ended` tells, after each tick and after the last one, which
    cameras are over::

        with Ticks(sources, stop) as ticks:
            for frames in ticks:
                finish(ticks.take_ended())
                process(frames)
            finish(ticks.take_ended())

    Args:
        sources: opened; closed here at the end.
        stop: once set, iteration ends within about 0.1 s, even when every source hangs.
        depth: frames of a file that may wait.
    """

    def __init__(self, sources: Sequence[Source], stop: threading.Event, *, depth: int = 4) -> None:
        lock = threading.Lock()
        self._lanes = [_Lane(source, lock) for source in sources]
        self._arrived = threading.Condition(lock)
        self._stop = stop
        self._depth = depth
        self._closing = False
        self._threads = [
            threading.Thread(target=self._read, args=(lane,), name=f"read {lane.camera}", daemon=True)
            for lane in self._lanes
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[list[Frame]]:
        """Yield the frames of each tick, in the order of the sources; never an empty list."""
        take = self._take_arrived if any(lane.live for lane in self._lanes) else self._take_merged
        while frames := take():
            yield frames

    @property
    def failures(self) -> Mapping[CameraId, SourceError]:
        """Why cameras broke off, of those that did so far."""
        with self._arrived:
            return {lane.camera: lane.failure for lane in self._lanes if lane.failure is not None}

    @property
    def dropped(self) -> Mapping[CameraId, int]:
        """How many frames of each live camera were not fetched in time."""
        with self._arrived:
            return {lane.camera: lane.dropped for lane in self._lanes if lane.live}

    @property
    def complete(self) -> frozenset[CameraId]:
        """Cameras that came to their end, without a failure and with their last frame taken."""
        with self._arrived:
            return frozenset(lane.camera for lane in self._lanes if lane.over and lane.failure is None)

    @property
    def closed(self) -> bool:
        """Whether `close` was called; asks no lock, so that a signal's handler may."""
        return self._closing

    def take_ended(self) -> list[CameraId]:
        """Cameras that came to their end, or failed, since the last call; each once, after its last frame."""
        with self._arrived:
            ended = [lane for lane in self._lanes if lane.over and not lane.reported]
            for lane in ended:
                lane.reported = True
            return [lane.camera for lane in ended]

    def close(self) -> None:
        """Stop the readers and close the sources; waits for at most 2 s; may be called twice."""
        with self._arrived:
            if not self._closing:
                self._note_ends()
            self._closing = True
            for lane in self._lanes:
                lane.frames.clear()
                lane.room.notify_all()
            self._arrived.notify_all()
        for lane in self._lanes:
            lane.source.close()
        deadline = time.monotonic() + _CLOSE_TIMEOUT
        for thread in self._threads:
            if thread.ident is not None:  # was started
                thread.join(max(0.0, deadline - time.monotonic()))
                if thread.is_alive():
                    log.debug("%s: still waiting for its source", thread.name)

    def _read(self, lane: _Lane) -> None:
        """The reader thread of one camera."""
        failure: SourceError | None = None
        try:
            frames = lane.source.frames()
            while self._await_room(lane) and (frame := next(frames, None)) is not None:
                self._hand_over(lane, frame)
        except SourceError as error:
            failure = error.with_traceback(None)  # which would hold on to a frame
        except Exception as error:  # a bug must not end the other cameras, nor pass for a proper end
            log.debug("reader of camera %s", lane.camera, exc_info=True)
            what = f"{type(error).__name__}: {redact(str(error))}"
            failure = SourceError(f"camera {lane.camera}: unexpected {what}; please report this")
        finally:
            lane.source.close()
            with self._arrived:
                lane.failure = None if self._closing else failure
                lane.ended = True
                self._arrived.notify_all()

    def _await_room(self, lane: _Lane) -> bool:
        """Wait until the next frame may be decoded; False when closing."""
        with self._arrived:
            while not lane.live and len(lane.frames) >= self._depth and not self._closing:
                lane.room.wait()
            return not self._closing

    def _hand_over(self, lane: _Lane, frame: Frame) -> None:
        with self._arrived:
            if self._closing:
                return
            if lane.live and lane.frames:
                lane.frames.clear()
                lane.dropped += 1
            lane.frames.append(frame)
            self._arrived.notify_all()

    def _take_merged(self) -> list[Frame]:
        """The next tick by time, once every camera that is still open has shown its next frame; [] at the end."""
        with self._arrived:
            while not all(lane.frames or lane.ended for lane in self._lanes):
                if self._stop.is_set() or self._closing:
                    return []
                self._arrived.wait(_POLL)
            self._note_ends()
            heads = [lane for lane in self._lanes if lane.frames]
            if not heads or self._stop.is_set():
                return []
            start = min(lane.frames[0].time for lane in heads)
            end = start + _WINDOW / max(lane.source.info.fps for lane in heads)
            return self._pop([lane for lane in heads if lane.frames[0].time < end])

    def _take_arrived(self) -> list[Frame]:
        """What is there by now, at least one frame; [] at the end."""
        with self._arrived:
            while not (self._stop.is_set() or self._closing):
                self._note_ends()
                if all(lane.over for lane in self._lanes):
                    break
                now = time.monotonic()
                due = {lane: self._due(lane, now) for lane in self._lanes if lane.frames}
                if ready := [lane for lane, at in due.items() if at <= now]:
                    return self._pop(ready)
                self._arrived.wait(min([_POLL, *(at - now for at in due.values())]))
            return []

    def _due(self, lane: _Lane, now: float) -> float:
        """When the next frame of a camera may be delivered: a live one at once, a file's not before its time."""
        if lane.live:
            return now
        if lane.began is None:
            lane.began = now - lane.frames[0].time
        return lane.began + lane.frames[0].time

    def _note_ends(self) -> None:
        for lane in self._lanes:
            lane.over = lane.ended and not lane.frames

    def _pop(self, lanes: list[_Lane]) -> list[Frame]:
        for lane in lanes:
            lane.room.notify_all()
        return [lane.frames.popleft() for lane in lanes]
