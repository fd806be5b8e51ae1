"""Crops a second of OSNet on this machine: every runtime beside torch eager, in one run.

    python -m benchmarks.embedder
    python -m benchmarks.embedder --export osnet_x0_25_msmt17-int8.xml --batch 32

All runtimes take turns, so that whatever else the machine does hits them alike. Crops a processor second, of all
cores together, can be compared even where other programs keep the cores busy; then give torch one thread, because
its threads wait for each other by spinning. Cosines are those of real crops at
batch 1, 7 and 64 where they are, else of drawn ones; the verdict is the parity gate's. Without weights the network
is filled at random from one seed: speed does not depend on it, parity does. ONNX Runtime joins where it is
installed, and exports (int8) where they are named and made from the same checkpoint. Where there is a CUDA device,
a second table gives large batches there.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import click
import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.streams import DATA
from reid.choice import choose_runtime, one_torch_thread, reference_rows
from reid.crops import Image
from reid.cuda_graphs import CudaGraphRuntime
from reid.export import export_osnet
from reid.exported import read_exported
from reid.osnet import IMAGENET_MEAN, IMAGENET_STD, OSNet, create_osnet
from reid.parity import GATE_CROPS, check_parity, gate_crops
from reid.runtimes import OpenVinoRuntime, Runtime, TorchRuntime, precisions_of_cpu, to_openvino
from reid.tracklets import FloatArray
from reid.weights import load_osnet, sha256_of

BATCHES = (1, 7, 64)
WEIGHTS = {
    "osnet_x0_25 msmt17": DATA / "weights/reid/osnet_x0_25_msmt17.pth",
    "osnet_x0_25 market1501": DATA / "weights/reid/osnet_x0_25_market1501.pth",
    "osnet_x1_0 random": None,
}
CUDA_BATCHES = (8, 64, 256, 1024)
_BOUND = 74_000  # crops a second of osnet_x1_0 in f16, calculated for an H100
_REST, _CALLS = 0.3, 4  # seconds before a turn, timed calls in it
CROPS = DATA / "reid/cuhk03_p1/train_detected"


class OnnxRuntime:
    """The ONNX export in ONNX Runtime, for comparison; see `reid.runtimes.Runtime`."""

    def __init__(self, checkpoint: Path) -> None:
        import onnxruntime

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "osnet.onnx"
            export_osnet(checkpoint, path, form="onnx", precision="f32")
            self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.name = self.description = f"ONNX Runtime {onnxruntime.__version__} f32"
        self.dimension = 512

    def embed(self, batch: Image) -> FloatArray:
        """See `Runtime.embed`."""
        return np.asarray(self._session.run(None, {"crops": batch})[0])


@click.command()
@click.option("--batch", default=8, show_default=True)
@click.option("--rounds", default=15, show_default=True, help="Turns of each runtime.")
@click.option(
    "--torch-threads", type=click.IntRange(min=1), help="Threads of torch eager.  [default: torch's own]"
)
@click.option("--network", "names", multiple=True, help="As in the table; repeatable.  [default: all]")
@click.option("--export", "exports", multiple=True, type=click.Path(path_type=Path), help="Measure it, too.")
def main(
    batch: int, rounds: int, torch_threads: int | None, names: tuple[str, ...], exports: tuple[Path, ...]
) -> None:
    """Print crops a second, the ratio to torch eager, and parity."""
    console = Console(width=150)
    torch.set_num_threads(torch_threads or torch.get_num_threads())
    table = Table("network", "runtime", f"crops a second, batch {batch}", "ratio", "a processor second", "ratio")
    for column in ("cosine at 1 / 7 / 64", "gate"):
        table.add_column(column)
    crops = gate_crops(batch)
    read = [read_exported(export) for export in exports]
    for name, path in WEIGHTS.items():
        if names and name not in names:
            continue
        network = _network(name, path)
        if network is None:
            table.add_row(name, "weights not here")
            continue
        runtimes = list(_runtimes(network, path))
        if path is not None:
            ours = [each for each in read if each.checkpoint_sha256 == sha256_of(path)]
            runtimes += [OpenVinoRuntime(each.model, "f32", f"{each.precision} export") for each in ours]
        calls = [_eager(network, crops), *(lambda r=runtime: r.embed(crops) for runtime in runtimes)]
        eager, *seconds = _alternate(calls, rounds)
        table.add_row(name, "torch eager", *_speeds(batch, eager, eager))
        rows = reference_rows(network)
        for runtime, each in zip(runtimes, seconds, strict=True):
            gate = check_parity(runtime, rows, GATE_CROPS)
            cosines = " / ".join(f"{value:.5f}" for value in _cosines(network, runtime))
            verdict = "passes" if gate.passed else str(gate)
            table.add_row("", runtime.description, *_speeds(batch, each, eager), cosines, verdict)
        table.add_row("", f"chosen: {choose_runtime(network, 'auto', 'auto', 'auto', 64).runtime.description}")
    console.print(table)
    console.print(f"torch {torch.__version__} with {torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        console.print(cuda_table(rounds))


def _network(name: str, path: Path | None) -> OSNet | None:
    if path is None:
        torch.manual_seed(0)
        return create_osnet(name.partition(" ")[0]).eval()
    return load_osnet(path)[0] if path.exists() else None


def _runtimes(network: OSNet, path: Path | None) -> Iterator[Runtime]:
    model = to_openvino(network)
    for precision in reversed(precisions_of_cpu()):
        yield OpenVinoRuntime(model, precision)
    if path is not None and importlib.util.find_spec("onnxruntime"):
        yield OnnxRuntime(path)


def cuda_table(rounds: int) -> Table:
    """osnet_x1_0 in half precision, from crops in the host's memory to rows there, and on the device alone."""
    torch.manual_seed(0)
    network = create_osnet("osnet_x1_0").eval()
    eager, graphs = TorchRuntime(network, "cuda", "f16"), CudaGraphRuntime(network, "f16", max(CUDA_BATCHES))
    table = Table(
        "batch", "torch", "graphs", "device alone", f"of {_BOUND}", title="osnet_x1_0 f16, crops a second"
    )
    for batch in CUDA_BATCHES:
        crops = np.resize(gate_crops(64), (batch, 256, 128, 3))
        calls: list[Callable[[], object]] = [
            lambda c=crops: eager.embed(c),  # type: ignore[misc]
            lambda c=crops: graphs.embed(c),  # type: ignore[misc]
            _on_device(network, crops),
        ]
        speeds = [batch / taken.wall for taken in _alternate(calls, rounds)]
        table.add_row(str(batch), *(f"{speed:.0f}" for speed in speeds), f"{100 * max(speeds) / _BOUND:.0f} %")
    return table


def _on_device(network: OSNet, crops: Image) -> Callable[[], object]:
    """The forward pass of crops that lie on the device already."""
    from reid.runtimes import torch_module

    module, resident = torch_module(network, "cuda", "f16"), torch.from_numpy(crops).cuda()

    def call() -> object:
        with torch.inference_mode():
            rows = module(resident)
        torch.cuda.synchronize()
        return rows

    return call


def _eager(network: OSNet, crops: np.ndarray) -> Callable[[], object]:
    """The network as a user of torch calls it: normalised float batch (B, 3, 256, 128), all in one call."""
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    batch = torch.from_numpy(np.ascontiguousarray(crops[..., ::-1].transpose(0, 3, 1, 2)))

    def call() -> object:
        with torch.inference_mode():
            return network((batch.float() / 255 - mean) / deviation)

    return call


class Taken(NamedTuple):
    """Median seconds of a call: on the clock, and of all cores together."""

    wall: float
    processor: float


def _speeds(batch: int, taken: Taken, eager: Taken) -> tuple[str, str, str, str]:
    """Crops a second and the ratio to eager, by both measures."""
    return (
        f"{batch / taken.wall:.0f}",
        f"{eager.wall / taken.wall:.1f}",
        f"{batch / taken.processor:.0f}",
        f"{eager.processor / taken.processor:.1f}",
    )


def _alternate(calls: Sequence[Callable[[], object]], rounds: int) -> list[Taken]:
    """What each call takes, the calls taking turns.

    Each turn rests first, because torch's threads go on spinning for a while after their work, and warms up.
    """
    seconds: list[list[tuple[float, float]]] = [[] for _ in calls]
    for _ in range(rounds):
        for index, call in enumerate(calls):
            time.sleep(_REST)
            call()
            for _ in range(_CALLS):
                start, busy = time.perf_counter(), time.process_time()
                call()
                seconds[index].append((time.perf_counter() - start, time.process_time() - busy))
    return [Taken(*(statistics.median(each) for each in zip(*turns, strict=True))) for turns in seconds]


def _cosines(network: OSNet, runtime: Runtime) -> list[float]:
    """Lowest cosine to torch f32 at each batch size, over 64 crops: real ones where they are."""
    paths = sorted(CROPS.glob("*.jpg"))
    paths = paths[:: max(1, len(paths) // 64)][:64]
    images = [image for path in paths if (image := cv2.imread(str(path))) is not None]
    resized = [np.asarray(cv2.resize(image, (128, 256)), np.uint8) for image in images]
    crops = np.stack(resized) if resized else gate_crops(64)
    with one_torch_thread():
        wanted = TorchRuntime(network, "cpu").embed(crops)
    lowest = []
    for batch in BATCHES:
        rows = np.concatenate(
            [runtime.embed(crops[start : start + batch]) for start in range(0, len(crops), batch)]
        )
        lowest.append(float((rows * wanted).sum(axis=1).min()))
    return lowest


if __name__ == "__main__":
    main()
