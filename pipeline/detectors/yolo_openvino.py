"""YOLO in OpenVINO: ``*_openvino_model`` folders and ``.onnx`` files as ultralytics exports them; CPU."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import yaml

from pipeline.detectors.letterbox import Size
from pipeline.detectors.yolo_outputs import Head, head_of, people, person_class
from pipeline.errors import WeightsError
from pipeline.frames import Image
from reid.openvino_import import import_openvino, openvino_core
from trackers.tracks import FloatArray

if TYPE_CHECKING:
    import openvino

logger = logging.getLogger(__name__)

_TIED = (
    "%s: takes batches of %d only: the pictures of several cameras run one after another (export it with "
    "dynamic=True, and without dynamic quantization)"
)
_PIXELS, _SCORE = 1.0, 0.02  # how far two results of the same picture may lie apart


class Export(NamedTuple):
    """A network read from an export, its classes, and its stride in px."""

    model: openvino.Model
    names: dict[int, str]
    stride: int


class OpenvinoRuntime:
    """An exported YOLO, its input layer extended so that it takes the uint8 BGR canvases as they are.

    Exports have a fixed batch unless made with ``dynamic=True``. The fixed batch is freed in the graph, and the
    result is accepted only if a batch gives what its pictures give one by one; otherwise the pictures run through
    the fixed batch one after another, which a log line says and `batches` shows.

    Args:
        export: the network, its input (B, 3, H, W) RGB in 0 to 1.
        weights: the file, for messages.
        half: allow 16-bit computation where the CPU has instructions for it; False: float32.

    Raises:
        WeightsError: if it is no detection model or knows no persons.
    """

    def __init__(self, export: Export, weights: str, half: bool = True) -> None:
        self._person = person_class(export.names, weights)
        sides = export.model.input(0).get_partial_shape()[2:]
        self.size: Size | None = (sides[0].get_length(), sides[1].get_length()) if sides.is_static else None
        self.stride = export.stride
        self.batches = 0
        model = _from_pixels(export.model.clone())
        pictures = probe(*(self.size or (4 * self.stride, 5 * self.stride)))
        exact = _Network(model, half=False)
        singly = np.concatenate([exact.infer(picture[None]) for picture in pictures])
        self.head = head_of(singly.shape, len(export.names), weights)
        if exact.batch is not None:
            freed = self._freed(model, pictures, singly)
            model = freed or model
            if freed is None:
                logger.warning(_TIED, weights, exact.batch)
        self._network: _Network | None = _Network(model, half)

    def run(self, canvases: Image) -> FloatArray:
        """See `pipeline.detectors.yolo_runtimes.Runtime`."""
        if self._network is None:
            raise RuntimeError("the detector is closed")
        found = people(self._network.infer(canvases), self.head, self._person)
        self.batches = self._network.passes
        return found

    def close(self) -> None:
        """See `pipeline.detectors.yolo_runtimes.Runtime`."""
        self._network = None

    def _freed(self, model: openvino.Model, pictures: Image, singly: FloatArray) -> openvino.Model | None:
        """The model for any batch; None if its graph resists or the batch does not give ``singly``."""
        freed = model.clone()
        try:
            _free_batch(freed)
            together = _Network(freed, half=False).infer(pictures)
        except RuntimeError:
            return None
        ours, theirs = (people(output, self.head, self._person) for output in (together, singly))
        return freed if agree(ours, theirs, self.head) else None


class _Network:
    """A compiled graph.

    Attributes:
        batch: how many pictures a pass takes; None: any number.
        passes: so far.
    """

    def __init__(self, model: openvino.Model, half: bool) -> None:
        config = {"PERFORMANCE_HINT": "LATENCY"} | ({} if half else {"INFERENCE_PRECISION_HINT": "f32"})
        batch = model.input(0).get_partial_shape()[0]
        self.batch: int | None = None if batch.is_dynamic else batch.get_length()
        self.passes = 0
        self._request = openvino_core().compile_model(model, "CPU", config).create_infer_request()

    def infer(self, canvases: Image) -> FloatArray:
        """The output for B canvases: in one pass, or in passes of the fixed batch, the last one filled up."""
        if self.batch is None or len(canvases) == self.batch:
            return self._pass(canvases)
        outputs = []
        for start in range(0, len(canvases), self.batch):
            part = canvases[start : start + self.batch]
            filling = part[:1].repeat(self.batch - len(part), axis=0)
            outputs.append(self._pass(np.concatenate([part, filling]))[: len(part)])
        return np.concatenate(outputs)

    def _pass(self, canvases: Image) -> FloatArray:
        self.passes += 1
        result = self._request.infer(canvases, share_inputs=True)
        return np.asarray(result[0], np.float32)


def read_model(weights: Path) -> Export:
    """A model from an OpenVINO folder (``*.xml`` and ``metadata.yaml``) or from an ``.onnx`` file.

    Raises:
        WeightsError: if something is missing, damaged, or not a network of pictures.
    """
    graph = weights if weights.is_file() else next(iter(sorted(weights.glob("*.xml"))), None)
    if graph is None:
        raise WeightsError(
            f"{weights}: no .xml file inside; give the *_openvino_model folder of an ultralytics export"
        )
    try:
        model = openvino_core().read_model(graph)
    except RuntimeError as error:
        raise WeightsError(
            f"{graph}: OpenVINO cannot read it (damaged or incomplete?); export it again or set detector.weights"
        ) from error
    if len(model.inputs) != 1 or len(model.inputs[0].get_partial_shape()) != 4 or len(model.outputs) != 1:
        raise WeightsError(f"{graph}: one picture in and one output wanted: not a YOLO detection model")
    return Export(model, *_metadata(model, weights))


def agree(ours: FloatArray, theirs: FloatArray, head: Head) -> bool:
    """Whether two results (B, 5, N) for the same pictures are the same within a pixel and .02 of score."""
    limit = np.array([_PIXELS] * 4 + [_SCORE], np.float32)
    if head is Head.DENSE:
        return bool((np.abs(ours - theirs) <= limit[:, None]).all())
    # Rows of nearly equal score may change places: each of the first hundred has its like somewhere.
    apart = np.abs(ours[:, :, :100, None] - theirs[:, :, None, :])
    return bool((apart <= limit[:, None, None]).all(axis=1).any(axis=2).all())


def _metadata(model: openvino.Model, weights: Path) -> tuple[dict[int, str], int]:
    """Classes and stride, as ultralytics writes them beside (OpenVINO) or into (ONNX) its exports."""
    try:
        if weights.is_dir():
            stated = yaml.safe_load((weights / "metadata.yaml").read_text(encoding="utf-8"))
        else:
            entries = ("names", "stride")
            stated = {
                entry: yaml.safe_load(model.get_rt_info(["framework", entry]).astype(str)) for entry in entries
            }
        return {int(index): str(name) for index, name in stated["names"].items()}, int(stated["stride"])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        where = weights / "metadata.yaml" if weights.is_dir() else weights
        raise WeightsError(
            f"{where}: does not state the model's classes and stride, so the person cannot be told; export the "
            "model again with ultralytics"
        ) from error


def _from_pixels(model: openvino.Model) -> openvino.Model:
    """The model with (B, H, W, 3) uint8 BGR as its input: conversion and layout change run inside the graph."""
    openvino = import_openvino()
    from openvino.preprocess import ColorFormat, PrePostProcessor

    steps = PrePostProcessor(model)
    picture = steps.input()
    picture.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    picture.tensor().set_color_format(ColorFormat.BGR)
    picture.model().set_layout(openvino.Layout("NCHW"))
    picture.preprocess().convert_element_type(openvino.Type.f32).convert_color(ColorFormat.RGB).scale(255.0)
    return steps.build()


def _free_batch(model: openvino.Model) -> None:
    """Free the batch, in place: attention and head name 1 in constants of reshapes; it becomes "what comes in"."""
    from openvino import opset13

    for node in model.get_ops():
        if node.get_type_name() != "Reshape" or node.input_value(1).get_node().get_type_name() != "Constant":
            continue
        shape, target = node.input(0).get_partial_shape(), node.input_value(1).get_node().data.astype(np.int64)
        if len(shape) < 2 or shape[0] != 1 or len(target) < 2 or target[0] != 1:
            continue
        target[0] = 0 if -1 in target else -1
        freed = opset13.reshape(node.input_value(0), opset13.constant(target), special_zero=True)
        node.output(0).replace(freed.output(0))
    model.validate_nodes_and_infer_types()
    _, *rest = model.input(0).get_partial_shape()
    model.reshape([-1, *rest])


def probe(height: int, width: int) -> Image:
    """(2, height, width, 3) two different pictures of patches and noise, always the same."""
    random = np.random.default_rng(0)
    patches = random.integers(0, 256, (2, -(-height // 32), -(-width // 32), 3), np.uint8)
    pictures = patches.repeat(32, axis=1).repeat(32, axis=2)[:, :height, :width]
    noisy: Image = pictures // 2 + random.integers(0, 128, pictures.shape, np.uint8)
    return noisy
