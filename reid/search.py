"""Exact search: the most alike of up to a million vectors, in blocks that fit into the processor's cache."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reid.tracklets import FloatArray

Stored = npt.NDArray[np.float16] | npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

_BLOCK = 4096  # rows that are multiplied at once: as float32 of 512 numbers, 8 MB


def top_k(queries: FloatArray, rows: Stored, k: int, block: int = _BLOCK) -> tuple[Indices, FloatArray]:
    """The rows with the greatest inner products; of unit vectors, those at the smallest cosine distance.

    Exact: products are in float32 whatever the storage, and of equal ones the lower row comes first. Memory beside
    the inputs: ``block * (D + B)`` numbers, whatever N is.

    Args:
        queries: (B, D).
        rows: (N, D).
        k: at least 1.
        block: rows in one product.

    Returns:
        Rows (B, min(k, N)) by falling product, and the products.
    """
    search = TopK(queries, k)
    for start in range(0, len(rows), block):
        part = rows[start : start + block]
        search.add(part, np.arange(start, start + len(part)))
    return search.result()


class TopK:
    """The same for rows that come in parts, such as from a file, and with several rows to one label.

    Args:
        queries: (B, D).
        k: labels wanted.
    """

    def __init__(self, queries: FloatArray, k: int) -> None:
        if k < 1:
            raise ValueError(f"k: at least 1 wanted, {k} given")
        self._queries, self._k = np.ascontiguousarray(queries, np.float32), k
        self._labels = np.zeros((len(queries), 0), np.int64)
        self._products = np.zeros((len(queries), 0), np.float32)

    def add(self, rows: Stored, labels: Indices) -> None:
        """Take more rows.

        Args:
            rows: (M, D).
            labels: (M,) by rising value. The rows of one label must not be parted over two calls.
        """
        if not len(rows):
            return
        products = self._queries @ rows.astype(np.float32, copy=False).T
        starts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
        if len(starts) < len(labels):  # the best row stands for its label
            products, labels = np.maximum.reduceat(products, starts, axis=1), labels[starts]
        if self._products.shape[1] == self._k and not (products > self._products[:, -1:]).any():
            return
        nearest = _first(products, self._k)
        self._merge(labels[nearest], np.take_along_axis(products, nearest, axis=1))

    def result(self) -> tuple[Indices, FloatArray]:
        """Labels (B, K) by falling product, equal ones by rising label, and the products; K is at most k."""
        return self._labels, self._products

    def _merge(self, labels: Indices, products: FloatArray) -> None:
        products = np.concatenate([self._products, products], axis=1)
        labels = np.concatenate([self._labels, labels], axis=1)
        order = np.lexsort((labels, -products), axis=1)[:, : self._k]
        self._products = np.take_along_axis(products, order, axis=1)
        self._labels = np.take_along_axis(labels, order, axis=1)


def _first(products: FloatArray, k: int) -> Indices:
    """Columns (B, min(k, M)) of the greatest values of each row; of equal ones at the limit the leftmost."""
    if products.shape[1] <= k:
        return np.broadcast_to(np.arange(products.shape[1]), products.shape)
    limit = np.partition(products, products.shape[1] - k, axis=1)[:, -k][:, None]
    above, equal = products > limit, products == limit
    wanted = above | (equal & (np.cumsum(equal, axis=1) <= k - above.sum(axis=1, keepdims=True)))
    columns: Indices = np.nonzero(wanted)[1].reshape(len(products), k)
    return columns
