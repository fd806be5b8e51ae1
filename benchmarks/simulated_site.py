"""A site of many cameras and people, as tracklets without pictures: for memory, speed and learned transits.

People come as a Poisson process, enter at any camera, and walk along the edges of a graph of cameras; on each edge
the time out of view is log-normal. An embedding is the sum of what all people share, the person, the camera, the
tracklet and the view, all drawn in a space of few dimensions, as the distances of real embedders spread. The
weights are set so that tracklets across cameras have the equal error and the distances of osnet_x0_25 (MSMT17) on
the people 1 to 485 of CUHK01: 4.8 %, the same person at .26 and others at .52.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.recorded_site import View, unit
from reid.tracklets import CameraId, FloatArray, TrackletKey
from trackers.tracks import TrackState

Floats = npt.NDArray[np.float64]
_HOLD = 0.2  # s from the last view of a track to the report of its end
_SCORE = 0.9
_BOX = np.array([100.0, 100.0, 164.0, 260.0], np.float32)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated.

    Attributes:
        cameras: how many, in a ring; each is joined to the next, every second also to the one five further on.
        people: who come in ``hours``.
        hours: of the whole simulation.
        stops: shortest and longest visit, in tracklets.
        dwell: shortest and longest seconds in a view.
        views: embedded views of a tracklet.
        transit: lowest and highest median seconds of an edge.
        spread: standard deviation of the logarithm of transit times.
        dimension: of embeddings.
        rank: dimensions in which they differ.
        shared: weight of what all people share; the person's is 1.
        camera: weight of the camera.
        tracklet: weight of the tracklet.
        view: weight of the view.
        seed: of everything.
    """

    cameras: int = 20
    people: int = 50_000
    hours: float = 48.0
    stops: tuple[int, int] = (2, 5)
    dwell: tuple[float, float] = (4.0, 15.0)
    views: int = 4
    transit: tuple[float, float] = (8.0, 60.0)
    spread: float = 0.3
    dimension: int = 512
    rank: int = 48
    shared: float = 1.35
    camera: float = 0.35
    tracklet: float = 0.9
    view: float = 0.5
    seed: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call of a linker's `update`, and whose tracks these are."""

    camera: CameraId
    time: float
    views: list[View]
    people: tuple[int, ...]


class SimulatedSite:
    """See the file's docstring.

    Args:
        plan: what is simulated.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._random = np.random.default_rng(plan.seed)
        self.names = [CameraId(f"camera{i:02d}") for i in range(plan.cameras)]
        self.medians = self._edges()
        self._neighbours: dict[int, list[int]] = {}
        for a, b in self.medians:
            self._neighbours.setdefault(a, []).append(b)
        self._basis = np.linalg.qr(self._random.standard_normal((plan.dimension, plan.rank)))[0].T
        self._shared = plan.shared * self._direction()
        self._biases = plan.camera * np.stack([self._direction() for _ in range(plan.cameras)])

    def transits(self) -> dict[tuple[CameraId, CameraId], float]:
        """True median seconds of every edge."""
        return {(self.names[a], self.names[b]): seconds for (a, b), seconds in self.medians.items()}

    def calls(self) -> Iterator[Call]:
        """Calls of the linker in order of time; memory: the people who are on the site."""
        plan, queue, order = self.plan, list[tuple[float, int, int, int, View]](), 0
        tracks = [0] * plan.cameras
        came, interval = 0.0, 3600 * plan.hours / plan.people
        for person in range(plan.people):
            came += float(self._random.exponential(interval))
            while queue and queue[0][0] < came:
                yield self._call(heapq.heappop(queue))
            for time, camera, view in self._visit(came, tracks):
                heapq.heappush(queue, (time, order, camera, person, view))
                order += 1
        while queue:
            yield self._call(heapq.heappop(queue))

    def tracklet_rows(self, person: Floats, camera: int) -> FloatArray:
        """(views, D) embeddings of one tracklet of a person (rank,) of `direction`."""
        plan = self.plan
        same = self._shared + person + self._biases[camera] + plan.tracklet * self._direction()
        drawn = np.stack([same + plan.view * self._direction() for _ in range(plan.views)])
        return unit((drawn @ self._basis).astype(np.float32))

    def direction(self) -> Floats:
        """A person: (rank,) of length about 1."""
        return self._direction()

    def _direction(self) -> Floats:
        drawn: Floats = self._random.standard_normal(self.plan.rank) / np.sqrt(self.plan.rank)
        return drawn

    def _edges(self) -> dict[tuple[int, int], float]:
        count = self.plan.cameras
        pairs = [(a, (a + 1) % count) for a in range(count)] + [(a, (a + 5) % count) for a in range(0, count, 2)]
        found = {}
        for a, b in pairs:
            if a != b:
                found[a, b] = found[b, a] = float(self._random.uniform(*self.plan.transit))
        return found

    def _visit(self, time: float, tracks: list[int]) -> Iterator[tuple[float, int, View]]:
        plan, person = self.plan, self._direction()
        camera = int(self._random.integers(plan.cameras))
        for _ in range(int(self._random.integers(plan.stops[0], plan.stops[1] + 1))):
            tracks[camera] += 1
            dwell = float(self._random.uniform(*plan.dwell))
            rows = self.tracklet_rows(person, camera)
            for moment, row in zip(np.linspace(time, time + dwell, plan.views).tolist(), rows, strict=True):
                yield moment, camera, View(tracks[camera], _BOX, _SCORE, TrackState.CONFIRMED, row)
            yield time + dwell + _HOLD, camera, View(tracks[camera], _BOX, _SCORE, TrackState.ENDED, None)
            to = int(self._random.choice(self._neighbours[camera]))
            seconds = self.medians[camera, to] * np.exp(plan.spread * self._random.standard_normal())
            time, camera = time + dwell + float(seconds), to

    def _call(self, entry: tuple[float, int, int, int, View]) -> Call:
        time, _, camera, person, view = entry
        return Call(self.names[camera], time, [view], (person,))


def equal_error(same: Floats, different: Floats) -> float:
    """Share of mistakes of both kinds at the distance where they are equal."""
    cuts = np.unique(np.concatenate([same, different]))
    missed = 1 - np.searchsorted(np.sort(same), cuts, side="right") / len(same)
    false = np.searchsorted(np.sort(different), cuts, side="right") / len(different)
    at = int(np.abs(missed - false).argmin())
    return float(missed[at] + false[at]) / 2


def site_equal_error(site: SimulatedSite, people: int = 300) -> tuple[float, float]:
    """Equal error of tracklet means across two cameras, and mean distance of the same person over others'."""
    means = []
    for _ in range(people):
        person = site.direction()
        pair = [unit(site.tracklet_rows(person, camera).mean(axis=0)) for camera in (0, 1)]
        means.append(np.stack(pair))
    a, b = np.stack(means)[:, 0].astype(np.float64), np.stack(means)[:, 1].astype(np.float64)
    distance = 1 - a @ b.T
    same, different = np.diag(distance), distance[~np.eye(people, dtype=bool)]
    return equal_error(same, different), float(same.mean() / different.mean())


def key_of(call: Call) -> TrackletKey:
    """The tracklet of a call's only track."""
    return TrackletKey(call.camera, call.views[0].id)
