"""What is drawn, where, and in which colour."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.drawing import UNKNOWN, Trails, clock, colour, draw
from pipeline.frames import Frame, FrameResult
from reid.tracklets import CameraId, IdentityId
from trackers.tracks import Track, TrackId, TrackState

SIZES = [(320, 240), (640, 360), (1920, 1080), (3840, 2160)]


def track(number, box, state=TrackState.CONFIRMED):
    return Track(TrackId(number), np.array(box, np.float32), np.zeros(2, np.float32), 0.9, state)


def result_of(image, tracks=(), identities=None, camera="gate", time=12.3):
    frame = Frame(CameraId(camera), 0, time, image)
    identities = {TrackId(key): IdentityId(value) for key, value in (identities or {}).items()}
    return FrameResult(CameraId(camera), time, frame, list(tracks), identities, [])


def grey(size=(640, 360)):
    return np.full((size[1], size[0], 3), 90, np.uint8)


def has(picture, tint):
    return bool((picture == np.array(tint, np.uint8)).all(axis=2).any())


def changed(before, after):
    """Rows and columns that differ, as left, top, right, bottom."""
    rows, columns = np.nonzero((before != after).any(axis=2))
    return columns.min(), rows.min(), columns.max(), rows.max()


def test_the_input_stays_as_it_is():
    image = grey()
    image.setflags(write=False)
    result = result_of(image, [track(1, [100, 100, 150, 250])], {1: 3})
    drawn = draw(image, result, {TrackId(1): [(90, 250), (125, 250)]})
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert (image == 90).all()
    assert (drawn != 90).any()
    np.testing.assert_array_equal(drawn, draw(image, result, {TrackId(1): [(90, 250), (125, 250)]}))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "box",
    [
        [-0.1, -0.2, 0.1, 0.4],
        [0.9, 0.7, 1.2, 1.3],
        [-0.5, -0.5, 1.5, 1.5],
        [0.4, -0.3, 0.6, -0.05],
        [1.2, 0.2, 1.4, 0.6],
        [0.5, 0.5, 0.5, 0.5],
    ],
)
def test_boxes_beyond_the_edges_do_no_harm(size, box):
    pixels = np.array(box) * np.tile(size, 2)
    drawn = draw(grey(size), result_of(grey(size), [track(12, pixels)], {12: 345}), {})
    assert drawn.shape == (size[1], size[0], 3)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("corner", [(0.0, 0.0), (0.95, 0.0), (0.0, 0.7), (0.95, 0.7), (0.5, 0.3)])
def test_labels_fit_into_the_picture(size, corner):
    """The label keeps its whole size wherever the person stands."""
    width, height = size

    def label_pixels(left, top):
        box = [left, top, left + 0.04 * width, top + 0.25 * height]
        drawn = draw(grey(size), result_of(grey(size), [track(88, box)], {88: 1234}), {})
        return int((drawn == np.array(colour(IdentityId(1234)))).all(axis=2).sum())

    inside = label_pixels(0.5 * width, 0.4 * height)
    there = label_pixels(corner[0] * width, corner[1] * height)
    assert there >= 0.85 * inside  # the edge may cut off a line of the box


@pytest.mark.parametrize("size", SIZES)
def test_the_header_fits_and_leaves_the_picture_free(size):
    image = grey(size)
    left, top, right, bottom = changed(image, draw(image, result_of(image, camera="entrance", time=3.0), {}))
    assert (left, top, right) == (0, 0, size[0] - 1)
    assert 14 <= bottom <= 0.13 * size[1]


def test_one_identity_has_one_colour_in_all_cameras():
    tint = colour(IdentityId(7))
    for camera, number, size in (("gate", 1, (640, 360)), ("yard", 44, (1920, 1080))):
        image = grey(size)
        result = result_of(image, [track(number, [100, 150, 160, 300])], {number: 7}, camera)
        assert has(draw(image, result, {}), tint)


def test_neighbouring_identities_differ():
    tints = np.array([colour(IdentityId(number)) for number in range(1, 200)], int)
    assert (np.abs(np.diff(tints, axis=0)).sum(axis=1) > 100).all()
    assert len({tuple(tint) for tint in tints.tolist()}) > 190


def test_who_has_no_identity_yet_is_grey():
    drawn = draw(grey(), result_of(grey(), [track(5, [100, 150, 160, 300])]), {})
    assert has(drawn, UNKNOWN)


def test_only_who_is_seen_is_drawn():
    image = grey()
    empty = draw(image, result_of(image), {})
    away = [track(1, [100, 150, 160, 300], TrackState.LOST), track(2, [200, 150, 260, 300], TrackState.ENDED)]
    np.testing.assert_array_equal(
        draw(image, result_of(image, away, {1: 1, 2: 2}), {TrackId(1): [(1, 1), (9, 99)]}), empty
    )


def test_who_stands_in_front_is_drawn_last():
    """The order of the tracks does not matter, their feet do."""
    near, far = track(1, [100, 100, 200, 320]), track(2, [140, 90, 190, 240])
    one, other = (draw(grey(), result_of(grey(), order, {1: 1, 2: 2}), {}) for order in ([near, far], [far, near]))
    np.testing.assert_array_equal(one, other)


def test_trails_follow_the_feet_for_some_seconds():
    trails = Trails(1.0)
    for step in range(21):
        points = trails.update(result_of(grey(), [track(1, [10 * step, 50, 10 * step + 20, 150])], time=step / 10))
    assert points[TrackId(1)] == [(10 * step + 10, 150) for step in range(10, 21)]


def test_trails_of_the_lost_fade_and_those_of_the_ended_go():
    trails = Trails(1.0)
    trails.update(result_of(grey(), [track(1, [0, 0, 20, 50]), track(2, [0, 0, 20, 50])], time=0.0))
    lost = [track(1, [0, 0, 20, 50], TrackState.LOST), track(2, [0, 0, 20, 50], TrackState.ENDED)]
    assert trails.update(result_of(grey(), lost, time=0.5)) == {TrackId(1): [(10, 50)]}
    assert not trails.update(result_of(grey(), lost[:1], time=1.6)).get(TrackId(1))


def test_a_trail_is_drawn_in_the_colour_of_its_identity():
    drawn = draw(
        grey(), result_of(grey(), [track(1, [300, 150, 360, 300])], {1: 4}), {TrackId(1): [(100, 200), (200, 200)]}
    )
    np.testing.assert_allclose(drawn[200, 150], colour(IdentityId(4)), atol=20)  # edges are smoothed


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0.0, "0:00.0"),
        (61.25, "1:01.2"),
        (3600.0, "60:00.0"),
        (59.99, "1:00.0"),
        (1772355600.0, "2026-03-01 09:00:00"),
    ],
)
def test_the_clock(time, text):
    assert clock(time) == text


def test_labels_of_people_close_together_do_not_cover_each_other():
    """A covered first digit makes another identity."""
    boxes = [[100 + 12 * step, 150 + 3 * step, 140 + 12 * step, 290 + 3 * step] for step in range(5)]
    people = [track(number, each) for number, each in enumerate(boxes, start=1)]
    identities = {number: 30 + number for number in range(1, 6)}
    drawn = draw(grey(), result_of(grey(), people, identities), {})
    for person in people:
        alone = draw(grey(), result_of(grey(), [person], identities), {})
        tint = np.array(colour(identities[person.id]), np.uint8)
        area = [int((picture == tint).all(axis=2).sum()) for picture in (drawn, alone)]
        assert area[0] > 0.8 * area[1]  # some of the thin box is covered, the label is not


def test_identities_close_in_number_differ_in_colour():
    colours = np.array([colour(IdentityId(number)) for number in range(1, 200)], int)
    apart = np.abs(colours[:, None] - colours[None]).sum(axis=2)
    close = np.abs(np.subtract.outer(np.arange(199), np.arange(199)))
    assert apart[(close > 0) & (close <= 40)].min() > 40
