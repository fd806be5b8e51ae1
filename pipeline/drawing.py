"""Draws boxes, identities, tracks, trails, camera name and time. `draw` is pure; `Trails` remembers the past."""

from __future__ import annotations

import colorsys
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np

from pipeline.frames import FrameResult, Image
from reid.tracklets import IdentityId
from trackers.tracks import Track, TrackId, TrackState

Colour = tuple[int, int, int]  # BGR
Point = tuple[int, int]
Rectangle = tuple[int, int, int, int]  # left, top, right, bottom

UNKNOWN: Colour = (225, 225, 225)  # tracks that have no identity yet
WALL_CLOCK = 1e8  # seconds; larger times are Unix time
_PLASTIC_NUMBER = 1.324717957244746  # multiples of its inverse and inverse square spread evenly over a square
_PLACES = 6  # label heights above the head at which a label may stand


class Trails:
    """Where the feet of each live track of one camera have been, over the last ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._points: dict[TrackId, deque[tuple[float, Point]]] = {}

    def update(self, result: FrameResult) -> dict[TrackId, list[Point]]:
        """Take one result; returns the points of each track, oldest first."""
        for track in result.tracks:
            if track.state is TrackState.ENDED:
                self._points.pop(track.id, None)
            elif track.state is TrackState.CONFIRMED:
                foot = (round(float(track.box[0] + track.box[2]) / 2), round(float(track.box[3])))
                self._points.setdefault(track.id, deque()).append((result.time, foot))
        for points in self._points.values():
            while points and points[0][0] < result.time - self._seconds:
                points.popleft()
        return {track: [point for _, point in points] for track, points in self._points.items()}


def draw(image: Image, result: FrameResult, trails: Mapping[TrackId, Sequence[Point]]) -> Image:
    """A copy of ``image`` (H, W, 3) with everything that is known of it; sizes follow the picture's height."""
    canvas = image.copy()
    size = _scale(canvas)
    seen = [track for track in result.tracks if track.state is TrackState.CONFIRMED]
    people = len({result.identities.get(track.id, (track.id,)) for track in seen})  # somebody may be found twice
    ceiling = _draw_header(canvas, f"{result.camera}  {clock(result.time)}", f"{people} in view", size)
    for track in seen:
        _draw_trail(canvas, trails.get(track.id, ()), _colour_of(result, track), size)
    nearest_last = sorted(seen, key=lambda track: (float(track.box[3]), track.id))
    for track in nearest_last:
        _draw_box(canvas, track, _colour_of(result, track), size)
    taken: list[Rectangle] = []
    for track in reversed(nearest_last):  # who stands in front has the first choice of a place
        identity = result.identities.get(track.id)
        text = f"t{track.id}" if identity is None else f"{identity}  t{track.id}"
        taken.append(_draw_label(canvas, track, text, _colour_of(result, track), size, ceiling, taken))
    return canvas


def clock(time: float) -> str:
    """Seconds as people read them: date and time (UTC) for a wall clock, m:ss.s for a stream's own clock."""
    if time >= WALL_CLOCK:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")
    minutes, tenths = divmod(round(10 * time), 600)
    return f"{minutes}:{tenths / 10:04.1f}"


@lru_cache(maxsize=4096)
def colour(identity: IdentityId) -> Colour:
    """A colour that is the same in all cameras; of identities close in number, none are close in colour."""
    hue = identity / _PLASTIC_NUMBER % 1.0
    lightness = 0.42 + 0.36 * (identity / _PLASTIC_NUMBER**2 % 1.0)
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.85)
    return round(255 * blue), round(255 * green), round(255 * red)


def label_size(image: Image) -> tuple[int, int]:
    """Width and height of the widest label in a picture of this size."""
    size = _scale(image)
    width, height, baseline = _text_size("10000000 t100000", size)
    pad = max(2, round(3 * size))
    return width + 2 * pad, height + baseline + 2 * pad


def _colour_of(result: FrameResult, track: Track) -> Colour:
    identity = result.identities.get(track.id)
    return UNKNOWN if identity is None else colour(identity)


def _scale(image: Image) -> float:
    """1 at 720 lines; small pictures keep letters that can be read."""
    return float(np.clip(min(image.shape[0] / 720, image.shape[1] / 960), 0.72, 4.0))


def _draw_trail(canvas: Image, points: Sequence[Point], tint: Colour, size: float) -> None:
    import cv2

    if len(points) > 1:
        line = np.array(points, np.int32).reshape(-1, 1, 2)
        cv2.polylines(
            canvas, [line], isClosed=False, color=tint, thickness=max(1, round(2 * size)), lineType=cv2.LINE_AA
        )


def _draw_box(canvas: Image, track: Track, tint: Colour, size: float) -> None:
    import cv2

    left, top, right, bottom = (round(float(value)) for value in track.box)
    cv2.rectangle(canvas, (left, top), (right, bottom), tint, max(1, round(2 * size)), cv2.LINE_AA)


def _draw_label(
    canvas: Image,
    track: Track,
    text: str,
    tint: Colour,
    size: float,
    ceiling: int,
    taken: Sequence[Rectangle],
) -> Rectangle:
    """The text over the head, higher where others stand; in the picture, below ``ceiling``. Returns its place."""
    import cv2

    width, height, baseline = _text_size(text, size)
    pad = max(2, round(3 * size))
    wide, high = width + 2 * pad, height + baseline + 2 * pad
    x = int(np.clip(round(float(track.box[0])), 0, max(0, canvas.shape[1] - wide)))
    top = round(float(track.box[1]))
    lowest = max(ceiling, canvas.shape[0] - high)
    # Above the head, further above, or, where there is no room, inside the box.
    places = [top - step * high for step in range(1, _PLACES) if top - step * high >= ceiling]
    places += [int(np.clip(top + step * high, ceiling, lowest)) for step in range(_PLACES)]
    free = (y for y in places if not any(_meet((x, y, x + wide, y + high), other) for other in taken))
    y = next(free, places[0])
    cv2.rectangle(canvas, (x, y), (x + wide, y + high), tint, cv2.FILLED)
    _put(canvas, text, (x + pad, y + pad + height), _ink(tint), size)
    return x, y, x + wide, y + high


def _meet(a: Rectangle, b: Rectangle) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _draw_header(canvas: Image, left: str, right: str, size: float) -> int:
    """A dark strip with camera, time and number of people; returns its height."""
    pad = round(6 * size)
    _, height, baseline = _text_size(left, size)
    strip = canvas[: height + baseline + 2 * pad]
    strip[:] = (strip * 0.4).astype(np.uint8)
    _put(canvas, left, (pad, pad + height), (255, 255, 255), size)
    left_width, right_width = _text_size(left, size)[0], _text_size(right, size)[0]
    if left_width + right_width + 4 * pad <= canvas.shape[1]:
        _put(canvas, right, (canvas.shape[1] - right_width - pad, pad + height), (255, 255, 255), size)
    return int(strip.shape[0])


def _ink(background: Colour) -> Colour:
    blue, green, red = background
    return (0, 0, 0) if 0.114 * blue + 0.587 * green + 0.299 * red > 130 else (255, 255, 255)


@lru_cache(maxsize=4096)
def _text_size(text: str, size: float) -> tuple[int, int, int]:
    """Width, height above and depth below the baseline, px."""
    import cv2

    (width, height), baseline = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.7 * size, _thickness(size))
    return width, height, baseline


def _put(canvas: Image, text: str, origin: Point, ink: Colour, size: float) -> None:
    import cv2

    cv2.putText(canvas, text, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.7 * size, ink, _thickness(size), cv2.LINE_AA)


def _thickness(size: float) -> int:
    return max(1, round(1.6 * size))
