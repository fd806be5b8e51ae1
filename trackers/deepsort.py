"""DeepSORT: "Simple Online and Realtime Tracking with a Deep Association Metric", arXiv 1703.07402, in seconds."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field

from trackers import kalman
from trackers.appearance import AppearanceGallery
from trackers.assignment import assign, unmatched
from trackers.boxes import xyxy_to_xyah
from trackers.table import TrackTable
from trackers.tracks import BoolArray, Detections, IntArray, Track


class DeepSortSettings(BaseModel, frozen=True, extra="forbid"):
    """DeepSORT as in the paper: motion gate, appearance cascade, overlap round."""

    type: Literal["deepsort"] = "deepsort"
    min_score: float = Field(0.4, ge=0, le=1, description="Detections below this score are not used.")
    max_age: float = Field(1.5, gt=0, description="Seconds a track lives on without being seen.")
    n_init: int = Field(3, ge=1, description="Detections in a row that confirm a new track.")
    max_cosine_distance: float = Field(
        0.2, gt=0, le=2, description="Appearance gate: greatest cosine distance between a track and its detection."
    )
    gallery: int = Field(100, ge=1, description="Embeddings kept for each track.")
    max_overlap_cosine_distance: float = Field(
        2.0, gt=0, le=2, description="Appearance gate of the overlap round; 2 is none, as in the paper."
    )
    max_iou_distance: float = Field(
        0.7, gt=0, le=1, description="Overlap gate: greatest 1 - IoU in the last round."
    )

    def build(self) -> DeepSort:
        """A tracker for one camera."""
        return DeepSort(self)


class DeepSort:
    """One camera's tracker. Without embeddings only the overlap round is left, as in SORT (arXiv 1602.00763)."""

    def __init__(self, settings: DeepSortSettings) -> None:
        self._settings = settings
        self._tracks = TrackTable(settings.max_age, settings.n_init)
        self._gallery = AppearanceGallery(settings.gallery)
        self._slots: IntArray = np.zeros(0, np.int64)  # gallery slot of each track row

    def wants_embedding(self, detections: Detections, time: float) -> BoolArray:
        """Every detection that can be matched: the paper compares all of them."""
        wanted: BoolArray = detections.scores >= self._settings.min_score
        return wanted

    def update(self, detections: Detections, time: float) -> list[Track]:
        """One frame: predict, cascade, overlap round, correct, probation and age; see `Tracker.update`."""
        used = np.flatnonzero(detections.scores >= self._settings.min_score)
        detections = detections.select(used)
        ended = self._remove(self._tracks.advance(time))
        by_appearance = self._cascade(detections)
        by_overlap = self._overlap_round(detections, by_appearance)
        pairs = np.concatenate([by_appearance, by_overlap])
        self._tracks.observe(pairs[:, 0], pairs[:, 1], detections)
        self._start(unmatched(len(detections), pairs[:, 1]), detections)
        self._remove(~self._tracks.confirmed & (self._tracks.matched < 0))  # failed probation
        self._remember(detections)
        return self._tracks.live(detections, used) + ended

    def finish(self) -> list[Track]:
        """End all tracks."""
        return self._remove(np.ones(len(self._tracks), bool))

    def _cascade(self, detections: Detections) -> IntArray:
        """Match confirmed tracks by appearance, the most recently seen first (paper, listing 1)."""
        tracks = self._tracks
        pairs = np.zeros((0, 2), np.int64)
        free = np.arange(len(detections))
        cost = self._appearance_cost(detections)
        for seen in np.unique(tracks.last_seen[tracks.confirmed])[::-1]:
            level = np.flatnonzero(tracks.confirmed & (tracks.last_seen == seen))
            found = assign(cost[np.ix_(level, free)], self._settings.max_cosine_distance)
            pairs = np.concatenate([pairs, np.stack([level[found[:, 0]], free[found[:, 1]]], axis=1)])
            free = np.delete(free, found[:, 1])
        return pairs

    def _appearance_cost(self, detections: Detections) -> npt.NDArray[np.float64]:
        """Cosine distance (N, M); infinite for tentative tracks and where motion or appearance forbids it."""
        tracks = self._tracks
        cost = np.full((len(tracks), len(detections)), np.inf)
        rows = np.flatnonzero(tracks.confirmed)
        if detections.embeddings is None or detections.embedded is None or rows.size == 0 or len(detections) == 0:
            return cost
        motion = kalman.gating_distance(tracks.motion[rows], xyxy_to_xyah(detections.boxes))
        allowed = (motion <= kalman.CHI2_95_4DOF) & detections.embedded
        gated = allowed.any(axis=1)  # appearance is the dear part: only for tracks with a candidate
        distance = self._gallery.distances(self._slots[rows[gated]], detections.embeddings)
        cost[rows[gated]] = np.where(allowed[gated], distance, np.inf)
        return cost

    def _overlap_round(self, detections: Detections, taken: IntArray) -> IntArray:
        """Match tentative tracks, and confirmed ones seen in the frame before, by overlap."""
        tracks = self._tracks
        recent = ~tracks.confirmed | (tracks.last_seen >= tracks.previous_time)
        rows = np.setdiff1d(np.flatnonzero(recent), taken[:, 0])
        free = unmatched(len(detections), taken[:, 1])
        distance = 1 - tracks.overlap(rows, detections.boxes[free])
        distance[self._looks_different(rows, free, detections)] = np.inf
        found = assign(distance, self._settings.max_iou_distance)
        return np.stack([rows[found[:, 0]], free[found[:, 1]]], axis=1)

    def _looks_different(self, rows: IntArray, columns: IntArray, detections: Detections) -> BoolArray:
        """(R, C) bool: pairs that the appearance gate of the overlap round forbids."""
        limit = self._settings.max_overlap_cosine_distance
        if limit >= 2 or detections.embeddings is None or detections.embedded is None:
            return np.zeros((len(rows), len(columns)), bool)
        distance = self._gallery.distances(self._slots[rows], detections.embeddings[columns])
        different: BoolArray = np.isfinite(distance) & (distance > limit) & detections.embedded[columns]
        return different

    def _start(self, columns: IntArray, detections: Detections) -> None:
        self._tracks.start(columns, detections)
        slots = np.array([self._gallery.acquire() for _ in columns], np.int64)
        self._slots = np.concatenate([self._slots, slots])

    def _remember(self, detections: Detections) -> None:
        """Add this frame's embeddings to the galleries of their tracks."""
        if detections.embeddings is None or detections.embedded is None:
            return
        rows = np.flatnonzero(self._tracks.matched >= 0)
        columns = self._tracks.matched[rows]
        known = detections.embedded[columns]
        self._gallery.add(self._slots[rows[known]], detections.embeddings[columns[known]])

    def _remove(self, over: BoolArray) -> list[Track]:
        self._gallery.release(self._slots[over])
        self._slots = self._slots[~over]
        return self._tracks.remove(over)
