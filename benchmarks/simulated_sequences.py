"""Sequences of real crowds whose pictures are not there: detections drawn from the truth, seeded.

The paths, the crowding and the visibility are those of MOT17; the detector and the looks are simulated, so scores
on these sequences compare trackers and settings and are no scores on MOT17. The detector is like a small YOLO at
640 pixels on pictures of 1920: at a score of .4 it finds .6 to .75 of the people of MOT17-02 and MOT17-04.

The noise model (`Noise`), with h the height in px (of the part inside the picture) and v the visibility:

- score = logistic(z), z = 1.6 + .9 log2(h / 100) + 1.6 log2(v) + person + slow + fast, h between 25 and 300, v at
  least .02; person ~ N(0, .4) once for everybody, slow ~ N(0, .7) changing within .5 s, fast ~ N(0, .3) new in
  every frame; at most .95, below .1 it is a miss; besides, any box is missed with probability .02
- each edge errs by a normal amount, half of the variance slow and half fast, of standard deviation
  (.025 + .05 (1 - v)) of the box's height for upper and lower edges, (.05 + .1 (1 - v)) of its width for the rest
- boxes end at the picture's border; of two that overlap by an IoU of more than .7 the better one stays
- second boxes on found people, with probability .05: the upper .45 to .75 of the box, scores .1 to .45
- things taken for people: 20 places, each seen .07 of the time for about a second, logistic(z) of its own level
  between -2 and .4, plus N(0, .4); and .3 boxes a frame anywhere, scores .1 to .5
- looks: see `benchmarks.borrowed_looks`; nobody's for things, somebody's own, noisier, for second boxes

Truth counts who is visible by more than a tenth: MOT17 also counts people whom nobody can see. The OSNet that
ships was trained on the people who lend their looks, so it may tell them apart better than it does strangers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from benchmarks.borrowed_looks import Asked, BorrowedLooks, embed_crops, read_crops
from benchmarks.looks import build_embedders
from benchmarks.occlusion import occlusion_of
from benchmarks.sequence import Rows, Sequence, Split, offsets
from benchmarks.streams import DATA
from pipeline.detectors.boxes import suppress
from pipeline.errors import TruthError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RATE, SIZE = 30.0, (1920, 1080)
IDENTITIES = {"first": (0, 372), "second": (372, 743)}  # of CUHK03: nobody lends looks in both splits
LEAST_VISIBLE = 0.1
LEAST_SIDE = 4.0  # px
CAMERA = 1


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise model of this file, by the names used there."""

    level: float = 1.6
    size: float = 0.9
    hidden: float = 1.6
    person: float = 0.4
    slow: float = 0.7
    fast: float = 0.3
    settle: float = 0.5
    missed: float = 0.02
    edge: tuple[float, float] = (0.05, 0.025)  # share of width, of height
    hidden_edge: tuple[float, float] = (0.1, 0.05)
    iou: float = 0.7
    second: float = 0.05
    places: int = 20
    place_seen: float = 0.07
    place_level: tuple[float, float] = (-2.0, 0.4)
    anywhere: float = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Boxes of one frame, by falling score, and whose looks they have."""

    dets: Floats  # (K, 5)
    asked: Asked


def mot17_sequence(name: str, split: Split, number: str, half: str, seed: int) -> Sequence:
    """A sequence of MOT17 with simulated detections and borrowed looks.

    Args:
        name: of the sequence.
        split: of the sequence.
        number: of MOT17: 02, 04, 09.
        half: which identities lend: first, second.
        seed: of the noise.

    Raises:
        TruthError: if the truth is missing.
        HandoffError: if crops or weights are missing.
    """
    truth = read_visible_truth(number)
    return simulate(name, split, truth, _tables(half), seed)


def simulate(
    name: str, split: Split, truth: Floats, tables: Mapping[str, npt.NDArray[np.float32]], seed: int
) -> Sequence:
    """Detections and looks for a truth.

    Args:
        name: of the sequence.
        split: of the sequence.
        truth: (G, 7) frame from 1, id, x1, y1, x2, y2, visibility, of everybody, hidden or not.
        tables: see `BorrowedLooks`.
        seed: of everything.
    """
    detector = SimulatedDetector(truth, Noise(), np.random.default_rng([seed, 0]))
    looks = BorrowedLooks(tables, detector.people, Noise().places, np.random.default_rng([seed, 1]))
    count = int(truth[:, 0].max())
    dets, rows = [], {name: [np.zeros((0, table.shape[2]), np.float16)] for name, table in tables.items()}
    for frame in range(count):
        found = detector.detect(frame + 1)
        dets.append(found.dets.astype(np.float32))
        for embedder, of_frame in looks.embed(found.asked, frame / RATE).items():
            rows[embedder].append(of_frame.astype(np.float16))
    return Sequence(
        name=name,
        split=split,
        times=np.arange(count) / RATE,
        off=offsets([len(each) for each in dets]),
        dets=np.concatenate(dets),
        embeddings={embedder: np.concatenate(parts) for embedder, parts in rows.items()},
        gt=truth[truth[:, 6] > LEAST_VISIBLE].astype(np.float32),
        size=SIZE,
    )


class SimulatedDetector:
    """Draws what a detector finds of a truth, frame by frame; see the file's docstring."""

    def __init__(self, truth: Floats, noise: Noise, rng: np.random.Generator) -> None:
        self._truth, self._noise, self._rng = truth, noise, rng
        ids, self._person = np.unique(truth[:, 1], return_inverse=True)
        self.people = len(ids)
        self._temper = rng.normal(0, noise.person, self.people)
        self._slow = rng.normal(size=(self.people, 5))  # of the score and of the four edges
        heights = rng.choice(truth[:, 5] - truth[:, 3], noise.places)
        self._places = self._anywhere(heights)
        self._levels = rng.uniform(*noise.place_level, noise.places)
        self._shown = rng.random(noise.places) < noise.place_seen

    def detect(self, frame: int) -> Found:
        """The boxes of a frame, from 1; frames are to be asked for in order."""
        keep = np.exp(-1 / (RATE * self._noise.settle))
        self._slow = keep * self._slow + np.sqrt(1 - keep**2) * self._rng.normal(size=self._slow.shape)
        people = self._people(frame)
        parts = [people, self._seconds(people), self._things()]
        dets = np.concatenate([part.dets for part in parts])
        dets[:, :4] = np.clip(dets[:, :4], 0, np.tile(SIZE, 2))
        large = ((dets[:, 2:4] - dets[:, :2]) >= LEAST_SIDE).all(axis=1)
        order = np.flatnonzero(large)[np.argsort(-dets[large, 4], kind="stable")]
        kept = suppress(dets[order, :4].astype(np.float32), dets[order, 4].astype(np.float32), self._noise.iou)
        index = order[kept]
        fields = ("who", "by", "covered", "visible")
        joined = (np.concatenate([getattr(part.asked, field) for part in parts])[index] for field in fields)
        return Found(dets[index], Asked(*joined))

    def _people(self, frame: int) -> Found:
        noise, rng = self._noise, self._rng
        here = np.flatnonzero(self._truth[:, 0] == frame)
        boxes, visible, who = self._truth[here, 2:6], self._truth[here, 6], self._person[here]
        inside = np.clip(boxes, 0, np.tile(SIZE, 2))
        height = np.clip(inside[:, 3] - inside[:, 1], 25, 300)
        z = noise.level + noise.size * np.log2(height / 100) + noise.hidden * np.log2(np.maximum(visible, 0.02))
        z += self._temper[who] + noise.slow * self._slow[who, 0] + rng.normal(0, noise.fast, len(here))
        scores = np.minimum(logistic(z), 0.95)
        hiding = occlusion_of(boxes)
        sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        sigma = np.tile(noise.edge, 2) + np.tile(noise.hidden_edge, 2) * (1 - visible)[:, None]
        errors = (self._slow[who, 1:] + rng.normal(size=boxes.shape)) / np.sqrt(2)
        dets = np.column_stack([boxes + errors * sigma * sides, scores])
        found = (scores >= 0.1) & (rng.random(len(here)) >= noise.missed)
        asked = Asked(who[found], who[hiding.by][found], hiding.most[found], visible[found])
        return Found(dets[found], asked)

    def _seconds(self, people: Found) -> Found:
        """Second boxes on the upper parts of people."""
        rng = self._rng
        index = np.flatnonzero(rng.random(len(people.dets)) < self._noise.second)
        dets = people.dets[index]
        dets[:, 3] = dets[:, 1] + (dets[:, 3] - dets[:, 1]) * rng.uniform(0.45, 0.75, len(index))
        dets[:, 4] = rng.uniform(0.1, 0.45, len(index))
        asked = people.asked
        return Found(dets, Asked(asked.who[index], asked.by[index], asked.covered[index], np.zeros(len(index))))

    def _things(self) -> Found:
        """What is taken for people and is nobody."""
        noise, rng = self._noise, self._rng
        change = rng.random(noise.places) < 1 / RATE  # as they stay for about a second
        self._shown = np.where(change, rng.random(noise.places) < noise.place_seen, self._shown)
        fixed = np.flatnonzero(self._shown)
        scores = logistic(self._levels[fixed] + rng.normal(0, 0.4, len(fixed)))
        boxes = self._places[fixed]
        boxes = boxes + rng.normal(0, 0.02, boxes.shape) * (boxes[:, 3] - boxes[:, 1])[:, None]
        fixed, boxes, scores = fixed[scores >= 0.1], boxes[scores >= 0.1], scores[scores >= 0.1]
        more = rng.poisson(noise.anywhere)
        heights = rng.choice(self._truth[:, 5] - self._truth[:, 3], more)
        boxes = np.concatenate([boxes, self._anywhere(heights)])
        scores = np.concatenate([scores, rng.uniform(0.1, 0.5, more)])
        who = self.people + np.concatenate([fixed, rng.integers(0, noise.places, more)])
        return Found(np.column_stack([boxes, scores]), Asked(who, who, np.zeros(len(who)), np.ones(len(who))))

    def _anywhere(self, heights: Floats) -> Floats:
        """(K, 4) boxes of these heights within the picture."""
        rng, count = self._rng, len(heights)
        heights = np.minimum(heights, 0.9 * SIZE[1])
        widths = heights * rng.uniform(0.3, 0.5, count)
        left = rng.uniform(0, 1, count) * (SIZE[0] - widths)
        top = rng.uniform(0.2, 1, count) * (SIZE[1] - heights)
        return np.column_stack([left, top, left + widths, top + heights])


def read_visible_truth(number: str) -> Floats:
    """(G, 7) of all pedestrians of a MOT17 sequence who count, with their visibility.

    Raises:
        TruthError: if the file is missing or has not nine columns.
    """
    path = DATA / f"mot/MOT17-{number}/gt/gt.txt"
    try:
        rows = np.loadtxt(path, delimiter=",", ndmin=2)
        rows = rows[(rows[:, 6] == 1) & (rows[:, 7] == 1)]
        corners = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
        return np.column_stack([rows[:, :2], corners, rows[:, 8]])
    except (OSError, ValueError, IndexError) as error:
        raise TruthError(f"{path}: not a truth file of MOT17 ({error})") from None


def logistic(z: Floats) -> Floats:
    """1 / (1 + exp(-z))."""
    return np.asarray(1 / (1 + np.exp(-z)))


@cache
def _tables(half: str) -> dict[str, Rows]:
    crops = read_crops(DATA / "reid/cuhk03_p1/train_labeled", CAMERA, *IDENTITIES[half])
    return {name: embed_crops(crops, embedder) for name, embedder in build_embedders().items()}
