"""Detections and looks that are simulated for a truth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.borrowed_looks import CROPS, Asked, BorrowedLooks, embed_crops, read_crops
from benchmarks.sequence import unit
from benchmarks.simulated_sequences import LEAST_VISIBLE, read_visible_truth, simulate
from benchmarks.synthetic_sequences import Crowd, synthetic_sequence
from pipeline.errors import HandoffError, TruthError
from reid.embedder import StripesSettings
from tests.shared_data import SHARED


def tables(identities: int, dimension: int) -> dict[str, np.ndarray]:
    rows = np.random.default_rng(1).normal(size=(identities * CROPS, dimension))
    return {"plain": unit(rows.astype(np.float32)).reshape(identities, CROPS, dimension)}


TABLES = tables(60, 24)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return synthetic_sequence("x", "tune", Crowd(20, seed=2, dimension=0), 50).gt.astype(np.float64)


def test_the_same_seed_gives_the_same(truth):
    one, same, other = (simulate("x", "tune", truth, TABLES, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.dets, same.dets)
    assert np.array_equal(one.embeddings["plain"], same.embeddings["plain"])
    assert one.dets.shape != other.dets.shape or not np.array_equal(one.dets, other.dets)


def test_rows_are_valid(truth):
    sequence = simulate("x", "tune", truth, TABLES, 1)
    for _, found in sequence.frames("plain"):
        assert (np.diff(found.scores) <= 0).all()
    assert sequence.dets[:, 4].min() >= 0.1
    assert sequence.dets[:, 4].max() <= 0.95 + 1e-6
    assert (sequence.dets[:, :4] >= 0).all()
    assert (sequence.dets[:, [0, 2]] <= sequence.size[0]).all()
    assert (sequence.dets[:, [1, 3]] <= sequence.size[1]).all()
    assert (sequence.gt[:, 6] > LEAST_VISIBLE).all()


def test_hidden_and_small_people_are_found_less(truth):
    def recall(visible: float = 1.0, scale: float = 1.0) -> float:
        rows = truth.copy()
        rows[:, 6] = visible
        rows[:, 3] = rows[:, 5] - (rows[:, 5] - rows[:, 3]) * scale
        rows[:, 4] = rows[:, 2] + (rows[:, 4] - rows[:, 2]) * scale
        return simulate("x", "tune", rows, TABLES, 1).quality().recall

    whole = recall()
    assert whole > 0.85
    assert recall(visible=0.4) < whole - 0.2
    assert recall(scale=0.2) < whole - 0.1


def test_looks_are_of_people_and_mixed_with_who_hides_them():
    looks = BorrowedLooks(TABLES, 10, 2, np.random.default_rng(0))
    everybody = np.arange(12)
    others = np.roll(everybody, 1)
    in_view = Asked(everybody, everybody, np.zeros(12), np.ones(12))
    free, soon = (looks.embed(in_view, time)["plain"] for time in (0.0, 0.04))
    hidden = looks.embed(Asked(everybody, others, np.full(12, 0.7), np.full(12, 0.3)), 0.08)["plain"]
    assert np.allclose(np.linalg.norm(free, axis=1), 1, atol=1e-5)
    alike = soon @ free.T
    assert (alike.argmax(axis=1) == everybody).all()
    assert np.diag(alike).min() > 0.8
    assert ((hidden @ free.T).argmax(axis=1) == others).mean() > 0.8


def test_too_few_identities_are_refused():
    with pytest.raises(ValueError, match="more than 60 identities"):
        BorrowedLooks(TABLES, 60, 1, np.random.default_rng(0))


def test_crops_are_read_and_embedded(tmp_path):
    shades = {"0000_c1_00": 20, "0000_c1_01": 90, "0000_c2_02": 200, "0001_c1_00": 150, "0002_c1_00": 1}
    for name, shade in shades.items():
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), np.full((64, 32, 3), shade, np.uint8))
    crops = read_crops(tmp_path, 1, 0, 2)
    assert [len(each) for each in crops] == [CROPS, CROPS]
    assert np.array_equal(crops[0][0], crops[0][2])
    rows = embed_crops(crops, StripesSettings().build())
    assert rows.shape == (2, CROPS, 144)
    assert np.allclose(np.linalg.norm(rows, axis=2), 1, atol=1e-5)
    with pytest.raises(HandoffError, match="no crops"):
        read_crops(tmp_path, 3, 0, 2)


def test_a_missing_truth_is_said_so():
    with pytest.raises(TruthError, match="not a truth file of MOT17"):
        read_visible_truth("99")


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "mot/MOT17-02").is_dir(), reason="set HANDOFF_DATA to the folder of real videos")
def test_the_detector_is_as_good_as_stated():
    rows = read_visible_truth("02")
    quality = simulate("x", "tune", rows[rows[:, 0] <= 200], tables(80, 4), 1).quality()
    assert 0.6 <= quality.recall <= 0.75
    assert quality.precision > 0.85
