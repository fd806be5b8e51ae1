"""Ways between cameras, learned from links."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from reid.tracklets import CameraId, Tracklet, TrackletKey
from reid.transit import SIDES, Exits, Transits

A, B, C, D = (CameraId(name) for name in "abcd")


def box(x, y):
    return np.array([x - 20, y - 100, x + 20, y], np.float32)


def visit(camera, start, end, entry=(300, 300), leave=(300, 300), track=1):
    return Tracklet(
        TrackletKey(camera, track),
        start,
        end,
        box(*entry),
        box(*leave),
        None,
        np.zeros((0, 0), np.float32),
        9,
        0.0,
    )


def with_area(*cameras):
    transits = Transits()
    for camera in cameras:
        for corner in ((0, 100), (600, 500)):
            transits.see(visit(camera, 0, 1, corner, corner))
    return transits


@pytest.mark.parametrize("median", [3.0, 12.0, 90.0])
def test_the_median_is_known_after_two_hundred_transits(median):
    rng = np.random.default_rng(0)
    transits = with_area(A, B)
    times = median * np.exp(0.3 * rng.normal(size=200))
    for seconds in times:
        transits.add(visit(A, 0, 10), visit(B, 10 + seconds, 60 + seconds))
    (link,) = transits.learned()
    assert (link.origin, link.to) == (A, B)
    assert link.median == pytest.approx(np.median(times), rel=0.1)
    assert link.window == pytest.approx(np.quantile(times, [0.05, 0.95]), rel=0.2)


def test_a_few_wrong_links_do_not_move_the_median():
    rng = np.random.default_rng(1)
    transits = with_area(A, B)
    for seconds in 12 * np.exp(0.3 * rng.normal(size=180)):
        transits.add(visit(A, 0, 10), visit(B, 10 + seconds, 60))
    for seconds in rng.uniform(0.5, 600, 20):
        transits.add(visit(A, 0, 10), visit(B, 10 + seconds, 60))
    assert transits.learned()[0].median == pytest.approx(12, rel=0.15)


def test_who_left_when_and_where_people_leave_for_there_is_likeliest():
    transits = with_area(A, B, C)
    for _ in range(30):  # from a's right side to b's left one, in 12 s; others go to c
        transits.add(visit(A, 0, 10, leave=(590, 300)), visit(B, 22, 30, entry=(10, 300)))
        transits.add(visit(A, 0, 10, leave=(10, 300)), visit(C, 18, 30))
    new = visit(B, 100, 110, entry=(10, 300))
    right = visit(A, 50, 88, leave=(590, 300))
    wrong = [
        visit(A, 50, 40, leave=(590, 300)),  # too long ago
        visit(A, 50, 99, leave=(590, 300)),  # just now
        visit(A, 50, 88, leave=(10, 300)),  # on the other side
        visit(C, 50, 88, leave=(590, 300)),  # from where nobody comes
    ]
    rates = transits.log_rates([right, *wrong], new)
    assert (rates[0] > rates[1:] + 0.5).all()


def test_before_anything_was_learned_the_recent_ones_are_a_little_likelier():
    transits = with_area(A, B)
    rates = transits.log_rates([visit(A, 0, 90), visit(A, 0, 40), visit(A, 0, 1)], visit(B, 100, 110))
    assert (np.diff(rates) < 0).all()
    assert rates[0] - rates[2] < 8


def test_sides_are_those_of_the_part_of_the_view_where_people_are():
    transits = with_area(A)
    places = {
        "left": (20, 300),
        "right": (590, 300),
        "top": (300, 110),
        "bottom": (300, 495),
        "middle": (300, 300),
    }
    assert {name: SIDES[transits.side_of(A, box(*place))] for name, place in places.items()} == {
        name: name for name in places
    }
    assert SIDES[transits.side_of(B, box(0, 0))] == "middle"  # nothing known of it


def test_a_graph_is_found_with_its_shares():
    transits = with_area(A, B, C, D)
    for to, count in ((B, 30), (C, 10), (A, 5)):
        for n in range(count):
            transits.add(visit(A, 0, 10), visit(to, 20 + n / 10, 30))
    links = transits.learned()
    assert [(link.origin, link.to) for link in links] == [(A, B), (A, C)]
    assert links[0].share == pytest.approx(0.75)
    assert transits.learned(least=20) == links[:1]


def test_old_transits_fade():
    transits = with_area(A, B)
    for seconds, count in ((5.0, 3000), (50.0, 3000)):
        for _ in range(count):
            transits.add(visit(A, 0, 10), visit(B, 10 + seconds, 80))
    assert transits.learned()[0].median == pytest.approx(50, rel=0.15)


def test_what_was_learned_survives_as_json():
    transits, again = with_area(A, B), Transits()
    for n in range(20):
        transits.add(visit(A, 0, 10), visit(B, 15 + n, 80))
    again.restore(json.loads(json.dumps(transits.state())))
    assert again.learned() == transits.learned()
    earlier, later = [visit(A, 0, 10), visit(B, 0, 12)], visit(B, 20, 30)
    np.testing.assert_allclose(again.log_rates(earlier, later), transits.log_rates(earlier, later))


def test_the_rate_of_arrivals_is_that_of_lately():
    transits, rng = Transits(), np.random.default_rng(0)
    assert transits.arrival_rate(A) == 0
    for seconds in np.cumsum(rng.exponential(10.0, 1000)):
        transits.arrive(visit(A, seconds, seconds + 5))
    assert transits.arrival_rate(A) == pytest.approx(0.1, rel=0.2)
    assert transits.arrival_rate(B) == 0
    for seconds in 10_000 + np.cumsum(rng.exponential(40.0, 500)):
        transits.arrive(visit(A, seconds, seconds + 5))
    assert transits.arrival_rate(A) == pytest.approx(0.025, rel=0.35)


def test_a_broken_track_goes_on_soon_and_near():
    transits = with_area(A, B)
    gone = Exits.of([visit(A, 0, 10, leave=(300, 300)), visit(B, 0, 10, leave=(300, 300))])

    def gain(later):
        return transits.log_rates_with_broken(gone, later) - transits.log_rates(gone, later)

    near, far = visit(A, 10.5, 20, entry=(310, 300)), visit(A, 10.5, 20, entry=(550, 300))
    late, elsewhere = visit(A, 60, 70, entry=(310, 300)), visit(B, 10.5, 20, entry=(310, 300))
    assert gain(near)[0] > 2
    assert gain(near)[1] == 0  # it was in the other view
    assert gain(elsewhere)[0] == 0
    assert gain(elsewhere)[1] > 2
    for other in (far, late):  # a tenth of all tracks are broken, which takes that much from the others
        assert gain(other)[0] == pytest.approx(np.log(0.9), abs=0.01)


def test_where_the_view_is_not_known_a_track_is_not_broken():
    gone = Exits.of([visit(A, 0, 10)])
    later = visit(A, 10.5, 20)
    transits = Transits()
    assert transits.log_rates_with_broken(gone, later) == pytest.approx(transits.log_rates(gone, later))


def test_boxes_without_height_are_no_fault():
    transits, flat = with_area(A), np.array([280, 300, 320, 300], np.float32)
    gone = Exits.of([replace(visit(A, 0, 10), exit_box=flat)])
    rates = transits.log_rates_with_broken(gone, replace(visit(A, 10.5, 20), entry_box=flat))
    assert np.isfinite(rates).all()
