"""Re-ranking by k-reciprocal neighbours.

Zhong et al., "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR 2017, sections 3.2 to 3.5.

Two pictures that are among each other's nearest neighbours probably show one person; pictures that share such
neighbours are brought closer together. No labels are used. The paper's formulas are written with sparse matrices,
because nearly all of what they hold is zero.

Memory for N pictures with D numbers: 4 N D bytes for the embeddings, blocks of `_BLOCK` distances (80 MB), and 12
bytes for each entry of the encoding, which is held by rows and by columns. A row has one entry for each picture
in its expanded set, and local query expansion takes the union of k2 rows: at most k2 (k1 + 1) (k1 / 2 + 2), in
practice some hundreds.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field

from reid.tracklets import FloatArray
from reid.training.data import Labels
from reid.training.ranking import Distances

_BLOCK: Final = 4_000_000  # distances held in one go: 16 MB, and four times that to sort them
_PAIRS: Final = 20_000  # of embeddings multiplied in one go

Sparse = Any  # scipy.sparse.csr_array, (N, N)


class RerankSettings(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the method, as in section 4.1 of the paper."""

    k1: int = Field(20, ge=1, description="Neighbours that may be reciprocal.")
    k2: int = Field(6, ge=1, description="Pictures that an encoding is averaged over, itself among them.")
    weight: float = Field(0.3, ge=0.0, le=1.0, description="Lambda: share of the original distance.")


def rerank(query: FloatArray, gallery: FloatArray, settings: RerankSettings) -> Distances:
    """Distances by equation 12 of the paper.

    Neighbours are looked for among all pictures, queries and gallery; a picture is its own nearest neighbour, on
    top of its k.

    Args:
        query: (Q, D) float32 unit rows. The same array as ``gallery`` where every picture is looked for.
        gallery: (G, D) float32 unit rows.
        settings: k1, k2 and lambda.
    """
    together = query is gallery
    rows = gallery if together else np.concatenate([query, gallery])
    first = 0 if together else len(query)
    encoded = _encode(rows, settings)
    sums = np.asarray(encoded.sum(axis=1), np.float32).ravel()
    columns = encoded[first:].tocsc()

    def distances(chosen: Labels) -> FloatArray:
        result: FloatArray = np.subtract(1, rows[chosen] @ rows[first:].T, dtype=np.float32)
        for place, index in enumerate(chosen):
            shared = _shared(encoded, columns, int(index))
            jaccard = 1 - shared / (sums[index] + sums[first:] - shared)
            result[place] = settings.weight * result[place] + (1 - settings.weight) * jaccard
        return result

    return distances


def _encode(rows: FloatArray, settings: RerankSettings) -> Sparse:
    """The encoding of each picture over all pictures (equation 7), averaged over its k2 nearest (equation 11)."""
    from scipy.sparse import csr_array

    half = round(settings.k1 / 2)
    nearest = nearest_neighbours(rows, max(settings.k1, half, settings.k2 - 1) + 1)
    members = _expanded(
        _reciprocal(nearest[:, : settings.k1 + 1]),
        _reciprocal(nearest[:, : half + 1]),
    )
    members = members.tocoo()
    weights = np.exp(-_pair_distances(rows, members.row, members.col))
    encoded = csr_array((weights, (members.row, members.col)), shape=members.shape)
    close = nearest[:, : settings.k2]
    return (_indicator(close) / np.float32(close.shape[1])) @ encoded


def nearest_neighbours(rows: FloatArray, count: int) -> Labels:
    """(N, K) indices of each row's K = min(count, N) nearest, itself first, then by distance and index."""
    total = len(rows)
    count = min(count, total)
    nearest = np.empty((total, count), np.int64)
    size = max(1, _BLOCK // total)
    for start in range(0, total, size):
        similar = rows[start : start + size] @ rows.T
        places = np.arange(len(similar))
        similar[places, start + places] = np.inf
        border = -np.partition(-similar, count - 1, axis=1)[:, count - 1]
        for place in places:
            # All that reach the border, so that of equal ones the first are taken.
            candidates = np.flatnonzero(similar[place] >= border[place])
            order = np.argsort(-similar[place, candidates], kind="stable")
            nearest[start + place] = candidates[order[:count]]
    return nearest


def _indicator(members: Labels) -> Sparse:
    """(N, N) with a one in row i for each of its members (N, K)."""
    from scipy.sparse import csr_array

    total, count = members.shape
    starts = np.arange(0, total * count + 1, count)
    return csr_array((np.ones(total * count, np.float32), members.ravel(), starts), shape=(total, total))


def _reciprocal(nearest: Labels) -> Sparse:
    """R(p, k): neighbours that have p among theirs (equation 4)."""
    neighbours = _indicator(nearest)
    return neighbours.multiply(neighbours.T).tocsr()


def _expanded(sets: Sparse, halves: Sparse) -> Sparse:
    """R*(p, k): joined with R(q, k/2) of its members q that share two thirds of that (equation 5)."""
    shared = (sets @ halves.T).multiply(sets).tocsr()
    sizes = np.asarray(halves.sum(axis=1)).ravel()
    shared.data = (3 * shared.data >= 2 * sizes[shared.indices]).astype(np.float32)
    shared.eliminate_zeros()
    return sets + shared @ halves


def _pair_distances(rows: FloatArray, left: npt.NDArray[Any], right: npt.NDArray[Any]) -> FloatArray:
    """(P,) cosine distances of pairs of rows."""
    result = np.empty(len(left), np.float32)
    for start in range(0, len(left), _PAIRS):
        part = slice(start, start + _PAIRS)
        result[part] = 1 - np.einsum("pd,pd->p", rows[left[part]], rows[right[part]])
    return result


def _shared(encoded: Sparse, columns: Sparse, index: int) -> FloatArray:
    """(G,) sums of the smaller ones of two encodings, of a picture and each of the gallery.

    Only gallery pictures that have an entry in a column where the picture has one can share anything.
    """
    mine = slice(encoded.indptr[index], encoded.indptr[index + 1])
    support, values = encoded.indices[mine], encoded.data[mine]
    starts, ends = columns.indptr[support], columns.indptr[support + 1]
    lengths = ends - starts
    places = np.repeat(ends - np.cumsum(lengths), lengths) + np.arange(lengths.sum())
    smaller = np.minimum(columns.data[places], np.repeat(values, lengths))
    summed: FloatArray = np.bincount(columns.indices[places], weights=smaller, minlength=columns.shape[0]).astype(
        np.float32
    )
    return summed
