"""Letterbox: frames of any size on one canvas, scaled with their aspect kept, and boxes back from it.

Rectangular, so that a 16:9 frame costs 0.6 of the square canvas; padded with 114 grey and centred, as YOLO models
are trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.frames import Image
from trackers.tracks import FloatArray

PADDING = 114

_FEWEST_STRIDES = 4

Size = tuple[int, int]  # height, width, px


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a frame lies on the canvas.

    Attributes:
        frame: height and width of the frame, px.
        scaled: height and width it has on the canvas, px.
        top: first row of the canvas that it covers.
        left: first column.
    """

    frame: Size
    scaled: Size
    top: int
    left: int

    @property
    def scale(self) -> FloatArray:
        """(4,) canvas pixels per frame pixel for x1 y1 x2 y2; the axes differ by the rounding to whole pixels."""
        y, x = self.scaled[0] / self.frame[0], self.scaled[1] / self.frame[1]
        return np.array([x, y, x, y], np.float32)

    @property
    def shift(self) -> FloatArray:
        """(4,) position of the frame's corner on the canvas for x1 y1 x2 y2, px."""
        return np.array([self.left, self.top, self.left, self.top], np.float32)

    def to_canvas(self, boxes: FloatArray) -> FloatArray:
        """Boxes (N, 4) x1 y1 x2 y2 from pixels of the frame to pixels of the canvas."""
        return boxes * self.scale + self.shift

    def to_frame(self, boxes: FloatArray) -> FloatArray:
        """Boxes (N, 4) x1 y1 x2 y2 from pixels of the canvas to pixels of the frame; not clipped."""
        return (boxes - self.shift) / self.scale


def canvas_size(frames: Sequence[Size], image_size: int, stride: int) -> Size:
    """The smallest canvas whose sides are multiples of ``stride``, four at least, and that holds every frame.

    Four, so that even there an end-to-end head has the 300 anchors of which it takes the best.

    Args:
        frames: height and width of each frame, px.
        image_size: what the long side of each frame becomes, px; a multiple of ``stride``.
        stride: of the model, px.
    """
    longest = [max(frame) for frame in frames]
    height, width = (
        max(
            _next_multiple(round(frame[axis] * image_size / long), stride)
            for frame, long in zip(frames, longest, strict=True)
        )
        for axis in (0, 1)
    )
    return height, width


def place(frame: Size, canvas: Size) -> Placement:
    """The largest centred placement of a frame on a canvas (each height and width, px) that keeps its aspect."""
    ratio = min(canvas[0] / frame[0], canvas[1] / frame[1])
    height, width = (min(full, max(1, round(side * ratio))) for side, full in zip(frame, canvas, strict=True))
    return Placement(frame, (height, width), (canvas[0] - height) // 2, (canvas[1] - width) // 2)


def paste(image: Image, placement: Placement, canvas: Image) -> None:
    """Write a frame (H, W, 3) and its padding into ``canvas`` (H', W', 3), every pixel of it, in place."""
    import cv2

    (height, width), top, left = placement.scaled, placement.top, placement.left
    canvas[:top] = PADDING
    canvas[top + height :] = PADDING
    canvas[top : top + height, :left] = PADDING
    canvas[top : top + height, left + width :] = PADDING
    inside = canvas[top : top + height, left : left + width]
    cv2.resize(image, (width, height), dst=inside, interpolation=cv2.INTER_LINEAR)


def _next_multiple(side: int, stride: int) -> int:
    return max(_FEWEST_STRIDES, math.ceil(side / stride)) * stride
