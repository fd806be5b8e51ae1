from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid.doubles import Doubles, shares_within
from tests.factories import box


def watched(*frames):
    """Doubles after frames of {track: left edge}; boxes are 40 px wide."""
    doubles = Doubles()
    for frame in frames:
        doubles.see(list(frame), np.array([box(x) for x in frame.values()], np.float32).reshape(-1, 4))
    return doubles


def test_who_is_found_twice_lies_on_the_other_from_the_first_to_the_last_moment():
    doubles = watched({1: 0}, {1: 4, 2: 6}, {1: 8, 2: 9}, {2: 13})
    assert doubles.of(1) == {2}
    assert doubles.of(2) == {1}


@pytest.mark.parametrize(
    "frames",
    [
        ({1: 0, 2: 100}, {1: 40, 2: 60}, {1: 50, 2: 50}, {1: 60, 2: 40}),  # they cross
        ({1: 0}, {1: 4, 2: 5}, {1: 8, 2: 40}, {1: 12, 2: 80}),  # one comes out from behind the other
        ({1: 0}, {2: 0}),  # never at the same moment
    ],
)
def test_others_are_two_people(frames):
    doubles = watched(*frames)
    assert doubles.of(1) == doubles.of(2) == frozenset()


def test_what_is_forgotten_takes_no_room():
    doubles = watched({1: 0, 2: 2})
    doubles.forget(1)
    assert doubles.of(2) == frozenset()
    doubles.forget(2)
    assert not vars(doubles)["_known"]
    assert not vars(doubles)["_pairs"]


def test_a_small_box_inside_a_large_one_counts_by_the_small_one():
    outer, inner = (
        np.array([[0, 0, 100, 200]], np.float32),
        np.array([[10, 10, 30, 60], [90, 0, 110, 40]], np.float32),
    )
    np.testing.assert_allclose(shares_within(outer, inner), [[1.0, 0.5]])


PLACES = st.dictionaries(st.integers(1, 5), st.floats(0, 200, width=16), min_size=1, max_size=5)


@given(st.lists(PLACES, min_size=1, max_size=8))
def test_doubles_are_mutual_and_lie_on_each_other_in_some_frame(frames):
    doubles = watched(*frames)
    for track in range(1, 6):
        for other in doubles.of(track):
            assert track in doubles.of(other)
            assert track != other
            apart = [abs(frame[track] - frame[other]) for frame in frames if track in frame and other in frame]
            assert min(apart) < 40
