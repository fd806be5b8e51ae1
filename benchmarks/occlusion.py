"""Who hides whom, from boxes alone: on level ground, whoever stands lower in the picture is nearer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Occlusion(NamedTuple):
    """For each of N boxes.

    Attributes:
        by: (N,) int64, the box that covers most of it; itself where none does.
        most: (N,) share of its area that this box covers.
        all: (N,) share that all nearer boxes cover, added up, at most 1.
    """

    by: Ints
    most: Floats
    all: Floats


def occlusion_of(xyxy: Floats, margin: float = 1.0) -> Occlusion:
    """What nearer boxes cover of each of (N, 4) boxes.

    Args:
        xyxy: px, with areas above 0.
        margin: px by which a box must reach lower to be nearer.
    """
    count = len(xyxy)
    if not count:
        return Occlusion(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    overlap = np.minimum(xyxy[:, None, 2:], xyxy[None, :, 2:]) - np.maximum(xyxy[:, None, :2], xyxy[None, :, :2])
    nearer = xyxy[None, :, 3] > xyxy[:, None, 3] + margin
    covered = (
        np.prod(np.clip(overlap, 0, None), axis=2) * nearer / np.prod(xyxy[:, 2:] - xyxy[:, :2], axis=1)[:, None]
    )
    most = covered.max(axis=1)
    by = np.where(most > 0, covered.argmax(axis=1), np.arange(count))
    return Occlusion(by, most, np.minimum(covered.sum(axis=1), 1.0))
