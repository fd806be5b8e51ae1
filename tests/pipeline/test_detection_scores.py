"""Recall, precision and average precision, against hand-made cases and a plain implementation."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.detection_scores import Tally
from trackers.boxes import iou_matrix
from trackers.tracks import Detections

A, B, FAR = [0.0, 0.0, 10.0, 20.0], [30.0, 0.0, 40.0, 20.0], [80.0, 0.0, 90.0, 20.0]


def found(*rows: tuple[list[float], float]) -> Detections:
    boxes = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
    return Detections(boxes, np.array([score for _, score in rows], np.float32))


def tally(detections: Detections, truth: list[list[float]], counts: list[bool] | None = None) -> Tally:
    result = Tally()
    boxes = np.array(truth, float).reshape(-1, 4)
    result.add(detections, boxes, np.array(counts if counts is not None else [True] * len(truth), bool))
    return result


def test_the_second_box_on_a_person_is_wrong():
    scores = tally(found((A, 0.9), (A, 0.8), (FAR, 0.3)), [A, B])
    assert scores.recall_precision(0.25) == pytest.approx((0.5, 1 / 3))
    assert scores.recall_precision(0.85) == (0.5, 1.0)
    assert scores.average_precision() == 0.5


def test_a_box_on_what_does_not_count_is_not_judged():
    scores = tally(found((B, 0.9), (A, 0.8)), [A, B], [True, False])
    assert scores.recall_precision(0.25) == (1.0, 1.0)
    assert tally(found((A, 0.9)), [A], [False]).people == 0


def test_precision_falls_where_a_false_box_scores_higher():
    scores = tally(found((FAR, 0.9), (A, 0.8), (B, 0.7)), [A, B])
    assert scores.average_precision() == pytest.approx(2 / 3)  # 2/3 at both, by the envelope


def test_nothing_found_and_nobody_there():
    assert tally(found(), [A]).recall_precision(0.25) == (0.0, 1.0)
    assert tally(found(), [A]).average_precision() == 0
    assert tally(found((A, 0.5)), []).recall_precision(0.25) == (0.0, 0.0)
    assert Tally().recall_precision(0.25) == (0.0, 1.0)


def plain(frames: list[tuple[Detections, np.ndarray, np.ndarray]]) -> tuple[float, float, float]:
    """Recall and precision at .25 and the average precision, word by word from the definition."""
    people, rows = 0, []
    for detections, truth, counts in frames:
        people += int(counts.sum())
        taken: set[int] = set()
        overlap = iou_matrix(detections.boxes, truth) if len(truth) else np.zeros((len(detections), 0))
        for index in range(len(detections)):
            near = [n for n in range(len(truth)) if overlap[index, n] >= 0.5]
            free = [n for n in near if counts[n] and n not in taken]
            if free:
                taken.add(max(free, key=lambda n: overlap[index, n]))
                rows.append((float(detections.scores[index]), 1))
            elif not [n for n in near if not counts[n]]:
                rows.append((float(detections.scores[index]), 0))
    kept = [right for score, right in rows if score >= 0.25]
    rows.sort(key=lambda row: -row[0])
    precisions = [sum(right for _, right in rows[: n + 1]) / (n + 1) for n in range(len(rows))]
    area = sum(max(precisions[n:]) for n, (_, right) in enumerate(rows) if right) / people
    return sum(kept) / people, sum(kept) / len(kept), area


@pytest.mark.parametrize("seed", range(5))
def test_random_frames_against_the_definition(seed):
    rng = np.random.default_rng(seed)
    frames, scores = [], Tally()
    for _ in range(12):
        corners = rng.uniform(0, 60, (int(rng.integers(1, 8)), 2))
        truth = np.concatenate([corners, corners + rng.uniform(10, 30, corners.shape)], 1)
        shaken = truth[rng.integers(len(truth), size=10)] + rng.normal(0, 3, (10, 4))
        order = -np.sort(-rng.random(10).astype(np.float32))
        one = Detections(shaken.astype(np.float32), order), truth, rng.random(len(truth)) < 0.8
        frames.append(one)
        scores.add(*one)
    other = Tally()
    other.extend(scores)
    assert (*other.recall_precision(0.25), other.average_precision()) == pytest.approx(plain(frames), abs=1e-9)
