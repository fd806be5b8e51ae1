"""Gives the results of a replay their pictures back, from the sources of the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from pipeline.config import LoadedConfig
from pipeline.errors import SourceError
from pipeline.frames import Frame, FrameResult
from pipeline.sources import open_source
from pipeline.sources.address import label
from pipeline.sources.base import Source
from reid.tracklets import CameraId


def with_pictures(results: Iterator[FrameResult], loaded: LoadedConfig) -> Iterator[FrameResult]:
    """Each result with the frame that it was made from. Decodes each source once; memory: a frame a camera.

    Raises:
        SourceError: if a source is live, cannot be opened, or ends before the recording does.
    """
    settings = {camera.name: camera for camera in loaded.config.cameras}
    with ExitStack() as opened:
        frames: dict[CameraId, Iterator[Frame]] = {}
        for name, camera in settings.items():
            source: Source = open_source(camera, loaded.folder, reconnect=0.0)
            opened.callback(source.close)
            if source.info.live:
                raise SourceError(f"{label(camera)}: is live; only runs over files can be drawn again")
            frames[name] = source.frames()
        for result in results:
            if result.frame is None:
                yield result
                continue
            wanted = result.frame.index
            picture = next((frame for frame in frames[result.camera] if frame.index >= wanted), None)
            if picture is None or picture.index != wanted:
                raise SourceError(
                    f"{label(settings[result.camera])}: has no frame {wanted}, which the recording has; it is not "
                    "the file of the run any more"
                )
            yield replace(result, frame=picture)
