"""Sums up the observations of a track as a `Tracklet`, in memory that does not grow with the track's length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reid.tracklets import FloatArray, Tracklet, TrackletKey, TrackView


class TrackletBuilder:
    """One track's evidence so far: quality-weighted mean embedding and a few diverse exemplars.

    Args:
        key: camera and track.
        exemplars: how many exemplars are kept.
    """

    def __init__(self, key: TrackletKey, exemplars: int) -> None:
        self.key = key
        self.ended = False
        self.views = 0  # observations with an embedding
        self._max_exemplars = exemplars
        self._start = self._end = 0.0
        self._entry_box = self._exit_box = np.zeros(4, np.float32)
        self._sum: np.ndarray | None = None
        self._quality = 0.0
        self._exemplars: FloatArray = np.zeros((0, 0), np.float32)
        self._among: FloatArray = np.zeros((0, 0), np.float32)  # their cosine similarities, -1 to themselves
        self._count = 0

    def observe(self, track: TrackView, time: float, quality: float) -> None:
        """Add one observation; ``quality`` in (0, 1] weighs its embedding."""
        if self._count == 0:
            self._start, self._entry_box = time, track.box
        self._end, self._exit_box = time, track.box
        self._count += 1
        if track.embedding is not None:
            self.look(track.embedding, quality)

    def look(self, embedding: FloatArray, quality: float) -> None:
        """Add an embedding alone; ``quality`` in (0, 1] weighs it."""
        weighted = quality * embedding.astype(np.float64)
        self._sum = weighted if self._sum is None else self._sum + weighted
        self._quality += quality
        self.views += 1
        self._consider_exemplar(embedding)

    @property
    def duration(self) -> float:
        """Seconds between the first and the last observation."""
        return self._end - self._start

    def tracklet(self, doubles: frozenset[int] = frozenset()) -> Tracklet:
        """The evidence so far."""
        mean = None
        if self._sum is not None:
            mean = (self._sum / max(float(np.linalg.norm(self._sum)), 1e-12)).astype(np.float32)
        return Tracklet(
            self.key,
            self._start,
            self._end,
            self._entry_box,
            self._exit_box,
            mean,
            self._exemplars,
            self._count,
            self._quality,
            doubles,
        )

    def _consider_exemplar(self, embedding: FloatArray) -> None:
        """Keep the set diverse: a view unlike the others replaces one of the two that are closest."""
        rows = self._exemplars
        if len(rows) < self._max_exemplars:
            rows = np.concatenate([rows.reshape(-1, len(embedding)), embedding[None]])
        elif float((rows @ embedding).max()) < float(self._among.max()):
            rows = rows.copy()  # earlier tracklets hold these
            rows[int(self._among.max(axis=1).argmax())] = embedding
        else:
            return
        self._exemplars, self._among = rows, rows @ rows.T
        np.fill_diagonal(self._among, -1.0)


def observation_qualities(tracks: Sequence[TrackView]) -> FloatArray:
    """Quality (N,) in (0, 1] of each track's view in one frame; see `view_qualities`."""
    if not tracks:
        return np.zeros(0, np.float32)
    return view_qualities(np.stack([track.box for track in tracks]), np.array([track.score for track in tracks]))


def view_qualities(boxes: npt.NDArray[np.floating], scores: npt.NDArray[np.floating]) -> FloatArray:
    """Quality (..., N) in (0, 1] of views: the score times the part of the box that nobody covers.

    Of two overlapping people the one whose feet are lower in the picture stands in front.

    Args:
        boxes: (..., N, 4) x1 y1 x2 y2 of the people of a frame, or of several frames with N people each.
        scores: (..., N) in [0, 1].
    """
    boxes, scores = boxes.astype(np.float64), scores.astype(np.float64)
    alone: FloatArray = np.maximum(scores, 1e-3).astype(np.float32)
    if scores.shape[-1] == 1:
        return alone
    own, other = boxes[..., :, None, :], boxes[..., None, :, :]
    overlap = np.minimum(own[..., 2:], other[..., 2:]) - np.maximum(own[..., :2], other[..., :2])
    np.maximum(overlap, 0, out=overlap)
    shared = overlap[..., 0] * overlap[..., 1]
    in_front = other[..., 3] > own[..., 3]  # (i, j): j stands in front of i
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    covered = (shared * in_front).max(axis=-1) / area
    quality: FloatArray = np.maximum(scores * (1 - covered), 1e-3).astype(np.float32)
    return quality
