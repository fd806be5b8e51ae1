"""CMC and mAP against a plain implementation, and the rules of the protocol one by one."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid.training import ranking
from reid.training.ranking import JUNK, cosine_distances, rank, rank1_and_map


class Crops(NamedTuple):
    identities: np.ndarray
    cameras: np.ndarray


def crops(identities, cameras):
    return Crops(np.array(identities, np.int64), np.array(cameras, np.int64))


def scored(distances, query, gallery, rule="person"):
    matrix = np.array(distances, np.float32)
    return rank(lambda chosen: matrix[chosen], crops(*query), crops(*gallery), rule)


def plain(distances, query, gallery, rule):
    """(place of the first match or -1, average precision or NaN) of each query, one picture after another."""
    answers = []
    for row, identity, camera in zip(distances, query.identities, query.cameras, strict=True):
        kept = []
        for place, value in enumerate(row):
            own_camera = gallery.cameras[place] == camera
            if gallery.identities[place] == JUNK:
                continue
            if own_camera and (rule == "camera" or gallery.identities[place] == identity):
                continue
            kept.append((float(value), place))
        kept.sort()
        hits = [gallery.identities[place] == identity for _, place in kept]
        if not any(hits):
            answers.append((-1, math.nan))
            continue
        found, total = 0, 0.0
        for position, hit in enumerate(hits, 1):
            if hit:
                found += 1
                total += found / position
        answers.append((hits.index(True), total / found))
    return answers


@given(st.integers(0, 2**32 - 1), st.sampled_from(["person", "camera"]), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_it_agrees_with_a_plain_implementation(seed, rule, block):
    rng = np.random.default_rng(seed)
    queries, gallery = rng.integers(1, 20), rng.integers(1, 60)
    people, cameras = rng.integers(1, 8), rng.integers(1, 5)
    distances = rng.random((queries, gallery), np.float32)
    if seed % 2:
        distances = np.round(distances, 1)  # ties
    wanted = crops(rng.integers(0, people, queries), rng.integers(1, cameras + 1, queries))
    there = crops(rng.integers(JUNK, people, gallery), rng.integers(1, cameras + 1, gallery))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "_BLOCK", block)
        given_ = rank(lambda chosen: distances[chosen], wanted, there, rule)
    truth = plain(distances, wanted, there, rule)
    assert given_.first.tolist() == [first for first, _ in truth]
    np.testing.assert_allclose(given_.precision, [precision for _, precision in truth], rtol=0, atol=1e-9)
    firsts = [first for first, _ in truth if first >= 0]
    assert given_.counted == len(firsts)
    assert given_.left_out == queries - len(firsts)
    if firsts:
        precisions = [precision for first, precision in truth if first >= 0]
        assert abs(given_.mean_ap - sum(precisions) / len(precisions)) < 1e-9
        for k in (1, 5, 10, 20):
            assert abs(given_.cmc(k) - sum(first < k for first in firsts) / len(firsts)) < 1e-9


def test_a_hand_made_case():
    """Matches at ranks 2 and 4: average precision (1/2 + 2/4) / 2."""
    result = scored([[0.1, 0.2, 0.3, 0.4]], ([7], [1]), ([3, 7, 4, 7], [2, 2, 2, 3]))
    assert result.first.tolist() == [1]
    assert result.mean_ap == 0.5
    assert [result.cmc(k) for k in (1, 2)] == [0.0, 1.0]


def test_the_same_person_in_the_same_camera_is_ignored():
    result = scored([[0.1, 0.2]], ([7], [1]), ([7, 7], [1, 2]))
    assert result.first.tolist() == [0]
    assert result.mean_ap == 1.0


def test_another_person_in_the_same_camera_counts_unless_the_camera_is_ignored():
    case = [[0.1, 0.2]], ([7], [1]), ([3, 7], [1, 2])
    assert scored(*case).mean_ap == 0.5
    assert scored(*case, rule="camera").mean_ap == 1.0


def test_junk_is_ignored_and_distractors_are_wrong():
    assert scored([[0.1, 0.2]], ([7], [1]), ([-1, 7], [2, 2])).mean_ap == 1.0
    assert scored([[0.1, 0.2]], ([7], [1]), ([0, 7], [2, 2])).mean_ap == 0.5


def test_a_query_without_match_is_left_out_and_counted():
    result = scored([[0.1, 0.2], [0.3, 0.1]], ([7, 8], [1, 1]), ([7, 8], [2, 1]))
    assert (result.counted, result.left_out) == (1, 1)
    assert result.mean_ap == 1.0
    nobody = scored([[0.1]], ([7], [1]), ([8], [2]))
    assert nobody.counted == 0
    assert math.isnan(nobody.mean_ap)
    assert math.isnan(nobody.cmc(1))


def test_rank1_and_map_by_cosine():
    rows = np.eye(3, dtype=np.float32)
    query, gallery = crops([1, 2], [1, 1]), crops([1, 2, 3], [2, 2, 2])
    assert rank1_and_map(rows[:2], query, rows, gallery) == (1.0, 1.0)
    rank1, mean = rank1_and_map(rows[:2], query, rows[[1, 0, 2]], gallery)
    assert rank1 == 0.0
    assert mean == 0.5


def test_distances_are_1_minus_the_cosine():
    rows = np.array([[1.0, 0.0], [0.6, 0.8]], np.float32)
    np.testing.assert_allclose(cosine_distances(rows, rows)(np.array([1])), [[0.4, 0.0]], atol=1e-6)


def test_blocks_hold_no_more_distances_than_they_may(monkeypatch):
    monkeypatch.setattr(ranking, "_BLOCK", 100)
    asked = []

    def distances(chosen):
        asked.append(len(chosen))
        return np.zeros((len(chosen), 30), np.float32)

    people = crops(np.arange(30), np.ones(30))
    rank(distances, people, people)
    assert sum(asked) == 30
    assert max(asked) * 30 <= 100
