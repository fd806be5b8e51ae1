"""A camera at this computer, through OpenCV (PyAV's packages are built without video4linux)."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from pipeline.errors import SourceError
from pipeline.frames import CameraInfo, Frame, Image
from pipeline.sources.base import CameraSettings
from pipeline.sources.clocks import LiveClock, check_no_start
from pipeline.sources.closing import Closer
from pipeline.sources.roi import crop, offset

_DEFAULT_FPS = 30.0  # where the driver does not say


class WebcamSource:
    """A webcam at wall-clock times.

    Args:
        settings: of the camera; ``fps`` is asked of the driver.
        device: number of the webcam, from 0.
        label: camera and device; begins every message.

    Raises:
        SourceError: if it cannot be opened or sends no picture, ``roi`` reaches outside the picture, or ``start``
            is set.
    """

    def __init__(self, settings: CameraSettings, device: int, label: str) -> None:
        check_no_start(settings, label)
        self._settings = settings
        self._label = label
        self._capture = cv2.VideoCapture(device)
        self._closer = Closer(self._capture.release)
        try:
            self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # older frames would only be late
            if settings.fps is not None:
                self._capture.set(cv2.CAP_PROP_FPS, settings.fps)
            height, width = crop(self._read(), settings.roi, label).shape[:2]
        except SourceError:
            self._capture.release()
            raise
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._info = CameraInfo(settings.name, width, height, fps if fps > 0 else _DEFAULT_FPS, live=True)

    @property
    def info(self) -> CameraInfo:
        """Name, size, rate and kind."""
        return self._info

    def frames(self) -> Iterator[Frame]:
        """Yield frames as they arrive, until `close`; to be called once.

        Raises:
            SourceError: if the webcam stops sending.
        """
        clock = LiveClock(self._info.fps)
        roi = self._settings.roi
        index = 0
        with self._closer.reading():
            while not self._closer.closed:
                image = crop(self._read(), roi, self._label)
                yield Frame(self._info.name, index, clock.time(None), image, offset(roi))
                index += 1

    def close(self) -> None:
        """Release the webcam; from another thread, `frames` ends at its next frame."""
        self._closer.close()

    def _read(self) -> Image:
        delivered, image = self._capture.read()
        if not delivered or image is None:
            raise SourceError(
                f"{self._label}: sends no picture; check its number, that it is plugged in, that you may use it "
                "and that no other program does"
            )
        return image.astype(np.uint8, copy=False)
