"""The file of a recording: an SQLite database of blocks, each about a second of one camera as packed arrays.

Tables: ``cameras``, ``blocks``, ``ends`` (when a camera was over), ``crops``, and ``run`` with the row
``finished`` once the run has ended in order. A block's ``state`` is zlib over its columns, each prepared so that
zlib finds something: numbers that rise are stored as differences, numbers of many bytes are taken apart into first
bytes, second bytes and so on, and a track's box is stored as what it has not in common with the detected one, bit
by bit. All of that is exact. ``embeddings`` are half precision, the only rounding there is.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FOLDER, FILE = "recording", "recording.db"
APPLICATION, VERSION = 0x48444F46, 1  # of the database: "HDOF"; rises when an older reader would misread a file

SCHEMA = """
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE cameras (id INTEGER PRIMARY KEY, name TEXT UNIQUE, width INTEGER, height INTEGER, fps REAL,
    live INTEGER, x INTEGER, y INTEGER);
CREATE TABLE blocks (id INTEGER PRIMARY KEY, camera INTEGER, first_frame INTEGER, last_frame INTEGER, start REAL,
    end REAL, frames INTEGER, detections INTEGER, embedded INTEGER, dimension INTEGER, tracks INTEGER,
    ended INTEGER, state BLOB, packed INTEGER, embeddings BLOB, checksum INTEGER);
CREATE INDEX blocks_of_camera ON blocks (camera, id);
CREATE TABLE ends (camera INTEGER PRIMARY KEY, number INTEGER, time REAL);
CREATE TABLE crops (camera INTEGER, track INTEGER, frame INTEGER, time REAL, x1 REAL, y1 REAL, x2 REAL, y2 REAL,
    jpeg BLOB, PRIMARY KEY (camera, track, frame));
"""
COLUMNS = (
    "camera, first_frame, last_frame, start, end, frames, detections, embedded, dimension, tracks, ended, state, "
    "packed, embeddings, checksum"
)

INSERT = f"INSERT INTO blocks ({COLUMNS}) VALUES ({', '.join('?' * len(COLUMNS.split(',')))})"  # noqa: S608
NO_EMBEDDER = -1  # dimension of detections that were given without embeddings
_WORTH = 0.95  # embeddings are packed if that makes them smaller than this share

Array = npt.NDArray[Any]
Int = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Successive frames of one camera: F frames, N detections, M of them embedded, K track rows, E ended tracks.

    Attributes:
        index: (F,) int64, `Frame.index`.
        number: (F,) int64, place of the frame among all frames and ends of the run.
        time: (F,) float64, s.
        found: (F,) int64, detections of each frame.
        seen: (F,) int64, confirmed tracks of each frame.
        over: (F,) int64, tracks that ended with each frame.
        boxes: (N, 4) float32, detected boxes, x1 y1 x2 y2 in pixels of the frame.
        scores: (N,) float32.
        embedded: (N,) bool.
        tracks: (K,) int64, ids.
        track_boxes: (K, 4) float32, filtered boxes.
        matched: (K,) int64, each track's detection, counted within its frame.
        ended: (E,) int64, ids.
        embeddings: (M, D) float16; None where detections came without.
    """

    index: Int
    number: Int
    time: npt.NDArray[np.float64]
    found: Int
    seen: Int
    over: Int
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    embedded: npt.NDArray[np.bool_]
    tracks: Int
    track_boxes: npt.NDArray[np.float32]
    matched: Int
    ended: Int
    embeddings: npt.NDArray[np.float16] | None

    def __len__(self) -> int:
        return len(self.index)

    def detection_rows(self) -> Int:
        """(K,) row of ``boxes`` that belongs to each track row."""
        return np.repeat(np.cumsum(self.found) - self.found, self.seen) + self.matched


def pack(camera: int, block: Block) -> tuple[object, ...]:
    """The row of a block, in the order of `COLUMNS`."""
    common = block.track_boxes.view(np.uint32) ^ block.boxes.view(np.uint32)[block.detection_rows()]
    columns: list[Array] = [
        _steps(block.index),
        _steps(block.number),
        _steps(block.time.view(np.int64)),
        block.found.astype(np.uint16),
        block.seen.astype(np.uint16),
        block.over.astype(np.uint16),
        block.boxes.T,
        block.scores,
        np.packbits(block.embedded),
        block.tracks.astype(np.uint32),
        common.T,
        block.matched.astype(np.uint16),
        block.ended.astype(np.uint32),
    ]
    state = zlib.compress(b"".join(_apart(column) for column in columns))
    plain = b"" if block.embeddings is None else block.embeddings.tobytes()
    smaller = zlib.compress(_apart(block.embeddings), 1) if block.embeddings is not None else b""
    packed = len(smaller) < _WORTH * len(plain)
    embeddings = smaller if packed else plain
    return (
        camera,
        int(block.index[0]),
        int(block.index[-1]),
        float(block.time[0]),
        float(block.time[-1]),
        len(block),
        len(block.boxes),
        int(block.embedded.sum()),
        NO_EMBEDDER if block.embeddings is None else block.embeddings.shape[1],
        len(block.tracks),
        len(block.ended),
        state,
        int(packed),
        embeddings,
        zlib.crc32(embeddings, zlib.crc32(state)),
    )


def unpack(row: Sequence[Any]) -> Block:
    """The block of a row.

    Raises:
        ValueError: if the row is damaged.
    """
    *_, frames, detections, embedded, dimension, tracks, ended, state, packed, embeddings, checksum = row
    if zlib.crc32(embeddings, zlib.crc32(state)) != checksum:
        raise ValueError("its checksum is wrong")
    columns = _Columns(zlib.decompress(state))
    index, number, time = (np.cumsum(columns.take(np.int64, frames)) for _ in range(3))
    found, seen, over = (columns.take(np.uint16, frames).astype(np.int64) for _ in range(3))
    boxes = columns.take(np.float32, 4, detections).T.copy()
    scores = columns.take(np.float32, detections)
    flags = np.unpackbits(columns.take(np.uint8, -(-detections // 8)), count=detections).astype(bool)
    ids = columns.take(np.uint32, tracks).astype(np.int64)
    common = columns.take(np.uint32, 4, tracks).T
    matched = columns.take(np.uint16, tracks).astype(np.int64)
    gone = columns.take(np.uint32, ended).astype(np.int64)
    looks = None
    if dimension != NO_EMBEDDER:
        if packed:
            looks = _Columns(zlib.decompress(embeddings)).take(np.float16, embedded, dimension)
        else:
            looks = np.frombuffer(embeddings, np.float16).reshape(embedded, dimension)
    rows = np.repeat(np.cumsum(found) - found, seen) + matched
    track_boxes = (common ^ boxes.view(np.uint32)[rows]).view(np.float32)
    return Block(
        index,
        number,
        time.view(np.float64),
        found,
        seen,
        over,
        boxes,
        scores,
        flags,
        ids,
        track_boxes,
        matched,
        gone,
        looks,
    )


def joined(blocks: Sequence[Block]) -> Block:
    """Successive blocks of one camera as one; all with an embedder of one dimension, or all without."""
    parts = {
        field.name: [getattr(block, field.name) for block in blocks]
        for field in fields(Block)
        if field.name != "embeddings"
    }
    looks = [block.embeddings for block in blocks if block.embeddings is not None]
    return Block(
        **{name: np.concatenate(arrays) for name, arrays in parts.items()},
        embeddings=np.concatenate(looks) if looks else None,
    )


def file_of(path: Path) -> Path:
    """The database that is meant by a run's folder, its folder ``recording``, or the file itself."""
    for place in (path / FOLDER / FILE, path / FILE):
        if place.is_file():
            return place
    return path / FOLDER / FILE if path.is_dir() and path.name != FOLDER else path


class _Columns:
    """Takes one column after another from the bytes of a state."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = np.frombuffer(data, np.uint8), 0

    def take(self, kind: Any, *shape: int) -> Array:
        width = np.dtype(kind).itemsize
        size = width * int(np.prod(shape))
        part = self._data[self._place : self._place + size]
        self._place += size
        together = np.ascontiguousarray(part.reshape(width, -1).T)
        column: Array = together.view(kind).reshape(shape)
        return column


def _steps(rising: Int) -> Int:
    """Differences from each number to the next, the first one from 0."""
    steps: Int = np.diff(rising, prepend=np.int64(0))
    return steps


def _apart(column: Array) -> bytes:
    """The first bytes of all numbers, then the second ones, and so on."""
    flat = np.ascontiguousarray(column).reshape(-1)
    return flat.view(np.uint8).reshape(len(flat), flat.itemsize).T.tobytes()
