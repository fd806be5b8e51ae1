"""ByteTrack: "Multi-Object Tracking by Associating Every Detection Box" (arXiv 2110.06864), in seconds.

Motion and overlap only. Boxes of low score cannot start a track, but they keep one alive: a second round matches
them with the tracks that the confident boxes left over.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import BaseModel, Field, model_validator

from trackers.assignment import assign
from trackers.table import TrackTable
from trackers.tracks import BoolArray, Detections, IntArray, Track


class ByteTrackSettings(BaseModel, frozen=True, extra="forbid"):
    """ByteTrack: association by overlap alone, with a second round for boxes of low score."""

    type: Literal["bytetrack"] = "bytetrack"
    high_score: float = Field(
        0.5, ge=0, le=1, description="From this score on a detection takes part in the first round."
    )
    low_score: float = Field(0.1, ge=0, le=1, description="Detections below this score are not used at all.")
    new_score: float = Field(
        0.6, ge=0, le=1, description="From this score on an unmatched detection starts a track."
    )
    max_age: float = Field(1.0, gt=0, description="Seconds a track lives on without being seen.")
    n_init: int = Field(2, ge=1, description="Detections in a row that confirm a new track.")
    first_iou_distance: float = Field(0.8, gt=0, le=1, description="Greatest 1 - IoU x score in the first round.")
    second_iou_distance: float = Field(0.5, gt=0, le=1, description="Greatest 1 - IoU in the round of low scores.")
    tentative_iou_distance: float = Field(
        0.7, gt=0, le=1, description="Greatest 1 - IoU x score for tracks on probation."
    )
    embed_interval: float = Field(
        0.5,
        ge=0,
        description="Seconds between frames whose confident boxes are embedded. Only the linker uses them.",
    )

    @model_validator(mode="after")
    def _scores_rise(self) -> ByteTrackSettings:
        if not self.low_score <= self.high_score <= self.new_score:
            raise ValueError("low_score <= high_score <= new_score is needed")
        return self

    def build(self) -> ByteTrack:
        """A tracker for one camera."""
        return ByteTrack(self)


class ByteTrack:
    """One camera's tracker; never looks at embeddings, only passes them on to the linker."""

    def __init__(self, settings: ByteTrackSettings) -> None:
        self._settings = settings
        self._tracks = TrackTable(settings.max_age, settings.n_init)
        self._last_embedded = -np.inf

    def wants_embedding(self, detections: Detections, time: float) -> BoolArray:
        """The confident detections of one frame every `embed_interval`."""
        if 0 <= time - self._last_embedded < self._settings.embed_interval:
            return np.zeros(len(detections), bool)
        wanted: BoolArray = detections.scores >= self._settings.high_score
        if wanted.any():
            self._last_embedded = time
        return wanted

    def update(self, detections: Detections, time: float) -> list[Track]:
        """One frame: predict, confident boxes, low boxes, probation, new tracks; see `Tracker.update`."""
        tracks, settings = self._tracks, self._settings
        ended = tracks.remove(tracks.advance(time))
        high = np.flatnonzero(detections.scores >= settings.high_score)
        low = np.flatnonzero((detections.scores >= settings.low_score) & (detections.scores < settings.high_score))

        first = self._match(tracks.confirmed, high, detections, settings.first_iou_distance, weighted=True)
        seen_before = tracks.confirmed & (tracks.last_seen >= tracks.previous_time)
        seen_before[first[:, 0]] = False
        second = self._match(seen_before, low, detections, settings.second_iou_distance, weighted=False)
        high = np.setdiff1d(high, first[:, 1])
        third = self._match(~tracks.confirmed, high, detections, settings.tentative_iou_distance, weighted=True)

        pairs = np.concatenate([first, second, third])
        tracks.observe(pairs[:, 0], pairs[:, 1], detections)
        high = np.setdiff1d(high, third[:, 1])
        tracks.start(high[detections.scores[high] >= settings.new_score], detections)
        tracks.remove(~tracks.confirmed & (tracks.matched < 0))  # failed probation
        return tracks.live(detections) + ended

    def finish(self) -> list[Track]:
        """End all tracks."""
        return self._tracks.remove(np.ones(len(self._tracks), bool))

    def _match(
        self, rows: BoolArray, columns: IntArray, detections: Detections, limit: float, *, weighted: bool
    ) -> IntArray:
        """Pair the tracks (N,) bool with the detections ``columns`` by overlap, weighted by score if wanted."""
        index = np.flatnonzero(rows)
        overlap = self._tracks.overlap(index, detections.boxes[columns])
        if weighted:
            overlap = overlap * detections.scores[columns]
        found = assign(1 - overlap, limit)
        return np.stack([index[found[:, 0]], columns[found[:, 1]]], axis=1)
