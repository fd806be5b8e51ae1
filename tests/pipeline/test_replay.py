"""A recorded run decided again: the same files with the same settings, those of a new run with others."""

from __future__ import annotations

import json
import shutil
import threading

import pytest
import yaml

from benchmarks.demo_clips import VIEWS, Walk, write_demo
from pipeline import config
from pipeline.frames import NO_IMAGE
from pipeline.recording import Recording
from pipeline.replay import Replay
from pipeline.sinks import SinkSite
from pipeline.sinks.recording import RecordingSettings
from tests.conftest import Site
from tests.pipeline.test_repeat import results_of
from trackers import TrackState

PLAIN = ["--set", "sinks=[{type: identities}, {type: mot}]"]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Site:
    """Two cameras, one of them cut by `roi`; people who pass both, and meet."""
    walks = (
        Walk(0, "gate", 0.3, ((-1.0, 0.0), (4.0, 0.8))),
        Walk(0, "yard", 0.5, ((4.5, 0.1), (8.0, 0.9))),
        Walk(1, "gate", 0.4, ((0.0, 0.9), (5.0, 0.2))),
        Walk(2, "yard", 0.5, ((-1.0, 0.1), (6.0, 0.9))),
    )
    made = Site(write_demo(tmp_path_factory.mktemp("replayed"), VIEWS, walks, seconds=8.0).parent)
    cams = yaml.safe_load(made.cams.read_text())
    cams["cameras"][0]["roi"] = [10, 4, 310, 230]
    made.cams.write_text(yaml.safe_dump(cams))
    return made


def run(cli, site, output, *changes, record=True):
    options = [option for change in changes for option in ("--set", change)]
    flags = ["--record"] if record else []
    outcome = cli(*site.run, *PLAIN, *options, *flags, "--output", output)
    assert outcome.code == 0, outcome.err
    return results_of(output)


@pytest.fixture(scope="module")
def recorded(site, tmp_path_factory):
    """A run with the default tracker, recorded."""
    from pipeline.cli import main

    output = tmp_path_factory.mktemp("recorded") / "run"
    arguments = [*site.run, *PLAIN, "--record", "--output", output]
    assert main([str(argument) for argument in arguments]) == 0
    return output


@pytest.mark.parametrize("kind", ["evidence", "deepsort", "bytetrack"])
def test_with_the_same_settings_the_files_are_the_same(cli, site, tmp_path, kind):
    wanted = run(cli, site, tmp_path / "run", f"tracker.type={kind}")
    assert len(wanted) == 6
    assert all(wanted.values())
    assert wanted["identities.jsonl"].count(b'"event": "link"') >= 4
    for name, flags in (("kept", []), ("again", ["--track"])):
        outcome = cli("replay", tmp_path / "run", *flags, "--output", tmp_path / name)
        assert outcome.code == 0
        assert results_of(tmp_path / name) == wanted
        assert ("trackers run again" if flags else "tracks as recorded") in outcome.out
        assert "times faster than real time" in outcome.out


@pytest.mark.parametrize("change", ["tracker.n_init=6", "linker.min_views=1", "linker.min_duration=2.5"])
def test_with_other_settings_the_files_are_those_of_a_new_run(cli, site, tmp_path, change):
    """ByteTrack asks for the same embeddings whatever these settings are."""
    first = run(cli, site, tmp_path / "run", "tracker.type=bytetrack")
    wanted = run(cli, site, tmp_path / "new", "tracker.type=bytetrack", change, record=False)
    assert wanted != first
    outcome = cli("replay", tmp_path / "run", "--set", change, "--output", tmp_path / "replay")
    assert outcome.code == 0
    assert results_of(tmp_path / "replay") == wanted
    assert ("trackers run again" in outcome.out) == change.startswith("tracker")


def test_the_new_folder_is_that_of_a_run(cli, recorded, tmp_path):
    output = tmp_path / "replay"
    changes = ["--set", "linker.min_views=2", "--set", "tracker.type=deepsort"]
    assert cli("replay", recorded, *changes, "--output", output).code == 0
    files = {path.name for path in output.iterdir()}
    assert files == {"identities.csv", "identities.jsonl", "mot", "run.yaml", "summary.json", "tracks"}
    again = config.load(output / "run.yaml").config
    assert (again.tracker.type, again.linker.min_views) == ("deepsort", 2)
    assert [camera.name for camera in again.cameras] == ["gate", "yard"]
    summary = json.loads((output / "summary.json").read_text())
    assert summary["tracked_again"]
    assert summary["finished"]
    assert summary["recorded_seconds"] == pytest.approx(7.9, abs=0.2)
    assert {camera["frames"] for camera in summary["cameras"].values()} == {80}
    assert summary["times_real_time"] > 0
    refused = cli("replay", recorded, "--output", output)
    assert refused.code == 2
    assert "holds a run already" in refused.err
    assert cli("replay", recorded, "--output", output, "--overwrite").code == 0


def test_a_preset_gives_tracker_and_linker_only(cli, recorded, tmp_path):
    preset = tmp_path / "mine.yaml"
    preset.write_text(
        "detector: {type: yolo, weights: nowhere.pt}\nembedder: {type: osnet}\n"
        "tracker: {type: bytetrack, n_init: 4}\nlinker: {type: evidence, exemplars: 9}\nsinks: [{type: window}]\n"
    )
    assert cli("replay", recorded, "--config", preset, "--output", tmp_path / "replay").code == 0
    again = config.load(tmp_path / "replay" / "run.yaml").config
    assert (again.tracker.type, again.tracker.n_init, again.linker.exemplars) == ("bytetrack", 4, 9)
    assert again.detector.type == "recorded"
    assert again.embedder.type == "stripes"


def test_it_needs_neither_clips_nor_detections(cli, site, tmp_path):
    moved = Site(tmp_path / "site")
    shutil.copytree(site.folder, moved.folder)
    wanted = run(cli, moved, tmp_path / "run")
    shutil.rmtree(moved.folder)
    assert cli("replay", tmp_path / "run", "--track", "--output", tmp_path / "replay").code == 0
    assert results_of(tmp_path / "replay") == wanted


def test_frames_have_no_picture(recorded):
    with Recording(recorded) as recording:
        replay = Replay(recording, config.load(recorded / "run.yaml").config)
        results = list(replay.results())
    assert all(result.frame.image is NO_IMAGE for result in results if result.frame is not None)
    states = [track.state for result in results for track in result.tracks]
    assert states.count(TrackState.ENDED) >= 4
    assert replay.statistics.frames == {"gate": 80, "yard": 80}


def test_a_broken_off_recording_is_decided_as_far_as_it_goes(cli, recorded, tmp_path):
    """As after a kill: the sink was never closed, and no camera's end is known."""
    broken = tmp_path / "run"
    broken.mkdir()
    shutil.copy(recorded / "run.yaml", broken)
    with Recording(recorded) as recording:
        sink = RecordingSettings().build(SinkSite(broken, recording.cameras, threading.Event()))
        for result in Replay(recording, config.load(recorded / "run.yaml").config).results():
            if result.time < 5 and result.frame is not None:
                sink.write(result)
        outcome = cli("replay", broken, "--output", tmp_path / "replay")
        sink.close()
    assert outcome.code == 0
    assert "did not end in order" in outcome.out
    whole = (recorded / "tracks" / "gate.txt").read_text().splitlines()
    part = (tmp_path / "replay" / "tracks" / "gate.txt").read_text().splitlines()
    assert 0 < len(part) < len(whole)
    assert int(part[-1].split(",")[0]) >= 38


def test_a_run_without_a_recording_is_told_how_to_make_one(cli, small, tmp_path):
    assert cli(*small.run, *PLAIN, "--output", tmp_path / "run").code == 0
    outcome = cli("replay", tmp_path / "run", "--output", tmp_path / "replay")
    assert outcome.code == 2
    assert "there is no recording" in outcome.err
    assert "--record" in outcome.err
    assert not (tmp_path / "replay").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["detector.confidence=0.5"], "--set detector.confidence=0.5: a recording has boxes and embeddings"),
        (["embedder.bins=4", "cameras.gate.fps=5"], "--set cameras.gate.fps=5: a recording"),
        (["sinks.0.crf=20"], "--set sinks.0.crf=20"),
        (["tracker.n_init=0"], "tracker.n_init"),
        (["linker.min_vews=3"], "did you mean 'min_views'?"),
    ],
)
def test_settings_that_cannot_change_are_refused(cli, recorded, tmp_path, changes, message):
    options = [option for change in changes for option in ("--set", change)]
    outcome = cli("replay", recorded, *options, "--output", tmp_path / "replay")
    assert outcome.code == 2
    assert message in outcome.err
    assert not (tmp_path / "replay").exists()


def test_a_run_is_not_replaced_by_its_own_replay(cli, recorded):
    before = results_of(recorded)
    outcome = cli("replay", recorded, "--output", recorded, "--overwrite")
    assert outcome.code == 2
    assert "recording" in outcome.err
    assert results_of(recorded) == before
    assert (recorded / "recording" / "recording.db").exists()


def test_a_new_run_removes_an_old_recording(cli, small, tmp_path):
    assert cli(*small.run, *PLAIN, "--record", "--output", tmp_path / "run").code == 0
    assert (tmp_path / "run" / "recording").is_dir()
    assert cli(*small.run, *PLAIN, "--output", tmp_path / "run", "--overwrite").code == 0
    assert not (tmp_path / "run" / "recording").exists()
