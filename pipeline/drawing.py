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

UNKNOWN: Colour = (160, 160, 160)  # tracks that have no identity yet
_WALL_CLOCK = 1e8  # seconds; larger times are Unix time
_GOLDEN_RATIO = 0.618034


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
    ceiling = _draw_header(canvas, f"{result.camera}  {clock(result.time)}", f"{len(seen)} in view", size)
    for track in seen:
        _draw_trail(canvas, trails.get(track.id, ()), _colour_of(result, track), size)
    for track in sorted(seen, key=lambda track: float(track.box[3])):  # who stands in front is drawn last
        _draw_person(canvas, track, result.identities.get(track.id), size, ceiling)
    return canvas


def clock(time: float) -> str:
    """Seconds as people read them: date and time (UTC) for a wall clock, m:ss.s for a stream's own clock."""
    if time >= _WALL_CLOCK:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")
    minutes, tenths = divmod(round(10 * time), 600)
    return f"{minutes}:{tenths / 10:04.1f}"


@lru_cache(maxsize=4096)
def colour(identity: IdentityId) -> Colour:
    """A colour that is the same in all cameras; neighbouring identities differ most in hue."""
    hue = identity * _GOLDEN_RATIO % 1.0
    lightness = (0.62, 0.5, 0.72)[identity % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.85)
    return round(255 * blue), round(255 * green), round(255 * red)


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


def _draw_person(canvas: Image, track: Track, identity: IdentityId | None, size: float, ceiling: int) -> None:
    """Box and label; the label stays in the picture and below ``ceiling``, the header's lower edge."""
    import cv2

    tint = UNKNOWN if identity is None else colour(identity)
    left, top, right, bottom = (round(float(value)) for value in track.box)
    cv2.rectangle(canvas, (left, top), (right, bottom), tint, max(1, round(2 * size)), cv2.LINE_AA)
    text = f"t{track.id}" if identity is None else f"{identity}  t{track.id}"
    width, height, baseline = _text_size(text, size)
    pad = max(2, round(3 * size))
    x = int(np.clip(left, 0, max(0, canvas.shape[1] - width - 2 * pad)))
    y = top - height - baseline - 2 * pad  # above the head, or inside the box where there is no room
    if y < ceiling:
        y = int(np.clip(top, ceiling, max(ceiling, canvas.shape[0] - height - baseline - 2 * pad)))
    cv2.rectangle(canvas, (x, y), (x + width + 2 * pad, y + height + baseline + 2 * pad), tint, cv2.FILLED)
    _put(canvas, text, (x + pad, y + pad + height), _ink(tint), size)


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
