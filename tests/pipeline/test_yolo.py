"""YOLO: letterbox, heads, runtimes against ultralytics' own predictor, weights that are wrong, real people."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from pipeline.detectors import YoloSettings
from pipeline.detectors.yolo import YoloDetector
from pipeline.detectors.yolo_openvino import Export, OpenvinoRuntime
from pipeline.detectors.yolo_outputs import Head, head_of, people, person_class, to_xyxy
from pipeline.detectors.yolo_runtimes import TorchRuntime
from pipeline.errors import WeightsError
from pipeline.frames import Image
from pipeline.motfile import read_mot
from tests.pipeline.yolo_weights import (
    FAMILIES,
    assert_alike,
    export,
    frames_of,
    leaky_network,
    predict_with_ultralytics,
    random_yolo,
    scene,
)
from tests.shared_data import SHARED, needs_shared
from trackers.tracks import Detections

REAL = SHARED / "weights" / "detect"


def yolo(weights: Path, **options: Any) -> YoloDetector:
    return YoloSettings(
        type="yolo", weights=str(weights), **({"image_size": 320, "runtime": "torch"} | options)
    ).build()


# --- heads


def test_the_person_is_found_by_name() -> None:
    assert person_class({0: "car", 3: " Person"}, "w") == 3
    assert person_class({0: "pedestrian"}, "w") == 0
    with pytest.raises(WeightsError, match=r"w\.pt: no class is called 'person'; its classes are cat, dog\."):
        person_class({0: "cat", 1: "dog"}, "w.pt")


def test_heads_are_told_apart_by_shape() -> None:
    assert head_of((1, 84, 8400), 80, "w") is Head.DENSE
    assert head_of((1, 6, 8400), 2, "w") is Head.DENSE
    assert head_of((1, 300, 6), 80, "w") is Head.END_TO_END
    for shape in ((1, 116, 8400), (1, 80), (1, 300, 7)):
        with pytest.raises(WeightsError, match=r"w: not a YOLO detection model: with 80 classes"):
            head_of(shape, 80, "w")


def test_rows_of_people() -> None:
    dense = np.arange(2 * 6 * 3, dtype=np.float32).reshape(2, 6, 3)
    assert people(dense, Head.DENSE, person=1)[0, 4].tolist() == [15, 16, 17]
    ends = np.array([[[1, 2, 3, 4, 0.9, 0], [5, 6, 7, 8, 0.8, 1]]], np.float32)
    assert people(ends, Head.END_TO_END, person=1)[0, 4].tolist() == [0.0, np.float32(0.8)]
    boxes = np.array([[10, 20, 4, 6]], np.float32)
    assert to_xyxy(boxes, Head.DENSE).tolist() == [[8, 17, 12, 23]]
    assert to_xyxy(boxes, Head.END_TO_END) is boxes


# --- runtimes


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [(480, 640), (320, 180), (640, 640)])
def test_checkpoints_give_what_ultralytics_predicts(family: str, size: tuple[int, int]) -> None:
    image = scene(*size, seed=7)
    detector = yolo(random_yolo(family))
    boxes, scores = predict_with_ultralytics(random_yolo(family), image, 320)
    assert_alike(detector.detect(frames_of(image))[0], boxes, scores, pixels=0.05, score=1e-3)


@pytest.mark.parametrize(
    ("family", "head"), [("yolov8n", Head.DENSE), ("yolo11n", Head.DENSE), ("yolo26n", Head.END_TO_END)]
)
def test_a_tick_is_one_batch(family: str, head: Head) -> None:
    runtime = TorchRuntime(random_yolo(family), torch.device("cpu"), half=False)
    assert (runtime.head, runtime.batches) == (head, 0)
    detector = yolo(random_yolo(family))
    detector.detect(frames_of(scene(240, 320), scene(100, 200), scene(90, 60)))
    assert detector.batches == 1


def test_thresholds_do_what_they_say() -> None:
    frames = frames_of(scene(480, 640))
    loose = yolo(random_yolo("yolov8n"), confidence=0.1, iou=0.9, max_detections=3000).detect(frames)[0]
    strict = yolo(random_yolo("yolov8n"), confidence=0.3, iou=0.3, max_detections=4).detect(frames)[0]
    assert loose.scores.min() < 0.3
    assert len(strict) == 4
    assert strict.scores.min() >= 0.3
    assert set(map(tuple, strict.boxes)) <= set(map(tuple, loose.boxes))


@pytest.mark.parametrize("family", FAMILIES)
def test_half_precision_keeps_boxes_exact(family: str) -> None:
    """Without decoding in float32, boxes near 640 px would be half a pixel coarse."""
    canvas = scene(96, 640)[None]
    half, full = (
        TorchRuntime(random_yolo(family), torch.device("cpu"), half).run(canvas)[0] for half in (True, False)
    )
    confident = full[:, full[4] > 0.3]
    assert confident.shape[1] > 5
    apart = np.abs(confident[:, :, None] - half[:, None])
    nearest = apart[:4].max(axis=0).argmin(axis=1)
    apart = apart[:, np.arange(len(nearest)), nearest]
    assert np.median(apart[:4]) < 0.05
    assert apart[4].max() < 0.03


@pytest.mark.parametrize("family", FAMILIES)
def test_checkpoints_are_converted_on_the_cpu(family: str, caplog: pytest.LogCaptureFixture) -> None:
    """For every shape, though traced with one."""
    torch_run, converted = yolo(random_yolo(family)), yolo(random_yolo(family), runtime="auto", half=False)
    assert isinstance(converted._runtime, OpenvinoRuntime)
    assert converted._runtime.head is torch_run._runtime.head
    for size in ((480, 640), (320, 180), (100, 640)):
        frames = frames_of(scene(*size, seed=3), scene(*size, seed=4))
        for ours, theirs in zip(converted.detect(frames), torch_run.detect(frames), strict=True):
            assert_alike(ours, theirs.boxes, theirs.scores, pixels=0.2, score=3e-3)
    assert converted.batches == 3
    assert not caplog.records


def test_a_conversion_that_differs_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    export_to_openvino = TorchRuntime.export

    def export_another(self: TorchRuntime) -> Export:
        convolution = self._model.model[0].conv  # type: ignore[union-attr, index]
        convolution.weight.mul_(1.2)
        made = export_to_openvino(self)
        convolution.weight.div_(1.2)
        return made

    def fail(_: TorchRuntime) -> Export:
        raise RuntimeError("no such operation")

    for export_wrongly, reason in ((export_another, "its results differ"), (fail, "no such operation")):
        caplog.clear()
        monkeypatch.setattr(TorchRuntime, "export", export_wrongly)
        detector = yolo(random_yolo("yolov8n"), runtime="auto")
        assert isinstance(detector._runtime, TorchRuntime)
        assert "stays in torch on the CPU" in caplog.text
        assert reason in caplog.text
        with pytest.raises(WeightsError, match=r"yolov8n\.pt: cannot be converted to OpenVINO"):
            yolo(random_yolo("yolov8n"), runtime="openvino")


@pytest.mark.parametrize(
    ("family", "kind", "options"),
    [
        ("yolo11n", "openvino", {"imgsz": 160}),
        ("yolo26n", "openvino", {"imgsz": 160, "dynamic": True}),
        ("yolo26n", "onnx", {"imgsz": 160}),
    ],
)
def test_exports_give_what_the_checkpoint_gives(
    tmp_path: Path, family: str, kind: str, options: dict[str, Any]
) -> None:
    exported = export(random_yolo(family), tmp_path, kind, **options)
    detector = yolo(exported, image_size=160, half=False)
    square = frames_of(*(scene(160, 160, seed) for seed in range(3)))
    reference = yolo(random_yolo(family), image_size=160).detect(square)
    for ours, theirs in zip(detector.detect(square), reference, strict=True):
        assert_alike(ours, theirs.boxes, theirs.scores, pixels=0.1, score=2e-3)
    assert detector.batches == 1  # though exported for a batch of one
    wide = frames_of(scene(120, 160))
    assert (detector._runtime.size is None) == ("dynamic" in options)
    assert len(detector.detect(wide)[0]) > 5


@pytest.mark.parametrize(("batch", "passes"), [(1, 5), (2, 3)])
def test_a_network_that_mixes_its_batch_runs_picture_by_picture(
    batch: int, passes: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        runtime = OpenvinoRuntime(Export(leaky_network(batch), {0: "person"}, 32), "leaky.xml")
    assert f"leaky.xml: takes batches of {batch} only" in caplog.text
    pictures = np.full((5, 32, 32, 3), 50, np.uint8) * np.arange(1, 6, dtype=np.uint8)[:, None, None, None]
    pictures[:, 0, 0] = 250
    together = runtime.run(pictures)
    assert together.shape == (5, 5, 1)
    assert runtime.batches == passes
    if batch == 1:
        np.testing.assert_array_equal(
            together, np.concatenate([runtime.run(picture[None]) for picture in pictures])
        )


def test_closing_frees_and_forbids() -> None:
    detector = yolo(random_yolo("yolo11n"))
    detector.close()
    detector.close()
    with pytest.raises(RuntimeError, match="closed"):
        detector.detect(frames_of(scene(64, 64)))


# --- real people


def pets(count: int) -> list[tuple[int, Image]]:
    """Evenly spaced frames of the clip with their numbers from 1."""
    import cv2

    video = cv2.VideoCapture(str(SHARED / "mot" / "PETS09-S2L1" / "vtest.avi"))
    frames: list[tuple[int, Image]] = []
    for number in range(1, 796):
        ok, image = video.read()
        assert ok
        if number % (795 // count) == 0 and len(frames) < count:
            frames.append((number, image.astype(np.uint8)))
    return frames


def recall_and_precision(found: list[Detections], numbers: list[int]) -> tuple[float, float]:
    """At IoU .5 and score .4 over frames of PETS09-S2L1."""
    truth = read_mot(SHARED / "mot" / "PETS09-S2L1" / "gt" / "gt.txt")
    hits = boxes = people = 0
    for detections, number in zip(found, numbers, strict=True):
        ours, theirs = detections.boxes[detections.scores >= 0.4], truth.xyxy[truth.frame == number]
        common = np.clip(
            np.minimum(ours[:, None, 2:], theirs[:, 2:]) - np.maximum(ours[:, None, :2], theirs[:, :2]), 0, None
        ).prod(axis=2)
        areas = [(b[:, 2:] - b[:, :2]).prod(axis=1) for b in (ours, theirs)]
        match = common / (areas[0][:, None] + areas[1] - common) >= 0.5
        hits += int(match[linear_sum_assignment(match, maximize=True)].sum())
        boxes, people = boxes + len(ours), people + len(theirs)
    return hits / people, hits / boxes


@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize(
    ("name", "count", "batches", "recall", "precision"),
    [("yolo11n_int8_openvino_model", 20, 5, 0.85, 0.88), ("yolo26n_int8.onnx", 8, 8, 0.78, 0.88)],
)
def test_people_are_found(name: str, count: int, batches: int, recall: float, precision: float) -> None:
    numbers, images = zip(*pets(count), strict=True)
    detector = YoloSettings(type="yolo", weights=str(REAL / name)).build()
    found = [
        detections
        for start in range(0, count, 4)
        for detections in detector.detect(frames_of(*images[start : start + 4]))
    ]
    assert detector.batches == batches
    measured = recall_and_precision(found, list(numbers))
    assert measured[0] >= recall
    assert measured[1] >= precision


# --- CUDA


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("family", FAMILIES)
def test_cuda_in_half_gives_what_the_cpu_gives(family: str) -> None:
    frames = frames_of(*(scene(480, 640, seed) for seed in range(4)))
    gpu = yolo(random_yolo(family), device="cuda", image_size=640)
    cpu = yolo(random_yolo(family), device="cpu", image_size=640)
    found = gpu.detect(frames)
    assert gpu.batches == 1
    for ours, theirs in zip(found, cpu.detect(frames), strict=True):
        strong = theirs.select(theirs.scores > 0.5)
        assert len(strong) > 3
        apart = np.abs(strong.boxes[:, None] - ours.boxes).max(axis=2)
        nearest = apart.argmin(axis=1)
        assert np.median(apart.min(axis=1)) < 0.5
        assert (apart.min(axis=1) < 1.5).mean() > 0.95
        assert (np.abs(strong.scores - ours.scores[nearest]) < 0.03).mean() > 0.95
