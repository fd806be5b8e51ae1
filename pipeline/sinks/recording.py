"""The recording: all that trackers and linker were given, so that they can run again without video and models."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from pipeline.errors import OutputError
from pipeline.frames import CameraInfo, FrameResult
from pipeline.recordingfile import (
    APPLICATION,
    FILE,
    FOLDER,
    INSERT,
    NO_EMBEDDER,
    SCHEMA,
    VERSION,
    Array,
    Block,
    pack,
)
from pipeline.sinks.base import SinkSite, writing
from pipeline.sinks.crops import Crop, CropPicker
from reid.tracklets import CameraId
from trackers.tracks import Detections, Track, TrackState

_PAGE = 1024  # bytes; a block fills its last page by half on average


class RecordingSettings(BaseModel, frozen=True, extra="forbid"):
    """recording/: boxes, scores, embeddings and times, from which `run.py replay` decides again without video."""

    type: Literal["recording"] = "recording"
    interval: float = Field(
        1.0, gt=0, le=60, description="Seconds that are written at a time, and at most lost by a kill -9."
    )
    crops: bool = Field(
        False, description="Also keep small pictures of each track: at most 8, 128 px high, 2 s apart or more."
    )

    def build(self, site: SinkSite) -> RecordingSink:
        """A sink that writes into the output folder."""
        return RecordingSink(self, site)


class RecordingSink:
    """Writes recording/recording.db (`pipeline.recordingfile`).

    Each `interval` what has come of all cameras is written in one transaction: what is on disk is the run from its
    beginning to one moment, whatever happens to the program. It is counted by the cameras' clock and, with a live
    camera, by the computer's too, so that a camera that stands still does not hold up the others. Readers may look
    on meanwhile. Memory: `interval` seconds of detections, 2 D bytes an embedding;
    with crops 8 numbers a live track and the JPEGs of `interval`.

    Raises:
        OutputError: if the disk is full or the file cannot be written.
    """

    def __init__(self, settings: RecordingSettings, site: SinkSite) -> None:
        self._path, self._interval = site.output / FOLDER / FILE, settings.interval
        self._pending = {camera.name: _Pending(place) for place, camera in enumerate(site.cameras)}
        self._crops = CropPicker() if settings.crops else None
        self._offsets: dict[CameraId, tuple[int, int]] = {}
        self._ends: dict[CameraId, tuple[int, float]] = {}
        self._number = 0
        self._written, self._live = time.monotonic(), any(camera.live for camera in site.cameras)
        with writing(self._path), self._guarded():
            self._path.parent.mkdir(exist_ok=True)
            self._database = _created(self._path, site.cameras)

    def write(self, result: FrameResult) -> None:
        """Keep one result; write when it is time to."""
        if result.frame is None:
            if result.camera not in self._ends:
                self._ends[result.camera] = self._number, result.time
                self._number += 1
            self._forget_ended(result)
            return
        found = Detections.empty() if result.detections is None else result.detections
        if self._is_due(self._pending[result.camera], result.time, _dimension(found)):
            self._flush()
        if result.camera not in self._offsets:
            self._offsets[result.camera] = result.frame.offset
        self._pending[result.camera].add(result.frame.index, self._number, result.time, found, result.tracks)
        self._number += 1
        if self._crops is not None:
            self._crops.look(result, found)
        self._forget_ended(result)

    def close(self) -> None:
        """Write what is left and make the file a single one, which can be read from a read-only disk too."""
        with self._guarded():
            try:
                self._flush()
                with self._database as database:
                    database.execute("INSERT INTO run VALUES ('finished', '1')")
                with suppress(sqlite3.OperationalError):  # somebody reads it: complete, but it stays in two parts
                    self._database.execute("PRAGMA journal_mode = DELETE")
            finally:
                self._database.close()

    def _is_due(self, pending: _Pending, now: float, dimension: int) -> bool:
        if self._live and time.monotonic() - self._written >= self._interval:
            return True
        return bool(pending) and (now - pending.start >= self._interval or pending.dimension != dimension)

    def _flush(self) -> None:
        """Everything that waits, in one transaction."""
        with self._guarded(), self._database as database:
            for camera, (x, y) in self._offsets.items():
                if (x, y) != (0, 0):
                    database.execute("UPDATE cameras SET x = ?, y = ? WHERE name = ?", (x, y, camera))
            for name, pending in self._pending.items():
                if pending:
                    database.execute(INSERT, pack(pending.camera, pending.block()))
                    self._pending[name] = _Pending(pending.camera)
            for camera, (number, moment) in self._ends.items():
                place = self._pending[camera].camera
                database.execute("INSERT OR IGNORE INTO ends VALUES (?, ?, ?)", (place, number, moment))
            if self._crops is not None:
                self._write_crops(database, *self._crops.take())
        self._written = time.monotonic()

    def _write_crops(
        self, database: sqlite3.Connection, crops: Sequence[Crop], dropped: Sequence[tuple[CameraId, int, int]]
    ) -> None:
        rows = [(self._pending[crop.camera].camera, *crop.row) for crop in crops]
        database.executemany("INSERT INTO crops VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        gone = [(self._pending[camera].camera, track, frame) for camera, track, frame in dropped]
        database.executemany("DELETE FROM crops WHERE camera = ? AND track = ? AND frame = ?", gone)

    def _forget_ended(self, result: FrameResult) -> None:
        if self._crops is not None:
            ended = [track.id for track in result.tracks if track.state is TrackState.ENDED]
            self._crops.forget(result.camera, ended)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise OutputError(
                f"{self._path}: cannot be written: {error}; look at the disk's free space and the rights"
            ) from None


class _Pending:
    """What waits of one camera; ``camera`` is its row in the table of cameras."""

    def __init__(self, camera: int) -> None:
        self.camera = camera
        self.dimension, self.start = NO_EMBEDDER, 0.0
        self._frames: list[tuple[int, int, float, int, int, int]] = []
        self._boxes: list[Array] = []
        self._scores: list[Array] = []
        self._embedded: list[Array] = []
        self._looks: list[Array] = []
        self._tracks: list[tuple[int, int]] = []
        self._track_boxes: list[Array] = []
        self._ended: list[int] = []

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, index: int, number: int, now: float, found: Detections, tracks: Sequence[Track]) -> None:
        """Take one frame; copies what it keeps."""
        if not self._frames:
            self.start, self.dimension = now, _dimension(found)
        seen = [track for track in tracks if track.state is TrackState.CONFIRMED and track.detection is not None]
        ended = [int(track.id) for track in tracks if track.state is TrackState.ENDED]
        self._frames.append((index, number, now, len(found), len(seen), len(ended)))
        self._boxes.append(np.asarray(found.boxes, np.float32))
        self._scores.append(np.asarray(found.scores, np.float32))
        if found.embeddings is None or found.embedded is None:
            self._embedded.append(np.zeros(len(found), bool))
        else:
            self._embedded.append(found.embedded)
            self._looks.append(found.embeddings[found.embedded].astype(np.float16))
        self._tracks += [(int(track.id), int(track.detection or 0)) for track in seen]
        self._track_boxes += [track.box for track in seen]
        self._ended += ended

    def block(self) -> Block:
        """All that waits."""
        index, number, moment, found, seen, over = zip(*self._frames, strict=True)
        tracks = np.array(self._tracks, np.int64).reshape(-1, 2)
        return Block(
            np.array(index, np.int64),
            np.array(number, np.int64),
            np.array(moment, np.float64),
            np.array(found, np.int64),
            np.array(seen, np.int64),
            np.array(over, np.int64),
            np.concatenate(self._boxes),
            np.concatenate(self._scores),
            np.concatenate(self._embedded),
            tracks[:, 0],
            np.array(self._track_boxes, np.float32).reshape(-1, 4),
            tracks[:, 1],
            np.array(self._ended, np.int64),
            np.concatenate(self._looks) if self._looks else None,
        )


def _dimension(found: Detections) -> int:
    return NO_EMBEDDER if found.embeddings is None else int(found.embeddings.shape[1])


def _created(path: Path, cameras: Sequence[CameraInfo]) -> sqlite3.Connection:
    """A new recording of these cameras; what lay there is replaced."""
    for old in (path, path.with_name(f"{FILE}-wal"), path.with_name(f"{FILE}-shm")):
        old.unlink(missing_ok=True)
    database = sqlite3.connect(path, check_same_thread=False)
    database.execute(f"PRAGMA page_size = {_PAGE}")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.executescript(f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; {SCHEMA}")
    rows = [
        (place, camera.name, camera.width, camera.height, camera.fps, int(camera.live), 0, 0)
        for place, camera in enumerate(cameras)
    ]
    with database:
        database.executemany("INSERT INTO cameras VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return database
