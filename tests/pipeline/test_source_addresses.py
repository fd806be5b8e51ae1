"""Relative paths, environment variables, and that no password is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SourceError
from pipeline.sources import redact
from pipeline.sources.address import is_live, lasting
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
        ("http://host/a?loginuse=x&loginpas=abc", "http://host/a?loginuse=x&loginpas=***"),
        ("http://host/a?user=x&pw=abc", "http://host/a?user=x&pw=***"),
        ("http://host/a?X-Amz-Signature=abc&design=x", "http://host/a?X-Amz-Signature=***&design=x"),
        ("http://host/a?access_token=abc;client.secret=d", "http://host/a?access_token=***;client.secret=***"),
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


def test_tilde_and_variables_in_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips.write_video(tmp_path / "clip.mp4", 3)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WHERE", "~")
    assert len(read(opened("~/clip.mp4"))) == len(read(opened("${WHERE}/clip.mp4"))) == 3
    with pytest.raises(SourceError, match="no such file"):
        opened("~nobody-has-this-name/clip.mp4")


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("g.mp4", "FOLDER/g.mp4"),
        ("~/g.mp4", "/home/me/g.mp4"),
        ("clips/${WHICH}.mp4", "FOLDER/clips/${WHICH}.mp4"),
        ("${VIDEOS}/g.mp4", "${VIDEOS}/g.mp4"),
        ("~/${WHICH}.mp4", "/home/me/${WHICH}.mp4"),
        (0, 0),
        ("0", "0"),
        ("${URL}", "${URL}"),
        ("${URL}?token=abc&x=1", "${URL}?token=***&x=1"),
        ("rtsp://me:pw@h/s", "rtsp://***@h/s"),
        ("rtsp://${U}:${P}@h/s", "rtsp://${U}:${P}@h/s"),
        ("rtsp://viewer:${P}@h/s", "rtsp://viewer:${P}@h/s"),
        ("rtsp://${U}:hunter2@h/s", "rtsp://${U}:***@h/s"),
        ("rtsp://me:pre${P}post@h/s", "rtsp://***:***${P}***@h/s"),
        ("rtsp://admin:hunter2@h/${CH}", "rtsp://***@h/${CH}"),
        ("http://h/${CH}?pwd=${P}&token=abc", "http://h/${CH}?pwd=${P}&token=***"),
    ],
)
def test_what_a_record_keeps(
    source: str | int, kept: str | int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {
        "HOME": "/home/me",
        "WHICH": "7",
        "VIDEOS": "/videos",
        "URL": "http://h/a",
        "P": "x",
        "U": "y",
        "CH": "1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    found = lasting(source, tmp_path)
    assert found == (kept.replace("FOLDER", str(tmp_path.resolve())) if isinstance(kept, str) else kept)
    if isinstance(found, str) and "***" in found:
        with pytest.raises(SourceError, match=r"camera gate: .*put them back, best as \$\{NAME\}"):
            opened(found)


def test_a_variable_may_hold_a_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATE_URL", raising=False)
    assert not is_live("${GATE_URL}")
    monkeypatch.setenv("GATE_URL", "rtsp://10.0.0.7/x")
    assert is_live("${GATE_URL}")
    monkeypatch.setenv("GATE_URL", "/videos/gate.mp4")
    assert not is_live("${GATE_URL}")
