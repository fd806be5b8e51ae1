"""Small YOLOs with seeded random weights: no network needed, and still boxes come out."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from pipeline.detectors.yolo_runtimes import ultralytics_imported
from pipeline.frames import Frame, Image
from reid.openvino_import import import_openvino
from reid.tracklets import CameraId
from trackers.tracks import Detections, FloatArray

with ultralytics_imported():
    from ultralytics.models import YOLO
    from ultralytics.nn.autobackend import AutoBackend
    from ultralytics.nn.tasks import DetectionModel

FAMILIES = ("yolov8n", "yolo11n", "yolo26n")
NAMES = {0: "bicycle", 1: "person", 2: "car"}


def scene(height: int, width: int, seed: int = 0) -> Image:
    """(height, width, 3) uint8: random blocks of 4 to 64 px on top of each other."""
    random = np.random.default_rng(seed)
    image = np.full((height, width, 3), 128.0)
    for side in (4, 8, 16, 32, 64):
        blocks = random.normal(0, 20, (-(-height // side), -(-width // side), 3))
        image += blocks.repeat(side, axis=0).repeat(side, axis=1)[:height, :width]
    picture: Image = np.clip(image, 0, 255).astype(np.uint8)
    return picture


def frames_of(*images: Image) -> list[Frame]:
    """One frame a camera: camera0, camera1, ..."""
    return [Frame(CameraId(f"camera{number}"), 0, 0.0, image) for number, image in enumerate(images)]


@functools.cache
def random_yolo(family: str) -> Path:
    """A checkpoint of a family with the classes `NAMES`, made once a test run."""
    folder = Path(tempfile.mkdtemp(prefix="random-yolo-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return save_random_yolo(folder / f"{family}.pt", family, NAMES)


def save_random_yolo(path: Path, family: str, names: dict[int, str]) -> Path:
    """Write a checkpoint of a random network of a family; its scores for people vary over the picture."""
    torch.manual_seed(0)
    model = DetectionModel(f"{family}.yaml", nc=len(names), verbose=False)
    model.names = names
    # Enlarged, as it is, reduced: what letterboxes will show it.
    pictures = [
        cv2.resize(scene(side, side, seed), (160, 160)) for side in (80, 160, 320, 640) for seed in range(3)
    ]
    scenes = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 255
    _learn_statistics(model, scenes)
    _spread_scores(model, scenes, person=next((index for index, name in names.items() if name == "person"), 0))
    torch.save({"model": model, "ema": None, "train_args": {}}, path)
    return path


def export(weights: Path, folder: Path, kind: str, **options: Any) -> Path:
    """Export into a folder with ultralytics; the end-to-end head where there is one."""
    copy = shutil.copy(weights, folder)
    with warnings.catch_warnings(action="ignore"):
        made = YOLO(copy).export(
            format=kind,
            device="cpu",
            verbose=False,
            **_end_to_end(weights),
            **options,
            **({"simplify": False} if kind == "onnx" else {}),
        )
    return Path(made)


def assert_alike(ours: Detections, boxes: FloatArray, scores: FloatArray, pixels: float, score: float) -> None:
    """The same boxes in any order, but for one in fifty: near ties change places, and suppression with them."""
    assert min(len(ours), len(boxes)) > 5
    apart = np.maximum(
        np.abs(ours.boxes[:, None] - boxes).max(axis=2) / pixels, np.abs(ours.scores[:, None] - scores) / score
    )
    alike = int((apart[linear_sum_assignment(apart)] <= 1).sum())
    assert alike >= 0.98 * max(len(ours), len(boxes))


def leaky_network(batch: int) -> Any:
    """A network whose result for a picture depends on the others of its batch, as dynamic quantization does."""
    openvino = import_openvino()
    from openvino import opset13 as ops

    pixels = ops.parameter([batch, 3, 32, 32], openvino.Type.f32)
    brightest = ops.reduce_max(pixels, ops.constant([0, 1, 2, 3]), keep_dims=True)
    mean = ops.reduce_mean(pixels, ops.constant([1, 2, 3]), keep_dims=True)
    score = ops.reshape(ops.divide(mean, brightest), ops.constant([batch, 1, 1]), special_zero=False)
    box = ops.broadcast(ops.constant(np.full((1, 4, 1), 16.0, np.float32)), ops.constant([batch, 4, 1]))
    return openvino.Model([ops.concat([box, score], 1)], [pixels], "leaky")


def predict_with_ultralytics(weights: Path, image: Image, image_size: int) -> tuple[Any, Any]:
    """Boxes (N, 4) xyxy and scores (N,) of people as ultralytics' own predictor finds them."""
    # Its warm-up only times torchvision, which need not work here.
    AutoBackend.warmup = lambda *_, **__: None
    with warnings.catch_warnings(action="ignore"):
        found: Any = YOLO(weights).predict(
            image,
            imgsz=image_size,
            conf=0.1,
            iou=0.7,
            classes=[1],
            max_det=300,
            device="cpu",
            verbose=False,
            **_end_to_end(weights),
        )
    boxes, scores = found[0].boxes.xyxy.numpy(), found[0].boxes.conf.numpy()
    solid = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return boxes[solid], scores[solid]


def _end_to_end(weights: Path) -> dict[str, bool]:
    return {"nms": False} if "26" in weights.stem else {}


def _learn_statistics(model: torch.nn.Module, scenes: torch.Tensor) -> None:
    """Give batch norms the statistics of scenes: without them activations fade to nothing."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    model.train()
    with torch.no_grad():
        model(scenes)
    model.eval()


def _spread_scores(model: Any, scenes: torch.Tensor, person: int) -> None:
    """Set the last layers so that logits are -1.5 +- 0.7 for people and -12 for other classes."""
    head = model.model[-1]
    branches = [head.cv3] + ([head.one2one_cv3] if hasattr(head, "one2one_cv3") else [])
    last = [level[-1] for branch in branches for level in branch]
    logits: dict[torch.nn.Module, torch.Tensor] = {}
    hooks = [
        layer.register_forward_hook(lambda layer, _, out: logits.update({layer: out[:, person]})) for layer in last
    ]
    with torch.no_grad():
        model(scenes)
        for layer in last:
            scale = 0.7 / logits[layer].std()
            shift = logits[layer].mean() - layer.bias[person]
            row = layer.weight[person] * scale
            layer.weight.zero_()
            layer.weight[person] = row
            layer.bias.fill_(-12.0)
            layer.bias[person] = -1.5 - shift * scale
    for hook in hooks:
        hook.remove()
