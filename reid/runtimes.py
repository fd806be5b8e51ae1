"""What turns a batch of crops into embeddings: torch (CUDA half, CPU) or OpenVINO (precision by instruction set).

Normalisation, channel order and unit length are part of the network's graph, so that a runtime takes the uint8
batch as it is. No runtime is trusted: each one must agree with torch in single precision before it is used.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from reid.crops import HEIGHT, WIDTH, Image
from reid.errors import HandoffError
from reid.tracklets import FloatArray

if TYPE_CHECKING:
    import torch

    from reid.osnet import OSNet

log = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]
RuntimeName = Literal["auto", "torch", "openvino"]
Precision = Literal["auto", "f32", "bf16", "f16"]

MIN_COSINE = 0.999
RANK_TOLERANCE = 0.01  # pairs whose reference distances differ by less may change places
_CAPABILITIES = {"f16": "FP16", "bf16": "BF16", "f32": "FP32"}  # fastest first, as OpenVINO names what a CPU has


class Runtime(Protocol):
    """Embeds crops."""

    @property
    def description(self) -> str:
        """What it is, for people: runtime, device, precision."""

    def embed(self, batch: Image) -> FloatArray:
        """(N, 256, 128, 3) uint8 BGR -> (N, 512) float32 unit rows."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How well a runtime agrees with the reference.

    Attributes:
        cosine: smallest cosine between a row and its reference, over all batch sizes.
        swapped: pairs of neighbours whose order changed although the reference tells them apart clearly.
    """

    cosine: float
    swapped: int

    @property
    def passed(self) -> bool:
        """Whether the runtime may be used."""
        return self.cosine > MIN_COSINE and self.swapped == 0


class TorchRuntime:
    """PyTorch: half precision and channels_last on CUDA, single precision on the CPU."""

    def __init__(self, network: OSNet, device: Literal["cpu", "cuda"]) -> None:
        import torch

        if device == "cuda" and not torch.cuda.is_available():
            raise HandoffError("embedder.device is cuda, but torch sees no CUDA device; set embedder.device=cpu")
        self._half = device == "cuda"
        self._device = torch.device(device)
        self._module = _with_normalisation(network).to(self._device)
        if self._half:
            self._module = self._module.half().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.description = f"torch {torch.__version__} {'CUDA half' if self._half else 'CPU f32'}"

    def embed(self, batch: Image) -> FloatArray:
        """See `Runtime.embed`."""
        import torch

        with torch.inference_mode():
            crops = torch.from_numpy(batch)
            if self._half:
                crops = crops.pin_memory().to(self._device, non_blocking=True)
            rows: FloatArray = self._module(crops).float().cpu().numpy()
            return rows


class OpenVinoRuntime:
    """OpenVINO on the CPU with one precision; any batch size."""

    def __init__(self, network: OSNet, precision: str) -> None:
        import openvino
        import torch

        core = openvino.Core()
        example = torch.zeros((2, HEIGHT, WIDTH, 3), dtype=torch.uint8)
        model = openvino.convert_model(_with_normalisation(network), example_input=example)
        model.reshape([-1, HEIGHT, WIDTH, 3])
        options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        self._compiled = core.compile_model(model, "CPU", options)
        self.description = f"OpenVINO {openvino.__version__.split('-')[0]} CPU {precision}"

    def embed(self, batch: Image) -> FloatArray:
        """See `Runtime.embed`."""
        return np.asarray(self._compiled(batch)[0], np.float32).copy()


def choose_runtime(
    network: OSNet, name: RuntimeName, device: Device, precision: Precision, max_batch: int
) -> tuple[Runtime, Parity | None]:
    """The fastest runtime that agrees with torch in single precision, and how well it does.

    Raises:
        HandoffError: if what is asked for by name is not there or does not agree.
    """
    import torch

    cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available() and name != "openvino")
    if name == "openvino" and device == "cuda":
        raise HandoffError("embedder.runtime=openvino runs on the CPU; set embedder.device=cpu or runtime=torch")
    reference = TorchRuntime(network, "cpu")
    if name == "torch" and not cuda:
        return reference, None
    rows = reference.embed(gate_crops(max_batch))
    for candidate in _candidates(network, precision, cuda=cuda):
        parity = check_parity(candidate, rows)
        if parity.passed:
            log.info("embedder: %s, cosine to torch f32 at least %.5f", candidate.description, parity.cosine)
            return candidate, parity
        log.warning(
            "embedder: %s is not used: cosine %.5f, %d neighbours swapped against torch f32",
            candidate.description,
            parity.cosine,
            parity.swapped,
        )
    if precision != "auto" or name != "auto":
        raise HandoffError(
            f"no {name} runtime with precision {precision} agrees with torch f32; use runtime=torch"
        )
    log.warning("embedder: torch on the CPU is used, which is several times slower than OpenVINO")
    return reference, None


def precisions_of_cpu() -> list[str]:
    """What OpenVINO can compute in on this CPU, fastest first."""
    import openvino

    there = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [name for name, capability in _CAPABILITIES.items() if capability in there]


def check_parity(runtime: Runtime, reference: FloatArray) -> Parity:
    """Compare a runtime with reference rows of `gate_crops`, at batch 1, 7 and all of them."""
    crops = gate_crops(len(reference))
    full = runtime.embed(crops)
    parts = [full, runtime.embed(crops[:1]), runtime.embed(crops[1:8])]
    wanted = [reference, reference[:1], reference[1:8]]
    if any(part.shape != rows.shape for part, rows in zip(parts, wanted, strict=True)):
        return Parity(-1.0, 0)
    cosine = min(float(np.sum(part * rows, axis=1).min()) for part, rows in zip(parts, wanted, strict=True))
    return Parity(cosine if np.isfinite(cosine) else -1.0, _swapped(full, reference))


def gate_crops(count: int) -> Image:
    """``count`` different, person-like crops: two-coloured clothes, head, limbs and a background, softened."""
    import cv2

    rng = np.random.default_rng(7)
    crops = np.empty((count, HEIGHT, WIDTH, 3), np.uint8)
    for crop in crops:
        crop[:] = cv2.resize(rng.integers(0, 255, (8, 4, 3), np.uint8), (WIDTH, HEIGHT))
        for top, bottom, half in ((20, 60, 14), (60, 140, 34), (140, 240, 24)):
            colour = [int(value) for value in rng.integers(0, 255, 3)]
            middle = 64 + int(rng.integers(-10, 10))
            cv2.rectangle(crop, (middle - half, top), (middle + half, bottom), colour, cv2.FILLED)
        crop[:] = cv2.GaussianBlur(crop, (5, 5), 0)
        crop[:] = np.clip(crop + rng.normal(0, 6, crop.shape), 0, 255)
    return crops


def _candidates(network: OSNet, precision: Precision, *, cuda: bool) -> Sequence[Runtime]:
    if cuda:
        return [TorchRuntime(network, "cuda")]
    there = precisions_of_cpu()
    if precision != "auto" and precision not in there:
        raise HandoffError(f"embedder.precision is {precision}, but this CPU has {', '.join(there)}")
    return _LazyCandidates(network, there if precision == "auto" else [precision])


class _LazyCandidates(Sequence[Runtime]):
    """Compiles a precision only when the ones before it have failed."""

    def __init__(self, network: OSNet, precisions: list[str]) -> None:
        self._network, self._precisions = network, precisions

    def __len__(self) -> int:
        return len(self._precisions)

    def __getitem__(self, index: int) -> Runtime:  # type: ignore[override]
        return OpenVinoRuntime(self._network, self._precisions[index])


def _swapped(rows: FloatArray, reference: FloatArray) -> int:
    """Triples (query, a, b) in which the reference has a nearer than b, clearly, and the rows do not."""
    ours, theirs = 1 - rows @ rows.T, 1 - reference @ reference.T
    swapped = 0
    for mine, true in zip(ours, theirs, strict=True):
        nearer = true[:, None] < true[None, :] - RANK_TOLERANCE
        swapped += int((nearer & (mine[:, None] >= mine[None, :])).sum())
    return swapped


def _with_normalisation(network: OSNet) -> torch.nn.Module:
    """The network behind BGR -> RGB, / 255 and ImageNet mean and deviation, followed by division by the length."""
    import copy

    import torch

    class Embedding(torch.nn.Module):
        """uint8 NHWC BGR in, unit rows out."""

        def __init__(self) -> None:
            super().__init__()
            self.network = copy.deepcopy(network).eval()
            mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
            self.scale: torch.Tensor
            self.shift: torch.Tensor
            self.register_buffer("scale", (1 / (255 * std)).view(1, 3, 1, 1))
            self.register_buffer("shift", (-mean / std).view(1, 3, 1, 1))

        def forward(self, crops: torch.Tensor) -> torch.Tensor:
            rgb = crops.permute(0, 3, 1, 2).flip(1).to(self.scale.dtype)
            features = self.network(rgb * self.scale + self.shift).float()
            return torch.nn.functional.normalize(features, dim=1)

    return Embedding().eval()
