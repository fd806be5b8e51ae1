"""Reads what the sink `recording` wrote: of a finished run, a killed one, or one that still goes on."""

from __future__ import annotations

import heapq
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from pipeline.errors import RecordingError
from pipeline.frames import CameraInfo
from pipeline.recordingfile import APPLICATION, COLUMNS, VERSION, Block, Int, file_of, joined, unpack
from reid.doubles import Doubles
from reid.tracklet_builder import view_qualities
from reid.tracklets import CameraId, FloatArray
from trackers.tracks import Detections

_MAKE_ONE = "a run makes one with --record, or with the sink {type: recording}"


@dataclass(frozen=True, slots=True, eq=False)
class RecordedFrame:
    """One frame: what the trackers were given, and what they made of it.

    Attributes:
        camera: its name.
        number: place among all frames and ends of the run; what happened first has the smaller one.
        index: `Frame.index`.
        time: s.
        detections: as the tracker was given them; embeddings rounded to half precision, as in the run itself.
        tracks: (K,) int64, ids of the confirmed tracks, rising.
        boxes: (K, 4) float32, their filtered boxes.
        matched: (K,) int64, the detection of each.
        ended: (E,) int64, ids of tracks that ended with this frame.
    """

    camera: CameraId
    number: int
    index: int
    time: float
    detections: Detections
    tracks: Int
    boxes: FloatArray
    matched: Int
    ended: Int

    @property
    def track_of(self) -> Int:
        """(N,) the track of each detection; 0 where it has none."""
        track_of = np.zeros(len(self.detections), np.int64)
        track_of[self.matched] = self.tracks
        return track_of


@dataclass(frozen=True, slots=True)
class RecordedEnd:
    """A camera was over; `number` as in `RecordedFrame`."""

    camera: CameraId
    number: int
    time: float


@dataclass(frozen=True, slots=True, eq=False)
class RecordedTrack:
    """Everything that was seen of one track: T observations, V of them embedded.

    Attributes:
        camera: its name.
        track: id.
        frames: (T,) int64, `Frame.index`.
        times: (T,) float64, s.
        boxes: (T, 4) float32, filtered boxes, x1 y1 x2 y2 in pixels of the frame.
        scores: (T,) float32.
        qualities: (T,) float32, as `reid.tracklet_builder.view_qualities`.
        views: (V,) int64, the observations that were embedded.
        embeddings: (V, D) float32 unit rows.
        doubles: as `reid.tracklets.Tracklet.doubles`.
    """

    camera: CameraId
    track: int
    frames: Int
    times: npt.NDArray[np.float64]
    boxes: FloatArray
    scores: FloatArray
    qualities: FloatArray
    views: Int
    embeddings: FloatArray
    doubles: frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class RecordedCrop:
    """A small picture of a track: JPEG of ``box``, in pixels of the frame."""

    frame: int
    time: float
    box: FloatArray
    jpeg: bytes


class Recording:
    """A recording as it is when it is opened; what a run adds afterwards is not seen. Never writes.

    Attributes:
        path: of the database.
        cameras: of the run, in its order.
        offsets: left and top of each camera's `roi`, px.
        finished: whether the run ended in order, so that nothing is missing.

    Args:
        path: the folder of a run, its folder ``recording``, or the file in it.

    Raises:
        RecordingError: if there is none, or the file is something else or damaged; from all methods too.
    """

    def __init__(self, path: Path) -> None:
        self.path = file_of(path)
        if not self.path.is_file():
            raise RecordingError(f"{self.path}: there is no recording; {_MAKE_ONE}")
        with self._guarded():
            self._database = sqlite3.connect(
                f"file:{quote(str(self.path.absolute()))}?mode=ro", uri=True, check_same_thread=False
            )
        try:
            with self._guarded():
                self._check_kind()
                self._read_cameras()
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._database.close()

    @property
    def seconds(self) -> float:
        """From the first to the last frame of the camera with the longest time between them."""
        spans = self._rows(
            "SELECT max(end) - min(start) FROM blocks WHERE id <= ? GROUP BY camera", (self._last_block,)
        )
        return max((float(span) for (span,) in spans), default=0.0)

    def frames(self, camera: CameraId) -> Iterator[RecordedFrame]:
        """The frames of one camera in the order of time; holds one block of them."""
        for block in self._blocks(camera):
            yield from _frames_of(camera, block)

    def events(self) -> Iterator[RecordedFrame | RecordedEnd]:
        """Frames and ends of all cameras in the order in which the run took them; holds one block a camera."""
        cameras = [self.frames(camera.name) for camera in self.cameras]
        return heapq.merge(*cameras, self._ends(), key=lambda event: event.number)

    def tracks(self, camera: CameraId) -> list[RecordedTrack]:
        """All tracks of one camera by rising id, without running a tracker; holds all of its embeddings."""
        blocks = list(self._blocks(camera))
        return _tracks_of(camera, joined(blocks)) if blocks else []

    def tracklets(self) -> Iterator[RecordedTrack]:
        """All tracks, camera by camera; holds one camera at a time."""
        for camera in self.cameras:
            yield from self.tracks(camera.name)

    def crops(self, camera: CameraId, track: int) -> list[RecordedCrop]:
        """The pictures that were kept of a track, in the order of time; none unless `crops` was set."""
        rows = self._rows(
            "SELECT frame, time, x1, y1, x2, y2, jpeg FROM crops WHERE camera = ? AND track = ? ORDER BY frame",
            (self._place(camera), track),
        )
        return [RecordedCrop(row[0], row[1], np.array(row[2:6], np.float32), row[6]) for row in rows]

    def _check_kind(self) -> None:
        (application,), (version,) = (
            self._database.execute(f"PRAGMA {key}").fetchone() for key in ("application_id", "user_version")
        )
        if application != APPLICATION:
            raise RecordingError(f"{self.path}: is a database, but no recording; {_MAKE_ONE}")
        if version != VERSION:
            raise RecordingError(
                f"{self.path}: was written by another version of the program (format {version}, this one reads "
                f"{VERSION}); read it with that version, or record again"
            )

    def _read_cameras(self) -> None:
        execute = self._database.execute
        (last,) = execute("SELECT max(id) FROM blocks").fetchone()
        self._last_block = last or 0
        self.finished = execute("SELECT 1 FROM run WHERE key = 'finished'").fetchone() is not None
        rows = execute("SELECT name, width, height, fps, live, x, y FROM cameras ORDER BY id").fetchall()
        self.cameras = [CameraInfo(CameraId(name), w, h, fps, bool(live)) for name, w, h, fps, live, _, _ in rows]
        self.offsets = {CameraId(row[0]): (int(row[5]), int(row[6])) for row in rows}
        # A run that was killed has no ends: there all cameras are over when nothing comes any more.
        self._end_rows = execute("SELECT camera, number, time FROM ends ORDER BY number").fetchall()

    def _ends(self) -> Iterator[RecordedEnd]:
        for place, number, time in self._end_rows:
            yield RecordedEnd(self.cameras[place].name, number, time)

    def _place(self, camera: CameraId) -> int:
        names = [known.name for known in self.cameras]
        if camera not in names:
            raise RecordingError(f"{self.path}: has no camera {camera!r}; it has: {', '.join(names)}")
        return names.index(camera)

    def _blocks(self, camera: CameraId) -> Iterator[Block]:
        rows = self._rows(
            f"SELECT id, {COLUMNS} FROM blocks WHERE camera = ? AND id <= ? ORDER BY id",  # noqa: S608 - our own
            (self._place(camera), self._last_block),
        )
        for number, *row in rows:
            try:
                block = unpack(row)
            except (ValueError, zlib.error, TypeError, IndexError) as error:
                raise RecordingError(f"{self.path}: block {number} is damaged ({error}); {_AGAIN}") from None
            yield block

    def _rows(self, statement: str, values: tuple[object, ...]) -> Iterator[Any]:
        with self._guarded():
            for row in self._database.execute(statement, values):  # noqa: UP028 - it would close the cursor later
                yield row

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise RecordingError(
                f"{self.path}: cannot be read: {error}; look at its rights, and copy the files beside it too"
            ) from None
        except sqlite3.DatabaseError as error:
            raise RecordingError(f"{self.path}: is not a recording, or damaged ({error}); {_AGAIN}") from None


_AGAIN = "restore it from a copy, or record again"


def _frames_of(camera: CameraId, block: Block) -> Iterator[RecordedFrame]:
    """The frames of a block, made at once."""
    looks = None
    if block.embeddings is not None:
        looks = np.zeros((len(block.boxes), block.embeddings.shape[1]), np.float32)
        looks[block.embedded] = block.embeddings
    embedded = None if looks is None else block.embedded
    found = Detections.of_frames(block.found.tolist(), block.boxes, block.scores, looks, embedded)
    ends, overs = np.cumsum(block.seen).tolist(), np.cumsum(block.over).tolist()
    place, gone = 0, 0
    columns = (block.number.tolist(), block.index.tolist(), block.time.tolist(), found, ends, overs)
    for number, index, time, detections, end, over in zip(*columns, strict=True):
        yield RecordedFrame(
            camera,
            number,
            index,
            time,
            detections,
            block.tracks[place:end],
            block.track_boxes[place:end],
            block.matched[place:end],
            block.ended[gone:over],
        )
        place, gone = end, over


def _tracks_of(camera: CameraId, block: Block) -> list[RecordedTrack]:
    """Every track of a camera from all that was recorded of it."""
    if len(block.tracks) == 0:
        return []
    detection = block.detection_rows()
    frame = np.repeat(np.arange(len(block)), block.seen)
    scores = block.scores[detection]
    qualities = _qualities(block, scores)
    look = np.where(block.embedded[detection], (np.cumsum(block.embedded) - 1)[detection], -1)
    dimension = 0 if block.embeddings is None else block.embeddings.shape[1]
    order = np.argsort(block.tracks, kind="stable")
    ids, starts = np.unique(block.tracks[order], return_index=True)
    doubles = _doubles(block)
    tracks = []
    for track, rows in zip(ids.tolist(), np.split(order, starts[1:]), strict=True):
        views = np.flatnonzero(look[rows] >= 0) if block.embeddings is not None else np.zeros(0, np.int64)
        embeddings = np.zeros((0, dimension), np.float32)
        if block.embeddings is not None:
            embeddings = block.embeddings[look[rows][views]].astype(np.float32)
        own = frame[rows]
        tracks.append(
            RecordedTrack(
                camera,
                track,
                block.index[own],
                block.time[own],
                block.track_boxes[rows],
                scores[rows],
                qualities[rows],
                views,
                embeddings,
                doubles.of(track),
            )
        )
    return tracks


def _doubles(block: Block) -> Doubles:
    doubles, start, tracks = Doubles(), 0, block.tracks.tolist()
    for end in np.cumsum(block.seen).tolist():
        doubles.see(tracks[start:end], block.track_boxes[start:end])
        start = end
    return doubles


def _qualities(block: Block, scores: FloatArray) -> FloatArray:
    """(K,) quality of each track row; frames with equally many tracks at once, in parts that fit the cache."""
    qualities = np.zeros(len(block.tracks), np.float32)
    starts = np.cumsum(block.seen) - block.seen
    for count in np.unique(block.seen[block.seen > 0]).tolist():
        firsts = starts[block.seen == count]
        for part in np.array_split(firsts, max(1, len(firsts) * count**2 // 100_000)):
            rows = part[:, None] + np.arange(count)
            qualities[rows] = view_qualities(block.track_boxes[rows], scores[rows])
    return qualities
