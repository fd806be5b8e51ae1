"""The OSNet in weights/: its file, its card, and how well it tells people apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.clip_frames import frames_of
from benchmarks.detectors import DEMO
from pipeline.motfile import read_mot
from reid.crops import Image
from reid.embedder import OsnetSettings, StripesSettings
from reid.training.ranking import rank1_and_map
from reid.weights import load_osnet, sha256_of
from tests.shared_data import ROOT

WEIGHTS = ROOT / "weights" / "osnet_x0_25.pth"
CARD = WEIGHTS.with_suffix(".md")
EVERY = 40  # frames, of 500


@dataclass(frozen=True)
class Shown:
    """Frames of the demo with their boxes, and the person and camera of each box."""

    frames: list[Image]
    boxes: list[npt.NDArray[np.float32]]
    identities: npt.NDArray[np.int64]
    cameras: npt.NDArray[np.int64]

    def scores(self, settings: OsnetSettings | StripesSettings) -> tuple[float, float]:
        """Rank-1 and mAP of each camera against the others."""
        rows = np.concatenate(settings.build().embed(self.frames, self.boxes))
        return rank1_and_map(rows, self, rows, self, "camera")


@pytest.fixture(scope="module")
def shown() -> Shown:
    frames, boxes, people, cameras = [], [], [], []
    for camera, clip in enumerate(sorted(DEMO.glob("*.mp4"))):
        rows = read_mot(DEMO / "truth" / f"{clip.stem}.txt")
        for frame in frames_of(clip, EVERY):
            own = (rows.frame == frame.index + 1) & (rows.score > 0)
            frames.append(frame.image)
            boxes.append(rows.xyxy[own].astype(np.float32))
            people.append(rows.id[own].astype(np.int64))
            cameras.append(np.full(own.sum(), camera, np.int64))
    return Shown(frames, boxes, np.concatenate(people), np.concatenate(cameras))


def test_the_card_is_of_this_file():
    assert WEIGHTS.stat().st_size <= 12e6
    assert sha256_of(WEIGHTS) in re.findall(r"\b[0-9a-f]{64}\b", CARD.read_text("utf-8"))


def test_its_architecture_is_its_name():
    assert load_osnet(WEIGHTS)[1] == WEIGHTS.stem
    assert OsnetSettings().weights == f"weights/{WEIGHTS.name}"


def test_it_tells_the_people_of_the_demo_apart(shown):
    assert len(shown.identities) > 80
    rank1, mean_ap = shown.scores(OsnetSettings(device="cpu"))
    assert rank1 >= 0.7
    assert mean_ap >= shown.scores(StripesSettings())[1] + 0.1
