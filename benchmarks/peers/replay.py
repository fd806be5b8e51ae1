"""Replays a recorded sequence to one tracker, frame by frame, and writes what it returned and what it cost.

Shared by the adapters; needs Python and numpy alone, because it runs in the environment of each peer. The caller
sets the number of threads (OMP_NUM_THREADS=1 and the like): it must stand before numpy is loaded.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

MIB = 2**20
RESIDENT_EVERY = 10  # frames between two looks at the memory
WITHHELD_BELOW = 0.4  # for trackers without any use for a score

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


class Frame(NamedTuple):
    """What a detector and an embedder found in one frame.

    Attributes:
        number: from 0.
        time: s.
        boxes: (N, 4) float32 xyxy, px.
        scores: (N,) float32.
        embeddings: (N, D) float32 unit rows, None without an embedder.
    """

    number: int
    time: float
    boxes: FloatArray
    scores: FloatArray
    embeddings: FloatArray | None

    def confident(self) -> Frame:
        """Without the boxes below `WITHHELD_BELOW`."""
        kept = self.scores >= WITHHELD_BELOW
        embeddings = None if self.embeddings is None else self.embeddings[kept]
        return self._replace(boxes=self.boxes[kept], scores=self.scores[kept], embeddings=embeddings)


class Adapter(Protocol):
    """One tracker. Only `update` is timed: the forms of input and output are no part of tracking."""

    def prepare(self, frame: Frame) -> Any:
        """The frame in the form that the tracker takes."""

    def update(self, prepared: Any) -> Any:
        """One frame of tracking, as the package returns it."""

    def read(self, returned: Any) -> tuple[Any, Any]:
        """Ids (K,) and boxes (K, 4) xyxy of the tracks reported for the frame."""


class Replayed(NamedTuple):
    """Rows (K, 6) frame from 1, id, x1, y1, x2, y2; wall and processor time (F,) of each update, ms; MiB."""

    rows: npt.NDArray[np.float64]
    milliseconds: npt.NDArray[np.float64]
    cpu_milliseconds: npt.NDArray[np.float64]
    memory: float


def main(build: Callable[[str, int, int], Adapter]) -> None:
    """The command line of an adapter; ``build`` takes the peer's name and the width and height of the picture."""
    parser = argparse.ArgumentParser()
    parser.add_argument("peer")
    parser.add_argument("sequence", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--embedder", default="none", help="Embeddings emb_NAME of the sequence, or none.")
    arguments = parser.parse_args()
    with np.load(arguments.sequence) as arrays:
        frames = read_frames(arrays, arguments.embedder)
        adapter = build(arguments.peer, int(arrays["W"]), int(arrays["H"]))
    replayed = replay(adapter, frames)
    np.savez_compressed(arguments.result, allow_pickle=False, **replayed._asdict())


def read_frames(arrays: Any, embedder: str) -> list[Frame]:
    """The frames of a sequence with the embeddings of one embedder, or with none of them."""
    detections = arrays["dets"].astype(np.float32)
    embeddings = None if embedder == "none" else arrays[f"emb_{embedder}"].astype(np.float32)
    first = arrays["off"]
    times = arrays["times"] if "times" in arrays else np.arange(len(first) - 1) / 25
    frames = []
    for number, (start, end) in enumerate(pairwise(first)):
        found = np.ascontiguousarray(detections[start:end])
        rows = None if embeddings is None else embeddings[start:end]
        boxes, scores = np.ascontiguousarray(found[:, :4]), np.ascontiguousarray(found[:, 4])
        frames.append(Frame(number, float(times[number]), boxes, scores, rows))
    return frames


def replay(adapter: Adapter, frames: list[Frame]) -> Replayed:
    """Feed all frames."""
    rows: list[npt.NDArray[np.float64]] = [np.zeros((0, 6))]
    wall, cpu = np.zeros(len(frames)), np.zeros(len(frames))
    before = most = resident()
    for frame in frames:
        prepared = adapter.prepare(frame)
        wall_started, cpu_started = time.perf_counter(), time.thread_time()
        returned = adapter.update(prepared)
        cpu[frame.number] = 1e3 * (time.thread_time() - cpu_started)
        wall[frame.number] = 1e3 * (time.perf_counter() - wall_started)
        ids, boxes = adapter.read(returned)
        if len(ids):
            frames_of = np.full(len(ids), frame.number + 1)
            rows.append(np.column_stack([frames_of, np.asarray(ids), np.asarray(boxes)]))
        if frame.number % RESIDENT_EVERY == 0 or frame is frames[-1]:
            most = max(most, resident())
    return Replayed(np.concatenate(rows), wall, cpu, (most - before) / MIB)


def resident() -> int:
    """Bytes of this process that are in memory; Linux only, 0 elsewhere."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return 1024 * int(line.split()[1])
