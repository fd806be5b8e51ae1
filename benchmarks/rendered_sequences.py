"""Sequences from rendered scenes: each camera of a scene and seed is one.

The clips go through the program's sources, so that lost frames are gaps in time, and through the detector and the
embedders of `benchmarks.filmed_sequences`. The truth counts whom the world's own truth counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Several
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.filmed_sequences import read_clip, sequence_of
from benchmarks.rendered import Sight, find_scene, render, sights_of
from benchmarks.sequence import Rows, Sequence, Split
from pipeline.errors import TruthError

if TYPE_CHECKING:
    from world.site import Scene

SEEDS: dict[int, Split] = {**dict.fromkeys(range(10), "tune"), 20: "report", 21: "report"}


@dataclass(frozen=True, slots=True)
class Part:
    """What is rendered of a scene.

    Attributes:
        scene: its name.
        cameras: names; people then walk where these look.
        seconds: length of the clips.
        seeds: and the split of each.
    """

    scene: str
    cameras: tuple[str, ...]
    seconds: float
    seeds: Mapping[int, Split] = field(default_factory=lambda: SEEDS)


PARTS = (
    Part("mall", ("atrium", "food", "parking"), 12.0),
    Part("lookalikes", ("atrium", "food", "entrance"), 16.0),
    Part("lowfps", ("hall", "shop", "street"), 40.0),
    Part("drop", ("passage", "platform"), 36.0),
    Part("crowd", ("west", "east"), 8.0, {0: "tune", 20: "report"}),
)


def rendered_sequence(name: str, split: Split, part: Part, seed: int, camera: str, clips: Path) -> Sequence:
    """A camera of a scene; its clips are rendered unless they are there.

    Args:
        name: of the sequence.
        split: of the sequence.
        part: of a scene.
        seed: of the scene.
        camera: one of the part's.
        clips: folder with a folder for each scene and seed.

    Raises:
        HandoffError: if this machine cannot render, or truth and clip do not agree.
    """
    folder = clips / f"{part.scene}-{seed}"
    render(scene_of(part), seed, folder)
    return folder_sequence(name, split, folder, camera)


def scene_of(part: Part) -> Scene:
    """The scene with the part's cameras and length."""
    scene = find_scene(part.scene, part.seconds)
    return replace(scene, cameras=tuple(camera for camera in scene.cameras if camera.name in part.cameras))


def folder_sequence(name: str, split: Split, folder: Path, camera: str) -> Sequence:
    """A camera of a folder of rendered clips.

    Raises:
        TruthError: if the truth has frames that the clip has not.
    """
    reading = read_clip(folder / f"{camera}.mp4")
    sights = sights_of(folder, camera)
    last = max((sight.frame for sight in sights), default=0)
    if last > len(reading.times):
        raise TruthError(f"{folder}: the truth of {camera} has frame {last}, the clip only {len(reading.times)}")
    return sequence_of(name, split, reading, rows_of(sights))


def rows_of(sights: Several[Sight]) -> Rows:
    """(G, 7) frame, person, box of what shows, visibility."""
    rows = [(sight.frame, sight.person, *sight.box, sight.visibility) for sight in sights]
    return np.array(rows, np.float32).reshape(-1, 7)
