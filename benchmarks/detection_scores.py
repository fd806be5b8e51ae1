"""Scores of a detector against truth: recall and precision at one confidence, and the average precision.

A detection is right if it overlaps (IoU .5) a person whom no better detection took: detections choose by falling
score, each the free person whom it overlaps most (PASCAL VOC, Everingham et al. 2010, section 4.2). Rows of the
truth that do not count make a detection on them neither right nor wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from trackers.boxes import iou_matrix
from trackers.tracks import Detections

OVERLAP = 0.5

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Tally:
    """What a detector found, frame by frame.

    Attributes:
        people: whom the truth counts, so far.
    """

    people: int = 0
    _scores: list[npt.NDArray[np.float32]] = field(default_factory=list)
    _right: list[Mask] = field(default_factory=list)

    def add(self, found: Detections, truth: Array, counts: Mask) -> None:
        """One frame.

        Args:
            found: detections by falling score.
            truth: (N, 4) boxes x1 y1 x2 y2 of people, px.
            counts: (N,) whether missing them is wrong.
        """
        right, judged = judge(found.boxes.astype(np.float64), truth, counts)
        self.people += int(counts.sum())
        self._scores.append(found.scores[judged])
        self._right.append(right[judged])

    def extend(self, other: Tally) -> None:
        """All frames of another tally."""
        self.people += other.people
        self._scores += other._scores
        self._right += other._right

    def recall_precision(self, confidence: float) -> tuple[float, float]:
        """Recall and precision of the detections of at least this score; 0 and 1 where there are none."""
        scores, right = self._joined()
        right = right[scores >= confidence]
        precision = float(right.mean()) if len(right) else 1.0
        return float(right.sum()) / max(self.people, 1), precision

    def average_precision(self) -> float:
        """Area under precision over recall, precision made non-increasing; 0 to 1."""
        scores, right = self._joined()
        right = right[np.argsort(-scores, kind="stable")]
        hits = np.cumsum(right)
        precision = hits / np.arange(1, len(hits) + 1)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        return float(envelope[right].sum()) / max(self.people, 1)

    def _joined(self) -> tuple[npt.NDArray[np.float32], Mask]:
        if not self._scores:
            return np.empty(0, np.float32), np.empty(0, bool)
        return np.concatenate(self._scores), np.concatenate(self._right)


def judge(found: Array, truth: Array, counts: Mask) -> tuple[Mask, Mask]:
    """Which of the detections (M, 4), by falling score, are right (M,), and which are judged at all (M,)."""
    right, judged = np.zeros(len(found), bool), np.ones(len(found), bool)
    if not len(found) or not len(truth):
        return right, judged
    overlap = np.asarray(iou_matrix(found, truth), np.float64)
    free = counts.copy()
    for index, row in enumerate(overlap):
        mine = np.where(free, row, 0.0)
        best = int(mine.argmax())
        if mine[best] >= OVERLAP:
            right[index], free[best] = True, False
        else:
            judged[index] = not (row[~counts] >= OVERLAP).any()
    return right, judged
