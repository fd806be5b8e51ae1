"""Who is in which camera's view, and the links between cameras that people really walked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from world.camera import Array, Camera
from world.site import Scene, Solid
from world.trajectory import Trajectory

BODY_CENTRE = 0.9  # metres above the floor
BODY_HEIGHT = 1.7  # metres
SMALLEST = 40.0  # pixels: a person who is smaller does not count as seen
LOW = 1.5  # metres: what is lower hides no body centre from a camera on a wall
RATE = 12.5  # samples a second
GAP = 1.0  # seconds: shorter breaks do not end a view
LONGEST_TRANSIT = 120.0  # seconds

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A person in a camera's view, from `start` to `end` in seconds of the site's time."""

    camera: str
    person: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Link:
    """A way from one camera's view to the next one's.

    Attributes:
        source: camera that the people left.
        target: camera where they appeared next.
        shortest: seconds between, rounded down with slack; 0 where the views overlap.
        longest: seconds between, rounded up with slack.
        walks: how many transits were walked.
        overlapping: whether the two views share ground.
    """

    source: str
    target: str
    shortest: float
    longest: float
    walks: int
    overlapping: bool = False


def reach(camera: Camera) -> float:
    """Depth in metres up to which a person is tall enough in the picture."""
    return camera.focal * BODY_HEIGHT / SMALLEST


def hits(origin: Array, points: Array, solids: Sequence[Solid]) -> Mask:
    """(N,): whether a solid lies between an origin (3,) and each of the points (N, 3)."""
    blocked = np.zeros(len(points), np.bool_)
    for solid in solids:
        blocked[~blocked] = _crosses(origin, points[~blocked], solid)
    return blocked


def _crosses(origin: Array, points: Array, solid: Solid) -> Mask:
    """(N,): slab test of the lines from origin to points (N, 3) in the solid's own axes."""
    cos, sin = np.cos(solid.turn), np.sin(solid.turn)
    own = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    centre = np.array([*solid.centre, solid.base + solid.size[2] / 2])
    start = own @ (origin - centre)
    along = (points - origin) @ own.T
    along = np.where(np.abs(along) < 1e-9, 1e-9, along)
    half = np.asarray(solid.size) / 2
    one, other = (-half - start) / along, (half - start) / along
    enter = np.minimum(one, other).max(1)
    leave = np.maximum(one, other).min(1)
    return np.asarray((enter <= leave) & (leave > 0) & (enter < 1))


def visible(camera: Camera, places: Array, solids: Iterable[Solid]) -> Mask:
    """(N,): whether people at places (N, 2) on the floor are in the camera's view."""
    points = np.column_stack([places, np.full(len(places), BODY_CENTRE)])
    pixels, depth = camera.project(points)
    inside = ((pixels >= 0) & (pixels < camera.size)).all(1)
    seen = np.asarray((depth > 0.5) & (depth <= reach(camera)) & inside, np.bool_)
    tall = [solid for solid in solids if solid.base + solid.size[2] > LOW]
    seen[seen] = ~hits(np.asarray(camera.place), points[seen], tall)
    return seen


def views_of(scene: Scene, trajectories: Sequence[Trajectory]) -> list[Sighting]:
    """All views within the scene's time, in order of camera, person and start.

    A person is in a view while the centre of the body is inside the picture, no solid hides it and the person is
    tall enough in the picture. Breaks of less than a second are closed.
    """
    times = np.arange(0.0, scene.seconds + 1e-9, 1 / RATE)
    views: list[Sighting] = []
    for camera in scene.cameras:
        spans: dict[int, list[tuple[float, float]]] = defaultdict(list)
        for trajectory in trajectories:
            there = times[(times >= trajectory.times[0]) & (times <= trajectory.times[-1])]
            places = np.column_stack([np.interp(there, trajectory.times, axis) for axis in trajectory.places.T])
            spans[trajectory.person] += _spans(there, visible(camera, places, scene.site.solids))
        for person in sorted(spans):
            views += [Sighting(camera.name, person, start, end) for start, end in _merged(sorted(spans[person]))]
    return views


def _spans(times: Array, mask: Mask) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(float(times[a]), float(times[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in spans:
        if merged and start - merged[-1][1] < GAP:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def transits_of(views: Sequence[Sighting]) -> list[tuple[Sighting, Sighting]]:
    """Pairs of one person's views in two cameras: the one that ended and the one that began next."""
    by_person: dict[int, list[Sighting]] = defaultdict(list)
    for view in sorted(views, key=lambda view: (view.start, view.end, view.camera)):
        by_person[view.person].append(view)
    pairs = [pair for person in sorted(by_person) for pair in zip(by_person[person], by_person[person][1:])]  # noqa: B905
    return [(a, b) for a, b in pairs if a.camera != b.camera and b.start - a.end <= LONGEST_TRANSIT]


def links_of(scene: Scene, views: Sequence[Sighting], *, slack: float = 0.2, margin: float = 1.0) -> list[Link]:
    """Directed links between cameras that people walked, in order of the scene's cameras.

    Args:
        scene: names its cameras and says which overlap.
        views: of its people, from `views_of`.
        slack: share by which the window of transit times is wider than what was walked.
        margin: seconds by which it is wider on top.
    """
    walked: dict[tuple[str, str], list[float]] = defaultdict(list)
    for before, after in transits_of(views):
        walked[before.camera, after.camera].append(after.start - before.end)
    links = []
    for source in scene.cameras:
        for target in scene.cameras:
            seconds = walked.get((source.name, target.name))
            if seconds:
                overlapping = shares_ground(scene, source.name, target.name)
                shortest = 0.0 if overlapping else max(0.0, np.floor(min(seconds) * (1 - slack) - margin))
                longest = float(np.ceil(max(0.0, *seconds) * (1 + slack) + margin))
                links.append(Link(source.name, target.name, float(shortest), longest, len(seconds), overlapping))
    return links


def shares_ground(scene: Scene, one: str, other: str) -> bool:
    """Whether the scene says that the views of two cameras overlap."""
    return (one, other) in scene.overlapping or (other, one) in scene.overlapping
