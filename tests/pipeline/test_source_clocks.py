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
    clock = FileClock(start, 25, fixed=False, label="a.mp4")
    times = [clock.time(index, value) for index, value in enumerate(seconds)]
    assert times[0] >= start
    assert all(late > early for early, late in itertools.pairwise(times))


def test_repaired_times_are_a_nominal_interval_apart_and_the_rest_follows() -> None:
    clock = FileClock(0.0, 10, fixed=False, label="a.mp4")
    said = [0.0, 0.1, None, None, 0.4, 0.2, 0.35, None]
    wanted = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.75]
    assert [clock.time(index, value) for index, value in enumerate(said)] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ([0, 0.04, 0.08, 3600, 0.16, 0.2], [0, 0.04, 0.08, 0.12, 0.16, 0.2]),  # one wrong timestamp
        ([0, 0.04, 0.08, -3600, 0.16, 0.2], [0, 0.04, 0.08, 0.12, 0.16, 0.2]),
        ([100, 100.04, 0, 100.12, 100.16], [100, 100.04, 100.08, 100.12, 100.16]),
        ([0, 0.04, 3600, None, 0.16, 0.2], [0, 0.04, 0.08, 0.12, 0.16, 0.2]),
        ([0, 0.04, 3600, 90, 0.16, 0.2], [0, 0.04, 0.08, 0.12, 0.16, 0.2]),  # two that do not confirm each other
        ([0, 0.01, 3600, 0.03, 0.04, 0.09], [0, 0.01, 0.05, 0.054, 0.058, 0.09]),  # the guess was too late
        ([0, 0.04, 60, 60.04, 60.08], [0, 0.04, 0.08, 60.04, 60.08]),  # a true gap
        ([0, 0.04, 60, 65, 70, 140, 140.04], [0, 0.04, 0.08, 65, 70, 70.04, 140.04]),
        ([0, 9, 18, 27], [0, 9, 18, 27]),  # gaps that need no confirmation
        ([0, 60, 120, 180, 241, 300], [0, 0.04, 120, 180, 241, 300]),  # a time lapse that claims another rate
        ([0, 0.04, 0.08, 0, 0.04, 0.08], [0, 0.04, 0.08, 0.12, 0.16, 0.2]),  # a timeline that begins again
        ([0, 0.04, 5, 0, 0.04, 0.08], [0, 0.04, 5, 5.04, 5.08, 5.12]),
    ],
)
def test_one_wrong_timestamp_shifts_nothing_and_true_gaps_stay(said, wanted) -> None:
    clock = FileClock(7.0, 25, fixed=False, label="a.mp4")
    times = [clock.time(index, value) - 7 for index, value in enumerate(said)]
    assert times == pytest.approx(wanted, abs=1e-6)


def test_long_nominal_intervals_are_no_jumps() -> None:
    clock = FileClock(0.0, 1 / 60, fixed=False, label="a.mp4")
    assert [clock.time(index, 60.0 * index) for index in range(5)] == [0, 60, 120, 180, 240]


@given(times=st.lists(st.floats(0.001, 9.9), min_size=3, max_size=40), data=st.data())
def test_any_single_outlier_leaves_the_other_times_alone(times: list[float], data: st.DataObject) -> None:
    said = list(itertools.accumulate(times, initial=0.0))
    at = data.draw(st.integers(1, len(said) - 2))
    wrong = data.draw(st.sampled_from([-1e5, 1e4, 1e6]))
    clock = FileClock(0.0, 1000, fixed=False, label="a.mp4")  # repairs that never overshoot
    told = [wrong if index == at else value for index, value in enumerate(said)]
    found = [clock.time(index, value) for index, value in enumerate(told)]
    span = said[at + 1] - said[at - 1]
    assert span > 0.001
    if span <= 9.9:
        assert found[:at] + found[at + 1 :] == pytest.approx(said[:at] + said[at + 1 :])


def test_the_first_jump_of_a_file_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = FileClock(0.0, 25, fixed=False, label="camera gate: a.mp4")
    for index, seconds in enumerate([0, 0.04, None, 3600, 0.16, 7200, 0.24]):
        clock.time(index, seconds)
    (record,) = caplog.records
    assert record.getMessage().startswith(
        "camera gate: a.mp4: the timestamp of frame 3 (from 0) jumps to 3600.00 s"
    )


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
