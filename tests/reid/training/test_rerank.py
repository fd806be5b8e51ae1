"""k-reciprocal re-ranking against the paper's formulas with sets and dense matrices."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid.training import rerank as module
from reid.training.rerank import RerankSettings, nearest_neighbours, rerank


def people(seed, count, dimension=8, spread=0.6):
    """Unit rows that lie around a few directions."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(2, count // 5), dimension))
    rows = centres[rng.integers(0, len(centres), count)] + spread * rng.normal(size=(count, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def dense(query, gallery, settings):
    """Equations 2 to 12 of the paper, one picture after another, in double precision."""
    rows = np.concatenate([query, gallery]).astype(np.float64)
    total = len(rows)
    distances = 1 - rows @ rows.T
    apart = distances.copy()
    np.fill_diagonal(apart, -np.inf)
    order = np.argsort(apart, axis=1, kind="stable")

    def nearest(p, k):
        return set(order[p, : k + 1].tolist())

    def reciprocal(p, k):
        return {q for q in nearest(p, k) if p in nearest(q, k)}

    half = round(settings.k1 / 2)
    encoding = np.zeros((total, total))
    for p in range(total):
        members = reciprocal(p, settings.k1)
        expanded = set(members)
        for q in members:
            small = reciprocal(q, half)
            if len(members & small) >= 2 / 3 * len(small):
                expanded |= small
        for q in expanded:
            encoding[p, q] = np.exp(-distances[p, q])
    averaged = np.stack([encoding[order[p, : settings.k2]].mean(axis=0) for p in range(total)])
    result = np.empty((len(query), len(gallery)))
    for p in range(len(query)):
        for g in range(len(gallery)):
            mine, its = averaged[p], averaged[len(query) + g]
            jaccard = 1 - np.minimum(mine, its).sum() / np.maximum(mine, its).sum()
            original = distances[p, len(query) + g]
            result[p, g] = (1 - settings.weight) * jaccard + settings.weight * original
    return result


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 8), st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_it_agrees_with_a_dense_implementation(seed, k1, k2, weight):
    rng = np.random.default_rng(seed)
    query, gallery = people(seed, rng.integers(2, 12)), people(seed + 1, rng.integers(2, 40))
    chosen = RerankSettings(k1=k1, k2=k2, weight=weight)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", int(rng.integers(1, 500)))
        patch.setattr(module, "_PAIRS", int(rng.integers(1, 50)))
        given_ = rerank(query, gallery, chosen)(np.arange(len(query)))
    np.testing.assert_allclose(given_, dense(query, gallery, chosen), atol=2e-6)


def test_pictures_that_are_query_and_gallery_are_not_counted_twice():
    """A picture's copy would be its nearest neighbour and push others out."""
    rows, chosen = people(3, 30), RerankSettings(k1=4, k2=2)
    alone = rerank(rows, rows, chosen)(np.arange(30))
    np.testing.assert_allclose(alone, alone.T, atol=1e-6)
    np.testing.assert_allclose(alone[:10, 10:], dense(rows[:10], rows[10:], chosen), atol=2e-6)


def test_some_queries_are_as_all_of_them():
    rows = people(5, 40)
    distances = rerank(rows[:10], rows[10:], RerankSettings(k1=5, k2=3))
    np.testing.assert_array_equal(distances(np.array([7, 2])), distances(np.arange(10))[[7, 2]])


def test_without_weight_of_the_neighbours_nothing_changes():
    rows = people(6, 20)
    distances = rerank(rows[:5], rows[5:], RerankSettings(weight=1.0))(np.arange(5))
    np.testing.assert_allclose(distances, 1 - rows[:5] @ rows[5:].T, atol=1e-6)


def test_neighbours_of_equal_rows_are_the_first_ones():
    rows = np.full((6, 4), 0.5, np.float32)
    assert nearest_neighbours(rows, 3).tolist() == [
        [0, 1, 2],
        [1, 0, 2],
        [2, 0, 1],
        [3, 0, 1],
        [4, 0, 1],
        [5, 0, 1],
    ]
    assert nearest_neighbours(rows, 9).shape == (6, 6)


def test_memory_stays_far_below_a_full_matrix():
    """3,000 pictures: all distances are 36 MB; blocks are set to a tenth of that."""
    rows = people(8, 3000, dimension=32, spread=0.2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", 100_000)
        tracemalloc.start()
        distances = rerank(rows[:100], rows[100:], RerankSettings())
        distances(np.arange(100))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 30e6
