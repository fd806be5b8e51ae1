"""Where people turn and how fast they go on: what each choice among turns and speeds costs.

Everyone looks where the choices lead within the next seconds while the others go on as they do: the dynamic window
approach of Fox, Burgard and Thrun (1997), among moving obstacles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from world.clearance import Clearance
from world.trajectory import Array

APART = 0.52  # metres between two people at least
APART_PAIR = 0.56
APART_STUCK = 0.48
WALL = 0.28  # metres from a person's centre to a wall at least
TURN = 2.4  # radians a second at most
SPEED_UP, SLOW_DOWN = 1.4, 2.2  # metres a second squared
FUTURE = np.arange(1, 11) * 0.25  # seconds looked ahead
NEIGHBOURS = 8
TURNS = np.array([0.0, 0.2, -0.2, 0.45, -0.45, 0.8, -0.8, 1.3, -1.3, 1.9, -1.9])
SPEEDS = np.array([1.0, 0.6, 0.25])
TURN_OF = np.concatenate([np.repeat(TURNS, len(SPEEDS)), [0.0]])  # (K,) of each choice; the last one is to wait
SPEED_OF = np.concatenate([np.tile(SPEEDS, len(TURNS)), [0.0]])

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Walkers:
    """Those n who are on the site.

    Attributes:
        place: (n, 2) metres.
        heading: (n,) radians.
        speed: (n,) metres a second.
        stuck: (n,) seconds for which they have not got on.
        partner: (n,) row of the one alongside, or -1.
    """

    place: Array
    heading: Array
    speed: Array
    stuck: Array
    partner: NDArray[np.int64]


def costs(walkers: Walkers, wish: Array, pace: Array, clearance: Clearance) -> Array:
    """(n, K): what each choice costs each walker.

    Args:
        walkers: of whom each takes all others to go on as they do.
        wish: (n,) radians, where each would like to go.
        pace: (n,) metres a second, how fast.
        clearance: of the site.
    """
    ahead = _rollouts(walkers, wish, pace)  # (n, K, T, 2)
    free = clearance.quick(ahead)
    here = clearance.quick(walkers.place)[:, None, None]
    wall = (free < WALL + 0.04) & (free < here - 0.02)
    cost = 1.2 * (1 - np.cos(TURN_OF)) + 0.04 * (TURN_OF > 0.1)
    impatience = 0.9 + 0.5 * np.minimum(walkers.stuck, 4.0)
    total = (
        cost
        + impatience[:, None] * (1 - SPEED_OF)
        + 4.0 * _sooner(wall)
        + 0.5 * np.clip(0.5 - free, 0, 0.3).max(2)
    )
    gaps, now, pair = _gaps(walkers, ahead)  # (n, K, T, m), (n, m), (n, m)
    limit = np.where(pair, APART_PAIR, np.where(walkers.stuck > 4.0, APART_STUCK, APART + 0.1)[:, None])
    closer = gaps < now[:, None, None] - 0.02
    near = np.asarray(((gaps < limit[:, None, None]) & closer).any(axis=3))
    total += 3.0 * _sooner(near)
    room = np.where(pair[:, None, None], 9.0, gaps).min((2, 3))
    return np.asarray(total + 0.7 * np.clip(0.9 - room, 0.0, 0.5))


def _rollouts(walkers: Walkers, wish: Array, pace: Array) -> Array:
    """(n, K, T, 2): where each choice leads."""
    goal = wish[:, None] + TURN_OF
    heading = np.repeat(walkers.heading[:, None], len(TURN_OF), 1)
    speed = np.repeat(walkers.speed[:, None], len(TURN_OF), 1)
    aim = pace[:, None] * SPEED_OF
    place = np.repeat(walkers.place[:, None], len(TURN_OF), 1)
    dt = float(FUTURE[0])
    places = []
    for _ in FUTURE:
        off = wrapped(goal - heading)
        heading = heading + np.clip(off, -TURN * dt, TURN * dt)
        allowed = aim * slow_in_turns(wrapped(goal - heading))
        speed = speed + np.clip(allowed - speed, -SLOW_DOWN * dt, SPEED_UP * dt)
        place = place + dt * speed[..., None] * np.stack([np.cos(heading), np.sin(heading)], -1)
        places.append(place)
    return np.stack(places, 2)


def _gaps(walkers: Walkers, ahead: Array) -> tuple[Array, Array, Mask]:
    """Distances to the nearest others: (n, K, T, m) to come, (n, m) now, and (n, m) if it is the partner."""
    apart = np.linalg.norm(walkers.place[:, None] - walkers.place[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    count = min(NEIGHBOURS, len(walkers.place))
    near = np.argpartition(apart, count - 1, axis=1)[:, :count]
    now = np.take_along_axis(apart, near, 1)
    velocity = walkers.speed[:, None] * np.stack([np.cos(walkers.heading), np.sin(walkers.heading)], -1)
    future = walkers.place[:, None] + velocity[:, None] * FUTURE[:, None]  # (n, T, 2)
    theirs = future[near].transpose(0, 2, 1, 3)  # (n, T, m, 2)
    difference = ahead[:, :, :, None] - theirs[:, None]
    gaps = np.sqrt(np.square(difference).sum(-1))
    gaps = np.where(np.isfinite(now)[:, None, None], gaps, 99.0)
    return gaps, np.where(np.isfinite(now), now, 99.0), near == walkers.partner[:, None]


def slow_in_turns(off: Array) -> Array:
    """Factor on the speed of someone who has yet to turn by an angle: sharp turns are made on the spot."""
    return np.clip(1.25 - 0.6 * np.abs(off), 0.08, 1.0)


def wrapped(angle: Array) -> Array:
    """Into -pi to pi."""
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)


def _sooner(bad: Mask) -> Array:
    """(n, K): 1 where something bad (n, K, T) comes at once, less the later it comes, 0 where it does not."""
    when = np.where(bad.any(2), bad.argmax(2), len(FUTURE))
    return np.asarray(1.0 - when / len(FUTURE))
