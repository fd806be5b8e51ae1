"""Small pictures of each track, a few over its whole life."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from pipeline.frames import FrameResult, Image
from reid.tracklets import CameraId, FloatArray, TrackletKey
from trackers.tracks import Detections, TrackState

HEIGHT, QUALITY = 128, 80  # px at most; of JPEG
SPACING, MOST = 2.0, 8  # seconds between two pictures of a track at least; pictures a track


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A picture of one track: ``box`` (4,) is the detection in pixels of the frame."""

    camera: CameraId
    track: int
    frame: int
    time: float
    box: FloatArray
    jpeg: bytes

    @property
    def row(self) -> tuple[object, ...]:
        """As it stands in the table, without the camera."""
        return (self.track, self.frame, self.time, *(float(side) for side in self.box), self.jpeg)


@dataclass(slots=True)
class _Kept:
    """Of one track: the frames of its pictures, when the next one is due, seconds between them."""

    frames: list[int] = field(default_factory=list)
    due: float = -np.inf
    spacing: float = SPACING


class CropPicker:
    """Cuts out tracks now and then: `SPACING` apart at first.

    When a track has `MOST` pictures, every second one is dropped and the spacing doubles, so that they are spread
    over the whole track however long it gets. Memory: `MOST` numbers a live track, and the pictures since `take`.
    """

    def __init__(self) -> None:
        self._kept: dict[TrackletKey, _Kept] = {}
        self._crops: list[Crop] = []
        self._dropped: list[tuple[CameraId, int, int]] = []

    def look(self, result: FrameResult, found: Detections) -> None:
        """Cut out the tracks of a frame that are due."""
        if result.frame is None or result.frame.image.size == 0:
            return
        for track in result.tracks:
            if track.state is not TrackState.CONFIRMED or track.detection is None:
                continue
            kept = self._kept.setdefault(TrackletKey(result.camera, track.id), _Kept())
            if result.time < kept.due:
                continue
            box = found.boxes[track.detection]
            jpeg = jpeg_of(result.frame.image, box)
            if jpeg is None:
                continue
            self._make_room(result.camera, int(track.id), kept)
            self._crops.append(
                Crop(result.camera, int(track.id), result.frame.index, result.time, box.copy(), jpeg)
            )
            kept.frames.append(result.frame.index)
            kept.due = result.time + kept.spacing

    def take(self) -> tuple[list[Crop], list[tuple[CameraId, int, int]]]:
        """New pictures, and camera, track and frame of those to be deleted, since the last call."""
        crops, dropped = self._crops, self._dropped
        self._crops, self._dropped = [], []
        return crops, dropped

    def forget(self, camera: CameraId, tracks: Iterable[int]) -> None:
        """These tracks have ended."""
        for track in tracks:
            self._kept.pop(TrackletKey(camera, int(track)), None)

    def _make_room(self, camera: CameraId, track: int, kept: _Kept) -> None:
        if len(kept.frames) == MOST:
            self._dropped += [(camera, track, frame) for frame in kept.frames[1::2]]
            kept.frames = kept.frames[::2]
            kept.spacing *= 2


def jpeg_of(image: Image, box: FloatArray) -> bytes | None:
    """The box (4,) x1 y1 x2 y2 of a picture as JPEG, `HEIGHT` high at most; None where nothing of it is inside."""
    import cv2

    height, width = image.shape[:2]
    left, top = np.maximum(np.floor(box[:2]), 0).astype(int)
    right, bottom = np.minimum(np.ceil(box[2:]), (width, height)).astype(int)
    if right <= left or bottom <= top:
        return None
    part = image[top:bottom, left:right]
    if len(part) > HEIGHT:
        size = max(1, round(part.shape[1] * HEIGHT / len(part))), HEIGHT
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    encoded, data = cv2.imencode(".jpg", np.ascontiguousarray(part), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes() if encoded else None
