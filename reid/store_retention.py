"""Keeps an identity store within its bounds: by time, and by bytes of the file together with its log."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Collection
from pathlib import Path

from reid.errors import StoreError
from reid.store_file import PAGE, pragma, sidecar

Key = tuple[int, str, int]  # run, camera, track

_LARGEST_LOG = 64_000_000  # bytes
_TRANSACTION = 1_000_000  # bytes that one transaction can add to the log, with room to spare
_BATCH = 48  # tracklets that are removed at once
_EVENTS = 500  # decisions that are removed at once
_SPARE = 0.05  # of the pages, but never less than one transaction needs, are kept free
_VACUUM = 128  # free pages that are given back at once
_DAY = 86400.0


class Retention:
    """Removes the oldest ended tracklets, the people who are left without any, and decisions as old.

    The bound on bytes is parted: a log of at most a quarter (`_LARGEST_LOG` at most), which is emptied before it
    would grow over that, and the rest for the file, which SQLite itself keeps from growing (max_page_count). Space
    of what was removed is used again; beyond a tenth of the file it is given back to the disk.
    """

    def __init__(self, db: sqlite3.Connection, path: Path, days: float, max_mb: float) -> None:
        self._db, self._path, self._seconds, self._max_mb = db, path, days * _DAY, max_mb
        total = int(max_mb * 1e6)
        self._most_log = min(total // 4, _LARGEST_LOG)
        self._most_pages = (total - self._most_log) // PAGE
        self._soft = self._most_pages - max(_SPARE * self._most_pages, _TRANSACTION // PAGE)
        self._pruned = -math.inf
        db.execute(f"PRAGMA wal_autocheckpoint = {min(1000, self._most_log // PAGE // 2)}")
        self._shrink()
        db.execute(f"PRAGMA max_page_count = {self._most_pages}").fetchall()

    def room(self, in_view: Collection[Key]) -> bool:
        """Make room for one transaction; False while a reader keeps the log from being emptied."""
        if self._log_is_full():
            return False
        while self._used() > self._soft and not self._log_is_full() and self._remove_oldest(in_view):
            pass
        return not self._log_is_full()

    def by_time(self, now: float, in_view: Collection[Key]) -> None:
        """Remove what ended longer than the retention before ``now`` [s]; looks once a minute of that time."""
        if abs(now - self._pruned) < min(60.0, self._seconds / 50):
            return
        limit = now - self._seconds
        while not self._log_is_full():
            if not self._remove_oldest(in_view, before=limit):
                self._pruned = now
                break
        self._give_back()

    def refuse_if_full(self, error: sqlite3.OperationalError) -> None:
        """Tell a bound that is too small for the people in view from a disk that is full.

        Raises:
            StoreError: if it is the bound.
        """
        full = (error.sqlite_errorcode & 0xFF) == sqlite3.SQLITE_FULL
        if full and self._used() > 0.8 * self._soft:
            raise StoreError(
                f"{self._path}: max_mb = {self._max_mb:g} is too small for the people in view; raise it"
            ) from None

    def _remove_oldest(self, in_view: Collection[Key], before: float = math.inf) -> int:
        """Remove a batch of the oldest tracklets that are over and ended before a time; returns their number."""
        rows = self._db.execute(
            "SELECT id, run, camera, track, identity, end_time FROM tracklets WHERE end_time < ? "
            "ORDER BY end_time, id LIMIT ?",
            (before, _BATCH + len(in_view)),
        ).fetchall()
        gone = [row for row in rows if tuple(row[1:4]) not in in_view][:_BATCH]
        newest = before if math.isfinite(before) else max((row[5] for row in gone), default=-math.inf)
        events = "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE time < ? ORDER BY time LIMIT ?)"
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("DELETE FROM tracklets WHERE id = ?", [(row[0],) for row in gone])
            self._db.executemany(
                "DELETE FROM identities WHERE id = ? AND NOT EXISTS "
                "(SELECT 1 FROM tracklets WHERE identity = identities.id)",
                [(identity,) for identity in sorted({row[4] for row in gone})],
            )
            removed = self._db.execute(events, (newest, _EVENTS)).rowcount
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return len(gone) + removed

    def _shrink(self) -> None:
        """Bring a file that was written under a larger bound under this one."""
        while self._used() > self._soft and not self._log_is_full() and self._remove_oldest(()):
            pass
        while pragma(self._db, "page_count") > self._most_pages and pragma(self._db, "freelist_count"):
            if self._log_is_full():
                break
            self._vacuum()
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _give_back(self) -> None:
        """Return free space to the disk where it is more than a tenth of the file, a little at a time."""
        if pragma(self._db, "freelist_count") > 0.1 * pragma(self._db, "page_count") and not self._log_is_full():
            self._vacuum()

    def _vacuum(self) -> None:
        self._db.executescript(f"PRAGMA incremental_vacuum({_VACUUM});")  # execute() would stop after one page

    def _used(self) -> int:
        return pragma(self._db, "page_count") - pragma(self._db, "freelist_count")

    def _log_is_full(self) -> bool:
        """Whether another transaction could take the log over its bound, after trying to empty it."""
        log = sidecar(self._path, "-wal")
        if not log.exists() or log.stat().st_size + _TRANSACTION <= self._most_log:
            return False
        waits = pragma(self._db, "busy_timeout")
        self._db.execute("PRAGMA busy_timeout = 0")  # a reader may take hours
        try:
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {waits}")
        return bool(busy)
