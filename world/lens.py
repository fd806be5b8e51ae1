"""What a lens does to a picture: from straight lines to bent ones and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from world.camera import Array, Camera, Window

FloatMap = NDArray[np.float32]
_ROUNDS = 12


def bent(camera: Camera, pixels: Array) -> Array:
    """Where pixels (..., 2) of the undistorted picture lie in the final one."""
    middle, half = np.asarray(camera.size) / 2, camera.size[0] / 2
    flat = (pixels - middle) / half
    return np.asarray(flat * camera.bending(np.square(flat).sum(-1, keepdims=True)) * half + middle)


def unbent(camera: Camera, pixels: Array) -> Array:
    """Where pixels (..., 2) of the final picture lie in the undistorted one, by Newton's method on the radius."""
    middle, half = np.asarray(camera.size) / 2, camera.size[0] / 2
    goal = (pixels - middle) / half
    wanted = np.linalg.norm(goal, axis=-1, keepdims=True)
    radius = wanted.copy()
    for _ in range(_ROUNDS):
        factor = camera.bending(radius**2)
        radius -= (radius * factor - wanted) / np.maximum(3 * factor - 2, 0.01)
    return np.asarray(goal / camera.bending(radius**2) * half + middle)


def overscan(camera: Camera) -> Window:
    """The undistorted window that holds all that the lens bends into the picture."""
    width, height = camera.size
    if camera.distortion == 0:
        return Window(0, 0, width, height)
    rim = unbent(camera, np.array([(x, y) for x in (0, width / 2, width) for y in (0, height / 2, height)], float))
    half = 2 * np.ceil(np.abs(rim - np.asarray(camera.size) / 2).max(0) / 2) + 2  # sides that divide by four
    left, top = np.asarray(camera.size) / 2 - half
    return Window(float(left), float(top), float(2 * half[0]), float(2 * half[1]))


def remapping(camera: Camera, window: Window) -> tuple[FloatMap, FloatMap] | None:
    """For cv2.remap: where in the window each pixel of the picture comes from; None where the lens is ideal."""
    if camera.distortion == 0:
        return None
    width, height = camera.size
    grid = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1).astype(float)
    source = unbent(camera, grid) - (window.left + 0.5, window.top + 0.5)
    return source[..., 0].astype(np.float32), source[..., 1].astype(np.float32)
