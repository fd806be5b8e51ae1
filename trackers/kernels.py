"""Inner loops of the trackers, compiled by numba; the compiled code is kept in a cache beside this file.

Each has the name, arguments and result of its NumPy form in `trackers.kernels_numpy`, which says what it computes;
a test holds the two together. Arrays are C-contiguous; ``motion`` is laid out as in `trackers.kalman`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit

Float = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
F = TypeVar("F", bound=Callable[..., Any])

# The constants of `trackers.kalman`, which explains them. They are here because compiled code has them built in,
# and its cache is renewed when this file changes, not when another one does.
REFERENCE_RATE = 30.0  # frames a second
POSITION = 1 / 20  # standard deviation as a share of the height
VELOCITY = 1 / 160  # the same, a frame
ASPECT_VELOCITY = 1e-5
SMALLEST_ASPECT, SMALLEST_HEIGHT = 1e-2, 1.0  # of a state [1, px]; keep a long prediction a box


def compiled(function: F) -> F:
    """Compile at the first call and keep the code for the next start, where there is a place to keep it."""
    try:
        kept: Any = njit(cache=True)(function)
    except (RuntimeError, OSError):  # neither this folder nor the user's cache folder can be written to
        kept = njit(function)
    return cast(F, kept)


@compiled
def predict(motion: Float, dt: float, aspect_step: float) -> None:
    """`kalman.predict`, in place."""
    steps = dt * REFERENCE_RATE
    first = max(0.0, steps * (steps - 1) / 2)
    second = max(0.0, steps * (steps - 1) * (2 * steps - 1) / 6)
    for i in range(len(motion)):
        row = motion[i]
        h = max(row[3], 1.0)
        for k in range(4):
            step = aspect_step if k == 2 else POSITION * h
            faster = ASPECT_VELOCITY if k == 2 else VELOCITY * h
            row[k] += dt * row[4 + k]
            row[8 + k] += dt * (2 * row[12 + k] + dt * row[16 + k]) + steps * step**2 + second * faster**2
            row[12 + k] += dt * row[16 + k] + first * faster**2 * REFERENCE_RATE
            row[16 + k] += steps * faster**2 * REFERENCE_RATE**2
        row[2] = max(row[2], SMALLEST_ASPECT)
        row[3] = max(row[3], SMALLEST_HEIGHT)


@compiled
def correct(motion: Float, rows: Int, boxes: Float, columns: Int, aspect_measured: float) -> None:
    """See `trackers.kernels_numpy.correct`; in place."""
    seen = np.empty(4)
    for n in range(len(rows)):
        row, box = motion[rows[n]], boxes[columns[n]]
        width, height = box[2] - box[0], box[3] - box[1]
        seen[0], seen[1] = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        seen[2], seen[3] = width / height, height
        h = max(row[3], 1.0)
        for k in range(4):
            noise = aspect_measured if k == 2 else POSITION * h
            expected = row[8 + k] + noise**2
            gain, gain_velocity = row[8 + k] / expected, row[12 + k] / expected
            miss = seen[k] - row[k]
            row[k] += gain * miss
            row[4 + k] += gain_velocity * miss
            row[16 + k] -= gain_velocity * row[12 + k]
            row[8 + k] *= 1 - gain
            row[12 + k] *= 1 - gain
        row[2] = max(row[2], SMALLEST_ASPECT)
        row[3] = max(row[3], SMALLEST_HEIGHT)


@compiled
def boxes_of(motion: Float, rows: Int) -> Float32:
    """See `trackers.kernels_numpy.boxes_of`."""
    boxes = np.empty((len(rows), 4), np.float32)
    for n in range(len(rows)):
        row = motion[rows[n]]
        half = row[2] * row[3] / 2
        boxes[n, 0], boxes[n, 1] = row[0] - half, row[1] - row[3] / 2
        boxes[n, 2], boxes[n, 3] = row[0] + half, row[1] + row[3] / 2
    return boxes


@njit(fastmath={"reassoc", "contract", "nsz"})  # kept with the loops that call it
def similarity(a: Float32, i: int, b: Float32, j: int) -> float:
    """Dot product of row i of ``a`` and row j of ``b``."""
    total = np.float32(0.0)
    for k in range(a.shape[1]):
        total += a[i, k] * b[j, k]
    return float(total)


@compiled
def similarities(a: Float32, rows: Int, b: Float32, columns: Int) -> Float:
    """See `trackers.kernels_numpy.similarities`."""
    result = np.empty(len(rows))
    for n in range(len(rows)):
        result[n] = similarity(a, rows[n], b, columns[n])
    return result


@compiled
def overlap(track: Float, pad: float, box: Float) -> float:
    """IoU of two boxes xyxy, both enlarged by ``pad``, times the IoU of their vertical extents."""
    width = min(track[2], box[2]) - max(track[0], box[0]) + 2 * pad
    if width <= 0:
        return 0.0
    height = min(track[3], box[3]) - max(track[1], box[1]) + 2 * pad
    if height <= 0:
        return 0.0
    shared = width * height
    area = (track[2] - track[0] + 2 * pad) * (track[3] - track[1] + 2 * pad)
    other = (box[2] - box[0] + 2 * pad) * (box[3] - box[1] + 2 * pad)
    extent = max(track[3], box[3]) - min(track[1], box[1]) + 2 * pad
    return float(shared / (area + other - shared) * (height / extent))


@compiled
def first_from(boxes: Float, columns: Int, left: float) -> int:
    """First place in ``columns``, which are sorted by left edge, of a box whose left edge is at least ``left``."""
    first, last = 0, len(columns)
    while first < last:
        between = (first + last) // 2
        if boxes[columns[between], 0] < left:
            first = between + 1
        else:
            last = between
    return first


@compiled
def pairs(
    motion: Float,
    rows: Int,
    pads: Float,
    boxes: Float,
    columns: Int,
    prototypes: Float32,
    known: Bool,
    embeddings: Float32,
    embedded: Bool,
    appearance: Float,
    weight: float,
    least: float,
    gate: float,
) -> tuple[Int, Int, Float]:
    """See `trackers.kernels_numpy.pairs`."""
    slope, middle, limit = appearance[0], appearance[1], appearance[2]
    pair_row, pair_column = np.empty(4 * len(rows) + 4, np.int64), np.empty(4 * len(rows) + 4, np.int64)
    pair_worth = np.empty(4 * len(rows) + 4)
    count = 0
    widest = np.max(boxes[columns, 2] - boxes[columns, 0]) if len(columns) else 0.0
    track = np.empty(4)
    for r in range(len(rows)):
        row, pad = motion[rows[r]], pads[r]
        half, noise = row[2] * row[3] / 2, (POSITION * max(row[3], 1.0)) ** 2
        track[0], track[1] = row[0] - half, row[1] - row[3] / 2
        track[2], track[3] = row[0] + half, row[1] + row[3] / 2
        certain = weight / (1 + pad / row[3])
        looks = slope > 0 and known[rows[r]]
        reach = np.sqrt(gate * (row[8] + noise)) if looks else 0.0
        leftmost = min(track[0] - 2 * pad - widest, row[0] - reach - widest / 2)
        rightmost = max(track[2] + 2 * pad, row[0] + reach)
        for n in range(first_from(boxes, columns, leftmost), len(columns)):
            c = columns[n]
            box = boxes[c]
            if box[0] > rightmost:
                break
            compared = looks and embedded[c]
            shared = overlap(track, pad, box)
            if shared <= 0 and not (compared and within(row, noise, box, gate)):
                continue
            total = certain * (shared - least)
            if compared:
                apart = 1 - similarity(prototypes, rows[r], embeddings, c)
                total += min(limit, max(-limit, slope * (middle - apart)))
            if total > 0:
                if count == len(pair_row):
                    pair_row, pair_column = doubled(pair_row), doubled(pair_column)
                    pair_worth = doubled(pair_worth)
                pair_row[count], pair_column[count], pair_worth[count] = r, c, total
                count += 1
    return pair_row[:count], pair_column[:count], pair_worth[:count]


@compiled
def doubled(values: Any) -> Any:
    """The values (K,) and room for as many again."""
    return np.concatenate((values, np.empty_like(values)))


@compiled
def separated(row: Int, column: Int, worth: Float, rows: int, columns: int) -> tuple[Int, Int, Int, Float]:
    """See `trackers.kernels_numpy.separated`."""
    wants, wanted = np.zeros(rows, np.int64), np.zeros(columns, np.int64)
    for n in range(len(row)):
        wants[row[n]] += 1
        wanted[column[n]] += 1
    column_of_row = np.full(rows, -1)
    contested = np.zeros(len(row), np.bool_)
    for n in range(len(row)):
        if wants[row[n]] == 1 and wanted[column[n]] == 1:
            column_of_row[row[n]] = column[n]
        else:
            contested[n] = True
    return column_of_row, row[contested], column[contested], worth[contested]


@compiled
def clear(row: Int, column: Int, worth: Float, rows: int, columns: int, least: float, margin: float) -> Bool:
    """See `trackers.kernels_numpy.clear`."""
    best_row, next_row = np.zeros(rows), np.zeros(rows)
    best_column, next_column = np.zeros(columns), np.zeros(columns)
    for n in range(len(row)):
        r, c, value = row[n], column[n], worth[n]
        next_row[r] = max(next_row[r], min(best_row[r], value))
        best_row[r] = max(best_row[r], value)
        next_column[c] = max(next_column[c], min(best_column[c], value))
        best_column[c] = max(best_column[c], value)
    result = np.zeros(len(row), np.bool_)
    for n in range(len(row)):
        rival = max(next_row[row[n]], next_column[column[n]])
        leads = worth[n] == best_row[row[n]] and worth[n] == best_column[column[n]]
        result[n] = leads and worth[n] >= least and worth[n] - rival >= margin
    return result


@compiled
def dense(rows: Int, columns: Int, worth: Float) -> tuple[Int, Int, Float]:
    """See `trackers.kernels_numpy.dense`."""
    row_ids, column_ids = np.unique(rows), np.unique(columns)
    cost = np.zeros((len(row_ids), len(column_ids)))
    for n in range(len(rows)):
        cost[np.searchsorted(row_ids, rows[n]), np.searchsorted(column_ids, columns[n])] = -worth[n]
    return row_ids, column_ids, cost


@compiled
def within(row: Float, noise: float, box: Float, gate: float) -> bool:
    """Whether a box lies within the squared Mahalanobis distance ``gate`` of x, y and height."""
    dx, dy = (box[0] + box[2]) / 2 - row[0], (box[1] + box[3]) / 2 - row[1]
    dh = box[3] - box[1] - row[3]
    distance = dx * dx / (row[8] + noise) + dy * dy / (row[9] + noise) + dh * dh / (row[11] + noise)
    return bool(distance <= gate)


@compiled
def moments(values: Float) -> tuple[float, float]:
    """See `trackers.kernels_numpy.moments`."""
    mean = 0.0
    for value in values:
        mean += value / len(values)
    variance = 0.0
    for value in values:
        variance += (value - mean) ** 2 / len(values)
    return mean, variance


@compiled
def blend(prototypes: Float32, rows: Int, embeddings: Float32, columns: Int, keep: Float32) -> None:
    """See `trackers.kernels_numpy.blend`; in place."""
    for n in range(len(rows)):
        i, j = rows[n], columns[n]
        total = np.float32(0.0)
        for k in range(prototypes.shape[1]):
            prototypes[i, k] = keep[n] * prototypes[i, k] + (np.float32(1) - keep[n]) * embeddings[j, k]
            total += prototypes[i, k] ** 2
        scale = np.float32(1 / max(np.sqrt(total), 1e-12))
        for k in range(prototypes.shape[1]):
            prototypes[i, k] *= scale
