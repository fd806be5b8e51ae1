"""The gate every converted network passes before it is used: the same features as torch fp32, in the same order.

Conversions of OSNet have been wrong only at some batch sizes, and low precision changes features a little
everywhere; both are measured here, on crops that are drawn, so that a start needs no data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

CropArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
Embed = Callable[[CropArray], FloatArray]  # (N, 256, 128, 3) uint8 BGR to (N, 512) unit rows

CROP_HEIGHT: Final = 256
CROP_WIDTH: Final = 128
MINIMUM_COSINE: Final = 0.999
RANKING_TOLERANCE: Final = 0.05  # of the mean distance between two crops
_DISTINCT_CROPS: Final = 64  # torch on the CPU makes some 30 features of osnet_x1_0 a second


@dataclass(frozen=True, slots=True)
class ParityReport:
    """How close a runtime comes to the reference.

    Attributes:
        worst_cosine: between a row of the runtime and the same row of the reference, over all batch sizes tried.
        worst_batch: the batch size at which it occurred.
        swaps: pairs of gallery crops whose order by distance to a query changed although their distances differ by
            more than `RANKING_TOLERANCE` times the mean distance; counted over all queries.
        batches: the batch sizes tried.
    """

    worst_cosine: float
    worst_batch: int
    swaps: int
    batches: tuple[int, ...]

    @property
    def passed(self) -> bool:
        """Whether the runtime may be used."""
        return self.worst_cosine > MINIMUM_COSINE and self.swaps == 0

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "failed"
        sizes = ", ".join(map(str, self.batches))
        return (
            f"parity {verdict}: lowest cosine {self.worst_cosine:.6f} (at batch {self.worst_batch} of {sizes}), "
            f"{self.swaps} changes of rank"
        )


class ParityGate:
    """Judges runtimes against one reference, whose rows are computed once.

    Args:
        reference: the trusted implementation: torch, fp32, on the CPU.
        max_batch: the largest batch the runtime will be given.
    """

    def __init__(self, reference: Embed, max_batch: int) -> None:
        distinct = draw_pedestrians(min(max(max_batch, 8), _DISTINCT_CROPS))
        order = np.arange(max(max_batch, len(distinct))) % len(distinct)
        self._crops = distinct[order]
        self._expected = reference(distinct)[order]
        self._distinct = len(distinct)
        self.batches = tuple(sorted({1, min(7, max_batch), max_batch}))

    def check(self, runtime: Embed) -> ParityReport:
        """Run the crops at every batch size and compare every row."""
        worst, worst_batch = 2.0, 0
        rows = self._expected
        for size in self.batches:
            # All crops at the largest size, two batches at the others.
            count = len(self._crops) if size == self.batches[-1] else min(2 * size, len(self._crops))
            rows = np.concatenate([runtime(self._crops[i : min(i + size, count)]) for i in range(0, count, size)])
            cosine = float(np.nan_to_num((rows * self._expected[:count]).sum(axis=1), nan=-1.0).min())
            if cosine < worst:
                worst, worst_batch = cosine, size
        swaps = count_swaps(rows[: self._distinct], self._expected[: self._distinct])
        return ParityReport(worst, worst_batch, swaps, self.batches)


def check_parity(runtime: Embed, reference: Embed, max_batch: int) -> ParityReport:
    """Compare a runtime with the reference at batch 1, 7 and ``max_batch``; see `ParityGate`."""
    return ParityGate(reference, max_batch).check(runtime)


def count_swaps(rows: FloatArray, expected: FloatArray) -> int:
    """Changes of rank that matter, as `ParityReport.swaps` defines them; both (N, D) unit rows."""
    truth = 1.0 - expected @ expected.T
    given = 1.0 - rows @ rows.T
    tolerance = RANKING_TOLERANCE * float(truth.mean())
    # For query q: crop j is nearer than crop k in truth, by more than the tolerance, but not in what was given.
    nearer = truth[:, :, None] < truth[:, None, :] - tolerance
    farther = given[:, :, None] >= given[:, None, :]
    return int((nearer & farther).sum())


def draw_pedestrians(count: int, seed: int = 0) -> CropArray:
    """Crops that look roughly like pedestrians in surveillance video: (count, 256, 128, 3) uint8 BGR.

    Clothes, pose, background, light, contrast, sharpness and noise vary; dark and contrasty crops, where low
    precision does worst, are among them. The same for the same arguments.
    """
    rng = np.random.default_rng(seed)
    return np.stack([_draw_pedestrian(rng) for _ in range(count)])


def _draw_pedestrian(rng: np.random.Generator) -> CropArray:
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


def _texture(rng: np.random.Generator, rows: int, columns: int, contrast: float) -> npt.NDArray[np.float64]:
    """A colour of its own with blotches of ``contrast``, over the whole crop."""
    colour = rng.uniform(10.0, 245.0, size=3)
    blotches = rng.normal(0.0, contrast, size=(rows, columns, 1)) + rng.normal(0.0, contrast / 3, (rows, columns, 3))
    tall = np.repeat(colour + blotches, -(-CROP_HEIGHT // rows), axis=0)[:CROP_HEIGHT]
    return np.repeat(tall, -(-CROP_WIDTH // columns), axis=1)[:, :CROP_WIDTH]


def _ellipse(top: float, bottom: float, centre: float, half: float) -> npt.NDArray[np.bool_]:
    """A mask (256, 128, 1): a rounded box, squarer than an ellipse."""
    y = (np.arange(CROP_HEIGHT)[:, None, None] - (top + bottom) / 2) / ((bottom - top) / 2)
    x = (np.arange(CROP_WIDTH)[None, :, None] - centre) / half
    mask: npt.NDArray[np.bool_] = x**4 + y**4 < 1.0
    return mask


def _soften(image: npt.NDArray[np.float64], times: int) -> npt.NDArray[np.float64]:
    """Blur by a small kernel, ``times`` times, as resized and compressed video is."""
    for _ in range(times):
        image = (np.roll(image, 2, axis=0) + image + np.roll(image, -2, axis=0)) / 3
        image = (np.roll(image, 2, axis=1) + image + np.roll(image, -2, axis=1)) / 3
    return image
