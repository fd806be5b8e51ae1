"""What the output of a YOLO means: which class is the person, which layout the head has, which rows are people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

import numpy as np

from reid.errors import WeightsError
from trackers.tracks import FloatArray

PERSON = "person"


class Head(Enum):
    """Layout of a YOLO's output for B images."""

    DENSE = "dense"  # (B, 4 + classes, anchors): centre, width, height, class scores; duplicates to be suppressed
    END_TO_END = "end-to-end"  # (B, K, 6): x1 y1 x2 y2, score, class; no duplicates


def person_class(names: Mapping[int, str], weights: str) -> int:
    """Index of the class called "person", or of the only class.

    Args:
        names: the classes of the model.
        weights: the file, for the message.

    Raises:
        WeightsError: if there are several classes and none is called "person".
    """
    if len(names) == 1:
        return next(iter(names))
    for index, name in names.items():
        if name.strip().lower() == PERSON:
            return index
    raise WeightsError(
        f"{weights}: no class is called {PERSON!r}; its classes are {', '.join(names.values()) or 'not named'}. "
        "Set detector.weights to a model that detects people"
    )


def head_of(shape: Sequence[int], classes: int, weights: str) -> Head:
    """The layout that an output of this shape has.

    Raises:
        WeightsError: if it is none of a detection model.
    """
    if len(shape) == 3 and shape[2] == 6:
        return Head.END_TO_END
    if len(shape) == 3 and shape[1] == 4 + classes:
        return Head.DENSE
    raise WeightsError(
        f"{weights}: not a YOLO detection model: with {classes} classes its output would be (B, {4 + classes}, "
        f"anchors) or (B, K, 6), but it is {tuple(shape)}. Models for segments, poses or classification do not fit"
    )


def people(output: FloatArray, head: Head, person: int) -> FloatArray:
    """(B, 5, N): four box numbers as the head gives them, and the score of "person": 0 for another class."""
    if head is Head.DENSE:
        return output[:, [0, 1, 2, 3, 4 + person]]
    rows = output[:, :, :5].transpose(0, 2, 1).copy()
    rows[:, 4][output[:, :, 5] != person] = 0.0
    return rows


def to_xyxy(boxes: FloatArray, head: Head) -> FloatArray:
    """Boxes (N, 4) of a head as x1 y1 x2 y2."""
    if head is Head.END_TO_END:
        return boxes
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)
