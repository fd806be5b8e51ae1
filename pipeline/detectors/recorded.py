"""Detections read from files: for runs without a model, for published detections, and for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from pipeline.detectors.boxes import inside_image
from pipeline.errors import ConfigError
from pipeline.frames import Frame
from pipeline.motfile import MotRows, read_mot
from reid.tracklets import CameraId
from trackers.tracks import Detections


class RecordedSettings(BaseModel, frozen=True, extra="forbid"):
    """Detections from MOTChallenge files, one a camera."""

    type: Literal["recorded"] = Field(
        "recorded", description="Read detections from files instead of finding them."
    )
    folder: Path = Field(
        description="Folder with <camera>.txt or <camera>/det/det.txt: MOT rows in pixels of the source frame."
    )
    confidence: float = Field(
        0.1, ge=0, description="Lowest score (column 7) of a detection that is used; trackers have own thresholds."
    )

    def build(self) -> RecordedDetector:
        """The detector.

        Raises:
            ConfigError: if the folder does not exist.
        """
        return RecordedDetector(self)


class RecordedDetector:
    """Gives the rows of ``<camera>.txt`` whose frame number is `Frame.index` + 1.

    A file is read by `read`, or when its camera's first frame comes, and then held: 64 bytes a row. Rows of
    another class than pedestrian are left out; scores above 1 become 1.

    Raises:
        ConfigError: if the folder does not exist or may not be looked into; from `read` and `detect`, if a camera
            has no file or a line of it is wrong.
    """

    def __init__(self, settings: RecordedSettings) -> None:
        self._settings = settings
        self._rows: dict[CameraId, MotRows] = {}
        if not _is(settings.folder, Path.is_dir):
            raise ConfigError(
                f"{settings.folder}: no such folder of recorded detections; set detector.folder to the folder "
                "that holds <camera>.txt"
            )

    def read(self, cameras: Iterable[CameraId]) -> None:
        """Read the files of these cameras now, so that what is wrong with them shows before a run begins.

        Raises:
            ConfigError: if a camera has no file or a line of it is wrong.
        """
        self._rows.update({camera: self._read(camera) for camera in cameras})

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """See `pipeline.detectors.base.Detector`."""
        return [self._of(frame) for frame in frames]

    def close(self) -> None:
        """Forget what was read; it is read again when needed."""
        self._rows.clear()

    def _of(self, frame: Frame) -> Detections:
        if frame.camera not in self._rows:
            self._rows[frame.camera] = self._read(frame.camera)
        rows = self._rows[frame.camera]
        start, stop = np.searchsorted(rows.frame, [frame.index + 1, frame.index + 2])
        boxes = rows.xyxy[start:stop] - np.tile(frame.offset, 2)
        scores = np.minimum(rows.score[start:stop], 1.0)
        return inside_image(boxes.astype(np.float32), scores.astype(np.float32), frame.image.shape[:2])

    def _read(self, camera: CameraId) -> MotRows:
        """The rows of a camera that are used, by frame."""
        folder = self._settings.folder
        places = (folder / f"{camera}.txt", folder / camera / "det" / "det.txt")
        path = next((place for place in places if _is(place, Path.is_file)), None)
        if path is None:
            raise ConfigError(
                f"{places[0]}: no such file, so camera {camera!r} has no recorded detections; name a file of MOT "
                "rows after the camera, or set detector.folder"
            )
        rows = read_mot(path, error=ConfigError)
        rows = rows.select(rows.pedestrian & (rows.score >= self._settings.confidence))
        return rows.select(np.argsort(rows.frame, kind="stable"))


def _is(path: Path, kind: Callable[[Path], bool]) -> bool:
    """Whether a path is a file or folder; the user is told what keeps the program from looking."""
    try:
        return kind(path)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be looked at: {error.strerror}; correct detector.folder or its rights"
        ) from None
