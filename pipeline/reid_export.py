"""`run.py reid export`: a checkpoint as an OpenVINO or ONNX file, and how well that agrees."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from pipeline.errors import OutputError
from pipeline.sinks.base import writing

if TYPE_CHECKING:
    from reid.export import Export, ExportPrecision, Format


@click.command()
@click.argument("weights", metavar="CHECKPOINT")
@click.option(
    "--format",
    "form",
    type=click.Choice(["openvino", "onnx"]),
    default="openvino",
    show_default=True,
    help="openvino runs here as embedder.weights; onnx here and in other programs.",
)
@click.option(
    "--precision",
    type=click.Choice(["f32", "f16", "int8"]),
    default="f32",
    show_default=True,
    help="Of the numbers in the file. int8 also computes in 8 bits: openvino only.",
)
@click.option(
    "--calibrate",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Pictures of people for the ranges of int8, best from your own cameras.  [default: drawn ones]",
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="The file.  [default: CHECKPOINT-PRECISION beside it]"
)
@click.option("--overwrite", is_flag=True, help="Replace the file.")
def export(
    weights: str,
    form: Format,
    precision: ExportPrecision,
    calibrate: Path | None,
    output: Path | None,
    overwrite: bool,
) -> int:
    """Convert an OSNet checkpoint, read the result back, and keep it if it gives the same features."""
    from reid.export import SUFFIX, export_osnet
    from reid.weights import find_weights

    checkpoint = find_weights(weights, setting="CHECKPOINT")
    target = output or checkpoint.with_name(f"{checkpoint.stem}-{precision}{SUFFIX[form]}")
    _check_target(target, overwrite=overwrite)
    if calibrate is not None and precision != "int8":
        raise click.UsageError(f"--calibrate finds the ranges of int8; leave it out with --precision {precision}")
    crops = None
    if calibrate is not None:
        from reid.quantize import calibration_crops

        crops = calibration_crops(calibrate)
    with writing(target):
        done = export_osnet(checkpoint, target, form=form, precision=precision, calibration=crops)
    for line in _report(done):
        Console().print(Text(line), soft_wrap=True)
    return 0


def _check_target(target: Path, *, overwrite: bool) -> None:
    """Known before seconds of conversion."""
    if not target.parent.is_dir():
        raise OutputError(f"{target}: there is no folder {target.parent}; create it, or correct --output")
    there = [path for path in (target, target.with_suffix(".bin")) if path.exists()]
    if target.is_dir() or (there and not overwrite):
        raise OutputError(f"{there[0]}: exists already; choose another --output, or add --overwrite")


def _report(done: Export) -> list[str]:
    files = " and ".join(str(file) for file in done.files)
    lines = [
        f"{files}: {done.architecture} in {done.precision}, {done.size / 1e6:.1f} MB, sha256 {done.sha256}",
        f"read back, against torch f32, drawn crops: {done.parity}",
    ]
    if done.real is not None:
        lines.append(f"the same, pictures not calibrated on: {done.real}")
    if not done.parity.passed:
        lines.append(
            "warning: this does not pass the parity gate (cosine above 0.999, no rank swapped): it is used where "
            "it is named, with a warning; score it first with `run.py reid evaluate`"
        )
    lines.append(f"use it with --set embedder.weights={done.files[0]}")
    return lines
