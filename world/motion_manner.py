"""How one person moves, as against another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Hands = Literal["swing", "pockets", "phone", "carry.L", "carry.R", "bag strap.L", "bag strap.R"]
HANDS: tuple[Hands, ...] = get_args(Hands)


@dataclass(frozen=True, slots=True)
class Manner:
    """How one person moves.

    Attributes:
        stride: two steps of comfortable walking, in leg lengths.
        run_stride: two steps of running, in leg lengths.
        step_width: between the lines of the feet, as a share of the distance of the hip joints.
        toe_out: radians of each foot outwards.
        phase: share of a stride with which the person enters.
        seed: 0 to 1, sets when the person glances, sways and gestures.
        arm_swing: factor of the usual swing.
        arm_out: radians between a hanging arm and the body.
        elbow: radians that the elbow is bent when the arm hangs.
        stoop: radians of the upper body, forwards.
        sway: factor of the motion of pelvis and chest.
        bounce: share of the leg's length missing to a straight leg in the middle of a stance.
        glance: radians of the widest glance aside when walking.
        hands: what they do.
    """

    stride: float = 1.5
    run_stride: float = 2.4
    step_width: float = 0.55
    toe_out: float = 0.1
    phase: float = 0.0
    seed: float = 0.0
    arm_swing: float = 1.0
    arm_out: float = 0.1
    elbow: float = 0.3
    stoop: float = 0.05
    sway: float = 1.0
    bounce: float = 0.012
    glance: float = 0.35
    hands: Hands = "swing"


def draw_manner(generator: np.random.Generator, hands: Hands | None = None) -> Manner:
    """The manner of a random person; `hands` may be given, as for who carries a bag."""
    drawn: Hands = HANDS[int(generator.choice(len(HANDS), p=[0.66, 0.08, 0.1, 0.05, 0.05, 0.03, 0.03]))]
    return Manner(
        stride=float(np.clip(generator.normal(1.5, 0.05), 1.38, 1.62)),
        run_stride=float(np.clip(generator.normal(2.4, 0.1), 2.1, 2.65)),
        step_width=float(np.clip(generator.normal(0.55, 0.12), 0.3, 0.9)),
        toe_out=float(np.clip(generator.normal(0.1, 0.06), -0.04, 0.3)),
        phase=float(generator.random()),
        seed=float(generator.random()),
        arm_swing=float(np.clip(generator.normal(1.0, 0.3), 0.3, 1.7)),
        arm_out=float(np.clip(generator.normal(0.1, 0.03), 0.04, 0.18)),
        elbow=float(np.clip(generator.normal(0.3, 0.1), 0.12, 0.6)),
        stoop=float(np.clip(generator.normal(0.05, 0.04), -0.03, 0.2)),
        sway=float(np.clip(generator.normal(1.0, 0.25), 0.4, 1.6)),
        bounce=float(np.clip(generator.normal(0.012, 0.004), 0.005, 0.025)),
        glance=float(np.clip(generator.normal(0.35, 0.12), 0.05, 0.7)),
        hands=hands or drawn,
    )
