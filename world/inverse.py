"""Rotations from angles and from wanted directions; the two bones of a limb that reach a point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def turn(yaw: Array, roll: Array, pitch: Array) -> Array:
    """Rotations that pitch about y (positive: forward), then roll about x (left up), then yaw about z (left).

    Args:
        yaw: (...) radians.
        roll: (...) radians.
        pitch: (...) radians.

    Returns:
        (..., 3, 3): Rz(yaw) Rx(roll) Ry(pitch).
    """
    (cz, cx, cy), (sz, sx, sy) = (
        [function(angle) for angle in (yaw, roll, pitch)] for function in (np.cos, np.sin)
    )
    result = np.empty((*np.shape(cz), 3, 3))
    result[..., 0, 0] = cz * cy - sz * sx * sy
    result[..., 0, 1] = -sz * cx
    result[..., 0, 2] = cz * sy + sz * sx * cy
    result[..., 1, 0] = sz * cy + cz * sx * sy
    result[..., 1, 1] = cz * cx
    result[..., 1, 2] = sz * sy - cz * sx * cy
    result[..., 2, 0] = -cx * sy
    result[..., 2, 1] = sx
    result[..., 2, 2] = cx * cy
    return result


def unit(vectors: Array) -> Array:
    """Vectors (..., 3) at length 1."""
    result: Array = vectors / np.sqrt(np.einsum("...a,...a->...", vectors, vectors))[..., None]
    return result


def cross(a: Array, b: Array) -> Array:
    """Vector product of (..., 3) and (..., 3); many times faster than np.cross on few vectors."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)


def apply(rotations: Array, vectors: Array) -> Array:
    """Vectors (..., 3) turned by rotations (..., 3, 3)."""
    result: Array = (rotations @ vectors[..., None])[..., 0]
    return result


def square(vectors: Array, to: Array) -> Array:
    """The part of vectors (..., 3) at right angles to unit vectors (..., 3), at length 1."""
    return unit(vectors - np.einsum("...a,...a->...", vectors, to)[..., None] * to)


def frame(along: Array, hinge: Array) -> Array:
    """Axes (..., 3, 3) in columns: along a bone, its hinge, and the third; both (..., 3) and orthonormal."""
    return np.stack([along, hinge, cross(along, hinge)], -1)


def two_bones(reach: Array, lengths: Array, pole: Array) -> tuple[Array, Array, Array]:
    """Directions of two bones, joined by a hinge, from the origin to a point, by the law of cosines.

    Args:
        reach: (..., 3) the point; beyond the reach of the bones it is approached as far as they go.
        lengths: (..., 2) metres.
        pole: (..., 3) to where the hinge points; any length, not parallel to `reach`.

    Returns:
        (..., 3) of the first bone, (..., 3) of the second, and the axis (..., 3) of the turn from the first to it.
    """
    first, second = lengths[..., 0], lengths[..., 1]
    distance = np.sqrt(np.einsum("...a,...a->...", reach, reach))
    straight = reach / distance[..., None]
    distance = np.clip(distance, 1.02 * np.abs(first - second) + 0.3 * second, 0.9995 * (first + second))
    aside = square(pole, straight)
    cosine = (first**2 + distance**2 - second**2) / (2 * first * distance)
    sine = np.sqrt(np.maximum(1 - cosine**2, 0))
    one = cosine[..., None] * straight + sine[..., None] * aside
    two = (distance[..., None] * straight - first[..., None] * one) / second[..., None]
    return one, two, cross(aside, straight)
