"""Erases a person from an annotated video: their boxes, labels and trails become a flat grey."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.drawing import label_size
from pipeline.errors import OutputError
from pipeline.frames import Image
from pipeline.sinks.base import writing

GREY = 128
_BEFORE_AND_AFTER = (
    1.0  # seconds for which the first and last box stay grey: a person is seen before and after them
)
_GROWTH = 0.5  # of that box, on each side
_LABELS = 5  # heights above the head at which `drawing` may put a label

Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """The rows of one track.

    Attributes:
        frames: (N,) frame numbers from 1, rising.
        boxes: (N, 4) left, top, right, bottom in pixels of the video.
    """

    frames: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float64]

    def region(self, first: int, last: int, margin: int, trail: int) -> Box | None:
        """What covers the person in all frames from ``first`` to ``last``; None if they are in none.

        Gaps between rows are covered by the boxes around them, and ``margin`` frames before and after by the box
        that is nearest in time, half as large again on each side; with the feet of the last ``trail`` frames.
        """
        if last < self.frames[0] - margin or first > self.frames[-1] + margin:
            return None
        low = max(int(np.searchsorted(self.frames, first, side="right")) - 1, 0)
        high = min(int(np.searchsorted(self.frames, last, side="left")), len(self.frames) - 1)
        boxes = self.boxes[low : high + 1]
        if first < self.frames[0] or last > self.frames[-1]:  # the person was already, or is still walking
            reach = _GROWTH * (boxes[:, 2:] - boxes[:, :2])
            boxes = np.concatenate([boxes[:, :2] - reach, boxes[:, 2:] + reach], axis=1)
        start = int(np.searchsorted(self.frames, first - trail))
        feet = self.boxes[start : high + 1]
        x = (feet[:, 0] + feet[:, 2]) / 2
        left = min(boxes[:, 0].min(), x.min(initial=math.inf))
        right = max(boxes[:, 2].max(), x.max(initial=-math.inf))
        top = min(boxes[:, 1].min(), feet[:, 3].min(initial=math.inf))
        bottom = max(boxes[:, 3].max(), feet[:, 3].max(initial=-math.inf))
        return float(left), float(top), float(right), float(bottom)


def erase_from_video(path: Path, tracks: Sequence[Sightings], *, trail: float, dropped: int) -> int:
    """Encode a video again without somebody; the file is replaced once all is well.

    Args:
        path: ``<camera>.mp4`` of a run.
        tracks: of the person, in pixels of the video.
        trail: length of the trails that were drawn [s].
        dropped: how many frames a live camera has dropped: the picture of a row may lie so many frames earlier,
            and all that it may be are made grey.

    Returns:
        Frames that were changed.

    Raises:
        OutputError: if the video cannot be read or written.
    """
    import av

    target = path.with_name(f".{path.name}.part")
    try:
        with writing(target):
            changed = _copy(path, target, tracks, trail, dropped)
            target.replace(path)
    except av.FFmpegError as error:
        raise OutputError(f"{path}: cannot be encoded again: {error}; delete the video yourself") from error
    finally:
        target.unlink(missing_ok=True)
    return changed


def _copy(source: Path, target: Path, tracks: Sequence[Sightings], trail: float, dropped: int) -> int:
    import av

    changed = 0
    with av.open(source) as reader, av.open(target, "w", format="mp4") as writer:
        video = reader.streams.video[0]
        fps = float(video.average_rate or 25)
        out = writer.add_stream("libx264", rate=video.average_rate or 25, options={"crf": "20", "bf": "0"})
        out.width, out.height, out.pix_fmt = video.width, video.height, "yuv420p"
        if video.time_base is not None:
            out.codec_context.time_base = video.time_base
        margin, tail = math.ceil(_BEFORE_AND_AFTER * fps), math.ceil(trail * fps)
        for number, frame in enumerate(reader.decode(video), start=1):
            picture = frame
            regions = [track.region(number, number + dropped, margin, tail) for track in tracks]
            wanted = [region for region in regions if region is not None]
            if wanted:
                image = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
                for region in wanted:
                    _fill(image, region)
                picture = av.VideoFrame.from_ndarray(image, format="bgr24")
                picture.pts, picture.time_base = frame.pts, frame.time_base
                changed += 1
            picture.pict_type = av.video.frame.PictureType.NONE
            writer.mux(out.encode(picture))
        writer.mux(out.encode(None))
    return changed


def _fill(image: Image, region: Box) -> None:
    """Box, label and lines, which reach a little over the box."""
    wide, high = label_size(image)
    left, top, right, bottom = region
    height, width = image.shape[:2]
    edge = 4 + height // 180
    x1 = max(0, int(min(left, width - wide)) - edge)
    x2 = min(width, math.ceil(max(right, left + wide)) + edge)
    y1 = max(0, int(top - _LABELS * high) - edge)
    image[y1 : min(height, math.ceil(bottom) + edge), x1:x2] = GREY
