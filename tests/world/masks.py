"""Where people are in a picture, found by drawing them far larger than any camera does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from world.camera import Camera, Window

if TYPE_CHECKING:
    from world.renderer import Posed, Renderer

FINER = 6  # pixels drawn for each pixel of the picture


def straight_window(camera: Camera, one: Posed) -> Window:
    """Around a person, whole pixels of the undistorted picture, with a margin of two."""
    local = (one.vertices - np.asarray(camera.place)) @ camera.axes().T
    pixels = local[:, :2] / local[:, 2:] * camera.focal + np.asarray(camera.size) / 2
    low, high = np.floor(pixels.min(0)) - 2, np.ceil(pixels.max(0)) + 2
    return Window(float(low[0]), float(low[1]), *(high - low).tolist())


def depths(renderer: Renderer, camera: Camera, window: Window, posed: list[Posed], *, site: bool) -> np.ndarray:
    """(H, W) of the depth buffer, 1 where nothing is."""
    import moderngl

    from world.renderer import view_matrix

    context = renderer.context
    size = int(FINER * window.width), int(FINER * window.height)
    picture, depth = context.renderbuffer(size, 3), context.depth_texture(size)
    target = context.framebuffer(picture, depth)
    target.use()
    target.clear(depth=1.0)
    context.enable_only(moderngl.DEPTH_TEST)
    matrix = view_matrix(camera, window)
    if site:
        renderer.draw_scenery(matrix, (1.0, 1.0, 1.0))
    renderer.draw_people(posed, matrix, camera.place, (1.0, 1.0, 1.0))
    raw = np.frombuffer(target.read(attachment=-1, components=1, dtype="f4"), np.float32)
    for thing in (target, picture, depth):
        thing.release()
    return raw.reshape(size[::-1])


def bent_by_opencv(camera: Camera, pixels: np.ndarray) -> np.ndarray:
    """(N, 2) pixels of the undistorted picture to those of the final one."""
    middle = np.asarray(camera.size) / 2
    rays = np.column_stack([(pixels - middle) / camera.focal, np.ones(len(pixels))])
    matrix = np.array([[camera.focal, 0, middle[0]], [0, camera.focal, middle[1]], [0, 0, 1]])
    first = camera.distortion * (camera.focal / (camera.size[0] / 2)) ** 2
    found, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), matrix, np.array([first, 0, 0, 0]))
    return np.asarray(found).reshape(-1, 2)


def box_of(camera: Camera, window: Window, mask: np.ndarray, *, clip: bool = False) -> np.ndarray | None:
    """(4,) left, top, right, bottom of a mask in pixels of the final picture; clipped: of what lies in it."""
    rows, columns = np.nonzero(mask)
    low = np.array([window.left, window.top]) + np.stack([columns, rows], -1) / FINER
    if clip and len(low):
        middle = bent_by_opencv(camera, low + 0.5 / FINER)
        low = low[((middle >= 0) & (middle < camera.size)).all(1)]
    if not len(low):
        return None
    ends = np.concatenate([bent_by_opencv(camera, low), bent_by_opencv(camera, low + 1 / FINER)])
    return np.concatenate([ends.min(0), ends.max(0)])


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """IoU of two boxes."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.clip(sides, 0, None).prod())
    areas = [float(np.prod(box[2:] - box[:2])) for box in (one, other)]
    return shared / (sum(areas) - shared)
