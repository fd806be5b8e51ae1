"""A run that is ended from outside: what is on disk can be used, and the exit code says what happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from pipeline.runner import Runner
from pipeline.sinks.mot import MotSettings
from tests.pipeline.agreement import assert_files_agree, frames_in, log_of
from tests.pipeline.clips import write_video
from tests.shared_data import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as Ctrl-C sends them")

INTERRUPTED = 130
CAMERAS = [f"camera {number}" for number in range(12)]
FRAMES = 200  # of each camera
PATIENCE = 60.0  # seconds


@pytest.fixture(scope="module")
def long_site(demo, tmp_path_factory):
    """Twelve cameras that see the same: some seconds of work."""
    folder = tmp_path_factory.mktemp("long")
    (folder / "detections").mkdir()
    for camera in CAMERAS:
        shutil.copy(demo.folder / "detections" / "gate.txt", folder / "detections" / f"{camera}.txt")
    cameras = [{"name": camera, "source": str(demo.folder / "gate.mp4")} for camera in CAMERAS]
    (folder / "cams.yaml").write_text(yaml.safe_dump({"cameras": cameras}))
    return folder


@contextmanager
def started(site: Path, output: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "run.py", "--sources", f"{site / 'cams.yaml'}", "--config", "recorded"]
    command += ["--output", str(output), "--set", f"detector.folder={site / 'detections'}"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def patched(script: str, arguments: list[object]) -> Iterator[subprocess.Popen[str]]:
    """The command line in a process of its own, after ``script``; give what it is told to print as a sign."""
    code = f"import sys\nfrom pipeline import cli\n{script}\nsys.exit(cli.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, "the run ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def fragments(output: Path) -> int:
    """Parts of the first camera's video that are on disk."""
    video = output / f"{CAMERAS[0]}.mp4"
    return video.read_bytes().count(b"moof") if video.exists() else 0


@pytest.mark.parametrize("delay", [0.2, 0.5])
def test_ctrl_c_while_starting(long_site, tmp_path, delay):
    with started(long_site, tmp_path / "run") as process:
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    if "init_import_site" in errors:  # Python itself was not up yet
        return
    assert process.returncode in {INTERRUPTED, -signal.SIGINT}  # the latter from Python, before our first line
    assert "run.py" not in errors


def test_ctrl_c_while_the_files_are_opened(long_site, tmp_path):
    output = tmp_path / "run"
    with started(long_site, output) as process:
        wait_for((output / "run.yaml").exists, process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == INTERRUPTED
    assert "Traceback" not in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_in_the_middle_finishes_every_file(long_site, tmp_path, number):
    output = tmp_path / "run"
    with started(long_site, output) as process:
        wait_for(lambda: fragments(output) >= 2, process)
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == INTERRUPTED
    assert "Traceback" not in errors
    assert log_of(output)
    assert_files_agree(output, CAMERAS)
    counts = {len(frames_in(output / f"{camera}.mp4")) for camera in CAMERAS}
    assert len(counts) == 1  # all cameras stop after the same tick
    assert 0 < counts.pop() < FRAMES
    assert yaml.safe_load((output / "summary.json").read_text())["cameras"][CAMERAS[0]]["status"] == "interrupted"


def test_ctrl_c_twice_still_finishes_every_file(long_site, tmp_path):
    output = tmp_path / "run"
    with started(long_site, output) as process:
        wait_for(lambda: fragments(output) >= 1, process)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == INTERRUPTED
    assert "Traceback" not in errors
    assert_files_agree(output, CAMERAS)
    assert all(frames_in(output / f"{camera}.mp4") for camera in CAMERAS)


def test_a_kill_leaves_what_was_written(long_site, tmp_path):
    output = tmp_path / "run"
    with started(long_site, output) as process:
        wait_for(lambda: fragments(output) >= 3, process)
        process.kill()
        process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL
    assert all(len(frames_in(output / f"{camera}.mp4")) >= 20 for camera in CAMERAS)
    assert log_of(output)
    tracks = (output / "tracks" / f"{CAMERAS[0]}.txt").read_text().splitlines()
    assert len(tracks) > 10


SLOW_CLOSING = """
import time
from pipeline.sinks.identities import IdentitiesSink
close = IdentitiesSink.close
def slow(sink):
    print("closing", flush=True)
    time.sleep(1)
    close(sink)
IdentitiesSink.close = slow
"""

SLOW_BUILDING = """
import time
from pipeline.detectors.recorded import RecordedSettings
def slow(settings):
    print("building", flush=True)
    time.sleep(60)
RecordedSettings.build = slow
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_files_are_finished_loses_nothing(small, tmp_path, number):
    output = tmp_path / "run"
    with patched(SLOW_CLOSING, [*small.run, "--output", output]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "closing\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert_files_agree(output, ["gate", "yard"])
    assert (output / "mot" / "gate.txt").read_text()
    statuses = {
        camera["status"] for camera in json.loads((output / "summary.json").read_text())["cameras"].values()
    }
    assert statuses == {"complete"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_building_ends_at_once_and_spares_the_old_run(cli, small, tmp_path, number):
    output = tmp_path / "run"
    assert cli(*small.run, "--output", output).code == 0
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    with patched(SLOW_BUILDING, [*small.run, "--output", output, "--overwrite"]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "building\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == INTERRUPTED
    assert "Traceback" not in errors
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(("by", "status", "code"), [("signal", "interrupted", INTERRUPTED), ("q", "stopped", 0)])
def test_each_camera_says_how_it_ended(cli, small, tmp_path, monkeypatch, by, status, code):
    """The run is stopped after 20 ticks, when one camera had come to the end of its 5 frames."""
    short = write_video(tmp_path / "short.mp4", 5)
    (tmp_path / "short.txt").touch()
    shutil.copy(small.folder / "detections" / "gate.txt", tmp_path)
    cameras = [{"name": "short", "source": str(short)}, {"name": "gate", "source": str(small.folder / "gate.mp4")}]
    (tmp_path / "cams.yaml").write_text(yaml.safe_dump({"cameras": cameras}))
    tick, build, ticks, stops = Runner._tick, MotSettings.build, [], []

    def build_and_note(settings, site):
        stops.append(site.stop)
        return build(settings, site)

    def stop_after_20(runner, frames):
        tick(runner, frames)
        ticks.append(frames)
        if len(ticks) == 20:
            signal.raise_signal(signal.SIGTERM) if by == "signal" else stops[0].set()

    monkeypatch.setattr(MotSettings, "build", build_and_note)
    monkeypatch.setattr(Runner, "_tick", stop_after_20)
    options = ["--config", "recorded", "--set", f"detector.folder={tmp_path}", "--output", tmp_path / "run"]
    assert cli("--sources", tmp_path / "cams.yaml", *options).code == code
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert {name: (camera["frames"], camera["status"]) for name, camera in summary["cameras"].items()} == {
        "short": (5, "complete"),
        "gate": (20, status),
    }
