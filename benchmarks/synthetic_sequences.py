"""A drawn crowd: walkers on level ground, seen by one camera, with detections and looks, frame by frame.

People walk between points on the ground, appear smaller the farther away they are, hide each other in the order of
their distance, go out of the picture and come back after seconds. The detector misses people the more they are
hidden, gives them lower scores and less exact boxes, and finds things that are nobody. A look is the sum of what
all looks share, the person, the direction of walking and noise, mixed with the look of whoever is in front. All of
it is drawn from one seed; memory does not grow with the length, so that a million frames can be streamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from benchmarks.occlusion import Floats, Ints, Occlusion, occlusion_of
from benchmarks.sequence import Rows, Sequence, Split, offsets, unit
from trackers import Detections

EMBEDDER = "synthetic"
HORIZON = 0.28  # of the picture's height: the farthest feet
FLAT = 2.2  # a step away from the camera moves a person this much less in the picture
COUNTED = 0.1  # visibility above which the truth counts somebody
SMALLEST = (8.0, 20.0)  # px, width and height of what is left inside the picture


@dataclass(frozen=True, slots=True)
class Crowd:
    """What is drawn.

    Attributes:
        people: at one time, in the picture or out of it.
        seed: of everything.
        rate: frames a second.
        dimension: of the embeddings; small ones are cheap, 0 is none.
        size: width and height of the picture, px.
        heights: of people at the horizon and at the lower edge, px.
        leaving: probability a second that somebody leaves the picture, for 2 to 5 s.
        newcomers: probability that somebody else comes back in place of who left.
        nobodies: boxes a frame that are nobody, and as many more for every person.
    """

    people: int
    seed: int
    rate: float = 25.0
    dimension: int = 512
    size: tuple[int, int] = (1920, 1080)
    heights: tuple[float, float] = (90.0, 300.0)
    leaving: float = 0.03
    newcomers: float = 0.0
    nobodies: tuple[float, float] = (0.25, 0.03)

    def frames(self) -> Iterator[CrowdFrame]:
        """Frames without an end."""
        walkers, camera = _Walkers(self), _Camera(self)
        number = 0
        while True:
            walkers.walk()
            yield camera.look(walkers, number)
            number += 1


@dataclass(frozen=True, slots=True, eq=False)
class CrowdFrame:
    """One frame.

    Attributes:
        time: s.
        dets: (K, 5) float32 x1 y1 x2 y2 score, px.
        looks: (K, D) float32 unit rows; None without embeddings.
        people: (P,) ids from 1 of whom the truth counts.
        boxes: (P, 4) of these, px.
        visibility: (P,) share of each that nobody hides.
    """

    time: float
    dets: Rows
    looks: Rows | None
    people: Ints
    boxes: Floats
    visibility: Floats

    @property
    def detections(self) -> Detections:
        """As trackers take them."""
        boxes, scores = self.dets[:, :4], self.dets[:, 4]
        if self.looks is None:
            return Detections(boxes, scores)
        return Detections(boxes, scores, self.looks, np.ones(len(self.dets), bool))


def synthetic_sequence(name: str, split: Split, crowd: Crowd, count: int) -> Sequence:
    """The first frames of a crowd as a sequence."""
    frames = list(islice(crowd.frames(), count))
    gt = [
        np.column_stack([np.full(len(f.people), number), f.people, f.boxes, f.visibility])
        for number, f in enumerate(frames, start=1)
    ]
    looks = [f.looks.astype(np.float16) for f in frames if f.looks is not None]
    return Sequence(
        name=name,
        split=split,
        times=np.array([f.time for f in frames]),
        off=offsets([len(f.dets) for f in frames]),
        dets=np.concatenate([f.dets for f in frames]),
        embeddings={EMBEDDER: np.concatenate(looks)} if looks else {},
        gt=np.concatenate(gt).astype(np.float32),
        size=crowd.size,
    )


class _Walkers:
    """Where everybody is: feet in the picture, and whether they are away."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.rng = np.random.default_rng([crowd.seed, crowd.people, 0])
        count = crowd.people
        self.ids: Ints = np.arange(1, count + 1)
        self.feet = self._points(count)
        self.velocity = np.zeros((count, 2))
        self.away: Ints = np.zeros(count, np.int64)  # frames until they are back
        self.changed: Ints = np.zeros(0, np.int64)  # in whose place somebody new has come with the last step
        self._goals = self._points(count)
        self._stature, self._breadth, self._speed = np.zeros((3, count))
        self._newest = count
        self._be_born(np.arange(count))

    @property
    def boxes(self) -> Floats:
        """(people, 4) xyxy, also where they reach out of the picture."""
        height = self._heights()
        half = self._breadth * height / 2
        x, y = self.feet.T
        return np.column_stack([x - half, y - height, x + half, y])

    def walk(self) -> None:
        """A step of one frame."""
        crowd, rng, count = self.crowd, self.rng, self.crowd.people
        way = (self._goals - self.feet) * (1.0, FLAT)
        distance = np.linalg.norm(way, axis=1)
        height = self._heights()
        # A person is 1.7 m high: so many pixels are a metre, here.
        wanted = way / np.maximum(distance, 1e-6)[:, None] * (self._speed * height / 1.7 / crowd.rate)[:, None]
        wanted[:, 1] /= FLAT
        settle = np.exp(-3 / crowd.rate)
        self.velocity = settle * self.velocity + (1 - settle) * wanted
        self.velocity += rng.normal(size=(count, 2)) * (0.0015 * height)[:, None]
        self.feet += self.velocity
        self.feet[:, 1] = np.clip(self.feet[:, 1], *self._depths())
        arrived = distance < 0.3 * height
        self._goals[arrived] = self._points(int(arrived.sum()), beyond=0.08)
        self._come_and_go()

    def _come_and_go(self) -> None:
        crowd, rng = self.crowd, self.rng
        back = self.away == 1
        self.away = np.maximum(self.away - 1, 0)
        new = np.flatnonzero(back & (rng.random(crowd.people) < crowd.newcomers))
        self.changed = new
        if len(new):
            self.ids[new] = np.arange(self._newest + 1, self._newest + len(new) + 1)
            self._newest += len(new)
            self._be_born(new)
        leaving = (rng.random(crowd.people) < crowd.leaving / crowd.rate) & (self.away == 0)
        seconds = rng.uniform(2, 5, int(leaving.sum()))
        self.away[leaving] = np.maximum(np.round(seconds * crowd.rate), 1).astype(np.int64)

    def _be_born(self, who: Ints) -> None:
        rng, count = self.rng, len(who)
        self._stature[who] = np.clip(rng.normal(1, 0.06, count), 0.8, 1.2)
        self._breadth[who] = rng.uniform(0.34, 0.46, count)
        standing = rng.random(count) < 0.12
        self._speed[who] = np.where(standing, 0.06, rng.uniform(0.6, 1.7, count))  # m/s

    def _heights(self) -> Floats:
        top, bottom = self._depths()
        near = (self.feet[:, 1] - top) / (bottom - top)
        low, high = self.crowd.heights
        return (low + (high - low) * near) * self._stature

    def _depths(self) -> tuple[float, float]:
        return HORIZON * self.crowd.size[1], 0.99 * self.crowd.size[1]

    def _points(self, count: int, beyond: float = 0.0) -> Floats:
        """Feet of so many people, also outside of the picture by a share of its width."""
        x = self.rng.uniform(-beyond, 1 + beyond, count) * self.crowd.size[0]
        return np.column_stack([x, self.rng.uniform(*self._depths(), count)])


class _Camera:
    """What is seen and found of the walkers."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.rng = np.random.default_rng([crowd.seed, crowd.people, 1])
        self._looks = _Looks(crowd) if crowd.dimension else None

    def look(self, walkers: _Walkers, number: int) -> CrowdFrame:
        """The next frame."""
        if self._looks is not None:
            self._looks.meet(walkers.changed)
        here, boxes = self._inside(walkers)
        hiding = occlusion_of(boxes)
        visibility = 1 - np.maximum(hiding.most, 0.85 * hiding.all)
        found, dets = self._find(boxes, visibility)
        nobody = self._nobodies()
        rows = np.concatenate([dets, nobody]).astype(np.float32)
        order = self.rng.permutation(len(rows))
        looks = None
        if self._looks is not None:
            looks = self._looks.of(walkers, here, hiding, visibility)[found]
            looks = np.concatenate([looks, self._looks.of_nobody(len(nobody))])[order]
        counts = visibility > COUNTED
        people = walkers.ids[here][counts]
        time = number / self.crowd.rate
        return CrowdFrame(time, rows[order], looks, people, boxes[counts], visibility[counts])

    def _inside(self, walkers: _Walkers) -> tuple[Ints, Floats]:
        """Who is in the picture, and their boxes clipped to it."""
        width, height = self.crowd.size
        boxes = np.clip(walkers.boxes, 0, (width, height, width, height))
        x = walkers.feet[:, 0]
        large = (boxes[:, 2:] - boxes[:, :2] > SMALLEST).all(axis=1)
        here = np.flatnonzero((x > 0) & (x < width) & (walkers.away == 0) & large)
        return here, boxes[here]

    def _find(self, boxes: Floats, visibility: Floats) -> tuple[Ints, Floats]:
        """Indices of the people that are found, and (K, 5) their boxes with scores."""
        rng, count = self.rng, len(boxes)
        missed = np.select([visibility < 0.25, visibility < 0.5], [0.92, 0.35], 0.025)
        found = np.flatnonzero(rng.random(count) >= missed)
        scores = 0.92 * (0.35 + 0.65 * visibility[found]) + rng.normal(0, 0.06, len(found))
        heights = (boxes[found, 3] - boxes[found, 1])[:, None]
        errors = rng.normal(size=(len(found), 4)) * heights * (0.012, 0.018, 0.012, 0.018)
        return found, np.column_stack([boxes[found] + errors, np.clip(scores, 0.11, 0.98)])

    def _nobodies(self) -> Floats:
        """(K, 5) boxes of nobody, with scores."""
        rng, (width, height) = self.rng, self.crowd.size
        base, each = self.crowd.nobodies
        count = int(rng.poisson(base + each * self.crowd.people))
        near = rng.uniform(0, 1, count)
        low, high = self.crowd.heights
        tall = (low + (high - low) * near) * rng.uniform(0.6, 1.3, count)
        x, y = rng.uniform(0, width, count), (HORIZON + (0.99 - HORIZON) * near) * height
        return np.column_stack([x - 0.2 * tall, y - tall, x + 0.2 * tall, y, rng.uniform(0.11, 0.62, count)])


class _Looks:
    """Embeddings: of all looks, about a third of the square of the length is shared."""

    SHARED, OWN, TURNED, NOISE = 0.55, 0.835, 0.3, 0.36

    def __init__(self, crowd: Crowd) -> None:
        self.rng = np.random.default_rng([crowd.seed, crowd.people, 2])
        self._dimension = crowd.dimension
        self._shared = self._directions(1)[0]
        self._base = np.zeros((crowd.people, crowd.dimension), np.float32)
        self._turned = np.zeros((2, crowd.people, crowd.dimension), np.float32)
        self.meet(np.arange(crowd.people))

    def meet(self, new: Ints) -> None:
        """Draw looks for who is new."""
        if len(new):
            self._base[new] = self.SHARED * self._shared + self.OWN * self._directions(len(new))
            self._turned[:, new] = self.TURNED * np.stack([self._directions(len(new)) for _ in range(2)])

    def of(self, walkers: _Walkers, here: Ints, hiding: Occlusion, visibility: Floats) -> Rows:
        """(P, D) looks of the people here."""
        x, y = walkers.velocity[here].T
        heading = np.arctan2(FLAT * y, x)[:, None].astype(np.float32)
        looks = (
            self._base[here] + np.cos(heading) * self._turned[0, here] + np.sin(heading) * self._turned[1, here]
        )
        strength = (self.NOISE * (2 - visibility))[:, None].astype(np.float32)
        looks += strength / np.sqrt(self._dimension) * self.rng.standard_normal(looks.shape, np.float32)
        share = np.clip(hiding.most - 0.15, 0, 0.6)[:, None].astype(np.float32)
        return unit((1 - share) * looks + share * self._base[here][hiding.by])

    def of_nobody(self, count: int) -> Rows:
        """(K, D) looks of things."""
        return unit(self.SHARED * self._shared + 0.72 * self._directions(count))

    def _directions(self, count: int) -> Rows:
        return unit(self.rng.standard_normal((count, self._dimension), np.float32))
