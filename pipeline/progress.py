"""How far the run is: a bar for each camera on a terminal, a log line now and then otherwise."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from pipeline.frames import CameraInfo, FrameResult
from reid.tracklets import CameraId
from trackers.tracks import TrackState

_LOG_EVERY = 10.0  # seconds
_RATE_OVER = 30  # frames that the displayed rate is averaged over

log = logging.getLogger(__name__)


class Meter(Protocol):
    """Takes results like a sink; shows, writes nothing."""

    def write(self, result: FrameResult) -> None:
        """Count a frame."""

    def close(self) -> None:
        """Leave the terminal in order."""


def meter(cameras: Sequence[CameraInfo], console: Console) -> Meter:
    """Bars on a terminal, log lines elsewhere."""
    return BarMeter(cameras, console) if console.is_terminal else LogMeter(cameras)


class _Rate:
    """Frames a second of one camera over the last few."""

    def __init__(self) -> None:
        self._moments: deque[float] = deque(maxlen=_RATE_OVER)

    def tick(self) -> float:
        self._moments.append(time.perf_counter())
        elapsed = self._moments[-1] - self._moments[0]
        return (len(self._moments) - 1) / elapsed if elapsed > 0 else 0.0


class BarMeter:
    """A rich bar a camera: frames done, frames a second, people in view."""

    def __init__(self, cameras: Sequence[CameraInfo], console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[fps]:5.1f} fps"),
            TextColumn("{task.fields[people]:3d} people"),
            TimeRemainingColumn(),
            console=console,
            refresh_per_second=4,
        )
        self._rates = {camera.name: _Rate() for camera in cameras}
        self._tasks: dict[CameraId, TaskID] = {
            camera.name: self._progress.add_task(camera.name, total=camera.frames, fps=0.0, people=0)
            for camera in cameras
        }
        self._progress.start()

    def write(self, result: FrameResult) -> None:
        """Move the camera's bar."""
        if result.frame is None:
            return
        fps = self._rates[result.camera].tick()
        self._progress.update(self._tasks[result.camera], advance=1, fps=fps, people=people_in_view(result))

    def close(self) -> None:
        """Stop drawing."""
        self._progress.stop()


class LogMeter:
    """A log line for every camera, each `_LOG_EVERY` seconds."""

    def __init__(self, cameras: Sequence[CameraInfo]) -> None:
        self._totals = {camera.name: camera.frames for camera in cameras}
        self._rates = {camera.name: _Rate() for camera in cameras}
        self._frames = dict.fromkeys(self._totals, 0)
        self._due = time.perf_counter() + _LOG_EVERY
        self._lines: dict[CameraId, str] = {}

    def write(self, result: FrameResult) -> None:
        """Count a frame; log when it is time to."""
        if result.frame is None:
            return
        camera = result.camera
        self._frames[camera] += 1
        total = self._totals[camera]
        done = f"{self._frames[camera]}/{total}" if total else str(self._frames[camera])
        rate = f"{self._rates[camera].tick():.1f} fps"
        self._lines[camera] = f"{camera}: frame {done}, {rate}, {people_in_view(result)} people"
        if time.perf_counter() >= self._due:
            self._due = time.perf_counter() + _LOG_EVERY
            for line in self._lines.values():
                log.info(line)

    def close(self) -> None:
        """Nothing to leave in order."""


def people_in_view(result: FrameResult) -> int:
    """Tracks seen in this frame."""
    return sum(track.state is TrackState.CONFIRMED for track in result.tracks)
