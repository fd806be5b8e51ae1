"""Small inputs that many tests share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trackers.tracks import Detections


def unit_rows(*directions: int, dimension: int = 8) -> npt.NDArray[np.float32]:
    """One-hot unit rows: embeddings that are orthogonal where the directions differ."""
    return np.eye(dimension, dtype=np.float32)[list(directions)]


def detections(
    boxes: npt.ArrayLike, scores: npt.ArrayLike | None = None, embeddings: npt.NDArray[np.float32] | None = None
) -> Detections:
    """Detections from plain lists; score 0.9 unless given."""
    xyxy = np.asarray(boxes, np.float32).reshape(-1, 4)
    score = np.full(len(xyxy), 0.9, np.float32) if scores is None else np.asarray(scores, np.float32)
    if embeddings is None:
        return Detections(xyxy, score)
    return Detections(xyxy, score, embeddings, np.ones(len(xyxy), bool))


def box(x: float, y: float = 100.0, width: float = 40.0, height: float = 100.0) -> list[float]:
    """An xyxy box with its centre at (x, y)."""
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
