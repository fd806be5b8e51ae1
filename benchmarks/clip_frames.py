"""The frames of a clip, as detectors take them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from pipeline.errors import SourceError
from pipeline.frames import Frame
from reid.tracklets import CameraId


def frames_of(clip: Path, every: int) -> Iterator[Frame]:
    """Every so many-th frame of a clip, from the first; index from 0, time in seconds of the clip's clock.

    Raises:
        SourceError: if the clip cannot be read.
    """
    try:
        with av.open(str(clip)) as container:
            for number, picture in enumerate(container.decode(video=0)):
                if number % every == 0:
                    image = np.ascontiguousarray(picture.to_ndarray(format="bgr24"), np.uint8)
                    yield Frame(CameraId(clip.stem), number, float(picture.time or 0), image)
    except (OSError, av.FFmpegError) as error:
        raise SourceError(f"{clip}: cannot be read as a video ({error}); check the path") from error
