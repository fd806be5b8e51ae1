"""Relative paths, environment variables, and that no password is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SourceError
from pipeline.sources import redact
from tests.pipeline import clips
from tests.pipeline.cameras import opened, read


def test_relative_paths_start_at_the_given_folder(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    clips.write_video(tmp_path / "videos" / "clip.mp4", 3)
    assert len(read(opened("videos/clip.mp4", folder=tmp_path))) == 3


def test_environment_variables_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips.write_video(tmp_path / "clip.mp4", 3)
    monkeypatch.setenv("VIDEOS", str(tmp_path))
    assert len(read(opened("${VIDEOS}/clip.mp4"))) == 3
    monkeypatch.delenv("VIDEOS")
    with pytest.raises(SourceError, match=r"gate.*environment variable VIDEOS is not set.*export VIDEOS="):
        opened("${VIDEOS}/clip.mp4")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://user:pass@10.0.0.7/stream", "rtsp://***@10.0.0.7/stream"),
        ("rtsp://user:p@ss@10.0.0.7:554/a", "rtsp://***@10.0.0.7:554/a"),
        ("rtsp://user:pa/ss@10.0.0.7/a", "rtsp://***@10.0.0.7/a"),
        ("rtsp://user:p#s?s@10.0.0.7/a", "rtsp://***@10.0.0.7/a"),
        ("rtsp://user@host/a", "rtsp://***@host/a"),
        ("rtsp://10.0.0.7:554/live@hd", "rtsp://10.0.0.7:554/live@hd"),
        ("rtsp://10.0.0.7/live@hd", "rtsp://10.0.0.7/live@hd"),
        ("http://host/a?channel=1&token=abc&x=2", "http://host/a?channel=1&token=***&x=2"),
        ("rtsp://10.0.0.7/user=admin&password=abc&channel=1", "rtsp://10.0.0.7/user=admin&password=***&channel=1"),
        ("cannot open 'http://u:p@h/a': refused", "cannot open 'http://***@h/a': refused"),
        ("videos/a.mp4", "videos/a.mp4"),
        (0, "0"),
    ],
)
def test_redact(source: str | int, shown: str) -> None:
    assert redact(source) == shown


@given(
    password=st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), min_size=1).map(
        lambda t: "Q" + t
    )
)
def test_no_password_is_shown_whatever_it_is_made_of(password: str) -> None:
    assert redact(f"rtsp://user:{password}@10.0.0.7/stream") == "rtsp://***@10.0.0.7/stream"
