"""What goes into a tracker and what comes out: `Detections`, `Track`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import NewType

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

TrackId = NewType("TrackId", int)


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The boxes found in one frame, as a struct of arrays.

    Attributes:
        boxes: (N, 4) float32, x1 y1 x2 y2 in pixels of the frame; x2 > x1 and y2 > y1.
        scores: (N,) float32 in [0, 1].
        embeddings: (N, D) float32; unit rows where ``embedded``, zero rows elsewhere; None without an embedder.
        embedded: (N,) bool, which rows of ``embeddings`` were computed.

    Raises:
        ValueError: if shapes disagree, a box is empty or not finite, or an embedding is not of length one.
    """

    boxes: FloatArray
    scores: FloatArray
    embeddings: FloatArray | None = None
    embedded: BoolArray | None = None

    def __post_init__(self) -> None:
        """Check everything once; code that receives detections trusts them."""
        n = len(self.boxes)
        if self.boxes.shape != (n, 4) or self.scores.shape != (n,):
            raise ValueError(
                f"boxes (N, 4) and scores (N,) wanted, got {self.boxes.shape} and {self.scores.shape}"
            )
        if not (np.isfinite(self.boxes).all() and (self.boxes[:, 2:] > self.boxes[:, :2]).all()):
            raise ValueError("boxes must be finite x1 y1 x2 y2 with x2 > x1 and y2 > y1")
        if (self.embeddings is None) != (self.embedded is None):
            raise ValueError("embeddings and embedded come together")
        if self.embeddings is not None and self.embedded is not None:
            if self.embeddings.ndim != 2 or len(self.embeddings) != n or self.embedded.shape != (n,):
                raise ValueError(f"embeddings (N, D) and embedded (N,) wanted for N={n}")
            lengths = np.linalg.norm(self.embeddings[self.embedded], axis=1)
            if not np.allclose(lengths, 1.0, atol=1e-3):
                raise ValueError("embeddings must be unit rows")

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def empty(cls) -> Detections:
        """No detections."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    @classmethod
    def of_frames(
        cls,
        counts: Sequence[int],
        boxes: FloatArray,
        scores: FloatArray,
        embeddings: FloatArray | None = None,
        embedded: BoolArray | None = None,
    ) -> list[Detections]:
        """The detections of successive frames, which have ``counts`` of them; checked all at once."""
        whole = cls(boxes, scores, embeddings, embedded)
        if sum(counts) != len(whole):
            raise ValueError(f"counts must add up to the {len(whole)} detections, got {sum(counts)}")
        frames, start = [], 0
        for count in counts:
            part = slice(start, start + count)
            start += count
            frame = object.__new__(cls)
            for name, values in zip(_ARRAYS, (boxes, scores, embeddings, embedded), strict=True):
                object.__setattr__(frame, name, None if values is None else values[part])
            frames.append(frame)
        return frames

    def select(self, index: BoolArray | IntArray) -> Detections:
        """The detections at a mask (N,) or at indices (K,), in that order."""
        return Detections(
            self.boxes[index],
            self.scores[index],
            None if self.embeddings is None else self.embeddings[index],
            None if self.embedded is None else self.embedded[index],
        )

    def with_embeddings(self, wanted: BoolArray, rows: FloatArray) -> Detections:
        """The same detections with ``rows`` (wanted.sum(), D) as the embeddings of the wanted ones."""
        embeddings = np.zeros((len(self), rows.shape[1]), np.float32)
        embeddings[wanted] = rows
        return replace(self, embeddings=embeddings, embedded=wanted.copy())


_ARRAYS = tuple(field.name for field in fields(Detections))


class TrackState(Enum):
    """Where a track stands in its life. Tentative tracks are never reported."""

    CONFIRMED = "confirmed"  # observed in this frame
    LOST = "lost"  # not observed in this frame; the box is predicted
    ENDED = "ended"  # reported once, then never again


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A snapshot of one track after one frame.

    Attributes:
        id: unique within its tracker, from 1, never used again.
        box: (4,) float32, x1 y1 x2 y2 in pixels: the filtered box, or the predicted one while lost.
        velocity: (2,) float32, of the box centre in pixels per second.
        score: of the last matched detection.
        state: see `TrackState`.
        embedding: (D,) float32 unit vector of the detection matched in this frame; None when there is none.
        detection: index, among the detections given to `update`, of the one matched in this frame; a confirmed
            track has one, a lost or ended one None.
    """

    id: TrackId
    box: FloatArray
    velocity: FloatArray
    score: float
    state: TrackState
    embedding: FloatArray | None = None
    detection: int | None = None

    def __init__(
        self,
        id: TrackId,  # noqa: A002 - the field's name
        box: FloatArray,
        velocity: FloatArray,
        score: float,
        state: TrackState,
        embedding: FloatArray | None = None,
        detection: int | None = None,
    ) -> None:
        # Does what the one of a frozen dataclass does, in half the time: a frame makes hundreds.
        _set_id(self, id)
        _set_box(self, box)
        _set_velocity(self, velocity)
        _set_score(self, score)
        _set_state(self, state)
        _set_embedding(self, embedding)
        _set_detection(self, detection)


_set_id, _set_box, _set_velocity, _set_score, _set_state, _set_embedding, _set_detection = (
    getattr(Track, field.name).__set__ for field in fields(Track)
)
