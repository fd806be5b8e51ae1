"""What the compiled loops of `trackers.kernels` compute, in NumPy: the reference that they are tested against."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trackers import kalman
from trackers.boxes import xyah_to_xyxy, xyxy_to_xyah

Float = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


def predict(motion: Float, dt: float, aspect_step: float) -> None:
    """`kalman.predict`, in place."""
    motion[:] = kalman.predict(motion, dt, aspect_step)


def correct(motion: Float, rows: Int, boxes: Float, columns: Int, aspect_measured: float) -> None:
    """`kalman.correct` of the different rows (K,) with the boxes ``columns`` (K,) of the xyxy (M, 4), in place."""
    motion[rows] = kalman.correct(motion[rows], xyxy_to_xyah(boxes[columns]), aspect_measured)


def boxes_of(motion: Float, rows: Int) -> Float32:
    """(K, 4) xyxy of the states ``rows`` (K,)."""
    boxes: Float32 = xyah_to_xyxy(motion[rows, :4]).astype(np.float32)
    return boxes


def similarities(a: Float32, rows: Int, b: Float32, columns: Int) -> Float:
    """(K,) dot products of the rows ``rows`` of ``a`` and ``columns`` of ``b``, pair by pair."""
    dots: Float = np.einsum("nk,nk->n", a[rows], b[columns]).astype(np.float64)
    return dots


def overlaps(tracks: Float, pads: Float, boxes: Float) -> Float:
    """(R, C): IoU times the IoU of the vertical extents, of xyxy boxes, both enlarged by the track's pad (R,).

    The second factor separates people at different depths (height-modulated IoU, arXiv 2308.00783).
    """
    enlarge = pads[:, None] * np.array([-1.0, -1.0, 1.0, 1.0])
    a, b = (tracks + enlarge)[:, None], boxes[None] + enlarge[:, None]
    side = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None)
    shared = np.prod(side, axis=2)
    areas = np.prod(a[..., 2:] - a[..., :2], axis=2) + np.prod(b[..., 2:] - b[..., :2], axis=2)
    extent = np.maximum(a[..., 3], b[..., 3]) - np.minimum(a[..., 1], b[..., 1])
    result: Float = shared / (areas - shared) * side[..., 1] / extent
    return result


def evidence(
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
) -> Float:
    """What speaks for each pair of a track and a detection, as a logarithm of a likelihood ratio.

    Place speaks with ``weight * (overlap - least)``, the less the more boxes are enlarged; appearance with
    ``slope * (middle - cosine distance)``, at most ``limit`` to either side, where both embeddings are there and
    ``slope`` is positive.

    Args:
        motion: (N, 20) of all tracks.
        rows: (R,) tracks that are asked for.
        pads: (R,) px by which boxes are enlarged before they are compared.
        boxes: (M, 4) xyxy of all detections.
        columns: (C,) detections that are asked for.
        prototypes: (N, D) unit rows where ``known`` (N,).
        known: (N,) tracks that have been seen with an embedding.
        embeddings: (M, D) unit rows where ``embedded`` (M,).
        embedded: (M,) detections that have an embedding.
        appearance: (3,) slope, middle, limit.
        weight: of overlap; a box that is enlarged by its own height counts half.
        least: overlap that speaks neither for nor against.
        gate: greatest squared Mahalanobis distance of x, y and height for a pair that does not overlap.

    Returns:
        (R, C); minus infinite for pairs that do not overlap and cannot be compared, or are too far away.
    """
    own, found = motion[rows], boxes[columns]
    shared = overlaps(xyah_to_xyxy(own[:, :4]), pads, found)
    compared = (appearance[0] > 0) & known[rows][:, None] & embedded[columns][None]
    axes = [0, 1, 3]
    expected = own[:, 8:12] + kalman.measurement_noise(own[:, 3])
    miss = xyxy_to_xyah(found)[None] - own[:, None, :4]
    distance = np.sum((miss**2 / expected[:, None])[..., axes], axis=2)
    looks = np.zeros(compared.shape)
    if compared.any():
        apart = 1 - prototypes[rows] @ embeddings[columns].T
        looks = np.clip(appearance[0] * (appearance[1] - apart), -appearance[2], appearance[2])
    certain = (weight / (1 + pads / own[:, 3]))[:, None]
    total = certain * (shared - least) + np.where(compared, looks, 0.0)
    return np.where((shared > 0) | (compared & (distance <= gate)), total, -np.inf)


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
    """Pairs that more speaks for than against, by the `evidence` of the same arguments; ``columns`` by left edge.

    Returns:
        Three arrays (K,): place in ``rows``, rising; detection; evidence.
    """
    worth = evidence(
        motion,
        rows,
        pads,
        boxes,
        columns,
        prototypes,
        known,
        embeddings,
        embedded,
        appearance,
        weight,
        least,
        gate,
    )
    row, position = np.nonzero(worth > 0)
    return row, columns[position], worth[row, position]


def separated(row: Int, column: Int, worth: Float, rows: int, columns: int) -> tuple[Int, Int, Int, Float]:
    """Decide the pairs (K,) that no assignment would do without: whose row and column occur in no other pair.

    Returns:
        (rows,) the column of each decided row, -1 for the other rows; and the other pairs.
    """
    wants, wanted = np.bincount(row, minlength=rows), np.bincount(column, minlength=columns)
    alone = (wants[row] == 1) & (wanted[column] == 1)
    column_of_row = np.full(rows, -1)
    column_of_row[row[alone]] = column[alone]
    return column_of_row, row[~alone], column[~alone], worth[~alone]


def clear(row: Int, column: Int, worth: Float, rows: int, columns: int, least: float, margin: float) -> Bool:
    """(K,) bool: pairs worth at least ``least``, and ``margin`` more than any other of their row or column."""
    table = np.zeros((rows + 1, columns + 1))
    table[row, column] = worth
    result = np.zeros(len(row), bool)
    for n, (r, c) in enumerate(zip(row, column, strict=True)):
        rivals = table.copy()
        rivals[r, c] = 0
        rival = max(rivals[r].max(), rivals[:, c].max())
        result[n] = worth[n] >= least and worth[n] > rival and worth[n] - rival >= margin
    return result


def dense(rows: Int, columns: Int, worth: Float) -> tuple[Int, Int, Float]:
    """Pairs (K,) as a matrix of costs: its rows and columns, rising, and minus each worth, 0 elsewhere."""
    row_ids, row = np.unique(rows, return_inverse=True)
    column_ids, column = np.unique(columns, return_inverse=True)
    cost = np.zeros((len(row_ids), len(column_ids)))
    cost[row, column] = -worth
    return row_ids, column_ids, cost


def moments(values: Float) -> tuple[float, float]:
    """Mean and variance of values (K,), K > 0."""
    return float(values.mean()), float(values.var())


def blend(prototypes: Float32, rows: Int, embeddings: Float32, columns: Int, keep: Float32) -> None:
    """Move the different prototypes ``rows`` (K,) towards embeddings; the share ``keep`` (K,) stays."""
    mixed = keep[:, None] * prototypes[rows] + (1 - keep)[:, None] * embeddings[columns]
    prototypes[rows] = mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-12)
