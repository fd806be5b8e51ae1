"""Sequences from streams made elsewhere, which lack times: their frames are 1/25 s apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.sequence import PREFIX, Sequence, Split
from pipeline.errors import HandoffError

RATE = 25.0


def imported_sequence(name: str, split: Split, path: Path) -> Sequence:
    """The sequence in an .npz with the arrays of `benchmarks.sequence` but ``times``.

    Args:
        name: of the sequence.
        split: of the sequence.
        path: of the file.

    Raises:
        HandoffError: if it cannot be read, an array is missing, or the arrays do not fit each other.
    """
    try:
        with np.load(path) as arrays:
            return Sequence(
                name=name,
                split=split,
                times=np.arange(len(arrays["off"]) - 1) / RATE,
                off=arrays["off"].astype(np.int64),
                dets=arrays["dets"].astype(np.float32),
                embeddings={
                    key.removeprefix(PREFIX): arrays[key].astype(np.float16)
                    for key in arrays.files
                    if key.startswith(PREFIX)
                },
                gt=arrays["gt"].astype(np.float32),
                size=(int(arrays["W"]), int(arrays["H"])),
            )
    except (OSError, KeyError, ValueError) as error:
        raise HandoffError(f"{path}: not a stream of detections with truth ({error})") from None
