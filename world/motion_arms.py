"""The arms: how they swing with the steps, what the hands do otherwise, and how they keep off the body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SIDES = np.array([1.0, -1.0])  # left, right, as y is to the left
POCKET, PHONE, STRAP, CARRY = range(1, 5)

# Wrists in lengths of the arm (to the wrist), x ahead, y outwards, z up, and the direction of the elbow: of a
# phone before the chest and of a strap on the shoulder from the shoulder joint, of a pocket from the hip joint.
_WRISTS = np.array([[0, 0, 0], [0.08, 0, 0.05], [0.48, -0.2, -0.28], [0.34, -0.17, -0.24], [0, 0, 0]])
_ELBOWS = np.array([[-1, 0.2, 0], [-1, 0.3, 0], [-0.1, 0.4, -1], [-0.3, 0.6, -1], [-1, 0.2, 0]])


@dataclass(frozen=True, slots=True)
class ArmAngles:
    """Angles (P, 2) in radians of arms that hang, left and right.

    Attributes:
        ahead: of the upper arm, forwards from hanging down.
        out: of the upper arm, away from the body.
        elbow: how much it is bent.
        inward: how far the forearm points before the body rather than straight ahead.
    """

    ahead: Array
    out: Array
    elbow: Array
    inward: Array


def hanging(angles: ArmAngles, lengths: Array) -> tuple[Array, Array]:
    """Elbows and wrists (P, 2, 3) from the shoulder joints, in axes of the chest; bones of (P, 2, 2) metres."""
    ca, sa, co, so = np.cos(angles.ahead), np.sin(angles.ahead), np.cos(angles.out), np.sin(angles.out)
    upper = np.stack([sa * co, SIDES * so, -ca * co], -1)
    # Ahead and at right angles to the upper arm, then turned inwards about it.
    front = np.stack([ca, np.zeros_like(ca), sa], -1)
    side = np.stack([-sa * so, SIDES * co, ca * so], -1)
    bent = np.cos(angles.inward)[..., None] * front - np.sin(angles.inward)[..., None] * side
    fore = np.cos(angles.elbow)[..., None] * upper + np.sin(angles.elbow)[..., None] * bent
    elbows = lengths[..., :1] * upper
    return elbows, elbows + lengths[..., 1:] * fore


def placed(kinds: Array, lengths: Array, hips_from_shoulders: Array, clear: Array) -> tuple[Array, Array]:
    """Wrists of hands that hold something, from the shoulder joints, and directions of their elbows.

    Args:
        kinds: (P, 2) POCKET, PHONE, STRAP, CARRY, or 0 for hands that are free.
        lengths: (P, 2, 2) metres of the bones.
        hips_from_shoulders: (P, 2, 3) from each shoulder joint to the hip joint of its side.
        clear: (P,) metres from the hip joint outwards to a hand in a pocket.
    """
    arm = lengths.sum(-1)[..., None]
    mirror = np.stack([np.ones(2), SIDES, np.ones(2)], -1)
    wrists = _WRISTS[kinds] * arm * mirror
    outwards = SIDES * clear[:, None]
    pocket = wrists + hips_from_shoulders + np.stack([np.zeros_like(outwards), outwards, 0 * outwards], -1)
    return np.where((kinds == POCKET)[..., None], pocket, wrists), _ELBOWS[kinds] * mirror


def keep_off(wrists: Array, hips: Array, limit: Array, hand: Array) -> Array:
    """Wrists (P, 2, 3) moved outwards where they, or the hands that hang from them, are inside the hips.

    Args:
        wrists: (P, 2, 3) in axes of the body.
        hips: (P, 2, 3) hip joints in the same axes.
        limit: (P,) metres from the middle of the body that a wrist keeps at the height of the hips.
        hand: (P,) metres, length of a hand.
    """
    result = wrists.copy()
    above = (wrists[..., 2] - hips[..., 2]) / hand[:, None]
    level = np.clip(2.4 - above, 0, 1)
    away = np.abs(wrists[..., 0] - hips[..., 0]) / hand[:, None]
    level *= np.clip(2.4 - away, 0.0, 1)
    middle = hips[..., 1].mean(1)[:, None]
    outwards = SIDES * (wrists[..., 1] - middle)
    least = limit[:, None] * level
    # A smooth maximum: no jerk when the hand leaves the body.
    gap = outwards - least
    result[..., 1] = middle + SIDES * (least + (gap + np.sqrt(gap**2 + 0.015**2)) / 2)
    return result
