"""Our trackers and a peer on the very same detections and embeddings, at their defaults.

    python -m benchmarks.trackers --peer-python VENV/bin/python

The peer is deep-sort-realtime; make its environment with
    python -m venv VENV && VENV/bin/pip install deep-sort-realtime setuptools
"""

from __future__ import annotations

import subprocess
import time
import typing
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks.streams import CLIPS, DATA, ROOT, Stream, stream
from pipeline.config import load_processing
from pipeline.motfile import read_mot
from pipeline.scores import Annotations, Scores, score
from trackers import ByteTrackSettings, DeepSortSettings, TrackerSettings, TrackState

PEER = ROOT / "benchmarks/peers/deep_sort_realtime_peer.py"
Rows = npt.NDArray[np.float64]  # (N, 6): frame from 1, id, x1, y1, x2, y2


@click.command()
@click.option("--clip", "clips", multiple=True, default=("pets", "stadtmitte"), show_default=True)
@click.option(
    "--peer-python", type=click.Path(exists=True, path_type=Path), help="Python with deep-sort-realtime."
)
@click.option("--cache", type=click.Path(path_type=Path), default=ROOT / "runs/streams", show_default=True)
def main(clips: tuple[str, ...], peer_python: Path | None, cache: Path) -> None:
    """Print HOTA, IDF1, MOTA, switches and milliseconds a frame."""
    table = Table("clip", "tracker", "HOTA", "AssA", "IDF1", "MOTA", "switches", "ms a frame (median)")
    for name in clips:
        truth = truth_of(name)
        results = {kind: track(stream(name, cache), settings) for kind, settings in ours().items()}
        if peer_python is not None:
            results["deep-sort-realtime"] = _peer(peer_python, cache / f"{name}.npz")
        for kind, (rows, milliseconds) in results.items():
            s = score(truth, as_annotations(rows))
            table.add_row(name, kind, *cells(s), f"{milliseconds:.2f}")
    Console(width=110).print(table)


def ours() -> dict[str, typing.Any]:
    """Default settings of every tracker there is, by type, and those of the default preset."""
    members = typing.get_args(typing.get_args(TrackerSettings)[0])
    settings = {member.model_fields["type"].default: member() for member in members}
    return {**settings, "default preset": load_processing("default").tracker}


def track(recorded: Stream, settings: DeepSortSettings | ByteTrackSettings) -> tuple[Rows, float]:
    """Rows of one of our trackers, and its median milliseconds a frame."""
    tracker = settings.build()
    rows, milliseconds = [], []
    for frame, (now, found) in enumerate(recorded.frames(), start=1):
        started = time.perf_counter()
        tracks = tracker.update(found, now)
        milliseconds.append(1e3 * (time.perf_counter() - started))
        rows += [[frame, t.id, *t.box] for t in tracks if t.state is TrackState.CONFIRMED]
    return np.array(rows, np.float64).reshape(-1, 6), float(np.median(milliseconds))


def truth_of(clip: str) -> Annotations:
    """The counted pedestrians of a clip's truth."""
    rows = read_mot(DATA / str(CLIPS[clip].truth))
    rows = rows.select((rows.score != 0) & rows.pedestrian)
    return Annotations(rows.frame, rows.id, np.stack([rows.left, rows.top, rows.width, rows.height], axis=1))


def as_annotations(rows: Rows) -> Annotations:
    """Tracker rows as the scoring takes them."""
    boxes = np.concatenate([rows[:, 2:4], rows[:, 4:6] - rows[:, 2:4]], axis=1)
    return Annotations(rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), boxes)


def cells(s: Scores) -> list[str]:
    """HOTA, AssA, IDF1, MOTA in percent, and switches."""
    return [*(f"{100 * value:.2f}" for value in (s.hota, s.ass_a, s.idf1, s.mota)), str(s.switches)]


def _peer(python: Path, recorded: Path) -> tuple[Rows, float]:
    result = recorded.with_suffix(".peer.npz")
    floor = DeepSortSettings().min_score
    subprocess.run([python, PEER, recorded, result, str(floor)], check=True)
    with np.load(result) as arrays:
        return arrays["rows"], float(arrays["milliseconds"])


if __name__ == "__main__":
    main()
