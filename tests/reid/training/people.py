"""Crops of people who are easy to tell apart: one colour above, one below, another camera is darker."""

import cv2
import numpy as np


def write_people(folder, people, cameras=2, images=3, first=1, seed=0, size=(64, 32)):
    """Market-1501 names; (folder)."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    height, width = size
    for person in range(first, first + people):
        clothes = np.random.default_rng(person).integers(20, 236, (2, 3))
        for camera in range(1, cameras + 1):
            for number in range(1, images + 1):
                picture = np.repeat(clothes, height // 2, axis=0)[:, None].repeat(width, axis=1).astype(float)
                picture = picture * (1.2 - 0.2 * camera) + rng.normal(0.0, 8.0, picture.shape)
                name = f"{person:04d}_c{camera}s1_{number:06d}_00.png"
                cv2.imwrite(str(folder / name), np.clip(picture, 0, 255).astype(np.uint8))
    return folder
