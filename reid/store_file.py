"""The file of an identity store: opened, checked, locked; SQLite's errors in words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from reid.errors import StoreError
from reid.store_schema import APPLICATION, SCHEMA, VERSION

PAGE = 4096  # bytes
_WAIT = 5.0  # seconds for another program that writes


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an error of SQLite or of the disk into a StoreError that names the file and the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {_words(error, path)}") from error
    except OSError as error:
        raise StoreError(
            f"{path}: {error.strerror or error}; look at the path, its rights and the disk's free space"
        ) from error


def _words(error: sqlite3.Error, path: Path) -> str:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        remedy = f"move it away, or save what can be read: sqlite3 {path.name} .recover"
        return f"damaged, or no identity store ({error}); {remedy}"
    if code == sqlite3.SQLITE_FULL:
        return "the disk is full; free some space, or lower max_mb of the sink `store`"
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return f"cannot be opened for writing ({error}); look at the rights of the file and of its folder"
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return "another program has been writing to it for seconds; close that program"
    if code == sqlite3.SQLITE_IOERR:
        return f"cannot be read or written ({error}); look at the disk and its free space"
    return f"SQLite says: {error}; this may be a fault of the program, please report it"


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """Open a store; a new one is made where there is no file and ``write`` is set.

    Raises:
        StoreError: if it cannot be opened, is no store, or is of a newer version.
    """
    if not write and not path.is_file():
        raise StoreError(f"{path}: there is no such file; name an identities.db or the folder of a run")
    with explained(path):
        connection = _open(path, write=write)
        try:
            _check(connection, path, write=write)
        except BaseException:
            connection.close()
            raise
    return connection


def _open(path: Path, *, write: bool) -> sqlite3.Connection:
    if write:
        return sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
    address = f"file:{quote(str(path.absolute()))}"
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        address += "?mode=rw"  # who may write leaves no empty log behind
    elif sidecar(path, "-wal").exists():
        address += "?mode=ro"
    else:
        address += "?immutable=1"  # the index of the log, which a reader needs too, could not be made there
    connection = sqlite3.connect(address, timeout=_WAIT, isolation_level=None, uri=True)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _check(connection: sqlite3.Connection, path: Path, *, write: bool) -> None:
    application, version = pragma(connection, "application_id"), pragma(connection, "user_version")
    new = not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    if new and write and application == 0:
        _create(connection)
    elif application != APPLICATION:
        raise StoreError(f"{path}: is no identity store; choose another path for the sink `store`")
    elif version > VERSION:
        raise StoreError(
            f"{path}: was made by a newer version (format {version}, this one reads up to {VERSION}); update this "
            "program, or choose another path"
        )
    connection.execute("PRAGMA foreign_keys = ON")
    if write:
        # NORMAL: a commit reaches the system, so a killed process loses nothing; the disk is waited for only when
        # the log is copied into the file. FULL would wait at each commit, and a busy disk would hold cameras up.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")


def _create(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA page_size = {PAGE}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    marks = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
    connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} {marks} COMMIT;")  # a kill leaves all of it or nothing


def pragma(connection: sqlite3.Connection, name: str) -> int:
    """The number that a PRAGMA gives."""
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def sidecar(path: Path, ending: str) -> Path:
    """A file that belongs to a store, such as its log (-wal)."""
    return path.with_name(path.name + ending)


def files_of(path: Path) -> list[Path]:
    """The store's file and all that can lie beside it."""
    return [path, *(sidecar(path, ending) for ending in ("-wal", "-shm", "-journal", "-lock"))]


def size_of(path: Path) -> int:
    """Bytes of the file together with its log."""
    return sum(file.stat().st_size for file in (path, sidecar(path, "-wal")) if file.exists())


class Lock:
    """One writer for one store. The system takes the lock away with the process, however that ends.

    A file of its own: a second handle on the database would take SQLite's locks away when it is closed.
    """

    def __init__(self, path: Path) -> None:
        self._path = sidecar(path, "-lock")
        self._file: BinaryIO | None = None
        with explained(path):
            self._take(path)

    def _take(self, path: Path) -> None:
        import fcntl

        while self._file is None:
            file = self._path.open("ab")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                raise StoreError(
                    f"{path}: another run writes to this store; wait for its end, or choose another path"
                ) from None
            try:
                same = os.path.samestat(os.fstat(file.fileno()), self._path.stat())
            except FileNotFoundError:
                same = False
            if same:
                self._file = file
            else:  # the one before removed it in between
                file.close()

    def release(self) -> None:
        """Give the lock back; may be called twice."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None
