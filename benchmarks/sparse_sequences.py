"""Sequences with frames left out, as by a slow camera or a broken connection."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from benchmarks.sequence import Sequence, Split, offsets


def every(name: str, split: Split, sequence: Sequence, step: int) -> Sequence:
    """Only each ``step``-th frame, from the first."""
    return _kept(name, split, sequence, np.arange(0, len(sequence.times), step))


def interrupted(name: str, split: Split, sequence: Sequence, start: float, seconds: float) -> Sequence:
    """Without the frames of ``seconds`` from ``start`` [s] on, after the first frame; times go on as they were."""
    times = sequence.times - sequence.times[0]
    return _kept(name, split, sequence, np.flatnonzero((times < start) | (times >= start + seconds)))


def _kept(name: str, split: Split, sequence: Sequence, frames: npt.NDArray[np.int64]) -> Sequence:
    """The frames (K,) of a sequence; its truth is numbered anew."""
    counts = np.diff(sequence.off)
    rows = np.flatnonzero(np.isin(np.repeat(np.arange(len(counts)), counts), frames))
    number = np.zeros(len(counts) + 1, np.int64)  # new frame of each old one, both from 1; 0 for one left out
    number[frames + 1] = np.arange(1, len(frames) + 1)
    gt = sequence.gt.copy()
    gt[:, 0] = number[gt[:, 0].astype(np.int64)]
    return replace(
        sequence,
        name=name,
        split=split,
        times=sequence.times[frames],
        off=offsets([int(count) for count in counts[frames]]),
        dets=sequence.dets[rows],
        embeddings={key: looks[rows] for key, looks in sequence.embeddings.items()},
        gt=gt[gt[:, 0] > 0],
    )
