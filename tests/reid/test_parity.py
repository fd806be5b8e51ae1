"""The parity gate lets through what is right, and nothing else."""

import hashlib

import numpy as np
import pytest

from reid.parity import (
    GATE_CROPS,
    MIN_COSINE,
    RANK_TOLERANCE,
    check_parity,
    count_swapped,
    gate_crops,
    gate_fingerprint,
)

CROPS = 16
PROJECTION = np.random.default_rng(0).normal(size=(8 * 4 * 3, 32)).astype(np.float32)


class Honest:
    """A small embedder: block colours, projected; the runtimes below are this one with a defect."""

    def embed(self, batch):
        blocks = batch.reshape(len(batch), 8, 32, 4, 32, 3).mean(axis=(2, 4)).reshape(len(batch), -1)
        rows = (blocks - 128).astype(np.float32) @ PROJECTION
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Defect(Honest):
    def __init__(self, change):
        self.change = change

    def embed(self, batch):
        return self.change(super().embed(batch))


def noisy(rows, size):
    noise = np.random.default_rng(1).normal(size=rows.shape).astype(np.float32)
    changed = rows + size * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return changed / np.linalg.norm(changed, axis=1, keepdims=True)


def stale_after_first(rows):
    return np.repeat(rows[:1], len(rows), axis=0)


def wrong_beyond_eight(rows):
    return np.concatenate([rows[:8], rows[8:][::-1]])


def one_nan(rows):
    rows[-1, 0] = np.nan
    return rows


@pytest.fixture(scope="module")
def reference():
    return Honest().embed(gate_crops(CROPS))


@pytest.mark.parametrize("max_batch", [None, 1, 5, 16, 40])
def test_the_reference_itself_passes(reference, max_batch):
    parity = check_parity(Honest(), reference, max_batch)
    assert parity.passed, parity
    assert parity.cosine == pytest.approx(1.0, abs=1e-5)


def test_what_low_precision_does_passes(reference):
    parity = check_parity(Defect(lambda rows: noisy(rows, 0.002)), reference)
    assert parity.passed, parity


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[::-1],
        lambda rows: np.roll(rows, 1, axis=0),
        stale_after_first,
        wrong_beyond_eight,
        lambda rows: noisy(rows, 0.06),
        lambda rows: -rows,
        lambda rows: rows[:-1],
        lambda rows: rows[:, :-1],
        one_nan,
    ],
    ids=["reversed", "rolled", "stale", "beyond 8", "noise", "sign", "row lost", "column lost", "nan"],
)
def test_a_broken_runtime_is_rejected(reference, change):
    assert not check_parity(Defect(change), reference).passed


def test_crops_of_ones_own_can_be_given(reference):
    crops = gate_crops(CROPS)[::-1].copy()
    assert check_parity(Honest(), reference[::-1], crops=crops).passed
    assert not check_parity(Honest(), reference, crops=crops).passed


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (lambda rows: noisy(rows, 0.3), False),
        (lambda rows: noisy(rows, 3.0), True),
        (one_nan, True),
        (lambda rows: rows[:-1], True),
        (lambda rows: -rows, True),
    ],
    ids=["coarse rounding", "noise", "nan", "row lost", "sign"],
)
def test_what_no_rounding_does_is_told_from_what_it_does(reference, change, broken):
    parity = check_parity(Defect(change), reference)
    assert not parity.passed
    assert parity.broken == broken


def test_the_fingerprint_is_that_of_all_crops():
    assert gate_fingerprint() == hashlib.sha256(gate_crops(GATE_CROPS).tobytes()).hexdigest()[:16]


def test_an_error_at_one_batch_size_only_is_found_and_named(reference):
    def wrong_at_seven(rows):
        return rows[::-1] if len(rows) == 7 else rows

    parity = check_parity(Defect(wrong_at_seven), reference)
    assert not parity.passed
    assert parity.batch == 7


def test_the_largest_batch_is_tried_even_beyond_the_distinct_crops(reference):
    def wrong_at_forty(rows):
        return np.roll(rows, 1, axis=0) if len(rows) == 40 else rows

    assert check_parity(Defect(wrong_at_forty), reference, 16).passed
    assert not check_parity(Defect(wrong_at_forty), reference, 40).passed


def on_circle(*degrees):
    angles = np.radians(np.array(degrees, np.float32))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@pytest.mark.parametrize(
    ("before", "after", "swapped"),
    [
        ((0, 30, 40), (0, 30, 40), 0),
        ((0, 30, 40), (0, 40, 30), 1),  # seen from the first, at distances of 0.13 and 0.23
        ((0, 30, 30.1), (0, 30.1, 30), 0),  # too alike to have an order
    ],
)
def test_swapped_ranks_are_counted_where_the_difference_is_clear(before, after, swapped):
    assert count_swapped(on_circle(*after), on_circle(*before)) == swapped


def test_ranks_can_fail_where_the_cosine_passes():
    before, after = on_circle(0, 88.8, -90.0), on_circle(0, 90.2, -88.6)
    assert (before * after).sum(axis=1).min() > MIN_COSINE
    assert np.cos(np.radians(88.8)) > RANK_TOLERANCE
    assert count_swapped(after, before) > 0


def test_gate_crops_are_many_different_ones_and_always_the_same():
    crops = gate_crops(24)
    assert crops.shape == (24, 256, 128, 3)
    assert crops.dtype == np.uint8
    np.testing.assert_array_equal(crops[:8], gate_crops(8))
    means, deviations = crops.mean(axis=(1, 2, 3)), crops.std(axis=(1, 2, 3))
    assert means.max() - means.min() > 40
    assert deviations.max() - deviations.min() > 20
    assert len(np.unique(crops.reshape(24, -1), axis=0)) == 24
