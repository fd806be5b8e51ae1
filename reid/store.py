"""The identity store: people, tracklets, embeddings and decisions of all runs in one bounded SQLite file."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reid.errors import StoreError
from reid.identity_map import IdentityMap
from reid.store_file import Lock, connect, explained
from reid.store_retention import Retention
from reid.store_schema import (
    PUT_EMBEDDINGS,
    PUT_TRACKLET,
    READ_TRACKLETS,
    embedding_row,
    evidence_of,
    read_tracklets,
    tracklet_row,
)
from reid.tracklets import IdentityId, Link, LinkKind, Tracklet, TrackletKey

_RESERVED = 100  # identities that are promised to a run before it needs them
_CHUNK = 16  # tracklets in one transaction, so that the log's size can be bounded
_DECISIONS = 500  # in one transaction
_BACKLOG = 20_000  # decisions and tracklets that wait for a reader to let go of the log
_SYNC = 10.0  # seconds between copies of the log into the file: what a power cut can cost
_MOST_RUNS = 10_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What the store keeps of a run.

    Attributes:
        folder: where its files are.
        config: a digest of its configuration.
        embedder: a mark of what made its embeddings; only those with the same mark can be compared.
    """

    folder: str
    config: str = ""
    embedder: str = ""


class IdentityStore:
    """One run's access to a store. Each `write` is committed when it returns.

    A killed process loses nothing that `write` has returned for. A power cut or a crash of the system may take the
    last `_SYNC` seconds; the file stays sound. Memory: what cannot be written while a reader holds the log, up to
    `_BACKLOG` entries.

    Args:
        path: of the file; made if it is absent.
        run: who writes.
        retention_days: tracklets that ended so much before the newest time written are removed.
        max_mb: bound on the file and its log, in 10^6 bytes, at least 8.

    Raises:
        StoreError: in all methods; names the file and the remedy.
    """

    def __init__(self, path: Path, run: RunInfo, *, retention_days: float = 30.0, max_mb: float = 1000.0) -> None:
        self.path, self._info = path, run
        self._undecided = IdentityMap()  # tracklets that were linked, but have not come yet
        self._links: list[Link] = []
        self._tracklets: dict[TrackletKey, Tracklet] = {}
        self._held = self._closed = False
        self._lock = Lock(path)
        try:
            self._db = connect(path, write=True)
            with explained(path):
                self._check_after_crash()
                self._retention = Retention(self._db, path, retention_days, max_mb)
                self.run = self._begin()
        except BaseException:
            if hasattr(self, "_db"):
                self._db.close()
            self._lock.release()
            raise
        self._synced = time.monotonic()

    @property
    def next_identity(self) -> IdentityId:
        """The first number that was never given to anybody in any run."""
        return IdentityId(self._next)

    def known(self, identities: int, tracklets: int) -> dict[IdentityId, list[Tracklet]]:
        """People of earlier runs whose embeddings can be compared with this run's.

        Args:
            identities: at most so many, those who were seen last.
            tracklets: at most so many of each, the latest.

        Returns:
            Their tracklets by rising start, by rising identity.
        """
        query = f"""
            WITH own AS (SELECT t.id, t.identity, t.end_time FROM tracklets t JOIN runs r ON r.id = t.run
                    WHERE r.embedder = :embedder),
                latest AS (SELECT identity FROM own GROUP BY identity
                    ORDER BY max(end_time) DESC, identity LIMIT :identities),
                ranked AS (SELECT id, row_number() OVER (PARTITION BY identity ORDER BY end_time DESC, id) AS place
                    FROM own WHERE identity IN latest)
            {READ_TRACKLETS} JOIN ranked ON ranked.id = t.id WHERE ranked.place <= :tracklets
            ORDER BY t.identity, t.start_time, t.id
        """  # noqa: S608 - our own names
        values = {"embedder": self._info.embedder, "identities": identities, "tracklets": tracklets}
        found: dict[IdentityId, list[Tracklet]] = {}
        with explained(self.path):
            for identity, tracklet in read_tracklets(self._db.execute(query, values)):
                found.setdefault(IdentityId(identity), []).append(tracklet)
        return found

    def last_time(self) -> float | None:
        """The latest end of a tracklet of an earlier run [s]; None if there is none."""
        with explained(self.path):
            found = self._db.execute("SELECT max(end_time) FROM tracklets WHERE run < ?", (self.run,)).fetchone()
        return None if found[0] is None else float(found[0])

    def strangers(self) -> int:
        """How many people were embedded by something else, so that they cannot be recognised."""
        query = (
            "SELECT count(DISTINCT t.identity) FROM tracklets t JOIN runs r ON r.id = t.run WHERE r.embedder <> ?"
        )
        with explained(self.path):
            return int(self._db.execute(query, (self._info.embedder,)).fetchone()[0])

    def learned(self) -> dict[str, Any]:
        """What the last run with this embedder learned of the site; empty if there was none."""
        query = "SELECT kind, value FROM learned WHERE embedder = ?"
        with explained(self.path):
            rows = self._db.execute(query, (self._info.embedder,)).fetchall()
        return {kind: json.loads(value) for kind, value in rows}

    def save_learned(self, learned: Mapping[str, Any]) -> None:
        """Replace what was learned, kind by kind."""
        rows = [(self._info.embedder, kind, json.dumps(value)) for kind, value in learned.items()]
        with explained(self.path), self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO learned VALUES (?, ?, ?)", rows)

    def write(
        self,
        now: float,
        links: Sequence[Link],
        tracklets: Sequence[Tracklet],
        in_view: Collection[TrackletKey] = (),
    ) -> None:
        """Store decisions and tracklets; remove what is too old or too much.

        Args:
            now: time of the cameras [s].
            links: in the order of deciding.
            tracklets: as they are now; those with `TrackletKey.run` 0 are of this run.
            in_view: tracklets of this run that are not over: they are never removed.
        """
        self._links += links
        self._tracklets |= {tracklet.key: tracklet for tracklet in tracklets}
        with explained(self.path):
            self._flush(in_view)
            self._retention.by_time(now, self._own(in_view))
            if time.monotonic() - self._synced > _SYNC:
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
                self._synced = time.monotonic()

    def close(self) -> None:
        """Finish the run; may be called twice."""
        if self._closed:
            return
        self._closed = True
        try:
            with explained(self.path):
                self._flush(())
                with self._transaction():
                    now = time.time()
                    self._db.execute("UPDATE runs SET finished = ? WHERE id = ?", (now, self.run))
                    self._reserve(0)
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._db.close()
            self._lock.release()

    # The start of a run.

    def _check_after_crash(self) -> None:
        """A run that did not come to its end may have met a power cut: only then is the whole file read."""
        open_runs = "SELECT 1 FROM runs WHERE finished IS NULL AND id = (SELECT max(id) FROM runs)"
        if self._db.execute(open_runs).fetchone() is None:
            return
        fault = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if fault != "ok":
            raise sqlite3.DatabaseError(fault)

    def _begin(self) -> int:
        info = self._info
        with self._transaction():
            row = self._db.execute("SELECT value FROM meta WHERE key = 'next_identity'").fetchone()
            self._next = 1 if row is None else int(row[0])
            values = (time.time(), info.folder, info.config, info.embedder)
            added = self._db.execute(
                "INSERT INTO runs (started, folder, config, embedder) VALUES (?, ?, ?, ?)", values
            )
            self._reserve(_RESERVED)
            self._db.execute(
                "DELETE FROM runs WHERE id IN (SELECT id FROM runs ORDER BY id DESC LIMIT -1 OFFSET ?) AND id "
                "NOT IN (SELECT run FROM tracklets UNION SELECT run FROM events UNION SELECT run FROM identities)",
                (_MOST_RUNS,),
            )
        return int(added.lastrowid or 0)

    def _reserve(self, count: int) -> None:
        """Numbers that the run may give before it writes the next time; after a kill they are left out."""
        self._reserved = self._next + count
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('next_identity', ?)", (self._reserved,))

    # Writing.

    def _flush(self, in_view: Collection[TrackletKey]) -> None:
        while self._links or self._tracklets:
            if not self._retention.room(self._own(in_view)):
                self._wait_for_reader()
                return
            links = self._links[:_DECISIONS]
            keys = [] if len(links) < len(self._links) else list(self._tracklets)[:_CHUNK]
            try:
                with self._transaction():
                    for link in links:
                        self._decide(link)
                    for key in keys:
                        self._put(self._tracklets[key])
                    if self._next + _RESERVED // 2 > self._reserved:
                        self._reserve(_RESERVED)
            except sqlite3.OperationalError as error:
                self._retention.refuse_if_full(error)
                raise
            del self._links[: len(links)]
            for key in keys:
                self._undecided.forget(key)
                del self._tracklets[key]
        self._held = False

    def _wait_for_reader(self) -> None:
        """The log is full and cannot be emptied: its entries are still read. What is to be written waits."""
        if not self._held:
            log.warning("%s: another program reads it and keeps its log from being emptied; waiting", self.path)
            self._held = True
        if len(self._links) + len(self._tracklets) > _BACKLOG:
            raise StoreError(
                f"{self.path}: another program has read it for so long that nothing more could be written within "
                "max_mb; close that program, or raise max_mb"
            )

    def _decide(self, link: Link) -> None:
        """Log a decision, and change the tracklets that are stored already."""
        self._next = max(self._next, link.identity + 1)
        run, camera, track = self._row_key(link.key)
        self._db.execute(
            "INSERT INTO events (run, time, kind, tracklet_run, camera, track, identity, previous, evidence) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self.run,
                link.time,
                link.kind.value,
                run,
                camera,
                track,
                link.identity,
                link.previous,
                evidence_of(link),
            ),
        )
        self._db.execute("INSERT OR IGNORE INTO identities VALUES (?, ?)", (link.identity, self.run))
        self._undecided.apply(link)
        if link.kind is LinkKind.MERGE:
            change = (link.identity, link.previous)
            self._db.execute("UPDATE tracklets SET identity = ? WHERE identity = ?", change)
            self._db.execute("UPDATE merged SET identity = ? WHERE identity = ?", change)
            self._db.execute("INSERT OR REPLACE INTO merged (identity, previous) VALUES (?, ?)", change)
            self._db.execute("DELETE FROM identities WHERE id = ?", (link.previous,))
        else:
            self._db.execute(
                "UPDATE tracklets SET identity = ? WHERE run = ? AND camera = ? AND track = ?",
                (link.identity, run, camera, track),
            )

    def _put(self, tracklet: Tracklet) -> None:
        key = self._row_key(tracklet.key)
        stored = self._db.execute(
            "SELECT identity FROM tracklets WHERE run = ? AND camera = ? AND track = ?", key
        ).fetchone()
        identity = stored[0] if stored else self._undecided.get(tracklet.key)
        if identity is None:
            return  # its decision has been removed by age, or was never made
        row = self._db.execute(PUT_TRACKLET, tracklet_row(tracklet, key[0], identity)).fetchone()
        embeddings = embedding_row(tracklet, row[0])
        if embeddings is not None:
            self._db.execute(PUT_EMBEDDINGS, embeddings)

    def _row_key(self, key: TrackletKey) -> tuple[int, str, int]:
        return key.run or self.run, key.camera, key.track

    def _own(self, keys: Collection[TrackletKey]) -> set[tuple[int, str, int]]:
        return {self._row_key(key) for key in keys}

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
