"""Scores of a trained detector, shifted so that the usual threshold is the best one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.detection_scores import Tally
from benchmarks.detector_frames import Labelled
from benchmarks.detector_training import load_checkpoint
from pipeline.detectors.yolo import YoloSettings
from pipeline.frames import Frame
from reid.tracklets import CameraId

BEST_AT = 0.4  # score at which recall and precision shall be best: from there DeepSORT uses detections
_LOWEST = 0.02
_STEPS = np.round(np.arange(0.05, 0.9, 0.01), 2)


def best_score(weights: Path, frames: Sequence[Labelled]) -> tuple[float, float]:
    """The score from which detections have the highest F1 on pictures not trained on, and that F1."""
    detector = YoloSettings(weights=str(weights), confidence=_LOWEST).build()
    tally = Tally()
    for frame in frames:
        found = detector.detect([Frame(CameraId("picture"), 0, 0.0, frame.image)])[0]
        tally.add(found, frame.boxes.astype(np.float64), np.ones(len(frame.boxes), bool))
    detector.close()
    rates = [tally.recall_precision(float(score)) for score in _STEPS]
    f1 = [2 * recall * precision / max(recall + precision, 1e-9) for recall, precision in rates]
    return float(_STEPS[int(np.argmax(f1))]), max(f1)


def shift_scores(weights: Path, score: float, target: Path) -> Path:
    """Write a checkpoint whose scores are such that ``score`` becomes `BEST_AT`; their order stays.

    Args:
        weights: a checkpoint with one class.
        score: 0 to 1.
        target: file to write.
    """
    import torch

    checkpoint = load_checkpoint(weights)
    by = _logit(BEST_AT) - _logit(score)
    for level in checkpoint["model"].model[-1].cv3:
        level[-1].bias.data += by
    torch.save({**checkpoint, "shifted": by}, target)
    return target


def _logit(score: float) -> float:
    return math.log(score / (1 - score))
