"""Crops of people, from the frames into one batch without a float in between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

HEIGHT, WIDTH = 256, 128  # what OSNet was trained on (paper, section 4.1)

Image = npt.NDArray[np.uint8]


class CropBatch:
    """A uint8 buffer that is filled with the crops of one tick and used again for the next."""

    def __init__(self) -> None:
        self._buffer = np.empty((0, HEIGHT, WIDTH, 3), np.uint8)

    def fill(self, images: Sequence[Image], boxes: Sequence[npt.NDArray[np.float32]]) -> Image:
        """Cut out and resize (bilinear) every box of every image.

        Args:
            images: (H, W, 3) BGR, of any sizes.
            boxes: (K, 4) xyxy for each image; clipped to it, at least one pixel each way is taken.

        Returns:
            (sum of K, 256, 128, 3), image by image; valid until the next call.
        """
        import cv2

        count = sum(len(rows) for rows in boxes)
        if count > len(self._buffer):
            self._buffer = np.empty((count, HEIGHT, WIDTH, 3), np.uint8)
        batch = self._buffer[:count]
        place = 0
        for image, rows in zip(images, boxes, strict=True):
            height, width = image.shape[:2]
            limits = np.array([width, height, width, height])
            corners = np.clip(np.round(rows), 0, limits).astype(int)
            left = np.minimum(corners[:, 0], width - 1)
            top = np.minimum(corners[:, 1], height - 1)
            right = np.maximum(corners[:, 2], left + 1)
            bottom = np.maximum(corners[:, 3], top + 1)
            for x1, y1, x2, y2 in zip(left, top, right, bottom, strict=True):
                cv2.resize(image[y1:y2, x1:x2], (WIDTH, HEIGHT), dst=batch[place])
                place += 1
        return batch
