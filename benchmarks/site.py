"""`run.py benchmark site`: the pipeline over rendered scenes and seeds, scored against their exact truth.

For each scene and seed, the clips are rendered once and run with perfect boxes (the parts of people that show,
from the truth) and, where weights are given, with a real detector. Each run is scored as `run.py evaluate` does.
The table gives the mean over the seeds with the 95 % confidence interval of Student's t.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.rendered import find_scene, perfect_rows, render, sights_of, write_rows
from pipeline import config
from pipeline.build import build
from pipeline.detectors.recorded import RecordedSettings
from pipeline.errors import ConfigError, HandoffError, SourceError
from pipeline.evaluate import Evaluation, evaluate_run

if TYPE_CHECKING:
    from rich.table import Table

    from world.site import Scene

PERFECT, DETECTED = "perfect", "detected"
ALL = "all"  # the row over the scenes
MEASURES = {
    "camera_hota": "cameras\nHOTA",
    "camera_idf1": "cameras\nIDF1",
    "hota": "site\nHOTA",
    "idf1": "site\nIDF1",
    "mota": "site\nMOTA",
}
_LEVEL = 0.95

log = logging.getLogger("handoff.benchmark")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        scenes: names.
        seeds: how many, from 1.
        output: for clips and runs.
        seconds: length to which longer scenes are cut.
        detector: weights; None: perfect boxes only.
        embedder: OSNet weights; None: colour stripes.
        preset: None: `default` with embedder weights, else `demo`.
        changes: of settings, as for a run.
    """

    scenes: tuple[str, ...]
    seeds: int
    output: Path
    seconds: float | None = None
    detector: str | None = None
    embedder: str | None = None
    preset: str | None = None
    changes: tuple[str, ...] = ()

    @property
    def boxes(self) -> tuple[str, ...]:
        """Where boxes come from."""
        return (PERFECT, DETECTED) if self.detector else (PERFECT,)


@dataclass(frozen=True, slots=True)
class Result:
    """The scores of one run, rates from 0 to 1.

    Attributes:
        camera_hota: mean over the cameras, of the ids of their tracks; so is camera_idf1.
        hota: of the identities over all cameras; so are idf1 and mota.
    """

    scene: str
    boxes: str
    seed: int
    camera_hota: float
    camera_idf1: float
    hota: float
    idf1: float
    mota: float


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: one value a seed for each of `MEASURES`."""

    scene: str
    boxes: str
    values: Mapping[str, Sequence[float]]


def measure(plan: Plan) -> list[Result]:
    """Render what is missing, run, score.

    Raises:
        HandoffError: if something is missing; before anything is rendered, as far as it can be known.
    """
    scenes = [find_scene(name, plan.seconds) for name in dict.fromkeys(plan.scenes)]
    _check(plan)
    if not log.isEnabledFor(logging.DEBUG):
        for package in ("pipeline", "reid"):  # what each run would say again
            logging.getLogger(package).setLevel(logging.WARNING)
    seeds = range(1, plan.seeds + 1)
    return [result for scene in scenes for seed in seeds for result in _measure(plan, scene, seed)]


def rows_of(results: Sequence[Result]) -> list[Row]:
    """Results by scene and boxes; with several scenes also their mean, seed by seed."""
    rows = []
    scenes = list(dict.fromkeys(result.scene for result in results))
    kinds = list(dict.fromkeys(result.boxes for result in results))
    for scene in scenes:
        for boxes in kinds:
            own = [asdict(result) for result in results if (result.scene, result.boxes) == (scene, boxes)]
            rows.append(Row(scene, boxes, {name: [one[name] for one in own] for name in MEASURES}))
    if len(scenes) > 1:
        for boxes in kinds:
            own_rows = [row for row in rows if row.boxes == boxes]
            values = {name: np.mean([row.values[name] for row in own_rows], axis=0).tolist() for name in MEASURES}
            rows.append(Row(ALL, boxes, values))
    return rows


def interval(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and half the width of its 95 % confidence interval (Student's t); None for a single value."""
    from scipy.special import stdtrit

    count = len(values)
    if count < 2:
        return float(np.mean(values)), None
    error = float(np.std(values, ddof=1)) / float(np.sqrt(count))
    return float(np.mean(values)), float(stdtrit(count - 1, (1 + _LEVEL) / 2)) * error


def table(rows: Sequence[Row]) -> Table:
    """For a terminal; rates in percent."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    seeds = len(next(iter(rows[0].values.values())))
    how = f"mean of {seeds} seeds ± half of the 95 % interval" if seeds > 1 else "one seed, so no interval"
    result = Table(title=f"Rates in %; {how}", title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=0)
    result.add_column("scene", no_wrap=True)
    result.add_column("boxes", no_wrap=True)
    for heading in MEASURES.values():
        result.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        cells = (_cell(row.values[name]) for name in MEASURES)
        result.add_row(row.scene, row.boxes, *cells, style="bold" if row.scene == ALL else None)
    return result


def to_dict(plan: Plan, rows: Sequence[Row]) -> dict[str, Any]:
    """Plain data for JSON: rates from 0 to 1."""
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(plan).items()}
    return {"settings": settings, "rows": [_row_dict(row) for row in rows]}


def _row_dict(row: Row) -> dict[str, Any]:
    data: dict[str, Any] = {"scene": row.scene, "boxes": row.boxes}
    for name, values in row.values.items():
        mean, half = interval(values)
        data[name] = {"seeds": list(values), "mean": mean, "half_interval": half}
    return data


def _cell(values: Sequence[float]) -> str:
    mean, half = interval(values)
    return f"{100 * mean:.1f}" if half is None else f"{100 * mean:.1f} ± {100 * half:.1f}"


def _check(plan: Plan) -> None:
    """Build the models once: what is wrong with weights or settings shows before minutes of rendering."""
    if plan.detector is None and (without := [c for c in plan.changes if c.startswith("detector.")]):
        raise ConfigError(f"--set {without[0]}: perfect boxes need no detector; add --detector-weights")
    for boxes in plan.boxes:
        processing = config.load_processing(_preset(plan), _changes(plan, boxes, plan.output))
        if not isinstance(processing.detector, RecordedSettings):
            processing.detector.build().close()
    processing.embedder.build().close()


def _preset(plan: Plan) -> str:
    return plan.preset or (config.DEFAULT if plan.embedder else "recorded")


def _changes(plan: Plan, boxes: str, detections: Path) -> list[str]:
    """The settings of a run: what the plan decides, then what the user changes."""
    perfect = boxes == PERFECT
    found = ["detector.type=recorded", f"detector.folder={detections}"]
    if not perfect:
        found = ["detector.type=yolo", f"detector.weights={plan.detector}"]
    looks = ["embedder.type=osnet", f"embedder.weights={plan.embedder}"]
    if plan.embedder is None:
        looks = ["embedder.type=stripes"]
    own = [change for change in plan.changes if not (perfect and change.startswith("detector."))]
    return [*found, *looks, "sinks=[{type: mot}]", *own]


def _measure(plan: Plan, scene: Scene, seed: int) -> Iterator[Result]:
    folder = plan.output / f"{scene.name}-{seed}"
    clips = folder / "clips"
    render(scene, seed, clips)
    for camera in scene.cameras:
        rows = perfect_rows(sights_of(clips, camera.name))
        write_rows(folder / "detections" / f"{camera.name}.txt", rows)
    for boxes in plan.boxes:
        started = time.perf_counter()
        _run(plan, boxes, folder)
        result = _scored(scene.name, boxes, seed, evaluate_run(folder / boxes, clips / "truth"))
        log.info(
            "%s, seed %d, %s boxes: site HOTA %.1f, IDF1 %.1f, MOTA %.1f; %.0f s",
            scene.name,
            seed,
            boxes,
            *(100 * rate for rate in (result.hota, result.idf1, result.mota)),
            time.perf_counter() - started,
        )
        yield result


def _run(plan: Plan, boxes: str, folder: Path) -> None:
    changes = _changes(plan, boxes, folder / "detections")
    loaded = config.load(folder / "clips" / "cams.yaml", _preset(plan), changes)
    run = build(loaded, folder / boxes, threading.Event(), overwrite=True)
    try:
        run.runner.run(run.ticks)
    finally:
        run.close()
    if run.ticks.failures:
        raise SourceError("\n".join(str(error) for error in run.ticks.failures.values()))


def _scored(scene: str, boxes: str, seed: int, evaluation: Evaluation) -> Result:
    (reading,) = evaluation.readings
    tracks = [camera.tracks for camera in reading.cameras.values() if camera.tracks.defined]
    if not tracks:
        raise HandoffError(f"{evaluation.truth}: nobody is seen; choose more --seconds, or another --scene")
    site = reading.all_cameras
    camera_hota = float(np.mean([scores.hota for scores in tracks]))
    camera_idf1 = float(np.mean([scores.idf1 for scores in tracks]))
    return Result(scene, boxes, seed, camera_hota, camera_idf1, site.hota, site.idf1, site.mota)
