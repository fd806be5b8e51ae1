"""Cameras: video files, folders of images, network streams and webcams behind one interface."""

from __future__ import annotations

import stat
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.sources.address import URL_SCHEMES, expand, label, path_of, redact, scheme
from pipeline.sources.base import CameraSettings, Source

__all__ = ["CameraSettings", "Source", "open_source", "redact"]


def open_source(settings: CameraSettings, folder: Path, *, reconnect: float) -> Source:
    """Open a camera and decode its first frame.

    A number is a webcam, a directory a folder of images, a URL a stream (processed completely like a file where
    its container or its server says how long it is), anything else a video file.

    Args:
        settings: of the camera.
        folder: where relative paths start, that of cams.yaml.
        reconnect: live streams: for how many seconds a lost connection is tried again.

    Raises:
        SourceError: if it cannot be opened; names camera, place and remedy, never credentials.
    """
    address = expand(settings)
    if address.isdecimal():
        from pipeline.sources.webcam import WebcamSource

        return WebcamSource(settings, int(address), label(settings, f"webcam {address}"), reconnect)
    if scheme(address) is not None:
        return _open_url(settings, address, reconnect)
    return _open_path(settings, path_of(address, folder))


def _open_path(settings: CameraSettings, path: Path) -> Source:
    where = label(settings, path)
    try:
        status = path.stat()
    except FileNotFoundError:
        raise SourceError(
            f"{where}: no such file or folder; correct `source` (relative paths start at the folder of cams.yaml)"
        ) from None
    except OSError as error:
        raise SourceError(f"{where}: cannot be opened: {error.strerror}; correct `source` or its rights") from None
    if stat.S_ISDIR(status.st_mode):
        from pipeline.sources.images import ImagesSource

        return ImagesSource(settings, path, where)
    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
        raise SourceError(f"{where}: not a video: the file is empty; record or copy it again")

    from pipeline.sources.decoder import Decoder
    from pipeline.sources.video import VideoSource

    return VideoSource(settings, Decoder(str(path), where))


def _open_url(settings: CameraSettings, url: str, reconnect: float) -> Source:
    where = label(settings)
    if scheme(url) not in URL_SCHEMES:
        raise SourceError(f"{where}: {scheme(url)}:// is not supported; one of {', '.join(URL_SCHEMES)} is")

    from pipeline.sources.decoder import OPEN_TIMEOUT, Decoder
    from pipeline.sources.stream import StreamSource
    from pipeline.sources.video import VideoSource

    def connect(timeout: float) -> Decoder:
        return Decoder(url, where, network=True, timeout=timeout)

    decoder = connect(OPEN_TIMEOUT)
    if decoder.ends:
        return VideoSource(settings, decoder)
    return StreamSource(settings, decoder, connect, reconnect)
