"""Blocked search against sorting everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid.search import TopK, top_k


def unit(rng, count, dimension=16):
    rows = rng.normal(size=(count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@given(st.integers(0, 300), st.integers(1, 20), st.integers(1, 64), st.integers(0, 2**32 - 1), st.booleans())
def test_it_finds_what_sorting_finds(count, k, block, seed, half):
    rng = np.random.default_rng(seed)
    rows = unit(rng, count).astype(np.float16 if half else np.float32)
    if count > 4:
        rows[count // 2] = rows[1]  # a tie
    queries = unit(rng, 5)
    found, products = top_k(queries, rows, k, block)
    exact = queries @ rows.astype(np.float32).T
    wanted = np.argsort(-exact, axis=1, kind="stable")[:, :k]
    np.testing.assert_allclose(products, np.take_along_axis(exact, wanted, axis=1), atol=1e-6)
    np.testing.assert_allclose(np.take_along_axis(exact, found, axis=1), products, atol=1e-6)
    assert all(len(set(row)) == min(k, count) for row in found.tolist())


def test_of_equal_rows_the_lower_comes_first():
    rows = np.tile(np.eye(1, 8, dtype=np.float32), (50, 1))
    for block in (1, 7, 50):
        found, _ = top_k(rows[:1], rows, 4, block)
        assert found.tolist() == [[0, 1, 2, 3]]


def test_the_best_row_stands_for_its_label():
    rng = np.random.default_rng(0)
    queries, rows = unit(rng, 3), unit(rng, 90)
    labels = np.repeat([3, 8, 9, 20, 21, 40], 15)
    search = TopK(queries, 2)
    search.add(rows[:45], labels[:45])
    search.add(rows[45:], labels[45:])
    found, products = search.result()
    best = {label: (queries @ rows[labels == label].T).max(axis=1) for label in set(labels.tolist())}
    for query in range(3):
        wanted = sorted(best, key=lambda label: -best[label][query])[:2]
        assert found[query].tolist() == wanted
        np.testing.assert_allclose(products[query], [best[label][query] for label in wanted], atol=1e-6)


def test_nobody_is_not_wanted():
    with pytest.raises(ValueError, match="at least 1"):
        top_k(np.ones((1, 4), np.float32), np.ones((1, 4), np.float32), 0)
