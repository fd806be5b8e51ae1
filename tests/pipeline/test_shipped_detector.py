"""The detector in weights/: its file, its card, and how well it finds people."""

from __future__ import annotations

import logging
import re

import numpy as np
import pytest

from benchmarks.clip_frames import frames_of
from benchmarks.detection_scores import Tally
from benchmarks.detector_calibration import BEST_AT
from benchmarks.detectors import DEMO, SHIPPED
from pipeline.detectors import YoloSettings
from pipeline.detectors.yolo_openvino import OpenvinoRuntime
from pipeline.detectors.yolo_outputs import Head
from pipeline.motfile import read_mot
from reid.weights import sha256_of
from tests.shared_data import ROOT, SHARED, needs_shared

WEIGHTS = ROOT / "weights" / SHIPPED
CARD = WEIGHTS.with_suffix(".md")


@pytest.fixture(scope="module")
def warnings() -> list[str]:
    """What was logged when the detector was built."""
    return []


@pytest.fixture(scope="module")
def detector(warnings):
    handler, log = logging.Handler(logging.WARNING), logging.getLogger("pipeline.detectors.yolo")
    handler.emit = lambda record: warnings.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    built = YoloSettings(weights=SHIPPED, confidence=0.05, device="cpu").build()
    log.removeHandler(handler)
    return built


def found_in(detector, clip, truth, every) -> Tally:
    rows, tally = read_mot(truth), Tally()
    for frame in frames_of(clip, every):
        own = rows.frame == frame.index + 1
        tally.add(detector.detect([frame])[0], rows.xyxy[own], rows.score[own] > 0)
    return tally


def test_the_card_is_of_this_file():
    assert WEIGHTS.stat().st_size <= 12e6
    assert sha256_of(WEIGHTS) in re.findall(r"\b[0-9a-f]{64}\b", CARD.read_text("utf-8"))


def test_it_runs_in_openvino_without_a_warning(detector, warnings):
    assert isinstance(detector._runtime, OpenvinoRuntime)
    assert detector._runtime.head is Head.DENSE
    assert warnings == []


def test_it_finds_the_people_of_the_demo(detector):
    tally = Tally()
    for clip in sorted(DEMO.glob("*.mp4")):
        tally.extend(found_in(detector, clip, DEMO / "truth" / f"{clip.stem}.txt", every=60))
    recall, precision = tally.recall_precision(BEST_AT)
    assert tally.people > 50
    assert recall >= 0.94
    assert precision >= 0.94


@needs_shared
def test_it_finds_people_in_a_real_clip(detector):
    folder = SHARED / "mot" / "PETS09-S2L1"
    tally = found_in(detector, folder / "vtest.avi", folder / "gt" / "gt.txt", every=80)
    assert tally.people > 40
    assert tally.average_precision() >= 0.75


def test_an_empty_picture_is_empty(detector):
    frame = next(frames_of(DEMO / "hall.mp4", 1))
    nothing = np.full_like(frame.image, 114)
    (found,) = detector.detect([type(frame)(frame.camera, 0, 0.0, nothing)])
    assert not (found.scores >= BEST_AT).any()
