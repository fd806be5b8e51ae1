"""Where the people of a scene walk: entries, destinations, pauses, and when everyone comes.

Routes are chosen such that people pass the views of at least two cameras and spread over the clip: each visit is
the best of several random ones, judged by how much it adds to views that are still empty. `world.crowd` then lets
all of them walk at once.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from world.crowd import simulate
from world.sight import Sighting, views_of, visible
from world.site import Scene, Site, Solid
from world.trajectory import Activity, Array, Trajectory
from world.visit import STEP, Pause, Visit

CELL = 0.5  # metres: raster on which views are looked up
TRIES = 40  # random visits among which the best is taken
ATTEMPTS = 6  # simulations before the best one is taken
MANY = 12  # people: among more, a few whom one camera alone sees are allowed
ENOUGH = 0.85
SEEN = 1.8  # seconds in a view that count
HOLD_UP = 3.5  # seconds by which others may hold someone up
LEAD = 30.0  # seconds before the scene in which people may come
BEAT = 0.5  # seconds: raster of the plan in time
PAIR_SIDE = 0.35  # metres to each side of the way that two people share
SHOULDER = 0.35  # metres between a lane and the edge of its way


def walk_through(scene: Scene, seed: int) -> list[Trajectory]:
    """The people of a scene, in order of person and time; several visits of one person follow each other.

    Args:
        scene: its `people` come, with indices 0 to people - 1.
        seed: the same seed gives the same trajectories.
    """
    best: list[Trajectory] = []
    most = -1
    wanted = scene.people
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([seed, attempt])
        trajectories = simulate(scene, _Planner(scene, rng).visits(), rng)
        count = people_in_two_views(views_of(scene, trajectories))
        if count > most:
            best, most = trajectories, count
        if most >= wanted or (scene.people > MANY and most >= ENOUGH * wanted):
            break
    return best


def people_in_two_views(views: Sequence[Sighting]) -> int:
    """How many people were seen by two cameras or more."""
    cameras: dict[int, set[str]] = defaultdict(set)
    for view in views:
        if view.end - view.start >= 0.5:
            cameras[view.person].add(view.camera)
    return sum(len(names) > 1 for names in cameras.values())


@dataclass(slots=True)
class _Route:
    """A polyline through named places, with pauses at some of them."""

    names: list[str]
    stops: dict[int, Pause] = field(default_factory=dict)


class _Planner:
    """Draws the visits of all people of a scene."""

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self.scene = scene
        self.rng = rng
        self.site = scene.site
        self.graph = _Graph(scene.site)
        self.rasters = _ViewRaster(scene)
        beats = int((scene.seconds + LEAD) / BEAT) + 1
        self.taken: Array = np.zeros((len(scene.cameras), beats))
        self.begun = np.zeros(beats)

    def visits(self) -> list[Visit]:
        """Of everyone, in order of person."""
        people, twos = self.scene.people, round(self.scene.people * self.scene.pairs / 2)
        visits: list[Visit] = []
        order = self.rng.permutation(people).tolist()
        groups = [order[2 * k : 2 * k + 2] for k in range(twos)] + [[person] for person in order[2 * twos :]]
        for group in groups:
            running = len(group) == 1 and self.rng.random() < self.scene.running
            drawn = float(np.clip(self.rng.normal(1.25, 0.2), 0.85, 1.7))
            speed = float(self.rng.uniform(2.6, 3.2)) if running else drawn
            first = self._best(group, speed, running, (-LEAD, self.scene.seconds))
            visits += first
            ends = first[0].start + first[0].nominal_seconds
            if ends + 15 < self.scene.seconds and len(group) == 1 and self.rng.random() < 0.5:
                visits += self._best(group, speed, running, (ends + 8, self.scene.seconds))
        return sorted(visits, key=lambda visit: (visit.person, visit.start))

    def _best(self, group: list[int], speed: float, running: bool, span: tuple[float, float]) -> list[Visit]:
        found: tuple[float, list[Visit], NDArray[np.bool_], int] | None = None
        for _ in range(TRIES):
            visits = self._draw(group, speed, running)
            seen = self._seen(visits[0])
            start, value = self._best_start(seen, span)
            if found is None or value > found[0]:
                found = (value, visits, seen, start)
        assert found is not None  # noqa: S101 TRIES is positive
        _, visits, seen, start = found
        end = min(start + seen.shape[1], self.taken.shape[1])
        self.taken[:, start:end] += len(group) * seen[:, : end - start]
        self.begun[start] += 1
        for visit in visits:
            visit.start = start * BEAT - LEAD
        return visits

    def _best_start(self, seen: NDArray[np.bool_], span: tuple[float, float]) -> tuple[int, float]:
        """The beat at which a visit adds most: views that are still empty count most, two cameras above all."""
        beats = self.taken.shape[1]
        first, last = (int((second + LEAD) / BEAT) for second in span)
        clip, late = int(LEAD / BEAT), int(HOLD_UP / BEAT)
        worth = 1.0 / (1.0 + self.taken) ** 1.5
        worth[:, :clip] = 0.0
        best = (first, -np.inf)
        for start in self.rng.permutation(np.arange(first, max(first + 1, last - 4)))[:24].tolist():
            end = min(start + seen.shape[1], beats)
            part = seen[:, : end - start]
            long = part[:, max(0, clip - start) : beats - late - start].sum(1) * BEAT >= SEEN
            enough = 1000.0 * min(int(long.sum()), 2) + 1.5 * int(long.sum())
            value = enough + float((worth[:, start:end] * part).sum()) - 2.0 * float(self.begun[start])
            if value > best[1]:
                best = (start, value)
        return best

    def _draw(self, group: list[int], speed: float, running: bool) -> list[Visit]:
        route = self._route(running, len(group) > 1)
        lanes = [float(self.rng.beta(2.0, 2.2) * 1.1 - 0.15)]
        if len(group) > 1:
            middle = float(self.rng.uniform(0.0, 0.3))
            lanes = [middle, middle]
        visits = []
        aside = self.rng.uniform(-0.5, 0.5, len(route.names))
        for index, person in enumerate(group):
            shift = 0.0 if len(group) == 1 else (PAIR_SIDE if index else -PAIR_SIDE)
            path, stops = _path_of(self.site, route, lanes[index], shift, aside)
            partner = group[1 - index] if len(group) > 1 else None
            visits.append(Visit(person, partner, 0.0, speed, running, path, stops))
        return visits

    def _route(self, running: bool, pair: bool) -> _Route:
        site, rng = self.site, self.rng
        goals = list(site.stops) + [name for name in site.places if name not in (*site.entries, *site.stops)]
        weights = np.array([3.0] * len(site.stops) + [1.0] * (len(goals) - len(site.stops)))
        count = min(len(goals), int(rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2])))
        chosen = rng.choice(len(goals), count, replace=False, p=weights / weights.sum())
        entry, leave = (str(rng.choice(site.entries)) for _ in range(2))
        loose = {edge: float(rng.uniform(1.0, 1.35)) for edge in self.graph.lengths}
        route = _Route([entry])
        for name in [*(goals[index] for index in chosen), leave]:
            part = self.graph.shortest(route.names[-1], name, loose)
            route.names += part[1:]
            if name in site.stops and not running and rng.random() < 0.8 and len(part) > 1:
                facing = facing_at(site, site.places[name])
                activity = Activity.TALK if pair and rng.random() < 0.7 else Activity.STAND
                route.stops[len(route.names) - 1] = Pause(0, float(rng.uniform(3.0, 11.0)), facing, activity)
        return route

    def _seen(self, visit: Visit) -> NDArray[np.bool_]:
        """(C, B): whether a camera sees the visitor at a beat since the start, without anyone in the way."""
        times = visit.nominal_times()
        beats = np.arange(0.0, min(times[-1], self.scene.seconds + LEAD), BEAT)
        places = np.column_stack([np.interp(beats, times, axis) for axis in visit.path.T])
        return self.rasters.at(places)


class _ViewRaster:
    """Which cameras see a person at which place, looked up on a raster."""

    def __init__(self, scene: Scene) -> None:
        corners = np.array(list(scene.site.places.values()))
        self.low = corners.min(0) - 2.0
        self.shape = tuple(np.ceil((corners.max(0) + 2.0 - self.low) / CELL).astype(int))
        cells = np.indices(self.shape).reshape(2, -1).T
        middle = self.low + (cells + 0.5) * CELL
        views = [visible(camera, middle, scene.site.solids).reshape(self.shape) for camera in scene.cameras]
        self.views = np.stack(views)

    def at(self, places: Array) -> NDArray[np.bool_]:
        """(C, N) for places (N, 2)."""
        cells = np.clip(((places - self.low) / CELL).astype(int), 0, np.array(self.shape) - 1)
        return np.asarray(self.views[:, cells[:, 0], cells[:, 1]])


class _Graph:
    """Places and the lengths of the ways between them."""

    def __init__(self, site: Site) -> None:
        self.lengths: dict[tuple[str, str], float] = {}
        self.next: dict[str, list[str]] = defaultdict(list)
        for one, other, _ in site.ways:
            length = float(np.hypot(*np.subtract(site.places[one], site.places[other])))
            for a, b in ((one, other), (other, one)):
                self.lengths[a, b] = length
                self.next[a].append(b)

    def shortest(self, start: str, goal: str, loose: dict[tuple[str, str], float]) -> list[str]:
        """Names from start to goal by Dijkstra's algorithm; `loose` are factors on the lengths."""
        queue: list[tuple[float, str, tuple[str, ...]]] = [(0.0, start, (start,))]
        done: set[str] = set()
        while queue:
            length, name, names = heapq.heappop(queue)
            if name == goal:
                return list(names)
            if name in done:
                continue
            done.add(name)
            for other in self.next[name]:
                if other not in done:
                    step = self.lengths[name, other] * loose[name, other]
                    heapq.heappush(queue, (length + step, other, (*names, other)))
        raise ValueError(f"no way leads from {start} to {goal}; add one to the site's ways")


def facing_at(site: Site, place: tuple[float, float]) -> float:
    """Radians: towards what stands nearest to a place."""
    solids = [solid for solid in site.solids if solid.base < 1.5 and solid.base + solid.size[2] > 0.3]
    if not solids:
        return 0.0
    offsets = [_nearest_point(solid, place) - np.asarray(place) for solid in solids]
    nearest = min(offsets, key=lambda offset: float(np.hypot(*offset)))
    return float(np.arctan2(nearest[1], nearest[0]))


def _nearest_point(solid: Solid, place: tuple[float, float]) -> Array:
    cos, sin = np.cos(solid.turn), np.sin(solid.turn)
    turn = np.array([[cos, -sin], [sin, cos]])
    half = np.asarray(solid.size[:2]) / 2
    own = np.clip((np.asarray(place) - solid.centre) @ turn, -half, half)
    return np.asarray(turn @ own + solid.centre)


def _path_of(site: Site, route: _Route, lane: float, shift: float, aside: Array) -> tuple[Array, list[Pause]]:
    """Points every `STEP` metres along a lane of the ways, and the pauses with their indices into these points.

    Args:
        site: gives places and widths.
        route: what is visited.
        lane: 0 in the middle of each way, 1 at its right edge, in walking direction.
        shift: metres further to the right.
        aside: (N,) metres to the left of each place, for those who pause there.
    """
    widths = {frozenset((one, other)): width for one, other, width in site.ways}
    nodes = np.array([site.places[name] for name in route.names])
    runs = np.diff(nodes, axis=0)
    right = np.stack([runs[:, 1], -runs[:, 0]], 1) / np.linalg.norm(runs, axis=1, keepdims=True)
    room = np.array([widths[frozenset(pair)] / 2 - SHOULDER for pair in zip(route.names, route.names[1:])])  # noqa: B905
    room = np.maximum(room, 0.05)
    offset = right * np.clip(room * lane + shift, -room, room)[:, None]
    corners = np.concatenate([offset[:1], (offset[:-1] + offset[1:]) / 2, offset[-1:]]) + nodes
    for index, pause in route.stops.items():
        across = np.array([-np.sin(pause.facing), np.cos(pause.facing)])
        corners[index] = nodes[index] + across * (shift * 1.25 + aside[index])
    return _sampled(corners, route.stops)


def _sampled(corners: Array, stops: dict[int, Pause]) -> tuple[Array, list[Pause]]:
    """Rounds the corners between pauses and samples them evenly."""
    parts: list[Array] = []
    pauses: list[Pause] = []
    count = 0
    for first, last in zip([0, *sorted(stops)], [*sorted(stops), len(corners) - 1]):  # noqa: B905
        if last <= first:
            continue
        leg = corners[first : last + 1]
        lengths = np.concatenate([[0.0], np.hypot(*np.diff(leg, axis=0).T).cumsum()])
        even = np.linspace(0.0, lengths[-1], max(2, int(np.ceil(lengths[-1] / STEP)) + 1))
        points = np.stack([np.interp(even, lengths, axis) for axis in leg.T], 1)
        ends = np.pad(points, ((2, 2), (0, 0)), "edge")
        soft = np.stack([np.convolve(axis, np.full(5, 0.2), "valid") for axis in ends.T], 1)
        soft[0], soft[-1] = points[0], points[-1]
        parts.append(soft if not parts else soft[1:])
        count += len(parts[-1])
        if last in stops:
            pause = stops[last]
            pauses.append(Pause(count - 1, pause.seconds, pause.facing, pause.activity))
    return np.concatenate(parts), pauses
