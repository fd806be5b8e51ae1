"""What reading and augmenting pictures costs a training: images a second with it, and of the steps alone.

    python -m benchmarks.reid_training runs/world_crops/bounding_box_train

Blocks of steps that read from the disk take turns with blocks that learn from one batch in memory, so that both
see the same state of the machine; the medians of the blocks are compared.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from reid.training.batches import Batch, Reader, random_batches
from reid.training.data import merge, read_crops
from reid.training.model import Model
from reid.training.settings import TrainSettings
from reid.training.train import reading_threads


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--architecture", default="osnet_x0_25", show_default=True)
@click.option("--batch", default=64, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--steps", default=20, show_default=True, help="Of a block.")
@click.option("--blocks", default=4, show_default=True, help="Of each kind.")
def main(folder: Path, architecture: str, batch: int, device: str, steps: int, blocks: int) -> None:
    """Print a table with a row for each size of the pictures."""
    import numpy as np

    crops = merge([read_crops(folder)])
    settings = TrainSettings(architecture=architecture, batch=batch)
    model = Model(settings, crops.people, device)
    threads = reading_threads(settings)
    reader = Reader(crops, settings.augment, settings.seed, threads)
    title = f"{architecture}, {device}, images a second"
    table = Table("pictures", "steps alone", "with reading", "reading costs", title=title)
    for size in ((settings.height, settings.width), (settings.height // 2, settings.width // 2)):
        order = random_batches(len(crops), batch, np.random.default_rng(1))
        batches = reader.read(order, 0, 0, size)
        alone, reading = _measure(model, batches, steps, blocks, batch)
        cost = f"{100 * (1 - reading / alone):.1f} %"
        table.add_row(f"{size[0]} x {size[1]}", f"{alone:.1f}", f"{reading:.1f}", cost)
    reader.close()
    Console().print(table, f"batch {batch}, {model.precision}, {threads} reading threads; {crops}")


def _measure(model: Model, batches: Iterator[Batch], steps: int, blocks: int, size: int) -> tuple[float, float]:
    """Images a second of the steps alone and with reading."""
    fixed = next(batches)
    _block(model, lambda: fixed, 2)
    alone, reading = [], []
    for _ in range(blocks):
        alone.append(_block(model, lambda: fixed, steps))
        reading.append(_block(model, lambda: next(batches), steps))
    return tuple(size * steps / statistics.median(seconds) for seconds in (alone, reading))  # type: ignore[return-value]


def _block(model: Model, batch: Callable[[], Batch], steps: int) -> float:
    """Seconds; the last loss is looked at, so that a GPU has finished."""
    started = time.perf_counter()
    for _ in itertools.repeat(None, steps):
        loss, _right = model.step(batch(), 1e-3, frozen=False)
    float(loss)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
