"""Letterbox: the canvas, where frames lie on it, and the way back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detectors.letterbox import PADDING, canvas_size, paste, place


@pytest.mark.parametrize(
    ("frames", "canvas"),
    [
        ([(480, 640)], (480, 640)),
        ([(1080, 1920)], (384, 640)),
        ([(1920, 1080)], (640, 384)),
        ([(576, 330), (576, 328)], (640, 384)),
        ([(1080, 1920), (480, 640)], (480, 640)),
        ([(1080, 1920), (1920, 1080)], (640, 640)),
        ([(3, 2000)], (128, 640)),
        ([(32, 32)], (640, 640)),
    ],
)
def test_canvas_is_the_smallest_for_all(frames: list[tuple[int, int]], canvas: tuple[int, int]) -> None:
    assert canvas_size(frames, 640, 32) == canvas


sides = st.integers(8, 4000)
frame_sizes = st.tuples(sides, sides)


@settings(deadline=None)
@given(st.lists(frame_sizes, min_size=1, max_size=4), st.sampled_from([320, 640, 960]))
def test_every_frame_fits_with_its_aspect(frames: list[tuple[int, int]], image_size: int) -> None:
    canvas = canvas_size(frames, image_size, 32)
    assert canvas[0] % 32 == canvas[1] % 32 == 0
    assert max(canvas) == image_size
    for frame in frames:
        placement = place(frame, canvas)
        (height, width), ratio = placement.scaled, image_size / max(frame)
        assert placement.top + height <= canvas[0]
        assert placement.left + width <= canvas[1]
        assert abs(height - frame[0] * ratio) <= 1
        assert abs(width - frame[1] * ratio) <= 1
        assert abs(canvas[0] - height - 2 * placement.top) <= 1
        assert abs(canvas[1] - width - 2 * placement.left) <= 1


@settings(deadline=None)
@given(frame_sizes, st.sampled_from([(384, 640), (640, 640), (640, 384)]), st.integers(0, 10**6))
def test_boxes_come_back_from_the_canvas(frame: tuple[int, int], canvas: tuple[int, int], seed: int) -> None:
    height, width = frame
    ends = np.sort(np.random.default_rng(seed).uniform(0, 1, (20, 2, 2)), axis=1).reshape(20, 4)
    boxes = (ends * [width, height, width, height]).astype(np.float32)
    placement = place(frame, canvas)
    on_canvas = placement.to_canvas(boxes)
    assert (on_canvas >= -1e-2).all()
    assert (on_canvas <= np.array([*canvas[::-1], *canvas[::-1]]) + 1e-2).all()
    np.testing.assert_allclose(placement.to_frame(on_canvas), boxes, rtol=0, atol=max(frame) * 1e-5)


@pytest.mark.parametrize("size", [(240, 320), (320, 100), (333, 517)])
def test_a_marked_spot_lands_where_boxes_say(size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    box = np.array([[size[1] * 0.25, size[0] * 0.5, size[1] * 0.5, size[0] * 0.75]], np.float32).round()
    left, top, right, bottom = box[0].astype(int)
    image[top:bottom, left:right] = 255
    canvas = np.empty((256, 320, 3), np.uint8)
    placement = place(size, (256, 320))
    paste(image, placement, canvas)
    rows, columns = np.nonzero(canvas[:, :, 0] > 127 + 60)
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(placement.to_canvas(box)[0], seen, atol=1.0)
    height, width = placement.scaled
    inside = np.zeros((256, 320), bool)
    inside[placement.top : placement.top + height, placement.left : placement.left + width] = True
    assert (canvas[~inside] == PADDING).all()
