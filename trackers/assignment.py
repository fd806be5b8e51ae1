"""Minimum-cost assignment with a limit."""

from __future__ import annotations

import lap
import numpy as np
import numpy.typing as npt

from trackers import kernels
from trackers.kernels import UNDECIDED

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


def assign_worth(worth: npt.NDArray[np.float64]) -> Int:
    """Pair rows with columns so that the summed worth is greatest; pairs worth 0 or less are left out.

    Pairs that nobody else wants are taken at once; the solver gets the rest.

    Args:
        worth: (N, M); minus infinite where a pair is forbidden.

    Returns:
        (K, 2) row and column of each pair, by rising row.
    """
    if 0 in worth.shape:
        return np.zeros((0, 2), np.int64)
    column_of_row = kernels.settle(worth)
    open_rows = np.flatnonzero(column_of_row == UNDECIDED)
    if open_rows.size:
        cost = -np.maximum(worth[open_rows], 0)
        open_columns = np.flatnonzero(cost.any(axis=0))
        cost = cost[:, open_columns]
        _, found, _ = lap.lapjv(cost, extend_cost=True)
        worthwhile = (found >= 0) & (cost[np.arange(len(found)), found] < 0)
        column_of_row[open_rows] = np.where(worthwhile, open_columns[found], -1)
    rows = np.flatnonzero(column_of_row >= 0)
    return np.stack([rows, column_of_row[rows]], axis=1)
