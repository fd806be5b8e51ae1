"""Pictures with boxes for training a person detector: rendered ones, and real ones with a teacher's boxes.

A folder of them holds ``images/NAME.jpg`` and ``labels/NAME.txt``, as ultralytics reads them: a row "0 x y w h"
for a person, middle and size of the box as shares of the picture. Boxes hold the part of a person that shows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from benchmarks.clip_frames import frames_of
from benchmarks.rendered import find_scene, rendering
from pipeline.errors import SourceError
from pipeline.frames import Image

if TYPE_CHECKING:
    from pipeline.detectors.base import Detector
    from world.camera import Camera
    from world.site import Light, Scene

Boxes = npt.NDArray[np.float32]
Triple = tuple[float, float, float]

LEAST_VISIBLE = 0.25  # share of the body from which a rendered person is labelled
LEAST_HEIGHT = 14.0  # pixels of a labelled box
_QUALITY = 92  # of the JPEG files; training degrades pictures further
_SECONDS = 30.0  # of the walks of which moments are drawn
_FIRST = 4.0  # seconds until people have come in
_SIZES = ((640, 360), (640, 360), (640, 480), (720, 576))
_GREY = 114


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A picture (H, W, 3) uint8 BGR and the boxes (N, 4) x1 y1 x2 y2 of its people, in its pixels."""

    name: str
    image: Image
    boxes: Boxes


def rendered_frames(scene_name: str, seed: int, views: int, moments: int) -> Iterator[Labelled]:
    """Moments of a scene, far apart, in cameras that hang and look differently than those of the scene.

    Args:
        scene_name: of `world.scenes`.
        seed: of people, ways, light, cameras and moments; the same gives the same pictures.
        views: how many cameras, the scene's in turn, varied.
        moments: pictures of each camera.

    Raises:
        HandoffError: if there is no such scene, or this machine cannot render; says what to install.
    """
    rng = np.random.default_rng([seed, 17])
    scene = varied(find_scene(scene_name), rng, views)
    with rendering(scene_name, seed):
        from world.stage import Stage

        with Stage(scene, seed) as stage:
            for number, view in enumerate(stage.views):
                times = np.sort(rng.uniform(_FIRST, scene.seconds - 0.1, moments)).tolist()
                for index, moment in enumerate(times):
                    posed = stage.posed(moment, view.camera)
                    image = view.photograph(posed, stage.light(moment), rng)
                    boxes = [
                        seen.visible_box
                        for seen in view.truth(posed)
                        if seen.visibility >= LEAST_VISIBLE
                        and seen.visible_box[3] - seen.visible_box[1] >= LEAST_HEIGHT
                    ]
                    name = f"{scene_name}-{seed}-{number}-{index}"
                    yield Labelled(name, image, np.array(boxes, np.float32).reshape(-1, 4))


def varied(scene: Scene, rng: np.random.Generator, views: int) -> Scene:
    """A scene with other light, more or fewer people, and so many cameras that differ from its own."""
    gain = float(np.exp(rng.normal(0, 0.25)))
    lights = tuple(_other_light(light, gain, rng) for light in scene.site.lights)
    cameras = [_other_camera(scene.cameras[index % len(scene.cameras)], index, rng) for index in range(views)]
    return dataclasses.replace(
        scene,
        site=dataclasses.replace(scene.site, lights=lights),
        cameras=tuple(cameras),
        seconds=_SECONDS,
        people=int(rng.integers(10, 36)),
        common=float(rng.uniform(0.1, 0.6)),
        uniforms=float(rng.choice([0.0, 0.0, 0.3])),
        pairs=float(rng.uniform(0.1, 0.4)),
        overlapping=(),
        dropped=0.0,
        gaps=(),
    )


def teacher_frames(clip: Path, teacher: Detector, every: int, sure: float = 0.5) -> Iterator[Labelled]:
    """Every so many-th frame of a clip with the boxes that another detector is sure of.

    What it is not sure of is neither a person nor background: those boxes are painted grey.

    Args:
        clip: a video file.
        teacher: finds people with scores down to a low one.
        every: frames from one picture to the next.
        sure: score from which a box is a label.

    Raises:
        SourceError: if the clip cannot be read.
    """
    for frame in frames_of(clip, every):
        found = teacher.detect([frame])[0]
        certain = found.scores >= sure
        kept = np.asarray(found.boxes[certain], np.float32)
        painted = without(frame.image, np.asarray(found.boxes[~certain], np.float32), kept)
        yield Labelled(f"{clip.stem}-{frame.index:05d}", painted, kept)


def without(image: Image, unsure: Boxes, kept: Boxes) -> Image:
    """A copy in which the unsure boxes are grey, except where they lie in a kept one."""
    painted = image.copy()
    for left, top, right, bottom in unsure.astype(int):
        painted[top : bottom + 1, left : right + 1] = _GREY
    for left, top, right, bottom in kept.astype(int):
        painted[top : bottom + 1, left : right + 1] = image[top : bottom + 1, left : right + 1]
    return painted


def write(folder: Path, frame: Labelled) -> None:
    """Write a picture and its labels; the labels last, so that a picture with labels is complete."""
    import cv2

    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    height, width = frame.image.shape[:2]
    path = folder / "images" / f"{frame.name}.jpg"
    if not cv2.imwrite(str(path), frame.image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]):
        raise SourceError(f"{path}: cannot be written; free some space, or choose another folder")
    size = np.array([width, height, width, height], np.float32)
    shares = np.clip(frame.boxes / size, 0, 1)
    lines = [
        f"0 {(left + right) / 2:.6f} {(top + bottom) / 2:.6f} {right - left:.6f} {bottom - top:.6f}\n"
        for left, top, right, bottom in shares
    ]
    (folder / "labels" / f"{frame.name}.txt").write_text("".join(lines), encoding="ascii")


def read(folders: Sequence[Path]) -> list[Labelled]:
    """All pictures with labels of some folders, in order of their names.

    Raises:
        SourceError: if there are none, or one cannot be read.
    """
    import cv2

    paths = [path for folder in folders for path in sorted((folder / "labels").glob("*.txt"))]
    if not paths:
        raise SourceError(f"{', '.join(map(str, folders))}: no labels/*.txt; make pictures first")
    frames = []
    for path in paths:
        picture = path.parent.parent / "images" / f"{path.stem}.jpg"
        image = cv2.imread(str(picture))
        if image is None:
            raise SourceError(f"{picture}: cannot be read; delete {path} or make the pictures again")
        rows = np.array([line.split() for line in path.read_text("ascii").splitlines()], np.float32).reshape(-1, 5)
        size = np.tile(np.array(image.shape[1::-1], np.float32), 2)
        half = rows[:, 3:] / 2
        boxes = np.concatenate([rows[:, 1:3] - half, rows[:, 1:3] + half], 1) * size
        frames.append(Labelled(path.stem, np.asarray(image, np.uint8), boxes))
    return frames


def _other_light(light: Light, gain: float, rng: np.random.Generator) -> Light:
    tint = np.exp(rng.normal(0, 0.06, 3))

    def other(colour: Triple) -> Triple:
        red, green, blue = (np.array(colour) * gain * tint * np.exp(rng.normal(0, 0.15))).tolist()
        return red, green, blue

    direct, sky, ground = other(light.direct), other(light.sky), other(light.ground)
    angle = rng.uniform(0, 2 * np.pi)
    towards = (float(np.cos(angle)), float(np.sin(angle)), float(rng.uniform(0.5, 2.0)))
    softness = float(np.clip(light.softness + rng.normal(0, 0.4), 0, 1))
    return dataclasses.replace(light, towards=towards, direct=direct, sky=sky, ground=ground, softness=softness)


def _other_camera(camera: Camera, number: int, rng: np.random.Generator) -> Camera:
    """A camera near another one, nearer to what that looks at, with another lens and picture."""
    from world.camera import Look

    place, target = np.array(camera.place), np.array(camera.target)
    nearer = place + (target - place) * rng.uniform(0, 0.3) * (1, 1, 0)
    nearer[2] = np.clip(place[2] + rng.normal(0, 0.7), 1.7, 6.0)
    aside = target + rng.normal(0, (1.2, 1.2, 0.3))
    look = Look(
        exposure=float(np.exp(rng.normal(0.03, 0.22))),
        warmth=float(rng.normal(0, 0.4)),
        saturation=float(np.clip(rng.normal(0.95, 0.25), 0.1, 1.5)),
        contrast=float(np.clip(rng.normal(0.97, 0.1), 0.7, 1.1)),
        noise=float(rng.uniform(0.5, 5)),
        blur=float(rng.uniform(0.3, 1.2)),
        vignette=float(rng.uniform(0, 0.3)),
    )
    return dataclasses.replace(
        camera,
        name=f"view{number}",
        place=tuple(nearer.tolist()),
        target=tuple(aside.tolist()),
        field_of_view=float(rng.uniform(48, 84)),
        size=_SIZES[int(rng.integers(len(_SIZES)))],
        distortion=camera.distortion * float(rng.uniform(0, 1)),
        clock=0.0,
        look=look,
    )
