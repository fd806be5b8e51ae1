"""Where people go from a camera, how long it takes, and at which side they leave and enter: learned from links.

Each ordered pair of cameras has a histogram of the logarithms of transit times and counts of the sides at which
people left and entered. It begins as what is expected (`reid.expected_ways`), and follows the pairs that
appearance alone makes likely, so that a wrong link cannot teach itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reid.expected_ways import BINS, SHORTEST, STEP, ExpectedWays
from reid.topology import Topology
from reid.tracklets import CameraId, Tracklet

Float = npt.NDArray[np.float64]
Way = tuple[CameraId, CameraId]

_PRIOR = 5.0  # transits for which what is expected of their times counts
_NEXT_PRIOR = 3.0  # transits for which what is expected of the next camera counts
_SIDE_PRIOR = 5.0
_KERNEL = np.exp(-0.5 * (np.arange(-5, 6) / 1.7) ** 2)  # smooths a histogram of few transits
_MOST = 1000.0  # transits of a pair that count; the older ones fade
_MEMORY = 1800.0  # s over which arrivals are counted
_UNSEEN = 20.0  # s before the first arrival that are taken to have been without one
SIDES = ("left", "right", "top", "bottom", "middle")
_BROKEN = 0.1  # share of tracks that are broken: hidden for a moment, then found again as another one
_BROKEN_FOR = 2.0  # s, mean
_STRAY, _STRAYING = 0.25, 0.5  # standard deviation of the place where it goes on: heights, and heights a second
_BORDER = 0.25  # share of the extent that counts as the side


@dataclass(frozen=True, slots=True)
class LearnedLink:
    """What is known of the way from one camera to another.

    Attributes:
        origin: camera that people leave.
        to: camera that they appear in next.
        transits: how many were seen, weighted by how sure they were.
        share: of all transits from ``origin``.
        median: seconds; window: between which nine in ten lie.
        leave: most frequent side at which people leave; enter: at which they appear.
    """

    origin: CameraId
    to: CameraId
    transits: float
    share: float
    median: float
    window: tuple[float, float]
    leave: str
    enter: str


@dataclass(frozen=True, slots=True, eq=False)
class Exits:
    """How tracklets left their views.

    Attributes:
        names: of cameras.
        cameras: (N,) index into these.
        ends: (N,) seconds.
        feet: (N, 2) pixels.
        heads: (N, 2) middles of the upper edges; heights: (N,) of the boxes.
    """

    names: tuple[CameraId, ...]
    cameras: npt.NDArray[np.int64]
    ends: Float
    feet: Float
    heads: Float
    heights: Float

    @classmethod
    def of(cls, tracklets: Sequence[Tracklet]) -> Exits:
        """Those of tracklets."""
        names = tuple(sorted({tracklet.key.camera for tracklet in tracklets}))
        cameras = np.array([names.index(tracklet.key.camera) for tracklet in tracklets], np.int64)
        ends = np.array([tracklet.end for tracklet in tracklets], float)
        boxes = np.array([tracklet.exit_box for tracklet in tracklets], float).reshape(-1, 4)
        feet = np.array([_feet(tracklet.exit_box) for tracklet in tracklets]).reshape(-1, 2)
        return cls(names, cameras, ends, feet, _heads(boxes), boxes[:, 3] - boxes[:, 1])

    def some(self, places: npt.NDArray[np.int64]) -> Exits:
        """Some of them."""
        boxes = (each[places] for each in (self.feet, self.heads, self.heights))
        return Exits(self.names, self.cameras[places], self.ends[places], *boxes)


class Transits:
    """The learned ways of a site. Memory: some hundred numbers for each pair of cameras with a link."""

    def __init__(self, topology: Topology | None = None) -> None:
        self._expected = ExpectedWays(topology or Topology(()))
        self._times: dict[Way, Float] = {}
        self._leave: dict[Way, Float] = {}
        self._enter: dict[Way, Float] = {}
        self._areas: dict[CameraId, Float] = {}  # x1, y1, x2, y2 of the feet of all who entered and left
        self._cameras: set[CameraId] = set()
        self._arrivals: dict[CameraId, tuple[float, float, float]] = {}  # first and latest time, faded count
        self._tables: dict[tuple[CameraId, CameraId, int], tuple[Float, float, Float, float]] = {}

    def see(self, tracklet: Tracklet) -> None:
        """Learn how far a camera's view reaches."""
        if tracklet.key.camera not in self._cameras:
            self._cameras.add(tracklet.key.camera)
            self._tables.clear()
        feet = np.stack([_feet(tracklet.entry_box), _feet(tracklet.exit_box)])
        known = self._areas.get(tracklet.key.camera, np.array([np.inf, np.inf, -np.inf, -np.inf]))
        low, high = np.minimum(known[:2], feet.min(axis=0)), np.maximum(known[2:], feet.max(axis=0))
        self._areas[tracklet.key.camera] = np.concatenate([low, high])

    def arrive(self, tracklet: Tracklet) -> None:
        """Learn how often somebody appears in a view."""
        camera, time = tracklet.key.camera, tracklet.start
        first, latest, count = self._arrivals.get(camera, (time, time, 0.0))
        now = max(latest, time)
        faded = count * float(np.exp((latest - now) / _MEMORY))
        self._arrivals[camera] = (first, now, faded + 1)

    def arrival_rate(self, camera: CameraId) -> float:
        """How many appear in a view each second, lately; 0 where nobody did yet."""
        if camera not in self._arrivals:
            return 0.0
        first, latest, count = self._arrivals[camera]
        watched = _MEMORY * (1 - float(np.exp((first - latest) / _MEMORY)))
        return count / (watched + _UNSEEN)

    def add(self, earlier: Tracklet, later: Tracklet, weight: float = 1.0) -> None:
        """Learn from a person's next appearance after another."""
        self._tables.clear()
        way = (earlier.key.camera, later.key.camera)
        times = self._times.setdefault(way, np.zeros(BINS))
        times[_bin(np.array([later.start - earlier.end]))[0]] += weight
        leave, enter = (sides.setdefault(way, np.zeros(len(SIDES))) for sides in (self._leave, self._enter))
        leave[self.side_of(earlier.key.camera, earlier.exit_box)] += weight
        enter[self.side_of(later.key.camera, later.entry_box)] += weight
        if (total := float(times.sum())) > _MOST:
            for table in (self._times, self._leave, self._enter):
                table[way] = table[way] * (_MOST / total)

    def side_of(self, camera: CameraId, box: npt.NDArray[np.float32]) -> int:
        """Index into `SIDES` of where in the view the feet of a box are."""
        return int(self._sides(camera, _feet(box)[None])[0])

    def _sides(self, camera: CameraId, feet: Float) -> npt.NDArray[np.int64]:
        """The same for (N, 2) feet."""
        middle = np.full(len(feet), len(SIDES) - 1)
        area = self._areas.get(camera)
        if area is None or (area[2:] <= area[:2]).any():
            return middle
        x, y = ((feet - area[:2]) / (area[2:] - area[:2])).T
        near = np.stack([x, 1 - x, y, 1 - y])
        return np.where(near.min(axis=0) < _BORDER, near.argmin(axis=0), middle)

    def log_rates(self, earlier: Exits | Sequence[Tracklet], later: Tracklet) -> Float:
        """How likely each of the tracklets (N,) is to be followed, just then and there, by ``later``.

        Returns:
            (N,) natural logarithms of rates a second; only their differences mean something.
        """
        exits = earlier if isinstance(earlier, Exits) else Exits.of(earlier)
        to = later.key.camera
        side = self.side_of(to, later.entry_box)
        gaps = later.start - exits.ends
        bins = _bin(gaps)
        rates = np.zeros(len(gaps))
        for number, origin in enumerate(exits.names):
            own = np.flatnonzero(exits.cameras == number)
            if len(own):
                if (origin, to, side) not in self._tables:
                    self._tables[origin, to, side] = self._table(origin, to, side)
                density, reached, leave, enter = self._tables[origin, to, side]
                rates[own] = density[bins[own]] + reached + leave[self._sides(origin, exits.feet[own])] + enter
        rates -= np.log(np.maximum(gaps, SHORTEST))  # from a density of logarithms to one of seconds
        return rates

    def log_rates_with_broken(self, exits: Exits, later: Tracklet) -> Float:
        """`log_rates`, where a track may also be broken: it goes on soon, in the same view and near the place."""
        rates = self.log_rates(exits, later)
        area = self._areas.get(later.key.camera)
        same = [number for number, name in enumerate(exits.names) if name == later.key.camera]
        own = np.flatnonzero(np.isin(exits.cameras, same))
        if area is None or len(own) == 0:
            return rates
        broken, box = exits.some(own), later.entry_box.astype(float)
        gaps = np.maximum(later.start - broken.ends, 0.0)
        heights = np.maximum(np.maximum(broken.heights, box[3] - box[1]), 1.0)
        spread = heights * (_STRAY + _STRAYING * gaps)
        away = np.square(broken.heads - _heads(box[None])).sum(axis=1) / (2 * np.square(spread))
        extent = float(np.prod(np.maximum(area[2:] - area[:2], 1.0)))
        nearness = np.log(np.maximum(extent / (2 * np.pi * np.square(spread)), 1.0)) - away
        going_on = np.log(_BROKEN / _BROKEN_FOR) - gaps / _BROKEN_FOR + nearness
        rates[own] = np.logaddexp(rates[own] + np.log1p(-_BROKEN), going_on)
        return rates

    def rate(self, earlier: Tracklet, later: Tracklet) -> float:
        """`log_rates` of one pair."""
        return float(self.log_rates([earlier], later)[0])

    def _table(self, origin: CameraId, to: CameraId, side: int) -> tuple[Float, float, Float, float]:
        """Logarithms: density of the log time by bin, of going there at all, of the sides left and entered."""
        way = (origin, to)
        times = self._times.get(way, np.zeros(BINS))
        seen = float(times.sum())
        smooth = np.convolve(times, _KERNEL / _KERNEL.sum(), mode="same")
        density = (smooth + _PRIOR * self._expected.times(origin, to)) / (smooth.sum() + _PRIOR) / STEP
        leaving = sum(float(counts.sum()) for (start, _), counts in self._times.items() if start == origin)
        share = self._expected.share(origin, to, self._cameras)
        reached = (seen + _NEXT_PRIOR * share) / (leaving + _NEXT_PRIOR)
        leave = self._side_ratios(self._leave, way, [other for other in self._leave if other[0] == origin])
        enter = self._side_ratios(self._enter, way, [other for other in self._enter if other[1] == to])
        return np.log(density), float(np.log(reached)), leave, float(enter[side])

    def _side_ratios(self, counts: Mapping[Way, Float], way: Way, all_ways: Sequence[Way]) -> Float:
        """(5,) logarithms of how much more often each side is taken on this way than on any."""
        own = counts.get(way, np.zeros(len(SIDES)))
        every = sum((counts[other] for other in all_ways), np.zeros(len(SIDES)))
        usual = (every + 1) / (every.sum() + len(SIDES))
        ratios: Float = np.log((own + _SIDE_PRIOR * usual) / (own.sum() + _SIDE_PRIOR) / usual)
        return ratios

    def learned(self, least: float = 3.0) -> list[LearnedLink]:
        """The ways between different cameras that at least so many transits speak for, by origin and share."""
        links = []
        for (origin, to), times in self._times.items():
            total = float(times.sum())
            if origin == to or total < least:
                continue
            leaving = sum(float(c.sum()) for (start, end), c in self._times.items() if start == origin != end)
            low, median, high = (_quantile(times, share) for share in (0.05, 0.5, 0.95))
            leave, enter = (SIDES[int(sides[(origin, to)].argmax())] for sides in (self._leave, self._enter))
            links.append(LearnedLink(origin, to, total, total / leaving, median, (low, high), leave, enter))
        return sorted(links, key=lambda link: (link.origin, -link.share, link.to))

    def state(self) -> dict[str, Any]:
        """What `restore` takes; JSON-able."""
        return {
            "ways": [
                [*way, times.tolist(), self._leave[way].tolist(), self._enter[way].tolist()]
                for way, times in self._times.items()
            ],
            "areas": {str(camera): area.tolist() for camera, area in self._areas.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier run."""
        for origin, to, times, leave, enter in state["ways"]:
            way = (CameraId(origin), CameraId(to))
            self._times[way], self._leave[way], self._enter[way] = (
                np.array(each, float) for each in (times, leave, enter)
            )
        self._areas = {CameraId(camera): np.array(area) for camera, area in state["areas"].items()}
        self._cameras |= set(self._areas)
        self._tables.clear()


def _bin(seconds: Float) -> npt.NDArray[np.int64]:
    place = np.floor(np.log(np.maximum(seconds, SHORTEST) / SHORTEST) / STEP).astype(np.int64)
    bins: npt.NDArray[np.int64] = np.clip(place, 0, BINS - 1)
    return bins


def _quantile(times: Float, share: float) -> float:
    """Seconds below which a share of a histogram of logarithms lies, linear inside a bin."""
    summed = np.concatenate([[0.0], np.cumsum(times)]) / times.sum()
    edges = np.log(SHORTEST) + STEP * np.arange(BINS + 1)
    return float(np.exp(np.interp(share, summed, edges)))


def _feet(box: npt.NDArray[np.float32]) -> Float:
    """Middle of the lower edge."""
    return np.array([(box[0] + box[2]) / 2, box[3]], np.float64)


def _heads(boxes: Float) -> Float:
    """(N, 2) middles of the upper edges of boxes (N, 4): feet are hidden more often."""
    return np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 1]], axis=1)
