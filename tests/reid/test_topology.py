from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from reid.gallery import Identity
from reid.topology import CameraLink, Topology, Window
from reid.tracklets import CameraId, IdentityId, Tracklet, TrackletKey


def link(origin, to, shortest=0.0, longest=math.inf, **rest):
    return CameraLink(origin=CameraId(origin), to=CameraId(to), seconds=(shortest, longest), **rest)


def seen(camera, start, end, track=1):
    nothing = np.zeros(4, np.float32)
    key = TrackletKey(CameraId(camera), track)
    return Tracklet(key, start, end, nothing, nothing, None, np.zeros((0, 0), np.float32), 1, 0.0)


LINKS = [link("a", "b", 4, 40), link("b", "c", 2, 10), link("c", "a", 1)]


@pytest.mark.parametrize(
    ("origin", "to", "window"),
    [
        ("a", "b", Window(4, 40)),
        ("a", "c", Window(6, math.inf)),  # over b, which may have missed the person
        ("b", "a", Window(3, math.inf)),
        ("a", "a", Window(0, math.inf)),
        ("a", "nowhere", None),
    ],
)
def test_windows(origin, to, window):
    assert Topology(LINKS).window(CameraId(origin), CameraId(to)) == window


def test_without_links_everything_is_possible():
    assert Topology([]).window(CameraId("x"), CameraId("y")) == Window(0, math.inf)


@pytest.mark.parametrize(
    ("earlier", "later", "allowed"),
    [
        (seen("a", 0, 10), seen("b", 14, 20), True),
        (seen("a", 0, 10), seen("b", 13, 20), False),  # too quick
        (seen("a", 0, 10), seen("b", 51, 60), False),  # too slow
        (seen("a", 0, 10), seen("b", 5, 20), False),  # in both at once
        (seen("a", 0, 10), seen("a", 10.1, 20, track=2), True),
        (seen("a", 0, 10), seen("a", 10, 20, track=2), False),  # two people in one picture
    ],
)
def test_who_can_follow_whom(earlier, later, allowed):
    assert Topology(LINKS).can_follow(earlier, later) is allowed


def test_clocks_may_disagree_a_little():
    a, b = seen("a", 0, 10), seen("b", 9.7, 20)
    assert not Topology([]).can_be_one_person(a, b)
    assert Topology([], clock_tolerance=0.5).can_be_one_person(a, b)
    same_camera = seen("a", 9.7, 20, track=2)
    assert not Topology([], clock_tolerance=0.5).can_be_one_person(a, same_camera)


def test_tracks_that_lie_on_each_other_may_be_one_person_found_twice():
    first, second = seen("a", 0, 10), replace(seen("a", 9, 20, track=2), doubles=frozenset({1}))
    for one, two in ((first, second), (second, first)):
        assert Topology(LINKS).can_be_one_person(one, two)
    assert Topology(LINKS).can_follow(first, second)
    elsewhere = replace(second, key=TrackletKey(CameraId("b"), 2))
    assert not Topology(LINKS).can_be_one_person(first, elsewhere)


def test_order_of_the_arguments_does_not_matter():
    a, b = seen("a", 0, 10), seen("b", 14, 20)
    topology = Topology(LINKS)
    assert topology.can_be_one_person(a, b) == topology.can_be_one_person(b, a)


def test_a_window_must_be_in_order():
    with pytest.raises(ValidationError, match="shortest"):
        link("a", "b", 10, 4)


def test_overlapping_views_are_one_place_in_both_directions():
    topology = Topology([link("a", "b", overlap=True), link("a", "c", 0, 10)], 0.5)
    assert topology.window(CameraId("b"), CameraId("c")) == Window(0.0, math.inf)  # by way of a
    assert topology.can_follow(seen("b", 90, 100), seen("c", 105, 110))


def test_a_way_begins_in_the_view_that_was_left_last():
    """A glimpse in an overlapping view in between does not make the way from the first view impossible."""
    topology = Topology([link("a", "b", overlap=True), link("a", "c", 0, 10), link("b", "c", 0, 10)], 0.5)
    person = Identity(IdentityId(1))
    person.put(seen("a", 0, 100))
    person.put(seen("b", 10, 20))
    assert person.admits([seen("c", 105, 110)], topology)
    assert not person.admits([seen("c", 115, 120)], topology)
