"""The webcam, with OpenCV reading a clip in its place."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import cv2
import pytest

from pipeline.errors import SourceError
from pipeline.frames import Frame
from tests.pipeline import clips
from tests.pipeline.cameras import opened


@pytest.fixture
def webcam(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """OpenCV reads a clip where a webcam is asked for; gives the devices that were asked for."""
    path = clips.write_video(tmp_path / "webcam.avi", 20)
    asked: list[int] = []
    capture = cv2.VideoCapture

    def open_device(device: int) -> cv2.VideoCapture:
        asked.append(device)
        return capture(str(path))

    monkeypatch.setattr(cv2, "VideoCapture", open_device)
    return asked


@pytest.mark.parametrize("source", [1, "1"])
def test_webcam(webcam: list[int], source: str | int) -> None:
    camera = opened(source, roi=(10, 0, 90, 64))
    begin = time.time()
    frames: list[Frame] = []
    with pytest.raises(SourceError, match="camera gate: webcam 1: sends no picture"):
        frames.extend(camera.frames())
    assert webcam == [1]
    assert (camera.info.live, camera.info.width, camera.info.fps) == (True, 80, 10)
    assert len(frames) == 19  # one was read when it was opened
    assert all(begin - 1 < frame.time < begin + 10 for frame in frames)
    assert all(late.time > early.time for early, late in itertools.pairwise(frames))
    assert frames[0].image.flags.c_contiguous


def test_webcam_closed_by_another_thread(webcam: list[int]) -> None:
    camera = opened(1)
    frames = camera.frames()
    next(frames)
    camera.close()
    assert len(list(frames)) <= 1


def test_absent_webcam() -> None:
    with pytest.raises(SourceError, match="camera gate: webcam 97: sends no picture; check its number"):
        opened(97)
