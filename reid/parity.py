"""The gate every runtime passes before it is used: the features of torch f32, and the same order of distances.

Conversions of OSNet have been wrong at some batch sizes only, and low precision changes every feature a
little; both are measured here, on crops that are drawn, so that it needs no data.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from reid.crops import HEIGHT, WIDTH, Image
from reid.tracklets import FloatArray

MIN_COSINE: Final = 0.999
ROUNDING: Final = 0.5  # no rounding, not even to 8 bits, has been seen to bring a row below it: a fault has
RANK_TOLERANCE: Final = 0.01  # crops whose cosine distances to a query differ by less may change places
GATE_CROPS: Final = 64  # distinct ones; torch on a CPU embeds about 30 a second with osnet_x1_0
_SINGLES, _ODD = 3, 7  # how many crops are tried one by one, and a batch size that divides nothing

Picture = npt.NDArray[np.float64]  # (256, 128, 3) BGR, values from 0 to 255


class Embeds(Protocol):
    """The part of a runtime that the gate needs."""

    def embed(self, batch: Image) -> FloatArray:
        """(N, 256, 128, 3) uint8 BGR -> (N, 512) float32 unit rows."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How well a runtime agrees with the reference.

    Attributes:
        cosine: smallest cosine between a row and its reference, over all rows and batch sizes; -1 if rows are
            missing or not finite.
        batch: the batch size at which it occurred.
        swapped: how often, summed over queries, two crops changed places in the order by distance to the query
            although their distances differ by more than `RANK_TOLERANCE` in the reference.
    """

    cosine: float
    batch: int
    swapped: int

    @property
    def passed(self) -> bool:
        """Whether the runtime may be used without being asked for by name."""
        return self.cosine > MIN_COSINE and self.swapped == 0

    @property
    def broken(self) -> bool:
        """Whether rows are missing, not finite, or further from the reference than rounding takes them."""
        return self.cosine < ROUNDING

    def __str__(self) -> str:
        return f"cosine {self.cosine:.5f} at batch {self.batch}, {self.swapped} ranks swapped"


def check_parity(
    runtime: Embeds, reference: FloatArray, max_batch: int | None = None, crops: Image | None = None
) -> Parity:
    """Compare a runtime with the reference at batch 1, 7 and the largest.

    Args:
        runtime: what to judge.
        reference: (N, D) rows of the crops by torch in single precision.
        max_batch: the largest batch that the runtime will be given; N when None. Crops are repeated to fill it.
        crops: (N, 256, 128, 3) uint8 BGR; ``gate_crops(N)`` when None.
    """
    largest = max_batch or len(reference)
    order = np.arange(max(largest, len(reference))) % len(reference)
    distinct = gate_crops(len(reference)) if crops is None else crops
    crops, wanted = distinct[order], reference[order]
    small = [slice(i, i + 1) for i in range(_SINGLES)] + [slice(_SINGLES, _SINGLES + min(_ODD, largest))]
    large = [slice(i, i + largest) for i in range(0, len(crops), largest)]
    given = [runtime.embed(crops[part]) for part in small + large]
    cosine, batch = min(
        (_lowest_cosine(rows, wanted[part]), len(rows)) for rows, part in zip(given, small + large, strict=True)
    )
    if cosine == -1.0:
        return Parity(cosine, batch, 0)
    rows = np.concatenate(given[len(small) :])[: len(reference)]
    return Parity(cosine, batch, count_swapped(rows, reference))


def _lowest_cosine(rows: FloatArray, reference: FloatArray) -> float:
    if rows.shape != reference.shape or not np.isfinite(rows).all():
        return -1.0
    return float((rows * reference).sum(axis=1).min())


def count_swapped(rows: FloatArray, reference: FloatArray) -> int:
    """Changes of rank as `Parity.swapped` counts them, of (N, D) unit rows."""
    given, true = 1 - rows @ rows.T, 1 - reference @ reference.T
    # [query, a, b]: a is clearly nearer to the query than b, and no longer is.
    nearer = true[:, :, None] < true[:, None, :] - RANK_TOLERANCE
    return int((nearer & (given[:, :, None] >= given[:, None, :])).sum())


def gate_crops(count: int) -> Image:
    """Different crops that look roughly like pedestrians in surveillance video, always the same ones.

    Clothes, pose, background, light, contrast, sharpness and noise vary; dark and contrasty crops, at which low
    precision does worst, are among them.

    Returns:
        (count, 256, 128, 3) uint8 BGR.
    """
    rng = np.random.default_rng(0)
    return np.stack([_pedestrian(rng) for _ in range(count)])


@cache
def gate_fingerprint() -> str:
    """Short sha256 of the gate's crops: rows kept in a file are those of these crops only."""
    return hashlib.sha256(gate_crops(GATE_CROPS).tobytes()).hexdigest()[:16]


def _pedestrian(rng: np.random.Generator) -> Image:
    image = _texture(rng, rows=6, columns=4, contrast=rng.uniform(10.0, 70.0))
    centre, half = rng.uniform(54.0, 74.0), rng.uniform(20.0, 38.0)
    stride = rng.uniform(0.0, 22.0)
    legs = rng.uniform(0.2, 0.9)
    parts = (  # top, bottom, centre and half width as shares of the figure
        (60, 140, centre, half),
        (134, 246, centre - legs * half / 2 - stride / 4, half * 0.45),
        (134, 246, centre + legs * half / 2 + stride / 4, half * 0.45),
        (14, 62, centre + rng.uniform(-4.0, 4.0), half * 0.42),
    )
    trousers = _texture(rng, rows=5, columns=3, contrast=rng.uniform(2.0, 40.0))
    clothes = (_texture(rng, rows=9, columns=6, contrast=rng.uniform(2.0, 60.0)), trousers, trousers)
    skin = np.broadcast_to(rng.uniform(0.4, 1.0) * np.array([130.0, 160.0, 210.0]), image.shape)
    for (top, bottom, middle, width), paint in zip(parts, (*clothes, skin), strict=True):
        image = np.where(_ellipse(top, bottom, middle, width), paint, image)
    image = _soften(image, int(rng.integers(0, 4)))
    light = rng.uniform(0.25, 1.25)
    image = (image * light - 128.0) * rng.uniform(0.5, 1.4) + rng.uniform(60.0, 128.0)
    image = image + rng.normal(0.0, rng.uniform(0.5, 10.0), image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def _texture(rng: np.random.Generator, rows: int, columns: int, contrast: float) -> Picture:
    """A colour of its own with blotches of ``contrast``, over the whole crop."""
    colour = rng.uniform(10.0, 245.0, size=3)
    blotches = rng.normal(0.0, contrast, size=(rows, columns, 1)) + rng.normal(
        0.0, contrast / 3, (rows, columns, 3)
    )
    tall = np.repeat(colour + blotches, -(-HEIGHT // rows), axis=0)[:HEIGHT]
    return np.repeat(tall, -(-WIDTH // columns), axis=1)[:, :WIDTH]


def _ellipse(top: float, bottom: float, centre: float, half: float) -> npt.NDArray[np.bool_]:
    """A mask (256, 128, 1): a rounded box, squarer than an ellipse."""
    y = (np.arange(HEIGHT)[:, None, None] - (top + bottom) / 2) / ((bottom - top) / 2)
    x = (np.arange(WIDTH)[None, :, None] - centre) / half
    mask: npt.NDArray[np.bool_] = x**4 + y**4 < 1.0
    return mask


def _soften(image: Picture, times: int) -> Picture:
    """Blur by a small kernel, ``times`` times, as resized and compressed video is."""
    for _ in range(times):
        image = (np.roll(image, 2, axis=0) + image + np.roll(image, -2, axis=0)) / 3
        image = (np.roll(image, 2, axis=1) + image + np.roll(image, -2, axis=1)) / 3
    return image
