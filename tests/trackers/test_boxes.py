import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackers.boxes import iou_matrix, xyah_to_xyxy, xyxy_to_xyah

corner = st.floats(-2000, 2000)
side = st.floats(1, 500)
boxes = st.lists(st.tuples(corner, corner, side, side), max_size=6).map(
    lambda rows: np.array([[x, y, x + w, y + h] for x, y, w, h in rows]).reshape(-1, 4)
)


@given(boxes)
def test_formats_round_trip(xyxy):
    np.testing.assert_allclose(xyah_to_xyxy(xyxy_to_xyah(xyxy)), xyxy, atol=1e-6)


@given(boxes, boxes)
def test_iou_equals_the_definition_box_by_box(a, b):
    matrix = iou_matrix(a, b)
    assert matrix.shape == (len(a), len(b))
    for i, p in enumerate(a):
        for j, q in enumerate(b):
            width = max(0.0, min(p[2], q[2]) - max(p[0], q[0]))
            height = max(0.0, min(p[3], q[3]) - max(p[1], q[1]))
            union = (p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]) - width * height
            assert matrix[i, j] == pytest.approx(width * height / union, abs=1e-9)


@pytest.mark.parametrize(
    ("a", "b", "iou"),
    [
        ([0, 0, 10, 10], [0, 0, 10, 10], 1.0),
        ([0, 0, 10, 10], [5, 0, 15, 10], 1 / 3),
        ([0, 0, 10, 10], [10, 0, 20, 10], 0.0),
        ([0, 0, 10, 10], [2, 2, 4, 4], 0.04),
    ],
)
def test_known_overlaps(a, b, iou):
    assert iou_matrix([a], [b])[0, 0] == pytest.approx(iou)
