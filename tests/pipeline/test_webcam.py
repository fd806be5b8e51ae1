"""The webcam, with OpenCV reading a clip in its place."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import cv2
import pytest

from pipeline.errors import SourceError
from pipeline.frames import Frame
from pipeline.sources import CameraSettings
from pipeline.sources.webcam import WebcamSource
from tests.pipeline import clips
from tests.pipeline.cameras import opened

SETTINGS = CameraSettings.model_validate({"name": "gate", "source": 1})
nothing = cv2.VideoCapture  # without an argument: opens nothing, and reads nothing


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


def test_a_webcam_that_stops_is_opened_again(webcam: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The clip ends like a camera that is pulled out, and once it cannot even be opened."""
    open_device, opens = cv2.VideoCapture, itertools.count()
    monkeypatch.setattr("pipeline.sources.webcam.FIRST_WAIT", 0.01)

    def open_or_fail(device: int) -> cv2.VideoCapture:
        capture = open_device(device)
        if next(opens) == 1:
            capture.release()
        return capture

    monkeypatch.setattr(cv2, "VideoCapture", open_or_fail)
    camera = WebcamSource(SETTINGS, 1, "camera gate: webcam 1", reconnect=5)
    frames = list(itertools.islice(camera.frames(), 30))
    camera.close()
    assert webcam == [1, 1, 1]
    assert [frame.index for frame in frames] == list(range(30))
    assert all(late.time > early.time for early, late in itertools.pairwise(frames))


def test_a_webcam_that_stays_away_fails_after_the_time_to_reconnect(
    webcam: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = WebcamSource(SETTINGS, 1, "camera gate: webcam 1", reconnect=0.7)
    monkeypatch.setattr(cv2, "VideoCapture", lambda _: nothing())
    begin = time.monotonic()
    with pytest.raises(
        SourceError, match=r"sends no picture any more, and did not come back within 0\.7 s; check"
    ):
        list(camera.frames())
    assert 0.7 <= time.monotonic() - begin < 5


def test_a_webcam_that_is_away_ends_at_close(webcam: list[int]) -> None:
    camera = WebcamSource(SETTINGS, 1, "camera gate: webcam 1", reconnect=60)
    frames = camera.frames()
    read = list(itertools.islice(frames, 19))
    assert len(read) == 19
    threading.Timer(0.1, camera.close).start()
    begin = time.monotonic()
    assert list(frames) == []
    assert time.monotonic() - begin < 5
