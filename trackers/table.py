"""The live tracks of one tracker as a struct of arrays; row i of every array is the same track."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trackers import kalman, kernels
from trackers.boxes import iou_matrix, xyah_to_xyxy, xyxy_to_xyah
from trackers.tracks import BoolArray, Detections, FloatArray, IntArray, Track, TrackId, TrackState

_MIN_MISSED_FRAMES = 2  # a track outlives this many missed frames however low the frame rate
_BRIDGED = 0.1  # seconds between frames over which boxes of a walking person still overlap well
_WALKING = 0.8  # body heights that a person walks in a second
_NOMINAL = 1 / kernels.REFERENCE_RATE  # seconds between frames, while no clock tells


class TrackTable:
    """Motion, age and score of the tracks of one tracker; knows nothing of how detections are matched.

    Ids are given when a track is confirmed, from 1, so that false starts use none up.

    Args:
        max_age: seconds a confirmed track lives without being observed.
        n_init: detections in a row that confirm a track.
        longest_gap: seconds between frames that count towards that age at most; a pause of the stream ages no
            track by more.
        aspect_noise: standard deviations of the aspect ratio, of its change in a frame and of a measured one.
    """

    def __init__(
        self,
        max_age: float,
        n_init: int,
        longest_gap: float = np.inf,
        aspect_noise: tuple[float, float] = (kalman.ASPECT_STEP, kalman.ASPECT_MEASURED),
    ) -> None:
        self._aspect_step, self._aspect_measured = aspect_noise
        self._max_age, self._n_init, self._longest_gap = max_age, n_init, longest_gap
        self._next_id = 1
        self._time: float | None = None
        self._intervals: deque[float] = deque(maxlen=9)
        self.ids: IntArray = np.zeros(0, np.int64)  # 0 while tentative
        self.motion: npt.NDArray[np.float64] = np.zeros((0, 20))  # laid out as in `trackers.kalman`
        self.scores: FloatArray = np.zeros(0, np.float32)
        self.hits: IntArray = np.zeros(0, np.int64)
        self.last_seen: npt.NDArray[np.float64] = np.zeros(0)
        self.matched: IntArray = np.zeros(0, np.int64)  # detection of this frame, -1 for none
        self.previous_time = -np.inf  # of the update before this one
        self._counted = 0.0  # seconds since then, as far as they count

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
        return xyah_to_xyxy(self.motion[:, :4])

    def ahead(self, time: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Motion (N, 20) as `advance` to ``time`` would leave it, and the `pads` (N,) of then; changes nothing."""
        counted = self._watched(self._since(time))
        motion = self.motion.copy()
        self._predict(motion, counted)
        return motion, self.pads(np.arange(len(self)), counted)

    def pads(self, rows: IntArray, interval: float | None = None) -> npt.NDArray[np.float64]:
        """(R,) px by which boxes are enlarged before they are compared, ``interval`` [s] after the frame before.

        Below ten frames a second the boxes of a walking person hardly overlap, those of a new track above all: its
        velocity is not known yet. Both boxes are then enlarged by the way a person walks in the time that is
        missing (buffered IoU, arXiv 2211.14317, with the buffer from the frame interval).
        """
        missing = max(0.0, (self._counted if interval is None else interval) - _BRIDGED)
        pads: npt.NDArray[np.float64] = _WALKING * missing * self.motion[rows, 3]
        return pads

    def overlap(self, rows: IntArray, boxes: FloatArray) -> npt.NDArray[np.float64]:
        """IoU (R, M) of the tracks ``rows`` with detected boxes, both enlarged by `pads`."""
        own, pads = self.boxes()[rows], self.pads(rows)
        if not pads.any():
            return iou_matrix(own, boxes)
        enlarge = pads[:, None] * np.array([-1.0, -1.0, 1.0, 1.0])
        overlaps = [iou_matrix(own[i : i + 1] + e, boxes + e) for i, e in enumerate(enlarge)]
        return np.concatenate(overlaps) if overlaps else np.zeros((0, len(boxes)))

    def advance(self, time: float) -> BoolArray:
        """Move all tracks to ``time`` and tell which ones have not been seen for too long.

        A clock that stands still or jumps back moves nothing; its frames count towards the age of lost tracks as
        the usual time between frames.

        Returns:
            (N,) bool, tracks that are over; the caller passes them to `remove`.

        Raises:
            ValueError: if the time is not finite.
        """
        if not math.isfinite(time):
            raise ValueError(f"the time of a frame must be a finite number of seconds, got {time}")
        time, dt = float(time), self._since(time)
        self._counted = self._watched(dt)
        self._predict(self.motion, self._counted)
        if dt > 0:  # nobody watched what does not count: ages go on as if it had not been
            self.last_seen = self.last_seen + (dt - self._counted)
            self._intervals.append(dt)
        elif self._time is not None:  # the clock stands still or jumped back: ages go on from its new time
            self.last_seen = self.last_seen - (self._time - time) - (self._typical_interval() or _NOMINAL)
        self.previous_time, self._time = self.time, time
        self.matched[:] = -1
        return self.lost_for(self._max_age)

    def lost_for(self, age: float) -> BoolArray:
        """(N,) tracks that have not been seen for longer than ``age`` [s], and for more than two frames."""
        over: BoolArray = self.time - self.last_seen > self._allowed(age) + 1e-6
        return over

    def _since(self, time: float) -> float:
        return 0.0 if self._time is None else max(0.0, time - self._time)

    def _predict(self, motion: npt.NDArray[np.float64], seconds: float) -> None:
        kernels.predict(motion, min(seconds, self._allowed(self._max_age)), self._aspect_step)

    def _allowed(self, age: float) -> float:
        return max(age, (_MIN_MISSED_FRAMES + 0.5) * self._typical_interval())

    def _watched(self, dt: float) -> float:
        """How many of the ``dt`` seconds since the last frame count."""
        return min(dt, max(self._longest_gap, (_MIN_MISSED_FRAMES + 0.5) * self._typical_interval()))

    def _typical_interval(self) -> float:
        return sorted(self._intervals)[len(self._intervals) // 2] if self._intervals else 0.0

    def observe(self, rows: IntArray, columns: IntArray, detections: Detections) -> None:
        """Correct the different tracks ``rows`` (K,) with a detection each, and confirm those that are due."""
        boxes = np.require(detections.boxes, np.float64, ["C", "W"])
        kernels.correct(self.motion, rows, boxes, columns, self._aspect_measured)
        self.scores[rows] = detections.scores[columns]
        self.hits[rows] += 1
        self.last_seen[rows] = self.time
        self.matched[rows] = columns
        self._confirm(rows)

    def start(self, columns: IntArray, detections: Detections) -> IntArray:
        """Begin a track with each of the detections ``columns``; returns their rows."""
        n = len(columns)
        rows = np.arange(len(self), len(self) + n)
        if n == 0:
            return rows
        self.ids = np.concatenate([self.ids, np.zeros(n, np.int64)])
        self.motion = np.concatenate([self.motion, kalman.initiate(xyxy_to_xyah(detections.boxes[columns]))])
        self.scores = np.concatenate([self.scores, detections.scores[columns]])
        self.hits = np.concatenate([self.hits, np.ones(n, np.int64)])
        self.last_seen = np.concatenate([self.last_seen, np.full(n, self.time)])
        self.matched = np.concatenate([self.matched, columns])
        self._confirm(rows)
        return rows

    def remove(self, over: BoolArray) -> list[Track]:
        """Drop tracks (N,) bool; returns the confirmed ones of them as ended."""
        if not over.any():
            return []
        ended = self._snapshots(self._by_id(over), None, over=True)
        keep = ~over
        self.ids, self.motion = self.ids[keep], self.motion[keep]
        self.scores, self.hits = self.scores[keep], self.hits[keep]
        self.last_seen, self.matched = self.last_seen[keep], self.matched[keep]
        return ended

    def live(self, detections: Detections, given: IntArray | None = None) -> list[Track]:
        """Snapshots of all confirmed tracks by rising id.

        Args:
            detections: (M,) of this frame, as they were matched.
            given: (M,) the place of each among those that the tracker was given, where it left some out.
        """
        return self._snapshots(self._by_id(self.confirmed), detections, given)

    def _by_id(self, which: BoolArray) -> IntArray:
        rows = np.flatnonzero(which & self.confirmed)
        by_id: IntArray = rows[np.argsort(self.ids[rows])]
        return by_id

    def _snapshots(
        self, rows: IntArray, detections: Detections | None, given: IntArray | None = None, *, over: bool = False
    ) -> list[Track]:
        boxes = kernels.boxes_of(self.motion, rows)
        velocities = self.motion[rows, 4:6].astype(np.float32)
        scores, ids, columns = self.scores[rows].tolist(), self.ids[rows].tolist(), self.matched[rows].tolist()
        rest = TrackState.ENDED if over else TrackState.LOST
        embeddings: FloatArray | None = None
        embedded: list[bool] = []
        if detections is not None and detections.embeddings is not None and detections.embedded is not None:
            embeddings, embedded = detections.embeddings, detections.embedded.tolist()
        places: Sequence[int] = range(0 if detections is None else len(detections))
        if given is not None:
            places = given.tolist()
        return [
            Track(
                TrackId(id_),
                box,
                velocity,
                score,
                rest if over or column < 0 else TrackState.CONFIRMED,
                embeddings[column] if embeddings is not None and column >= 0 and embedded[column] else None,
                None if over or column < 0 else places[column],
            )
            for id_, box, velocity, score, column in zip(ids, boxes, velocities, scores, columns, strict=True)
        ]

    def _confirm(self, rows: IntArray) -> None:
        for row in rows[(self.ids[rows] == 0) & (self.hits[rows] >= self._n_init)]:
            self.ids[row] = self._next_id
            self._next_id += 1
