"""Rendered scenes in folders: made once for each scene, seed and length; and detections made from their truth."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import ConfigError, HandoffError, TruthError
from pipeline.motfile import format_mot_row, read_mot

if TYPE_CHECKING:
    from world.site import Scene

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels

MARK = "render.json"  # which scene, seed and length the clips of a folder are of; written when they are complete
_SIDES = ("left", "top", "right", "bottom")

log = logging.getLogger("handoff.rendered")


@dataclass(frozen=True, slots=True)
class Sight:
    """Somebody whom the truth counts, in one frame.

    Attributes:
        frame: from 1.
        person: the truth's id.
        box: of the part of the body that shows.
        visibility: share of the body that shows, 0 to 1.
    """

    frame: int
    person: int
    box: Box
    visibility: float


def find_scene(name: str, seconds: float | None = None) -> Scene:
    """A scene by its name, cut short where it is longer.

    Raises:
        ConfigError: if there is none of that name.
    """
    from world.scenes import SCENES

    if name not in SCENES:
        raise ConfigError(f"--scene {name}: there is no such scene; there are: {', '.join(SCENES)}")
    scene = SCENES[name]
    return scene if seconds is None else replace(scene, seconds=min(seconds, scene.seconds))


def render(scene: Scene, seed: int, folder: Path) -> bool:
    """Render clips, cams.yaml and truth/ into a folder, unless these are there already.

    Returns:
        Whether it rendered.

    Raises:
        HandoffError: if this machine cannot render; says what to install.
    """
    mark = folder / MARK
    scene_hash = hashlib.sha256(repr(scene).encode()).hexdigest()
    wanted = {"scene": scene.name, "seed": seed, "seconds": scene.seconds, "sha256": scene_hash}
    if mark.exists() and json.loads(mark.read_text(encoding="utf-8")) == wanted:
        return False
    mark.unlink(missing_ok=True)
    started = time.perf_counter()
    log.info("%s, seed %d: rendering %d clips of %g s", scene.name, seed, len(scene.cameras), scene.seconds)
    record_scene(scene, seed, folder)
    mark.write_text(json.dumps(wanted) + "\n", encoding="utf-8")
    log.info("%s, seed %d: rendered in %.0f s", scene.name, seed, time.perf_counter() - started)
    return True


def record_scene(
    scene: Scene, seed: int, folder: Path, progress: Callable[[str, int, int], None] | None = None
) -> None:
    """`world.record.record`, with what this machine lacks as an error for users.

    Raises:
        HandoffError: says what to install.
    """
    with rendering(scene.name, seed):
        from world.record import record

        record(scene, seed, folder, progress)


@contextmanager
def rendering(scene: str, seed: int) -> Iterator[None]:
    """Turn what this machine lacks for rendering into an error for users; import the renderer inside.

    Args:
        scene: its name, for the message.
        seed: likewise.

    Raises:
        HandoffError: if a package or the graphics are missing; says what to install.
    """
    from world.errors import WorldError

    try:
        yield
    except ModuleNotFoundError as error:
        raise HandoffError(
            f"scenes cannot be rendered: the package {error.name} is not installed; "
            "pip install -r requirements-world.txt"
        ) from None
    except WorldError as error:
        raise HandoffError(f"{scene}, seed {seed}: {error}") from None


def sights_of(folder: Path, camera: str) -> list[Sight]:
    """Everybody whom the truth of a rendered camera counts, in the order of its rows."""
    truth = read_mot(folder / "truth" / f"{camera}.txt")
    counted = {(int(f), int(p)) for f, p, flag in zip(truth.frame, truth.id, truth.score, strict=True) if flag}
    path = folder / "truth" / "details" / f"{camera}.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [_sight(row) for row in csv.DictReader(file)]
    except OSError as error:
        raise TruthError(f"{path}: cannot be read ({error.strerror}); delete {folder / MARK} and render") from None
    return [row for row in rows if (row.frame, row.person) in counted]


def perfect_rows(sights: Iterable[Sight]) -> list[str]:
    """MOT rows of a detector that finds exactly the parts that show."""
    return [row_of(sight.frame, sight.box, 1.0) for sight in sights]


def row_of(frame: int, box: Box, score: float) -> str:
    """A detection as a MOT row."""
    left, top, right, bottom = box
    return format_mot_row(frame, -1, left, top, right - left, bottom - top, score)


def write_rows(path: Path, rows: Sequence[str]) -> None:
    """Write MOT rows; the folder is made if it does not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="ascii", newline="\n")


def _sight(row: dict[str, str]) -> Sight:
    left, top, right, bottom = (float(row[f"visible_{side}"]) for side in _SIDES)
    box = (left, top, right, bottom)
    return Sight(int(row["frame"]), int(row["person"]), box, float(row["visibility"]))
