"""One camera's detections, embeddings and truth in a file, so that every tracker gets the very same input.

A file is an .npz: ``times`` (F,) float64 s; ``off`` (F + 1,) int64, frame i has the rows off[i]:off[i + 1] of the
next two; ``dets`` (N, 5) float32 x1 y1 x2 y2 score, px; ``emb_NAME`` (N, D) float16 unit rows for each embedder,
none in sequences for motion alone; ``gt`` (G, 7) float32 frame from 1, id, x1, y1, x2, y2, visibility (1 where
unknown), of the people who count; ``W`` and ``H``, px.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.detection_scores import Tally
from pipeline.scores import Annotations
from trackers import Detections

Split = Literal["tune", "report"]
Rows = npt.NDArray[np.float32]
Embeddings = Mapping[str, npt.NDArray[np.float16]]

PREFIX = "emb_"  # of the names of arrays with embeddings


class Quality(NamedTuple):
    """What a sequence holds, for tables.

    Attributes:
        frames: how many.
        boxes: a frame, mean.
        recall: share of the truth that the boxes above a score find, at an IoU of .5.
        precision: share of these boxes that are right.
        people: different ids in the truth.
    """

    frames: int
    boxes: float
    recall: float
    precision: float
    people: int


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """What trackers get of one camera, and what is true; row i of the arrays of detections is one box.

    Attributes:
        name: unique among the sequences.
        split: whether settings may be chosen on it, or scores reported.
        times: (F,) s, rising.
        off: (F + 1,) int64; frame i has the rows off[i]:off[i + 1].
        dets: (N, 5) float32 x1 y1 x2 y2 score, px.
        embeddings: (N, D) float16 unit rows by embedder; empty in sequences for motion alone.
        gt: (G, 7) float32 frame from 1, id, x1, y1, x2, y2, visibility.
        size: width and height of the picture, px.
    """

    name: str
    split: Split
    times: npt.NDArray[np.float64]
    off: npt.NDArray[np.int64]
    dets: Rows
    embeddings: Embeddings
    gt: Rows
    size: tuple[int, int]

    def __post_init__(self) -> None:
        """Check what a file can have wrong, once.

        Raises:
            ValueError: if lengths disagree or times do not rise; names the sequence.
        """
        lengths = {len(rows) for rows in self.embeddings.values()} | {int(self.off[-1])}
        if lengths != {len(self.dets)} or len(self.off) != len(self.times) + 1:
            raise ValueError(
                f"{self.name}: {len(self.dets)} boxes in {len(self.times)} frames, but offsets or embeddings of "
                f"{sorted(lengths)} boxes in {len(self.off) - 1} frames"
            )
        if (np.diff(self.times) <= 0).any():
            raise ValueError(f"{self.name}: the times must rise")

    def frames(self, embedder: str | None) -> Iterator[tuple[float, Detections]]:
        """Time and detections of each frame.

        Args:
            embedder: whose embeddings go with the boxes; None: none.

        Raises:
            KeyError: if the sequence has no embeddings of that name.
        """
        rows = None if embedder is None else self.embeddings[embedder]
        for time, start, end in zip(self.times, self.off[:-1], self.off[1:], strict=True):
            boxes, scores = self.dets[start:end, :4], self.dets[start:end, 4]
            if rows is None:
                yield float(time), Detections(boxes, scores)
                continue
            looks = unit(rows[start:end].astype(np.float32))
            yield float(time), Detections(boxes, scores, looks, np.ones(end - start, bool))

    def truth(self) -> Annotations:
        """Everybody who counts, as the scoring takes it; frames from 1."""
        frames, people = self.gt[:, 0].astype(np.int64), self.gt[:, 1].astype(np.int64)
        corners = self.gt[:, 2:6].astype(np.float64)
        return Annotations(
            frames, people, np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        )

    def quality(self, score: float = 0.4) -> Quality:
        """How good the boxes of at least this score are."""
        tally = Tally()
        for frame in range(len(self.times)):
            found = self.dets[self.off[frame] : self.off[frame + 1]]
            found = found[np.argsort(-found[:, 4], kind="stable")]
            people = self.gt[self.gt[:, 0] == frame + 1, 2:6].astype(np.float64)
            tally.add(Detections(found[:, :4], found[:, 4]), people, np.ones(len(people), bool))
        recall, precision = tally.recall_precision(score)
        boxes = len(self.dets) / max(len(self.times), 1)
        return Quality(len(self.times), boxes, recall, precision, len(np.unique(self.gt[:, 1])))


def write_sequence(sequence: Sequence, path: Path) -> None:
    """Write the file; a reader never sees half of it. The folder is made if it does not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, npt.ArrayLike] = {
        "times": sequence.times,
        "off": sequence.off,
        "dets": sequence.dets,
        "gt": sequence.gt,
        "W": sequence.size[0],
        "H": sequence.size[1],
    }
    arrays |= {f"{PREFIX}{name}": rows for name, rows in sequence.embeddings.items()}
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    unfinished.replace(path)


def read_sequence(path: Path, split: Split) -> Sequence:
    """The sequence in a file, named after it.

    Raises:
        OSError: if there is no such file.
        KeyError: if an array is missing.
        ValueError: if the arrays do not fit each other.
    """
    with np.load(path) as arrays:
        embeddings = {key.removeprefix(PREFIX): arrays[key] for key in arrays.files if key.startswith(PREFIX)}
        return Sequence(
            name=path.stem,
            split=split,
            times=arrays["times"],
            off=arrays["off"],
            dets=arrays["dets"],
            embeddings=embeddings,
            gt=arrays["gt"],
            size=(int(arrays["W"]), int(arrays["H"])),
        )


def unit(rows: Rows) -> Rows:
    """(N, D) rows of length one; zero rows stay zero."""
    scaled: Rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return scaled


def offsets(counts: list[int]) -> npt.NDArray[np.int64]:
    """(F + 1,) where the rows of each frame start, from how many each has."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
