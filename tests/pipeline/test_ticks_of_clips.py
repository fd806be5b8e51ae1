"""Ticks over real sources."""

from __future__ import annotations

import threading
from pathlib import Path

from pipeline.sources import CameraSettings, open_source
from pipeline.ticks import Ticks
from reid.tracklets import CameraId
from tests.pipeline import clips


def test_clips_of_different_rate_size_and_length(tmp_path: Path) -> None:
    made = {
        "a": clips.write_video(tmp_path / "a.mp4", 30, fps=25),
        "b": clips.write_video(tmp_path / "b.avi", 11, fps=10, size=(128, 96)),
        "c": clips.cut(clips.write_video(tmp_path / "c.mkv", 60, fps=10), 0.4),
    }
    sources = [
        open_source(CameraSettings(name=CameraId(name), source=str(path)), tmp_path, reconnect=0)
        for name, path in made.items()
    ]
    numbers: dict[str, list[int]] = {name: [] for name in made}
    with Ticks(sources, threading.Event()) as ticks:
        for frames in ticks:
            for frame in frames:
                numbers[frame.camera].append(clips.number_in(frame.image))
        assert set(ticks.take_ended()) <= set(made)
        assert list(ticks.failures) == ["c"]
    assert numbers["a"] == list(range(30))
    assert numbers["b"] == list(range(11))
    assert numbers["c"] == list(range(len(numbers["c"])))
    assert 15 < len(numbers["c"]) < 35
