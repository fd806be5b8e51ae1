"""What turns a batch of crops into embeddings: torch (CUDA half, CPU) or OpenVINO (precision by instruction set).

Normalisation, channel order and unit length are part of the network's graph, so that a runtime takes the uint8
batch as it is. No runtime is trusted: each one must agree with torch in single precision before it is used.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from reid.crops import HEIGHT, WIDTH, Image
from reid.errors import HandoffError
from reid.openvino_import import import_openvino, openvino_core
from reid.parity import GATE_CROPS, Parity, check_parity, gate_crops
from reid.tracklets import FloatArray

if TYPE_CHECKING:
    import torch

    from reid.osnet import OSNet

__all__ = [
    "Device",
    "OpenVinoRuntime",
    "Precision",
    "Runtime",
    "RuntimeName",
    "TorchRuntime",
    "check_parity",
    "choose_runtime",
    "gate_crops",
    "precisions_of_cpu",
    "to_openvino",
]

log = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]
RuntimeName = Literal["auto", "torch", "openvino"]
Precision = Literal["auto", "f32", "bf16", "f16"]
Candidate = tuple[str, Callable[[], "Runtime"]]  # its name, and what makes it

_CAPABILITIES = {"f16": "FP16", "bf16": "BF16", "f32": "FP32"}  # fastest first, as OpenVINO names what a CPU has
_PART = 4  # crops that one core works on at a time: more gain nothing, fewer pay for each layer anew
_EAGER_BATCH = 8  # torch on a CPU slows down beyond it: the activations fall out of the cache


class Runtime(Protocol):
    """Embeds crops."""

    description: str  # what it is, for people: runtime, device, precision, and what was tried before

    def embed(self, batch: Image) -> FloatArray:
        """(N, 256, 128, 3) uint8 BGR -> (N, 512) float32 unit rows."""


class TorchRuntime:
    """PyTorch: by default half precision on CUDA and single precision on the CPU.

    Raises:
        HandoffError: if the device or the precision is not there.
    """

    def __init__(self, network: OSNet, device: Literal["cpu", "cuda"], precision: Precision = "auto") -> None:
        import torch

        from reid.osnet import EmbeddingNetwork

        if device == "cuda" and not torch.cuda.is_available():
            raise HandoffError("embedder.device is cuda, but torch sees no CUDA device; set embedder.device=cpu")
        if precision == "auto":
            precision = "f16" if device == "cuda" else "f32"
        if device == "cpu" and precision != "f32":
            raise HandoffError(
                f"embedder.precision is {precision}, but torch on the CPU computes in f32; "
                "set embedder.runtime=openvino or embedder.precision=auto"
            )
        self._cuda = device == "cuda"
        self._batch = 4096 if self._cuda else _EAGER_BATCH
        types = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}
        module = EmbeddingNetwork(network).to(torch.device(device))
        module.network.to(dtype=types[precision], memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._module = module.eval()
        self._staging = torch.empty((0, HEIGHT, WIDTH, 3), dtype=torch.uint8)
        self.description = f"torch {torch.__version__} {'CUDA' if self._cuda else 'CPU'} {precision}"

    def embed(self, batch: Image) -> FloatArray:
        """See `Runtime.embed`."""
        import torch

        rows = np.empty((len(batch), 512), np.float32)
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


class OpenVinoRuntime:
    """OpenVINO on the CPU with one precision; any batch size.

    A batch is dealt out to as many parallel requests as OpenVINO thinks best for throughput (on a small CPU,
    one for each core): cores that work on crops of their own need not meet after each of the 200 small layers.
    The parts have one of two fixed sizes, for which OpenVINO makes faster code than for a size yet unknown.

    Args:
        model: from `to_openvino`.
        precision: of the arithmetic; f16 and bf16 are slow or refused where the CPU has no instructions for them.
    """

    def __init__(self, model: Any, precision: str) -> None:
        openvino = import_openvino()
        options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}
        self._queues = {}
        for size in (1, _PART):
            fixed = model.clone()
            fixed.reshape([size, HEIGHT, WIDTH, 3])
            queue = openvino.AsyncInferQueue(openvino_core().compile_model(fixed, "CPU", options))
            queue.set_callback(_store)
            self._queues[size] = queue
        self.description = f"OpenVINO {openvino.__version__.split('-')[0]} CPU {precision}"

    def embed(self, batch: Image) -> FloatArray:
        """See `Runtime.embed`."""
        batch = np.ascontiguousarray(batch)
        rows = np.empty((len(batch), 512), np.float32)
        for start, size in self._parts(len(batch)):
            crops = batch[start : start + size]
            self._queues[size].start_async({0: crops}, userdata=rows[start : start + size], share_inputs=True)
        for queue in self._queues.values():
            queue.wait_all()
        return rows

    def _parts(self, count: int) -> Iterator[tuple[int, int]]:
        """Start and size: large parts as long as there is one for every request, then single crops."""
        requests = len(self._queues[_PART])
        start = 0
        while start < count:
            size = _PART if count - start >= _PART * requests else 1
            for _ in range(requests if size == _PART else count - start):
                yield start, size
                start += size


def _store(request: Any, rows: FloatArray) -> None:
    """Called by OpenVINO's thread when a part is done."""
    rows[:] = request.get_output_tensor(0).data


def to_openvino(network: OSNet) -> Any:
    """The network as an OpenVINO model of any batch size, uint8 BGR crops to unit rows."""
    import torch

    from reid.osnet import EmbeddingNetwork

    openvino = import_openvino()
    example = torch.zeros((1, HEIGHT, WIDTH, 3), dtype=torch.uint8)
    with warnings.catch_warnings(), torch.no_grad():
        # OpenVINO reads traced and frozen modules five times as fast as torch.export's, which is to replace them.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(EmbeddingNetwork(network).eval(), example, check_trace=False)  # type: ignore[no-untyped-call]
        frozen = torch.jit.freeze(traced)
        return openvino.convert_model(frozen, input=[([-1, HEIGHT, WIDTH, 3], openvino.Type.u8)])


def precisions_of_cpu() -> list[str]:
    """What OpenVINO can compute in on this CPU, fastest first."""
    there = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [name for name, capability in _CAPABILITIES.items() if capability in there]


def choose_runtime(
    network: OSNet, name: RuntimeName, device: Device, precision: Precision, max_batch: int
) -> tuple[Runtime, Parity | None]:
    """The fastest runtime that agrees with torch in single precision, and how well it does.

    Args:
        network: in eval mode.
        name: auto is torch where CUDA is used, else OpenVINO.
        device: auto is CUDA where there is a device and the runtime is not OpenVINO.
        precision: auto tries what the device computes in, fastest first.
        max_batch: the largest batch that the runtime will be given.

    Returns:
        The runtime, whose description says what was rejected, and its parity; None for the reference itself.

    Raises:
        HandoffError: if what is asked for by name is not there or does not agree.
    """
    import torch

    if name == "openvino" and device == "cuda":
        raise HandoffError("embedder.runtime=openvino runs on the CPU; set embedder.device=cpu or runtime=torch")
    cuda = device == "cuda" or (device == "auto" and name != "openvino" and torch.cuda.is_available())
    if name == "torch" and not cuda:
        reference = TorchRuntime(network, "cpu", precision)
        reference.embed(gate_crops(1))
        return reference, None
    candidates = _on_cuda(network, precision) if cuda else _on_openvino(network, precision)
    reference = TorchRuntime(network, "cpu")
    rows = reference.embed(gate_crops(GATE_CROPS))
    rejected: list[str] = []
    for label, make in candidates:
        runtime = make()
        parity = check_parity(runtime, rows, max_batch)
        if parity.passed:
            runtime.description += f" ({'; '.join(rejected)})" if rejected else ""
            log.info("embedder: %s; against torch f32: %s", runtime.description, parity)
            return runtime, parity
        rejected.append(f"not {label}: {parity}")
        log.debug("embedder: %s does not agree with torch f32 and is not used: %s", runtime.description, parity)
    return _last_resort(reference, rejected, explicit=name != "auto" or precision != "auto"), None


def _on_cuda(network: OSNet, precision: Precision) -> list[Candidate]:
    wanted: tuple[Precision, ...] = ("f16", "f32") if precision == "auto" else (precision,)
    TorchRuntime(network, "cuda", wanted[0])  # says at once when there is no device
    return [(each, lambda each=each: TorchRuntime(network, "cuda", each)) for each in wanted]  # type: ignore[misc]


def _on_openvino(network: OSNet, precision: Precision) -> list[Candidate]:
    there = precisions_of_cpu()
    if precision != "auto" and precision not in there:
        raise HandoffError(f"embedder.precision is {precision}, but this CPU has {', '.join(there)}")
    model = to_openvino(network)
    wanted = there if precision == "auto" else [precision]
    return [(each, lambda each=each: OpenVinoRuntime(model, each)) for each in wanted]  # type: ignore[misc]


def _last_resort(reference: TorchRuntime, rejected: list[str], *, explicit: bool) -> TorchRuntime:
    """Torch on the CPU, unless something else was asked for by name."""
    reasons = "; ".join(rejected)
    if explicit:
        raise HandoffError(
            f"no runtime of the wanted kind agrees with torch f32 ({reasons}); "
            "leave embedder.precision at auto, or set embedder.runtime=torch"
        )
    log.warning("embedder: torch on the CPU is used, which is several times slower than OpenVINO: %s", reasons)
    reference.description += f" ({reasons})"
    return reference
