"""Lets people walk their routes at once, without walking through each other or through walls.

Everyone heads for a point a little ahead on the own path and chooses turn and speed several times a second
(`world.steering`). A step that would still bring two people too close is not taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from world.clearance import Clearance
from world.site import Scene, Site
from world.steering import (
    APART,
    APART_STUCK,
    SLOW_DOWN,
    SPEED_OF,
    SPEED_UP,
    TURN,
    TURN_OF,
    WALL,
    Walkers,
    costs,
    slow_in_turns,
    wrapped,
)
from world.trajectory import Activity, Array, Trajectory
from world.visit import Pause, Visit

RATE = 25.0  # steps a second
DECIDE = 3  # steps between two decisions
LEAP = 7.0  # radians a second squared: how fast turning sets in
LOOK = np.array([5, 3, 1, 0, -2, -5, -8, -12, -16])  # points of the path, from the nearest: what people head for
SHARES = np.linspace(0.1, 1.0, 10)

Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]


def simulate(scene: Scene, visits: Sequence[Visit], rng: np.random.Generator) -> list[Trajectory]:
    """Trajectories of all visits, cut to the scene's time and a second before and after."""
    crowd = Crowd(scene.site, visits, rng)
    first = min(visit.start for visit in visits)
    for step in range(int((scene.seconds + 1.0 - first) * RATE) + 1):
        crowd.advance(first + step / RATE, decide=step % DECIDE == 0)
    return crowd.trajectories(-1.0)


class Crowd:
    """The state of V visits at one time."""

    def __init__(self, site: Site, visits: Sequence[Visit], rng: np.random.Generator) -> None:
        self.visits = visits
        self.rng = rng
        self.clearance = Clearance(site)
        count = len(visits)
        longest = max(len(visit.path) for visit in visits)
        self.paths = np.stack([np.pad(v.path, ((0, longest - len(v.path)), (0, 0)), "edge") for v in visits])
        self.last = np.array([len(visit.path) - 1 for visit in visits])
        self.own_speed = np.array([visit.speed for visit in visits])
        self.partner = self._partners()
        self.place = self.paths[:, 0].copy()
        way = self.paths[:, 1] - self.paths[:, 0]
        self.heading = np.arctan2(way[:, 1], way[:, 0])
        self.turning = np.zeros(count)
        self.speed = np.zeros(count)
        self.at: Ints = np.zeros(count, np.int64)
        self.there = np.zeros(count, np.bool_)
        self.done = np.zeros(count, np.bool_)
        self.pausing = np.full(count, np.nan)  # until when; infinite while the partner is still to come
        self.next_pause: Ints = np.zeros(count, np.int64)
        self.stuck = np.zeros(count)
        self.whim = np.zeros(count)
        self.goal_heading = self.heading.copy()
        self.goal_speed = np.zeros(count)
        self.rows: list[list[tuple[float, ...]]] = [[] for _ in visits]
        self.left_at: dict[int, float] = {}

    def _partners(self) -> Ints:
        """(V,): the visit alongside, or -1."""
        found = np.full(len(self.visits), -1)
        for index, visit in enumerate(self.visits):
            for other, candidate in enumerate(self.visits):
                if visit.partner == candidate.person and candidate.start == visit.start:
                    found[index] = other
        return found

    def advance(self, time: float, *, decide: bool) -> None:
        """One step of 1 / RATE seconds."""
        self._enter(time)
        on = np.flatnonzero(self.there)
        if not len(on):
            return
        self._follow_path(on)
        self._pause(on, time)
        if decide:
            self._decide(on)
        self._move(on)
        self._leave(on, time)
        for index in on.tolist():
            self.rows[index].append((time, *self.place[index], self.heading[index], self._activity(index)))

    def _enter(self, time: float) -> None:
        for index in np.flatnonzero(~self.there & ~self.done).tolist():
            visit = self.visits[index]
            if visit.start > time or self._elsewhere(index, time):
                continue
            mates = [index] if self.partner[index] < 0 else [index, int(self.partner[index])]
            others = self.place[self.there]
            gaps = np.linalg.norm(self.paths[mates, 0][:, None] - others[None], axis=-1)
            if (gaps > 0.9).all():
                self.there[mates] = True
                self.speed[mates] = self.own_speed[mates] * 0.8

    def _elsewhere(self, index: int, time: float) -> bool:
        """Whether the person is still on the site, or left a moment ago, on an earlier visit."""
        person = self.visits[index].person
        earlier = [k for k in range(index) if self.visits[k].person == person]
        return any(not self.done[k] or time - self.left_at[k] < 4.0 for k in earlier)

    def _follow_path(self, on: Ints) -> None:
        """Moves each one's index on the path to the nearest point within the next two metres."""
        window = self.at[on][:, None] + np.arange(9)
        window = np.minimum(window, self._limit(on)[:, None])
        gaps = np.linalg.norm(self.paths[on[:, None], window] - self.place[on][:, None], axis=-1)
        self.at[on] = window[np.arange(len(on)), gaps.argmin(1)]

    def _limit(self, on: Ints) -> Ints:
        """(n,): the index of the next pause or of the end."""
        return np.array([self._stop_index(index) for index in on.tolist()], np.int64)

    def _stop_index(self, index: int) -> int:
        pauses = self.visits[index].pauses
        after = self.next_pause[index]
        return pauses[after].at if after < len(pauses) else int(self.last[index])

    def _pause(self, on: Ints, time: float) -> None:
        for index in on.tolist():
            pauses = self.visits[index].pauses
            if self.next_pause[index] >= len(pauses):
                continue
            pause = pauses[self.next_pause[index]]
            if np.isnan(self.pausing[index]):
                gap = float(np.hypot(*(self.paths[index, pause.at] - self.place[index])))
                if gap < 0.2 or (gap < 1.3 and (self.stuck[index] > 0.6 or self._taken(index, pause))):
                    self._begin_pause(index, pause, time)
            elif time >= self.pausing[index]:
                self.pausing[index] = np.nan
                self.at[index] = pause.at
                self.next_pause[index] += 1
                self.stuck[index] = 0.0

    def _taken(self, index: int, pause: Pause) -> bool:
        """Whether someone else stands where one means to pause."""
        standing = self.there & ~np.isnan(self.pausing)
        standing[index] = False
        gaps = np.linalg.norm(self.place[standing] - self.paths[index, pause.at], axis=-1)
        return bool((gaps < 0.7).any())

    def _begin_pause(self, index: int, pause: Pause, time: float) -> None:
        mate = int(self.partner[index])
        self.pausing[index] = time + pause.seconds
        if mate < 0 or not self.there[mate]:
            return
        if np.isnan(self.pausing[mate]):
            self.pausing[index] += 5.0  # until the other one is here too
        else:
            self.pausing[mate] = self.pausing[index]

    def _activity(self, index: int) -> int:
        visit = self.visits[index]
        if np.isnan(self.pausing[index]) or self.speed[index] > 0.1:
            return int(Activity.RUN if visit.running and self.speed[index] > 2.0 else Activity.WALK)
        pause = visit.pauses[self.next_pause[index]]
        mate = int(self.partner[index])
        near = mate >= 0 and self.there[mate] and bool(np.isfinite(self.pausing[mate]))
        if pause.activity == Activity.TALK and not near:
            return int(Activity.STAND)
        return int(pause.activity)

    def _decide(self, on: Ints) -> None:
        """Chooses where to turn and how fast to go."""
        to_goal = self.paths[on, self._ahead(on)] - self.place[on]
        distance = np.hypot(*to_goal.T)
        wish = np.arctan2(to_goal[:, 1], to_goal[:, 0]) + self.whim[on]
        pace = self.own_speed[on] * self._with_partner(on)
        stopping = self._limit(on) < self.last[on]
        pace = np.where(stopping & (distance < 1.2), np.minimum(pace, np.sqrt(1.2 * distance) + 0.1), pace)
        rows = np.full(len(self.visits) + 1, -1)
        rows[on] = np.arange(len(on))
        there = Walkers(self.place[on], self.heading[on], self.speed[on], self.stuck[on], rows[self.partner[on]])
        best = costs(there, wish, pace, self.clearance).argmin(1)
        heading, speed = wish + TURN_OF[best], pace * SPEED_OF[best]
        waiting = ~np.isnan(self.pausing[on])
        self.goal_speed[on] = np.where(waiting, 0.0, speed)
        self.goal_heading[on] = np.where(waiting, self._facing(on), heading)
        self._mind_stuck(on, waiting)

    def _ahead(self, on: Ints) -> Ints:
        """(n,): the index of the furthest point of the path nearby that a straight free line leads to."""
        points = np.clip(self.at[on][:, None] + LOOK, 0, self._limit(on)[:, None])
        place = self.place[on][:, None]
        lines = place[:, :, None] + (self.paths[on[:, None], points] - place)[:, :, None] * SHARES[:, None]
        free = (self.clearance.quick(lines) > 0.2).all(2)
        return np.asarray(points[np.arange(len(on)), free.argmax(1)])

    def _with_partner(self, on: Ints) -> Array:
        """(n,): factor on the speed that keeps two people side by side."""
        mate = self.partner[on]
        both = (mate >= 0) & self.there[mate]
        gap = self.place[mate] - self.place[on]
        lead = gap[:, 0] * np.cos(self.heading[on]) + gap[:, 1] * np.sin(self.heading[on])
        lead = np.where(np.hypot(*gap.T) > 6.0, 0.0, lead)
        return np.where(both, np.clip(1 + 0.7 * lead, 0.35, 1.3), 1.0)

    def _facing(self, on: Ints) -> Array:
        """(n,): where those who pause look."""
        facing = np.zeros(len(on))
        for row, index in enumerate(on.tolist()):
            pauses = self.visits[index].pauses
            if np.isnan(self.pausing[index]) or self.next_pause[index] >= len(pauses):
                continue
            pause = pauses[self.next_pause[index]]
            mate = int(self.partner[index])
            facing[row] = pause.facing
            if pause.activity == Activity.TALK and mate >= 0 and self.there[mate]:
                facing[row] = np.arctan2(*(self.place[mate] - self.place[index])[::-1])
        return facing

    def _mind_stuck(self, on: Ints, waiting: Mask) -> None:
        """Whoever cannot get on for seconds tries another direction for a while."""
        slow = ~waiting & (self.speed[on] < 0.2)
        self.stuck[on] = np.where(slow, self.stuck[on] + DECIDE / RATE, np.maximum(self.stuck[on] - 0.3, 0.0))
        draws = self.rng.uniform(-1.9, 1.9, len(self.visits))
        again = self.rng.random(len(self.visits)) < 0.12
        lost = self.stuck[on] > 2.0
        self.whim[on] = np.where(lost, np.where(again[on], draws[on], self.whim[on]), 0.0)

    def _move(self, on: Ints) -> None:
        dt = 1 / RATE
        off = wrapped(self.goal_heading[on] - self.heading[on])
        rate = np.clip(4.0 * off, -TURN, TURN)
        self.turning[on] += np.clip(rate - self.turning[on], -LEAP * dt, LEAP * dt)
        self.heading[on] += self.turning[on] * dt
        aim = self.goal_speed[on] * slow_in_turns(off)
        self.speed[on] += np.clip(aim - self.speed[on], -SLOW_DOWN * dt, SPEED_UP * dt)
        way = np.stack([np.cos(self.heading[on]), np.sin(self.heading[on])], -1)
        old = self.place[on]
        new, free = self._permitted(on, old, old + self.speed[on, None] * way * dt)
        self.speed[on] = np.where(free, self.speed[on], np.maximum(self.speed[on] - 6.0 * dt, 0.0))
        self.place[on] = new

    def _permitted(self, on: Ints, old: Array, new: Array) -> tuple[Array, Mask]:
        """New places (n, 2) and (n,) who moves: those whose step brings no one too close to others or a wall."""
        here, there = self.clearance.at(old), self.clearance.at(new)
        free = (there >= WALL) | (there >= here)
        limit = np.where(self.stuck[on] > 4.0, APART_STUCK, APART)
        before = np.linalg.norm(old[:, None] - old[None], axis=-1)
        for _ in range(len(on) + 1):
            place = np.where(free[:, None], new, old)
            after = np.linalg.norm(place[:, None] - place[None], axis=-1)
            np.fill_diagonal(after, np.inf)
            close = (after < np.minimum(limit[:, None], limit[None])) & (after < before)
            alone = np.linalg.norm(new[:, None] - old[None], axis=-1) < before  # the own step comes closer
            bad = (close & (alone | ~alone.T)).any(1) & free
            if not bad.any():
                break
            free &= ~bad
        return np.where(free[:, None], new, old), free

    def _leave(self, on: Ints, time: float) -> None:
        to_end = np.linalg.norm(self.paths[on, self.last[on]] - self.place[on], axis=-1)
        last_leg = np.array([self.next_pause[index] >= len(self.visits[index].pauses) for index in on.tolist()])
        for index in on[(to_end < 0.6) & last_leg & (self.at[on] >= self.last[on] - 3)]:
            self.there[index] = False
            self.done[index] = True
            self.left_at[int(index)] = time

    def trajectories(self, first: float) -> list[Trajectory]:
        """What has been walked from a time on, in order of person and time."""
        found = []
        for visit, rows in zip(self.visits, self.rows, strict=True):
            table = np.array(rows).reshape(-1, 5)
            table = table[table[:, 0] >= first]
            if len(table) > RATE:
                found.append(_trajectory(visit.person, table))
        return sorted(found, key=lambda trajectory: (trajectory.person, trajectory.times[0]))


def _trajectory(person: int, table: Array) -> Trajectory:
    """Of rows time, x, y, heading, activity; steps that stopped short are softened."""
    places = gaussian_filter1d(table[:, 1:3], 3.5, axis=0, mode="nearest")
    headings = gaussian_filter1d(np.unwrap(table[:, 3]), 3.0, mode="nearest")
    steps = np.hypot(*np.diff(places, axis=0).T)
    travelled = np.concatenate([[0.0], steps.cumsum()])
    return Trajectory(person, table[:, 0], places, headings, travelled, table[:, 4].astype(np.int8))
