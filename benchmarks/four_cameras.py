"""Run C: four cameras of different rate, size and length at once, by run.py; memory is watched from outside.

    python -m benchmarks.four_cameras --output runs/four_cameras

Prints frames and batches a tick, frames a second, and the memory of the process after each quarter of the run and
after one minute; writes a picture from the middle of each annotated video beside the videos, to be looked at.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import av
import click
import cv2
import psutil
import yaml

from benchmarks.streams import DETECTOR, EMBEDDER, ROOT, camera_of

CAMERAS = ("left", "right", "intel", "stadtmitte")
_INTERVAL = 0.5  # s between two looks at the memory


@click.command()
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs/four_cameras", show_default=True)
@click.option("--set", "changes", multiple=True, help="Passed on to run.py.")
def main(output: Path, changes: tuple[str, ...]) -> None:
    """Run, watch, report."""
    output.mkdir(parents=True, exist_ok=True)
    cameras = [camera_of(name) for name in CAMERAS]
    sources = output / "cams.yaml"
    sources.write_text(yaml.safe_dump({"cameras": cameras}, sort_keys=False), encoding="utf-8")
    weights = (f"detector.weights={DETECTOR}", f"embedder.weights={EMBEDDER}")
    arguments = [word for change in (*weights, *changes) for word in ("--set", change)]
    run = output / "run"
    memory = _watched("--sources", str(sources), *arguments, "--output", str(run), "--overwrite")
    _report(json.loads((run / "summary.json").read_text(encoding="utf-8")), memory)
    for name in CAMERAS:
        _still(run / f"{name}.mp4", output / f"{name}.png")


def _watched(*arguments: str) -> list[tuple[float, float]]:
    """Run run.py; seconds since its start and its memory in MB, over and over."""
    process = subprocess.Popen([sys.executable, ROOT / "run.py", *arguments])
    watched, start, memory = psutil.Process(process.pid), time.monotonic(), []
    while process.poll() is None:
        try:
            memory.append((time.monotonic() - start, watched.memory_info().rss / 1e6))
        except psutil.NoSuchProcess:
            break
        time.sleep(_INTERVAL)
    if process.wait():
        raise SystemExit(process.returncode)
    return memory


def _report(summary: dict[str, float], memory: list[tuple[float, float]]) -> None:
    end = memory[-1][0]
    ticks = summary["ticks"]
    click.echo(
        f"{summary['frames_per_second']} frames a second; {ticks} ticks, {summary['detector_batches']} detector "
        f"batches, {summary['embedder_batches']} embedder batches; peak {summary['peak_memory_mb']} MB"
    )
    for moment in sorted({end / 4, end / 2, 3 * end / 4, min(60.0, end), end}):
        seconds, used = min(memory, key=lambda sample: abs(sample[0] - moment))
        click.echo(f"memory after {seconds:5.0f} s: {used:.0f} MB")


def _still(video: Path, picture: Path) -> None:
    """The picture in the middle of a video."""
    with av.open(str(video)) as container:
        frames = list(container.decode(video=0))
    cv2.imwrite(str(picture), frames[len(frames) // 2].to_ndarray(format="bgr24"))
    click.echo(f"{video.name}: {len(frames)} frames play; {picture}")


if __name__ == "__main__":
    main()
