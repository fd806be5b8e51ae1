"""Ticks: every frame once and in order whatever the threads do, drops of live cameras, failures, stopping."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import SourceError
from pipeline.frames import CameraInfo, Frame
from pipeline.ticks import Ticks
from reid.tracklets import CameraId

IMAGE = np.zeros((2, 2, 3), np.uint8)


class Listed:
    """A source that gives frames at listed times, and can be slow, fail, or hang."""

    def __init__(
        self,
        name: str,
        times: Sequence[float],
        *,
        fps: float = 10,
        live: bool = False,
        delays: Iterator[float] | None = None,
        failure: Exception | None = None,
        hang: bool = False,
    ) -> None:
        self.info = CameraInfo(CameraId(name), 2, 2, fps, live)
        self.times = times
        self.closed = threading.Event()
        self.given = 0
        self._delays = delays
        self._failure = failure
        self._hang = hang

    def frames(self) -> Iterator[Frame]:
        for index, at in enumerate(self.times):
            if self._delays is not None:
                self.closed.wait(next(self._delays))
            if self.closed.is_set():
                return
            self.given += 1
            yield Frame(self.info.name, index, at, IMAGE)
        if self._hang:
            self.closed.wait()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        self.closed.set()


def even(fps: float, count: int, start: float = 0.0) -> list[float]:
    return [start + index / fps for index in range(count)]


def run(sources: Sequence[Listed], depth: int = 4) -> list[list[tuple[str, int]]]:
    """The ticks as (camera, index), and behind each tick the cameras that were over when it came."""
    record: list[list[tuple[str, int]]] = []
    with Ticks(sources, threading.Event(), depth=depth) as ticks:
        for frames in ticks:
            record.append([(camera, -1) for camera in ticks.take_ended()])
            record.append([(frame.camera, frame.index) for frame in frames])
        record.append([(camera, -1) for camera in ticks.take_ended()])
        assert ticks.failures == {}
    return record


@st.composite
def sites(draw: st.DrawFn) -> list[tuple[float, list[float]]]:
    """Cameras as (fps, times), of random rate, phase, length and jitter."""
    cameras = []
    for _ in range(draw(st.integers(1, 5))):
        fps = draw(st.sampled_from([0.5, 5, 7, 10, 24, 25, 29.97, 30, 60]))
        times = even(fps, draw(st.integers(0, 25)), draw(st.floats(0, 2)))
        jitter = draw(st.floats(0, 0.9)) / fps
        random = Random(draw(st.integers(0, 99)))  # noqa: S311 - no secret
        cameras.append((fps, sorted({at + jitter * random.random() for at in times})))
    return cameras


@settings(max_examples=60, deadline=None)
@given(site=sites(), seed=st.integers(0, 999), depth=st.integers(1, 5))
def test_files_are_merged_by_time_whatever_the_threads_do(
    site: list[tuple[float, list[float]]], seed: int, depth: int
) -> None:
    def sources(delayed: bool) -> list[Listed]:
        random = Random(seed)  # noqa: S311
        delays = (random.choice([0, 0, 0, 0.0003, 0.001]) for _ in itertools.count())
        return [
            Listed(f"c{number}", times, fps=fps, delays=delays_of(delays) if delayed else None)
            for number, (fps, times) in enumerate(site)
        ]

    record = run(sources(delayed=False))
    assert run(sources(delayed=True), depth) == record

    ticks = [tick for tick in record if tick and tick[0][1] >= 0]
    for number, (_, times) in enumerate(site):
        assert [i for tick in ticks for camera, i in tick if camera == f"c{number}"] == list(range(len(times)))
    at = {(f"c{number}", i): time for number, (_, times) in enumerate(site) for i, time in enumerate(times)}
    for tick in ticks:
        assert [camera for camera, _ in tick] == sorted({camera for camera, _ in tick})
        assert max(at[key] for key in tick) - min(at[key] for key in tick) < 1 / min(fps for fps, _ in site)
    starts = [min(at[key] for key in tick) for tick in ticks]
    assert starts == sorted(starts)
    assert sorted(key for tick in record for key in tick if key[1] < 0) == [
        (f"c{n}", -1) for n in range(len(site))
    ]


def delays_of(delays: Iterator[float]) -> Iterator[float]:
    """A thread's own view of delays that all threads draw from."""
    lock = threading.Lock()
    while True:
        with lock:
            yield next(delays)


def test_equal_rates_share_their_ticks() -> None:
    record = run([Listed("a", even(25, 5)), Listed("b", even(25, 5, 0.013))])
    assert [tick for tick in record if tick and tick[0][1] >= 0] == [[("a", i), ("b", i)] for i in range(5)]


def test_slower_and_shorter_cameras() -> None:
    record = run([Listed("a", even(10, 4)), Listed("b", even(5, 1), fps=5)])
    assert record == [
        [],
        [("a", 0), ("b", 0)],
        [("b", -1)],  # told before the next tick
        [("a", 1)],
        [],
        [("a", 2)],
        [],
        [("a", 3)],
        [("a", -1)],
    ]


def test_a_reader_waits_while_its_queue_is_full() -> None:
    source = Listed("a", even(10, 100))
    with Ticks([source], threading.Event(), depth=3) as ticks:
        stepping = iter(ticks)
        next(stepping)
        time.sleep(0.1)
        assert source.given == 4  # one was delivered, three wait
        assert sum(1 for _ in stepping) == 99


def test_no_cameras() -> None:
    assert run([]) == [[]]


# --- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (SourceError("camera b: broke off"), r"camera b: broke off"),
        (ValueError("odd"), r"camera b: unexpected ValueError: odd; please report this"),
        (MemoryError(), r"camera b: unexpected MemoryError"),
        (OSError("rtsp://u:secret@h/"), r"camera b: unexpected OSError: rtsp://\*\*\*@h/; please"),
    ],
)
@pytest.mark.parametrize("live", [False, True])
def test_one_failure_ends_one_camera(failure: Exception, message: str, live: bool) -> None:
    rest = Listed("a", even(100, 20), fps=100)
    broken = Listed("b", even(100, 5), fps=100, live=live, failure=failure)
    seen: dict[str, list[int]] = {"a": [], "b": []}
    ended = []
    with Ticks([rest, broken], threading.Event()) as ticks:
        for frames in ticks:
            ended += [(camera, len(seen["a"])) for camera in ticks.take_ended()]
            for frame in frames:
                seen[frame.camera].append(frame.index)
        ended += [(camera, len(seen["a"])) for camera in ticks.take_ended()]
        assert list(ticks.failures) == ["b"]
        with pytest.raises(SourceError, match=message):
            raise ticks.failures[CameraId("b")]
    assert seen["a"] == list(range(20))
    assert seen["b"][-1] == 4
    assert live or seen["b"] == list(range(5))
    assert [camera for camera, _ in ended] == ["b", "a"]
    assert live or ended[0][1] == 5
    assert ended[1][1] == 20


def test_all_fail() -> None:
    sources = [Listed(name, even(10, 2), failure=SourceError(name)) for name in "ab"]
    with Ticks(sources, threading.Event()) as ticks:
        assert sum(len(frames) for frames in ticks) == 4
        assert ticks.take_ended() == ["a", "b"]
        assert ticks.take_ended() == []
        assert set(ticks.failures) == {"a", "b"}


def test_a_source_that_fails_before_its_first_frame() -> None:
    with Ticks([Listed("a", even(10, 3)), Listed("b", [], failure=SourceError("b"))], threading.Event()) as ticks:
        assert [len(frames) for frames in ticks] == [1, 1, 1]
        assert ticks.take_ended() == ["a", "b"]


# --- live -----------------------------------------------------------------------------------------


def pauses(seconds: float) -> Iterator[float]:
    return itertools.repeat(seconds)


def test_a_live_camera_gives_its_newest_frame_and_counts_the_others() -> None:
    source = Listed("a", even(100, 60), fps=100, live=True, delays=pauses(0.01))
    seen = []
    with Ticks([source], threading.Event()) as ticks:
        for frames in ticks:
            seen.append(frames[0].index)
            assert source.given - 1 - frames[0].index <= 1
            time.sleep(0.05)
        dropped = ticks.dropped
    assert seen == sorted(set(seen))
    assert seen[-1] == 59
    assert dropped == {"a": 60 - len(seen)}
    assert dropped[CameraId("a")] > 30


def test_a_fast_loop_loses_nothing_of_a_live_camera() -> None:
    source = Listed("a", even(100, 30), fps=100, live=True, delays=pauses(0.01))
    with Ticks([source], threading.Event()) as ticks:
        assert [frame.index for frames in ticks for frame in frames] == list(range(30))
        assert ticks.dropped == {"a": 0}


def test_files_beside_a_live_camera_are_paced_and_complete() -> None:
    file = Listed("file", even(50, 21, 7.0), fps=50)
    live = Listed("live", even(100, 35), fps=100, live=True, delays=pauses(0.01))
    arrivals: dict[int, float] = {}
    with Ticks([file, live], threading.Event()) as ticks:
        for frames in ticks:
            arrivals |= {frame.index: time.monotonic() for frame in frames if frame.camera == "file"}
        assert set(ticks.dropped) == {"live"}
    assert list(arrivals) == list(range(21))
    assert arrivals[20] - arrivals[0] == pytest.approx(0.4, abs=0.1)


def test_a_slow_loop_drops_live_frames_but_none_of_a_file() -> None:
    file = Listed("file", even(100, 15), fps=100)
    live = Listed("live", even(100, 40), fps=100, live=True, delays=pauses(0.01))
    seen: dict[str, list[int]] = {"file": [], "live": []}
    with Ticks([file, live], threading.Event()) as ticks:
        for frames in ticks:
            for frame in frames:
                seen[frame.camera].append(frame.index)
            time.sleep(0.03)
    assert seen["file"] == list(range(15))
    assert len(seen["live"]) < 30


# --- stopping -------------------------------------------------------------------------------------


def readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("read ")]


@pytest.mark.parametrize("live", [False, True])
def test_stop_ends_the_loop_while_all_sources_hang(live: bool) -> None:
    stop = threading.Event()
    sources = [Listed(name, even(10, 3), live=live, hang=True, failure=SourceError("closed")) for name in "ab"]
    with Ticks(sources, stop) as ticks:
        begin = time.monotonic()
        threading.Timer(0.2, stop.set).start()
        assert 1 <= sum(len(frames) for frames in ticks) <= 6
        assert 0.2 <= time.monotonic() - begin < 0.2 + 0.2
        assert ticks.take_ended() == []
    assert readers() == []
    assert all(source.closed.is_set() for source in sources)
    assert ticks.failures == {}


@pytest.mark.parametrize("live", [False, True])
def test_stop_ends_the_loop_between_frames(live: bool) -> None:
    stop = threading.Event()
    count = 0
    with Ticks([Listed("a", even(10, 1000), live=live, delays=pauses(0.001))], stop) as ticks:
        for _ in ticks:
            count += 1
            if count == 5:
                stop.set()
                time.sleep(0.05)  # more frames are waiting by now
    assert count == 5


def test_close_waits_no_longer_than_its_limit_for_a_source_that_ignores_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.ticks._CLOSE_TIMEOUT", 0.2)
    source = Listed("a", even(10, 3), hang=True)
    deaf = threading.Event()
    monkeypatch.setattr(source, "close", deaf.set)
    begin = time.monotonic()
    with Ticks([source], threading.Event()) as ticks:
        next(iter(ticks))
    assert 0.2 <= time.monotonic() - begin < 1
    assert deaf.is_set()
    assert readers() == ["read a"]
    source.closed.set()
    while readers():
        time.sleep(0.01)


@pytest.mark.parametrize("live", [False, True])
def test_no_thread_and_no_frame_is_left_after_the_loop_was_left_early(live: bool) -> None:
    sources = [Listed(name, even(10, 1000), live=live) for name in "abc"]
    with Ticks(sources, threading.Event()) as ticks:
        next(iter(ticks))
    ticks.close()
    assert readers() == []
    assert list(ticks) == []
    assert ticks.failures == {}


def test_closed_without_being_started() -> None:
    source = Listed("a", even(10, 3))
    Ticks([source], threading.Event()).close()
    assert source.closed.is_set()
