"""Erases a person from an identity store so that the bytes are gone, and looks for them again."""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reid.store_file import Lock, connect, explained, sidecar
from reid.tracklets import IdentityId, TrackletKey

ERASED = "(erased)"
_PIECE = 32  # bytes; small, because SQLite parts long values over pages
_PIECES = 200  # that are looked for, of all that there are
_TELLING = 8  # different numbers that a piece must have, so that it cannot stand there by chance


@dataclass(frozen=True, slots=True)
class Traces:
    """What a store holds of a person: rows by table, and how many pieces of the embeddings lie in the files."""

    rows: dict[str, int]
    pieces: int

    @property
    def none(self) -> bool:
        """Whether there is nothing."""
        return not self.pieces and not any(self.rows.values())


class Forgetting:
    """A person in a store that nobody else writes to. A context manager, which holds the store's lock.

    Args:
        path: of the store.
        identity: the present number of the person.

    Raises:
        StoreError: in all methods; also if a run is writing to the store.
    """

    def __init__(self, path: Path, identity: IdentityId) -> None:
        self._path, self._identity = path, identity
        self._lock = Lock(path)
        try:
            self._db = connect(path, write=True)
            with explained(path):
                self.numbers = frozenset(
                    {identity, *self._column("SELECT previous FROM merged WHERE identity = ?", identity)}
                )
                rows = self._db.execute("SELECT camera, track, run FROM tracklets WHERE identity = ?", (identity,))
                self.tracklets = frozenset(TrackletKey(*row) for row in rows)
                self._pieces = self._telling_pieces()
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Forgetting:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        self._lock.release()

    def traces(self) -> Traces:
        """What there is of the person now."""
        with explained(self._path):
            rows = {
                "tracklets": self._count("SELECT count(*) FROM tracklets WHERE identity = ?", self._identity),
                "embeddings": self._count(
                    "SELECT count(*) FROM embeddings JOIN tracklets t ON t.id = tracklet WHERE t.identity = ?",
                    self._identity,
                ),
                "identities": self._count("SELECT count(*) FROM identities WHERE id = ?", self._identity),
                "merged": self._count("SELECT count(*) FROM merged WHERE identity = ?", self._identity),
                "events": sum(1 for _ in self._events()),
            }
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            found = {piece for file in self._files() for piece in found_in(file, self._pieces)}
            return Traces(rows, sum(not self._is_somebody_else_s(piece) for piece in found))

    def erase(self) -> None:
        """Remove rows and bytes. Needs as much free disk as the store takes, while it works."""
        with explained(self._path), closing(self._db.cursor()) as db:
            db.execute("BEGIN IMMEDIATE")
            for id_, event in list(self._events()):
                if event is None:
                    db.execute("DELETE FROM events WHERE id = ?", (id_,))
                else:
                    db.execute(
                        "UPDATE events SET identity = ?, previous = ?, evidence = ? WHERE id = ?", (*event, id_)
                    )
            db.execute("DELETE FROM tracklets WHERE identity = ?", (self._identity,))  # and the embeddings
            db.execute("DELETE FROM identities WHERE id = ?", (self._identity,))  # and what was merged into it
            db.execute("COMMIT")
            for order in ("wal_checkpoint(TRUNCATE)", "incremental_vacuum"):
                db.execute(f"PRAGMA {order}").fetchall()
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _events(self) -> Iterator[tuple[int, tuple[Any, ...] | None]]:
        """Events that name the person: None for their own, else the event as it must become."""
        query = "SELECT id, tracklet_run, camera, track, identity, previous, evidence FROM events"
        for id_, run, camera, track, identity, previous, evidence in self._db.execute(query):
            if TrackletKey(camera, track, run) in self.tracklets:
                yield id_, None
                continue
            entry = {"identity": identity, "previous": previous, "evidence": json.loads(evidence)}
            if (scrubbed := without(entry, self.numbers)) != entry:
                changed = scrubbed["identity"], scrubbed["previous"], json.dumps(scrubbed["evidence"])
                yield id_, changed

    def _telling_pieces(self) -> list[bytes]:
        """Pieces of the person's embeddings, from all over them."""
        query = """SELECT e.mean, e.exemplars FROM embeddings e JOIN tracklets t ON t.id = e.tracklet
            WHERE t.identity = ? ORDER BY t.id"""
        rows = self._db.execute(query, (self._identity,))
        pieces = list(dict.fromkeys(piece for row in rows for blob in row for piece in pieces_of(blob)))
        return pieces[:: max(1, len(pieces) // _PIECES)]

    def _is_somebody_else_s(self, piece: bytes) -> bool:
        """Whether a piece lies in embeddings of others, such as two views that are equal in part."""
        query = """SELECT 1 FROM embeddings e JOIN tracklets t ON t.id = e.tracklet
            WHERE t.identity <> ? AND (instr(e.mean, ?) OR instr(e.exemplars, ?)) LIMIT 1"""
        return self._db.execute(query, (self._identity, piece, piece)).fetchone() is not None

    def _files(self) -> list[Path]:
        return [file for file in (self._path, sidecar(self._path, "-wal")) if file.exists()]

    def _count(self, query: str, *values: object) -> int:
        return int(self._db.execute(query, values).fetchone()[0])

    def _column(self, query: str, *values: object) -> list[Any]:
        return [row[0] for row in self._db.execute(query, values)]


def found_in(path: Path, pieces: Iterable[bytes]) -> list[bytes]:
    """Which of the pieces of bytes a file holds, wherever."""
    if not path.stat().st_size:
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return [piece for piece in pieces if content.find(piece) >= 0]


def without(entry: Any, numbers: Collection[int]) -> Any:
    """A decision as plain data, with a person's numbers taken out: null as a value, `ERASED` within a sentence."""
    if isinstance(entry, dict):
        return {key: _value_without(key, value, numbers) for key, value in entry.items()}
    if isinstance(entry, list):
        return [without(value, numbers) for value in entry]
    return _text_without(entry, numbers) if isinstance(entry, str) else entry


def _value_without(key: str, value: Any, numbers: Collection[int]) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        names_somebody = key in {"previous", "rival", "identity"} or key.endswith("_identity")
        return None if names_somebody and value in numbers else value
    if isinstance(value, list) and key in {"identities", "rivals", "previous"}:
        return [None if item in numbers else without(item, numbers) for item in value]
    return value if key in {"camera", "event", "kind"} else without(value, numbers)


def _text_without(text: str, numbers: Collection[int]) -> str:
    def hidden(match: re.Match[str]) -> str:
        return ERASED if int(match[0]) in numbers else match[0]

    return re.sub(r"(?<![\w.])\d+(?![\w]|\.\d)", hidden, text)


def pieces_of(blob: bytes) -> Iterator[bytes]:
    """The parts of a blob, 32 bytes each, that cannot well stand somewhere else by chance."""
    for start in range(0, len(blob) - _PIECE + 1, _PIECE):
        piece = blob[start : start + _PIECE]
        values = np.frombuffer(piece, "<u2")
        if len(np.unique(values[values != 0])) >= _TELLING:
            yield piece
