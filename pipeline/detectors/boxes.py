"""What every detector does to its boxes last: suppress duplicates, clip, drop, sort."""

from __future__ import annotations

import numpy as np

from trackers.tracks import Detections, FloatArray, IntArray


def by_score(boxes: FloatArray, scores: FloatArray) -> IntArray:
    """(N,) order by falling score; equal scores by position, so that the order never depends on the source's."""
    return np.lexsort((*boxes.T[::-1], -scores))


def suppress(boxes: FloatArray, scores: FloatArray, iou: float) -> IntArray:
    """Greedy non-maximum suppression.

    Args:
        boxes: (N, 4) x1 y1 x2 y2, by falling score.
        scores: (N,), positive.
        iou: a box goes when its intersection over union with a kept one of higher score is above this.

    Returns:
        (K,) indices of the boxes kept, ascending.
    """
    if len(boxes) < 2:
        return np.arange(len(boxes))
    import cv2

    ltwh = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).astype(np.float64)
    # The stub asks for lists; arrays are taken too, and ten times faster.
    kept = cv2.dnn.NMSBoxes(ltwh, scores, 0.0, iou)  # type: ignore[arg-type]
    return np.sort(np.asarray(kept, np.int64).reshape(-1))


def inside_image(boxes: FloatArray, scores: FloatArray, size: tuple[int, int]) -> Detections:
    """Detections clipped to an image of ``size`` (height, width), those without area dropped, by falling score."""
    height, width = size
    clipped = np.clip(boxes, 0, np.array([width, height, width, height], np.float32))
    # Comparing is False for NaN too: what is not a box is dropped.
    solid = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    clipped, scores = clipped[solid], scores[solid]
    order = by_score(clipped, scores)
    return Detections(np.ascontiguousarray(clipped[order]), scores[order])
