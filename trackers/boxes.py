"""Box formats and overlap. Formats are in the names: xyxy = corners, xyah = centre, aspect ratio w/h, height."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]


def xyxy_to_xyah(xyxy: npt.ArrayLike) -> Float:
    """(N, 4) x1 y1 x2 y2 -> (N, 4) centre x, centre y, width / height, height."""
    x1, y1, x2, y2 = np.asarray(xyxy, np.float64).T
    return np.stack([(x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / (y2 - y1), y2 - y1], axis=1)


def xyah_to_xyxy(xyah: npt.ArrayLike) -> Float:
    """(N, 4) centre x, centre y, width / height, height -> (N, 4) x1 y1 x2 y2."""
    x, y, a, h = np.asarray(xyah, np.float64).T
    return np.stack([x - a * h / 2, y - h / 2, x + a * h / 2, y + h / 2], axis=1)


def iou_matrix(rows: npt.ArrayLike, columns: npt.ArrayLike) -> Float:
    """Intersection over union of (N, 4) and (M, 4) xyxy boxes: element (i, j) is of row box i and column box j."""
    a, b = np.asarray(rows, np.float64), np.asarray(columns, np.float64)
    overlap = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    intersection = np.prod(np.clip(overlap, 0, None), axis=2)
    area_a, area_b = np.prod(a[:, 2:] - a[:, :2], axis=1), np.prod(b[:, 2:] - b[:, :2], axis=1)
    union = area_a[:, None] + area_b[None, :] - intersection
    iou: Float = np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)
    return iou
