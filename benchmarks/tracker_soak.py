"""A million frames of drawn people who keep being replaced by others: does a tracker stay as small and as fast?

    python -m benchmarks.tracker_soak --frames 1000000

Prints, for each part of the run, the median milliseconds of `update`, the resident memory of the process and the
tracker's own state; at the end the slopes over the run, each with its 95 % confidence interval.
"""

from __future__ import annotations

import pickle
import time
from dataclasses import dataclass
from itertools import islice

import click
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table
from scipy import stats

from benchmarks.synthetic_sequences import Crowd
from pipeline.config import load_processing


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the run: frames so far, ms a frame, MiB of the process, KiB of the tracker, tracks, ids."""

    frames: int
    milliseconds: float
    resident: float
    state: float
    tracks: int
    newest_id: int


@click.command()
@click.option("--frames", type=int, default=1_000_000, show_default=True)
@click.option("--people", type=int, default=10, show_default=True, help="At one time.")
@click.option("--dimension", type=int, default=32, show_default=True, help="Of the embeddings.")
@click.option("--parts", type=int, default=20, show_default=True, help="Rows of the table.")
def main(frames: int, people: int, dimension: int, parts: int) -> None:
    """Stream the frames through the default preset's tracker and print how it fares."""
    rows = soak(frames, people, dimension, parts)
    table = Table("frames", "ms a frame", "process, MiB", "tracker, KiB", "tracks", "newest id")
    for row in rows:
        numbers = (f"{row.milliseconds:.3f}", f"{row.resident:.1f}", f"{row.state:.0f}")
        table.add_row(str(row.frames), *numbers, str(row.tracks), str(row.newest_id))
    console = Console(width=100)
    console.print(table)
    later = rows[1:]  # the first part warms up
    for what, values in (("ms a frame", [r.milliseconds for r in later]), ("MiB", [r.resident for r in later])):
        console.print(f"{what}: {_slope([r.frames for r in later], values)} a million frames")


def soak(frames: int, people: int, dimension: int, parts: int) -> list[Part]:
    """Run the default preset's tracker over drawn people; one row for each part."""
    tracker = load_processing("default").tracker.build()
    crowd = Crowd(people, seed=1, dimension=dimension, newcomers=1.0).frames()
    process, rows, newest = psutil.Process(), [], 0
    for part in range(1, parts + 1):
        milliseconds = np.zeros(frames // parts)
        for n, frame in enumerate(islice(crowd, frames // parts)):
            found = frame.detections
            started = time.perf_counter()
            tracks = tracker.update(found, frame.time)
            milliseconds[n] = 1e3 * (time.perf_counter() - started)
            newest = max(newest, *(int(track.id) for track in tracks), 0)
        resident, state = process.memory_info().rss / 2**20, len(pickle.dumps(tracker)) / 2**10
        rows.append(
            Part(part * (frames // parts), float(np.median(milliseconds)), resident, state, len(tracks), newest)
        )
    return rows


def _slope(frames: list[int], values: list[float]) -> str:
    fit = stats.linregress(np.array(frames) / 1e6, values)
    half = stats.t.ppf(0.975, len(frames) - 2) * fit.stderr
    return f"{fit.slope:+.3f} ± {half:.3f}"


if __name__ == "__main__":
    main()
