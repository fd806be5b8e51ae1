"""Crops a second of OSNet on this machine: the runtime that the program chooses beside torch eager, in one run.

    python -m benchmarks.embedder

Torch and the chosen runtime take turns, so that whatever else the machine does hits both. Parity is that of the
gate, and, with the measured weights, of real crops at batch 1, 7 and 64. Without weights the network is filled at
random from one seed: speed does not depend on it, parity does a little.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.streams import DATA
from reid.osnet import IMAGENET_MEAN, IMAGENET_STD, OSNet, create_osnet
from reid.parity import gate_crops
from reid.runtimes import Runtime, TorchRuntime, choose_runtime
from reid.weights import load_osnet

BATCHES = (1, 7, 64)
WEIGHTS = {
    "osnet_x0_25 msmt17": DATA / "weights/reid/osnet_x0_25_msmt17.pth",
    "osnet_x0_25 market1501": DATA / "weights/reid/osnet_x0_25_market1501.pth",
    "osnet_x1_0 random": None,
}
_REST, _CALLS = 0.3, 4  # seconds before a turn, timed calls in it
CROPS = DATA / "reid/cuhk03_p1/train_detected"


@click.command()
@click.option("--batch", default=8, show_default=True)
@click.option("--rounds", default=15, show_default=True, help="Turns of each runtime.")
def main(batch: int, rounds: int) -> None:
    """Print crops a second, the ratio, and parity."""
    table = Table("network", "runtime", f"torch eager, batch {batch}", "chosen", "ratio", "cosine at 1 / 7 / 64")
    for name, path in WEIGHTS.items():
        network = _network(name, path)
        if network is None:
            table.add_row(name, "weights not here")
            continue
        chosen, _ = choose_runtime(network, "auto", "cpu", "auto", 64)
        crops = gate_crops(batch)
        eager, ours = _alternate([_eager(network, crops), lambda r=chosen, c=crops: r.embed(c)], rounds)  # type: ignore[misc]
        cosines = " / ".join(f"{value:.5f}" for value in _cosines(network, chosen))
        table.add_row(
            name, chosen.description, f"{batch / eager:.1f}", f"{batch / ours:.1f}", f"{eager / ours:.1f}", cosines
        )
    console = Console(width=150)
    console.print(table)
    console.print(f"crops a second; torch {torch.__version__} with {torch.get_num_threads()} threads")


def _network(name: str, path: Path | None) -> OSNet | None:
    if path is None:
        torch.manual_seed(0)
        return create_osnet(name.partition(" ")[0]).eval()
    return load_osnet(path)[0] if path.exists() else None


def _eager(network: OSNet, crops: np.ndarray) -> Callable[[], object]:
    """The network as a user of torch calls it: normalised float batch (B, 3, 256, 128), all in one call."""
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    batch = torch.from_numpy(np.ascontiguousarray(crops[..., ::-1].transpose(0, 3, 1, 2)))

    def call() -> object:
        with torch.inference_mode():
            return network((batch.float() / 255 - mean) / deviation)

    return call


def _alternate(calls: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median seconds of each call, the calls taking turns.

    Each turn rests first, because torch's threads go on spinning for a while after their work, and warms up.
    """
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for index, call in enumerate(calls):
            time.sleep(_REST)
            call()
            for _ in range(_CALLS):
                start = time.perf_counter()
                call()
                seconds[index].append(time.perf_counter() - start)
    return [statistics.median(each) for each in seconds]


def _cosines(network: OSNet, runtime: Runtime) -> list[float]:
    """Lowest cosine to torch f32 at each batch size, over 64 crops: real ones where they are."""
    paths = sorted(CROPS.glob("*.jpg"))
    paths = paths[:: max(1, len(paths) // 64)][:64]
    images = [image for path in paths if (image := cv2.imread(str(path))) is not None]
    resized = [np.asarray(cv2.resize(image, (128, 256)), np.uint8) for image in images]
    crops = np.stack(resized) if resized else gate_crops(64)
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
