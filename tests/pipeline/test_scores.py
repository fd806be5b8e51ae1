"""`pipeline.scores` against values worked out by hand and against its own symmetries."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.scores import Annotations, Scores, Sequence, global_sequence, iou_ltwh, score, score_global
from tests.pipeline.sequences import Row, crowd, rows, two_cameras, walk

ORDER_FREE = ("hota", "det_a", "ass_a", "loc_a", "idf1", "idp", "idr")
seeds = st.integers(0, 2**32 - 1)
TEN = range(1, 11)
ONE = walk(1, TEN)
TWO = ONE + walk(2, TEN, 500)

HAND_MADE: dict[str, tuple[list[Row], list[Row], Mapping[str, int | float]]] = {
    "perfect": (
        TWO,
        walk(8, TEN) + walk(7, TEN, 500),
        {"hota": 1, "det_a": 1, "ass_a": 1, "loc_a": 1, "idf1": 1, "idp": 1, "idr": 1, "mota": 1}
        | {"switches": 0, "fragments": 0, "misses": 0, "false_positives": 0}
        | {"truth_ids": 2, "result_ids": 2, "truth_boxes": 20, "result_boxes": 20},
    ),
    "one switch half-way": (
        ONE,
        walk(1, range(1, 6)) + walk(2, range(6, 11)),
        {"hota": 0.5**0.5, "det_a": 1, "ass_a": 0.5, "idf1": 0.5, "idp": 0.5, "idr": 0.5, "mota": 0.9}
        | {"switches": 1, "fragments": 0, "truth_ids": 1, "result_ids": 2},
    ),
    "one miss at the end": (
        TWO,
        ONE + walk(2, range(1, 10), 500),
        {"hota": (0.95 * (10 + 9 * 0.9) / 19) ** 0.5, "det_a": 0.95, "ass_a": (10 + 9 * 0.9) / 19}
        | {"idf1": 38 / 39, "idp": 1, "idr": 0.95, "mota": 0.95}
        | {"switches": 0, "fragments": 0, "misses": 1, "false_positives": 0, "result_boxes": 19},
    ),
    "two gaps in the middle": (
        TWO,
        ONE + [row for row in walk(2, TEN, 500) if row[0] not in (4, 5, 8)],
        {"det_a": 0.85, "idf1": 34 / 37, "idp": 1, "idr": 0.85, "mota": 0.85}
        | {"switches": 0, "fragments": 2, "misses": 3},
    ),
    "a gap in which nothing is found at all is no fragment for TrackEval": (
        ONE,
        [row for row in ONE if row[0] not in (4, 5)],
        {"mota": 0.8, "fragments": 0, "misses": 2},
    ),
    "a time out of view is a fragment for TrackEval": (
        [row for row in TWO if row[1] == 1 or row[0] not in (4, 5)],
        [row for row in TWO if row[1] == 1 or row[0] not in (4, 5)],
        {"hota": 1, "mota": 1, "idf1": 1, "fragments": 1},
    ),
    "somebody who is not there": (
        ONE,
        ONE + walk(9, range(3, 5), 500),
        {"hota": (10 / 12) ** 0.5, "det_a": 10 / 12, "ass_a": 1, "idf1": 20 / 22, "idp": 10 / 12, "idr": 1}
        | {"mota": 0.8, "switches": 0, "false_positives": 2, "result_ids": 2},
    ),
    "IoU 76/124: matched up to alpha 0.60, so at 12 of 19": (
        ONE,
        walk(1, TEN, 24),
        {"hota": 12 / 19, "det_a": 12 / 19, "ass_a": 12 / 19, "loc_a": (12 * 76 / 124 + 7) / 19}
        | {"idf1": 1, "mota": 1},
    ),
    "IoU 60/140: matched up to alpha 0.40, so at 8 of 19, but not for MOTA and IDF1": (
        ONE,
        walk(1, TEN, 40),
        {"hota": 8 / 19, "idf1": 0, "mota": -1, "misses": 10, "false_positives": 10},
    ),
    "nothing found": (
        ONE,
        [],
        {"hota": 0, "det_a": 0, "ass_a": 0, "idf1": 0, "idp": 0, "idr": 0, "mota": 0}
        | {"misses": 10, "result_ids": 0, "result_boxes": 0},
    ),
}


@pytest.mark.parametrize("name", HAND_MADE)
def test_hand_made_sequences(name: str) -> None:
    truth, result, wanted = HAND_MADE[name]
    scores = score(rows(truth), rows(result)).to_dict()
    assert {key: scores[key] for key in wanted} == pytest.approx(wanted, abs=1e-12)


def test_rates_without_truth_are_not_stated() -> None:
    scores = score(rows([]), rows(ONE))
    assert not scores.defined
    values = scores.to_dict()
    assert values["hota"] is None
    assert values["mota"] is None
    assert values["false_positives"] == 10


def test_an_id_twice_in_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="result: id 4 twice in frame 2"):
        score(rows(ONE), rows([(2, 4, 0.0), (1, 4, 0.0), (2, 4, 500.0)]))


def test_trackeval_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    score(rows(TWO), rows(ONE))
    assert capfd.readouterr() == ("", "")


def test_iou_of_boxes_that_touch_and_that_are_empty() -> None:
    a = np.array([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 0.0, 0.0]])
    b = np.array([[10.0, 0.0, 10.0, 10.0], [5.0, 0.0, 10.0, 10.0], [0.0, 0.0, 0.0, 0.0]])
    assert iou_ltwh(a, b).tolist() == [[0.0, 50 / 150, 0.0], [0.0, 0.0, 0.0]]


# Over several cameras


def test_a_perfect_result_over_two_cameras() -> None:
    scores = score_global(two_cameras(10, 20, id_right=1))
    assert [getattr(scores, name) for name in (*ORDER_FREE, "mota")] == pytest.approx([1.0] * 8)
    assert (scores.switches, scores.fragments, scores.truth_ids, scores.truth_boxes) == (0, 0, 1, 30)


@pytest.mark.parametrize(("left", "right", "idf1"), [(10, 10, 1 / 2), (20, 10, 2 / 3), (12, 10, 12 / 22)])
def test_another_id_in_the_second_camera_costs_globally_only(left: int, right: int, idf1: float) -> None:
    cameras = two_cameras(left, right, id_right=2)
    for sequence in cameras.values():
        alone = score(*sequence)
        assert (alone.hota, alone.idf1, alone.mota) == pytest.approx((1.0, 1.0, 1.0))
    together = score_global(cameras)
    assert together.idf1 == pytest.approx(idf1)
    assert 0.5 <= together.idf1 <= 0.667
    assert together.det_a == pytest.approx(1.0)
    share = np.array([left, right]) / (left + right)
    assert together.hota == pytest.approx(np.sqrt(np.sum(share**2)))  # each box's association is its track's share
    assert together.switches == 1


def test_one_id_for_two_people_costs_globally_only() -> None:
    cameras = {
        "left": Sequence(rows(walk(5, TEN)), rows(walk(1, TEN))),
        "right": Sequence(rows(walk(6, TEN)), rows(walk(1, TEN))),
    }
    together = score_global(cameras)
    assert (together.idf1, together.hota, together.switches) == pytest.approx((0.5, 0.5**0.5, 0))


def test_cameras_stand_one_after_another_in_the_order_of_their_names() -> None:
    truth, result = global_sequence(
        {
            "b": Sequence(rows([(1, 5, 0.0)]), rows([(1, 1, 0.0)])),
            "a": Sequence(rows([(3, 5, 0.0)]), rows([(7, 1, 0.0)])),
            "0": Sequence(rows([]), rows([])),
        }
    )
    assert truth.frames.tolist() == [3, 8]
    assert result.frames.tolist() == [7, 8]


def test_switches_depend_on_the_order_of_the_cameras() -> None:
    cameras = {
        name: Sequence(rows(walk(5, TEN)), rows(walk(i, TEN))) for name, i in (("a", 1), ("b", 2), ("c", 1))
    }
    assert score_global(cameras).switches == 2
    assert score_global({"a": cameras["a"], "b": cameras["c"], "c": cameras["b"]}).switches == 1


# Random sequences


def rates(scores: Scores) -> list[float]:
    return [getattr(scores, name) for name in ORDER_FREE]


@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_new_names_for_the_ids_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, result = crowd(rng)

    def renamed(a: Annotations) -> Annotations:
        shuffle = rng.permutation(len(a))
        names = rng.permutation(5000)
        return Annotations(a.frames[shuffle], names[a.ids[shuffle]], a.boxes[shuffle])

    before, after = score(truth, result).to_dict(), score(renamed(truth), renamed(result)).to_dict()
    assert after == pytest.approx(before, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_cameras_renamed_or_reordered_score_the_same_globally(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sequences = [crowd(rng, people=4, frames=int(rng.integers(5, 20))) for _ in range(3)]
    before = score_global(dict(zip("abc", sequences, strict=True)))
    after = score_global({f"camera {i}": sequences[i] for i in rng.permutation(3)})
    shuffled = score_global(dict(zip(rng.permutation(list("abc")), sequences, strict=True)))
    for other in (after, shuffled):
        assert rates(other) == pytest.approx(rates(before), abs=1e-9)
        assert (other.fragments, other.truth_ids, other.result_ids) == (
            before.fragments,
            before.truth_ids,
            before.result_ids,
        )
    assert after == before  # the order of the mapping is not the order of the names
