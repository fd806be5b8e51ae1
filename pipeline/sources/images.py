"""A folder of pictures, in natural order of their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import SourceError
from pipeline.frames import CameraInfo, Frame, Image
from pipeline.sources.base import CameraSettings
from pipeline.sources.closing import Closer
from pipeline.sources.roi import crop, offset

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


class ImagesSource:
    """Every picture of a folder, ``fps`` a second from ``start`` (or 0) on.

    Args:
        settings: of the camera; ``fps`` is required.
        folder: exists.
        label: camera and place; begins every message.

    Raises:
        SourceError: if ``fps`` is not set, the folder holds no picture, the first one cannot be read, or ``roi``
            reaches outside of it.
    """

    def __init__(self, settings: CameraSettings, folder: Path, label: str) -> None:
        self._settings = settings
        self._label = label
        self._closer = Closer(lambda: None)
        try:
            self._paths = list_images(folder)
        except OSError as error:
            raise SourceError(f"{label}: cannot be read: {error.strerror}; check its rights") from None
        if not self._paths:
            raise SourceError(f"{label}: a folder without pictures ({', '.join(SUFFIXES)}); correct `source`")
        if settings.fps is None:
            raise SourceError(f"{label}: pictures carry no times; set `fps` for this camera, for example fps: 25")
        self._fps = settings.fps
        first = _read(self._paths[0], label)
        self._shape = first.shape
        height, width = crop(first, settings.roi, label).shape[:2]
        self._info = CameraInfo(settings.name, width, height, self._fps, live=False, frames=len(self._paths))

    @property
    def info(self) -> CameraInfo:
        """Name, size, rate and kind."""
        return self._info

    def frames(self) -> Iterator[Frame]:
        """Yield every picture; to be called once.

        Raises:
            SourceError: at a picture that cannot be read or is not as large as the first.
        """
        start = self._settings.start or 0.0
        roi = self._settings.roi
        with self._closer.reading():
            for index, path in enumerate(self._paths):
                if self._closer.closed:
                    return
                image = _read(path, self._label)
                if image.shape != self._shape:
                    raise SourceError(
                        f"{self._label}: {path.name} is {_size(image.shape)}, the pictures before it are "
                        f"{_size(self._shape)}; put pictures of another size into a folder of their own"
                    )
                image = crop(image, roi, self._label)
                yield Frame(self._info.name, index, start + index / self._fps, image, offset(roi))

    def close(self) -> None:
        """End `frames` at its next picture."""
        self._closer.close()


def list_images(folder: Path) -> list[Path]:
    """The pictures of a folder (hidden files left out), so that 2.jpg comes before 10.jpg."""
    images = [
        path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]
    return sorted(images, key=lambda path: (_natural(path.name), path.name))


def _natural(name: str) -> list[tuple[int, str]]:
    """Text and numbers of a name, the numbers by their value."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name.casefold())]


def _read(path: Path, label: str) -> Image:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise SourceError(f"{label}: {path.name} cannot be read: {error.strerror}") from None
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise SourceError(f"{label}: {path.name} is not a picture that can be read; replace or remove it")
    return image.astype(np.uint8, copy=False)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} wide and {shape[0]} high"
