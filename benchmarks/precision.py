"""What precision costs: rank-1 and mAP on real crops in f32, f16, bf16 and int8, beside the verdict of the gate.

    python -m benchmarks.precision
    python -m benchmarks.precision --network "osnet_x0_25 msmt17" --json precision.json

CUHK01, people 486 to 971, and the people of CUHK03-P1 set aside for validation; each picture is looked for among
those of the other camera, by cosine. int8 is calibrated on CUHK03-P1 training people, or on the gate's crops. f16
is measured by rounding every weight and every layer's output to half precision, with sums in single precision, as
GPUs and AMX compute: most CPUs have no f16 arithmetic. bf16 is the CPU's own where it has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.embedder import WEIGHTS
from benchmarks.streams import DATA
from reid.choice import reference_rows
from reid.crops import HEIGHT, WIDTH, Image
from reid.osnet import EmbeddingNetwork, OSNet
from reid.parity import GATE_CROPS, Parity, check_parity, gate_crops
from reid.quantize import CALIBRATION_CROPS, calibration_crops, quantize
from reid.runtimes import OpenVinoRuntime, Runtime, TorchRuntime, precisions_of_cpu, to_openvino
from reid.tracklets import FloatArray
from reid.training.batches import read_resized
from reid.training.data import read_crops
from reid.training.ranking import rank1_and_map
from reid.weights import load_osnet

SETS = {"cuhk01 486-971": "reid/cuhk01:486-971", "cuhk03_p1 val": "reid/cuhk03_p1/val"}
CALIBRATION = DATA / "reid/cuhk03_p1/train_detected"
_BATCH = 64


class Row(NamedTuple):
    """One set in one precision.

    Attributes:
        rank1: per cent, and mean_ap likewise.
        lowest: smallest cosine to single precision over the set's crops; mean likewise.
        gate: verdict on the gate's drawn crops.
    """

    network: str
    precision: str
    crops: str
    rank1: float
    mean_ap: float
    lowest: float
    mean: float
    gate: Parity


class RoundedRuntime:
    """OSNet with every weight and every layer's output rounded to half precision. See `reid.runtimes.Runtime`."""

    def __init__(self, network: OSNet) -> None:
        self._module = EmbeddingNetwork(network)
        for parameter in self._module.parameters():
            parameter.copy_(parameter.half().float())
        for layer in self._module.network.modules():
            if not list(layer.children()):
                layer.register_forward_hook(lambda _layer, _inputs, output: output.half().float())
        self.name = self.description = "torch, rounded to f16"
        self.dimension = 512

    def embed(self, batch: Image) -> FloatArray:
        """See `Runtime.embed`."""
        with torch.inference_mode():
            parts = [self._module(torch.from_numpy(batch[i : i + 8])).numpy() for i in range(0, len(batch), 8)]
        return np.concatenate(parts)


@click.command()
@click.option(
    "--network", "names", multiple=True, help="As in the table; repeatable.  [default: all trained ones]"
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write the rows to this file.")
def main(names: tuple[str, ...], json_file: Path | None) -> None:
    """Print the table."""
    torch.set_num_threads(1)  # a second one waits busily where the other core has work
    rows: list[Row] = []
    with torch.no_grad():
        for row in (row for name, path in _networks(names) for row in measure(name, path)):
            rows.append(row)
            if json_file is not None:  # after each row: all of them take a while
                found = [each._asdict() | {"gate": str(each.gate), "passed": each.gate.passed} for each in rows]
                json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    Console(width=150).print(table(rows))


def _networks(names: tuple[str, ...]) -> list[tuple[str, Path]]:
    there = {name: path for name, path in WEIGHTS.items() if path is not None}
    unknown = [name for name in names if name not in there]
    missing = [str(path) for name, path in there.items() if name in (names or there) and not path.exists()]
    if unknown or missing:
        raise click.ClickException(
            f"no such network: {', '.join(unknown or missing)}; there are {', '.join(there)}"
        )
    return [(name, path) for name, path in there.items() if name in (names or there)]


def measure(name: str, path: Path) -> Iterator[Row]:
    """All rows of a network."""
    network, _ = load_osnet(path)
    gate_rows = reference_rows(network)
    sets = {label: read_crops(str(DATA / source)) for label, source in SETS.items()}
    pictures = {
        label: read_resized(crops, np.arange(len(crops)), (HEIGHT, WIDTH)) for label, crops in sets.items()
    }
    reference = TorchRuntime(network, "cpu")
    wanted = {label: embedded(reference, crops) for label, crops in pictures.items()}
    for precision, runtime in _runtimes(network):
        gate = check_parity(runtime, gate_rows, GATE_CROPS)
        for label, crops in sets.items():
            rows = embedded(runtime, pictures[label])
            cosines = (rows * wanted[label]).sum(axis=1)
            rank1, mean_ap = rank1_and_map(rows, crops, rows, crops, "camera")
            lowest, mean = float(cosines.min()), float(cosines.mean())
            yield Row(name, precision, label, 100 * rank1, 100 * mean_ap, lowest, mean, gate)


def _runtimes(network: OSNet) -> Iterator[tuple[str, Runtime]]:
    yield "f32", TorchRuntime(network, "cpu")
    model = to_openvino(network)
    yield "f32, OpenVINO", OpenVinoRuntime(model, "f32")
    yield "f16, rounded", RoundedRuntime(network)
    for precision in precisions_of_cpu():
        if precision != "f32":
            yield f"{precision}, OpenVINO", OpenVinoRuntime(model, precision)
    real, _ = calibration_crops(CALIBRATION)
    yield "int8, real crops", OpenVinoRuntime(quantize(model, real), "f32", "int8")
    yield "int8, drawn crops", OpenVinoRuntime(quantize(model, gate_crops(CALIBRATION_CROPS)), "f32", "int8")


def embedded(runtime: Runtime, crops: Image) -> FloatArray:
    """(N, D) rows."""
    return np.concatenate([runtime.embed(crops[start : start + _BATCH]) for start in range(0, len(crops), _BATCH)])


def table(rows: list[Row]) -> Table:
    """The rows for a terminal."""
    result = Table("network", "precision", "crops", "rank-1", "mAP", "cosine, lowest", "mean", "gate")
    for row in rows:
        cells: list[Any] = [row.network, row.precision, row.crops, f"{row.rank1:.1f}", f"{row.mean_ap:.1f}"]
        verdict = "passes" if row.gate.passed else f"{row.gate.cosine:.4f}, {row.gate.swapped} swapped"
        result.add_row(*cells, f"{row.lowest:.4f}", f"{row.mean:.4f}", verdict)
    return result


if __name__ == "__main__":
    main()
