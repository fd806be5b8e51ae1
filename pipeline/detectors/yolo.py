"""Pedestrians found by a YOLO: all frames of a tick in one forward pass."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, Field, model_validator

from pipeline.detectors.boxes import by_score, inside_image, suppress
from pipeline.detectors.letterbox import Placement, Size, canvas_size, paste, place
from pipeline.detectors.yolo_openvino import OpenvinoRuntime, agree, probe, read_model
from pipeline.detectors.yolo_outputs import Head, to_xyxy
from pipeline.detectors.yolo_runtimes import REMEDY, Runtime, TorchRuntime, find_or_fetch_weights, torch_device
from pipeline.errors import ConfigError, WeightsError
from pipeline.frames import Frame, Image
from trackers.tracks import Detections, FloatArray

logger = logging.getLogger(__name__)


class YoloSettings(BaseModel, frozen=True, extra="forbid"):
    """A YOLO of the families v8, 11 or 26."""

    type: Literal["yolo"] = Field("yolo", description="Find people with a YOLO.")
    weights: str = Field(
        "person_yolo26n.pt",
        min_length=1,
        description="Checkpoint (.pt), *_openvino_model folder, or .onnx file, also looked for in weights/; "
        "official checkpoints are downloaded. The default ships.",
    )
    image_size: int = Field(
        640,
        ge=128,
        le=4096,
        multiple_of=32,
        description="Long side to which frames are scaled, px; exports of fixed size keep theirs.",
    )
    confidence: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Lowest score of a detection; low, because trackers use weak boxes and have own thresholds.",
    )
    iou: float = Field(
        0.7,
        gt=0,
        le=1,
        description="Boxes that overlap a better one by more than this are dropped (not for official YOLO26, "
        "which does without).",
    )
    max_detections: int = Field(300, ge=1, le=3000, description="Most boxes a frame, the best ones.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where a .pt runs; auto: CUDA where there is one. Other formats run on the CPU."
    )
    runtime: Literal["auto", "torch", "openvino"] = Field(
        "auto",
        description="What runs a .pt on the CPU: openvino converts it at the start (seconds) and is about twice "
        "as fast; auto does so if the result is that of torch. Exports run in OpenVINO, CUDA in torch.",
    )
    half: Literal["auto"] | bool = Field(
        "auto",
        description="Compute in 16 bits: auto = on CUDA, and in OpenVINO where the CPU has such instructions.",
    )

    @model_validator(mode="after")
    def _runtime_has_the_device(self) -> Self:
        if self.runtime == "openvino" and self.device == "cuda":
            raise ValueError("runtime: openvino is for the CPU; set it to auto or torch, or device to auto or cpu")
        return self

    def build(self) -> YoloDetector:
        """The detector, with its model loaded.

        Raises:
            WeightsError: if the weights are absent, damaged or not of a detector of people.
            ConfigError: if the device does not exist or does not fit the weights.
        """
        return YoloDetector(self)


class YoloDetector:
    """See `pipeline.detectors.base.Detector`; raises what `YoloSettings.build` says.

    Not thread-safe: the canvases are one buffer, reused from tick to tick.
    """

    def __init__(self, settings: YoloSettings) -> None:
        self._settings = settings
        self._runtime = _open(settings)
        self._pixels = np.empty(0, np.uint8)

    @property
    def batches(self) -> int:
        """Forward passes so far: one a tick, unless an export is tied to its batch size."""
        return self._runtime.batches

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """See `pipeline.detectors.base.Detector`."""
        if not frames:
            return []
        sizes: list[Size] = [(frame.image.shape[0], frame.image.shape[1]) for frame in frames]
        canvas = self._runtime.size or canvas_size(sizes, self._settings.image_size, self._runtime.stride)
        placements = [place(size, canvas) for size in sizes]
        canvases = self._canvases(len(frames), canvas)
        for frame, placement, target in zip(frames, placements, canvases, strict=True):
            paste(frame.image, placement, target)
        found = self._runtime.run(canvases)
        return [self._detections(rows, placement) for rows, placement in zip(found, placements, strict=True)]

    def close(self) -> None:
        """See `pipeline.detectors.base.Detector`."""
        self._runtime.close()
        self._pixels = np.empty(0, np.uint8)

    def _canvases(self, count: int, canvas: Size) -> Image:
        """(count, H, W, 3) uint8, a view into a buffer that only grows."""
        shape = (count, *canvas, 3)
        if self._pixels.size < np.prod(shape):
            self._pixels = np.empty(np.prod(shape), np.uint8)
        return self._pixels[: np.prod(shape)].reshape(shape)

    def _detections(self, rows: FloatArray, placement: Placement) -> Detections:
        """The detections of one frame from rows (5, N): box in canvas pixels as the head gives it, score."""
        rows = rows[:, rows[4] >= self._settings.confidence]
        boxes, scores = to_xyxy(rows[:4].T, self._runtime.head), rows[4]
        order = by_score(boxes, scores)
        boxes, scores = boxes[order], scores[order]
        if self._runtime.head is Head.DENSE:
            kept = suppress(boxes, scores, self._settings.iou)
            boxes, scores = boxes[kept], scores[kept]
        most = self._settings.max_detections
        return inside_image(placement.to_frame(boxes[:most]), scores[:most], placement.frame)


def _open(settings: YoloSettings) -> Runtime:
    """The runtime that fits weights and settings."""
    weights = find_or_fetch_weights(settings.weights)
    if weights.suffix == ".pt" and weights.is_file():
        return _open_checkpoint(weights, settings)
    if weights.is_file() and weights.suffix != ".onnx":
        raise WeightsError(f"{weights}: unknown kind of weights; {REMEDY}")
    if settings.device == "cuda":
        raise ConfigError(
            f"detector.device: {weights} runs on the CPU only; set it to auto, or use the .pt checkpoint"
        )
    return OpenvinoRuntime(read_model(weights), str(weights), settings.half is not False)


def _open_checkpoint(weights: Path, settings: YoloSettings) -> Runtime:
    device = torch_device("cpu" if settings.runtime == "openvino" else settings.device)
    if device.type == "cuda":
        return TorchRuntime(weights, device, half=settings.half is not False)
    if settings.runtime == "torch":
        return TorchRuntime(weights, device, half=settings.half is True)
    runtime = TorchRuntime(weights, device, half=False)
    converted = _convert(runtime, weights, settings)
    if converted is None and settings.runtime == "openvino":
        raise WeightsError(f"{weights}: cannot be converted to OpenVINO; set detector.runtime to auto or torch")
    return converted or runtime


def _convert(runtime: TorchRuntime, weights: Path, settings: YoloSettings) -> OpenvinoRuntime | None:
    """The checkpoint in OpenVINO; None, with a warning, unless it gives what torch gives.

    They are compared in float32, where only an error of the conversion can make a difference.
    """
    pictures = probe(*canvas_size([(3, 4)], settings.image_size, runtime.stride))
    try:
        export = runtime.export()
        exact = OpenvinoRuntime(export, str(weights), half=False)
        same = agree(exact.run(pictures), runtime.run(pictures), runtime.head)
    except Exception as error:
        logger.warning("%s: stays in torch on the CPU: OpenVINO does not convert it (%s)", weights, error)
        return None
    if not same:
        logger.warning("%s: stays in torch on the CPU: in OpenVINO its results differ", weights)
        return None
    return OpenvinoRuntime(export, str(weights), settings.half is not False)
