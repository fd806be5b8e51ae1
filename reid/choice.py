"""Which runtime is used: the fastest on this machine that passes the parity gate (`reid.parity`)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from reid.cuda_graphs import CudaGraphRuntime
from reid.errors import HandoffError
from reid.exported import ExportedModel
from reid.parity import GATE_CROPS, MIN_COSINE, Parity, check_parity, gate_crops
from reid.runtimes import (
    REMEDY_INT8,
    Device,
    OpenVinoRuntime,
    Precision,
    Runtime,
    RuntimeName,
    TorchRuntime,
    precisions_of_cpu,
    to_openvino,
)
from reid.tracklets import FloatArray

if TYPE_CHECKING:
    from reid.osnet import OSNet

log = logging.getLogger(__name__)

TIMED_BATCH = 8  # crops of a tick with embedding on demand, about
_TIMED_CALLS = 9


class Candidate(NamedTuple):
    """A precision, and what makes a runtime that computes in it."""

    precision: str
    make: Callable[[], Runtime]


class Choice(NamedTuple):
    """The runtime to use, how well it agrees (None: it is the reference), and what was tried before it."""

    runtime: Runtime
    parity: Parity | None
    rejected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """A runtime on this machine: crops a second at batch `TIMED_BATCH`, parity; None for the reference itself."""

    name: str
    crops_per_second: float
    parity: Parity | None


def choose_runtime(
    network: OSNet, name: RuntimeName, device: Device, precision: Precision, max_batch: int
) -> Choice:
    """The fastest runtime for a checkpoint that agrees with torch in single precision.

    Args:
        network: in eval mode.
        name: auto is torch where CUDA is used, else OpenVINO.
        device: auto is CUDA where there is a device and the runtime is not OpenVINO.
        precision: auto tries what the device computes in, fastest first. Any other is used even where rounding
            takes it past the gate, with a warning that gives the numbers.
        max_batch: the largest batch that the runtime will be given.

    Raises:
        HandoffError: if what is asked for by name is not there, or disagrees for another reason than rounding.
    """
    import torch

    if precision == "int8":
        raise HandoffError(f"embedder.precision is int8, but the weights are a checkpoint; {REMEDY_INT8}")
    if name == "openvino" and device == "cuda":
        raise HandoffError("embedder.runtime=openvino runs on the CPU; set embedder.device=cpu or runtime=torch")
    cuda = device == "cuda" or (device == "auto" and name != "openvino" and torch.cuda.is_available())
    if name == "torch" and not cuda:
        reference = TorchRuntime(network, "cpu", precision)
        reference.embed(gate_crops(1))
        return Choice(reference, None)
    groups = _on_cuda(network, precision, max_batch) if cuda else _on_openvino(network, precision)
    rows = reference_rows(network)
    try:
        return _first_that_passes(groups, rows, max_batch, forced=precision != "auto")
    except _NonePassesError as failure:
        if name != "auto" or precision != "auto":
            raise HandoffError(
                f"no runtime of the wanted kind agrees with torch f32 ({failure}); "
                "leave embedder.precision at auto, or set embedder.runtime=torch"
            ) from None
        log.warning("embedder: torch on the CPU is used, several times slower than OpenVINO: %s", failure)
        return Choice(TorchRuntime(network, "cpu"), None, failure.rejected)


def choose_for_export(
    exported: ExportedModel, name: RuntimeName, device: Device, precision: Precision, max_batch: int
) -> Choice:
    """The same for an exported model, which runs in OpenVINO; what is quantised is used, with a warning.

    Raises:
        HandoffError: if it cannot run as asked, or does not agree for another reason than rounding.
    """
    if name == "torch" or device == "cuda":
        raise HandoffError(
            f"{exported.path}: exports run in OpenVINO on the CPU; set embedder.runtime=auto and "
            "embedder.device=auto, or give the checkpoint (.pth)"
        )
    quantised = exported.precision == "int8"
    if quantised and precision not in ("auto", "int8"):
        raise HandoffError(
            f"{exported.path}: is quantised to int8, but embedder.precision is {precision}; set it to auto, or "
            "give the checkpoint (.pth)"
        )
    if precision == "int8" and not quantised:
        raise HandoffError(f"{exported.path}: is not quantised, but embedder.precision is int8; {REMEDY_INT8}")
    groups, rows = _of_export(exported, precision), exported.reference_rows()
    try:
        return _first_that_passes(groups, rows, max_batch, forced=quantised or precision != "auto")
    except _NonePassesError as failure:
        raise HandoffError(
            f"{exported.path}: does not give the rows of the network it was made from ({failure}); export it again"
        ) from None


def measure_runtimes(weights: OSNet | ExportedModel, max_batch: int) -> Iterator[Measured]:
    """Every runtime that this machine has for the weights, the slowest last; those that fail the gate too."""
    if isinstance(weights, ExportedModel):
        rows, groups = weights.reference_rows(), _of_export(weights, "auto")
    else:
        import torch

        rows = reference_rows(weights)
        groups = _on_cuda(weights, "auto", max_batch) if torch.cuda.is_available() else []
        groups += _on_openvino(weights, "auto")
    for candidate in (each for group in groups for each in group):
        runtime = candidate.make()
        parity = check_parity(runtime, rows, max_batch)
        yield Measured(runtime.name, TIMED_BATCH / seconds_of(runtime), parity)
    if not isinstance(weights, ExportedModel):
        reference = TorchRuntime(weights, "cpu")
        yield Measured(reference.name, TIMED_BATCH / seconds_of(reference), None)


def reference_rows(network: OSNet) -> FloatArray:
    """(GATE_CROPS, 512) rows of the gate's crops by torch in single precision."""
    with one_torch_thread():
        return TorchRuntime(network, "cpu").embed(gate_crops(GATE_CROPS))


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Torch's threads wait for each other busily: where other programs keep the cores busy, one is far faster."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def seconds_of(runtime: Runtime) -> float:
    """Median seconds of a batch of `TIMED_BATCH`, warmed up."""
    crops = gate_crops(TIMED_BATCH)
    runtime.embed(crops)
    times = []
    for _ in range(_TIMED_CALLS):
        started = time.perf_counter()
        runtime.embed(crops)
        times.append(time.perf_counter() - started)
    return float(np.median(times))


class _NonePassesError(Exception):
    """No candidate may be used."""

    def __init__(self, rejected: Sequence[str]) -> None:
        super().__init__("; ".join(rejected))
        self.rejected = tuple(rejected)


def _first_that_passes(
    groups: Sequence[Sequence[Candidate]], rows: FloatArray, max_batch: int, *, forced: bool
) -> Choice:
    """Go through groups of equal precision, fastest precision first; inside a group the faster one is measured.

    Raises:
        _NonePassesError: with what was tried.
    """
    rejected: list[str] = []
    for group in groups:
        usable: list[Choice] = []
        for candidate in group:
            runtime = candidate.make()
            parity = check_parity(runtime, rows, max_batch)
            rounded = candidate.precision != "f32" and not parity.broken
            if parity.passed or (forced and rounded):
                usable.append(Choice(runtime, parity, tuple(rejected)))
                continue
            rejected.append(f"not {candidate.precision}: {parity}")
            log.debug("embedder: %s does not agree with torch f32 and is not used: %s", runtime.name, parity)
        if usable:
            choice = min(usable, key=lambda one: seconds_of(one.runtime)) if len(usable) > 1 else usable[0]
            _report(choice)
            return choice
    raise _NonePassesError(rejected)


def _report(choice: Choice) -> None:
    if choice.parity is not None and not choice.parity.passed:
        log.warning(
            "embedder: %s is used as asked for, though it does not agree with torch f32: %s (wanted: above %g, "
            "none); docs/runtimes.md says what that costs",
            choice.runtime.description,
            choice.parity,
            MIN_COSINE,
        )
        return
    log.info("embedder: %s; against torch f32: %s", choice.runtime.description, choice.parity)


def _on_cuda(network: OSNet, precision: Precision, max_batch: int) -> list[list[Candidate]]:
    wanted: tuple[Precision, ...] = ("f16", "f32") if precision == "auto" else (precision,)
    TorchRuntime(network, "cuda", wanted[0])  # says at once when there is no device

    def group(each: Precision) -> list[Candidate]:
        return [
            Candidate(each, lambda: CudaGraphRuntime(network, each, max_batch)),
            Candidate(each, lambda: TorchRuntime(network, "cuda", each)),
        ]

    return [group(each) for each in wanted]


def _on_openvino(network: OSNet, precision: Precision) -> list[list[Candidate]]:
    _check_cpu(precision)
    return _of_openvino(to_openvino(network), precision)


def _of_export(exported: ExportedModel, precision: Precision) -> list[list[Candidate]]:
    """What is quantised in the file is computed in int8, and the little else there is in single precision."""
    if exported.precision == "int8":
        return [[Candidate("int8", lambda: OpenVinoRuntime(exported.model, "f32", "int8"))]]
    return _of_openvino(exported.model, precision)


def _of_openvino(model: object, precision: Precision) -> list[list[Candidate]]:
    _check_cpu(precision)
    wanted = precisions_of_cpu() if precision == "auto" else [precision]
    return [[Candidate(each, lambda each=each: OpenVinoRuntime(model, each))] for each in wanted]  # type: ignore[misc]


def _check_cpu(precision: Precision) -> None:
    there = precisions_of_cpu()
    if precision != "auto" and precision not in there:
        raise HandoffError(f"embedder.precision is {precision}, but this CPU has {', '.join(there)}")
