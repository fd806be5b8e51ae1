"""What a run did, as data for summary.json and as text for the terminal."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline import runfolder
from pipeline.build import Run
from reid.tracklets import CameraId


def summarise(run: Run, seconds: float, *, interrupted: bool) -> dict[str, Any]:
    """Collect the figures of a run and write them to summary.json.

    The status of a camera is why it failed; `complete` if it came to its end; otherwise `interrupted` by a signal,
    or `stopped` by q in the preview.
    """
    statistics = run.runner.statistics
    failures = {**run.unreachable, **run.ticks.failures}
    complete = run.ticks.complete

    def status(name: CameraId) -> str:
        if name in failures:
            return str(failures[name])
        if name in complete:
            return "complete"
        return "interrupted" if interrupted else "stopped"

    frames = sum(statistics.frames.values())
    summary = {
        "cameras": {
            name: {
                "frames": statistics.frames.get(name, 0),
                "dropped": run.ticks.dropped.get(name, 0),
                "status": status(name),
            }
            for name in [*statistics.frames, *run.unreachable]
        },
        "failed": sorted(failures),
        "identities": statistics.identities,
        "seconds": round(seconds, 3),
        "frames_per_second": round(frames / seconds, 2) if seconds > 0 else 0.0,
        "ticks": statistics.ticks,
        "detector_batches": getattr(run.detector, "batches", 0),
        "embedder_batches": getattr(run.embedder, "batches", 0),
        "stage_seconds": {name: round(value, 3) for name, value in statistics.seconds.items()},
        "peak_memory_mb": round(peak_memory_mb(), 1),
    }
    runfolder.write_summary(run.output, summary)
    return summary


def print_summary(summary: dict[str, Any], output: Path, console: Console) -> None:
    """Print what the user wants to know first: did every camera work, how many people, how fast."""
    print_line = partial(console.print, markup=False, emoji=False, highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for column, justify in (("camera", "left"), ("frames", "right"), ("dropped", "right"), ("status", "left")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for name, camera in summary["cameras"].items():
        table.add_row(name, str(camera["frames"]), str(camera["dropped"]), Text(camera["status"]))
    console.print(table)
    frames = sum(camera["frames"] for camera in summary["cameras"].values())
    total = sum(summary["stage_seconds"].values()) or 1.0
    shares = ", ".join(f"{name} {value / total:.0%}" for name, value in summary["stage_seconds"].items())
    print_line(
        f"{summary['identities']} identities in {frames} frames; {summary['seconds']:.1f} s, "
        f"{summary['frames_per_second']:.1f} frames a second ({shares}); "
        f"{summary['ticks']} ticks, {summary['detector_batches']} detector batches, "
        f"{summary['embedder_batches']} embedder batches; peak memory {summary['peak_memory_mb']:.0f} MB"
    )
    for name in summary["failed"]:
        print_line(f"camera {name} failed: {summary['cameras'][name]['status']}", style="red")
    print_line(f"results: {output}")


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far; 0 where the system does not tell."""
    if sys.platform == "win32":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1024
