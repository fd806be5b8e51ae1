"""The clips that `make demo` runs on: rendered, with truth, and with detections like those of a real detector.

    python -m benchmarks.demo_videos demo_videos --seed 1

The detections are made from the truth: the sides of the boxes shake, people who show little are missed, and a few
boxes are on nobody. The same seed gives the same files. Needs requirements-world.txt; running the demo does not.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from benchmarks.rendered import Box, Sight, find_scene, record_scene, row_of, sights_of, write_rows
from pipeline.errors import HandoffError

if TYPE_CHECKING:
    from world.camera import Camera
    from world.site import Scene

LIMIT = 12.0  # MB of the folder


@dataclass(frozen=True, slots=True)
class Errors:
    """How the detections differ from the truth.

    Attributes:
        jitter: standard deviation of a side, as a share of the box's height.
        hidden: share of the body that shows up to which nobody is found.
        clear: share from which only `missed` counts; between the two the chance rises evenly.
        missed: share of the people in clear view who are not found.
        false: boxes on nobody, a frame.
        blinking: standard deviation of the score.
    """

    jitter: float = 0.012
    hidden: float = 0.2
    clear: float = 0.5
    missed: float = 0.03
    false: float = 0.03
    blinking: float = 0.05


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", default=1, show_default=True, help="Of people, ways, noise and the detector's errors.")
@click.option("--seconds", type=click.FloatRange(min=1), help="Cut the clips to this length.")
def main(folder: Path, seed: int, seconds: float | None) -> None:
    """Write clips, cams.yaml, truth/ and detections/ into a folder."""
    try:
        sizes = write_demo_videos(folder, find_scene("demo", seconds), seed)
    except HandoffError as error:
        sys.exit(f"error: {error}")
    for path, size in sizes.items():
        print(f"{size / 1e6:8.3f} MB  {path}")
    print(f"{sum(sizes.values()) / 1e6:8.3f} MB  in all, of at most {LIMIT:g}")


def write_demo_videos(folder: Path, scene: Scene, seed: int) -> dict[str, int]:
    """Render a scene into a folder, without the truth that nobody needs for the demo.

    Returns:
        The size of each file in bytes, by its path in the folder.

    Raises:
        HandoffError: if this machine cannot render or the files exceed `LIMIT`; nothing is replaced then.
    """
    with tempfile.TemporaryDirectory(prefix="demo-videos-") as name:
        rendered = Path(name)
        record_scene(scene, seed, rendered, _told)
        for number, camera in enumerate(scene.cameras):
            rng = np.random.default_rng([seed, number])
            rows = list(detections(sights_of(rendered, camera.name), camera, scene.seconds, rng))
            write_rows(rendered / "detections" / f"{camera.name}.txt", rows)
        sizes = {path: (rendered / path).stat().st_size for path in _wanted(scene)}
        total = sum(sizes.values()) / 1e6
        if total > LIMIT:
            raise HandoffError(f"{folder}: the files have {total:.1f} MB, more than {LIMIT:g}; raise Look.crf")
        for path in sizes:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(rendered / path, folder / path)
    return sizes


def detections(
    sights: list[Sight], camera: Camera, seconds: float, rng: np.random.Generator, errors: Errors | None = None
) -> Iterator[str]:
    """MOT rows of what a detector finds, in order of frames.

    Args:
        sights: who shows, in order of frames.
        camera: whose clip it is.
        seconds: length of the clip.
        rng: draws the errors.
        errors: how large they are.
    """
    errors = errors or Errors()
    of_frame: dict[int, list[Sight]] = {}
    for sight in sights:
        of_frame.setdefault(sight.frame, []).append(sight)
    for frame in range(1, round(seconds * camera.fps) + 1):
        for sight in of_frame.get(frame, []):
            chance = (sight.visibility - errors.hidden) / (errors.clear - errors.hidden)
            found = rng.random() < min(chance, 1.0) * (1 - errors.missed)
            shift = rng.normal(0, errors.jitter, 4) * (sight.box[3] - sight.box[1])
            score = 0.4 + 0.5 * sight.visibility + rng.normal(0, errors.blinking)
            if found:
                yield row_of(frame, _inside(np.array(sight.box) + shift, camera), float(np.clip(score, 0.2, 0.97)))
        if rng.random() < errors.false:
            yield row_of(frame, _anywhere(camera, rng), float(rng.uniform(0.15, 0.6)))


def _inside(box: np.ndarray[tuple[int, ...], np.dtype[np.float64]], camera: Camera) -> Box:
    left, top, right, bottom = np.clip(box, 0, np.tile(camera.size, 2)).tolist()
    return left, top, max(right, left + 1.0), max(bottom, top + 1.0)


def _anywhere(camera: Camera, rng: np.random.Generator) -> Box:
    """A box of a person's shape that lies in the picture."""
    width, height = camera.size
    tall = rng.uniform(0.15, 0.4) * height
    left, top = rng.uniform(0, width - 0.4 * tall), rng.uniform(0.1 * height, height - tall)
    return float(left), float(top), float(left + 0.4 * tall), float(top + tall)


def _wanted(scene: Scene) -> list[str]:
    names = [camera.name for camera in scene.cameras]
    clips = [f"{name}.mp4" for name in names]
    rows = [f"{part}/{name}.txt" for part in ("detections", "truth") for name in names]
    return ["cams.yaml", *clips, *rows, "truth/transits.csv"]


def _told(camera: str, done: int, total: int) -> None:
    if done == total:
        print(f"{camera}: {total} frames rendered", flush=True)


if __name__ == "__main__":
    main()
