"""Networks as they are scored: from a checkpoint or an exported model of anybody, computed in single precision.

bf16 changes rank-1 by half a point on sets of a thousand pictures, which is more than many differences that are
reported; so another precision has to be asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np

from reid.crops import HEIGHT, WIDTH, Image
from reid.errors import HandoffError, WeightsError
from reid.exported import is_export, read_pictures_model
from reid.runtimes import OpenVinoRuntime, Runtime, TorchRuntime, precisions_of_cpu, to_openvino
from reid.tracklets import FloatArray
from reid.training.data import CropSet
from reid.weights import find_weights, load_osnet

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["f32", "f16", "bf16"]
Size = tuple[int, int]  # height, width
Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much

_BATCH: Final = 64


class Network(Protocol):
    """Embeds pictures of one size.

    Attributes:
        name: for tables.
        description: network, runtime, device and precision.
        size: height and width of its input, pixels.
    """

    name: str
    description: str
    size: tuple[int, int]

    def embed(self, batch: Image) -> FloatArray:
        """(N, *size, 3) uint8 BGR -> (N, D) float32 rows of any length."""


def no_progress(_task: str, _done: int, _total: int) -> None:
    """Tells nobody."""


def load_network(
    weights: str, precision: Precision = "f32", device: Device = "auto", size: Size | None = None
) -> Network:
    """The network of a file.

    Args:
        weights: a checkpoint (.pth) of an OSNet as torchreid or `reid train` saves it; or an embedder of pictures
            as OpenVINO (.xml) or ONNX (.onnx): of `reid export`, or of others, which is given BGR from 0 to 255.
        precision: of the arithmetic.
        device: auto is CUDA where there is a device, for checkpoints; models run on the CPU.
        size: height and width of the pictures for a checkpoint, 256 and 128 by default; a model has its own.

    Raises:
        WeightsError: if it is absent, no such file, or no embedder.
        HandoffError: if the device or the precision is not there, or a model is given another size.
    """
    path = find_weights(weights, setting="--weights")
    if is_export(path):
        return _of_model(path, precision, device, size)
    return _of_checkpoint(path, precision, device, size or (HEIGHT, WIDTH))


@dataclass(slots=True, eq=False)
class _Loaded:
    """See `Network`."""

    name: str
    description: str
    size: tuple[int, int]
    runtime: Runtime

    def embed(self, batch: Image) -> FloatArray:
        """See `Network.embed`."""
        return self.runtime.embed(batch)


def _of_model(path: Path, precision: Precision, device: Device, size: Size | None) -> Network:
    if device == "cuda":
        raise HandoffError(f"{path}: exported models run on the CPU; leave --device out or give a checkpoint")
    _check_precision(precision)
    runtime = OpenVinoRuntime(read_pictures_model(path), precision)
    height, width = runtime.size
    if size not in (None, (height, width)):
        raise HandoffError(
            f"{path}: takes pictures of {height}x{width} only; leave --size out or give a checkpoint"
        )
    return _Loaded(path.stem, f"{path.name}, {runtime.description}, input {height}x{width}", runtime.size, runtime)


def _of_checkpoint(path: Path, precision: Precision, device: Device, size: Size) -> Network:
    import torch

    network, architecture = load_osnet(path)
    runtime: Runtime
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        runtime = TorchRuntime(network, "cuda", precision)
    else:
        _check_precision(precision)
        runtime = OpenVinoRuntime(to_openvino(network, size), precision)
    shown = "" if size == (HEIGHT, WIDTH) else f", input {size[0]}x{size[1]}"
    return _Loaded(path.stem, f"{architecture}, {runtime.description}{shown}", size, runtime)


def _check_precision(precision: Precision) -> None:
    there = precisions_of_cpu()
    if precision not in there:
        raise HandoffError(f"--precision {precision}: this CPU computes in {', '.join(there)}; give one of these")


def embed_crops(
    network: Network, crops: CropSet, *, flip: bool = False, progress: Progress = no_progress
) -> FloatArray:
    """(N, D) float32 unit rows of pictures, resized bilinearly to the network's input.

    Args:
        network: that embeds.
        crops: N pictures.
        flip: average the unit rows of each picture and of its mirror image.
        progress: told after each batch.

    Raises:
        DataError: if a picture cannot be read.
        WeightsError: if an embedding is zero or not finite.
    """
    from reid.training.batches import read_resized

    parts = []
    for start in range(0, len(crops), _BATCH):
        end = min(start + _BATCH, len(crops))
        batch = read_resized(crops, np.arange(start, end), network.size)
        rows = unit_rows(network.embed(batch))
        if flip:
            rows = unit_rows(rows + unit_rows(network.embed(np.ascontiguousarray(batch[:, :, ::-1]))))
        broken = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(broken):
            raise WeightsError(
                f"{network.name}: the embedding of {crops.paths[start + int(broken[0])]} is zero or not finite: "
                "the training diverged, or the precision is too low; give the weights of another epoch or train "
                "at a lower rate, and compute in f32"
            )
        parts.append(rows)
        progress(f"{network.name}: {crops.name}", end, len(crops))
    return np.concatenate(parts)


def unit_rows(rows: FloatArray) -> FloatArray:
    """Rows (N, D) of length 1; not finite where one was zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled
