"""What turns a batch of crops into embeddings: torch (CPU, CUDA) and OpenVINO, each with one precision.

Normalisation, channel order and unit length are part of the network's graph, so that a runtime takes the uint8
batch as it is. Which one is used, `reid.choice` decides.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from reid.crops import HEIGHT, WIDTH, Image
from reid.errors import HandoffError
from reid.openvino_import import import_openvino, openvino_core
from reid.tracklets import FloatArray

if TYPE_CHECKING:
    import torch

    from reid.osnet import OSNet

Device = Literal["auto", "cpu", "cuda"]
RuntimeName = Literal["auto", "torch", "openvino"]
Precision = Literal["auto", "f32", "f16", "bf16", "int8"]

_CAPABILITIES = {"f16": "FP16", "bf16": "BF16", "f32": "FP32"}  # fastest first, as OpenVINO names what a CPU has
_PART = 4  # crops that one core works on at a time: more gain nothing, fewer pay for each layer anew
_EAGER_BATCH = 8  # torch on a CPU slows down beyond it: the activations fall out of the cache
_CUDA_BATCH = 4096


class Runtime(Protocol):
    """Embeds crops.

    Attributes:
        name: runtime, device and precision, short.
        description: the same with versions, for people.
        dimension: D, numbers in a row.
    """

    name: str
    description: str
    dimension: int

    def embed(self, batch: Image) -> FloatArray:
        """(N, 256, 128, 3) uint8 BGR -> (N, D) float32 unit rows."""


class TorchRuntime:
    """PyTorch: by default half precision on CUDA and single precision on the CPU.

    Raises:
        HandoffError: if the device or the precision is not there.
    """

    def __init__(self, network: OSNet, device: Literal["cpu", "cuda"], precision: Precision = "auto") -> None:
        import torch

        from reid.osnet import FEATURE_DIMENSION

        if precision == "auto":
            precision = "f16" if device == "cuda" else "f32"
        self._module = torch_module(network, device, precision)
        self._cuda = device == "cuda"
        self._batch = _CUDA_BATCH if self._cuda else _EAGER_BATCH
        self._staging = torch.empty((0, HEIGHT, WIDTH, 3), dtype=torch.uint8)
        self.name = f"torch {'CUDA' if self._cuda else 'CPU'} {precision}"
        self.description = f"torch {torch.__version__} {'CUDA' if self._cuda else 'CPU'} {precision}"
        self.dimension = FEATURE_DIMENSION

    def embed(self, batch: Image) -> FloatArray:
        """See `Runtime.embed`."""
        import torch

        rows = np.empty((len(batch), self.dimension), np.float32)
        with torch.inference_mode():
            for start in range(0, len(batch), self._batch):
                part = batch[start : start + self._batch]
                crops = self._to_device(part) if self._cuda else torch.from_numpy(part)
                rows[start : start + len(part)] = self._module(crops).cpu().numpy()
        return rows

    def _to_device(self, batch: Image) -> torch.Tensor:
        """Through page-locked memory, which is kept: locking it anew for each batch costs more than the copy."""
        import torch

        if len(batch) > len(self._staging):
            self._staging = torch.empty((len(batch), HEIGHT, WIDTH, 3), dtype=torch.uint8, pin_memory=True)
        staged = self._staging[: len(batch)]
        staged.copy_(torch.from_numpy(batch))
        return staged.to("cuda", non_blocking=True)


def torch_module(network: OSNet, device: Literal["cpu", "cuda"], precision: str) -> torch.nn.Module:
    """The network with its pre- and post-processing on a device, channels last, convolutions in ``precision``.

    Raises:
        HandoffError: if the device or the precision is not there.
    """
    import torch

    from reid.osnet import EmbeddingNetwork

    if device == "cuda" and not torch.cuda.is_available():
        raise HandoffError("embedder.device is cuda, but torch sees no CUDA device; set embedder.device=cpu")
    if device == "cpu" and precision != "f32":
        raise HandoffError(
            f"embedder.precision is {precision}, but torch on the CPU computes in f32; "
            "set embedder.runtime=openvino or embedder.precision=auto"
        )
    types = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}
    if precision not in types:
        raise HandoffError(f"torch does not compute in {precision}; {REMEDY_INT8}")
    module = EmbeddingNetwork(network).to(torch.device(device))
    module.network.to(dtype=types[precision], memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module.eval()


REMEDY_INT8 = (
    "int8 needs ranges measured on crops: export with `run.py reid export --precision int8` and name the .xml in "
    "embedder.weights, or set embedder.precision=auto"
)


class OpenVinoRuntime:
    """OpenVINO on the CPU with one precision; any batch size.

    A batch is dealt out to as many parallel requests as OpenVINO thinks best for throughput (on a small CPU,
    one for each core): cores that work on crops of their own need not meet after each of the 200 small layers.
    The parts have one of two fixed sizes, for which OpenVINO makes faster code than for a size yet unknown. Where
    a batch size is written into the layers, they have that one, and the last part is filled up.

    Args:
        model: from `to_openvino` or `reid.exported`, (B, H, W, 3) uint8 to (B, D).
        precision: of the arithmetic; f16 and bf16 are slow or refused where the CPU has no instructions for them.
            What a model has quantised to int8 is computed so whatever is given here.
        label: the precision for people, where it is another.

    Attributes:
        size: H and W, pixels.
    """

    def __init__(self, model: Any, precision: str, label: str | None = None) -> None:
        openvino = import_openvino()
        options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}
        models = _of_fixed_sizes(model)
        self._queues = {}
        for size, fixed in models.items():
            queue = openvino.AsyncInferQueue(openvino_core().compile_model(fixed, "CPU", options))
            queue.set_callback(_store)
            self._queues[size] = queue
        self._small, self._large = min(models), max(models)
        self.name = f"OpenVINO {label or precision}"
        self.description = f"OpenVINO {openvino.__version__.split('-')[0]} CPU {label or precision}"
        _, height, width, _ = models[self._small].input(0).shape
        self.size = height, width
        self.dimension = int(models[self._small].output(0).shape[1])

    def embed(self, batch: Image) -> FloatArray:
        """(N, *size, 3) uint8 BGR -> (N, D) float32 rows as the model gives them, of unit length if it does."""
        count = len(batch)
        if missing := -count % self._small:
            batch = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])
        batch = np.ascontiguousarray(batch)
        rows = np.empty((len(batch), self.dimension), np.float32)
        for start, size in self._parts(len(batch)):
            crops = batch[start : start + size]
            self._queues[size].start_async({0: crops}, userdata=rows[start : start + size], share_inputs=True)
        for queue in self._queues.values():
            queue.wait_all()
        return rows[:count]

    def _parts(self, count: int) -> Iterator[tuple[int, int]]:
        """Start and size: large parts as long as there is one for every request, then small ones."""
        large = count - count % (self._large * len(self._queues[self._large]))
        for start in range(0, large, self._large):
            yield start, self._large
        for start in range(large, count, self._small):
            yield start, self._small


def _of_fixed_sizes(model: Any) -> dict[int, Any]:
    """The model by its batch size: 1 and `_PART`, or the only one it works with."""
    found = {}
    for size in (1, _PART):
        try:
            found[size] = _of_batch(model, size)
        except RuntimeError:  # a batch size that is written into the layers
            continue
    # Layers that flatten to one row accept every batch.
    if len(found) == 2 and all(fixed.output(0).shape[0] == size for size, fixed in found.items()):
        return found
    batch = model.input(0).get_partial_shape()[0]
    size = 1 if batch.is_dynamic else int(batch.get_length())
    return {size: _of_batch(model, size)}


def _of_batch(model: Any, size: int) -> Any:
    fixed = model.clone()
    shape = fixed.input(0).get_partial_shape()
    shape[0] = size
    fixed.reshape(shape)
    return fixed


def _store(request: Any, rows: FloatArray) -> None:
    """Called by OpenVINO's thread when a part is done."""
    rows[:] = request.get_output_tensor(0).data


def to_openvino(network: OSNet, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Any:
    """The network as an OpenVINO model of any batch size, uint8 BGR crops to unit rows.

    Args:
        network: what to convert.
        size: height and width of the crops.
    """
    import torch

    from reid.osnet import EmbeddingNetwork

    openvino = import_openvino()
    example = torch.zeros((1, *size, 3), dtype=torch.uint8)
    with warnings.catch_warnings(), torch.no_grad():
        # OpenVINO reads traced and frozen modules five times as fast as torch.export's, which is to replace them.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(EmbeddingNetwork(network).eval(), example, check_trace=False)  # type: ignore[no-untyped-call]
        frozen = torch.jit.freeze(traced)
        return openvino.convert_model(frozen, input=[([-1, *size, 3], openvino.Type.u8)])


def precisions_of_cpu() -> list[str]:
    """What OpenVINO can compute in on this CPU, fastest first."""
    there = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [name for name, capability in _CAPABILITIES.items() if capability in there]
