"""How long the default tracker takes from a new process to its tenth frame: first, second start, NumPy alone.

    python -m benchmarks.tracker_start --repeat 5

The first start compiles the kernels into an empty cache, the second one reads them from there. The third kind
never imports numba: the kernels' NumPy forms take their place.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

import click
from rich.console import Console
from rich.table import Table

from benchmarks.streams import ROOT

FRAMES = """
import numpy as np
from trackers import Detections, EvidenceSettings
rng = np.random.default_rng(0)
tracker = EvidenceSettings().build()
for step in range(10):
    corner = np.stack([np.arange(20) * 70.0, np.arange(20) * 20.0], axis=1) + step
    boxes = np.concatenate([corner, corner + [40, 100]], axis=1).astype(np.float32)
    looks = np.eye(20, 64, dtype=np.float32)
    found = Detections(boxes, np.full(20, 0.9, np.float32), looks, np.ones(20, bool))
    tracker.wants_embedding(found, step / 10)
    tracks = tracker.update(found, step / 10)
assert len(tracks) == 20
"""
WITHOUT_NUMBA = """
import sys, types
kernels = sys.modules["trackers.kernels"] = types.ModuleType("trackers.kernels")
from trackers import kernels_numpy
kernels.__dict__.update({name: value for name, value in vars(kernels_numpy).items() if callable(value)})
"""


@click.command()
@click.option("--repeat", type=click.IntRange(1), default=5, show_default=True)
def main(repeat: int) -> None:
    """Print the median seconds of each kind of start."""
    seconds: dict[str, list[float]] = {"first": [], "second": [], "NumPy alone": []}
    for _ in range(repeat):
        with tempfile.TemporaryDirectory() as cache:
            seconds["first"].append(start(FRAMES, cache))
            seconds["second"].append(start(FRAMES, cache))
            seconds["NumPy alone"].append(start(WITHOUT_NUMBA + FRAMES, cache))
    table = Table("start", "seconds, median", "shortest", "longest")
    for kind, values in seconds.items():
        table.add_row(kind, *(f"{value:.2f}" for value in (statistics.median(values), min(values), max(values))))
    Console(width=80).print(table)


def start(code: str, cache: str) -> float:
    """Seconds that a new process needs for the code, with numba's cache in a folder."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=ROOT, env={**os.environ, "NUMBA_CACHE_DIR": cache}
    )
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
