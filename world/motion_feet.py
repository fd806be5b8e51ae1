"""The feet over a gait cycle: how they pitch, how high they swing, where that puts the ankles and the pelvis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from world.inverse import turn

Array = NDArray[np.float64]

_GRID = np.linspace(0, 2, 257)
_LONG = 0.75  # seconds: the ends of a longer stance go as those of one that long
_FULL_STEP = 1.2  # leg lengths of a swing with the full pitch of the foot
_TWIST = 0.75  # radians between a foot and the pelvis at most
_ROUND = 0.004  # metres: how gently the height of the pelvis goes from one leg to the other


def _curve(points: dict[float, float]) -> Array:
    """Values over the stance (0 to 1) and the swing (1 to 2), on `_GRID`."""
    result: Array = PchipInterpolator(list(points), list(points.values()))(_GRID)
    return result


# Degrees of the sole, toes up; after Perry, Gait Analysis, and Winter 1991, less at toe-off: toes do not bend.
_WALK_PITCH = _curve(
    {0: 18, 0.13: 0, 0.3: 0, 0.5: 0, 0.7: -8, 0.85: -20, 1: -40, 1.14: -48, 1.4: -26, 1.62: 0, 1.85: 17, 2: 18}
)
_RUN_PITCH = _curve({0: 6, 0.2: 0, 0.5: 0, 0.7: -16, 1: -48, 1.2: -82, 1.4: -72, 1.65: -25, 1.86: 4, 2: 6})
# Metres that the lowest point of the sole is above the floor, for a leg of 1 m.
_WALK_LIFT = _curve({0: 0, 1: 0, 1.2: 0.03, 1.42: 0.045, 1.65: 0.024, 1.85: 0.012, 2: 0})
_RUN_LIFT = _curve({0: 0, 1: 0, 1.2: 0.12, 1.42: 0.22, 1.65: 0.17, 1.86: 0.06, 2: 0})


def cycle(rows: Array, times: Array) -> Array:
    """How far each foot is in its stance (0 to 1) or its swing (1 to 2).

    Args:
        rows: (P, F, 11) of `gait.Plan`.
        times: (P,) seconds.
    """
    land, lift, following = rows[..., 0], rows[..., 1], rows[..., 2]
    time = times[:, None]
    length = np.minimum(lift - land, _LONG)
    since, left = time - land, lift - time
    stance = np.where(since < left, np.minimum(since / length, 0.5), np.maximum(1 - left / length, 0.5))
    swing = np.clip((time - lift) / np.maximum(following - lift, 1e-3), 0, 1)
    result: Array = np.where(time < lift, np.clip(stance, 0, 1), 1 + swing)
    return result


def ankles(
    rows: Array, times: Array, running: Array, legs: Array, soles: Array, at: tuple[Array, Array]
) -> tuple[Array, Array]:
    """Where the ankles are and how the feet lie.

    Args:
        rows: (P, 2, 11) of `gait.Plan`, left and right.
        times: (P,) seconds.
        running: (P,) from 0 to 1.
        legs: (P,) metres.
        soles: (P, 3) metres from the ankle: back to the heel (negative), ahead to the toes, up from the floor.
        at: (P, 2) places and (P,) headings of the bodies.

    Returns:
        (P, 2, 3) in axes of each body with their origin on the floor at its place, and (P, 2, 3, 3).
    """
    phase = cycle(rows, times)
    swing = np.clip(phase - 1, 0, 1)
    eased = swing**2 * (3 - 2 * swing)
    x, y, yaw = np.moveaxis(rows[..., 3:6] + eased[..., None] * (rows[..., 6:9] - rows[..., 3:6]), -1, 0)
    # What a foot does at the ends of a stance depends on the step before and the one after.
    length = np.where(phase < 0.5, rows[..., 9], rows[..., 10]) / (_FULL_STEP * legs[:, None])
    amount = np.clip(length, 0, 1)
    run = running[:, None]
    pitch = np.deg2rad(_mixed(_WALK_PITCH, _RUN_PITCH, phase, run)) * amount
    lift = _mixed(_WALK_LIFT, _RUN_LIFT, phase, run) * legs[:, None] * (0.5 + 0.5 * amount)
    rolled_x, rolled_z = _rolled(pitch, soles)
    places, headings = at
    twist = (yaw - headings[:, None] + np.pi) % (2 * np.pi) - np.pi
    twist = np.clip(twist, -_TWIST, _TWIST)
    yaw = twist + headings[:, None]
    dx, dy = x + rolled_x * np.cos(yaw) - places[:, :1], y + rolled_x * np.sin(yaw) - places[:, 1:]
    cosine, sine = np.cos(headings)[:, None], np.sin(headings)[:, None]
    targets = np.stack([cosine * dx + sine * dy, cosine * dy - sine * dx, rolled_z + lift], -1)
    return targets, turn(twist, np.zeros_like(pitch), -pitch)


def _mixed(walk: Array, run: Array, phase: Array, running: Array) -> Array:
    result: Array = np.interp(phase, _GRID, walk) * (1 - running)
    if running.any():
        result += np.interp(phase, _GRID, run) * running
    return result


def _rolled(pitch: Array, soles: Array) -> tuple[Array, Array]:
    """How far the ankle moves ahead, and its height, when the foot rolls over its heel or its toes."""
    heel, toes, height = (soles[:, None, k] for k in range(3))
    edge = np.where(pitch > 0, heel, toes)
    cosine, sine = np.cos(pitch), np.sin(pitch)
    # From the edge on the floor to the ankle, turned; toes up is a turn from x to z.
    return edge - edge * cosine - height * sine, height * cosine - edge * sine


def pelvis_height(hips: Array, targets: Array, reach: Array, highest: Array) -> Array:
    """Height (P,) at which both legs reach their ankles and no leg is quite straight.

    Args:
        hips: (P, 2, 3) from the pelvis, which is above the origin but for their x and y.
        targets: (P, 2, 3) ankles.
        reach: (P,) longest distance from the hip to the ankle.
        highest: (P,) metres.
    """
    across = targets[..., :2] - hips[..., :2]
    down = np.sqrt(np.maximum(reach[:, None] ** 2 - np.einsum("pfa,pfa->pf", across, across), 0.01))
    limits = np.concatenate([targets[..., 2] + down - hips[..., 2], highest[:, None]], 1)
    lowest = limits.min(1)
    excess = np.exp(-(limits - lowest[:, None]) / _ROUND).sum(1)
    result: Array = lowest - _ROUND * np.log(excess)
    return result
