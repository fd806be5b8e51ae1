"""Exported embedders, OpenVINO (``.xml`` with its ``.bin``) and ONNX: what is noted in them, and reading them.

An export of this program carries the rows that torch in single precision gives for the gate's crops. So it is held
to the same standard wherever it runs, and neither torch nor the checkpoint is needed there.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from reid.crops import HEIGHT, WIDTH
from reid.errors import WeightsError
from reid.openvino_import import import_openvino, openvino_core
from reid.parity import GATE_CROPS, gate_crops, gate_fingerprint
from reid.runtimes import OpenVinoRuntime
from reid.tracklets import FloatArray
from reid.weights import sha256_of

SUFFIXES: Final = (".xml", ".onnx")
NOTE: Final = "handoff"  # key of the note in the file
_REMEDY = "export the checkpoint again with `run.py reid export`"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class ExportedModel:
    """An embedder read from a file.

    Attributes:
        path: the file.
        model: of OpenVINO, (B, 256, 128, 3) uint8 BGR to (B, D) unit rows, any B.
        architecture: the network's name, or the file's where it is not of this program.
        precision: of the numbers in the file: f32, f16 or int8; "unknown" where it is not of this program.
        rows: (GATE_CROPS, D) of torch in single precision for the gate's crops; None where the file is not of
            this program.
        checkpoint_sha256: of the file that it was made from, if it is known.
    """

    path: Path
    model: Any
    architecture: str
    precision: str
    rows: FloatArray | None
    checkpoint_sha256: str | None = None

    def reference_rows(self) -> FloatArray:
        """What the gate compares with: the rows noted, or else those of the file itself, f32, one by one."""
        if self.rows is not None:
            return self.rows
        runtime = OpenVinoRuntime(self.model, "f32")
        return np.concatenate([runtime.embed(crop[None]) for crop in gate_crops(GATE_CROPS)])


def is_export(path: Path) -> bool:
    """Whether a weight file is an exported model, by its name."""
    return path.suffix.lower() in SUFFIXES


def read_exported(path: Path) -> ExportedModel:
    """An exported embedder; of other programs those that take BGR pictures of 0 to 255, as Open Model Zoo's do.

    Raises:
        WeightsError: if it cannot be read, is incomplete, no embedder of crops, or of another version.
    """
    try:
        model = openvino_core().read_model(path)
    except RuntimeError:
        beside = f" and {path.with_suffix('.bin').name} beside it" if path.suffix.lower() == ".xml" else ""
        raise WeightsError(
            f"{path}: OpenVINO cannot read it (damaged or incomplete?); {path.name}{beside} are wanted: {_REMEDY}"
        ) from None
    note = _note_of(model, path)
    if note is None:
        log.warning(
            "%s: not an export of this program; it is taken to want BGR pictures with values from 0 to 255, "
            "as the models of Open Model Zoo do",
            path,
        )
        return ExportedModel(path, _from_pictures(model, path), path.stem, "unknown", None)
    if path.suffix.lower() == ".xml" and sha256_of(path.with_suffix(".bin")) != note["bin_sha256"]:
        raise WeightsError(
            f"{path}: {path.with_suffix('.bin').name} is not the file it was written with; {_REMEDY}"
        )
    if note["gate"] != gate_fingerprint():
        raise WeightsError(f"{path}: was exported by another version, whose parity gate differs; {_REMEDY}")
    rows = np.frombuffer(base64.b64decode(note["rows"]), np.float16).astype(np.float32)
    rows = rows.reshape(GATE_CROPS, -1)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)  # of unit length, but for half precision
    return ExportedModel(path, model, note["architecture"], note["precision"], rows, note.get("checkpoint_sha256"))


def note_for(architecture: str, precision: str, checkpoint_sha256: str, rows: FloatArray) -> dict[str, str]:
    """What an export carries.

    Args:
        architecture: the network's name.
        precision: of the numbers in the file.
        checkpoint_sha256: of the file that it was made from.
        rows: (GATE_CROPS, D) of torch in single precision. Kept in half precision: cosines change by 1e-7.
    """
    return {
        "architecture": architecture,
        "precision": precision,
        "checkpoint_sha256": checkpoint_sha256,
        "gate": gate_fingerprint(),
        "rows": base64.b64encode(rows.astype(np.float16).tobytes()).decode(),
    }


def note_text(note: Mapping[str, str]) -> str:
    """The note as it stands in a file, under the key `NOTE`."""
    return json.dumps(note, sort_keys=True)


def _note_of(model: Any, path: Path) -> dict[str, str] | None:
    """The note; OpenVINO keeps those of ONNX files one level down."""
    place = [NOTE] if path.suffix.lower() == ".xml" else ["framework", NOTE]
    if not model.has_rt_info(place):
        return None
    try:
        note = json.loads(model.get_rt_info(place).astype(str))
        wanted = {"architecture", "precision", "gate", "rows"}
        if path.suffix.lower() == ".xml":
            wanted.add("bin_sha256")
        if isinstance(note, dict) and wanted <= note.keys():
            return {str(key): str(value) for key, value in note.items()}
    except (ValueError, RuntimeError):
        pass
    raise WeightsError(f"{path}: the note of this program in it cannot be read; {_REMEDY}")


def _from_pictures(model: Any, path: Path) -> Any:
    """A model of (1, 3, 256, 128) float pictures, made to take uint8 crops and to give unit rows."""
    openvino = import_openvino()
    from openvino import opset13
    from openvino.preprocess import PrePostProcessor

    wanted = f"one input (1, 3, {HEIGHT}, {WIDTH}) and one output (1, D) are wanted"
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise WeightsError(f"{path}: not an embedder: {wanted}; give a re-identification model")
    shapes = [model.input(0).get_partial_shape(), model.output(0).get_partial_shape()]
    if len(shapes[0]) != 4 or shapes[0][1:] != openvino.PartialShape([3, HEIGHT, WIDTH]) or len(shapes[1]) != 2:
        raise WeightsError(f"{path}: not an embedder: {wanted}, it has {shapes[0]} and {shapes[1]}")
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    steps.input().preprocess().convert_element_type(openvino.Type.f32)
    steps.output().postprocess().custom(
        lambda rows: opset13.normalize_l2(rows, opset13.constant(np.array([1])), 1e-12, "add").output(0)
    )
    return steps.build()
