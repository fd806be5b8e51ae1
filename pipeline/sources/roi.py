"""Cutting `roi` out of a picture."""

from __future__ import annotations

import numpy as np

from pipeline.errors import SourceError
from pipeline.frames import Image

Roi = tuple[int, int, int, int]


def crop(image: Image, roi: Roi | None, label: str) -> Image:
    """The part of a picture that ``roi`` (left, top, right, bottom in px) names, contiguous in memory.

    Raises:
        SourceError: if it reaches outside the picture.
    """
    if roi is None:
        return np.ascontiguousarray(image)
    left, top, right, bottom = roi
    height, width = image.shape[:2]
    if right > width or bottom > height:
        raise SourceError(
            f"{label}: roi {list(roi)} reaches outside the picture, which is {width} wide and {height} high; "
            f"it is [left, top, right, bottom] with right at most {width} and bottom at most {height}"
        )
    return np.ascontiguousarray(image[top:bottom, left:right])


def offset(roi: Roi | None) -> tuple[int, int]:
    """Left and top of the part in the picture, px."""
    return (0, 0) if roi is None else roi[:2]
