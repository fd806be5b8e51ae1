"""Erases a person from the recording of a run, so that the bytes are gone, and looks for them again."""

from __future__ import annotations

import sqlite3
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import OutputError, RecordingError
from pipeline.recording import Recording
from pipeline.recordingfile import APPLICATION, COLUMNS, FILE, FOLDER, SCHEMA, VERSION, Block, pack, unpack
from pipeline.sinks.base import writing
from reid.store_file import sidecar
from reid.store_forget import found_in, pieces_of

_SAME = 0.5  # IoU with the person's box from which on a detection that no track has is theirs
_AROUND = 1.0  # seconds before, between and after the person's boxes in which such detections are looked for
_GROWTH = 0.5  # of the nearest box, on each side, there; detections that lie in it by half or more go
_WAIT = 0.5  # seconds for another program that reads
_PIECES, _OF_BLOB = 100, 4  # pieces of bytes that are looked for, and of one blob

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Sightings:
    """One track: (T,) rising times [s], (T, 4) boxes x1 y1 x2 y2 [px]."""

    times: Floats
    boxes: Floats

    def shows(self, times: Floats, boxes: npt.NDArray[np.float32]) -> Mask:
        """(N,) which boxes (N, 4), seen at ``times`` (N,), are likely of this person."""
        where = np.searchsorted(self.times, times).clip(0, len(self.times) - 1)
        away = np.minimum(abs(self.times[where] - times), abs(self.times[(where - 1).clip(0)] - times))
        own = np.stack([np.interp(times, self.times, side) for side in self.boxes.T], axis=1)
        grown = own + _GROWTH * np.tile(own[:, 2:] - own[:, :2], 2) * (-1, -1, 1, 1)
        exact: Mask = (away == 0) & (_share(own, boxes, union=True) >= _SAME)
        around: Mask = (away > 0) & (away <= _AROUND) & (_share(grown, boxes, union=False) >= _SAME)
        return exact | around


class RecordedPerson:
    """A person in a recording. Memory: one block, and the boxes of their tracks.

    Args:
        folder: of the run; it has a recording.
        tracks: camera and track of the person.

    Raises:
        RecordingError: if the recording is damaged; in all methods.
        OutputError: if a run is writing it, or it may not be written; in all methods.
    """

    def __init__(self, folder: Path, tracks: Collection[tuple[str, int]]) -> None:
        self.path = folder / FOLDER / FILE
        with Recording(self.path) as recording:
            places = {str(camera.name): place for place, camera in enumerate(recording.cameras)}
        self._tracks: dict[int, list[int]] = {}
        for camera, track in sorted(tracks):
            if camera in places:
                self._tracks.setdefault(places[camera], []).append(track)
        with self._opened() as database:
            self._sightings = {place: self._seen(database, place) for place in self._tracks}
            self._pieces = self._telling_pieces(database)

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a run has a recording at all."""
        return (folder / FOLDER / FILE).exists()

    def found(self) -> dict[str, int]:
        """What there is of the person now, by what it is."""
        count: Counter[str] = Counter()
        with writing(self.path):
            present = {piece for file in self._files() for piece in found_in(file, self._pieces)}
        with self._opened() as database:
            for _, block, erased in self._affected(database):
                count["boxes of tracks"] += len(block.tracks) - len(erased.tracks)
                count["detections"] += len(block.boxes) - len(erased.boxes)
                count["embeddings"] += int(block.embedded.sum() - erased.embedded.sum())
                count["ends of tracks"] += len(block.ended) - len(erased.ended)
            count["crops"] = sum(1 for _ in self._crops(database))
            if not count.total():  # what lies in blocks and crops that are there is then somebody else's
                present = {piece for piece in present if not self._is_kept(database, piece)}
        count["pieces of embeddings and pictures in the file's bytes"] = len(present)
        return dict(count)

    def erase(self) -> None:
        """Write the file anew without the person, and put it in the old one's place at once.

        Needs as much free disk as the recording takes. What is not theirs is the same as before.
        """
        if not self._tracks:
            return
        part = self.path.with_name(f".{FILE}.part")
        try:
            with writing(part), self._opened() as database:
                part.unlink(missing_ok=True)
                # What a killed run has left in a log beside the file goes into it.
                database.execute("PRAGMA journal_mode = DELETE").fetchall()
                self._copy(database, part)
                part.chmod(self.path.stat().st_mode)
                part.replace(self.path)
            for ending in ("-wal", "-shm"):
                sidecar(self.path, ending).unlink(missing_ok=True)
        finally:
            part.unlink(missing_ok=True)

    def _copy(self, source: sqlite3.Connection, path: Path) -> None:
        (page,) = source.execute("PRAGMA page_size").fetchone()
        with closing(sqlite3.connect(path, isolation_level=None)) as target:
            target.execute(f"PRAGMA page_size = {page}")
            target.execute("PRAGMA journal_mode = OFF").fetchall()  # until it is complete, the old file is there
            target.executescript(
                f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; BEGIN; {SCHEMA}"
            )
            for table in ("run", "cameras", "ends"):
                _insert(target, table, source.execute(f"SELECT * FROM {table}"))  # noqa: S608 - our own
            _insert(target, "blocks", self._erased_rows(source))
            crops = source.execute("SELECT * FROM crops")
            _insert(target, "crops", (row for row in crops if row[1] not in self._tracks.get(row[0], ())))
            target.execute("COMMIT")

    def _erased_rows(self, database: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
        """All rows of blocks; those without the person as they are."""
        for number, *row in self._rows(database):
            block, erased = self._with_and_without(number, row)
            yield (number, *(row if block is erased or erased is None else pack(row[0], erased)))

    def _affected(self, database: sqlite3.Connection) -> Iterator[tuple[list[Any], Block, Block]]:
        """Row, block, and block without the person, where these differ."""
        for number, *row in self._rows(database):
            block, erased = self._with_and_without(number, row)
            if block is not None and erased is not None and block is not erased:
                yield row, block, erased

    def _with_and_without(self, number: int, row: list[Any]) -> tuple[Block | None, Block | None]:
        """A block as it is and as it must become, the same where nothing changes; None of cameras without them."""
        place = row[0]
        if place not in self._tracks:
            return None, None
        block = self._unpacked(number, row)
        return block, _without(block, self._tracks[place], self._sightings[place])

    def _seen(self, database: sqlite3.Connection, place: int) -> list[_Sightings]:
        """Where the person was at one camera, track by track."""
        own = self._tracks[place]
        parts: list[tuple[Any, ...]] = []
        for number, *row in self._rows(database, place):
            block = self._unpacked(number, row)
            theirs = np.isin(block.tracks, own)
            parts.append(
                (block.tracks[theirs], np.repeat(block.time, block.seen)[theirs], block.track_boxes[theirs])
            )
        if not parts:
            return []
        tracks, times, boxes = (np.concatenate(column) for column in zip(*parts, strict=True))
        return [
            _Sightings(times[tracks == track], boxes[tracks == track].astype(np.float64))
            for track in np.unique(tracks).tolist()
        ]

    def _telling_pieces(self, database: sqlite3.Connection) -> list[bytes]:
        """Pieces of bytes that go with the person, from all over the recording."""
        pieces: list[bytes] = []
        for row, _, erased in self._affected(database):
            new = pack(row[0], erased)
            for column in (_STATE, _EMBEDDINGS):
                kept = bytes(new[column])  # type: ignore[call-overload]
                pieces += _sample([piece for piece in _sample(pieces_of(row[column]), 64) if piece not in kept])
        for (jpeg,) in self._crops(database):
            pieces += _sample(pieces_of(jpeg))
        return _sample(dict.fromkeys(pieces), _PIECES)

    def _is_kept(self, database: sqlite3.Connection, piece: bytes) -> bool:
        query = """SELECT 1 FROM blocks WHERE instr(state, :piece) OR instr(embeddings, :piece)
            UNION ALL SELECT 1 FROM crops WHERE instr(jpeg, :piece) LIMIT 1"""
        return database.execute(query, {"piece": piece}).fetchone() is not None

    def _crops(self, database: sqlite3.Connection) -> Iterator[tuple[bytes]]:
        for place, tracks in self._tracks.items():
            for track in tracks:
                query = "SELECT jpeg FROM crops WHERE camera = ? AND track = ?"
                yield from database.execute(query, (place, track))

    def _rows(self, database: sqlite3.Connection, place: int | None = None) -> Iterator[Any]:
        only = "" if place is None else f"WHERE camera = {place}"
        return database.execute(f"SELECT id, {COLUMNS} FROM blocks {only} ORDER BY id")  # noqa: S608 - our own

    def _unpacked(self, number: int, row: list[Any]) -> Block:
        try:
            return unpack(row)
        except (ValueError, zlib.error, TypeError, IndexError) as error:
            raise RecordingError(
                f"{self.path}: block {number} is damaged ({error}); restore it from a copy, or delete the folder"
            ) from None

    def _files(self) -> list[Path]:
        every = [self.path, *(sidecar(self.path, ending) for ending in ("-wal", "-journal"))]
        return [file for file in every if file.exists()]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The database, to nobody else's use while a run may be writing it."""
        try:
            with closing(sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None)) as database:
                # A run keeps the database open in WAL mode, and so this mode cannot be had before it has ended.
                database.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
                database.execute("SELECT 1 FROM blocks LIMIT 1").fetchall()
                yield database
        except sqlite3.OperationalError as error:
            code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
            if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise OutputError(
                    f"{self.path}: a run writes to this recording, or another program reads it; wait for its end"
                ) from None
            raise OutputError(
                f"{self.path}: cannot be written anew: {error}; look at the disk's free space and the rights"
            ) from None
        except sqlite3.DatabaseError as error:
            raise RecordingError(
                f"{self.path}: damaged ({error}); restore it from a copy, or delete the folder"
            ) from None


def _named(name: str) -> int:
    return [column.strip() for column in COLUMNS.split(",")].index(name)


_STATE, _EMBEDDINGS = _named("state"), _named("embeddings")


def _without(block: Block, tracks: Collection[int], sightings: list[_Sightings]) -> Block:
    """A block without the tracks and their detections; the same object where there is nothing of them."""
    row_frame, detection_frame, end_frame = (
        np.repeat(np.arange(len(block)), counts) for counts in (block.seen, block.found, block.over)
    )
    kept_rows, kept_ends = (~np.isin(ids, list(tracks)) for ids in (block.tracks, block.ended))
    detection = block.detection_rows()
    free = np.ones(len(block.boxes), bool)
    free[detection] = False
    gone = np.zeros(len(block.boxes), bool)
    gone[detection[~kept_rows]] = True
    for track in sightings:
        near = np.flatnonzero(free)
        gone[near] |= track.shows(block.time[detection_frame[near]], block.boxes[near])
    if not gone.any() and kept_rows.all() and kept_ends.all():
        return block
    found, seen, over = (
        np.bincount(frame[kept], minlength=len(block)).astype(np.int64)
        for frame, kept in ((detection_frame, ~gone), (row_frame, kept_rows), (end_frame, kept_ends))
    )
    place = np.cumsum(~gone) - 1  # of each detection among those that stay
    matched = place[detection[kept_rows]] - (np.cumsum(found) - found)[row_frame[kept_rows]]
    return replace(
        block,
        found=found,
        seen=seen,
        over=over,
        boxes=block.boxes[~gone],
        scores=block.scores[~gone],
        embedded=block.embedded[~gone],
        tracks=block.tracks[kept_rows],
        track_boxes=block.track_boxes[kept_rows],
        matched=matched,
        ended=block.ended[kept_ends],
        embeddings=None if block.embeddings is None else block.embeddings[~gone[block.embedded]],
    )


def _share(own: Floats, boxes: npt.NDArray[np.float32], *, union: bool) -> Floats:
    """(N,) shared area of each box with its own (N, 4): of their union, or of the box."""
    sides = np.minimum(own[:, 2:], boxes[:, 2:]) - np.maximum(own[:, :2], boxes[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    area, other = (np.asarray(each[:, 2:] - each[:, :2], np.float64).prod(axis=1) for each in (boxes, own))
    share: Floats = shared / np.maximum(area + other - shared if union else area, 1e-9)
    return share


def _insert(target: sqlite3.Connection, table: str, rows: Iterator[Any] | sqlite3.Cursor) -> None:
    for row in rows:
        target.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - our own


def _sample(pieces: Any, most: int = _OF_BLOB) -> list[bytes]:
    """At most ``most`` of them, evenly."""
    every = list(pieces)
    return every[:: -(-len(every) // most)] if every else []
