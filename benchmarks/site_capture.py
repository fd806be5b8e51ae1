"""Recorded sites from runs of the program: rendered scenes, with perfect or detected boxes; the virtual split."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from benchmarks.recorded_site import PEOPLE, Ints, RecordedSite, SiteWriter, View
from benchmarks.rendered import perfect_rows, row_of, sights_of, write_rows
from benchmarks.streams import DATA, DETECTOR, EMBEDDER, camera_of
from benchmarks.truth import write_split_truth
from pipeline import config
from pipeline.build import Run, build
from pipeline.config import LoadedConfig
from pipeline.errors import HandoffError, SourceError, TruthError
from pipeline.frames import FrameResult
from pipeline.motfile import PEDESTRIAN, read_mot
from pipeline.sources import open_source

PERFECT, DETECTED = "perfect", "detected"
BOXES = (PERFECT, DETECTED)
SHIPPED = "weights/osnet_x0_25.pth"
EMBEDDERS: Mapping[str, str] = {"msmt17": str(EMBEDDER), "shipped": SHIPPED}

Places = tuple[Ints, Ints, npt.NDArray[np.float64]]


class Recorder:
    """A sink that keeps what the linker was given."""

    def __init__(self, cameras: list[str]) -> None:
        self.writer = SiteWriter(cameras)
        self.offset = np.zeros((len(cameras), 2), np.int64)
        self._cameras = cameras

    def write(self, result: FrameResult) -> None:
        """Take one camera's tracks."""
        if result.frame is None and not result.tracks:
            return  # only decisions of the linker that ran
        frame = 0
        if result.frame is not None:
            frame = result.frame.index + 1
            self.offset[self._cameras.index(result.camera)] = result.frame.offset
        views = [View(int(t.id), t.box, t.score, t.state, t.embedding) for t in result.tracks]
        self.writer.add(result.camera, result.time, frame, views)

    def close(self) -> None:
        """Nothing to finish."""


def scene_site(
    name: str, clips: Path, boxes: str, embedder: str, work: Path, detector: Path = DETECTOR
) -> RecordedSite:
    """Run the program over a rendered folder and record.

    Args:
        name: of the site.
        clips: folder with cams.yaml and truth/.
        boxes: `PERFECT` or `DETECTED`.
        embedder: one of `EMBEDDERS`.
        work: folder for detections and runs; detections that are there are used again.
        detector: weights for detected boxes; its `iou` is .7.

    Raises:
        HandoffError: if a file is missing or a camera broke off.
    """
    if embedder not in EMBEDDERS:
        raise HandoffError(f"--embedder {embedder}: for rendered sites there are {', '.join(EMBEDDERS)}")
    cameras = _camera_names(clips / "cams.yaml")
    detections = work / f"{boxes}-boxes"
    if not (detections / "complete").exists():
        _write_boxes(clips, cameras, boxes, detections, detector)
        (detections / "complete").touch()
    changes = [
        "detector.type=recorded",
        f"detector.folder={detections}",
        f"embedder.weights={EMBEDDERS[embedder]}",
    ]
    recorder, loaded = _record(clips / "cams.yaml", changes, work / f"run-{boxes}-{embedder}")
    places, people = _truth(clips / "truth", cameras)
    return recorder.writer.site(name, loaded.config.links, places, {PEOPLE: people})


def split_site(name: str, embedder: str, work: Path, detector: Path = DETECTOR) -> RecordedSite:
    """PETS09-S2L1 as two cameras; the truth has two readings, `PEOPLE` and the ids of its file, "ids"."""
    cameras = ["left", "right"]
    write_split_truth(DATA, work / "truth")
    sources = work / "cams.yaml"
    described = {"cameras": [camera_of(camera) for camera in cameras]}
    sources.write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
    changes = [
        f"detector.weights={detector}",
        "detector.iou=0.7",
        f"embedder.weights={EMBEDDERS.get(embedder, embedder)}",
    ]
    recorder, loaded = _record(sources, changes, work / f"run-{embedder}")
    places, ids = _truth(work / "truth", cameras)
    persons = _people(work / "truth/people.csv")
    people = np.array([persons[int(each)] for each in ids], np.int64)
    return recorder.writer.site(name, loaded.config.links, places, {PEOPLE: people, "ids": ids}, recorder.offset)


def _record(sources: Path, changes: list[str], output: Path) -> tuple[Recorder, LoadedConfig]:
    loaded = config.load(sources, config.DEFAULT, [*changes, "sinks=[{type: mot}]"])
    run: Run = build(loaded, output, threading.Event(), overwrite=True)
    recorder = Recorder([str(camera.name) for camera in run.cameras])
    run.sinks.append(recorder)
    try:
        run.runner.run(run.ticks)
    finally:
        run.close()
    if run.ticks.failures:
        raise SourceError("\n".join(str(error) for error in run.ticks.failures.values()))
    return recorder, loaded


def _write_boxes(clips: Path, cameras: list[str], boxes: str, folder: Path, detector: Path) -> None:
    """Detections as MOT files: the parts of people that show, or what the detector finds."""
    if boxes == PERFECT:
        for camera in cameras:
            write_rows(folder / f"{camera}.txt", perfect_rows(sights_of(clips, camera)))
        return
    changes = ["detector.type=yolo", f"detector.weights={detector}", "detector.iou=0.7"]
    loaded = config.load(clips / "cams.yaml", config.DEFAULT, changes)
    found = loaded.config.detector.build()
    try:
        for settings in loaded.config.cameras:
            source = open_source(settings, loaded.folder, reconnect=0)
            rows = []
            for frame in source.frames():
                detections = found.detect([frame])[0]
                for box, score in zip(detections.boxes.tolist(), detections.scores.tolist(), strict=True):
                    rows.append(row_of(frame.index + 1, (box[0], box[1], box[2], box[3]), score))
            source.close()
            write_rows(folder / f"{settings.name}.txt", rows)
    finally:
        found.close()


def _camera_names(sources: Path) -> list[str]:
    return [str(camera.name) for camera in config.load(sources, config.DEFAULT).config.cameras]


def _truth(folder: Path, cameras: list[str]) -> tuple[Places, Ints]:
    """Camera, frame and box of everybody who counts, and the id."""
    numbers, frames, boxes, ids = [], [], [], []
    for number, camera in enumerate(cameras):
        rows = read_mot(folder / f"{camera}.txt")
        rows = rows.select((rows.score != 0) & (rows.category <= PEDESTRIAN))
        numbers.append(np.full(len(rows), number, np.int64))
        frames.append(rows.frame)
        boxes.append(np.stack([rows.left, rows.top, rows.width, rows.height], axis=1))
        ids.append(rows.id)
    return (np.concatenate(numbers), np.concatenate(frames), np.concatenate(boxes)), np.concatenate(ids)


def _people(path: Path) -> dict[int, int]:
    """The person of each id of the truth, numbered in order of their names."""
    try:
        rows = [line.split(",") for line in path.read_text(encoding="utf-8").split()[1:]]
        names = {int(mot_id): person for mot_id, person in rows}
    except (OSError, ValueError) as error:
        raise TruthError(f"{path}: not a CSV with the header mot_id,person ({error})") from None
    order = {person: number for number, person in enumerate(sorted(set(names.values())), start=1)}
    return {mot_id: order[person] for mot_id, person in names.items()}
