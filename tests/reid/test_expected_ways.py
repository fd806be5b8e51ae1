"""What is expected of ways before anybody walked them."""

from __future__ import annotations

import numpy as np
import pytest

from reid.expected_ways import BINS, CENTRES, ExpectedWays
from reid.topology import CameraLink, Topology
from reid.tracklets import CameraId

A, B, C = (CameraId(name) for name in "abc")


def linked(*seconds):
    return ExpectedWays(Topology([CameraLink(origin=A, to=B, seconds=each) for each in seconds]))


def test_without_links_any_camera_is_alike():
    ways = ExpectedWays(Topology([]))
    assert [ways.share(A, to, [A, B, C]) for to in (A, B, C)] == pytest.approx([1 / 3] * 3)
    assert np.array_equal(ways.times(A, B), ways.times(C, C))
    assert ways.times(A, B).sum() == pytest.approx(1)


@pytest.mark.parametrize("window", [(2.0, 12.0), (0.0, 5.0), (60.0, 90.0), (120.0, 122.0)])
def test_the_time_is_within_the_window(window):
    shares, seconds = linked(window).times(A, B), np.exp(CENTRES)
    assert shares.shape == (BINS,)
    assert shares.sum() == pytest.approx(1)
    within = (seconds > 0.8 * window[0]) & (seconds < 1.25 * window[1])
    assert shares[within].sum() > 0.9
    assert (shares > 0).all()  # windows are rarely exact


@pytest.mark.parametrize("window", [(0.0, np.inf), (5.0, np.inf), (0.0, 0.0), (1000.0, 1001.0), (1e7, 2e7)])
def test_a_window_without_ends_or_width_is_no_fault(window):
    shares = linked(window).times(A, B)
    assert shares.sum() == pytest.approx(1)
    assert (shares > 0).all()


def test_people_go_where_links_lead():
    ways = linked((2.0, 12.0))
    to_a, to_b, to_c = (ways.share(A, to, [A, B, C]) for to in (A, B, C))
    assert to_a == to_b > 1000 * to_c > 0
    assert to_a + to_b + to_c == pytest.approx(1, abs=1e-4)


def test_a_camera_that_nobody_was_seen_in_yet_has_a_share():
    assert ExpectedWays(Topology([])).share(A, B, [A]) == pytest.approx(0.5)


@pytest.mark.parametrize("count", [5, 20, 50])
def test_people_go_along_links_however_many_cameras_there_are(count):
    names = [CameraId(f"c{i}") for i in range(count)]
    ring = [CameraLink(origin=names[i], to=names[(i + 1) % count], seconds=(2, 12)) for i in range(count)]
    ways = ExpectedWays(Topology(ring))
    shares = [ways.share(names[0], to, names) for to in names]
    assert sum(shares) == pytest.approx(1)
    assert shares[0] + shares[1] > 0.8


def test_nobody_goes_where_there_is_no_way():
    ways = linked((2.0, 12.0))
    assert 0 < ways.share(B, A, [A, B]) < 1e-4
    assert ways.share(B, B, [A, B]) > 0.9
