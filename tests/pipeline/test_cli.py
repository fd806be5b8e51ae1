"""The program from the command line: what a run leaves behind, exit codes, and what is printed."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from benchmarks.demo_clips import SECONDS, View, Walk, write_demo
from pipeline.motfile import read_mot
from pipeline.summary import print_summary
from tests.conftest import Site
from tests.pipeline.clips import write_video
from tests.shared_data import ROOT


@pytest.fixture(scope="module")
def demo_run(demo, tmp_path_factory):
    """The demo, run once."""
    from pipeline.cli import main

    output = tmp_path_factory.mktemp("runs") / "demo"
    assert main([str(argument) for argument in [*demo.run, "--output", output]]) == 0
    return output


def write_cams(folder, cameras, links=()):
    cams = folder / "cams.yaml"
    cams.write_text(yaml.safe_dump({"cameras": cameras, "links": list(links)}))
    return cams


def test_a_run_leaves_every_file_of_the_design(demo_run):
    files = sorted(path.relative_to(demo_run).as_posix() for path in demo_run.rglob("*") if path.is_file())
    assert files == [
        "gate.mp4",
        "identities.csv",
        "identities.db",
        "identities.jsonl",
        "mot/gate.txt",
        "mot/yard.txt",
        "run.yaml",
        "summary.json",
        "tracks/gate.txt",
        "tracks/yard.txt",
        "yard.mp4",
    ]


def test_the_demo_follows_six_people_across_two_cameras(cli, demo, demo_run, tmp_path):
    scores_file = tmp_path / "scores.json"
    result = cli("evaluate", demo_run, "--truth", demo.folder / "truth", "--json", scores_file)
    assert result.code == 0
    assert "all" in result.out
    scores = json.loads(scores_file.read_text())["readings"][0]["all_cameras"]["identities"]
    assert scores["idf1"] >= 0.9
    with (demo_run / "identities.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if int(row["frames"]) > 5]
    tracks_of = Counter(int(row["identity"]) for row in rows)
    assert len(tracks_of) == 6
    assert sorted(tracks_of.values()) == [2, 2, 2, 2, 2, 3]  # one came back
    assert all(len({row["camera"] for row in rows if int(row["identity"]) == who}) == 2 for who in tracks_of)


def test_the_summary_counts_frames_people_and_batches(demo_run):
    summary = json.loads((demo_run / "summary.json").read_text())
    frames = round(SECONDS * 10)
    assert summary["cameras"] == {
        name: {"frames": frames, "dropped": 0, "status": "complete"} for name in ("gate", "yard")
    }
    assert summary["identities"] == 6
    assert summary["failed"] == []
    assert summary["ticks"] == frames
    assert 0 < summary["embedder_batches"] <= frames
    assert summary["peak_memory_mb"] > 0


def test_the_demo_clips_are_the_same_each_time(demo, tmp_path):
    write_demo(tmp_path)
    for path in sorted(demo.folder.rglob("*.*")):
        assert (tmp_path / path.relative_to(demo.folder)).read_bytes() == path.read_bytes(), path.name


def test_the_result_is_printed(cli, small, tmp_path):
    result = cli(*small.run, "--output", tmp_path / "run")
    assert result.code == 0
    assert re.search(r"gate\s+30\s+0\s+complete", result.out)
    assert "identities in 60 frames" in result.out
    assert f"results: {tmp_path / 'run'}" in result.out


def test_the_default_output_folder_is_named_by_date(cli, small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli(*small.run).code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"\d{8}-\d{6}", folder.name)


def test_one_camera_alone(cli, small, tmp_path):
    cams = write_cams(tmp_path, [{"name": "gate", "source": str(small.folder / "gate.mp4")}])
    assert cli("--sources", cams, *small.options, "--output", tmp_path / "run").code == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert list(summary["cameras"]) == ["gate"]
    assert len((tmp_path / "run" / "tracks" / "gate.txt").read_text()) > 0


def test_cameras_of_other_rate_size_and_length(cli, small, tmp_path):
    """Every frame of every file comes; a camera without anybody in it is nothing special."""
    odd = write_video(tmp_path / "odd.mp4", 20, fps=25, size=(98, 66))
    cameras = [{"name": "gate", "source": str(small.folder / "gate.mp4")}, {"name": "odd", "source": str(odd)}]
    detections = tmp_path / "detections"
    detections.mkdir()
    (detections / "odd.txt").write_text("")
    (detections / "gate.txt").write_bytes((small.folder / "detections" / "gate.txt").read_bytes())
    cams = write_cams(tmp_path, cameras)
    options = ["--config", "recorded", "--set", f"detector.folder={detections}"]
    assert cli("--sources", cams, *options, "--output", tmp_path / "run").code == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert {name: camera["frames"] for name, camera in summary["cameras"].items()} == {"gate": 30, "odd": 20}


def test_an_empty_scene(cli, small, tmp_path):
    detections = tmp_path / "detections"
    detections.mkdir()
    for camera in ("gate", "yard"):
        (detections / f"{camera}.txt").write_text("")
    output = tmp_path / "run"
    options = ["--config", "recorded", "--set", f"detector.folder={detections}"]
    assert cli("--sources", small.cams, *options, "--output", output).code == 0
    assert json.loads((output / "summary.json").read_text())["identities"] == 0
    assert (output / "identities.jsonl").read_text() == ""
    assert (output / "identities.csv").read_text() == "identity,camera,track,start,end,frames,confidence\n"
    assert [(output / kind / "gate.txt").read_text() for kind in ("tracks", "mot")] == ["", ""]
    assert (output / "gate.mp4").stat().st_size > 0


def test_twenty_people_in_view(cli, tmp_path):
    """Nobody is counted twice in one frame, and each track has one identity."""
    walks = [
        Walk(person, "square", person % 5 / 4, ((-1.0, 0.03 + person * 0.047), (5.0, 0.08 + person * 0.047)))
        for person in range(20)
    ]
    square = View("square", wall=(150, 160, 170), ground=(110, 115, 120), gain=(1.0, 1.0, 1.0))
    site = Site(write_demo(tmp_path / "site", [square], walks, seconds=4.0).parent)
    output = tmp_path / "run"
    assert cli(*site.run, "--output", output).code == 0
    rows = read_mot(output / "mot" / "square.txt")
    assert max(Counter(rows.frame.tolist()).values()) >= 15
    assert len({(frame, identity) for frame, identity in zip(rows.frame, rows.id, strict=True)}) == len(rows)
    with (output / "identities.csv").open() as file:
        tracks = [row["track"] for row in csv.DictReader(file)]
    assert len(tracks) == len(set(tracks))


def test_help_names_every_command_and_option(cli):
    result = cli("--help")
    assert result.code == 0
    for word in ("--sources", "--config", "--set", "--output", "--overwrite", "--show", "evaluate", "doctor"):
        assert word in result.out


def test_settings_of_the_command_line_reach_the_run(cli, small, tmp_path):
    output = tmp_path / "run"
    changes = ["--set", "tracker.max_age=2.5", "--set", "sinks.video.crf=30"]
    assert cli(*small.run, *changes, "--output", output).code == 0
    record = yaml.safe_load((output / "run.yaml").read_text())
    assert record["tracker"]["max_age"] == 2.5
    assert record["sinks"][0]["crf"] == 30


def test_a_fault_of_the_program_is_said_without_a_trace(cli, small, tmp_path, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("no way")

    monkeypatch.setattr("pipeline.runner.Runner.run", broken)
    result = cli(*small.run, "--output", tmp_path / "run")
    assert result.code == 1
    assert "no way" in result.err
    assert "report" in result.err


def test_names_in_brackets_are_printed_as_they_are(cli, small, tmp_path):
    output = tmp_path / "r[x] :car:"
    result = cli(*small.run, "--output", output)
    assert result.code == 0
    assert f"results: {output}\n" in result.out


def test_messages_of_cameras_and_parts_are_printed_as_they_are(capsys):
    cameras = {"gate": {"frames": 3, "dropped": 0, "status": "camera gate: [cam1] broke :off:"}}
    figures = {"identities": 0, "seconds": 1.0, "frames_per_second": 3.0, "ticks": 3, "peak_memory_mb": 1.0}
    batches = {"detector_batches": 3, "embedder_batches": 0, "stage_seconds": {"wait": 1.0}}
    summary = {"cameras": cameras, "failed": ["gate"], **figures, **batches}
    print_summary(summary, Path("run"), Console(width=200))
    assert capsys.readouterr().out.count("[cam1] broke :off:") == 2


def test_an_error_is_printed_as_it_is(cli, tmp_path):
    assert f"{tmp_path / 'r[x] :car:'}" in cli("--sources", tmp_path / "r[x] :car:").err


def test_scores_that_cannot_be_written_are_refused_before_scoring(cli, tmp_path):
    result = cli("evaluate", tmp_path / "no run", "--truth", tmp_path, "--json", tmp_path / "absent" / "x.json")
    assert result.code == 2
    assert "x.json: there is no folder" in result.err
    assert "--json" in result.err


def test_scores_cannot_replace_a_folder(cli, demo, demo_run, tmp_path):
    result = cli("evaluate", demo_run, "--truth", demo.folder / "truth", "--json", tmp_path)
    assert result.code == 2
    assert f"{tmp_path}: cannot be written" in result.err


@pytest.mark.parametrize("name", ["tracks", "mot"])
def test_a_file_in_the_place_of_a_folder(cli, small, tmp_path, name):
    (tmp_path / name).touch()
    result = cli(*small.run, "--output", tmp_path)
    assert result.code == 2
    assert f"would overwrite {name}, which no run there has written" in result.err
    assert "move that away" in result.err


def test_an_error_of_the_disk_names_its_file(cli, small, tmp_path, monkeypatch):
    def broken(*_):
        raise PermissionError(13, "Permission denied", "rtsp://me:secret@host/x")

    monkeypatch.setattr("pipeline.runner.Runner.run", broken)
    result = cli(*small.run, "--output", tmp_path / "run")
    assert result.code == 2
    assert "rtsp://***@host/x: Permission denied" in result.err


def test_a_repeat_in_another_process_gives_the_same_bytes(demo, tmp_path):
    """Nothing hangs on the order of sets, which differs from process to process."""
    results = []
    for seed in ("1", "2"):
        command = [sys.executable, "run.py", *map(str, demo.run), "--output", str(tmp_path / seed)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=120)
        files = [tmp_path / seed / "identities.jsonl", *(tmp_path / seed).glob("tracks/*")]
        files += (tmp_path / seed).glob("mot/*")
        results.append({str(path.relative_to(tmp_path / seed)): path.read_bytes() for path in files})
    assert results[0] == results[1]
    assert len(results[0]) == 5
    assert all(results[0].values())


def test_options_in_front_of_a_command_are_not_ignored(cli, tmp_path):
    outcome = cli("--config", "cpu", "--set", "tracker.max_age=2", "doctor")
    assert outcome.code == 2
    assert "--config, --set before doctor has no effect" in outcome.err
