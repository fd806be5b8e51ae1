"""Pictures of what is rendered: a frame of each scene, a crowd, the same people in several cameras."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from world.camera import Camera, Look
from world.cast import draw_cast
from world.crops import crops_of
from world.renderer import Renderer
from world.scenes import SCENES
from world.site import Floor, Light, Site, Solid
from world.stage import Stage
from world.trajectory import Activity, Trajectory, moment_of
from world.view import View

Image = NDArray[np.uint8]
_MOMENT = 14.0  # seconds into each scene
_PEOPLE, _IN_A_ROW = 50, 10
_SAME, _CAMERAS = 6, 4
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 90]


def write_pictures(output: Path, seed: int, told: Callable[[Path], None]) -> None:
    """Write scenes.jpg, people.jpg and same_people.jpg into a folder."""
    output.mkdir(parents=True, exist_ok=True)
    for name, draw in (("scenes", scenes), ("people", people), ("same_people", same_people)):
        path = output / f"{name}.jpg"
        cv2.imwrite(str(path), draw(seed), _QUALITY)
        told(path)


def scenes(seed: int) -> Image:
    """A row for each scene: one moment in its first four cameras."""
    rows = []
    for name, scene in SCENES.items():
        generator = np.random.default_rng(seed)
        with Stage(scene, seed) as stage:
            frames = []
            for view in stage.views[:_CAMERAS]:
                posed = stage.posed(_MOMENT, view.camera)
                frame = cv2.resize(view.photograph(posed, stage.light(_MOMENT), generator), (480, 270))
                cv2.putText(frame, f"{name}: {view.camera.name}", (8, 20), 0, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
                frames.append(frame)
        frames += [np.full((270, 480, 3), 255, np.uint8)] * (_CAMERAS - len(frames))
        rows.append(np.hstack(frames))
    return np.asarray(np.vstack(rows), np.uint8)


def people(seed: int) -> Image:
    """Fifty people of one cast, each alone in front of a wall."""
    cast = draw_cast(_PEOPLE, seed)
    wall = Solid("plaster", (2.5, 0.0), (0.1, 20.0, 6.0), 0.0, 0.0, (0.5, 0.5, 0.49))
    floor = Floor("concrete", (-12.0, -10.0, 3.0, 10.0), (0.4, 0.4, 0.4))
    light = Light(towards=(-0.6, 0.4, 1.0))
    site = Site((floor,), (wall,), {}, (), (), (), (light,))
    look = Look(noise=1.0, blur=0.0, vignette=0.0)
    camera = Camera("studio", (-5.5, 0.0, 1.9), (0.0, 0.0, 0.92), 11.0, (150, 300), look=look)
    renderer = Renderer(site, cast.figures, cast.outfits)
    view = View(renderer, camera)
    generator = np.random.default_rng(seed)
    tiles = []
    for person in range(_PEOPLE):
        heading = float(generator.choice([np.pi, 0.75 * np.pi, 1.3 * np.pi, 0.4 * np.pi, 1.6 * np.pi, 0.1]))
        moment = moment_of([_walk(person, heading)], 2.0 + float(generator.uniform(-0.12, 0.12)))
        transforms = cast.motion.pose(moment)
        posed = [renderer.pose(person, transforms[0], coarse=False)]
        tiles.append(view.photograph(posed, light, generator))
    renderer.close()
    return _grid(tiles, _IN_A_ROW)


def same_people(seed: int) -> Image:
    """A row for each of six people: how four cameras see them, twice each."""
    chosen = [SCENES[name] for name in ("demo", "campus", "mall", "overlap")]
    found = {(c.person, c.camera, c.number): c.image for c in crops_of(chosen, range(_SAME), _CAMERAS, 2, seed)}
    tiles = [np.asarray(cv2.resize(found[key], (128, 256)), np.uint8) for key in sorted(found)]
    return _grid(tiles, 2 * _CAMERAS)


def _walk(person: int, heading: float) -> Trajectory:
    times = np.arange(0, 4.02, 0.04)
    travelled = 1.25 * times
    places = (travelled - 2.5)[:, None] * np.array([np.cos(heading), np.sin(heading)])
    activities = np.full(len(times), Activity.WALK, np.int8)
    return Trajectory(person, times, places, np.full(len(times), heading), travelled, activities)


def _grid(tiles: Iterable[Image], across: int) -> Image:
    every = list(tiles)
    rows = [np.hstack(every[start : start + across]) for start in range(0, len(every), across)]
    return np.asarray(np.vstack(rows), np.uint8)
