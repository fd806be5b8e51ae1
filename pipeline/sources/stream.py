"""A live stream: frames come when the camera sends them, and the connection comes back after it was lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from pipeline.errors import SourceError
from pipeline.frames import CameraInfo, Frame
from pipeline.sources.base import CameraSettings
from pipeline.sources.clocks import LiveClock, check_no_start
from pipeline.sources.closing import Closer
from pipeline.sources.decoder import OPEN_TIMEOUT, Decoder, Picture
from pipeline.sources.roi import crop, offset

FIRST_WAIT = 0.5  # seconds between attempts to reconnect, doubling ...
LONGEST_WAIT = 8.0  # ... up to here

log = logging.getLogger(__name__)


class StreamSource:
    """A camera's live stream at wall-clock times.

    A lost connection is tried again after 0.5 s, then with doubling waits up to 8 s. Frames after a reconnection
    may have another size (`info` keeps that of the first connection); `Frame.index` and the times go on. Streams
    that come in segments (HLS) are paced to their timestamps, because each segment arrives as a burst.

    Args:
        settings: of the camera; ``fps`` only names the nominal rate here, times are those of the stream.
        decoder: the first connection; belongs to this source from now on.
        connect: opens a further connection within so many seconds.
        reconnect: for how many seconds after the last frame a lost connection is tried again.

    Raises:
        SourceError: if no frame can be decoded, ``roi`` reaches outside the picture, or ``start`` is set.
    """

    def __init__(
        self,
        settings: CameraSettings,
        decoder: Decoder,
        connect: Callable[[float], Decoder],
        reconnect: float,
    ) -> None:
        self._settings = settings
        self._label = decoder.label
        self._decoder = decoder
        self._connect = connect
        self._reconnect = reconnect
        self._closer = Closer(self._release)
        try:
            check_no_start(settings, self._label)
            self._first: Picture | None = decoder.first()
            height, width = crop(self._first.image, settings.roi, self._label).shape[:2]
        except SourceError:
            decoder.close()
            raise
        self._info = CameraInfo(settings.name, width, height, settings.fps or decoder.fps, live=True)

    @property
    def info(self) -> CameraInfo:
        """Name, size, rate and kind."""
        return self._info

    def frames(self) -> Iterator[Frame]:
        """Yield frames as they arrive, until `close`; to be called once.

        Raises:
            SourceError: if a lost connection did not come back in time, or ``roi`` no longer fits the picture.
        """
        clock = LiveClock(self._info.fps)
        roi = self._settings.roi
        index = 0
        with self._closer.reading():
            while not self._closer.closed:
                for picture in self._connection():
                    seconds = picture.seconds if self._decoder.own_clock else None
                    if self._decoder.segmented:
                        self._closer.wait(clock.ahead(seconds))
                    image = crop(picture.image, roi, self._label)
                    yield Frame(self._info.name, index, clock.time(seconds), image, offset(roi))
                    index += 1
                self._connect_again()
                clock.restart()

    def close(self) -> None:
        """Release the connection; from another thread, `frames` ends at its next frame or read timeout."""
        self._closer.close()

    def _release(self) -> None:
        self._decoder.close()

    def _connection(self) -> Iterator[Picture]:
        """The pictures of one connection."""
        picture, self._first = self._first, None
        while picture is not None and not self._closer.closed:
            yield picture
            picture = next(self._decoder.pictures, None)

    def _connect_again(self) -> None:
        """Wait and connect until a frame comes; returns without one after `close`."""
        deadline = time.monotonic() + self._reconnect
        reason = self._decoder.failure or "the stream ended"
        wait = FIRST_WAIT
        self._decoder.close()
        if not self._closer.closed:
            log.warning("%s: connection lost (%s); trying again for %g s", self._label, reason, self._reconnect)
        while not self._closer.wait(max(0.0, min(wait, deadline - time.monotonic()))):
            left = deadline - time.monotonic()
            if left <= 0:
                raise SourceError(
                    f"{self._label}: connection lost ({reason}) and not back within {self._reconnect:g} s; "
                    "check the camera and the network"
                )
            try:
                self._decoder = self._connect(min(OPEN_TIMEOUT, left))
                self._first = self._decoder.first()
            except SourceError as error:
                log.debug("%s", error)
                self._decoder.close()
            else:
                log.warning("%s: connected again", self._label)
                return
            wait = min(2 * wait, LONGEST_WAIT)
