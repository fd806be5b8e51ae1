"""The tracker benchmark's harness, with adapters made up for the test in place of peers."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import click
import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from benchmarks import contestants, tracker_speed, trackers
from benchmarks.peers.replay import Frame, read_frames, replay
from benchmarks.tracker_runs import Cache, Contestant, Outcome, Plan, Result, RunFailedError, read_sequence, run
from trackers import ByteTrackSettings, DeepSortSettings, Detections, TrackState

FRAMES = 20
SIZE = np.array([40.0, 90.0])
LOG = "calls.txt"

ADAPTER = f"""
import os, sys, time
from pathlib import Path
sys.path.insert(0, {str(contestants.ADAPTERS)!r})
from replay import main

class Fake:
    def __init__(self, name, width, height):
        assert (width, height) == (640, 480)
        assert os.environ["OMP_NUM_THREADS"] == "1"
        if name == "broken":
            raise ValueError("out of order")
        if name == "slow":
            time.sleep(60)
        with (Path(__file__).parent / {LOG!r}).open("a") as log:
            log.write(name + "\\n")

    def prepare(self, frame):
        return frame

    def update(self, frame):
        time.sleep(0.002)
        return [(number + 1, box) for number, box in enumerate(frame.boxes)]

    def read(self, tracks):
        return [track for track, _ in tracks], [box for _, box in tracks]

main(Fake)
"""


def write_sequence(folder, name="numbers-2", people=2, **changes):
    """People who walk side by side and are always found."""
    rows, truth = [], []
    for frame in range(FRAMES):
        for person in range(people):
            corner = np.array([20.0 + 200 * person + 3 * frame, 50.0])
            box = np.concatenate([corner, corner + SIZE])
            rows.append([*box, 0.9])
            truth.append([frame + 1, person + 1, *box, 1.0])
    embeddings = np.tile(np.eye(people), (FRAMES, 1))
    arrays = {
        "times": np.arange(FRAMES) / 10,
        "off": people * np.arange(FRAMES + 1),
        "dets": np.array(rows, np.float32),
        "gt": np.array(truth, np.float32),
        "emb_synthetic": embeddings.astype(np.float16),
        "W": 640,
        "H": 480,
    }
    np.savez(folder / f"{name}.npz", **{**arrays, **changes})
    return folder / f"{name}.npz"


@pytest.fixture
def recording(tmp_path):
    return read_sequence(write_sequence(tmp_path))


@pytest.fixture
def fake(tmp_path):
    """Makes contestants that run the adapter above, which notes its calls."""
    script = tmp_path / "adapter.py"
    script.write_text(ADAPTER, "utf-8")

    def make(name="steady", appearance="ignores"):
        return Contestant(name, (sys.executable, str(script), name), "1", appearance)

    return make


def calls(tmp_path):
    return (tmp_path / LOG).read_text("utf-8").split()


def test_a_process_is_fed_every_frame_and_timed(recording, fake):
    result = run(fake(), recording, "none", 60)
    np.testing.assert_allclose(result.rows[:, :6], recording.truth)
    assert result.milliseconds.shape == (FRAMES,)
    assert result.milliseconds.min() >= 2
    assert result.cpu_milliseconds.max() < 2
    assert 0 <= result.memory < 50


def test_what_a_broken_process_said_last_is_told(recording, fake):
    with pytest.raises(RunFailedError, match=r"broken, numbers-2: ValueError: out of order"):
        run(fake("broken"), recording, "none", 60)
    with pytest.raises(RunFailedError, match="slow, numbers-2: more than 2 s"):
        run(fake("slow"), recording, "none", 2)


@pytest.mark.parametrize("settings", [ByteTrackSettings(), DeepSortSettings(n_init=2)])
def test_ours_return_the_same_in_a_process_of_their_own(recording, settings):
    (contestant,) = contestants.own([f"{settings.type}:n_init=2"])
    result = run(contestant, recording, "synthetic", 60)
    tracker, rows = settings.build(), []
    with np.load(recording.path) as arrays:
        for frame in read_frames(arrays, "synthetic"):
            embedded = np.ones(len(frame.scores), bool)
            found = Detections(frame.boxes, frame.scores, frame.embeddings, embedded)
            tracks = tracker.update(found, frame.time)
            rows += [[frame.number + 1, t.id, *t.box] for t in tracks if t.state is TrackState.CONFIRMED]
    assert len(rows) >= 2 * (FRAMES - 2)
    np.testing.assert_array_equal(result.rows, rows)


def test_frames_without_a_box_are_frames(tmp_path):
    off = np.array([0, 0, 2, 2])
    with np.load(write_sequence(tmp_path, off=off, times=np.array([0.0, 0.5, 0.7]))) as arrays:
        frames = read_frames(arrays, "none")
    assert [len(frame.scores) for frame in frames] == [0, 2, 0]
    assert [frame.time for frame in frames] == [0.0, 0.5, 0.7]
    assert frames[1].embeddings is None

    class Silent:
        def prepare(self, frame):
            return frame

        def update(self, frame):
            return frame

        def read(self, frame):
            return [], []

    assert replay(Silent(), frames).rows.shape == (0, 6)


def test_boxes_of_low_score_are_withheld_with_their_embeddings():
    scores = np.array([0.39, 0.4, 0.9], np.float32)
    boxes = np.arange(12, dtype=np.float32).reshape(3, 4)
    frame = Frame(0, 0.0, boxes, scores, np.eye(3, dtype=np.float32)).confident()
    np.testing.assert_array_equal(frame.boxes, boxes[1:])
    np.testing.assert_array_equal(frame.embeddings, np.eye(3)[1:])


def test_a_kept_result_stands_in_for_a_run(tmp_path, recording, fake):
    plan = Plan(Cache(tmp_path / "kept"), 1, 60)
    for _ in range(2):
        (outcome,) = plan.outcomes([fake()], recording, "none")
        assert isinstance(outcome, Outcome)
        np.testing.assert_allclose(outcome.results[0].rows, recording.truth)
    assert calls(tmp_path) == ["steady"]


def test_rounds_are_run_in_turn_and_afresh(tmp_path, recording, fake):
    plan = Plan(Cache(tmp_path / "kept"), 2, 60)
    outcomes = list(plan.outcomes([fake("a"), fake("broken"), fake("b")], recording, "none"))
    assert calls(tmp_path) == ["a", "b", "a", "b"]
    assert [len(outcome.results) for outcome in outcomes if isinstance(outcome, Outcome)] == [2, 2]
    assert isinstance(outcomes[1], RunFailedError)


def test_whatever_changes_a_result_changes_its_place(tmp_path, recording, fake):
    cache, contestant = Cache(tmp_path), fake()
    places = {
        cache.file(contestant, recording, "none"),
        cache.file(contestant, recording, "synthetic"),
        cache.file(replace(contestant, version="2"), recording, "none"),
        cache.file(replace(contestant, command=(*contestant.command, "x")), recording, "none"),
        cache.file(contestant, read_sequence(write_sequence(tmp_path, times=np.arange(FRAMES) / 25)), "none"),
    }
    assert len(places) == 5
    others = read_sequence(write_sequence(tmp_path, emb_other=np.eye(2), gt=np.zeros((0, 7), np.float32)))
    assert cache.file(contestant, others, "none") in places


def test_settings_of_ours_are_part_of_the_place(tmp_path, recording):
    made = contestants.own(["deepsort", "deepsort:max_age=2", "deepsort:max_age=2.0,n_init=4"])
    assert len({Cache(tmp_path).file(contestant, recording, "none") for contestant in made}) == 3


def test_kept_scores_follow_the_truth(tmp_path, recording, fake):
    cache = Cache(tmp_path / "kept")
    result = run(fake(), recording, "none", 60)
    assert cache.scores(recording, result).hota == cache.scores(recording, result).hota == 1
    half = np.delete(recording.truth, recording.truth[:, 1] == 2, axis=0)
    gt = np.column_stack([half, np.ones(len(half))]).astype(np.float32)
    assert cache.scores(read_sequence(write_sequence(tmp_path, gt=gt)), result).det_a == pytest.approx(0.5)


def test_embedders_are_those_that_a_sequence_and_a_tracker_have(recording, fake):
    assert recording.embedders_for(["msmt17"]) == ["synthetic"]
    assert recording.embedders_for(["synthetic", "none"]) == ["synthetic", "none"]
    assert replace(recording, embedders=("a", "b")).embedders_for(["c", "b"]) == ["b"]
    assert replace(recording, embedders=()).embedders_for(["msmt17"]) == ["none"]
    assert [fake("x", kind).embedder("msmt17") for kind in ("needs", "uses", "ignores")] == ["msmt17"] * 2 + [
        "none"
    ]
    assert [fake("x", kind).embedder("none") for kind in ("needs", "uses", "ignores")] == [None, "none", "none"]


def row(sequence, tracker, value, group="real"):
    rates = dict.fromkeys(trackers.RATES, value)
    costs = dict.fromkeys(trackers.COSTS, 10 * value)
    return {
        "sequence": sequence, "group": group, "embedder": "e", "tracker": tracker, "switches": 3, **rates, **costs
    }  # fmt: skip


def test_means_are_of_trackers_that_ran_on_all():
    rows = [
        row("pets", "a", 0.4),
        row("pets", "b", 0.9),
        row("stadtmitte", "a", 0.6),
        row("mot15-x", "a", 1, "mot15"),
    ]
    (mean,) = trackers.means(rows)
    assert (mean["sequence"], mean["tracker"], mean["switches"]) == ("mean of 2 real", "a", 6)
    assert (mean["hota"], mean["mib"]) == pytest.approx((0.5, 5.0))


def test_the_table_tells_rates_in_percent_and_each_sequence_once():
    console = Console(width=150)
    with console.capture() as captured:
        console.print(trackers.table([row("pets", "a", 0.4), row("pets", "b", 0.25)]))
    assert captured.get().count("pets") == 1
    lines = [line.split() for line in captured.get().splitlines() if "25.0" in line]
    assert lines[0].count("25.0") == len(trackers.RATES)
    assert lines[0].count("2.50") == 3


def test_times_are_medians_of_the_rounds(recording, fake):
    rounds = [np.full(FRAMES, value) for value in (1.0, 9.0, 2.0)]
    rounds[1][-1] = 1000
    results = [Result(np.zeros((0, 6)), wall, wall / 2, wall[0]) for wall in rounds]
    outcome = Outcome(fake(), recording, "none", results)
    assert (outcome.wall(50), outcome.wall(100), outcome.cpu(50), outcome.memory) == (2, 2, 1, 2)


@pytest.mark.parametrize(
    ("name", "group", "split"),
    [
        ("pets", "real", "report"),
        ("mot15-venice-2", "mot15", "report"),
        ("mot15-kitti-17", "mot15", "report"),
        ("mot15-kitti-13", "mot15", "tune"),
        ("mot17-04", "mot17", "report"),
        ("mot17-02", "mot17", "tune"),
        ("world-mall-20-atrium", "world", "report"),
        ("world-mall-1-atrium", "world", "tune"),
        ("synthetic-50-20", "synthetic", "report"),
        ("synthetic-50-1", "synthetic", "tune"),
        ("numbers-500", "numbers", "report"),
        ("numbers-tune-50-1", "numbers", "tune"),
    ],
)
def test_every_sequence_has_a_group_and_a_split(name, group, split):
    assert (trackers.group_of(name), trackers.split_of(name)) == (group, split)


def test_sequences_are_found_by_name_group_and_split(tmp_path):
    for name in ("numbers-100", "numbers-50", "pets", "mot17-02", "numbers-tune-50-0"):
        (tmp_path / f"{name}.npz").touch()

    def found(*options, **more):
        return [file.stem for file in trackers.sequence_files(tmp_path, *options, **more)]

    assert found(()) == ["pets", "mot17-02", "numbers-50", "numbers-100", "numbers-tune-50-0"]
    assert found((), split="tune") == ["mot17-02", "numbers-tune-50-0"]
    assert found((tracker_speed.CROWDS,)) == ["numbers-50", "numbers-100"]
    assert found((), ["real"]) == ["pets"]
    with pytest.raises(click.UsageError, match="no such sequence"):
        found(("moon",))


@pytest.mark.parametrize("command", [trackers.main, tracker_speed.main])
def test_the_commands_print_and_write_what_was_measured(tmp_path, recording, command):
    table = tmp_path / "table.json"
    result = CliRunner().invoke(
        command, ["--cache", str(tmp_path), "--tracker", "bytetrack", "--json", str(table), "--repeat", "2"]
    )
    assert result.exit_code == 0, result.output
    (line,) = json.loads(table.read_text("utf-8"))
    assert (line["tracker"], line["sequence"], line["embedder"]) == ("bytetrack", "numbers-2", "synthetic")
    assert line["idf1"] > 0.9
    assert line["runs"] == 2
    assert "bytetrack" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tracker", "sort"], "--tracker sort:"),
        (["--tracker", "deepsort:max_age=-1"], "max_age"),
        (["--peer", "moon"], "there is no such peer"),
        (["--peer", "norfair-iou"], "--peers-folder"),
        (["--peer", "norfair-iou", "--peers-folder", "."], "install.sh"),
    ],
)
def test_wrong_names_are_told_with_a_remedy(tmp_path, options, message):
    result = CliRunner().invoke(trackers.main, ["--cache", str(tmp_path), *options])
    assert result.exit_code == 2
    assert message in result.output


def test_peers_are_those_whose_environment_is_there(tmp_path):
    for package in ("norfair", "pyxtrackers"):
        python = tmp_path / package / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch()
    assert [peer.name for peer in contestants.peers(tmp_path, ())] == [
        "norfair-reid",
        "norfair-iou",
        "pyxtrackers-bytetrack",
    ]


def test_every_peer_has_its_adapter_and_its_installation():
    script = (contestants.ADAPTERS / "install.sh").read_text("utf-8")
    for peer in contestants.PEERS.values():
        assert (contestants.ADAPTERS / peer.adapter).exists()
        assert f"  {peer.package})" in script
