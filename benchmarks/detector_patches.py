"""What a detector is trained on: patches of pictures at many scales, in the colours and faults of many cameras.

Patches, because a pass over whole pictures is mostly over background: in a patch of 224 pixels around somebody the
same work shows several times as many people at the size at which the detector will see them.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from benchmarks.detector_frames import Boxes, Labelled
from pipeline.detectors.letterbox import PADDING, paste, place
from pipeline.frames import Image

LONG_SIDE = 640  # pixels to which the detector scales the long side of a picture
_SCALES = 0.5, 1.6  # of a patch, in units of that
_KEPT = 0.25  # share of a box that a patch must show; less is no person
_LEAST = 8.0  # pixels of height of a label
_NEAR = 0.85  # share of patches around somebody
_MOSAIC = 0.25  # share of patches put together of four


def patch(frames: Sequence[Labelled], size: int, rng: np.random.Generator) -> tuple[Image, Boxes]:
    """A training example (size, size, 3) uint8 BGR and its boxes (N, 4) x1 y1 x2 y2.

    Args:
        frames: of which one is chosen, or four.
        size: pixels of a side.
        rng: draws everything.
    """
    if rng.random() < _MOSAIC:
        image, boxes = _mosaic(frames, size, rng)
    else:
        image, boxes = _cut(frames[int(rng.integers(len(frames)))], size, rng)
    return photographed(image, rng), boxes


def whole(frames: Sequence[Labelled], canvas: tuple[int, int], rng: np.random.Generator) -> tuple[Image, Boxes]:
    """A whole picture on a canvas (height, width), as the detector will see it, and its boxes in canvas pixels."""
    frame = frames[int(rng.integers(len(frames)))]
    placement = place((frame.image.shape[0], frame.image.shape[1]), canvas)
    image = np.empty((*canvas, 3), np.uint8)
    paste(frame.image, placement, image)
    boxes = np.asarray(placement.to_canvas(frame.boxes), np.float32)
    if rng.random() < 0.5:
        image, boxes = np.ascontiguousarray(image[:, ::-1]), _mirrored(boxes, canvas[1])
    return photographed(image, rng), boxes


def photographed(image: Image, rng: np.random.Generator) -> Image:
    """The picture in another light, by another camera: colours, blur, noise, compression."""
    image = _coloured(image, rng)
    if rng.random() < 0.2:  # a camera of fewer pixels
        factor = rng.uniform(0.4, 0.9)
        height, width = image.shape[:2]
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, (width, height)), np.uint8)
    if rng.random() < 0.25:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.4)), np.uint8)
    elif rng.random() < 0.2:
        softer = cv2.GaussianBlur(image, (0, 0), 1.2)
        image = np.asarray(
            cv2.addWeighted(image, 1 + (sharp := rng.uniform(0.3, 1.5)), softer, -sharp, 0), np.uint8
        )
    if rng.random() < 0.3:
        noise = np.empty(image.shape, np.int8)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, np.zeros(1), np.array([rng.uniform(2, 12)]))
        image = np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)
    if rng.random() < 0.5:
        quality = int(rng.integers(20, 85))
        _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return image


def _coloured(image: Image, rng: np.random.Generator) -> Image:
    """Hue, saturation, grey, then gain, offset and gamma, a little different for each channel."""
    if rng.random() < 0.5:
        hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
        hue = (np.arange(256) + rng.integers(-12, 13)) % 180
        saturation = np.clip(np.arange(256) * rng.uniform(0.4, 1.5), 0, 255)
        table = np.stack([hue, saturation, np.arange(256)], -1).astype(np.uint8)
        image = np.asarray(cv2.cvtColor(cv2.LUT(hsv, table[None]), cv2.COLOR_HSV2BGR), np.uint8)
    if rng.random() < 0.15:
        image = np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)
    gamma = float(np.exp(rng.normal(0, 0.2)))
    contrast, tint = float(np.exp(rng.normal(0, 0.25))), np.exp(rng.normal(0, 0.05, 3))
    mean = float(image.mean())
    offset = float(rng.normal(0, 18))
    curve = 255 * (np.arange(256)[:, None] / 255) ** gamma
    table = np.clip((curve - mean) * contrast * tint + mean + offset, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[None]), np.uint8)


def _cut(frame: Labelled, size: int, rng: np.random.Generator) -> tuple[Image, Boxes]:
    """A square of a picture, scaled, a little turned and stretched, half of them mirrored."""
    height, width = frame.image.shape[:2]
    scale = LONG_SIDE / max(height, width) * np.exp(rng.uniform(*np.log(_SCALES)))
    stretch = np.exp(rng.normal(0, 0.06))
    angle = rng.normal(0, 0.05) if rng.random() < 0.3 else 0.0
    reach = size / scale / 2  # half of the square, in pixels of the picture
    if len(frame.boxes) and rng.random() < _NEAR:
        left, top, right, bottom = frame.boxes[int(rng.integers(len(frame.boxes)))]
        middle = np.array([left + right, top + bottom]) / 2 + rng.uniform(-0.8, 0.8, 2) * reach
    else:
        middle = rng.uniform(0, 1, 2) * (width, height)
    # Little beyond the picture's edge, unless the square is larger than the picture.
    margin = np.minimum(0.9 * reach, np.array([width, height]) / 2)
    middle = np.clip(middle, margin, np.array([width, height]) - margin)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    matrix = np.array([[cosine * stretch, -sine], [sine, cosine / stretch]])
    moved = np.concatenate([matrix, (size / 2 - matrix @ middle)[:, None]], 1)
    grey = (PADDING,) * 3
    image = np.asarray(cv2.warpAffine(frame.image, moved, (size, size), borderValue=grey), np.uint8)
    boxes = _turned(frame.boxes, moved)
    if rng.random() < 0.5:
        image, boxes = np.ascontiguousarray(image[:, ::-1]), _mirrored(boxes, size)
    return image, inside(boxes, (0, 0, size, size))


def _mosaic(frames: Sequence[Labelled], size: int, rng: np.random.Generator) -> tuple[Image, Boxes]:
    """Four squares in one, each a quarter, more or less: people in front of many backgrounds, cut off anywhere."""
    x, y = (int(value) for value in rng.uniform(0.3, 0.7, 2) * size)
    image, found = np.empty((size, size, 3), np.uint8), []
    for left, top, right, bottom in ((0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)):
        part, boxes = _cut(frames[int(rng.integers(len(frames)))], max(right - left, bottom - top), rng)
        image[top:bottom, left:right] = part[: bottom - top, : right - left]
        found.append(inside(boxes + np.array([left, top, left, top], np.float32), (left, top, right, bottom)))
    return image, np.concatenate(found)


def inside(boxes: Boxes, window: tuple[int, int, int, int]) -> Boxes:
    """Boxes (N, 4) cut to a window x1 y1 x2 y2, without those of which little is left."""
    low, high = np.array(window[:2], np.float32), np.array(window[2:], np.float32)
    cut = np.concatenate([np.clip(boxes[:, :2], low, high), np.clip(boxes[:, 2:], low, high)], 1)
    area, left = (np.prod(part[:, 2:] - part[:, :2], axis=1) for part in (boxes, cut))
    return np.asarray(cut[(left >= _KEPT * area) & (cut[:, 3] - cut[:, 1] >= _LEAST)], np.float32)


def _turned(boxes: Boxes, matrix: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Boxes:
    """Boxes around what an affine map (2, 3) makes of ellipses in the boxes: people do not fill the corners."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    halves = np.sqrt(np.square((boxes[:, 2:] - boxes[:, :2]) / 2) @ np.square(matrix[:, :2]).T)
    return np.concatenate([middles - halves, middles + halves], 1).astype(np.float32)


def _mirrored(boxes: Boxes, width: int) -> Boxes:
    return np.asarray(
        np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1), np.float32
    )
