"""Questions to an identity store: who was seen, where, and who looks like a picture; also during a run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from reid.errors import StoreError
from reid.search import TopK
from reid.store_file import connect, explained
from reid.tracklets import FloatArray, IdentityId, TrackletKey

_ROWS = 2048  # tracklets whose embeddings are in memory at once


@dataclass(frozen=True, slots=True)
class Person:
    """One identity: first and last time seen [s], its cameras by name, and how many tracklets it has."""

    identity: IdentityId
    first: float
    last: float
    cameras: tuple[str, ...]
    tracklets: int


@dataclass(frozen=True, slots=True)
class Visit:
    """One stop of a route: a tracklet's key, and from when to when it was seen [s]."""

    key: TrackletKey
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run that has written to the store."""

    id: int
    started: float
    finished: float | None
    folder: Path
    config: str
    embedder: str


class StoreReader:
    """Reads a store; changes nothing. A context manager.

    Args:
        path: of the file.

    Raises:
        StoreError: in all methods; names the file and the remedy.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = connect(path, write=False)

    def __enter__(self) -> StoreReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextmanager
    def _asked(self) -> Iterator[sqlite3.Connection]:
        with explained(self.path):
            yield self._db

    def runs(self) -> list[StoredRun]:
        """All runs, the oldest first."""
        with self._asked() as db:
            rows = db.execute("SELECT id, started, finished, folder, config, embedder FROM runs ORDER BY id")
            return [StoredRun(row[0], row[1], row[2], Path(row[3]), *row[4:]) for row in rows]

    def people(self, camera: str | None = None, since: float | None = None) -> list[Person]:
        """Who was seen, by rising identity.

        Args:
            camera: only those whom this camera has seen.
            since: only those who were seen at this time [s] or later (in that camera).
        """
        query = """
            SELECT identity, min(start_time), max(end_time), count(*), json_group_array(DISTINCT camera)
            FROM tracklets WHERE identity IN (SELECT identity FROM tracklets
                WHERE (:camera IS NULL OR camera = :camera) AND (:since IS NULL OR end_time >= :since))
            GROUP BY identity ORDER BY identity"""
        with self._asked() as db:
            rows = db.execute(query, {"camera": camera, "since": since}).fetchall()
        return [Person(row[0], row[1], row[2], tuple(sorted(json_names(row[4]))), row[3]) for row in rows]

    def cameras(self) -> list[str]:
        """The names of all cameras that have seen anybody."""
        with self._asked() as db:
            return [row[0] for row in db.execute("SELECT DISTINCT camera FROM tracklets ORDER BY camera")]

    def present(self, identity: int) -> IdentityId:
        """The number that a person has now, after merges.

        Raises:
            StoreError: if nobody has or had this number.
        """
        with self._asked() as db:
            if db.execute("SELECT 1 FROM tracklets WHERE identity = ?", (identity,)).fetchone():
                return IdentityId(identity)
            row = db.execute("SELECT identity FROM merged WHERE previous = ?", (identity,)).fetchone()
        if row is None:
            raise StoreError(
                f"{self.path}: nobody in it has the identity {identity}; `run.py identities` lists who is in it"
            )
        return IdentityId(row[0])

    def route(self, identity: IdentityId) -> list[Visit]:
        """Where a person was, in order of time."""
        query = "SELECT camera, track, run, start_time, end_time FROM routes WHERE identity = ?"
        with self._asked() as db:
            return [Visit(TrackletKey(*row[:3]), row[3], row[4]) for row in db.execute(query, (identity,))]

    def alike(self, queries: FloatArray, embedder: str, k: int) -> list[list[tuple[IdentityId, float]]]:
        """The people most alike to some looks, by their best view; exact.

        Args:
            queries: (B, D) unit rows.
            embedder: the mark of what made them; people that something else has embedded are left out.
            k: how many people.

        Returns:
            For each query, identities and cosine distances, the nearest first.
        """
        search = TopK(queries, k)
        with self._asked():
            for labels, rows in self._embeddings(embedder, queries.shape[1]):
                search.add(rows, labels)
        return [
            [(IdentityId(identity), float(1 - product)) for identity, product in zip(ids, products, strict=True)]
            for ids, products in zip(*(part.tolist() for part in search.result()), strict=True)
        ]

    def _embeddings(self, embedder: str, dimension: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Identities (M,) and all their rows (M, D), in parts of whole people."""
        query = """
            SELECT t.identity, e.mean, e.exemplars FROM tracklets t JOIN embeddings e ON e.tracklet = t.id
            JOIN runs r ON r.id = t.run WHERE r.embedder = ? AND e.dimension = ? ORDER BY t.identity"""
        labels: list[np.ndarray] = []
        rows: list[np.ndarray] = []
        cursor = self._db.execute(query, (embedder, dimension))
        for identity, group in groupby(cursor, key=lambda row: row[0]):
            for _, mean, exemplars in group:
                rows.append(np.frombuffer(mean + exemplars, "<f2").reshape(-1, dimension))
                labels.append(np.full(len(rows[-1]), identity, np.int64))
            if len(rows) >= _ROWS:
                yield np.concatenate(labels), np.concatenate(rows)
                labels, rows = [], []
        if rows:
            yield np.concatenate(labels), np.concatenate(rows)


def json_names(text: str) -> list[str]:
    """A JSON list of names."""
    import json

    return [str(name) for name in json.loads(text)]
