"""People in motion: the pose of everyone at one moment.

A pose is a pure function of the moment. The feet keep to footprints planned for the whole trajectory (`gait`), the
legs reach them, and the rest of the body goes with the steps: the pelvis turns and tilts, the chest turns against
it, the arms swing. Ranges of angles are those of Perry (Gait Analysis) and Winter (1991) for walking, Novacheck
(1998) for running.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from world.gait import Plan, Stepping, make_plan
from world.inverse import apply, cross, frame, square, turn, two_bones, unit
from world.motion_arms import CARRY, PHONE, POCKET, SIDES, STRAP, ArmAngles, hanging, keep_off, placed
from world.motion_feet import ankles, pelvis_height
from world.motion_manner import HANDS, Hands, Manner, draw_manner
from world.skeleton import INDEX, JOINTS, PARENT, FloatArray, joint_transforms
from world.trajectory import Moment, Trajectory

__all__ = ["HANDS", "Hands", "Manner", "Motion", "draw_manner"]

Array = NDArray[np.float64]

_ARMS = {
    "swing": (0, 0),
    "pockets": (POCKET, POCKET),
    "phone": (0, PHONE),
    "carry.L": (CARRY, 0),
    "carry.R": (0, CARRY),
    "bag strap.L": (STRAP, 0),
    "bag strap.R": (0, STRAP),
}
_TORSO = [INDEX[joint] for joint in ("pelvis", "spine", "chest", "neck", "head")]
_PARENTS = [INDEX[parent] if parent else 0 for parent in PARENT.values()]
_PLANS = 4096  # kept at most


def measured(vertices: FloatArray, joints: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What `Motion` needs to know of the skin of a body.

    Args:
        vertices: (V, 3) of the body at rest.
        joints: (J, 3) at rest.
        weights: (V, J) shares of the joints in the vertices.

    Returns:
        (2,) metres from the ankle back to the heel (negative), ahead to the toes; () half the width of the hips.
    """
    foot = vertices[weights[:, INDEX["foot.L"]] > 0.5, 0] - joints[INDEX["foot.L"], 0]
    hip = joints[INDEX["thigh.L"], 2]
    trunk = weights[:, [INDEX["pelvis"], INDEX["spine"], INDEX["thigh.L"]]].sum(1) > 0.5
    widest = vertices[trunk & (np.abs(vertices[:, 2] / hip - 0.98) < 0.13), 1].max()
    return np.array([foot.min(), foot.max()], np.float32), np.array(widest, np.float32)


def _pair(joint: str) -> list[int]:
    return [INDEX[f"{joint}.L"], INDEX[f"{joint}.R"]]


_THIGH, _SHIN, _FOOT = _pair("thigh"), _pair("shin"), _pair("foot")
_SHOULDER, _UPPER, _FORE, _HAND = _pair("shoulder"), _pair("upper arm"), _pair("forearm"), _pair("hand")


@dataclass(frozen=True, slots=True, eq=False)
class _Now:
    """What P people do at a moment; each (P,) but for `people` and `feet` (P, 2, 11).

    `left` swings from 1 at the middle of the left stance to -1 at that of the right one; `ahead` from 1 when the
    left foot is foremost to -1 when the right one is.
    """

    people: NDArray[np.int64]
    times: Array
    feet: Array
    going: Array
    size: Array
    running: Array
    talking: Array
    steps: Array
    left: Array
    ahead: Array


class Motion:
    """The motion of a cast.

    Args:
        joints: (N, J, 3) rest joints of the whole cast, in axes of the body.
        manners: of the N people.
        soles: (N, 2) metres from the ankle joint back to the heel (negative) and ahead to the tip of the toes;
            estimated from the height of the ankle without.
        hips: (N,) metres, half the width of the body at the hips; estimated from the hip joints without.
    """

    def __init__(
        self,
        joints: FloatArray,
        manners: Sequence[Manner],
        soles: FloatArray | None = None,
        hips: FloatArray | None = None,
    ) -> None:
        if len(joints) != len(manners):
            raise ValueError(f"Wanted one manner for each of the {len(joints)} people, given {len(manners)}.")
        self._joints = np.asarray(joints, np.float64)
        numbers = [field.name for field in fields(Manner) if field.name != "hands"]
        self._habits = {name: np.array([getattr(manner, name) for manner in manners]) for name in numbers}
        self._kinds = np.array([_ARMS[manner.hands] for manner in manners])
        self._measure(soles, hips)
        self._plans: dict[Trajectory, Plan] = {}

    def _measure(self, soles: FloatArray | None, hips: FloatArray | None) -> None:
        j = self._joints
        parents = j[:, _PARENTS]
        self._offsets = j - parents
        length = np.linalg.norm(self._offsets, axis=-1)
        self._leg_bones = np.stack([length[:, _SHIN], length[:, _FOOT]], -1)
        self._arm_bones = np.stack([length[:, _FORE], length[:, _HAND]], -1)
        height = j[:, _FOOT, 2].mean(1)
        self._legs = self._leg_bones.sum(-1).mean(1) + height
        ends = np.outer(height, [-0.72, 2.75]) if soles is None else np.asarray(soles, np.float64)
        # The toes do not bend: the foot rolls over a point a little behind their tip.
        self._soles = np.column_stack([0.9 * ends[:, 0], 0.9 * ends[:, 1], height])
        self._hips = 1.75 * np.abs(j[:, _THIGH, 1]).mean(1) if hips is None else np.asarray(hips, np.float64)
        left = np.array([0.0, 1.0, 0.0])
        thigh, shin, upper, fore = (unit(self._offsets[:, k]) for k in (_SHIN, _FOOT, _FORE, _HAND))
        elbow = unit(cross(upper, fore))
        limbs = [(thigh, square(left, thigh)), (shin, square(left, shin)), (upper, elbow), (fore, elbow)]
        frames = np.stack([frame(along, hinge) for along, hinge in limbs], 1)
        self._rest = np.swapaxes(frames, -1, -2)

    def pose(self, moment: Moment) -> FloatArray:
        """Where each joint takes the vertices that follow it: (P, J, 3, 4), row i of `moment.people[i]`."""
        people = moment.people
        joints = self._joints[people]
        now = self._now(moment)
        turns = np.empty((len(people), len(JOINTS), 3, 3))
        turns[:, _TORSO] = self._torso(now)
        hips = apply(turns[:, None, INDEX["pelvis"]], self._offsets[people][:, _THIGH])
        shift = self._sway(now)
        sizes, at = (self._legs[people], self._soles[people]), (moment.places, moment.headings)
        targets, turns[:, _FOOT] = ankles(now.feet, now.times, now.running, *sizes, at)
        hips[..., :2] += shift[:, None]
        pelvis = np.column_stack([shift, pelvis_height(hips, targets, *self._reach(now))])
        hips[..., 2] += pelvis[:, None, 2]
        turns[:, [*_THIGH, *_SHIN]] = self._leg_turns(now, targets - hips, turns[:, _FOOT])
        turns[:, [*_SHOULDER, *_UPPER, *_FORE, *_HAND]] = self._arm_turns(now, turns, pelvis, hips)
        local = np.swapaxes(turns[:, _PARENTS], -1, -2) @ turns
        local[:, 0] = turns[:, 0]
        roots = _roots(moment, pelvis, joints[:, 0])
        return joint_transforms(local.astype(np.float32), joints.astype(np.float32), roots.astype(np.float32))

    def _now(self, moment: Moment) -> _Now:
        plans = [self._plan(person, t) for person, t in zip(moment.people, moment.trajectories, strict=True)]
        times = moment.times.tolist()
        samples = [plan.channels_at(time) for plan, time in zip(plans, times, strict=True)]
        before = np.array([sample[0] for sample in samples]).reshape(-1, 5)
        after = np.array([sample[1] for sample in samples]).reshape(-1, 5)
        share = np.array([sample[2] for sample in samples])[:, None]
        steps, going, size, running, talking = (before + share * (after - before)).T
        rows = [plan.foot_at(foot, time) for plan, time in zip(plans, times, strict=True) for foot in (0, 1)]
        feet = np.array(rows).reshape(-1, 2, 11)
        return _Now(
            people=moment.people,
            times=moment.times,
            feet=feet,
            going=going,
            size=size,
            running=running,
            talking=talking,
            steps=steps,
            left=size * np.cos(np.pi * steps),
            ahead=size * np.cos(np.pi * (steps + 0.5)),
        )

    def _plan(self, person: int, trajectory: Trajectory) -> Plan:
        plan = self._plans.get(trajectory)
        if plan is None:
            habit = {name: float(values[person]) for name, values in self._habits.items()}
            spacing = 2 * float(np.abs(self._joints[person, _THIGH, 1]).mean())
            stepping = Stepping(
                leg=float(self._legs[person]),
                stride=habit["stride"],
                run_stride=habit["run_stride"],
                width=spacing * habit["step_width"],
                stance=spacing * (0.75 + 0.5 * habit["step_width"]),
                toe_out=habit["toe_out"],
                phase=habit["phase"],
            )
            if len(self._plans) >= _PLANS:
                self._plans.pop(next(iter(self._plans)))
            plan = self._plans[trajectory] = make_plan(trajectory, stepping)
        return plan

    def _habit(self, name: str, now: _Now) -> Array:
        return self._habits[name][now.people]

    def _wave(self, now: _Now, hertz: float, shift: float = 0.0) -> Array:
        """A slow swing (P,) from -1 to 1 of its own for each person."""
        seed = self._habit("seed", now)
        return np.sin(2 * np.pi * (hertz * (0.85 + 0.3 * seed) * now.times + 17 * seed + shift))

    def _sway(self, now: _Now) -> Array:
        """Metres (P, 2) ahead and to the left of the pelvis from the middle of the path."""
        idle = 1 - now.going
        leg = self._legs[now.people]
        weight = np.tanh(2.5 * self._wave(now, 0.06))
        aside = 0.022 * self._habit("sway", now) * now.left * (1 - 0.6 * now.running) + 0.028 * idle * weight
        ahead = 0.006 * idle * self._wave(now, 0.17, 0.3) - 0.01
        return np.stack([leg * ahead, leg * aside], -1)

    def _reach(self, now: _Now) -> tuple[Array, Array]:
        """Longest reach of the legs and the greatest height of the pelvis, each (P,) metres."""
        people = now.people
        bones = self._leg_bones[people].sum(-1).mean(1)
        above = self._joints[people, 0, 2] - self._joints[people][:, _THIGH, 2].mean(1)
        phase = np.cos(2 * np.pi * now.steps)
        bent = 0.004 + self._habit("bounce", now) * now.size**2
        run = 0.05 + 0.03 * phase
        straight = bones * (1 - bent - now.running * run)
        return bones * 0.9975, straight + self._joints[people][:, _FOOT, 2].mean(1) + above

    def _torso(self, now: _Now) -> Array:
        """Rotations (P, 5, 3, 3) of pelvis, spine, chest, neck and head, in axes of the body."""
        idle, run = 1 - now.going, now.running
        sway = self._habit("sway", now)
        weight = idle * np.tanh(2.5 * self._wave(now, 0.06))
        phone = (self._kinds[now.people, 1] == PHONE) * (1 - run)
        look = self._wave(now, 0.11) * self._wave(now, 0.037, 0.6)
        glance = self._habit("glance", now) * np.tanh(2.2 * look) * (1 + 0.9 * idle)
        glance *= (1 - 0.75 * phone) * (1 - 0.5 * now.talking)
        hip_yaw = -0.09 * sway * now.ahead * (1 + 0.5 * run)
        chest_yaw = (0.1 + 0.1 * run) * sway * now.ahead + 0.15 * glance * idle + 0.06 * weight
        hip_roll = 0.055 * sway * now.left + 0.035 * weight
        chest_roll = -0.02 * sway * now.left - 0.02 * weight
        stoop = self._habit("stoop", now)
        lean = 0.03 * now.going + 0.14 * run
        nod = 0.05 * self._wave(now, 0.9) * now.talking * (0.5 + 0.5 * self._wave(now, 0.2))
        head_pitch = 0.03 + 0.3 * stoop + 0.42 * phone + nod
        zero = np.zeros_like(lean)
        yaw = np.stack([hip_yaw, (hip_yaw + chest_yaw) / 2, chest_yaw, chest_yaw / 2 + glance / 2, glance], -1)
        roll = np.stack([hip_roll, (hip_roll + chest_roll) / 2, chest_roll, chest_roll / 2, zero], -1)
        chest = stoop + lean + 0.05 * phone
        pitch = np.stack([lean / 2, chest / 2 + lean / 4, chest, (chest + head_pitch) / 2, head_pitch], -1)
        return turn(yaw, roll, pitch)

    def _leg_turns(self, now: _Now, reach: Array, feet: Array) -> Array:
        """Rotations (P, 4, 3, 3) of thighs and shins; the knees point between the foot and straight ahead."""
        pole = unit(feet[..., 0] * np.array([1.0, 1.0, 0.0])) + np.array([1.0, 0.0, 0.0])
        pole[..., 1] += 0.06 * SIDES
        thigh, shin, hinge = two_bones(reach, self._leg_bones[now.people], pole)
        wanted = np.concatenate([frame(thigh, hinge), frame(shin, hinge)], 1)
        return wanted @ self._rest[now.people][:, :2].reshape(-1, 4, 3, 3)

    def _arm_turns(self, now: _Now, turns: Array, pelvis: Array, hips: Array) -> Array:
        """Rotations (P, 8, 3, 3) of shoulders, upper arms, forearms and hands, each left and right."""
        people = now.people
        lengths, offsets, kinds = self._arm_bones[people], self._offsets[people], self._kinds[people]
        chest = turns[:, INDEX["chest"]]
        drop = turn(np.zeros(2), -0.1 * SIDES, np.zeros(2))
        girdle = chest[:, None] @ drop
        trunk = apply(turns[:, [0, 1]], offsets[:, [INDEX["spine"], INDEX["chest"]]]).sum(1) + pelvis
        joints = trunk[:, None] + apply(chest[:, None], offsets[:, _SHOULDER]) + apply(girdle, offsets[:, _UPPER])

        elbows, wrists = hanging(self._arm_angles(now), lengths)
        elbows, wrists = apply(chest[:, None], elbows), apply(chest[:, None], wrists)
        hip_width = self._hips[people]
        own, own_elbows = placed(kinds, lengths, hips - joints, hip_width + 0.04 - np.abs(hips[..., 1]).mean(1))
        busy = ((kinds > 0) & (kinds != CARRY)) * (1 - now.running[:, None])
        busy = np.where(kinds == POCKET, busy * (1 - now.talking[:, None]), busy)[..., None]
        wrists = wrists + busy * (own - wrists)
        elbows = unit(elbows - 0.5 * wrists) * (1 - busy) + busy * own_elbows
        hand = 0.36 * lengths.sum(-1).mean(1)
        wrists = keep_off(wrists + joints, hips, hip_width + 0.055, hand) - joints
        upper, fore, hinge = two_bones(wrists, lengths, elbows)
        wanted = np.concatenate([frame(upper, hinge), frame(fore, hinge)], 1)
        arms = wanted @ self._rest[people][:, 2:].reshape(-1, 4, 3, 3)
        return np.concatenate([girdle, arms, arms[:, 2:]], 1)

    def _arm_angles(self, now: _Now) -> ArmAngles:
        """Of arms that hang, swing, run or gesture."""
        carrying = self._kinds[now.people] == CARRY
        run, talk, idle = now.running[:, None], now.talking[:, None], (1 - now.going)[:, None]
        # The left arm goes back as the left foot goes ahead.
        swing = -SIDES * now.ahead[:, None] * np.where(carrying, 0.25, 1.0)
        wide = self._habit("arm_swing", now)[:, None]
        gesture = np.stack([self._wave(now, 0.55), self._wave(now, 0.47, 0.4)], -1)
        beat = np.stack([self._wave(now, 0.21, 0.1), self._wave(now, 0.16, 0.55)], -1)
        talk = talk * np.clip(0.4 + beat, 0, 1) * ~carrying
        bent = self._habit("elbow", now)[:, None] * np.where(carrying, 0.4, 1.0)
        return ArmAngles(
            ahead=(0.34 + 0.3 * run) * wide * swing
            - 0.02 * (1 - idle)
            - 0.15 * run
            + talk * (0.25 + 0.15 * gesture),
            out=self._habit("arm_out", now)[:, None] + 0.1 * run + 0.08 * talk + 0 * swing,
            elbow=(bent + 0.14 * np.maximum(swing, -0.7) * wide) * (1 - run)
            + run * (1.6 + 0.2 * swing)
            + talk * (1.15 + 0.35 * gesture),
            inward=0.18 + run * (0.3 * swing + 0.02) + talk * (0.3 - 0.3 * gesture),
        )


def _roots(moment: Moment, pelvis: Array, rest: Array) -> Array:
    """(P, 3, 4) that take the pelvis from its rest to its place above the floor, facing the heading."""
    zero = np.zeros(len(moment.people))
    rotation = turn(moment.headings, zero, zero)
    places = np.column_stack([moment.places, zero])
    shift = places + apply(rotation, pelvis - rest)
    return np.concatenate([rotation, shift[..., None]], -1)
