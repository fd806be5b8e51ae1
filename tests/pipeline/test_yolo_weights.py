"""Weights that are absent, damaged, dangerous or of another kind; and that loading leaves no trace."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import reid.weights
from pipeline.detectors import YoloSettings, yolo_runtimes
from pipeline.detectors.yolo import YoloDetector
from pipeline.errors import ConfigError, WeightsError
from reid.openvino_import import import_openvino
from tests.pipeline.yolo_weights import (
    NAMES,
    export,
    frames_of,
    leaky_network,
    random_yolo,
    save_random_yolo,
    scene,
)
from tests.shared_data import ROOT


def yolo(weights: Path, **options: Any) -> YoloDetector:
    return YoloSettings(
        type="yolo", weights=str(weights), **({"image_size": 320, "runtime": "torch"} | options)
    ).build()


def test_weights_that_do_not_exist(tmp_path: Path) -> None:
    for name in ("here.onnx", "model_openvino_model", "folder/here.pt", "mine.pt"):
        with pytest.raises(WeightsError, match=rf"{name}: not found.* detector\.weights"):
            yolo(tmp_path / name if "mine" not in name else Path(name))


def test_official_weights_are_downloaded_or_the_remedy_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ultralytics.utils import downloads

    asked = []

    def fetch(target: str, **_: object) -> str:
        if Path(target).exists():  # loading asks too
            return target
        asked.append(target)
        if "11" in target:
            raise ConnectionError("no route")
        return str(shutil.copy(random_yolo("yolo26n"), target))

    monkeypatch.setattr(reid.weights, "ROOT", tmp_path)
    monkeypatch.setattr(yolo_runtimes, "WEIGHTS_FOLDER", tmp_path / "weights")
    monkeypatch.setattr(downloads, "attempt_download_asset", fetch)
    with pytest.raises(
        WeightsError, match=r"yolo11n\.pt: not found at .* failed \(no network\?\): put the file there"
    ):
        yolo(Path("yolo11n.pt"))
    assert len(yolo(Path("yolo26n.pt")).detect(frames_of(scene(240, 320)))[0]) > 5
    yolo(Path("yolo26n.pt"))  # is there now
    assert asked == [str(tmp_path / "weights" / name) for name in ("yolo11n.pt", "yolo26n.pt")]


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 torn"])
def test_damaged_checkpoints(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "yolo26n.pt").write_bytes(content)
    with pytest.raises(WeightsError, match=r"yolo26n\.pt: cannot be read as an ultralytics checkpoint"):
        yolo(tmp_path / "yolo26n.pt")
    assert (tmp_path / "yolo26n.pt").read_bytes() == content


def test_truncated_checkpoint(tmp_path: Path) -> None:
    whole = random_yolo("yolo11n").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=r"cut\.pt: cannot be read"):
        yolo(tmp_path / "cut.pt")


class Malice:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harm-done",)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_checkpoint_cannot_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, legacy: bool) -> None:
    monkeypatch.chdir(tmp_path)
    if legacy:
        Path("bad.pt").write_bytes(pickle.dumps({"model": Malice()}))
    else:
        torch.save({"model": Malice()}, "bad.pt")
    with pytest.raises(WeightsError):
        yolo(Path("bad.pt"))
    assert not Path("harm-done").exists()


def test_other_models_in_a_checkpoint(tmp_path: Path) -> None:
    from ultralytics.nn.tasks import ClassificationModel, SegmentationModel

    save_random_yolo(tmp_path / "animals.pt", "yolo11n", {0: "cat", 1: "dog"})
    torch.save({"model": ClassificationModel("yolo11n-cls.yaml", verbose=False)}, tmp_path / "classes.pt")
    segments = SegmentationModel("yolo11n-seg.yaml", nc=1, verbose=False)
    torch.save({"model": segments}, tmp_path / "segments.pt")
    torch.save({"weights": torch.zeros(3)}, tmp_path / "tensor.pt")
    for name, fault in [
        ("animals", "no class is called 'person'; its classes are cat, dog"),
        ("classes", "a Classify model, not a YOLO detection model"),
        ("segments", "a Segment model, not a YOLO detection model"),
        ("tensor", "cannot be read as an ultralytics checkpoint"),
    ]:
        with pytest.raises(WeightsError, match=rf"{name}\.pt: {fault}"):
            yolo(tmp_path / f"{name}.pt")


def test_damaged_exports(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no network")
    (tmp_path / "model.engine").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "model.xml").write_text("<net")
    bare = tmp_path / "bare"
    bare.mkdir()
    import_openvino().save_model(leaky_network(1), bare / "model.xml")
    for name, fault in [
        ("model.onnx", r"model\.onnx: OpenVINO cannot read it"),
        ("model.engine", r"model\.engine: unknown kind of weights; set detector\.weights"),
        ("empty", r"empty: no \.xml file inside"),
        ("torn", r"model\.xml: OpenVINO cannot read it"),
        ("bare", r"metadata\.yaml: does not state the model's classes"),
    ]:
        with pytest.raises(WeightsError, match=fault):
            yolo(tmp_path / name)
    (bare / "metadata.yaml").write_text(yaml.safe_dump({"names": {0: "cat", 1: "dog"}, "stride": 32}))
    with pytest.raises(WeightsError, match=r"bare: no class is called 'person'; its classes are cat, dog"):
        yolo(bare)
    (bare / "metadata.yaml").write_text(yaml.safe_dump({"names": NAMES, "stride": 32}))
    with pytest.raises(WeightsError, match=r"bare: not a YOLO detection model: with 3 classes"):
        yolo(bare)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"detector\.device: torch .* finds no CUDA device; set it to cpu or auto"
    ):
        yolo(random_yolo("yolo11n"), device="cuda")
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"detector\.device: .*model\.onnx runs on the CPU only"):
        yolo(tmp_path / "model.onnx", device="cuda")


SILENT = """
import os, sys, warnings
import cv2, numpy, torch
def state():
    threads = cv2.getNumThreads(), torch.get_num_threads()
    return dict(os.environ), threads, numpy.get_printoptions(), warnings.filters[:]

before = state()
from pipeline.detectors import YoloSettings
YoloSettings(type="yolo", weights=sys.argv[1], image_size=128).build()
after = state()
assert before == after, [pair for pair in zip(before, after) if pair[0] != pair[1]]
assert "torchvision" not in sys.modules and "openvino_telemetry.main" not in sys.modules
assert ("ultralytics" in sys.modules) == sys.argv[1].endswith(".pt")
if "ultralytics" in sys.modules:
    from ultralytics.utils import AUTOINSTALL, ONLINE
    from ultralytics.utils.events import events
    assert not AUTOINSTALL and not ONLINE and not events.enabled
"""


@pytest.mark.parametrize("kind", ["checkpoint", "export"])
def test_loading_leaves_no_trace(tmp_path: Path, kind: str) -> None:
    """No word printed, nothing written to the home folder, no setting changed, no usage reports enabled."""
    weights = random_yolo("yolo11n")
    if kind == "export":
        weights = export(weights, tmp_path, "openvino", imgsz=128)
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("YOLO", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-c", SILENT, str(weights)],
        cwd=ROOT,
        env=environment | {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(home.iterdir()) == []
