"""Crops against slicing and resizing one by one."""

import cv2
import numpy as np
import pytest

from reid.crops import CropBatch

RNG = np.random.default_rng(3)


def picture(height=240, width=320):
    return RNG.integers(0, 256, (height, width, 3), np.uint8)


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def oracle(image, box):
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (round(float(value)) for value in box)
    x1, y1 = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    x2, y2 = max(min(x2, width), x1 + 1), max(min(y2, height), y1 + 1)
    return cv2.resize(np.ascontiguousarray(image[y1:y2, x1:x2]), (128, 256), interpolation=cv2.INTER_LINEAR)


def test_crops_are_those_of_slicing_in_the_order_of_the_images():
    images = [picture(), picture(500, 400), picture(100, 90)]
    sets = [boxes([10, 20, 60, 170], [0.4, 0.6, 320, 240]), boxes(), boxes([3, 3, 50.5, 99.6])]
    batch = CropBatch().fill(images, sets)
    wanted = [oracle(image, box) for image, rows in zip(images, sets, strict=True) for box in rows]
    assert batch.dtype == np.uint8
    np.testing.assert_array_equal(batch, np.stack(wanted))


@pytest.mark.parametrize(
    "box",
    [
        [-50, -20, 40, 100],
        [300, 200, 900, 900],
        [-90, -90, -10, -10],
        [400, 300, 500, 400],
        [20.2, 20.2, 20.4, 20.4],
        [319.9, 239.9, 320, 240],
        [1e9, 1e9, 2e9, 2e9],
    ],
)
def test_boxes_at_and_beyond_the_edge_give_at_least_a_pixel(box):
    image = picture()
    np.testing.assert_array_equal(CropBatch().fill([image], [boxes(box)])[0], oracle(image, box))


def test_frames_that_are_views_are_read_right():
    image = picture()[:, 30:]
    batch = CropBatch().fill([image], [boxes([5, 5, 80, 200])])
    np.testing.assert_array_equal(batch[0], oracle(image, [5, 5, 80, 200]))


def test_the_buffer_grows_to_the_largest_batch_and_is_used_again():
    crops, image = CropBatch(), picture()
    large = crops.fill([image], [boxes(*[[1, 1, 50, 100]] * 5)])
    small = crops.fill([image], [boxes([9, 9, 60, 120])])
    assert np.shares_memory(large, small)
    np.testing.assert_array_equal(small[0], oracle(image, [9, 9, 60, 120]))
    assert crops.fill([image, image], [boxes(), boxes()]).shape == (0, 256, 128, 3)
    assert crops.fill([], []).shape == (0, 256, 128, 3)


def test_images_and_boxes_must_correspond():
    with pytest.raises(ValueError, match="zip"):
        CropBatch().fill([picture()], [boxes([1, 1, 9, 9]), boxes([1, 1, 9, 9])])
