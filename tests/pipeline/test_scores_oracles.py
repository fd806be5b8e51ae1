"""`pipeline.scores` against outside oracles: motmetrics, reid-hota, and real detections with ids of the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from pipeline.scores import (
    Annotations,
    Sequence,
    global_sequence,
    iou_ltwh,
    score,
    score_data,
    score_global,
    trackeval_data,
)
from tests.pipeline.sequences import clear_view, crowd, from_table, two_cameras
from tests.shared_data import SHARED, needs_shared

ALPHAS = np.arange(0.05, 0.99, 0.05)  # TrackEval's thresholds
HOTA_NAMES = {"hota": "HOTA", "det_a": "DetA", "ass_a": "AssA"}
seeds = st.integers(0, 2**32 - 1)


# motmetrics: CLEAR and identity scores


def motmetrics_scores(truth: Annotations, result: Annotations) -> Mapping[str, float]:
    import motmetrics

    accumulator = motmetrics.MOTAccumulator()
    for frame in np.union1d(truth.frames, result.frames):
        here, there = truth.frames == frame, result.frames == frame
        overlap = motmetrics.distances.boxiou(truth.boxes[here][:, None], result.boxes[there][None])
        distances = np.where(overlap >= 0.5, 1.0 - overlap, np.nan)
        accumulator.update(truth.ids[here], result.ids[there], distances, frameid=int(frame))
    names = {
        "mota": "mota",
        "num_switches": "switches",
        "num_fragmentations": "fragments",
        "num_misses": "misses",
        "num_false_positives": "false_positives",
        "idf1": "idf1",
        "idp": "idp",
        "idr": "idr",
        "num_unique_objects": "truth_ids",
        "num_objects": "truth_boxes",
        "num_predictions": "result_boxes",
    }
    found = motmetrics.metrics.create().compute(accumulator, metrics=list(names), return_dataframe=False)
    return {names[name]: float(value) for name, value in found.items()}


@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_clear_and_identity_scores_equal_motmetrics(seed: int) -> None:
    """All of CLEAR where nobody can be confused.

    Elsewhere the two differ by design: to keep a match going motmetrics prefers the last one however old,
    TrackEval only that of the frame before. They count fragments alike where nobody leaves and returns and no
    frame is empty.
    """
    truth, result = clear_view(np.random.default_rng(seed))
    wanted = motmetrics_scores(truth, result)
    scores = score(truth, result).to_dict()
    assert {name: scores[name] for name in wanted} == pytest.approx(wanted, abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_identity_scores_equal_motmetrics_in_a_crowd_over_cameras(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sequence = global_sequence({name: crowd(rng, frames=12) for name in "ab"})
    wanted = motmetrics_scores(*sequence)
    scores = score(*sequence)
    assert (scores.idf1, scores.idp, scores.idr) == pytest.approx((wanted["idf1"], wanted["idp"], wanted["idr"]))
    assert scores.idp * scores.result_boxes == pytest.approx(wanted["idp"] * wanted["result_boxes"])  # IDTP


# reid-hota: HOTA over cameras


def reid_hota_tables(cameras: Mapping[str, Sequence], side: int) -> dict[str, Any]:
    import pandas as pd

    def table(a: Annotations) -> pd.DataFrame:
        low, high = a.boxes[:, :2], a.boxes[:, :2] + a.boxes[:, 2:]
        corners = dict(zip(("x1", "y1", "x2", "y2"), np.hstack([low, high]).T, strict=True))
        return pd.DataFrame({"frame": a.frames, "id": a.ids, **corners})

    return {name: table(sequence[side]) for name, sequence in cameras.items()}


def reid_hota_scores(cameras: Mapping[str, Sequence], alignment: str) -> dict[str, float]:
    """HOTA, DetA, AssA as means over TrackEval's thresholds; IDF1 at IoU 0.5. The truth is dense."""
    from reid_hota import HOTAConfig, HOTAReIDEvaluator

    config = HOTAConfig(
        id_alignment_method=alignment,
        reference_contains_dense_annotations=True,
        iou_thresholds=ALPHAS.copy(),
        suppress_print_statements=True,
    )
    evaluator = HOTAReIDEvaluator(config=config)
    evaluator.evaluate(reid_hota_tables(cameras, 0), reid_hota_tables(cameras, 1))
    found = evaluator.get_global_hota_data()
    means = {ours: float(np.mean(found[theirs])) for ours, theirs in HOTA_NAMES.items()}
    return means | {"idf1": float(found["IDF1"][np.argmin(abs(ALPHAS - 0.5))])}


def site(seed: int, changes: float) -> dict[str, Sequence]:
    rng = np.random.default_rng(seed)
    return {name: clear_view(rng, changes) for name in ("left", "right", "hall")}


@settings(max_examples=8, deadline=None)
@given(seed=seeds)
def test_global_hota_equals_reid_hota_with_global_alignment_where_each_id_is_one_person(seed: int) -> None:
    """Misses, false boxes and noise, but no wrong ids: there both definitions pair the same boxes."""
    cameras = site(seed, changes=0.0)
    wanted = reid_hota_scores(cameras, "global")
    scores = score_global(cameras).to_dict()
    assert {name: scores[name] for name in wanted} == pytest.approx(wanted, abs=1e-9)


@settings(max_examples=8, deadline=None)
@given(seed=seeds)
def test_global_hota_equals_reid_hota_with_frame_alignment_whatever_the_ids(seed: int) -> None:
    """With wrong ids TrackEval's HOTA is reid-hota's `per_frame`: boxes are paired in each frame anew.

    (Where nobody can be confused; else TrackEval pairs by IoU times how well two ids agree over all frames.)
    """
    cameras = site(seed, changes=0.3)
    wanted = reid_hota_scores(cameras, "per_frame")
    scores = score_global(cameras).to_dict()
    assert {name: scores[name] for name in HOTA_NAMES} == pytest.approx(
        {name: wanted[name] for name in HOTA_NAMES}, abs=1e-9
    )


@settings(max_examples=8, deadline=None)
@given(seed=seeds)
def test_reid_hota_with_global_alignment_is_our_hota_of_the_aligned_ids_alone(seed: int) -> None:
    """With wrong ids `global` gives each person one id over all cameras and lets no other pair match.

    The same restriction put on our similarities gives its HOTA, in crowds too.
    """
    from reid_hota.hota_utils import compute_cost_per_video_per_frame, jaccard_cost_matrices

    rng = np.random.default_rng(seed)
    cameras = {name: crowd(rng, people=5, frames=15) for name in "ab"}
    costs = compute_cost_per_video_per_frame(reid_hota_tables(cameras, 0), reid_hota_tables(cameras, 1))
    alignment = jaccard_cost_matrices(costs)["global"]
    alignment.construct_assignment()

    truth, result = global_sequence(cameras)
    data = trackeval_data(truth, result)
    truth_names, result_names = np.unique(truth.ids), np.unique(result.ids)
    allowed = np.zeros((len(truth_names), len(result_names)), dtype=bool)
    for person, identity in alignment.ref2comp_id_map.items():
        allowed[truth_names == person, result_names == identity] = True
    data["similarity_scores"] = [
        similarity * allowed[np.ix_(there, found)]
        for there, found, similarity in zip(
            data["gt_ids"], data["tracker_ids"], data["similarity_scores"], strict=True
        )
    ]
    wanted = reid_hota_scores(cameras, "global")
    scores = score_data(data).to_dict()
    assert {name: scores[name] for name in HOTA_NAMES} == pytest.approx(
        {name: wanted[name] for name in HOTA_NAMES}, abs=1e-9
    )


def test_one_person_with_two_identities_in_both_definitions() -> None:
    """TrackEval blames the association alone; `global` also takes the second identity's boxes for wrong ones."""
    cameras = two_cameras(10, 10, id_right=2)
    ours, theirs = score_global(cameras), reid_hota_scores(cameras, "global")
    assert (ours.hota, ours.det_a, ours.ass_a) == pytest.approx((0.5**0.5, 1.0, 0.5))
    assert theirs == pytest.approx({"hota": (1 / 6) ** 0.5, "det_a": 1 / 3, "ass_a": 0.5, "idf1": 0.5})
    assert ours.idf1 == pytest.approx(theirs["idf1"])


# Real detections


@needs_shared
def test_detections_that_carry_the_ids_of_the_truth() -> None:
    """No id is wrong, so the identity scores are recall and precision, and MOTA counts no switch."""
    folder = SHARED / "mot" / "PETS09-S2L1"
    table = np.loadtxt(folder / "gt" / "gt.txt", delimiter=",")
    truth = from_table(table[table[:, 6] != 0][:, :6].tolist())
    found = from_table(np.loadtxt(folder / "det" / "det.txt", delimiter=",")[:, :6].tolist())
    ids = 1000 + np.arange(len(found))
    true = 0
    for frame in np.unique(truth.frames):
        here, there = np.flatnonzero(truth.frames == frame), np.flatnonzero(found.frames == frame)
        overlap = iou_ltwh(truth.boxes[here], found.boxes[there])
        i, j = linear_sum_assignment(np.where(overlap >= 0.5, -overlap, 0.0))
        matched = overlap[i, j] >= 0.5
        true += int(np.count_nonzero(matched))
        ids[there[j[matched]]] = truth.ids[here[i[matched]]]
    scores = score(truth, replace(found, ids=ids))
    assert (scores.truth_ids, scores.truth_boxes, scores.result_boxes) == (19, 4476, len(found))
    assert 0.7 * len(truth) < true < 0.9 * len(truth)
    assert (scores.misses, scores.false_positives) == (len(truth) - true, len(found) - true)
    assert (scores.switches, scores.idr, scores.idp) == pytest.approx((0, true / len(truth), true / len(found)))
    assert scores.mota == pytest.approx((2 * true - len(found)) / len(truth))
