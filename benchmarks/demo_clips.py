"""Two short generated clips of drawn pedestrians, with recorded detections and truth: made in seconds, for tests.

    python -m benchmarks.demo_clips runs/demo_clips

Six people walk through the views of two cameras that share no ground. Some go from the gate to the yard, some the
other way, and one turns round in the yard and comes back. Everything is drawn and drawn by lot from one seed, so
the files are the same each time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import yaml
from av.video.stream import VideoStream

from pipeline.motfile import format_mot_row

Image = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
Colour = tuple[int, int, int]  # BGR

WIDTH, HEIGHT, FPS, SECONDS = 480, 360, 10, 20.0
SEED = 7

_HORIZON = 0.45  # of the picture's height
_WIDTH_OF_BODY = 0.38  # of its height, arms and stride included
_STEPS = 1.7  # a second
_VISIBLE = 0.5  # share of a person inside the picture from which the truth counts them
_HIDDEN = 0.65  # share covered by others from which the detections miss them

_MISSED = 0.04  # share of the detections left out
_FALSE = 0.04  # false boxes a frame
_JITTER = 0.015  # standard deviation of a box's sides, of its height

# One thread and no look-ahead: only so does x264 give the same bytes each time.
_H264 = {"preset": "veryfast", "crf": "20", "x264-params": "no-mbtree=1:rc-lookahead=0"}


@dataclass(frozen=True, slots=True)
class Person:
    """How somebody looks."""

    shirt: Colour
    trousers: Colour
    hair: Colour
    skin: Colour
    size: float = 1.0  # of an average person


@dataclass(frozen=True, slots=True)
class Walk:
    """One person's way through one view.

    Attributes:
        person: index, from 0; the truth's id is one more.
        camera: name of the camera.
        lane: how near the camera, from 0 at the wall to 1 at the front.
        path: seconds and place of every corner of the way; 0 is the left edge of the picture, 1 the right one.
    """

    person: int
    camera: str
    lane: float
    path: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class View:
    """A camera: its street, and how its sensor sees colours."""

    name: str
    wall: Colour
    ground: Colour
    gain: tuple[float, float, float]  # BGR


@dataclass(frozen=True, slots=True)
class Seen:
    """A person in one picture."""

    person: int
    box: Box
    stride: float  # angle of the legs' swing, radians
    facing: int  # 1 to the right, -1 to the left


VIEWS = (
    View("gate", wall=(150, 168, 178), ground=(112, 116, 118), gain=(0.97, 1.0, 1.03)),
    View("yard", wall=(126, 138, 128), ground=(118, 122, 124), gain=(1.0, 0.96, 0.94)),
)
PEOPLE = (
    Person(shirt=(40, 40, 205), trousers=(150, 95, 50), hair=(30, 45, 70), skin=(150, 180, 225)),
    Person(shirt=(200, 120, 30), trousers=(150, 190, 205), hair=(25, 25, 30), skin=(110, 145, 195), size=1.05),
    Person(shirt=(60, 160, 60), trousers=(90, 45, 35), hair=(60, 110, 160), skin=(160, 190, 230), size=0.94),
    Person(shirt=(40, 205, 235), trousers=(40, 40, 42), hair=(40, 50, 60), skin=(70, 95, 140)),
    Person(shirt=(225, 225, 225), trousers=(45, 45, 160), hair=(120, 130, 140), skin=(150, 180, 220), size=0.97),
    Person(shirt=(150, 50, 130), trousers=(70, 150, 120), hair=(20, 20, 25), skin=(90, 120, 170), size=1.03),
)


def _through(person: int, camera: str, lane: float, begin: float, end: float, *, back: bool = False) -> Walk:
    """Across the whole view, to the right, or ``back`` to the left."""
    left, right = (begin, -0.1), (end, 1.1)
    return Walk(person, camera, lane, ((begin, 1.1), (end, -0.1)) if back else (left, right))


WALKS = (
    _through(0, "gate", 0.75, 0.0, 4.6),
    Walk(0, "yard", 0.35, ((7.6, -0.1), (10.4, 0.62), (13.0, -0.1))),
    _through(0, "gate", 0.9, 15.4, 19.8, back=True),
    _through(1, "gate", 0.3, 1.4, 6.8),
    _through(1, "yard", 0.8, 10.2, 15.4),
    _through(2, "gate", 1.0, 3.4, 8.0),
    _through(2, "yard", 0.1, 11.4, 17.2),
    _through(3, "gate", 0.55, 6.0, 11.0),
    _through(3, "yard", 0.6, 14.4, 19.4),
    _through(4, "yard", 0.9, 0.4, 5.2, back=True),
    _through(4, "gate", 0.15, 8.8, 14.4, back=True),
    _through(5, "yard", 0.2, 2.8, 7.8, back=True),
    _through(5, "gate", 0.8, 11.6, 16.2, back=True),
)


def write_demo(
    folder: Path, views: Sequence[View] = VIEWS, walks: Sequence[Walk] = WALKS, seconds: float = SECONDS
) -> Path:
    """Write clips, ``detections/``, ``truth/`` and ``cams.yaml`` into a folder.

    Args:
        folder: made if it does not exist.
        views: the cameras.
        walks: who is where and when; ``person`` is taken round the list `PEOPLE`.
        seconds: length of the clips.

    Returns:
        The path of ``cams.yaml``.
    """
    for part in (folder, folder / "detections", folder / "truth"):
        part.mkdir(parents=True, exist_ok=True)
    for number, view in enumerate(views):
        here = [walk for walk in walks if walk.camera == view.name]
        pictures = [_seen_at(here, index / FPS) for index in range(round(seconds * FPS))]
        _write_clip(folder / f"{view.name}.mp4", view, pictures)
        _write_lines(folder / "truth" / f"{view.name}.txt", _truth(pictures))
        rng = np.random.default_rng([SEED, number])
        _write_lines(folder / "detections" / f"{view.name}.txt", _detections(pictures, rng))
    ways = [{"from": a.name, "to": b.name, "seconds": [1.5, 10]} for a in views for b in views if a is not b]
    site = {"cameras": [{"name": view.name, "source": f"{view.name}.mp4"} for view in views], "links": ways}
    cams = folder / "cams.yaml"
    cams.write_text(yaml.safe_dump(site, sort_keys=False, default_flow_style=None), encoding="utf-8")
    return cams


def _seen_at(walks: Sequence[Walk], time: float) -> list[Seen]:
    """Who is in the picture, from the back to the front."""
    seen = []
    for walk in sorted(walks, key=lambda walk: walk.lane):
        times, places = zip(*walk.path, strict=True)
        if not times[0] <= time <= times[-1]:
            continue
        x = float(np.interp(time, times, places))
        ahead = float(np.interp(time + 1e-3, times, places)) - float(np.interp(time - 1e-3, times, places))
        height = HEIGHT * (0.34 + 0.17 * walk.lane) * PEOPLE[walk.person % len(PEOPLE)].size
        foot = HEIGHT * (0.62 + 0.33 * walk.lane)
        half = _WIDTH_OF_BODY * height / 2
        box = (x * WIDTH - half, foot - height, x * WIDTH + half, foot)
        seen.append(Seen(walk.person, box, np.pi * _STEPS * (time - times[0]), 1 if ahead >= 0 else -1))
    return seen


def _truth(pictures: Sequence[Sequence[Seen]]) -> Iterator[str]:
    for index, seen in enumerate(pictures):
        for person in seen:
            if _inside(person.box) >= _VISIBLE:
                yield _row(index, person.person + 1, _clipped(person.box), 1.0)


def _detections(pictures: Sequence[Sequence[Seen]], rng: np.random.Generator) -> Iterator[str]:
    """What a middling detector would find: boxes that shake, misses, people behind others lost, false boxes."""
    for index, seen in enumerate(pictures):
        for place, person in enumerate(seen):
            missed = rng.random() < _MISSED
            shake = rng.normal(0, _JITTER, 4) * (person.box[3] - person.box[1])
            score = float(rng.uniform(0.6, 0.95))
            hidden = max([_covered(person.box, other.box) for other in seen[place + 1 :]], default=0.0)
            if not missed and _inside(person.box) >= _VISIBLE and hidden < _HIDDEN:
                left, top, right, bottom = (a + b for a, b in zip(person.box, shake.tolist(), strict=True))
                yield _row(index, -1, _clipped((left, top, right, bottom)), score)
        if rng.random() < _FALSE:
            left, top = rng.uniform(0, WIDTH - 60), rng.uniform(0, HEIGHT - 130)
            yield _row(index, -1, (left, top, left + 50, top + 125), float(rng.uniform(0.15, 0.65)))


def _row(index: int, name: int, box: Box, score: float) -> str:
    left, top, right, bottom = box
    return format_mot_row(index + 1, name, left, top, right - left, bottom - top, score)


def _clipped(box: Box) -> Box:
    return max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(WIDTH)), min(box[3], float(HEIGHT))


def _inside(box: Box) -> float:
    """Share of a box's width inside the picture."""
    left, _, right, _ = _clipped(box)
    return max(0.0, right - left) / (box[2] - box[0])


def _covered(box: Box, other: Box) -> float:
    """Share of ``box`` behind ``other``."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    return max(0.0, width) * max(0.0, height) / ((box[2] - box[0]) * (box[3] - box[1]))


def _write_lines(path: Path, lines: Iterator[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii", newline="\n")


def _write_clip(path: Path, view: View, pictures: Sequence[Sequence[Seen]]) -> None:
    street = _street(view)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options=_H264)
        assert isinstance(stream, VideoStream)  # noqa: S101 - what add_stream gives for a video codec
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count = 1
        for seen in pictures:
            image = street.copy()
            for person in seen:
                _draw_person(image, PEOPLE[person.person % len(PEOPLE)], person)
            graded = np.clip(image * np.array(view.gain, np.float32), 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(graded, format="bgr24")))
        container.mux(stream.encode(None))


def _street(view: View) -> Image:
    """A wall with windows, a pavement with joints, and a little grain."""
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    horizon = round(HEIGHT * _HORIZON)
    image[:horizon] = view.wall
    shade = np.linspace(0.86, 1.12, HEIGHT - horizon)[:, None, None]
    image[horizon:] = np.clip(shade * np.array(view.ground), 0, 255).astype(np.uint8)
    image[horizon - 8 : horizon] = tuple(int(0.7 * value) for value in view.wall)
    for left in range(30, WIDTH, 110):
        cv2.rectangle(image, (left, 34), (left + 56, 104), tuple(int(0.55 * v) for v in view.wall), cv2.FILLED)
        cv2.rectangle(image, (left, 34), (left + 56, 104), tuple(int(0.85 * v) for v in view.wall), 3)
        cv2.line(image, (left + 28, 34), (left + 28, 104), tuple(int(0.85 * v) for v in view.wall), 2)
    joint = tuple(int(0.88 * value) for value in view.ground)
    for x in range(-WIDTH, 2 * WIDTH, 60):
        top = (WIDTH // 2 + (x - WIDTH // 2) // 2, horizon)
        cv2.line(image, top, (x, HEIGHT), joint, 1, cv2.LINE_AA)
    for depth in (0.55, 0.68, 0.84):
        cv2.line(image, (0, round(HEIGHT * depth)), (WIDTH, round(HEIGHT * depth)), joint, 1)
    grain = np.random.default_rng(SEED).normal(0, 2.5, (HEIGHT, WIDTH, 1))
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def _draw_person(image: Image, look: Person, seen: Seen) -> None:
    left, top, right, bottom = seen.box
    height, middle = bottom - top, (left + right) / 2

    def at(x: float, y: float) -> tuple[int, int]:
        """A point of the body: x to the front, y down from the top of the head, both in body heights."""
        return round(middle + seen.facing * x * height), round(top + y * height)

    def limb(points: Sequence[tuple[float, float]], width: float, colour: Colour) -> None:
        line = np.array([at(*point) for point in points], np.int32)
        cv2.polylines(image, [line], False, colour, max(1, round(width * height)), cv2.LINE_AA)

    swing = float(np.sin(seen.stride))
    dark = tuple(int(0.75 * value) for value in look.shirt)
    cv2.ellipse(image, at(0, 0.985), (round(0.17 * height), round(0.025 * height)), 0, 0, 360, (70, 70, 70), -1)
    limb([(0, 0.2), (-0.1 * swing, 0.36), (-0.11 * swing + 0.04, 0.5)], 0.06, (dark[0], dark[1], dark[2]))
    for side in (swing, -swing):
        limb([(0, 0.5), (0.06 * side + 0.01, 0.73), (0.13 * side, 0.94)], 0.125, look.trousers)
        limb([(0.13 * side - 0.01, 0.965), (0.13 * side + 0.06, 0.975)], 0.05, (35, 35, 40))
    torso = [at(x, y) for x, y in ((-0.13, 0.18), (0.13, 0.18), (0.12, 0.53), (-0.12, 0.53))]
    cv2.fillConvexPoly(image, np.array(torso, np.int32), look.shirt, cv2.LINE_AA)
    limb([(-0.105, 0.19), (0.105, 0.19)], 0.05, look.shirt)
    limb([(0, 0.2), (0.1 * swing, 0.36), (0.11 * swing + 0.04, 0.48)], 0.065, (dark[0], dark[1], dark[2]))
    cv2.circle(image, at(0.11 * swing + 0.045, 0.5), max(1, round(0.028 * height)), look.skin, -1, cv2.LINE_AA)
    limb([(0, 0.13), (0, 0.17)], 0.06, look.skin)
    cv2.circle(image, at(0.005, 0.075), round(0.07 * height), look.skin, -1, cv2.LINE_AA)
    start, stop = (150, 310) if seen.facing > 0 else (-130, 30)  # clockwise from the right: the back of the head
    radius = round(0.074 * height)
    cv2.ellipse(image, at(-0.005, 0.07), (radius, radius), 0, start, stop, look.hair, -1, cv2.LINE_AA)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the clips into the folder that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write; made if it does not exist")
    folder = parser.parse_args(arguments).folder
    cams = write_demo(folder)
    print(f"{cams}: two generated clips of {SECONDS:.0f} s, with recorded detections and truth")
    return 0


if __name__ == "__main__":
    sys.exit(main())
