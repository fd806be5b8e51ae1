"""The truth of the virtual split: one recorded video read as two cameras that share no view."""

from __future__ import annotations

import shutil
from pathlib import Path

LEFT_END = 330  # the left camera sees x < 330 px
RIGHT_START = 440  # the right camera sees x > 440 px


def write_split_truth(data: Path, out: Path) -> None:
    """Write ``left.txt``, ``right.txt`` and ``people.csv`` for PETS09-S2L1 cut into two cameras.

    A row goes to the left camera if its box ends before `LEFT_END` and to the right one if it starts behind
    `RIGHT_START`; boxes that reach into the strip between them are in neither. Rows are copied as they are: boxes
    stay in pixels of the source frame, ids stay the same in both cameras.

    Args:
        data: the folder with ``mot/PETS09-S2L1/``.
        out: where to write; made if it does not exist.
    """
    source = data / "mot" / "PETS09-S2L1"
    left: list[str] = []
    right: list[str] = []
    for line in (source / "gt" / "gt.txt").read_text(encoding="utf-8").splitlines(keepends=True):
        x, width = (float(line.split(",")[column]) for column in (2, 4))
        if x + width < LEFT_END:
            left.append(line)
        elif x > RIGHT_START:
            right.append(line)
    out.mkdir(parents=True, exist_ok=True)
    (out / "left.txt").write_text("".join(left), encoding="utf-8")
    (out / "right.txt").write_text("".join(right), encoding="utf-8")
    shutil.copyfile(source / "people.csv", out / "people.csv")
