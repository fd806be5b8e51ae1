"""Networks as they are scored: from a checkpoint or an exported model of anybody, computed in single precision.

bf16 changes rank-1 by half a point on sets of a thousand pictures, which is more than many differences that are
reported; so another precision has to be asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import numpy as np

from reid.crops import HEIGHT, WIDTH, Image
from reid.errors import HandoffError, WeightsError
from reid.openvino_import import import_openvino, openvino_core
from reid.tracklets import FloatArray
from reid.training.data import CropSet
from reid.weights import find_weights, load_osnet

if TYPE_CHECKING:
    from reid.runtimes import Runtime

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["f32", "f16", "bf16"]
Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much

MODELS: Final = (".xml", ".onnx")
_BATCH: Final = 64
_PART: Final = 4  # pictures that one core works on at a time
_CHANNELS: Final = 3


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


def load_network(weights: str, precision: Precision = "f32", device: Device = "auto") -> Network:
    """The network of a file.

    Args:
        weights: a checkpoint (.pth) of an OSNet as torchreid or `reid train` saves it; or an embedder of pictures
            as OpenVINO (.xml) or ONNX (.onnx): of `reid export`, or of others, which is given BGR from 0 to 255.
        precision: of the arithmetic.
        device: auto is CUDA where there is a device, for checkpoints; models run on the CPU.

    Raises:
        WeightsError: if it is absent, no such file, or no embedder.
        HandoffError: if the device or the precision is not there.
    """
    path = find_weights(weights, setting="--weights")
    if path.suffix.lower() in MODELS:
        if device == "cuda":
            raise HandoffError(f"{path}: exported models run on the CPU; leave --device out or give a checkpoint")
        _check_precision(precision)
        return ModelNetwork(path, precision)
    return OsnetNetwork(path, precision, device)


def _check_precision(precision: Precision) -> None:
    from reid.runtimes import precisions_of_cpu

    there = precisions_of_cpu()
    if precision not in there:
        raise HandoffError(f"--precision {precision}: this CPU computes in {', '.join(there)}; give one of these")


class OsnetNetwork:
    """An OSNet from a checkpoint."""

    def __init__(self, path: Path, precision: Precision, device: Device) -> None:
        import torch

        from reid.runtimes import OpenVinoRuntime, TorchRuntime, to_openvino

        network, self.architecture = load_osnet(path)
        self.name, self.size = path.stem, (HEIGHT, WIDTH)
        self._runtime: Runtime
        if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
            self._runtime = TorchRuntime(network, "cuda", precision)
        else:
            _check_precision(precision)
            self._runtime = OpenVinoRuntime(to_openvino(network), precision)
        self.description = f"{self.architecture}, {self._runtime.description}"

    def embed(self, batch: Image) -> FloatArray:
        """See `Network.embed`."""
        return self._runtime.embed(batch)


class ModelNetwork:
    """A model of OpenVINO or ONNX, of any input size and layout.

    One whose input is uint8 (N, H, W, 3), as `reid export` writes them, is used as it is; any other gets float
    pictures with BGR values from 0 to 255 in the layout of its input, as the models of Open Model Zoo want them.
    """

    def __init__(self, path: Path, precision: Precision) -> None:
        openvino = import_openvino()
        model = _read(path)
        self.name = path.stem
        self.size = _take_pictures(model, path)
        model, self._part = self._prepared(model), _PART
        try:
            model.reshape([self._part, *self.size, _CHANNELS])
        except RuntimeError:  # a batch size that is written into the layers
            self._part = int(model.input(0).get_partial_shape()[0].get_length())
        options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}
        self._queue = openvino.AsyncInferQueue(openvino_core().compile_model(model, "CPU", options))
        self._queue.set_callback(_store)
        version = openvino.__version__.split("-")[0]
        self.description = f"{path.name}, OpenVINO {version} CPU {precision}, input {self.size[0]}x{self.size[1]}"

    def _prepared(self, model: Any) -> Any:
        """The model with uint8 pictures (N, H, W, 3) as input."""
        openvino = import_openvino()
        from openvino.preprocess import PrePostProcessor

        source = model.input(0)
        if source.get_element_type() == openvino.Type.u8:
            return model
        steps = PrePostProcessor(model)
        steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        steps.input().model().set_layout(openvino.Layout(_layout(source.get_partial_shape())))
        steps.input().preprocess().convert_element_type(source.get_element_type())
        return steps.build()

    def embed(self, batch: Image) -> FloatArray:
        """See `Network.embed`."""
        found: list[FloatArray | None] = [None] * -(-len(batch) // self._part)
        for place in range(len(found)):
            pictures = batch[place * self._part : (place + 1) * self._part]
            missing = self._part - len(pictures)
            padded = np.concatenate([pictures, np.repeat(pictures[-1:], missing, axis=0)]) if missing else pictures
            self._queue.start_async({0: np.ascontiguousarray(padded)}, userdata=(found, place))
        self._queue.wait_all()
        rows: FloatArray = np.concatenate([part for part in found if part is not None])[: len(batch)]
        return rows


def _store(request: Any, target: tuple[list[FloatArray | None], int]) -> None:
    """Called by OpenVINO's thread when a part is done."""
    found, place = target
    output = request.get_output_tensor(0).data
    found[place] = output.reshape(len(output), -1).astype(np.float32)


def _read(path: Path) -> Any:
    try:
        return openvino_core().read_model(path)
    except RuntimeError:
        beside = f" and {path.with_suffix('.bin').name} beside it" if path.suffix.lower() == ".xml" else ""
        raise WeightsError(
            f"{path}: OpenVINO cannot read it: damaged or incomplete; {path.name}{beside} are wanted, fetch or "
            "export them again"
        ) from None


def _take_pictures(model: Any, path: Path) -> tuple[int, int]:
    """Height and width of the input; those of OSNet where the model leaves them open."""
    shape = model.input(0).get_partial_shape() if len(model.inputs) == 1 else None
    if len(model.outputs) != 1 or shape is None or shape.rank.is_dynamic or len(shape) != 4 or not _layout(shape):
        wanted = "one input of pictures, (N, 3, H, W) or (N, H, W, 3), and one output of embeddings"
        has = ", ".join(str(port.get_partial_shape()) for port in (*model.inputs, *model.outputs))
        raise WeightsError(f"{path}: not an embedder: it has {has}; wanted is a model with {wanted}")
    sides = list(shape)[2:] if _layout(shape) == "NCHW" else list(shape)[1:3]
    height, width = (
        default if side.is_dynamic else int(side.get_length())
        for side, default in zip(sides, (HEIGHT, WIDTH), strict=True)
    )
    return height, width


def _layout(shape: Any) -> str:
    """Where the colours are; empty if nowhere."""
    for place, layout in ((1, "NCHW"), (3, "NHWC")):
        if not shape[place].is_dynamic and shape[place].get_length() == _CHANNELS:
            return layout
    return ""


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
                f"{network.name}: the embedding of {crops.paths[start + int(broken[0])]} is zero or not finite; "
                "give the weights of another epoch, or --precision f32"
            )
        parts.append(rows)
        progress(f"{network.name}: {crops.name}", end, len(crops))
    return np.concatenate(parts)


def unit_rows(rows: FloatArray) -> FloatArray:
    """Rows (N, D) of length 1; not finite where one was zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled
