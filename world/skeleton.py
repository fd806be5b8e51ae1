"""The joints of a body and what follows what; rotations that turn the joints pose the body.

Axes, of a body and of the world alike: x ahead (the world: east), y to the left (north), z up; metres, radians.
A body at rest stands with its arms held away, its soles on z = 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

PARENT: dict[str, str | None] = {
    "pelvis": None,
    "spine": "pelvis",
    "chest": "spine",
    "neck": "chest",
    "head": "neck",
    "thigh.L": "pelvis",
    "shin.L": "thigh.L",
    "foot.L": "shin.L",
    "thigh.R": "pelvis",
    "shin.R": "thigh.R",
    "foot.R": "shin.R",
    "shoulder.L": "chest",
    "upper arm.L": "shoulder.L",
    "forearm.L": "upper arm.L",
    "hand.L": "forearm.L",
    "shoulder.R": "chest",
    "upper arm.R": "shoulder.R",
    "forearm.R": "upper arm.R",
    "hand.R": "forearm.R",
}
JOINTS = tuple(PARENT)
INDEX = {joint: index for index, joint in enumerate(JOINTS)}


def joint_transforms(rotations: FloatArray, joints: FloatArray, roots: FloatArray) -> FloatArray:
    """Where each joint takes the vertices that follow it.

    Args:
        rotations: (P, J, 3, 3) of each joint about itself, in the axes of the body at rest.
        joints: (P, J, 3) places of the joints at rest.
        roots: (P, 3, 4) from the body to the world.

    Returns:
        (P, J, 3, 4): from the body at rest to the world, one for each joint.
    """
    result = np.empty((*rotations.shape[:2], 3, 4), np.float32)
    for index, joint in enumerate(JOINTS):
        parent = PARENT[joint]
        before = roots if parent is None else result[:, INDEX[parent]]
        turn = rotations[:, index]
        about = joints[:, index, :, None]
        local = np.concatenate([turn, about - turn @ about], -1)
        result[:, index, :, :3] = before[:, :, :3] @ local[:, :, :3]
        result[:, index, :, 3:] = before[:, :, :3] @ local[:, :, 3:] + before[:, :, 3:]
    return result
