"""What flows through the pipeline: `Frame` in, `FrameResult` out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid.tracklets import CameraId, IdentityId, Link, Tracklet
from trackers.tracks import Detections, Track, TrackId

Image = npt.NDArray[np.uint8]
NO_IMAGE: Image = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of one camera.

    Attributes:
        camera: the camera's name in cams.yaml.
        index: position in the source, from 0; frames that a live camera dropped are counted.
        time: seconds on the clock that all cameras of a run share (Unix time, or from the start of the file).
        image: (H, W, 3) uint8 BGR, after `roi`; `NO_IMAGE` where a recording is run again.
        offset: left and top of `roi` in the source frame, px.
    """

    camera: CameraId
    index: int
    time: float
    image: Image
    offset: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """All that was decided for one frame.

    Attributes:
        camera: the camera's name.
        time: seconds, as in `Frame`.
        frame: None once the camera has ended and only its last tracks and links are reported.
        tracks: confirmed, lost and just ended tracks, by id.
        identities: identity of each track that has one.
        links: what the linker decided now; may concern other cameras, and tracklets of earlier runs.
        detections: what the tracker was given; None when ``frame`` is.
        tracklets: what is new about tracklets that have an identity; of all cameras.
    """

    camera: CameraId
    time: float
    frame: Frame | None
    tracks: Sequence[Track]
    identities: Mapping[TrackId, IdentityId]
    links: Sequence[Link]
    detections: Detections | None = None
    tracklets: Sequence[Tracklet] = ()


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """What is known of a camera once its source is open.

    Attributes:
        name: the camera's name in cams.yaml.
        width: of the frames it delivers, px (after `roi`).
        height: px.
        fps: nominal frames per second.
        live: whether frames that are not fetched in time are lost (streams and webcams).
        frames: how many frames are to come, where the container says so.
    """

    name: CameraId
    width: int
    height: int
    fps: float
    live: bool
    frames: int | None = None
