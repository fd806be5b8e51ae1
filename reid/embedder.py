"""Embedders: crops of people in, unit vectors out, one batch for all cameras of a tick.

To add one: a settings class with `type` and `build()`, an embedder, and the settings class in `EmbedderSettings`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field

from reid.choice import Measured, choose_for_export, choose_runtime, measure_runtimes
from reid.crops import HEIGHT, CropBatch, Image
from reid.errors import WeightsError
from reid.exported import ExportedModel, is_export, read_exported
from reid.runtimes import Device, Precision, RuntimeName
from reid.tracklets import FloatArray
from reid.weights import find_weights, load_osnet

if TYPE_CHECKING:
    from reid.osnet import OSNet


class Embedder(Protocol):
    """Maps the look of a person to a unit vector; alike looks are near. Deterministic."""

    dimension: int
    batches: int  # runtime calls so far

    def embed(self, images: Sequence[Image], boxes: Sequence[FloatArray]) -> list[FloatArray]:
        """Embed the boxes of several images in one batch.

        Args:
            images: (H, W, 3) uint8 BGR, of any sizes.
            boxes: (K, 4) float32 xyxy in pixels, for each image.

        Returns:
            (K, D) float32 unit rows for each image.
        """

    def close(self) -> None:
        """Release memory; may be called twice."""


class OsnetSettings(BaseModel, frozen=True, extra="forbid"):
    """OSNet, from a checkpoint or an exported model."""

    type: Literal["osnet"] = "osnet"
    weights: str = Field(
        "weights/osnet_x0_25.pth",
        description="Checkpoint (.pth) or exported model (.xml, .onnx): a path from here, from the program's "
        "folder, or absolute. The default ships.",
    )
    architecture: str | None = Field(
        None, description="Name of the OSNet; found out from the checkpoint by default."
    )
    runtime: RuntimeName = Field("auto", description="auto: torch on CUDA, else OpenVINO.")
    device: Device = Field("auto", description="auto: CUDA where there is a device.")
    precision: Precision = Field(
        "auto",
        description="Of the arithmetic. auto: the fastest that agrees with torch in single precision; any other "
        "is used even if it does not (docs/runtimes.md has the cost). int8 needs an exported model.",
    )
    batch: int = Field(64, ge=1, le=4096, description="Most crops in one call of the runtime.")

    def build(self) -> OsnetEmbedder:
        """Load the weights and choose the runtime; raises WeightsError, HandoffError."""
        return OsnetEmbedder(self)


class StripesSettings(BaseModel, frozen=True, extra="forbid"):
    """Colour histograms of horizontal stripes: needs no weights, tells apart people by their clothes only."""

    type: Literal["stripes"] = "stripes"
    stripes: int = Field(6, ge=1, le=32, description="Horizontal stripes, from head to foot.")
    bins: int = Field(8, ge=2, le=32, description="Bins of each histogram.")

    def build(self) -> StripesEmbedder:
        """An embedder that is ready at once."""
        return StripesEmbedder(self)


class OsnetEmbedder:
    """OSNet in the fastest runtime that passes the parity gate (`reid.choice`), warmed up by it.

    Attributes:
        architecture: the network's name.
        parity: how well the runtime agrees with torch f32; None where it is torch f32.
        runtime: name of the runtime.
        description: network, runtime, device and precision, and which faster precisions were rejected and why.
    """

    def __init__(self, settings: OsnetSettings) -> None:
        weights, self.architecture = _load(settings)
        wanted = settings.runtime, settings.device, settings.precision, settings.batch
        if isinstance(weights, ExportedModel):
            choice = choose_for_export(weights, *wanted)
        else:
            choice = choose_runtime(weights, *wanted)
        self._runtime, self.parity = choice.runtime, choice.parity
        self.runtime = self._runtime.name
        rejected = f" ({'; '.join(choice.rejected)})" if choice.rejected else ""
        self.description = f"{self.architecture}, {self._runtime.description}{rejected}"
        self._crops, self._batch = CropBatch(), settings.batch
        self.dimension, self.batches = self._runtime.dimension, 0

    def embed(self, images: Sequence[Image], boxes: Sequence[FloatArray]) -> list[FloatArray]:
        """See `Embedder.embed`; more crops than `batch` are split into several calls."""
        crops = self._crops.fill(images, boxes)
        parts = [np.zeros((0, self.dimension), np.float32)]
        for start in range(0, len(crops), self._batch):
            parts.append(self._runtime.embed(crops[start : start + self._batch]))
            self.batches += 1
        return _split(np.concatenate(parts), boxes)

    def close(self) -> None:
        """Nothing to release but memory, which goes with the object."""


class StripesEmbedder:
    """Histograms of hue, saturation and value in each stripe, square-rooted (Hellinger) and of unit length."""

    def __init__(self, settings: StripesSettings) -> None:
        self._stripes, self._bins = settings.stripes, settings.bins
        self._crops = CropBatch()
        self.dimension = 3 * settings.stripes * settings.bins
        self.batches = 0
        self.description = f"{settings.stripes} colour stripes, no weights"

    def embed(self, images: Sequence[Image], boxes: Sequence[FloatArray]) -> list[FloatArray]:
        """See `Embedder.embed`."""
        crops = self._crops.fill(images, boxes)
        if len(crops):
            self.batches += 1
        rows = [self._histograms(crop) for crop in crops]
        return _split(np.stack(rows) if rows else np.zeros((0, self.dimension), np.float32), boxes)

    def close(self) -> None:
        """Nothing to release."""

    def _histograms(self, crop: Image) -> FloatArray:
        import cv2

        # The middle of the crop: its edges show the background.
        hsv = cv2.cvtColor(np.ascontiguousarray(crop[:, 24:104]), cv2.COLOR_BGR2HSV)
        edges = np.linspace(0, HEIGHT, self._stripes + 1).astype(int).tolist()
        parts = [
            cv2.calcHist([hsv[top:bottom]], [channel], None, [self._bins], [0, limit]).ravel()
            for top, bottom in pairwise(edges)
            for channel, limit in ((0, 180), (1, 256), (2, 256))
        ]
        row = np.sqrt(np.concatenate(parts))
        unit: FloatArray = (row / np.linalg.norm(row)).astype(np.float32)
        return unit


def measure(settings: OsnetSettings) -> Iterator[Measured]:
    """Every runtime for these weights on this machine, whatever the settings choose; raises like `build`."""
    return measure_runtimes(_load(settings)[0], settings.batch)


def _load(settings: OsnetSettings) -> tuple[OSNet | ExportedModel, str]:
    """The weights, and the network's name."""
    path = find_weights(settings.weights, setting="embedder.weights")
    if not is_export(path):
        return load_osnet(path, settings.architecture)
    exported = read_exported(path)
    if settings.architecture not in (None, exported.architecture):
        raise WeightsError(
            f"{path}: an export of {exported.architecture}, but embedder.architecture is {settings.architecture}; "
            f"set it to {exported.architecture} or leave it out"
        )
    return exported, exported.architecture


EmbedderSettings = Annotated[OsnetSettings | StripesSettings, Field(discriminator="type")]


def _split(rows: npt.NDArray[np.float32], boxes: Sequence[FloatArray]) -> list[FloatArray]:
    """Rows of a batch back to the images that they are from."""
    return np.split(rows, np.cumsum([len(part) for part in boxes])[:-1]) if boxes else []
