"""How large recordings are, and how fast they are written, read and replayed.

    python -m benchmarks.recording                       # a drawn site: 6 cameras, 10 frames a second, 10 minutes
    python -m benchmarks.recording runs/today            # recordings that are there

A person-minute is 60 s of a confirmed track in view. Reading is `Recording.frames` of every camera, and
`Recording.tracklets`. Seconds are processor seconds of the one thread that works, so that what else runs on the
machine does not count.
"""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.synthetic_sequences import Crowd
from pipeline import config
from pipeline.config import Config, load_processing
from pipeline.following import Follower
from pipeline.frames import NO_IMAGE, CameraInfo, Frame, FrameResult
from pipeline.recording import Recording
from pipeline.replay import Replay
from pipeline.runner import as_recorded
from pipeline.sinks import SinkSite
from pipeline.sinks.recording import RecordingSettings
from reid.tracklets import CameraId
from trackers import Detections


@dataclass(frozen=True, slots=True)
class Site:
    """What is drawn: ``people`` at each camera, most of them in view, ``rate`` frames a second."""

    cameras: int
    people: int
    rate: float
    seconds: float

    def infos(self) -> list[CameraInfo]:
        """The cameras."""
        return [CameraInfo(CameraId(f"c{i}"), 1920, 1080, self.rate, live=False) for i in range(self.cameras)]

    def results(self) -> Iterator[FrameResult]:
        """The run: default tracker and linker on drawn detections."""
        processing, infos = load_processing("recorded"), self.infos()
        trackers = {info.name: processing.tracker.build() for info in infos}
        follower = Follower([info.name for info in infos], trackers, processing.linker.build([]))
        crowds = [Crowd(self.people, seed, rate=self.rate, newcomers=0.3).frames() for seed in range(self.cameras)]
        ticks = islice(zip(*crowds, strict=True), round(self.seconds * self.rate))
        for index, crowd in enumerate(ticks):
            now = index / self.rate
            for info, drawn in zip(infos, crowd, strict=True):
                found = Detections(drawn.dets[:, :4].copy(), drawn.dets[:, 4].copy())
                wanted = trackers[info.name].wants_embedding(found, now)
                assert drawn.looks is not None  # noqa: S101 - the crowd has looks
                found = found.with_embeddings(wanted, as_recorded(drawn.looks[wanted]))
                yield follower.update(Frame(info.name, index, now, NO_IMAGE), found)
        yield from follower.finish()


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--cameras", default=6, show_default=True)
@click.option("--people", default=5, show_default=True, help="At each camera.")
@click.option("--rate", default=10.0, show_default=True, help="Frames a second.")
@click.option("--seconds", default=600.0, show_default=True)
def main(runs: tuple[Path, ...], cameras: int, people: int, rate: float, seconds: float) -> None:
    """Measure recordings that are there, or a drawn one."""
    console = Console(width=115)
    for run in runs:
        console.print(measured(run, config.load(run / "run.yaml").config))
    if not runs:
        with tempfile.TemporaryDirectory() as folder:
            writing = write(Site(cameras, people, rate, seconds), Path(folder))
            console.print(f"written in {writing:.2f} s, {seconds / writing:.0f} times faster than real time")
            console.print(measured(Path(folder), None))


def write(site: Site, folder: Path) -> float:
    """Record a drawn site; returns the seconds that the sink took."""
    sink = RecordingSettings().build(SinkSite(folder, site.infos(), threading.Event()))
    spent = 0.0
    for result in site.results():
        start = time.process_time()
        sink.write(result)
        spent += time.process_time() - start
    start = time.process_time()
    sink.close()
    return spent + time.process_time() - start


def measured(run: Path, settings: Config | None) -> Table:
    """Size and speed of one recording."""
    table = Table("", str(run.name), box=None)
    with Recording(run) as recording:
        observed, minutes = _person_minutes(recording)
        state, looks, embedded = _bytes(recording.path)
        whole = recording.path.stat().st_size
        table.add_row("cameras, seconds", f"{len(recording.cameras)}, {recording.seconds:.0f}")
        table.add_row("observations, embedded", f"{observed}, {embedded}")
        table.add_row("file", f"{whole / 1e6:.2f} MB, {whole / minutes / 1e3:.1f} kB a person-minute")
        table.add_row("  of it embeddings", f"{looks / minutes / 1e3:.1f} kB a person-minute")
        table.add_row("  of it boxes, scores, times, tracks", f"{state / minutes / 1e3:.1f} kB a person-minute")
        start = time.process_time()
        frames = sum(1 for camera in recording.cameras for _ in recording.frames(camera.name))
        middle = time.process_time()
        tracks = sum(1 for _ in recording.tracklets())
        end = time.process_time()
        table.add_row("frames()", f"{frames} frames in {middle - start:.2f} s")
        table.add_row("tracklets()", f"{tracks} tracks in {end - middle:.2f} s")
        for track in (False, True):
            table.add_row(
                f"replay, {'trackers again' if track else 'tracks kept'}", _replayed(recording, settings, track)
            )
    return table


def _replayed(recording: Recording, settings: Config | None, track: bool) -> str:
    if settings is None:
        cameras = [{"name": camera.name, "source": camera.name} for camera in recording.cameras]
        processing = load_processing("recorded")
        settings = Config.model_validate({**processing.model_dump(), "cameras": cameras})
    replay = Replay(recording, settings, track=track)
    start = time.process_time()
    for _ in replay.results():
        pass
    spent = time.process_time() - start
    stages = ", ".join(
        f"{ {'wait': 'read'}.get(name, name) } {value:.2f} s"
        for name, value in replay.statistics.seconds.items()
        if value
    )
    return f"{spent:.2f} s, {recording.seconds / spent:.0f} times faster than real time ({stages})"


def _person_minutes(recording: Recording) -> tuple[int, float]:
    observed, minutes = 0, 0.0
    for camera in recording.cameras:
        tracks = recording.tracks(camera.name)
        count = sum(len(track.times) for track in tracks)
        observed += count
        minutes += count / camera.fps / 60
    return observed, minutes


def _bytes(path: Path) -> tuple[int, int, int]:
    """Bytes of state and of embeddings, and the number of embeddings."""
    with sqlite3.connect(path) as database:
        row = database.execute(
            "SELECT sum(length(state)), sum(length(embeddings)), sum(embedded) FROM blocks"
        ).fetchone()
    return int(row[0]), int(row[1]), int(row[2])


if __name__ == "__main__":
    main()
