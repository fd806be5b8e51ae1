from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from world.gait import TICK
from world.motion import HANDS, Manner, Motion, draw_manner
from world.motion_feet import cycle
from world.skeleton import INDEX, JOINTS, PARENT
from world.trajectory import Activity, Trajectory, moment_of

BODIES = Path(__file__).parents[2] / "world" / "assets" / "bodies.npz"
FEET = [INDEX["foot.L"], INDEX["foot.R"]]


@cache
def asset():
    with np.load(BODIES) as file:
        return {name: file[name].astype(np.float32) for name in file}


def rest_joints(people):
    bodies = asset()
    coefficients = bodies["coefficients"][people]
    return bodies["joint_mean"] + np.einsum("nk,kjc->njc", coefficients, bodies["joint_shapes"])


def sole_vertices(person):
    """(2, V, 3) the lowest vertices of both feet at rest."""
    bodies = asset()
    vertices = bodies["mean"] + np.einsum("k,kvc->vc", bodies["coefficients"][person], bodies["shapes"])
    feet = [vertices[(bodies["weights"][:, foot] > 0.8) & (vertices[:, 2] < 0.04)] for foot in FEET]
    count = min(len(foot) for foot in feet)
    return np.stack([foot[np.argsort(foot[:, 2])[:count]] for foot in feet])


def walk(speeds, seconds, *, bend=0.0, activities=None, headings=None, person=0):
    """A trajectory of the speeds, curved by `bend` radians a metre."""
    times = np.arange(0, seconds, 1 / 25)
    speed = np.interp(times, *np.transpose(speeds)) if np.ndim(speeds) else np.full(len(times), speeds)
    travelled = np.cumsum(speed) / 25
    heading = bend * travelled if headings is None else np.interp(times, *np.transpose(headings))
    places = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], -1) * speed[:, None], 0) / 25
    chosen = np.full(len(times), Activity.WALK, np.int8) if activities is None else activities(times)
    return Trajectory(person, times, places, heading, travelled, chosen.astype(np.int8))


def stopping():
    """Walks, stands from 6 s, talks from 10 s, turns on the spot at 12 s, walks on at 16 s."""
    return walk(
        [(0, 1.3), (5, 1.3), (6, 0), (16, 0), (17, 1.3)],
        22,
        headings=[(0, 0), (12, 0), (13.5, 2.0)],
        activities=lambda t: np.where((t > 6) & (t < 16), np.where(t < 10, Activity.STAND, Activity.TALK), 0),
    )


def posed(motion, trajectory, times):
    """(T, J, 3, 4)."""
    return np.concatenate([motion.pose(moment_of([trajectory], time)) for time in times])


def carried(transforms, points):
    """Points (..., 3) at rest, moved by transforms (T, ..., 3, 4)."""
    return np.einsum("t...ab,...b->t...a", transforms[..., :3], points) + transforms[..., 3]


def planned(motion, trajectory, times):
    plan = motion._plans[trajectory]
    return np.array([[plan.foot_at(foot, time) for foot in (0, 1)] for time in times])


@pytest.mark.parametrize("bend", [0.0, 0.25, -0.5])
@pytest.mark.parametrize("person", [0, 3, 119])
def test_the_flat_foot_stays_where_it_is(bend, person):
    joints = rest_joints([person])
    motion, trajectory = Motion(joints, [Manner()]), walk(1.3, 12, bend=bend)
    times = np.arange(2, 10, 0.02)
    poses = posed(motion, trajectory, times)
    ankles = carried(poses[:, FEET], joints[0, FEET])
    rows = planned(motion, trajectory, times)
    toes = joints[0, FEET] + [0.9 * 2.75 * joints[0, FEET[0], 2], 0, 0] - [0, 0, joints[0, FEET[0], 2]]
    toes = carried(poses[:, FEET], toes)
    for foot in (0, 1):
        phases = cycle(rows[:, foot : foot + 1], np.asarray(times))[:, 0]
        for land in np.unique(rows[:, foot, 0]):
            held = rows[:, foot, 0] == land
            flat, rolling = held & (phases > 0.15) & (phases < 0.48), held & (phases > 0.15) & (phases < 1)
            if flat.sum() > 3:
                assert np.ptp(ankles[flat, foot], axis=0).max() < 0.01
                assert np.ptp(toes[rolling, foot], axis=0).max() < 0.01


@pytest.mark.parametrize("person", [0, 3, 17, 119])
@pytest.mark.parametrize("speed", [0.8, 1.3, 1.7])
def test_soles_of_walkers_are_on_the_floor(person, speed):
    joints, soles = rest_joints([person]), sole_vertices(person)
    motion = Motion(joints, [Manner()])
    poses = posed(motion, walk(speed, 8), np.arange(2, 5, 0.02))
    heights = carried(poses[:, FEET][:, :, None], soles)[..., 2]
    assert heights.min() > -0.015
    assert heights.min((1, 2)).max() < 0.025


def test_standing_feet_are_both_down_and_still():
    joints, trajectory = rest_joints([0]), stopping()
    motion = Motion(joints, [Manner()])
    poses = posed(motion, trajectory, np.arange(6.7, 11.5, 0.05))
    soles = carried(poses[:, FEET][:, :, None], sole_vertices(0))
    assert np.abs(soles[..., 2].min(2)).max() < 0.01
    ankles = carried(poses[:, FEET], joints[0, FEET])
    assert np.ptp(ankles, axis=0).max() < 0.01
    between = np.linalg.norm(ankles[:, 0] - ankles[:, 1], axis=-1)
    assert np.all((between > 0.12) & (between < 0.4))


def test_feet_follow_a_turn_on_the_spot():
    trajectory = stopping()
    motion = Motion(rest_joints([0]), [Manner()])
    pose = posed(motion, trajectory, [15.4])[0]
    ahead = pose[FEET, :2, 0]
    off = np.arctan2(ahead[:, 1], ahead[:, 0]) - 2.0
    assert np.abs(off).max() < 0.6


def running(speed, seconds, bend=0.0):
    return walk(speed, seconds, bend=bend, activities=lambda t: np.full(len(t), Activity.RUN))


@pytest.mark.parametrize("make", [lambda: walk(1.4, 12, bend=0.3), lambda: running(3.2, 12), stopping])
def test_nothing_jumps(make):
    trajectory = make()
    joints = rest_joints([0])
    poses = posed(Motion(joints, [Manner()]), trajectory, np.arange(0.5, trajectory.times[-1] - 0.2, 0.02))
    speeds = np.linalg.norm(np.diff(carried(poses, joints[0]), axis=0), axis=-1) / 0.02
    # Swinging feet and hands are the fastest, at up to some 3.5 times the speed of the body.
    assert speeds.max() < 4 * np.gradient(trajectory.travelled, trajectory.times).max()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from([Activity.WALK, Activity.RUN]))
def test_stop_and_go_neither_jumps_nor_kneels(seed, kind):
    generator = np.random.default_rng(seed)
    marks = np.arange(0, 16, 2.0)
    speeds = np.where(generator.random(8) < 0.4, 0, generator.uniform(0.3, 1.6, 8))
    # Each speed is held for a second, then changed within the next.
    knots = [(mark + more, speed) for mark, speed in zip(marks, speeds, strict=True) for more in (0, 1)]
    headings = [(mark, turn) for mark, turn in zip(marks, generator.uniform(-1, 1, 8).cumsum(), strict=True)]
    trajectory = walk(knots, 16, headings=headings, activities=lambda t: np.full(len(t), kind))
    joints = rest_joints([0])
    poses = posed(Motion(joints, [draw_manner(generator)]), trajectory, np.arange(0.2, 15.8, 0.05))
    places = carried(poses, joints[0])
    assert np.linalg.norm(np.diff(places, axis=0), axis=-1).max() / 0.05 < 7.5
    assert (places[:, 0, 2] - joints[0, 0, 2]).min() > -0.2


@settings(max_examples=25, deadline=None)
@given(
    person=st.integers(0, 999),
    seed=st.integers(0, 10_000),
    speed=st.floats(0.5, 2.0),
    running=st.booleans(),
    bend=st.floats(-0.4, 0.4),
)
def test_every_body_is_posed_soundly(person, seed, speed, running, bend):
    joints = rest_joints([person])
    manner = draw_manner(np.random.default_rng(seed))
    kind = Activity.RUN if running else Activity.WALK
    trajectory = walk(speed * (1.8 if running else 1), 6, bend=bend, activities=lambda t: np.full(len(t), kind))
    poses = posed(Motion(joints, [manner]), trajectory, np.arange(0, 5.9, 0.11))
    turns = poses[..., :3].astype(np.float64)
    assert np.abs(turns @ np.swapaxes(turns, -1, -2) - np.eye(3)).max() < 1e-4
    assert np.linalg.det(turns) == pytest.approx(1, abs=1e-4)
    assert_bones_keep_their_length(poses, joints[0])
    assert_knees_bend_back(poses, joints[0])


def assert_bones_keep_their_length(poses, joints):
    places = carried(poses, joints)
    parents = [INDEX[parent] for parent in PARENT.values() if parent]
    was = np.linalg.norm(joints[1:] - joints[parents], axis=-1)
    now = np.linalg.norm(places[:, 1:] - places[:, parents], axis=-1)
    assert np.abs(now - was).max() < 1e-3


def assert_knees_bend_back(poses, joints):
    places = carried(poses, joints)
    for side in "LR":
        hip, knee, ankle = (places[:, INDEX[f"{joint}.{side}"]] for joint in ("thigh", "shin", "foot"))
        ahead = poses[:, INDEX["pelvis"], :, 0]
        along = (ankle - hip) / np.linalg.norm(ankle - hip, axis=-1, keepdims=True)
        # The knee is ahead of the line from the hip to the ankle.
        front = ahead - (ahead * along).sum(-1, keepdims=True) * along
        assert ((knee - hip) * front).sum(-1).min() > -1e-3


@pytest.mark.parametrize("hands", HANDS)
@pytest.mark.parametrize("person", [0, 3, 119])
def test_hands_stay_out_of_the_hips(hands, person):
    joints = rest_joints([person])
    motion = Motion(joints, [Manner(hands=hands)])
    inside_hips = 1.5 * abs(joints[0, INDEX["thigh.L"], 1])
    for trajectory in (walk(1.4, 6), stopping()):
        poses = posed(motion, trajectory, np.arange(1, trajectory.times[-1] - 0.5, 0.1))
        places = carried(poses, joints[0])
        pelvis = poses[:, 0]
        for side in "LR":
            for share in (0.0, 0.5):
                # From the wrist on, along the forearm, towards the knuckles.
                wrist, elbow = places[:, INDEX[f"hand.{side}"]], places[:, INDEX[f"forearm.{side}"]]
                point = wrist + share * 0.3 * (wrist - elbow)
                local = np.einsum("tba,tb->ta", pelvis[..., :3], point - places[:, 0])
                low = (local[:, 2] < 0.2) & (local[:, 2] > -0.15) & (np.abs(local[:, 0]) < 0.09)
                assert np.all(~low | (np.abs(local[:, 1]) > inside_hips))


def test_the_same_moment_gives_the_same_pose():
    joints, manners = rest_joints([0, 1]), [Manner(), Manner(hands="phone", seed=0.4)]
    trajectories = [walk(1.3, 10), walk(1.1, 10, bend=0.2, person=1)]
    motion = Motion(joints, manners)
    moment = moment_of(trajectories, 4.2)
    first = motion.pose(moment)
    motion.pose(moment_of(trajectories, 9.0))
    assert np.array_equal(first, motion.pose(moment))
    assert np.array_equal(first, Motion(joints, manners).pose(moment))
    alone = motion.pose(moment_of(trajectories[1:], 4.2))
    assert alone[0] == pytest.approx(first[1], abs=1e-5)


def test_nobody_there_gives_no_poses():
    motion = Motion(rest_joints([0]), [Manner()])
    assert motion.pose(moment_of([], 1.0)).shape == (0, len(JOINTS), 3, 4)


def test_a_stay_of_a_moment_can_be_posed():
    trajectory = walk(1.0, 3 * TICK)
    assert np.isfinite(Motion(rest_joints([0]), [Manner()]).pose(moment_of([trajectory], 0.05))).all()


def test_runners_leave_the_floor_and_walkers_do_not():
    joints, soles = rest_joints([0]), sole_vertices(0)
    motion = Motion(joints, [Manner()])
    run = walk(3.0, 8, activities=lambda t: np.full(len(t), Activity.RUN))
    poses = posed(motion, run, np.arange(3, 5, 0.02))
    lowest = carried(poses[:, FEET][:, :, None], soles)[..., 2].min((1, 2))
    assert lowest.max() > 0.02
    assert lowest.min() > -0.02


def test_a_manner_is_wanted_for_everyone():
    with pytest.raises(ValueError, match="one manner for each of the 2"):
        Motion(rest_joints([0, 1]), [Manner()])
