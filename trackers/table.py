"""The live tracks of one tracker as a struct of arrays; row i of every array is the same track."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from trackers import kalman
from trackers.boxes import iou_matrix, xyah_to_xyxy, xyxy_to_xyah
from trackers.tracks import BoolArray, Detections, FloatArray, IntArray, Track, TrackId, TrackState

_MIN_MISSED_FRAMES = 2  # a track outlives this many missed frames however low the frame rate
_BRIDGED = 0.1  # seconds between frames over which boxes of a walking person still overlap well
_WALKING = 0.8  # body heights that a person walks in a second
_SMALLEST = np.array([1e-2, 1.0])  # aspect ratio and height [px] of a state; keeps a long prediction a box


class TrackTable:
    """Motion, age and score of the tracks of one tracker; knows nothing of how detections are matched.

    Ids are given when a track is confirmed, from 1, so that false starts use none up.

    Args:
        max_age: seconds a confirmed track lives without being observed.
        n_init: detections in a row that confirm a track.
    """

    def __init__(self, max_age: float, n_init: int) -> None:
        self._max_age, self._n_init = max_age, n_init
        self._next_id = 1
        self._time: float | None = None
        self._intervals: deque[float] = deque(maxlen=9)
        self.ids: IntArray = np.zeros(0, np.int64)  # 0 while tentative
        self.mean: npt.NDArray[np.float64] = np.zeros((0, 8))
        self.covariance: npt.NDArray[np.float64] = np.zeros((0, 8, 8))
        self.scores: FloatArray = np.zeros(0, np.float32)
        self.hits: IntArray = np.zeros(0, np.int64)
        self.last_seen: npt.NDArray[np.float64] = np.zeros(0)
        self.matched: IntArray = np.zeros(0, np.int64)  # detection of this frame, -1 for none
        self.previous_time = -np.inf  # of the update before this one
        self.interval = 0.0  # seconds since then

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def confirmed(self) -> BoolArray:
        """(N,) which tracks have passed probation."""
        confirmed: BoolArray = self.ids > 0
        return confirmed

    @property
    def time(self) -> float:
        """Time of the current update [s]; minus infinity before the first."""
        return -np.inf if self._time is None else self._time

    def boxes(self) -> npt.NDArray[np.float64]:
        """(N, 4) xyxy of the current state."""
        return xyah_to_xyxy(self.mean[:, :4])

    def overlap(self, rows: IntArray, boxes: FloatArray) -> npt.NDArray[np.float64]:
        """IoU (R, M) of the tracks ``rows`` with detected boxes.

        Below ten frames a second the boxes of a walking person hardly overlap, those of a new track above all: its
        velocity is not known yet. Both boxes are then enlarged by the way a person walks in the time that is
        missing (buffered IoU, arXiv 2211.14317, with the buffer from the frame interval).
        """
        own = self.boxes()[rows]
        pad = _WALKING * max(0.0, self.interval - _BRIDGED) * self.mean[rows, 3]
        if not pad.any():
            return iou_matrix(own, boxes)
        enlarge = np.stack([-pad, -pad, pad, pad], axis=1)
        overlaps = [iou_matrix(own[i : i + 1] + e, boxes + e) for i, e in enumerate(enlarge)]
        return np.concatenate(overlaps) if overlaps else np.zeros((0, len(boxes)))

    def advance(self, time: float) -> BoolArray:
        """Move all tracks to ``time`` and tell which ones have not been seen for too long.

        A clock that stands still or jumps back moves nothing.

        Returns:
            (N,) bool, tracks that are over; the caller passes them to `remove`.
        """
        dt = 0.0 if self._time is None else max(0.0, time - self._time)
        if self._time is not None:
            self._intervals.append(dt)
        if time < self.time:  # the clock jumped back: ages go on from the new time
            self.last_seen = self.last_seen - (self.time - time)
        self.previous_time, self.interval = self.time, dt
        self._time = time
        self.matched[:] = -1
        allowed = max(self._max_age, (_MIN_MISSED_FRAMES + 0.5) * float(np.median(self._intervals or [0.0])))
        over: BoolArray = time - self.last_seen > allowed + 1e-6
        self.mean, self.covariance = kalman.predict(self.mean, self.covariance, min(dt, allowed))
        self.mean[:, 2:4] = np.maximum(self.mean[:, 2:4], _SMALLEST)
        return over

    def observe(self, pairs: IntArray, detections: Detections) -> None:
        """Correct tracks with detections, (K, 2) row and detection, and confirm those that are due."""
        rows, columns = pairs.T
        self.mean[rows], self.covariance[rows] = kalman.update(
            self.mean[rows], self.covariance[rows], xyxy_to_xyah(detections.boxes[columns])
        )
        self.mean[rows, 2:4] = np.maximum(self.mean[rows, 2:4], _SMALLEST)
        self.scores[rows] = detections.scores[columns]
        self.hits[rows] += 1
        self.last_seen[rows] = self.time
        self.matched[rows] = columns
        self._confirm(rows)

    def start(self, columns: IntArray, detections: Detections) -> IntArray:
        """Begin a track with each of the detections ``columns``; returns their rows."""
        mean, covariance = kalman.initiate(xyxy_to_xyah(detections.boxes[columns]))
        n = len(columns)
        rows = np.arange(len(self), len(self) + n)
        self.ids = np.concatenate([self.ids, np.zeros(n, np.int64)])
        self.mean = np.concatenate([self.mean, mean])
        self.covariance = np.concatenate([self.covariance, covariance])
        self.scores = np.concatenate([self.scores, detections.scores[columns]])
        self.hits = np.concatenate([self.hits, np.ones(n, np.int64)])
        self.last_seen = np.concatenate([self.last_seen, np.full(n, self.time)])
        self.matched = np.concatenate([self.matched, columns])
        self._confirm(rows)
        return rows

    def remove(self, over: BoolArray) -> list[Track]:
        """Drop tracks (N,) bool; returns the confirmed ones of them as ended."""
        ended = [self._snapshot(row, TrackState.ENDED, None) for row in self._by_id(over)]
        keep = ~over
        self.ids, self.mean, self.covariance = self.ids[keep], self.mean[keep], self.covariance[keep]
        self.scores, self.hits = self.scores[keep], self.hits[keep]
        self.last_seen, self.matched = self.last_seen[keep], self.matched[keep]
        return ended

    def live(self, detections: Detections) -> list[Track]:
        """Snapshots of all confirmed tracks by rising id; ``detections`` are those of this frame."""
        tracks = []
        for row in self._by_id(self.confirmed):
            column = self.matched[row]
            embedding = None
            if column >= 0 and detections.embeddings is not None and detections.embedded is not None:
                embedding = detections.embeddings[column] if detections.embedded[column] else None
            state = TrackState.CONFIRMED if column >= 0 else TrackState.LOST
            tracks.append(self._snapshot(row, state, embedding))
        return tracks

    def _by_id(self, which: BoolArray) -> list[int]:
        rows = np.flatnonzero(which & self.confirmed)
        return [int(row) for row in rows[np.argsort(self.ids[rows])]]

    def _snapshot(self, row: int, state: TrackState, embedding: FloatArray | None) -> Track:
        box = xyah_to_xyxy(self.mean[row : row + 1, :4])[0].astype(np.float32)
        velocity = self.mean[row, 4:6].astype(np.float32)
        return Track(TrackId(int(self.ids[row])), box, velocity, float(self.scores[row]), state, embedding)

    def _confirm(self, rows: IntArray) -> None:
        for row in rows[(self.ids[rows] == 0) & (self.hits[rows] >= self._n_init)]:
            self.ids[row] = self._next_id
            self._next_id += 1
