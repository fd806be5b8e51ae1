"""Renders a scene to clips, with cams.yaml and everything that is true about them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from world.camera import Camera
from world.clip import Clip
from world.sight import Link, Sighting, links_of, transits_of
from world.site import Scene
from world.stage import Stage
from world.view import Seen, View

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # the clock of every camera shows it when the scene begins
LEAST_VISIBLE = 0.25  # share of the body from which the truth counts a person
LEAST_HEIGHT = 24.0  # pixels, likewise
_AWAY = 1.0  # seconds: shorter absences do not end a sighting

Progress = Callable[[str, int, int], None]  # camera, frames done, frames in all


@dataclass(frozen=True, slots=True)
class Row:
    """One person in one frame, from 1."""

    frame: int
    time: float
    seen: Seen

    @property
    def counts(self) -> bool:
        """Whether a result that lacks this person is wrong."""
        return self.seen.visibility >= LEAST_VISIBLE and self.seen.box[3] - self.seen.box[1] >= LEAST_HEIGHT


def record(scene: Scene, seed: int, output: Path, progress: Progress | None = None) -> None:
    """Write `<camera>.mp4`, cams.yaml and truth/ into a folder.

    Args:
        scene: what is rendered.
        seed: of people, ways and noise; the same gives the same files.
        output: is created.
        progress: told after each frame.
    """
    (output / "truth" / "details").mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[Row]] = {}
    with Stage(scene, seed) as stage:
        for number, view in enumerate(stage.views):
            generator = np.random.default_rng([seed, 2, number])
            path = output / f"{view.camera.name}.mp4"
            rows[view.camera.name] = _record(stage, view, path, generator, progress)
        _write_trajectories(output / "truth" / "trajectories.csv", stage)
    for name, of_camera in rows.items():
        _write_rows(output / "truth" / f"{name}.txt", of_camera)
        _write_details(output / "truth" / "details" / f"{name}.csv", of_camera)
    sightings = sightings_of(rows)
    links = links_of(scene, sightings)
    _write_transits(output / "truth" / "transits.csv", sightings)
    (output / "cams.yaml").write_text(_cams_yaml(scene, seed, links), encoding="utf-8")


def frame_times(scene: Scene, camera: Camera, generator: np.random.Generator) -> list[float]:
    """Seconds of the site at which a camera takes the frames that it does not lose."""
    count = int(np.floor(scene.seconds * camera.fps + 1e-6))
    times = np.arange(count) / camera.fps
    kept = generator.random(count) >= scene.dropped
    kept[0] = True  # the first frame is when the clip begins
    for name, since, until in scene.gaps:
        if name == camera.name:
            kept &= (times < since) | (times >= until)
    return [float(time) for time in times[kept]]


def sightings_of(rows: dict[str, list[Row]]) -> list[Sighting]:
    """When people were in which view, from the rows that count."""
    found = []
    for camera, of_camera in rows.items():
        moments: dict[int, list[float]] = {}
        for row in of_camera:
            if row.counts:
                moments.setdefault(row.seen.person, []).append(row.time)
        for person, times in sorted(moments.items()):
            breaks = np.flatnonzero(np.diff(times) > _AWAY)
            starts, ends = [0, *(breaks + 1)], [*breaks, len(times) - 1]
            found += [Sighting(camera, person, times[a], times[b]) for a, b in zip(starts, ends, strict=True)]
    return found


def _record(
    stage: Stage, view: View, path: Path, generator: np.random.Generator, progress: Progress | None
) -> list[Row]:
    camera = view.camera
    times = frame_times(stage.scene, camera, generator)
    rows: list[Row] = []
    with Clip(path, camera.size, camera.fps, camera.look.crf) as clip, ThreadPoolExecutor(1) as encoder:
        waiting: Any = None
        for number, time in enumerate(times, 1):
            posed = stage.posed(time, camera)
            frame = view.photograph(posed, stage.light(time), generator)
            rows += [Row(number, time, seen) for seen in view.truth(posed) if seen.visibility > 0]
            if waiting is not None:
                waiting.result()
            waiting = encoder.submit(clip.write, frame, time)
            if progress is not None:
                progress(camera.name, number, len(times))
        if waiting is not None:
            waiting.result()
    return rows


def _write_rows(path: Path, rows: Sequence[Row]) -> None:
    """MOT truth of what shows: frame, id, left, top, width, height, whether it counts, class 1, visibility."""
    lines = []
    for row in rows:
        left, top, right, bottom = row.seen.visible_box
        box = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
        lines.append(f"{row.frame},{row.seen.person + 1},{box},{int(row.counts)},1,{row.seen.visibility:.3f}\n")
    path.write_text("".join(lines), encoding="utf-8")


def _write_details(path: Path, rows: Sequence[Row]) -> None:
    header = ["frame", "time", "person", *(f"{side}" for side in ("left", "top", "right", "bottom"))]
    header += [f"visible_{side}" for side in ("left", "top", "right", "bottom")] + ["visibility", "depth"]
    _write_table(path, header, (_detail(row) for row in rows))


def _detail(row: Row) -> list[object]:
    boxes = [f"{value:.2f}" for value in (*row.seen.box, *row.seen.visible_box)]
    return [
        row.frame,
        f"{row.time:.3f}",
        row.seen.person + 1,
        *boxes,
        f"{row.seen.visibility:.3f}",
        f"{row.seen.depth:.2f}",
    ]


def _write_transits(path: Path, sightings: Sequence[Sighting]) -> None:
    rows = (
        [
            before.person + 1,
            before.camera,
            after.camera,
            f"{before.end:.3f}",
            f"{after.start:.3f}",
            f"{after.start - before.end:.3f}",
        ]
        for before, after in transits_of(sightings)
    )
    _write_table(path, ["person", "from", "to", "left", "appeared", "seconds"], rows)


def _write_trajectories(path: Path, stage: Stage) -> None:
    """Five places a second of everybody."""

    def rows() -> Iterator[list[object]]:
        for trajectory in stage.trajectories:
            for index in range(0, len(trajectory.times), 5):
                x, y = trajectory.places[index]
                moment = f"{trajectory.times[index]:.2f}"
                yield [trajectory.person + 1, moment, f"{x:.3f}", f"{y:.3f}", f"{trajectory.headings[index]:.3f}"]

    _write_table(path, ["person", "time", "x", "y", "heading"], rows())


def _write_table(path: Path, header: Sequence[str], rows: Iterator[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _cams_yaml(scene: Scene, seed: int, links: Sequence[Link]) -> str:
    cameras = [
        {
            "name": camera.name,
            "source": f"{camera.name}.mp4",
            "start": (START + timedelta(seconds=camera.clock)).isoformat().replace("+00:00", "Z"),
        }
        for camera in scene.cameras
    ]
    ways = [_link(link) for link in links]
    text = f"# Scene {scene.name}, seed {seed}: {scene.summary}\n"
    return text + yaml.safe_dump({"cameras": cameras, "links": ways}, sort_keys=False, default_flow_style=None)


def _link(link: Link) -> dict[str, object]:
    ends: dict[str, object] = {"from": link.source, "to": link.target}
    return ends | ({"overlap": True} if link.overlapping else {"seconds": [link.shortest, link.longest]})
