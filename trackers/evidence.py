"""Association by evidence: place and appearance in one currency, the logarithm of a likelihood ratio.

A track and a detection are one person as far as they overlap where the motion model expects the person, and as
far as they look alike. How much a look says is learned from the stream (`AppearanceScale`): no cosine gate has to
be set for an embedder or a site. A pair is worth the sum of both; the assignment maximises the worth of all pairs.

The motion model is DeepSORT's (arXiv 1703.07402), the second round for boxes of low score ByteTrack's
(arXiv 2110.06864), the height-modulated overlap Hybrid-SORT's (arXiv 2308.00783). docs/tracking.md tells what each
part earns.
"""

from __future__ import annotations

import logging
from functools import cache
from time import perf_counter
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, model_validator

from trackers import kernels
from trackers.assignment import assign_pairs
from trackers.kalman import CHI2_95_4DOF
from trackers.prototypes import AppearanceScale, Prototypes
from trackers.table import TrackTable
from trackers.tracks import BoolArray, Detections, FloatArray, IntArray, Track

Float = npt.NDArray[np.float64]

log = logging.getLogger("handoff.tracker")

_LONGEST_GAP = 1.0  # seconds between frames that age a track at most
_ASPECT_NOISE = (0.03, 0.03)  # of a frame, of a measured box: the widths of walking people swing
_CLEAR, _CLEAR_MARGIN = 4.0, 3.0  # nats by which place is clear: in all, and more than for any other pair
_LOW_CLOSE = 0.3  # overlap from which a box of low score may go on with a track
_FIRST_VIEWS = 5  # embeddings of a new track, one a frame, before it can do without
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
        1.0,
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
        10.0, ge=0, description="What appearance is worth at most, in nats; 0 leaves it out."
    )
    memory: float = Field(
        2.0,
        gt=0,
        description="Seconds after which an embedding counts 1/e of what it did in what a track looks like; "
        "after the first few, one never counts more than a tenth.",
    )
    embed_interval: float = Field(
        0.5,
        ge=0,
        description="Seconds between embeddings of a track whose place is clear; 0: every confident box, always.",
    )

    @model_validator(mode="after")
    def _scores_rise(self) -> EvidenceSettings:
        if not self.low_score <= self.high_score <= self.new_score:
            raise ValueError("low_score <= high_score <= new_score is needed")
        return self

    def build(self) -> EvidenceTracker:
        """A tracker for one camera; the first of a process has its loops compiled, or read from their cache."""
        _compile()
        return EvidenceTracker(self)


@cache
def _compile() -> None:
    """Run a tracker over a few made-up frames, so that no real frame has to wait for a compiler."""
    started = perf_counter()
    tracker = EvidenceTracker(EvidenceSettings())
    left = 20.0 * np.arange(12)  # half over each other, so that all pairs compete
    for step in range(8):
        boxes = np.stack([left, 0 * left, left + 40, 0 * left + 100], axis=1).astype(np.float32)
        found = Detections(boxes, np.linspace(0.3, 0.9, 12, dtype=np.float32))
        wanted = tracker.wants_embedding(found, step / 10)
        rows = np.eye(12, dtype=np.float32)[wanted]
        tracker.update(found.with_embeddings(wanted, rows), step / 10)
    seconds = perf_counter() - started
    if seconds > 3:
        log.info("compiled the tracker's loops in %.0f s; the next start reads them from a cache", seconds)


class EvidenceTracker:
    """One camera's tracker; see the module."""

    def __init__(self, settings: EvidenceSettings) -> None:
        self._settings = settings
        self._tracks = TrackTable(
            settings.max_age, settings.n_init, longest_gap=_LONGEST_GAP, aspect_noise=_ASPECT_NOISE
        )
        self._looks = Prototypes(settings.memory, _LAG)
        self._scale = AppearanceScale(settings.max_appearance)
        self._area = np.array([np.inf, np.inf, -np.inf, -np.inf])  # xyxy px, of all boxes so far
        self._frame = 0

    def wants_embedding(self, detections: Detections, time: float) -> BoolArray:
        """Detections whose place leaves open whose they are, and those of tracks new or long not looked at.

        A box of low score is wanted only where it might go on with a track that no confident box clearly goes on
        with.
        """
        settings, tracks = self._settings, self._tracks
        wanted: BoolArray = detections.scores >= settings.high_score
        if settings.embed_interval == 0 or len(tracks) == 0:
            return wanted
        frame = _Frame(detections, settings)
        motion, pads = tracks.ahead(time)
        by_place, size = np.zeros(3), (len(tracks), len(detections))
        rows = np.arange(len(tracks))
        row, column, worth = self._pairs(frame, rows, frame.high, motion, pads, by_place, settings.min_overlap)
        clear = kernels.clear(row, column, worth, *size, _CLEAR, _CLEAR_MARGIN)
        row, column = row[clear], column[clear]
        since = time - self._looks.last[row]
        fresh = (since >= 0) & (since < settings.embed_interval) & (self._looks.views[row] >= _FIRST_VIEWS)
        followed = tracks.last_seen[row] >= tracks.time
        wanted[column[fresh & followed]] = False

        open_rows = np.flatnonzero(tracks.confirmed & ~np.isin(rows, row))
        _, column, _ = self._pairs(frame, open_rows, frame.low, motion, pads[open_rows], by_place, _LOW_CLOSE)
        wanted[column] = True
        return wanted

    def update(self, detections: Detections, time: float) -> list[Track]:
        """One frame: predict, confident boxes, low boxes, probation, new tracks, learn; see `Tracker.update`."""
        tracks, settings = self._tracks, self._settings
        ended = self._remove(self._over(time))
        frame = _Frame(detections, settings)
        self._area = frame.area(self._area)
        if frame.embedded.any() and self._looks.fit(frame.embeddings.shape[1]):
            self._scale = AppearanceScale(settings.max_appearance)

        self._match(frame, tracks.confirmed, frame.high, settings.min_overlap)
        self._match(frame, tracks.confirmed & (tracks.matched < 0), frame.low, settings.low_overlap)
        self._match(frame, ~tracks.confirmed, frame.free(frame.high, tracks.matched), settings.min_overlap)

        rows = np.flatnonzero(tracks.matched >= 0)
        tracks.observe(rows, tracks.matched[rows], detections)
        self._start(frame)
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
        lost = np.flatnonzero(tracks.lost_for(settings.exit_age))
        place = tracks.motion[lost, :2]
        over[lost] |= ((place < self._area[:2]) | (place > self._area[2:])).any(axis=1)
        return over

    def _match(self, frame: _Frame, which: BoolArray, columns: IntArray, least: float) -> None:
        """Match the tracks (N,) bool with the detections ``columns`` by what speaks for each pair."""
        rows = np.flatnonzero(which)
        if rows.size == 0 or columns.size == 0:
            return
        tracks = self._tracks
        line = self._scale.line()
        found = self._pairs(frame, rows, columns, tracks.motion, tracks.pads(rows), line, least)
        column_of_row, row, column, worth = kernels.separated(*found, len(rows), len(frame.boxes))
        tracks.matched[rows] = column_of_row
        rank = np.empty(
            len(frame.boxes), np.int64
        )  # the solver settles ties by it, so it is not the caller's order
        rank[columns] = np.arange(len(columns))
        row, place = assign_pairs(row, rank[column], worth)
        tracks.matched[rows[row]] = columns[place]

    def _pairs(
        self,
        frame: _Frame,
        rows: IntArray,
        columns: IntArray,
        motion: Float,
        pads: Float,
        line: Float,
        least: float,
    ) -> tuple[IntArray, IntArray, Float]:
        """See `kernels_numpy.pairs`."""
        return kernels.pairs(
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

    def _start(self, frame: _Frame) -> None:
        """Begin a track with each confident detection that is left."""
        columns = frame.free(frame.high, self._tracks.matched)
        columns = columns[frame.detections.scores[columns] >= self._settings.new_score]
        self._tracks.start(columns, frame.detections)
        self._looks.append(len(columns))

    def _learn(self, frame: _Frame) -> None:
        """Add this frame's embeddings to what their tracks look like, and their distances to the scale."""
        rows = np.flatnonzero(self._tracks.matched >= 0)
        columns = self._tracks.matched[rows]
        usable = frame.embedded[columns] & (frame.detections.scores[columns] >= self._settings.high_score)
        rows, columns = rows[usable], columns[usable]
        if rows.size == 0:
            return
        time = self._tracks.time
        same = self._looks.distances_to_earlier(rows, frame.embeddings, columns, time)
        shift = 1 + self._frame % max(1, len(columns) - 1)
        others = np.concatenate([columns[shift:], columns[:shift]])  # of each track somebody else, in turn
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
    """The detections of one frame as the kernels take them, in an order that does not depend on theirs.

    Attributes:
        high: (H,) confident detections, by left edge.
        low: (L,) detections of low score, by left edge.
        embeddings: (M, D); D is 0 without an embedder.
        embedded: (M,) bool.
    """

    def __init__(self, detections: Detections, settings: EvidenceSettings) -> None:
        self.detections = detections
        self.boxes = np.require(detections.boxes, np.float64, ["C", "W"])
        if detections.embeddings is None or detections.embedded is None:
            self.embeddings: FloatArray = np.zeros((len(detections), 0), np.float32)
            self.embedded: BoolArray = np.zeros(len(detections), bool)
        else:
            self.embeddings = np.require(detections.embeddings, np.float32, ["C", "W"])
            self.embedded = np.require(detections.embedded, bool, ["C", "W"])
        look = self.embeddings[:, :1].T  # of one box found twice, with one score
        order = np.lexsort((*look, detections.scores, *self.boxes.T[::-1]))
        scores = detections.scores[order]
        self.high = order[scores >= settings.high_score]
        self.low = order[(scores >= settings.low_score) & (scores < settings.high_score)]

    def free(self, columns: IntArray, matched: IntArray) -> IntArray:
        """Those of ``columns`` that no track is ``matched`` with, in their order."""
        taken = np.zeros(len(self.boxes) + 1, bool)  # the last one is for tracks without a match, -1
        taken[matched] = True
        return columns[~taken[columns]]

    def area(self, known: Float) -> Float:
        """(4,) xyxy of the part of the picture that holds ``known`` and the boxes."""
        if len(self.boxes) == 0:
            return known
        low, high = self.boxes.min(axis=0), self.boxes.max(axis=0)
        return np.array([*np.minimum(known[:2], low[:2]), *np.maximum(known[2:], high[2:])])
