"""A recorded run decided again, all at once, with and without a person's word."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml

from benchmarks.demo_clips import VIEWS, Walk, write_demo
from pipeline import corrections, relink
from pipeline.corrections import Merge, Split
from pipeline.errors import RunError
from pipeline.sinks.identities import identities_of
from reid.tracklets import CameraId, IdentityId, TrackletKey
from tests.conftest import Site


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run over two cameras, recorded: three people, one of whom passes both."""
    walks = (
        Walk(0, "gate", 0.3, ((-1.0, 0.0), (4.0, 0.8))),
        Walk(0, "yard", 0.5, ((4.5, 0.1), (8.0, 0.9))),
        Walk(1, "gate", 0.4, ((0.0, 0.9), (5.0, 0.2))),
        Walk(2, "yard", 0.5, ((-1.0, 0.1), (6.0, 0.9))),
    )
    site = Site(write_demo(tmp_path_factory.mktemp("relinked"), VIEWS, walks, seconds=8.0).parent)
    from pipeline.cli import main

    output = tmp_path_factory.mktemp("relinked") / "run"
    sinks = ["--set", "sinks=[{type: identities}, {type: mot}]"]
    assert main([str(word) for word in (*site.run, *sinks, "--record", "--output", output)]) == 0
    return output


@pytest.fixture
def run(recorded, tmp_path):
    """A copy that may be corrected."""
    return shutil.copytree(recorded, tmp_path / "run")


def identities(folder):
    return identities_of(folder / "identities.jsonl")


def test_every_track_has_its_final_identity_from_its_first_frame_on(cli, run):
    outcome = cli("relink", run)
    assert outcome.code == 0, outcome.err
    new = run / "relinked"
    assert identities(new) == identities(run)  # an easy site
    assert "0 tracks changed their identity" in outcome.out
    for path in (run / "tracks").iterdir():
        assert (new / "tracks" / path.name).read_bytes() == path.read_bytes()
        assert len((new / "mot" / path.name).read_text().splitlines()) == len(path.read_text().splitlines())
    events = [json.loads(line) for line in (new / "identities.jsonl").read_text().splitlines()]
    links = [event for event in events if event["event"] == "link"]
    assert len(links) == len(identities(run)) == sum(event["event"] == "start" for event in events)
    assert all(0 <= link["evidence"]["probability"] <= 1 for link in links)


def test_a_merge_and_a_split_are_kept_to_and_taken_back(cli, run):
    before = identities(run)
    first, second = sorted(set(before.values()))[:2]
    outcome = cli("correct", run, "--merge", first, second)
    assert outcome.code == 0, outcome.err
    merged = identities(run / "relinked")
    assert len({merged[key] for key, own in before.items() if own in (first, second)}) == 1
    assert "are one person" in outcome.out
    assert cli("correct", run, "--undo").code == 0
    assert not (run / "corrections.yaml").exists()
    assert identities(run / "relinked") == before

    assert cli("correct", run, "--merge", first, second).code == 0
    key = next(key for key, own in before.items() if own == second)
    both = identities(run / "relinked")[key]
    outcome = cli("correct", run, "--split", f"{both}@{key.camera}/{key.track}")
    assert outcome.code == 2
    assert "an earlier correction says" in outcome.err  # that of the merge
    assert f"--merge {first} {second}" in cli("correct", run, "--list").out


def test_a_split_is_kept_to(run):
    keys = sorted(identities(run))
    said = corrections.split(f"7@{corrections.name_of(keys[0])}", dict.fromkeys(keys[:2], IdentityId(7)))
    corrections.write(run, [said])
    relink.run(run, run / "relinked")
    apart = identities(run / "relinked")
    assert apart[keys[0]] != apart[keys[1]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--merge", "1", "99"], "there is no identity 99; there are 1, "),
        (["--merge", "1", "1"], "is one identity already"),
        (["--split", "hall"], "must be IDENTITY@CAMERA/TRACK"),
        (["--split", "1@nowhere/1"], "identity 1 has no track nowhere/1; it has "),
        (["--undo"], "there is no correction to take back"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(cli, run, words, message):
    outcome = cli("correct", run, *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (run / "corrections.yaml").exists()


def test_corrections_that_contradict_each_other_are_refused():
    gate, yard = "gate/1", "yard/1"
    together = Merge(said="--merge 1 2", tracks=(gate, "gate/2", yard))
    with pytest.raises(RunError, match="an earlier correction says that gate/2 and yard/1 are one person"):
        corrections.check([together, Split(said="--split 1@gate/2", track="gate/2", others=(yard,))])


def test_corrections_that_are_none_are_named(cli, run):
    (run / "corrections.yaml").write_text("- {kind: merge, said: x, tracks: [a/1]}\n")
    outcome = cli("relink", run)
    assert outcome.code == 2
    assert "corrections.yaml: not a list of corrections" in outcome.err


def test_what_was_said_survives_the_file(tmp_path):
    said: list[Merge | Split] = [
        Merge(said="--merge 1 2", tracks=("a/1", "b/2")),
        Split(said="--split 3@a/4", track="a/4", others=("b/5",)),
    ]
    corrections.write(tmp_path, said)
    assert corrections.read(tmp_path) == said
    kept = corrections.constraints(said)
    assert kept.together == [(TrackletKey(CameraId("a"), 1), TrackletKey(CameraId("b"), 2))]
    assert kept.apart == [(TrackletKey(CameraId("a"), 4), TrackletKey(CameraId("b"), 5))]
    numbers = {TrackletKey(CameraId("a/b"), 1): IdentityId(1), TrackletKey(CameraId("c"), 2): IdentityId(2)}
    assert corrections.merge(1, 2, numbers).tracks == ("a/b/1", "c/2")
    assert corrections.key_of("a/b/1") == TrackletKey(CameraId("a/b"), 1)


def test_videos_are_drawn_again(cli, run):
    import av

    outcome = cli("relink", run, "--render")
    assert outcome.code == 0, outcome.err
    for path in (run / "tracks").iterdir():
        with av.open(str(run / "relinked" / f"{path.stem}.mp4")) as video:
            assert sum(1 for _ in video.decode(video=0)) > 50


def test_without_a_recording_it_says_how_to_make_one(cli, run):
    shutil.rmtree(run / "recording")
    outcome = cli("relink", run)
    assert outcome.code == 2
    assert "--record" in outcome.err
    assert cli("relink", run.parent).code == 2


def test_only_linker_and_links_can_change(cli, run):
    assert "only" in cli("relink", run, "--set", "detector.iou=0.5").err
    outcome = cli("relink", run, "--set", "linker.false_link_rate=0.01", "--output", run.parent / "other")
    assert outcome.code == 0
    assert yaml.safe_load((run.parent / "other/run.yaml").read_text())["linker"]["false_link_rate"] == 0.01
    assert cli("relink", run, "--output", run.parent / "other").code == 2  # it holds a run
