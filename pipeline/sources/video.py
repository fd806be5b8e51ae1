"""A video that has an end: a file, or a URL whose container says how long it is."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from pipeline.errors import SourceError
from pipeline.frames import CameraInfo, Frame
from pipeline.sources.base import CameraSettings
from pipeline.sources.clocks import FileClock
from pipeline.sources.closing import Closer
from pipeline.sources.decoder import Decoder, Picture
from pipeline.sources.roi import crop, offset

log = logging.getLogger(__name__)


class VideoSource:
    """Every frame of a video, at the container's own times.

    Times are seconds from the container's timestamps, minus the first frame's, plus ``start`` (or 0); with ``fps``
    the frames are counted at that rate instead. The first frame is decoded here, so that what cannot be decoded is
    known before the run begins.

    Args:
        settings: of the camera.
        decoder: opened; belongs to this source from now on.

    Raises:
        SourceError: if no frame can be decoded, or ``roi`` reaches outside the picture.
    """

    def __init__(self, settings: CameraSettings, decoder: Decoder) -> None:
        self._settings = settings
        self._decoder = decoder
        self._closer = Closer(decoder.close)
        try:
            self._first: Picture | None = decoder.first()
            height, width = crop(self._first.image, settings.roi, decoder.label).shape[:2]
        except SourceError:
            decoder.close()
            raise
        if not decoder.own_clock and settings.fps is None:
            log.warning("%s: has no times of its own; taken as %g fps; set `fps`", decoder.label, decoder.fps)
        self._info = CameraInfo(
            name=settings.name,
            width=width,
            height=height,
            fps=settings.fps or decoder.fps,
            live=False,
            frames=decoder.declared,
        )

    @property
    def info(self) -> CameraInfo:
        """Name, size, rate and kind."""
        return self._info

    def frames(self) -> Iterator[Frame]:
        """Yield every frame; to be called once.

        Raises:
            SourceError: after the last readable frame, if the container promised clearly more.
        """
        start, fixed = self._settings.start or 0.0, self._settings.fps is not None
        clock = FileClock(start, self._info.fps, fixed=fixed, label=self._decoder.label)
        roi = self._settings.roi
        with self._closer.reading():
            picture, self._first = self._first, None
            index = 0
            while picture is not None and not self._closer.closed:
                image = crop(picture.image, roi, self._decoder.label)
                yield Frame(self._info.name, index, clock.time(index, picture.seconds), image, offset(roi))
                picture = next(self._decoder.pictures, None)
                index += 1
            if not self._closer.closed:
                self._check_complete()

    def close(self) -> None:
        """Release the file; from another thread, `frames` ends at its next frame."""
        self._closer.close()

    def _check_complete(self) -> None:
        missing = self._decoder.missing()
        if missing is None and self._decoder.failure is None:
            return
        where = missing or f"{self._decoder.read} frames"
        why = f"ffmpeg says: {self._decoder.failure}" if self._decoder.failure else "truncated?"
        raise SourceError(
            f"{self._decoder.label}: broke off after {where} ({why}); what came before was processed; "
            "record or copy it again"
        )
