"""Exported embedders, OpenVINO (``.xml`` with its ``.bin``) and ONNX: what is noted in them, and reading them.

An export of this program carries the rows that torch in single precision gives for the gate's crops. So it is held
to the same standard wherever it runs, and neither torch nor the checkpoint is needed there.

Those of other programs are given BGR pictures with values from 0 to 255, as the models of Open Model Zoo want.
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
_CHANNELS: Final = 3

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


def read_pictures_model(path: Path) -> Any:
    """An embedder of pictures of one size, of this program or another, as it is scored.

    Args:
        path: of a model with one input, of any size (that of OSNet where it is open) and layout, and one output.

    Returns:
        Model of OpenVINO, (B, H, W, 3) uint8 BGR to (B, D) rows of any length, any B but where one is written into
        the layers.

    Raises:
        WeightsError: if it cannot be read, is incomplete, or no embedder.
    """
    return _taking_pictures(_read(path), path)


def read_exported(path: Path) -> ExportedModel:
    """An exported embedder for the pipeline, which gives it crops of 256x128; of this program or another.

    Raises:
        WeightsError: if it cannot be read, is incomplete, no embedder of crops, or of another version.
    """
    model = _read(path)
    note = _note_of(model, path)
    if note is None:
        log.warning(
            "%s: not an export of this program; it is taken to want BGR pictures with values from 0 to 255, "
            "as the models of Open Model Zoo do",
            path,
        )
        crops_model = _with_unit_rows(_taking_pictures(model, path, (HEIGHT, WIDTH)))
        return ExportedModel(path, crops_model, path.stem, "unknown", None)
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


def _read(path: Path) -> Any:
    """The model as it stands in the file."""
    try:
        return openvino_core().read_model(path)
    except RuntimeError:
        xml = path.suffix.lower() == ".xml"
        fault = f"damaged, or without {path.with_suffix('.bin').name} beside it" if xml else "damaged or cut short"
        raise WeightsError(f"{path}: OpenVINO cannot read it: {fault}; fetch it again, or {_REMEDY}") from None


def _taking_pictures(model: Any, path: Path, size: tuple[int, int] | None = None) -> Any:
    """See `read_pictures_model`.

    Args:
        model: as it was read; changed.
        path: for messages.
        size: height and width that it must have, and rows (B, D) that it must give by itself; when None any size
            will do, and the output is flattened.
    """
    shapes = [port.get_partial_shape() for port in (*model.inputs, *model.outputs)]
    layout = _layout(shapes[0]) if len(model.inputs) == len(model.outputs) == 1 else ""
    fits = size is None or (bool(layout) and _sides(shapes[0], layout) == size and _are_rows(shapes[1]))
    if not layout or not fits:
        sides = "H, W" if size is None else f"{size[0]}, {size[1]}"
        raise WeightsError(
            f"{path}: not an embedder: it has {', '.join(map(str, shapes))}; wanted is a re-identification model "
            f"with one input of pictures, (N, 3, {sides}) or (N, {sides}, 3), and one output of embeddings, (N, D)"
        )
    return _prepared(model, layout, _sides(shapes[0], layout))


def _prepared(model: Any, layout: str, sides: tuple[int, int]) -> Any:
    """The model with input (B, *sides, 3) uint8 and output (B, D)."""
    openvino = import_openvino()
    from openvino import opset13
    from openvino.preprocess import PrePostProcessor

    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout(layout))
    steps.input().preprocess().convert_element_type(model.input(0).get_element_type())
    if not _are_rows(model.output(0).get_partial_shape()):
        steps.output().postprocess().custom(
            lambda maps: opset13.reshape(maps, opset13.constant(np.array([0, -1])), special_zero=True).output(0)
        )
    model = steps.build()
    shape = model.input(0).get_partial_shape()
    shape[1], shape[2] = sides
    model.reshape(shape)
    return model


def _with_unit_rows(model: Any) -> Any:
    """The model with output rows (B, D) of length 1."""
    from openvino import opset13
    from openvino.preprocess import PrePostProcessor

    steps = PrePostProcessor(model)
    steps.output().postprocess().custom(
        lambda rows: opset13.normalize_l2(rows, opset13.constant(np.array([1])), 1e-12, "add").output(0)
    )
    return steps.build()


def _layout(shape: Any) -> str:
    """Where the colours are; empty if nowhere."""
    if shape.rank.is_dynamic or len(shape) != 4:
        return ""
    for place, layout in ((1, "NCHW"), (3, "NHWC")):
        if not shape[place].is_dynamic and shape[place].get_length() == _CHANNELS:
            return layout
    return ""


def _sides(shape: Any, layout: str) -> tuple[int, int]:
    """Height and width of the pictures; those of OSNet where the model leaves them open."""
    height, width = shape[layout.index("H")], shape[layout.index("W")]
    return (
        HEIGHT if height.is_dynamic else int(height.get_length()),
        WIDTH if width.is_dynamic else int(width.get_length()),
    )


def _are_rows(shape: Any) -> bool:
    return not shape.rank.is_dynamic and len(shape) == 2
