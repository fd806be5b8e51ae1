"""The clocks of files and of live streams."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.clocks import FileClock, LiveClock


@given(
    seconds=st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=1, max_size=40),
    start=st.sampled_from([0.0, 1.7e9]),
)
def test_times_increase_whatever_the_container_says(seconds: list[float | None], start: float) -> None:
    clock = FileClock(start, 25, fixed=False)
    times = [clock.time(index, value) for index, value in enumerate(seconds)]
    assert times[0] >= start
    assert all(late > early for early, late in itertools.pairwise(times))


def test_repaired_times_are_a_nominal_interval_apart_and_the_rest_follows() -> None:
    clock = FileClock(0.0, 10, fixed=False)
    said = [0.0, 0.1, None, None, 0.4, 0.2, 0.35, None]
    wanted = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.75]
    assert [clock.time(index, value) for index, value in enumerate(said)] == pytest.approx(wanted)


class Steady:
    """A clock that tests move by hand."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def live_times(arrivals: list[float], said: list[float | None]) -> list[float]:
    steady = Steady()
    clock = LiveClock(10, wall=lambda: 1050.0, monotonic=steady)
    times = []
    for arrival, seconds in zip(arrivals, said, strict=True):
        steady.now = 50 + arrival
        times.append(clock.time(seconds))
    return times


def test_jitter_of_the_network_does_not_reach_the_times() -> None:
    times = live_times([0.0, 0.18, 0.21, 0.3, 0.45], [0.0, 0.1, 0.2, 0.3, 0.4])
    assert times == pytest.approx([1050.0, 1050.1, 1050.2, 1050.3, 1050.4])


def test_the_clock_is_set_anew_after_more_than_a_second_of_drift() -> None:
    times = live_times([0.0, 0.9, 2.0, 2.1], [0.0, 0.1, 0.2, 0.3])
    assert times == pytest.approx([1050.0, 1050.1, 1052.0, 1052.1])


def test_after_a_reconnection_the_stream_counts_from_its_new_first_frame() -> None:
    steady = Steady()
    clock = LiveClock(10, wall=lambda: 1050.0, monotonic=steady)
    clock.time(0.0)
    clock.restart()
    steady.now += 0.6
    assert clock.time(0.0) == pytest.approx(1050.6)


def test_without_timestamps_arrival_counts() -> None:
    assert live_times([0.0, 0.2, 0.3], [None, None, None]) == pytest.approx([1050.0, 1050.2, 1050.3])


def test_times_catch_up_after_a_burst_and_never_go_back() -> None:
    said: list[float | None] = [index / 10 for index in range(100)]  # ten seconds arrive at once ...
    arrivals = [0.002 * index for index in range(50)] + [0.1 + 0.1 * index for index in range(50)]
    times = live_times(arrivals, said)
    assert all(late > early for early, late in itertools.pairwise(times))
    assert times[-1] == pytest.approx(1050 + arrivals[-1], abs=1.0)
