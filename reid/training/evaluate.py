"""The evaluation of a network on a set of labelled pictures: embed, search, score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from reid.errors import DataError
from reid.tracklets import FloatArray
from reid.training.data import CropSet, Labels, read_crops
from reid.training.embedding import Network, Progress, embed_crops, no_progress, unit_rows
from reid.training.ranking import (
    RANKS,
    Distances,
    Ranking,
    Rule,
    blocks,
    cosine_distances,
    joined,
    rank1_and_map,
    rank_block,
)
from reid.training.rerank import RerankSettings, rerank
from reid.training.separation import Separation

Pooling = Literal["single", "mean", "max"]
Ignored = Literal["auto", "person", "camera"]
CameraPair = tuple[int, int]  # of the query and of the gallery

_FOLDERS = "query", "bounding_box_test"  # of Market-1501
_DRAWN_BY_HAND = "gt_bbox"  # further pictures of the queries' people, there for multiple queries


@dataclass(frozen=True, slots=True, eq=False)
class SearchSet:
    """Who is looked for where.

    Attributes:
        name: for tables.
        query: looked for.
        gallery: looked in; the same object as ``query`` in a flat folder.
        more: further pictures of the queries' people, pooled with the queries' own; never looked in.
        rule: what of a query's own camera is ignored.
    """

    name: str
    query: CropSet
    gallery: CropSet
    more: CropSet
    rule: Rule

    def __str__(self) -> str:
        against = ", each camera against the others" if self.rule == "camera" else ""
        return f"query {self.query}; gallery {self.gallery}{against}"


@dataclass(frozen=True, slots=True)
class Options:
    """How a set is searched.

    Attributes:
        pooling: single: each query picture by itself. mean, max: all pictures of a person in a camera make one
            query, their unit rows averaged, or the greatest of each number taken (multiple queries of Zheng et al.
            2015).
        flip: average with the mirror image.
        rerank: also score after re-ranking.
    """

    pooling: Pooling = "single"
    flip: bool = False
    rerank: RerankSettings | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A network's scores on a set.

    Attributes:
        network: its name.
        data: what was searched; with pooling, a query stands for all pictures of its person and camera.
        options: how.
        reranked: whether the distances are re-ranked ones.
        ranking: of all queries.
        pairs: rankings of the queries of one camera in the gallery of another.
        separation: of the distances of same and different people.
        distances: of queries to the gallery.
    """

    network: str
    data: SearchSet
    options: Options
    reranked: bool
    ranking: Ranking
    pairs: Mapping[CameraPair, Ranking]
    separation: Separation
    distances: Distances

    @property
    def label(self) -> str:
        """The network and what was done on top."""
        parts = [self.network]
        if self.options.pooling != "single":
            parts.append(f"multiple queries, {self.options.pooling}")
        parts += ["flip"] * self.options.flip + ["re-ranked"] * self.reranked
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; shares from 0 to 1."""
        separation = self.separation
        threshold, error = separation.equal_error
        apart = {"equal_error_threshold": threshold, "equal_error": error, "d_prime": separation.d_prime}
        return {
            "network": self.network,
            "data": self.data.name,
            "protocol": {
                "ignored of the query's camera": self.data.rule,
                "query": self.options.pooling,
                "flip": self.options.flip,
                "rerank": self.options.rerank.model_dump() if self.options.rerank and self.reranked else None,
            },
            "gallery": len(self.data.gallery),
            **_scores(self.ranking),
            "left_out": self.ranking.left_out,
            "camera_pairs": [{"query": a, "gallery": b, **_scores(r)} for (a, b), r in self.pairs.items()],
            "distances": {name: value if np.isfinite(value) else None for name, value in apart.items()},
        }


def _scores(ranking: Ranking) -> dict[str, Any]:
    cmc = {f"rank{k}": ranking.cmc(k) for k in RANKS}
    return {"queries": ranking.counted, **cmc, "mAP": ranking.mean_ap}


def read_search_set(source: str | Path, ignored: Ignored = "auto") -> SearchSet:
    """A set to score on.

    Args:
        source: a folder that holds query/ and bounding_box_test/ (Market-1501, `world crops`); or a folder of
            crops, or FOLDER:FIRST-LAST for some of its people, where every picture is looked for.
        ignored: of the query's camera: "person" as Market-1501 does, or "camera", everybody: each camera against
            the others, as CUHK01 and CUHK03 are used. auto: the first with query/, else the second.

    Raises:
        DataError: if it is neither, there is one camera only, or nobody is in two.
    """
    folder = Path(source)
    if all((folder / name).is_dir() for name in _FOLDERS):
        query, gallery = (read_crops(folder / name) for name in _FOLDERS)
        by_hand = (folder / _DRAWN_BY_HAND).is_dir()
        more = read_crops(folder / _DRAWN_BY_HAND) if by_hand else gallery
        name = "/".join(folder.absolute().parts[-2:])
        rule: Rule = "person"
    else:
        query = gallery = more = read_crops(source)
        name, rule = query.name, "camera"
    found = SearchSet(name, query, gallery, more, rule if ignored == "auto" else ignored)
    _check_cameras(found, source)
    return found


def search_each(crops: CropSet) -> SearchSet:
    """Every picture is looked for among those of the other cameras, as in a folder of crops.

    Raises:
        DataError: if there is one camera only, or nobody is in two.
    """
    found = SearchSet(crops.name, crops, crops, crops, "camera")
    _check_cameras(found, crops.name)
    return found


def _check_cameras(data: SearchSet, source: str | Path) -> None:
    cameras = np.unique(np.concatenate([data.query.cameras, data.gallery.cameras]))
    if len(cameras) < 2:
        raise DataError(
            f"{source}: all pictures are of camera {cameras[0]}; people are looked for in other cameras, whose "
            "number stands after the identity in the file's name: 0002_c2s1_000451_03.jpg"
        )
    seen = set(zip(data.gallery.identities.tolist(), data.gallery.cameras.tolist(), strict=True))
    seen_in: dict[int, set[int]] = {}
    for person, camera in seen:
        seen_in.setdefault(person, set()).add(camera)
    queries = zip(data.query.identities.tolist(), data.query.cameras.tolist(), strict=True)
    if not any(seen_in.get(person, set()) - {camera} for person, camera in queries):
        raise DataError(
            f"{source}: nobody is seen by two cameras, so no query has a match in the gallery; the number at the "
            "start of a file's name must be the same for the same person in all cameras"
        )


def evaluate(
    network: Network, data: SearchSet, options: Options | None = None, progress: Progress = no_progress
) -> list[Evaluation]:
    """Score a network on a set; a second result is that of re-ranking.

    Memory: the embeddings, blocks of distances (see `reid.training.ranking`), and what re-ranking states.

    Raises:
        DataError: if a picture cannot be read.
        WeightsError: if the network gives no usable embeddings.
    """
    options = options or Options()
    query, gallery = _embedded(network, data, flip=options.flip, progress=progress)
    if options.pooling != "single":
        more = gallery
        if data.more is not data.gallery:
            more = embed_crops(network, data.more, flip=options.flip, progress=progress)
        data, query = _pooled(data, query, more, options.pooling)
    results = [_searched(network.name, data, options, cosine_distances(query, gallery), progress)]
    if options.rerank is not None:
        nearer = rerank(query, gallery, options.rerank)
        results.append(_searched(network.name, data, options, nearer, progress, reranked=True))
    return results


def score(network: Network, data: SearchSet) -> tuple[float, float]:
    """Rank-1 and mAP from 0 to 1, the same as `evaluate` gives without options, and nothing else.

    Raises:
        DataError: if a picture cannot be read.
        WeightsError: if the network gives no usable embeddings.
    """
    query, gallery = _embedded(network, data)
    return rank1_and_map(query, data.query, gallery, data.gallery, data.rule)


def _embedded(
    network: Network, data: SearchSet, *, flip: bool = False, progress: Progress = no_progress
) -> tuple[FloatArray, FloatArray]:
    """Unit rows of queries and of the gallery; the same array in a flat folder."""
    gallery = embed_crops(network, data.gallery, flip=flip, progress=progress)
    if data.query is data.gallery:
        return gallery, gallery
    return embed_crops(network, data.query, flip=flip, progress=progress), gallery


def _pooled(
    data: SearchSet, query: FloatArray, more: FloatArray, pooling: Literal["mean", "max"]
) -> tuple[SearchSet, FloatArray]:
    """One query for each person and camera, pooled from all pictures of it."""
    sets = [data.query] if data.query is data.more else [data.query, data.more]
    rows = np.concatenate([query, more][: len(sets)])
    identities = np.concatenate([crops.identities for crops in sets])
    cameras = np.concatenate([crops.cameras for crops in sets])
    _, firsts = np.unique(np.stack([data.query.identities, data.query.cameras]), axis=1, return_index=True)
    firsts = np.sort(firsts)
    queries = data.query.select(firsts)
    pooled = [
        rows[(identities == person) & (cameras == camera)]
        for person, camera in zip(queries.identities, queries.cameras, strict=True)
    ]
    reduced = np.stack([part.mean(axis=0) if pooling == "mean" else part.max(axis=0) for part in pooled])
    return SearchSet(data.name, queries, data.gallery, data.more, data.rule), unit_rows(reduced)


def _searched(
    network: str,
    data: SearchSet,
    options: Options,
    distances: Distances,
    progress: Progress,
    *,
    reranked: bool = False,
) -> Evaluation:
    """One pass over all distances."""
    cameras = np.unique(data.gallery.cameras)
    separation = Separation()
    parts: list[Ranking] = []
    by_camera: dict[int, list[Ranking]] = {int(camera): [] for camera in cameras}
    task = f"{network}: {'re-ranking' if reranked else 'searching'}"
    for block in blocks(distances, data.query, data.gallery, data.rule):
        separation.add(block)
        parts.append(rank_block(block))
        for camera, rankings in by_camera.items():
            rankings.append(rank_block(block, data.gallery.cameras == camera))
        progress(task, int(block.queries[-1]) + 1, len(data.query))
    in_camera = {camera: joined(rankings) for camera, rankings in by_camera.items()}
    pairs = {
        (int(mine), camera): in_camera[camera].of(data.query.cameras == mine)
        for mine in np.unique(data.query.cameras)
        for camera in in_camera
    }
    counted = {pair: ranking for pair, ranking in pairs.items() if ranking.counted}
    return Evaluation(network, data, options, reranked, joined(parts), counted, separation, distances)


def choose_queries(
    evaluation: Evaluation,
    count: int,
    choice: Literal["worst", "best", "random"] = "worst",
    seed: int = 1,
) -> Labels:
    """Indices of queries to show, of those that have a match.

    Args:
        evaluation: whose queries.
        count: at most so many.
        choice: by average precision, or at random.
        seed: of that.
    """
    there = np.flatnonzero(evaluation.ranking.first >= 0)
    if choice == "random":
        drawn = np.random.default_rng(seed).choice(there, min(count, len(there)), replace=False)
        return np.sort(drawn)
    precision = evaluation.ranking.precision[there]
    order = np.argsort(precision if choice == "worst" else -precision, kind="stable")
    return there[order[:count]]


def named_queries(evaluation: Evaluation, names: Sequence[str]) -> Labels:
    """Indices of the queries with these file names.

    Raises:
        DataError: if one is not among them, or has no match in the gallery.
    """
    places = {path.name: place for place, path in enumerate(evaluation.data.query.paths)}
    absent = [name for name in names if name not in places]
    if absent:
        raise DataError(
            f"{absent[0]}: no query of {evaluation.data.name} has this file name; one is {next(iter(places))}"
        )
    lonely = [name for name in names if evaluation.ranking.first[places[name]] < 0]
    if lonely:
        raise DataError(
            f"{lonely[0]}: nobody in the gallery of {evaluation.data.name} matches it; name another query"
        )
    return np.array([places[name] for name in names], np.int64)
