"""Minimum-cost assignment with a limit."""

from __future__ import annotations

import lap
import numpy as np
import numpy.typing as npt

from trackers import kernels

Int = npt.NDArray[np.int64]


def assign(cost: npt.NDArray[np.floating], limit: float) -> Int:
    """Pair rows with columns so that the summed cost is least, leaving out pairs that cost more than ``limit``.

    Costs are clipped just above the limit before solving (a forbidden pair is then no worse than no pair) and
    pairs above it dropped afterwards; that is 4 to 10 times faster than the solver's own limit.

    Args:
        cost: (N, M); infinite where a pair is forbidden.
        limit: greatest cost of a pair.

    Returns:
        (K, 2) row and column of each pair, by rising row.
    """
    if 0 in cost.shape:
        return np.zeros((0, 2), np.int64)
    clipped = np.minimum(cost.astype(np.float64), limit + 1e-5)
    _, column_of_row, _ = lap.lapjv(clipped, extend_cost=True)
    rows = np.flatnonzero(column_of_row >= 0)
    pairs = np.stack([rows, column_of_row[rows]], axis=1).astype(np.int64)
    return pairs[cost[pairs[:, 0], pairs[:, 1]] <= limit]


def unmatched(count: int, matched: Int) -> Int:
    """Indices below ``count`` that are not in ``matched``, rising."""
    return np.setdiff1d(np.arange(count), matched, assume_unique=True)


def assign_pairs(rows: Int, columns: Int, worth: npt.NDArray[np.float64]) -> tuple[Int, Int]:
    """Choose among pairs so that no row and no column occurs twice and their summed worth is greatest.

    Args:
        rows: (K,) of each pair.
        columns: (K,) of each pair.
        worth: (K,) positive.

    Returns:
        Rows and columns of the chosen pairs, by rising row.
    """
    if len(rows) == 0:
        return rows, columns
    row_ids, column_ids, cost = kernels.dense(rows, columns, worth)
    _, found, _ = lap.lapjv(cost, extend_cost=True)
    chosen = np.flatnonzero(found >= 0)
    chosen = chosen[cost[chosen, found[chosen]] < 0]
    return row_ids[chosen], column_ids[found[chosen]]
