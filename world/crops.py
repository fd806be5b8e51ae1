"""Cut-outs of people as a detector in many cameras would give them: folders for training and testing re-ID."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import moderngl
import numpy as np
from numpy.typing import NDArray

from world.camera import Camera, Window
from world.cast import Cast, draw_cast
from world.errors import SceneError
from world.lighting import STEP, light_at
from world.renderer import Posed, Renderer, view_matrix
from world.sight import visible
from world.site import Scene, Site
from world.trajectory import Activity, Array, Trajectory, moments_of
from world.view import SUPER, View

Image = NDArray[np.uint8]
Box = tuple[int, int, int, int]

_TALLEST, _SMALLEST = 280.0, 48.0  # pixels: nearer and farther people are left out
_CHUNK = 50  # people loaded at a time
_LARGEST = 384, 512  # pixels
_PAGE = 2304, 768  # drawn pixels, SUPER for each pixel of the picture
_KEPT = 8  # chunks that stay dressed, of about 30 MB each
_WRITING = 64  # crops that wait to be written
_SECONDS = 4.0  # of each walk
_TRIES = 20  # walks drawn before somebody stands
_BESIDE = 0.35  # share of the walks with somebody beside


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """One cut-out.

    Attributes:
        person: number of the identity, from 0.
        camera: number of the camera, from 0.
        number: of the picture among those of the person in the camera.
        image: (H, W, 3) uint8 BGR.
    """

    person: int
    camera: int
    number: int
    image: NDArray[np.uint8]


def crops_of(
    scenes: Sequence[Scene],
    people: range,
    cameras: int,
    images: int,
    seed: int,
    *,
    jitter: float = 0.05,
    common: float = 0.5,
) -> Iterator[Crop]:
    """Cut-outs of people in several cameras.

    Args:
        scenes: different ones, whose cameras are used in turn.
        people: numbers of the identities; a number is the same person in every call with the same seed.
        cameras: how many see each person.
        images: of each person in each camera, from one walk.
        seed: of everything.
        jitter: standard deviation of the sides of a box, as a share of its size.
        common: share of people in plain dark clothes: more of them is harder.

    Raises:
        SceneError: where the scenes have fewer cameras, or one of them sees nobody whole.
    """
    chosen = _cameras(scenes, cameras)
    for scene in scenes:
        numbers = [number for number, (of_scene, _) in enumerate(chosen) if of_scene is scene]
        if not numbers:
            continue
        studio = _Studio(scene.site, [chosen[number][1] for number in numbers], jitter)
        try:
            for start in range(people.start - people.start % _CHUNK, people.stop, _CHUNK):
                studio.load(_cast(seed * 100_003 + start, common), start // _CHUNK)
                present = [person for person in range(start, start + _CHUNK) if person in people]
                for own, number in enumerate(numbers):
                    walks = {person: np.random.default_rng([seed, 3, person, number]) for person in present}
                    for person, index, image in studio.film(own, start, walks, images):
                        yield Crop(person, number, index, image)
        finally:
            studio.close()


@lru_cache(_KEPT)
def _cast(seed: int, common: float) -> Cast:
    """The people of a chunk; kept, because each site wants them."""
    return draw_cast(_CHUNK, seed, common=common)


def write_market(crops: Iterator[Crop], output: Path, *, first_tested: int, told: Callable[[], None]) -> int:
    """Write crops as Market-1501 has them: ``IIII_cCsS_FFFFFF_NN.jpg`` in its three folders; returns how many.

    Args:
        crops: to be written.
        output: folder.
        first_tested: people from this number on are for testing: their first picture in each camera is a query.
        told: called after each.
    """
    folders = {name: output / name for name in ("bounding_box_train", "query", "bounding_box_test")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with ThreadPoolExecutor(1) as pool:
        writing: deque[Future[None]] = deque()
        for crop in crops:
            tested = crop.person >= first_tested
            kind = ("query" if crop.number == 0 else "bounding_box_test") if tested else "bounding_box_train"
            name = f"{crop.person + 1:04d}_c{crop.camera + 1}s1_{crop.number + 1:06d}_00.jpg"
            writing.append(pool.submit(_write, folders[kind] / name, crop.image))
            if len(writing) > _WRITING:
                writing.popleft().result()
            count += 1
            told()
        for future in writing:
            future.result()
    return count


def _write(path: Path, image: Image) -> None:
    if not cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 92]):
        raise SceneError(f"{path}: cannot be written; free some space, or choose another --output")


def _cameras(scenes: Sequence[Scene], count: int) -> list[tuple[Scene, Camera]]:
    """So many cameras: those of the scenes, one scene after the other."""
    there = [(scene, camera) for turn in range(8) for scene in scenes for camera in scene.cameras[turn : turn + 1]]
    if count > len(there):
        raise SceneError(f"the scenes have {len(there)} cameras, {count} are wanted; name more scenes")
    return there[:count]


class _Studio:
    """The cameras of one site, with people loaded."""

    def __init__(self, site: Site, cameras: Sequence[Camera], jitter: float) -> None:
        cast = draw_cast(1, 0)
        self._site, self._jitter = site, jitter
        self._renderer = Renderer(site, cast.figures, cast.outfits)
        self._views = [View(self._renderer, camera) for camera in cameras]
        self._spots = [_spots(site, camera) for camera in cameras]
        context: Any = self._renderer.context
        self._pool = ThreadPoolExecutor(1)
        self._pages: list[Any] = [
            context.framebuffer(context.renderbuffer(_PAGE, 3), context.depth_renderbuffer(_PAGE))
            for _ in range(2)
        ]

    def close(self) -> None:
        self._pool.shutdown()
        self._renderer.close()

    def load(self, cast: Cast, chunk: int) -> None:
        """Take these people; they all come at one time of the site's day."""
        share = chunk * 0.618 % 1
        self._light = light_at(self._site.lights, share * (self._site.lights[-1].time + STEP))
        self._renderer.load_cast(cast.figures, cast.outfits)
        self._motion = cast.motion

    def film(
        self, camera: int, start: int, walks: Mapping[int, np.random.Generator], images: int
    ) -> Iterator[tuple[int, int, Image]]:
        """Cut-outs of people from a walk of each before a camera; `start` is the number of the first loaded."""
        view = self._views[camera]
        view.prepare(self._light)
        # While one page is drawn by the driver's threads, the next is prepared and the one before is developed.
        page, before = (_Page(target, view, self._renderer) for target in self._pages)
        developing: deque[Future[list[tuple[int, int, Image]]]] = deque()
        for person, generator in walks.items():
            page, before = before, page
            for index, posed in enumerate(self._walk(camera, person - start, images, generator)):
                box = self._box(view.camera, posed[0], generator)
                if not page.has_room(box):
                    developing += [before.finish(self._pool), page.finish(self._pool)]
                page.draw(posed, box, (person, index), generator.spawn(1)[0])
            # Where on a page something is drawn moves its edges a little: a page must not depend on other people.
            developing.append(before.finish(self._pool))
            while len(developing) > 2:
                yield from developing.popleft().result()
        developing.append(page.finish(self._pool))
        for future in developing:
            yield from future.result()

    def _walk(
        self, camera: int, person: int, images: int, generator: np.random.Generator
    ) -> Iterator[list[Posed]]:
        """A person, and perhaps somebody beside, at each moment of a walk."""
        middle, heading, speed, times = self._way(camera, images, generator)
        ways = [_straight(person, middle, heading, speed)]
        if generator.random() < _BESIDE:
            other = int(generator.integers(_CHUNK - 1))
            angle = float(generator.uniform(0, 2 * np.pi))
            aside = middle + generator.uniform(0.55, 1.1) * np.array([np.cos(angle), np.sin(angle)])
            towards = heading + float(generator.normal(0, 0.3)) + (np.pi if generator.random() < 0.3 else 0)
            ways.append(_straight(other + (other >= person), aside, towards, speed))
        moment = moments_of(ways * images, np.repeat(times, len(ways)))
        transforms = self._motion.pose(moment)
        for first in range(0, len(moment.people), len(ways)):
            yield [
                self._renderer.pose(int(moment.people[row]), transforms[row], coarse=True)
                for row in range(first, first + len(ways))
            ]

    def _way(self, camera: int, images: int, generator: np.random.Generator) -> tuple[Array, float, float, Array]:
        """Middle, heading and speed of a walk, and the times of its pictures; the camera sees them all."""
        spots = self._spots[camera]
        for attempt in range(1, _TRIES + 1):
            middle = spots[int(generator.integers(len(spots)))]
            heading = float(generator.uniform(0, 2 * np.pi))
            speed = float(np.clip(generator.normal(1.25, 0.2), 0.8, 1.8))
            if generator.random() < 0.15 or attempt == _TRIES:
                speed = 0.0
            span = min(_SECONDS - 0.2, 2.4 / max(speed, 0.6)) if images > 1 else 0.0
            since = np.linspace(-span / 2, span / 2, images)
            places = middle + speed * since[:, None] * np.array([np.cos(heading), np.sin(heading)])
            if visible(self._views[camera].camera, places, self._site.solids).all():
                break
        return middle, heading, speed, _SECONDS / 2 + since

    def _box(self, camera: Camera, one: Posed, generator: np.random.Generator) -> Box:
        """Left, top, right, bottom of a person, as of a detector, in the undistorted picture."""
        pixels, _ = replace(camera, distortion=0.0).project(one.vertices.astype(np.float64))
        low, high = pixels.min(0), pixels.max(0)
        size = high - low
        low = low + generator.normal(0, self._jitter, 2) * size * (1, 0.6)
        high = high + generator.normal(0, self._jitter, 2) * size * (1, 0.6)
        edge = np.asarray(camera.size)
        left, top = np.clip(np.floor(low), 0, edge - 24).astype(int).tolist()
        # Even, so that what is drawn falls on whole pixels of the background wherever it lies on the page.
        left, top = left - left % 2, top - top % 2
        right, bottom = np.clip(np.ceil(high), (left + 16, top + 24), edge).astype(int).tolist()
        right, bottom = right + right % 2, bottom + bottom % 2
        return left, top, min(right, left + _LARGEST[0]), min(bottom, top + _LARGEST[1])


class _Page:
    """Many cut-outs side by side, so that they are fetched at once."""

    def __init__(self, target: Any, view: View, renderer: Renderer) -> None:
        self._target = target
        self._view, self._renderer = view, renderer
        self._context: Any = renderer.context
        self._waiting: list[tuple[int, tuple[int, int], Box, tuple[int, int], np.random.Generator]] = []
        self._right = 0

    def has_room(self, box: Box) -> bool:
        return self._right + round(SUPER * (box[2] - box[0])) <= _PAGE[0]

    def draw(self, posed: Sequence[Posed], box: Box, key: tuple[int, int], generator: np.random.Generator) -> None:
        """Draw a part of the picture."""
        view, context = self._view, self._context
        left, top, right, bottom = box
        width, height = right - left, bottom - top
        self._target.use()
        drawn = round(SUPER * width), round(SUPER * height)
        self._target.viewport = (self._right, 0, *drawn)
        context.enable_only(moderngl.DEPTH_TEST)
        context.depth_func = "1"
        view.picture.use(0)
        view.depths.use(1)
        across, down = view.size
        corner = (left - view.window.left) / across, (top - view.window.top) / down
        self._renderer.cover(0, 1, (*corner, width / across, height / down))
        context.depth_func = "<"
        matrix = view_matrix(view.camera, Window(left, top, width, height))
        self._renderer.draw_people(posed, matrix, view.camera.place, view.gain)
        self._waiting.append((self._right, drawn, box, key, generator))
        self._right += drawn[0]

    def finish(self, pool: Executor) -> Future[list[tuple[int, int, Image]]]:
        """Fetch what was drawn and have it developed as the camera would; the page is empty afterwards."""
        waiting, right = self._waiting, self._right
        self._waiting, self._right = [], 0
        if not waiting:
            return pool.submit(list)
        rows = max(drawn[1] for _, drawn, _, _, _ in waiting)
        raw = self._target.read(viewport=(0, 0, right, rows), components=3, alignment=1)
        page = np.frombuffer(raw, np.uint8).reshape(rows, right, 3)
        return pool.submit(lambda: [self._developed(page, *one) for one in waiting])

    def _developed(
        self,
        page: Image,
        start: int,
        drawn: tuple[int, int],
        box: Box,
        key: tuple[int, int],
        generator: np.random.Generator,
    ) -> tuple[int, int, Image]:
        (left, top, right, bottom), (across, down) = box, drawn
        part = np.ascontiguousarray(page[:down, start : start + across])
        part = np.asarray(cv2.resize(part, (right - left, bottom - top), interpolation=cv2.INTER_AREA), np.uint8)
        frame = self._view.developed(part, (left, top), generator)
        quality = int(np.clip(120 - 2.2 * self._view.camera.look.crf, 30, 90))
        packed = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return *key, np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def _spots(site: Site, camera: Camera) -> Array:
    """(N, 2) places on the ways of the site where a camera sees a person whole and of a good size."""
    generator = np.random.default_rng(7)
    places = []
    for start, end, width in site.ways:
        a, b = np.array(site.places[start]), np.array(site.places[end])
        length = float(np.linalg.norm(b - a))
        if length < 0.1:
            continue
        aside = np.array([-(b - a)[1], (b - a)[0]]) / length
        share, off = generator.random((2, max(int(6 * length * width), 12)))
        places.append(a + share[:, None] * (b - a) + (off[:, None] - 0.5) * 0.8 * width * aside)
    spots = np.concatenate(places)
    spots = spots[visible(camera, spots, site.solids)]
    feet, depth = camera.project(np.column_stack([spots, np.zeros(len(spots))]))
    heads, _ = camera.project(np.column_stack([spots, np.full(len(spots), 1.8)]))
    height = np.abs(heads[:, 1] - feet[:, 1])
    size = np.asarray(camera.size)
    whole = ((feet > 8) & (feet < size - 4) & (heads > 4) & (heads < size - 8)).all(1) & (depth > 1)
    good = spots[whole & (height > _SMALLEST) & (height < _TALLEST)]
    if not len(good):
        raise SceneError(f"camera {camera.name}: sees nobody whole and of a good size")
    return good


def _straight(person: int, middle: Array, heading: float, speed: float) -> Trajectory:
    """A straight walk that is at the middle at half of its time; with speed 0 somebody stands."""
    times = np.arange(0, _SECONDS + 0.02, 0.04)
    travelled = speed * times
    ahead = np.array([np.cos(heading), np.sin(heading)])
    places = middle + (travelled - speed * _SECONDS / 2)[:, None] * ahead
    activity = Activity.WALK if speed > 0 else Activity.STAND
    return Trajectory(
        person, times, places, np.full(len(times), heading), travelled, np.full(len(times), activity, np.int8)
    )
