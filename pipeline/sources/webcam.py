"""A camera at this computer, through OpenCV (PyAV's packages are built without video4linux)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import cv2
import numpy as np

from pipeline.errors import SourceError
from pipeline.frames import CameraInfo, Frame, Image
from pipeline.sources.base import CameraSettings
from pipeline.sources.clocks import LiveClock, check_no_start
from pipeline.sources.closing import Closer
from pipeline.sources.roi import crop, offset
from pipeline.sources.stream import FIRST_WAIT, LONGEST_WAIT

_DEFAULT_FPS = 30.0  # where the driver does not say
_REMEDY = "check its number, that it is plugged in, that you may use it and that no other program does"

log = logging.getLogger(__name__)


class WebcamSource:
    """A webcam at wall-clock times.

    One that stops sending is opened again, with the waits of `StreamSource`. Pictures may then have another size
    (`info` keeps that of the first ones); `Frame.index` and the times go on.

    Args:
        settings: of the camera; ``fps`` is asked of the driver.
        device: number of the webcam, from 0.
        label: camera and device; begins every message.
        reconnect: for how many seconds after the last frame a webcam that was lost is tried again.

    Raises:
        SourceError: if it cannot be opened or sends no picture, ``roi`` reaches outside the picture, or ``start``
            is set.
    """

    def __init__(self, settings: CameraSettings, device: int, label: str, reconnect: float) -> None:
        check_no_start(settings, label)
        self._settings = settings
        self._device = device
        self._label = label
        self._reconnect = reconnect
        self._closer = Closer(self._release)
        self._capture = self._open()
        try:
            height, width = crop(self._read_first(), settings.roi, label).shape[:2]
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
            SourceError: if the webcam stopped sending and did not come back in time, or ``roi`` no longer fits.
        """
        clock = LiveClock(self._info.fps)
        roi = self._settings.roi
        index = 0
        with self._closer.reading():
            while not self._closer.closed:
                image = self._read()
                if image is None:
                    image = self._read_again()
                if image is None:
                    return
                yield Frame(self._info.name, index, clock.time(None), crop(image, roi, self._label), offset(roi))
                index += 1

    def close(self) -> None:
        """Release the webcam; from another thread, `frames` ends at its next frame."""
        self._closer.close()

    def _release(self) -> None:
        self._capture.release()

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(self._device)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # older frames would only be late
        if self._settings.fps is not None:
            capture.set(cv2.CAP_PROP_FPS, self._settings.fps)
        return capture

    def _read_first(self) -> Image:
        image = self._read()
        if image is None:
            raise SourceError(f"{self._label}: sends no picture; {_REMEDY}")
        return image

    def _read(self) -> Image | None:
        delivered, image = self._capture.read()
        return image.astype(np.uint8, copy=False) if delivered and image is not None else None

    def _read_again(self) -> Image | None:
        """Wait and open the webcam until a picture comes; None after `close`."""
        deadline = time.monotonic() + self._reconnect
        wait = FIRST_WAIT
        self._capture.release()
        if not self._closer.closed:
            log.warning("%s: sends no picture any more; trying again for %g s", self._label, self._reconnect)
        while not self._closer.wait(max(0.0, min(wait, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                raise SourceError(
                    f"{self._label}: sends no picture any more, and did not come back within "
                    f"{self._reconnect:g} s; {_REMEDY}"
                )
            self._capture = self._open()
            image = self._read()
            if image is not None:
                log.warning("%s: sends pictures again", self._label)
                return image
            self._capture.release()
            wait = min(2 * wait, LONGEST_WAIT)
        return None
