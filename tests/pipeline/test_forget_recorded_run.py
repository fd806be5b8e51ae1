"""A person who is erased is nowhere in a recorded run, nor in runs decided again; the others are as before."""

from __future__ import annotations

import hashlib
import shutil

import pytest
import yaml
from rich.console import Console

from benchmarks.demo_clips import VIEWS, Walk, write_demo
from pipeline import corrections, relink
from pipeline import forget as forgetting
from pipeline.corrections import Merge
from pipeline.forget_recording import RecordedPerson
from pipeline.sinks.identities import identities_of
from reid.store_forget import Forgetting
from tests.conftest import Site
from tests.pipeline.agreement import log_of, rows_of, table_of
from tests.pipeline.test_store_commands import grey_share


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A recorded run with crops, corrected, decided again with videos, and explained."""
    from pipeline.cli import main

    walks = (
        Walk(0, "gate", 0.7, ((-1.0, 0.0), (2.0, 0.8))),
        Walk(0, "yard", 0.5, ((2.5, 0.1), (5.0, 0.9))),
        Walk(1, "gate", 0.2, ((0.0, 0.9), (4.0, 0.2))),
        Walk(2, "yard", 0.2, ((-1.0, 0.1), (4.0, 0.9))),
    )
    site = Site(write_demo(tmp_path_factory.mktemp("site"), VIEWS, walks, seconds=5.0).parent)
    run = tmp_path_factory.mktemp("made") / "run"
    sinks = "sinks=[{type: identities}, {type: mot}, {type: store}, {type: recording, crops: true}]"
    assert main([str(word) for word in (*site.run, "--set", sinks, "--output", run)]) == 0
    people = sorted(set(identities_of(run / "identities.jsonl").values()))
    words = ["--merge", *people[-2:], "--render"]
    assert main([str(word) for word in ("correct", run, *words)]) == 0
    assert main(["why", str(run), str(people[-1])]) == 0
    relink.run(run, run.parent / "again")
    run.rename(run.parent / "kept")  # the store knows the run by where it lay: copies are runs that were moved
    return run.parent / "kept"


@pytest.fixture
def run(made, tmp_path):
    return shutil.copytree(made, tmp_path / "run")


def tracks_of(run, identity):
    return {key for key, own in identities_of(run / "identities.jsonl").items() if own == identity}


def files_in(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip


def assert_gone(run, keys, before):
    """No file of the run, and none of the one decided again, tells of the tracks; the others' tell the same."""
    names = {(str(key.camera), key.track) for key in keys}
    for folder in (run, run / "relinked"):
        assert names.isdisjoint((entry["camera"], entry["track"]) for entry in log_of(folder))
        assert names.isdisjoint((row["camera"], int(row["track"])) for row in table_of(folder))
        for kind in ("tracks", "mot"):
            for path in (folder / kind).iterdir():
                old, old_tracks = (rows_of(before / path.relative_to(run).parents[1] / k / path.name)
                                   for k in (kind, "tracks"))  # fmt: skip
                theirs = {row for row, track in old_tracks.items() if (path.stem, track) in names}
                assert rows_of(path) == {row: who for row, who in old.items() if row not in theirs}
    assert not any(RecordedPerson(run, names).found().values())
    said = [track for each in corrections.read(run) if isinstance(each, Merge) for track in each.tracks]
    assert {corrections.name_of(key) for key in keys}.isdisjoint(said)
    relink.run(run, run.parent / "again")
    assert together(run.parent / "again", ()) == together(before.parent / "again", keys)


def together(folder, erased):
    """The tracks of each person but those erased; numbers may differ."""
    found = {key: own for key, own in identities_of(folder / "identities.jsonl").items() if key not in erased}
    return {frozenset(key for key in found if found[key] == own) for own in found.values()}


def test_a_person_is_erased_from_all_that_a_recorded_run_has(cli, made, run, monkeypatch):
    monkeypatch.setattr("pipeline.store_commands.console", Console(width=300))
    people = sorted(set(identities_of(run / "identities.jsonl").values()))
    identity = people[-1]  # one person with another one, as a correction said
    keys, numbers = tracks_of(run, identity), identities_of(run / "relinked" / "identities.jsonl")
    assert set(numbers.values()) != set(people)

    before = files_in(run)
    dry = cli("forget", run, identity, "--dry-run")
    assert dry.code == 0
    assert files_in(run) == before
    for name in ("recording.db", "corrections.yaml", "relinked/tracks", "relinked/identities.jsonl", "why_"):
        assert name in dry.out.replace("\n", "")
    assert f"says that identity {people[-2]} is the same person" in dry.out

    outcome = cli("forget", run, identity, "--yes")
    assert outcome.code == 0, outcome.err
    assert "pieces of embeddings and pictures" in outcome.out
    assert_gone(run, keys, made)
    pages = {path.name for path in run.glob("why_*")}
    assert f"why_{identity}.html" not in pages
    assert all((run / page).with_suffix(".png").name in pages for page in pages)
    for key in keys:
        rows = [row for row, who in rows_of(made / "tracks" / f"{key.camera}.txt").items() if who == key.track]
        frame, x, y, width, height = rows[len(rows) // 2]
        video = run / "relinked" / f"{key.camera}.mp4"
        assert grey_share(video, (x, y, x + width, y + height), frame) > 0.99

    after = files_in(run)
    again = cli("forget", run, identity, "--yes")
    assert (again.code, "nobody in it has the identity" in again.err) == (2, True)
    assert files_in(run) == after


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (forgetting, "_erase_videos"),
        (RecordedPerson, "erase"),
        (corrections, "write"),
        (forgetting, "erase_log"),
        (Forgetting, "erase"),
    ],
)
def test_an_interrupted_erasure_is_repeated(cli, made, run, monkeypatch, owner, step):
    """Before and after each step."""
    for video in run.rglob("*.mp4"):
        video.unlink()
    identity = max(identities_of(run / "identities.jsonl").values())
    keys, work = tracks_of(run, identity), getattr(owner, step)
    for after in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(owner, step, interrupted(work, after=after))
            assert cli("forget", run, identity, "--yes").code == 130
    assert cli("forget", run, identity, "--yes").code == (
        2 if owner is Forgetting else 0
    )  # the last step was done
    assert_gone(run, keys, made)
    assert not list(run.rglob(".*.part"))


def interrupted(work, *, after):
    """A step that is interrupted before it does anything, or right after its work."""

    def step(*arguments, **options):
        if after:
            work(*arguments, **options)
        raise KeyboardInterrupt

    return step


def test_tracks_that_are_others_are_refused_before_anything_is_changed(cli, run):
    outcome = cli("replay", run, "--set", "tracker.type=bytetrack", "--output", run / "tried")
    assert outcome.code == 0
    before = files_in(run)
    refused = cli("forget", run, 1, "--yes")
    assert refused.code == 2
    assert "tried: its tracks are not those of" in refused.err.replace("\n", " ")
    assert "delete that folder" in refused.err.replace("\n", " ")
    assert files_in(run) == before


def test_a_replay_inside_is_erased_and_a_run_of_its_own_is_named(cli, run):
    assert cli("replay", run, "--set", "linker.min_views=1", "--output", run / "tried" / "first").code == 0
    shutil.copytree(run / "relinked", run / "other")
    record = yaml.safe_load((run / "other" / "run.yaml").read_text())
    record["sinks"].append({"type": "store", "path": "identities.db"})
    record["tracker"] = {"type": "bytetrack"}
    (run / "other" / "run.yaml").write_text(yaml.safe_dump(record))
    other = files_in(run / "other")
    keys = tracks_of(run, 1)
    outcome = cli("forget", run, 1, "--yes")
    assert outcome.code == 0, outcome.err
    assert "other: is another run, not looked into" in outcome.out.replace("\n", " ")
    assert files_in(run / "other") == other
    assert keys.isdisjoint(identities_of(run / "tried" / "first" / "identities.jsonl"))


def test_a_broken_record_or_correction_is_named_before_anything_is_changed(cli, run):
    for path, text in ((run / "relinked" / "run.yaml", "- a list"), (run / "corrections.yaml", "nonsense")):
        kept = path.read_text()
        path.write_text(text)
        before = files_in(run)
        refused = cli("forget", run, 1, "--yes")
        assert (refused.code, path.name in refused.err) == (2, True)
        assert files_in(run) == before
        path.write_text(kept)
