"""OSNet for other machines and programs: OpenVINO or ONNX files, written only if what is read back agrees."""

from __future__ import annotations

import logging
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reid.choice import one_torch_thread, reference_rows
from reid.crops import HEIGHT, WIDTH, Image
from reid.errors import HandoffError, WeightsError
from reid.exported import NOTE, note_for, note_text, read_exported
from reid.openvino_import import import_openvino
from reid.parity import GATE_CROPS, Parity, check_parity, gate_crops
from reid.quantize import quantize
from reid.runtimes import OpenVinoRuntime, TorchRuntime, to_openvino
from reid.weights import load_osnet, sha256_of

if TYPE_CHECKING:
    from reid.osnet import OSNet

Format = Literal["openvino", "onnx"]
ExportPrecision = Literal["f32", "f16", "int8"]
SUFFIX: dict[Format, str] = {"openvino": ".xml", "onnx": ".onnx"}

_OPSET = 17
_DRAWN = 300  # crops to calibrate on where none are given

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Export:
    """What was written, and how well it agrees with torch in single precision.

    Attributes:
        files: the model's file first, then those that belong to it.
        sha256: of the first file, as ``run.yaml`` records it; it covers the others.
        architecture: the network's name.
        precision: of the numbers in the file.
        parity: on the gate's crops, which are drawn.
        real: on crops of the calibration folder that were not calibrated on; None without one.
    """

    files: tuple[Path, ...]
    sha256: str
    architecture: str
    precision: ExportPrecision
    parity: Parity
    real: Parity | None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.stat().st_size for file in self.files)


def export_osnet(
    checkpoint: Path,
    target: Path,
    *,
    form: Format,
    precision: ExportPrecision,
    calibration: tuple[Image, Image] | None = None,
) -> Export:
    """Convert a checkpoint, read the result back, and keep it if it agrees.

    Args:
        checkpoint: an OSNet (.pth).
        target: the model's file; its suffix is that of the format. Replaced if it exists.
        form: openvino, or onnx (any batch, uint8 BGR crops to unit rows, like all runtimes here).
        precision: of the numbers in the file; f16 halves the weights; int8 also computes in 8 bits.
        calibration: crops to find the ranges of int8 on, and others to judge it by (`reid.quantize`); drawn crops
            are calibrated on when None.

    Returns:
        What was written. int8 is written even if it does not pass the gate: `Export.parity` says how far it is.

    Raises:
        HandoffError: if the conversion does not agree, or a package for it is missing. Nothing is written then.
        WeightsError: if the checkpoint is none.
    """
    if precision == "int8" and form != "openvino":
        raise HandoffError("--precision int8 is for --format openvino; export ONNX in f32 or f16")
    if target.suffix.lower() != SUFFIX[form]:
        raise HandoffError(f"{target}: the file of --format {form} ends in {SUFFIX[form]}; rename --output")
    network, architecture = load_osnet(checkpoint)
    rows = reference_rows(network)
    note = note_for(architecture, precision, sha256_of(checkpoint), rows)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        draft = Path(folder) / target.name
        if form == "onnx":
            _write_onnx(network, draft, note, half=precision == "f16")
        else:
            _write_openvino(_converted(network, precision, calibration), draft, note, half=precision == "f16")
        runtime = OpenVinoRuntime(read_exported(draft).model, "f32")
        parity = check_parity(runtime, rows, GATE_CROPS)
        if parity.broken or not (parity.passed or precision == "int8"):
            raise HandoffError(
                f"{target}: not written: the {form} model does not agree with torch f32 ({parity}); "
                "this is a fault of the conversion, please report it with the versions of torch and openvino"
            )
        real = _on_real(network, runtime, calibration[1]) if calibration is not None else None
        files = _move(Path(folder), target)
    return Export(files, sha256_of(target), architecture, precision, parity, real)


def _converted(network: OSNet, precision: ExportPrecision, calibration: tuple[Image, Image] | None) -> Any:
    model = to_openvino(network)
    if precision != "int8":
        return model
    crops = gate_crops(_DRAWN) if calibration is None else calibration[0]
    log.info("calibrating on %d crops", len(crops))
    return quantize(model, crops)


def _move(folder: Path, target: Path) -> tuple[Path, ...]:
    """Everything in a folder to the target and beside it; the target itself last, because it names the others."""
    written = sorted(folder.iterdir(), key=lambda file: file.name == target.name)
    for file in written:
        file.replace(target.with_name(file.name))
    return tuple(target.with_name(file.name) for file in reversed(written))


def _on_real(network: OSNet, runtime: OpenVinoRuntime, crops: Image) -> Parity:
    with one_torch_thread():
        rows = TorchRuntime(network, "cpu").embed(crops)
    return check_parity(runtime, rows, crops=crops)


def _write_openvino(model: Any, target: Path, note: dict[str, str], *, half: bool) -> None:
    """Twice, because the note, which stands in the .xml, holds the sha256 of the .bin."""
    openvino = import_openvino()
    for _ in range(2):
        model.set_rt_info(note_text(note | {"bin_sha256": note.get("bin_sha256", "")}), [NOTE])
        openvino.save_model(model, target, compress_to_fp16=half)
        found = sha256_of(target.with_suffix(".bin"))
        if found == note.get("bin_sha256"):
            return
        note = note | {"bin_sha256": found}
    raise WeightsError(f"{target}: OpenVINO writes another .bin each time; please report it with its version")


def _write_onnx(network: OSNet, target: Path, note: dict[str, str], *, half: bool) -> None:
    """Traced: torch's newer exporter needs one more package and writes the same operations."""
    import torch

    from reid.osnet import EmbeddingNetwork

    try:
        import onnx
    except ImportError:
        raise HandoffError(
            "--format onnx needs the package onnx, which is not installed: pip install -r requirements-export.txt"
        ) from None
    module = EmbeddingNetwork(network).eval()
    if half:
        module.network.half()
    example = torch.from_numpy(np.zeros((2, HEIGHT, WIDTH, 3), np.uint8))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (example,),
            target,
            dynamo=False,
            input_names=["crops"],
            output_names=["embeddings"],
            dynamic_axes={"crops": {0: "batch"}, "embeddings": {0: "batch"}},
            opset_version=_OPSET,
        )
    model = onnx.load(target)
    onnx.helper.set_model_props(model, {NOTE: note_text(note)})
    onnx.checker.check_model(model)
    onnx.save(model, target)
