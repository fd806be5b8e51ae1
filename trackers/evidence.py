"""Association by evidence: place and appearance in one currency, the logarithm of a likelihood ratio.

A track and a detection are one person as far as they overlap where the motion model expects the person, and as
far as they look alike. How much a look says is learned from the stream (`AppearanceScale`): no cosine gate has to
be set for an embedder or a site. A pair is worth the sum of both; the assignment maximises the worth of all pairs.

The motion model is DeepSORT's (arXiv 1703.07402), the second round for boxes of low score ByteTrack's
(arXiv 2110.06864), the height-modulated overlap Hybrid-SORT's (arXiv 2308.00783). docs/tracking.md tells what each
part earns.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, model_validator

from trackers import kernels
from trackers.assignment import assign_worth
from trackers.kalman import CHI2_95_4DOF
from trackers.prototypes import AppearanceScale, Prototypes
from trackers.table import TrackTable
from trackers.tracks import BoolArray, Detections, FloatArray, IntArray, Track

Float = npt.NDArray[np.float64]

_LONGEST_GAP = 1.0  # seconds between frames that age a track at most
_ASPECT_NOISE = (0.03, 0.03)  # of a frame, of a measured box: the widths of walking people swing
_LAG = 0.5  # seconds between two looks that tell how much one person's looks vary


class EvidenceSettings(BaseModel, frozen=True, extra="forbid"):
    """Place and appearance weighed as evidence; the scale of appearance is learned from the stream."""

    type: Literal["evidence"] = "evidence"
    high_score: float = Field(
        0.4, ge=0, le=1, description="From this score on a detection takes part in the first round."
    )
    low_score: float = Field(0.1, ge=0, le=1, description="Detections below this score are not used at all.")
    new_score: float = Field(
        0.5, ge=0, le=1, description="From this score on an unmatched detection starts a track."
    )
    n_init: int = Field(2, ge=1, description="Detections in a row that confirm a new track.")
    max_age: float = Field(5.0, gt=0, description="Seconds a track lives on without being seen.")
    exit_age: float = Field(
        0.5,
        gt=0,
        description="The same for a track that is expected outside the part of the picture where boxes are.",
    )
    max_gap: float = Field(
        30.0, gt=0, description="Seconds without any frame after which all tracks end; a shorter pause ages none."
    )
    overlap_weight: float = Field(12.0, gt=0, description="What full overlap is worth, in nats.")
    min_overlap: float = Field(
        0.15,
        ge=0,
        le=1,
        description="Overlap that speaks neither for nor against: more of it is worth a match by itself.",
    )
    low_overlap: float = Field(
        0.5,
        ge=0,
        le=1,
        description="The same for boxes of low score, which only go on with a track that is there.",
    )
    max_appearance: float = Field(
        6.0, ge=0, description="What appearance is worth at most, in nats; 0 leaves it out."
    )
    momentum: float = Field(
        0.9, ge=0, lt=1, description="Share of a track's mean embedding that stays when a new one is added."
    )
    max_cover: float = Field(
        0.4,
        ge=0,
        le=1,
        description="Boxes of which a nearer one covers more are not added to what a track looks like.",
    )
    embed_interval: float = Field(
        0.5,
        ge=0,
        description="Seconds between embeddings of a track that is clear without them; 0 embeds every box.",
    )

    @model_validator(mode="after")
    def _scores_rise(self) -> EvidenceSettings:
        if not self.low_score <= self.high_score <= self.new_score:
            raise ValueError("low_score <= high_score <= new_score is needed")
        return self

    def build(self) -> EvidenceTracker:
        """A tracker for one camera."""
        return EvidenceTracker(self)


class EvidenceTracker:
    """One camera's tracker; see the module."""

    def __init__(self, settings: EvidenceSettings) -> None:
        self._settings = settings
        self._tracks = TrackTable(
            settings.max_age, settings.n_init, longest_gap=_LONGEST_GAP, aspect_noise=_ASPECT_NOISE
        )
        self._looks = Prototypes(settings.momentum, _LAG)
        self._scale = AppearanceScale(settings.max_appearance)
        self._area = np.array([np.inf, np.inf, -np.inf, -np.inf])  # xyxy px, of all boxes so far
        self._frame = 0

    def wants_embedding(self, detections: Detections, time: float) -> BoolArray:
        """Confident detections whose place leaves open whose they are, and those of tracks with old embeddings."""
        wanted: BoolArray = detections.scores >= self._settings.high_score
        if self._settings.embed_interval == 0 or not wanted.any() or len(self._tracks) == 0:
            return wanted
        frame = _Frame(detections, self._settings)
        rows = np.arange(len(self._tracks))
        motion, pads = self._tracks.ahead(time)
        by_place = np.zeros(3)
        worth = self._worth(frame, rows, frame.high, motion, pads, by_place, self._settings.min_overlap)
        row_of = kernels.settle(np.ascontiguousarray(worth.T))  # the track of a box that no other track claims
        clear = row_of >= 0
        row = row_of[clear]
        since = time - self._looks.last[row]
        fresh = (since >= 0) & (since < self._settings.embed_interval)
        followed = self._tracks.last_seen[row] >= self._tracks.time
        wanted[frame.high[clear]] = ~(fresh & followed)
        return wanted

    def update(self, detections: Detections, time: float) -> list[Track]:
        """One frame: predict, confident boxes, low boxes, probation, new tracks, learn; see `Tracker.update`."""
        tracks, settings = self._tracks, self._settings
        ended = self._remove(self._over(time))
        frame = _Frame(detections, settings)
        self._area = frame.area(self._area)
        self._looks.fit(frame.embeddings.shape[1])

        confirmed = np.flatnonzero(tracks.confirmed)
        first = self._match(frame, confirmed, frame.high, settings.min_overlap)
        second = self._match(frame, _without(confirmed, first[:, 0]), frame.low, settings.low_overlap)
        left = _without(frame.high, first[:, 1])
        third = self._match(frame, np.flatnonzero(~tracks.confirmed), left, settings.min_overlap)

        tracks.observe(np.concatenate([first, second, third]), detections)
        self._start(frame, _without(left, third[:, 1]))
        self._remove(~tracks.confirmed & (tracks.matched < 0))  # failed probation
        self._learn(frame)
        return tracks.live(detections) + ended

    def finish(self) -> list[Track]:
        """End all tracks."""
        return self._remove(np.ones(len(self._tracks), bool))

    def _over(self, time: float) -> BoolArray:
        """Move all tracks to ``time``; (N,) which are over: too old, out of the picture, or a pause too long."""
        tracks, settings = self._tracks, self._settings
        if time - tracks.time > settings.max_gap:
            tracks.advance(time)
            return np.ones(len(tracks), bool)
        over = tracks.advance(time)
        outside = (tracks.motion[:, :2] < self._area[:2]) | (tracks.motion[:, :2] > self._area[2:])
        over |= outside.any(axis=1) & tracks.lost_for(settings.exit_age)
        return over

    def _match(self, frame: _Frame, rows: IntArray, columns: IntArray, least: float) -> IntArray:
        """Pair the tracks ``rows`` with the detections ``columns`` by what speaks for each pair."""
        motion, pads = self._tracks.motion, self._tracks.pads(rows)
        found = assign_worth(self._worth(frame, rows, columns, motion, pads, self._scale.line(), least))
        return np.stack([rows[found[:, 0]], columns[found[:, 1]]], axis=1)

    def _worth(
        self,
        frame: _Frame,
        rows: IntArray,
        columns: IntArray,
        motion: Float,
        pads: Float,
        line: Float,
        least: float,
    ) -> Float:
        """(R, C) evidence, see `kernels_numpy.evidence`."""
        return kernels.evidence(
            motion,
            rows,
            pads,
            frame.boxes,
            columns,
            self._looks.means,
            self._looks.known,
            frame.embeddings,
            frame.embedded,
            line,
            self._settings.overlap_weight,
            least,
            CHI2_95_4DOF,
        )

    def _start(self, frame: _Frame, columns: IntArray) -> None:
        columns = columns[frame.detections.scores[columns] >= self._settings.new_score]
        self._tracks.start(columns, frame.detections)
        self._looks.append(len(columns))

    def _learn(self, frame: _Frame) -> None:
        """Add this frame's embeddings to what their tracks look like, and their distances to the scale."""
        rows = np.flatnonzero(self._tracks.matched >= 0)
        columns = self._tracks.matched[rows]
        clear = frame.embedded[columns] & (frame.detections.scores[columns] >= self._settings.high_score)
        if not clear.any():
            return
        clear &= kernels.cover(frame.boxes)[columns] <= self._settings.max_cover
        rows, columns = rows[clear], columns[clear]
        time = self._tracks.time
        same = self._looks.distances_to_earlier(rows, frame.embeddings, columns, time)
        others = np.roll(columns, 1 + self._frame % max(1, len(columns) - 1))
        known = self._looks.known[rows] & (others != columns)
        different = 1 - kernels.similarities(self._looks.means, rows[known], frame.embeddings, others[known])
        self._scale.add(same, different)
        self._looks.add(rows, frame.embeddings, columns, time)
        self._frame += 1

    def _remove(self, over: BoolArray) -> list[Track]:
        if over.any():
            self._looks.keep(~over)
        return self._tracks.remove(over)


class _Frame:
    """The detections of one frame as the kernels take them, in an order that does not depend on theirs."""

    def __init__(self, detections: Detections, settings: EvidenceSettings) -> None:
        self.detections = detections
        self.boxes = np.ascontiguousarray(detections.boxes, np.float64)
        order = np.lexsort((detections.scores, *detections.boxes.T))
        scores = detections.scores[order]
        self.high = order[scores >= settings.high_score]
        self.low = order[(scores >= settings.low_score) & (scores < settings.high_score)]
        if detections.embeddings is None or detections.embedded is None or settings.max_appearance == 0:
            self.embeddings: FloatArray = np.zeros((len(detections), 0), np.float32)
            self.embedded: BoolArray = np.zeros(len(detections), bool)
        else:
            self.embeddings, self.embedded = np.ascontiguousarray(detections.embeddings), detections.embedded

    def area(self, known: Float) -> Float:
        """(4,) xyxy of the part of the picture that holds ``known`` and the boxes."""
        if len(self.boxes) == 0:
            return known
        low, high = self.boxes[:, :2].min(axis=0), self.boxes[:, 2:].max(axis=0)
        return np.concatenate([np.minimum(known[:2], low), np.maximum(known[2:], high)])


def _without(index: IntArray, taken: IntArray) -> IntArray:
    """The elements of ``index`` that are not in ``taken``, in their order."""
    return index[~np.isin(index, taken)] if taken.size else index
