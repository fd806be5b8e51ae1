"""Pixels of points: by hand, by OpenCV, and back through the lens."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from world.camera import Camera, Window
from world.lens import bent, overscan, remapping, unbent

AHEAD = Camera("ahead", (0.0, 0.0, 2.0), (10.0, 0.0, 2.0), field_of_view=90.0, size=(640, 360))
DISTORTIONS = st.floats(-0.11, 0.3)


def camera_with(distortion, size=(640, 360)):
    return Camera("slanted", (1.0, -2.0, 3.0), (6.0, 4.0, 1.0), 70.0, size, distortion=distortion)


@pytest.mark.parametrize(
    ("point", "pixel", "depth"),
    [
        ((10.0, 0.0, 2.0), (320.0, 180.0), 10.0),
        ((10.0, -5.0, 3.0), (480.0, 148.0), 10.0),  # to the right is -y; higher is a smaller row
        ((5.0, 5.0, 2.0), (0.0, 180.0), 5.0),  # at the left edge, as 90 degrees are seen
        ((-1.0, 0.0, 2.0), None, -1.0),
    ],
)
def test_points_are_projected_as_by_hand(point, pixel, depth):
    found, far = AHEAD.project(np.array(point))
    assert far == pytest.approx(depth)
    if pixel:
        assert found == pytest.approx(pixel)


def test_the_lens_bends_as_by_hand():
    camera = Camera("bent", AHEAD.place, AHEAD.target, 90.0, AHEAD.size, distortion=-0.1)
    pixel, _ = camera.project(np.array([10.0, -5.0, 2.0]))
    assert pixel == pytest.approx((320 + 160 * (1 - 0.1 * 0.25), 180.0))


@pytest.mark.parametrize("distortion", [0.0, -0.1, -0.03, 0.2])
@pytest.mark.parametrize("size", [(640, 360), (1280, 960)])
def test_opencv_agrees(distortion, size):
    camera = camera_with(min(distortion, 0.2) if size == (640, 360) else 0.9 * distortion, size)
    generator = np.random.default_rng(0)
    local = np.column_stack([generator.uniform((-0.6, -0.4), (0.6, 0.4), (200, 2)), np.ones(200)])
    points = local * generator.uniform(1, 20, (200, 1)) @ camera.axes() + camera.place
    matrix = np.array([[camera.focal, 0, size[0] / 2], [0, camera.focal, size[1] / 2], [0, 0, 1]])
    first = camera.distortion * (camera.focal / (size[0] / 2)) ** 2
    turn, _ = cv2.Rodrigues(camera.axes())
    shift = -camera.axes() @ np.asarray(camera.place)
    expected, _ = cv2.projectPoints(points, turn, shift, matrix, np.array([first, 0, 0, 0]))
    assert camera.project(points)[0] == pytest.approx(expected[:, 0], abs=1e-6)


@given(distortion=DISTORTIONS, x=st.floats(0, 640), y=st.floats(0, 360))
def test_unbent_undoes_bent(distortion, x, y):
    camera = camera_with(distortion)
    pixel = np.array([x, y])
    assert bent(camera, unbent(camera, pixel)) == pytest.approx(pixel, abs=1e-3)


@given(distortion=DISTORTIONS, across=st.floats(-0.9, 0.9), down=st.floats(-0.5, 0.5))
def test_bent_undoes_unbent(distortion, across, down):
    camera = camera_with(distortion)
    pixel = np.array([320.0, 180.0]) * (1 + np.array([across, down]))
    assert unbent(camera, bent(camera, pixel)) == pytest.approx(pixel, abs=1e-3)


@given(distortion=DISTORTIONS)
def test_the_overscan_covers_the_picture(distortion):
    camera = camera_with(distortion)
    window = overscan(camera)
    x, y = np.meshgrid(np.linspace(0, 640, 33), np.linspace(0, 360, 19))
    source = unbent(camera, np.stack([x, y], -1).reshape(-1, 2))
    assert (source >= (window.left, window.top)).all()
    assert (source <= (window.left + window.width, window.top + window.height)).all()


def test_an_ideal_lens_needs_neither_overscan_nor_maps():
    assert overscan(AHEAD) == Window(0, 0, 640, 360)
    assert remapping(AHEAD, overscan(AHEAD)) is None


def test_maps_say_where_pixels_come_from():
    camera = camera_with(-0.08)
    window = overscan(camera)
    maps = remapping(camera, window)
    assert maps is not None
    columns, rows = maps
    source = np.array([columns[40, 100] + 0.5 + window.left, rows[40, 100] + 0.5 + window.top])
    assert bent(camera, source) == pytest.approx((100.5, 40.5), abs=0.01)


@given(angle=st.floats(50, 89), around=st.floats(0, 2 * np.pi))
def test_what_is_far_beside_does_not_fold_back_into_the_picture(angle, around):
    camera = camera_with(-0.1)
    tangent = np.tan(np.radians(angle))
    local = np.array([tangent * np.cos(around), tangent * np.sin(around), 1.0])
    pixel, _ = camera.project(local @ camera.axes() + camera.place)
    assert not ((pixel > 0) & (pixel < camera.size)).all()


def test_a_lens_that_leaves_the_corners_dark_is_refused():
    with pytest.raises(ValueError, match=r"distortion must be at least -0\.113, given -0\.2"):
        camera_with(-0.2)
