"""CMC and mAP: how early a query's matches stand when the gallery is sorted by distance.

The protocol is that of Market-1501 (Zheng et al., "Scalable Person Re-identification: A Benchmark", ICCV 2015,
section 5.1): gallery pictures of the query's own person in the query's own camera are ignored, neither right nor
wrong, and so is junk (identity -1). Distractors (identity 0 there) are pictures of nobody who is looked for. A
query without a match in what is left counts for nothing; how many there are is told. Where each camera is searched
from the others, every gallery picture of the query's camera is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from reid.tracklets import FloatArray
from reid.training.data import Labels

JUNK: Final = -1
RANKS: Final = (1, 5, 10, 20)  # that tables show

Rule = Literal["person", "camera"]  # what of the query's own camera is ignored: the person, or everybody
Distances = Callable[[Labels], FloatArray]  # indices of B queries -> (B, G), smaller is nearer

_BLOCK: Final = 2_000_000  # distances looked at in one go; about 40 bytes each, 80 MB

Mask = npt.NDArray[np.bool_]


class Labelled(Protocol):
    """Who is seen by which camera, as a `CropSet` says it; both (N,) int64."""

    @property
    def identities(self) -> Labels:
        """Number of the person."""

    @property
    def cameras(self) -> Labels:
        """Number of the camera."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """What became of each query.

    Attributes:
        first: (Q,) int64 place of the nearest match, from 0; -1 for queries without one, which are left out.
        precision: (Q,) float64 average precision, from 0 to 1; NaN for queries left out.
    """

    first: Labels
    precision: npt.NDArray[np.float64]

    @property
    def counted(self) -> int:
        """Queries with a match in the gallery."""
        return int((self.first >= 0).sum())

    @property
    def left_out(self) -> int:
        """Queries without one."""
        return len(self.first) - self.counted

    @property
    def mean_ap(self) -> float:
        """Mean of the average precision, from 0 to 1; NaN where no query counts."""
        return float(np.nanmean(self.precision)) if self.counted else float("nan")

    def cmc(self, rank: int) -> float:
        """Share of the counted queries with a match among the nearest ``rank``; NaN where no query counts."""
        if not self.counted:
            return float("nan")
        return float((self.first[self.first >= 0] < rank).mean())

    def of(self, chosen: Mask) -> Ranking:
        """The ranking of some of the queries, by a mask (Q,)."""
        return Ranking(self.first[chosen], self.precision[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some queries against the whole gallery.

    Attributes:
        queries: (B,) indices.
        distances: (B, G) float32; infinite where ignored.
        same: (B, G) whether the pictures show one person; False where ignored.
        ignored: (B, G).
    """

    queries: Labels
    distances: FloatArray
    same: Mask
    ignored: Mask


def cosine_distances(query: FloatArray, gallery: FloatArray) -> Distances:
    """1 minus the cosine of unit rows (Q, D) and (G, D), from 0 to 2."""

    def distances(chosen: Labels) -> FloatArray:
        result: FloatArray = np.subtract(1, query[chosen] @ gallery.T, dtype=np.float32)
        return result

    return distances


def blocks(distances: Distances, query: Labelled, gallery: Labelled, rule: Rule) -> Iterator[Block]:
    """All queries in order, as many at a time as make `_BLOCK` distances, at least one."""
    size = max(1, _BLOCK // max(1, len(gallery.identities)))
    for start in range(0, len(query.identities), size):
        chosen = np.arange(start, min(start + size, len(query.identities)))
        yield block_of(chosen, distances, query, gallery, rule)


def block_of(chosen: Labels, distances: Distances, query: Labelled, gallery: Labelled, rule: Rule) -> Block:
    """Distances of some queries, by index, and which gallery pictures count for them."""
    same = query.identities[chosen, None] == gallery.identities
    ignored = query.cameras[chosen, None] == gallery.cameras
    if rule == "person":
        ignored &= same
    ignored |= gallery.identities == JUNK
    same &= ~ignored
    apart = distances(chosen).astype(np.float32, copy=True)
    apart[ignored] = np.inf
    return Block(chosen, apart, same, ignored)


def rank_block(block: Block, columns: Mask | None = None) -> Ranking:
    """Where the matches of each query of a block stand; equal distances keep the order of the gallery.

    Args:
        block: from `blocks`.
        columns: (G,) the gallery pictures to look at; all when None.
    """
    distances, same = block.distances, block.same
    if columns is not None:
        distances, same = distances[:, columns], same[:, columns]
    order = np.argsort(distances, axis=1, kind="stable")
    rows, places = np.nonzero(np.take_along_axis(same, order, axis=1))
    matches = np.bincount(rows, minlength=len(same))
    starts = np.cumsum(matches) - matches
    hits = np.arange(len(rows)) - starts[rows] + 1  # how many matches of the query stand up to this one
    precision = np.bincount(rows, weights=hits / (places + 1), minlength=len(same))
    found = matches > 0
    first = np.full(len(same), -1, np.int64)
    first[found] = places[starts[found]]
    return Ranking(first, np.where(found, precision / np.maximum(matches, 1), np.nan))


def rank(distances: Distances, query: Labelled, gallery: Labelled, rule: Rule = "person") -> Ranking:
    """Search for every query in the gallery; memory is bounded by blocks of `_BLOCK` distances.

    Args:
        distances: of queries to all gallery pictures.
        query: (Q,) who is looked for, from which camera.
        gallery: (G,) who is looked in.
        rule: what of the query's own camera is ignored.
    """
    return joined([rank_block(block) for block in blocks(distances, query, gallery, rule)])


def joined(parts: list[Ranking]) -> Ranking:
    """The rankings of blocks, one after another."""
    if not parts:
        return Ranking(np.zeros(0, np.int64), np.zeros(0))
    return Ranking(np.concatenate([p.first for p in parts]), np.concatenate([p.precision for p in parts]))


def rank1_and_map(
    query_rows: FloatArray, query: Labelled, gallery_rows: FloatArray, gallery: Labelled, rule: Rule = "person"
) -> tuple[float, float]:
    """Rank-1 and mAP by cosine, from 0 to 1.

    Args:
        query_rows: (Q, D) unit rows.
        query: their people and cameras.
        gallery_rows: (G, D) unit rows.
        gallery: their people and cameras.
        rule: what of the query's own camera is ignored.
    """
    ranking = rank(cosine_distances(query_rows, gallery_rows), query, gallery, rule)
    return ranking.cmc(1), ranking.mean_ap
