"""MOTChallenge rows: one file a camera, one box a line, pixels of the source frame.

A line is ``frame, id, left, top, width, height[, score[, class[, visibility]]]`` or, with ten columns,
``frame, id, left, top, width, height, score, x, y, z`` (arXiv 1504.01942, section 3.3; arXiv 1603.00831,
section 4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.errors import HandoffError, TruthError

NO_CLASS = -1
PEDESTRIAN = 1
COLUMNS = ("frame", "id", "left", "top", "width", "height", "score", "class")

_FEWEST, _MOST = 6, 10
_INTEGERS = ("frame", "id", "class")


@dataclass(frozen=True, slots=True, eq=False)
class MotRows:
    """The rows of one file in the order they stand there, as a struct of arrays.

    Attributes:
        frame: (N,) int64, from 1.
        id: (N,) int64; -1 in files of detections.
        left: (N,) float64, px of the source frame; so are top, width and height.
        top: (N,) float64.
        width: (N,) float64; can be zero or negative where the file says so.
        height: (N,) float64.
        score: (N,) float64; in truth files the flag of the rows that count (1) or not (0); 1 where not given.
        category: (N,) int64, the class: 1 is a pedestrian; -1 where the file states none.
    """

    frame: npt.NDArray[np.int64]
    id: npt.NDArray[np.int64]
    left: npt.NDArray[np.float64]
    top: npt.NDArray[np.float64]
    width: npt.NDArray[np.float64]
    height: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]
    category: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def xyxy(self) -> npt.NDArray[np.float64]:
        """(N, 4) boxes as x1 y1 x2 y2."""
        return np.stack([self.left, self.top, self.left + self.width, self.top + self.height], axis=1)

    @property
    def pedestrian(self) -> npt.NDArray[np.bool_]:
        """(N,) rows of pedestrians: class 1, or no class stated."""
        return np.isin(self.category, (PEDESTRIAN, NO_CLASS))

    def select(self, index: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> MotRows:
        """The rows at a mask (N,) or at indices (K,), in that order."""
        return MotRows(
            self.frame[index],
            self.id[index],
            self.left[index],
            self.top[index],
            self.width[index],
            self.height[index],
            self.score[index],
            self.category[index],
        )


def read_mot(path: Path, error: type[HandoffError] = TruthError) -> MotRows:
    """Read a MOT file: truth, result or detections.

    Args:
        path: a text file; columns stand apart by commas or blanks, empty lines are skipped.
        error: raised when the file is not right; what the file is to the caller decides.

    Raises:
        HandoffError: of the given type, naming file and line, when the file cannot be read or a line is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise error(
            f"{path}: not a text file; MOT rows wanted (frame, id, left, top, width, height, ...)"
        ) from None
    except OSError as failure:
        raise error(f"{path}: cannot be read ({failure.strerror or failure})") from None
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                rows.append(_parse(line))
            except ValueError as fault:
                raise error(f"{path}:{number}: {fault}") from None
    table = np.array(rows, np.float64).reshape(-1, len(COLUMNS))
    frame, track_id, left, top, width, height, score, category = np.ascontiguousarray(table.T)
    return MotRows(
        frame.astype(np.int64),
        track_id.astype(np.int64),
        left,
        top,
        width,
        height,
        score,
        category.astype(np.int64),
    )


def format_mot_row(
    frame: int, track_id: int, left: float, top: float, width: float, height: float, score: float
) -> str:
    """One row of a result file, without the line's end: pixels with 2 decimals, the score with 4, then -1, -1, -1.

    Args:
        frame: from 1 (`Frame.index` + 1).
        track_id: of the track or of the identity.
        left: px of the source frame, the `roi` offset added back; so are top, width and height.
        top: px.
        width: px.
        height: px.
        score: in [0, 1].
    """
    # Adding 0.0 turns the -0.0 that rounding can leave into 0.0.
    box = ",".join(f"{round(value, 2) + 0.0:.2f}" for value in (left, top, width, height))
    return f"{frame},{track_id},{box},{round(score, 4) + 0.0:.4f},-1,-1,-1"


def _parse(line: str) -> list[float]:
    """The eight columns of `COLUMNS`; ValueError says what is wrong with the line."""
    cells = [cell.strip() for cell in line.split(",")] if "," in line else line.split()
    if not _FEWEST <= len(cells) <= _MOST:
        raise ValueError(
            f"{_FEWEST} to {_MOST} columns wanted (frame, id, left, top, width, height, ...), got {len(cells)}"
        )
    # Ten columns end in a position in the world (x, y, z); only eight and nine state a class.
    given = 8 if len(cells) in (8, 9) else min(len(cells), 7)
    values = [_number(name, cell) for name, cell in zip(COLUMNS, cells[:given], strict=False)]
    if values[0] < 1:
        raise ValueError(f"frame: must be at least 1 (got {cells[0]})")
    return values + [1.0, float(NO_CLASS)][given - len(COLUMNS) :] if given < len(COLUMNS) else values


def _number(name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name}: must be a number (got {cell!r})")
    if name in _INTEGERS and value != int(value):
        raise ValueError(f"{name}: must be a whole number (got {cell})")
    return value
