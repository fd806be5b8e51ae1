"""Who was seen, where, who looks like a picture; and a person who is erased is nowhere any more."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import closing

import av
import numpy as np
import pytest
import yaml

from pipeline import forget as forgetting
from pipeline.erase_video import GREY, Sightings, erase_from_video
from pipeline.motfile import read_mot
from reid.store_file import Lock, connect
from reid.store_forget import ERASED, without
from tests.pipeline.agreement import frames_in, log_of, rows_of, table_of
from tests.shared_data import ROOT


@pytest.fixture(scope="module")
def made(small, tmp_path_factory):
    """A folder with two runs on one store; the tests work on copies of it."""
    from pipeline.cli import main

    folder = tmp_path_factory.mktemp("made")
    for run, start in enumerate((1e9, 1e9 + 600)):
        cams = yaml.safe_load(small.cams.read_text())
        for camera in cams["cameras"]:
            camera |= {"start": start, "source": str(small.folder / camera["source"])}
        (folder / "cams.yaml").write_text(yaml.safe_dump(cams))
        options = [*small.options, "--set", f"sinks.3.path={folder / 'all.db'}", "--output", folder / f"run{run}"]
        assert main([str(word) for word in ["--sources", folder / "cams.yaml", *options]]) == 0
    return folder


@pytest.fixture
def site(made):
    """The same, put back after the test: a store knows its runs by where they lie."""
    kept = made.with_name(made.name + "-kept")
    shutil.copytree(made, kept)
    yield made
    shutil.rmtree(made)
    kept.rename(made)


def routes_in(store):
    with closing(connect(store, write=False)) as db:
        return db.execute("SELECT identity, camera, start_time, run, track FROM routes").fetchall()


def test_identities_are_listed(cli, made):
    people = {row[0] for row in routes_in(made / "all.db")}
    for path in (made / "all.db", made / "run1"):
        result = cli("identities", path)
        assert result.code == 0
        assert f"{len(people)} people" in result.out
        assert "2001-09-09 01:46:40" in result.out
    assert "0 people" in cli("identities", made / "all.db", "--since", "2001-09-10T00:00:00Z").out
    seen = {row[0] for row in routes_in(made / "all.db") if row[1] == "yard"}
    assert 0 < len(seen) < len(people)
    assert f"{len(seen)} people" in cli("identities", made / "all.db", "--camera", "yard").out


def test_a_route_is_told_over_all_runs(cli, made):
    identity = routes_in(made / "all.db")[0][0]
    result = cli("route", made / "run0", identity)
    assert result.code == 0
    wanted = [row for row in routes_in(made / "all.db") if row[0] == identity]
    assert {row[3] for row in wanted} == {1, 2}
    lines = [line.split() for line in result.out.splitlines()]
    assert [line[0] for line in lines if line and line[0] in {"gate", "yard"}] == [row[1] for row in wanted]


def test_a_person_is_found_by_a_picture(cli, made, small, tmp_path):
    import cv2

    rows = read_mot(made / "run0" / "tracks" / "gate.txt")
    table = {(row["camera"], row["track"]): int(row["identity"]) for row in table_of(made / "run0")}
    with av.open(small.folder / "gate.mp4") as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    for track in set(rows.id.tolist()):
        row = np.flatnonzero(rows.id == track)[5]
        left, top, right, bottom = (max(0, round(value)) for value in rows.xyxy[row].tolist())
        cv2.imwrite(str(tmp_path / "who.png"), frames[rows.frame[row] - 1][top:bottom, left:right])
        result = cli("find", made / "all.db", tmp_path / "who.png", "--top", 2)
        assert result.code == 0, result.err
        assert int(result.out.splitlines()[1].split()[0]) == table["gate", str(track)]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("route", "run0", 999), "nobody in it has the identity 999"),
        (("identities", "all.db", "--camera", "yart"), "did you mean 'yard'"),
        (("identities", "none.db"), "there is no such file"),
        (("identities", "."), "holds no run.yaml that can be read"),
        (("identities", "cams.yaml"), "damaged, or no identity store"),
        (("identities", "all.db", "--since", "yesterday"), "is no time"),
        (("find", "all.db", "cams.yaml"), "not a picture"),
        (("forget", "all.db", 999), "nobody in it has the identity 999"),
    ],
)
def test_what_cannot_be_is_said(cli, made, words, fault):
    result = cli(words[0], made / str(words[1]), *(made / w if w == "cams.yaml" else w for w in words[2:]))
    assert (result.code, fault in result.err.replace("\n", " ")) == (2, True), result.err


def grey_share(video, box, number):
    with av.open(video) as container:
        for index, frame in enumerate(container.decode(video=0), start=1):
            if index == number:
                left, top, right, bottom = (max(0, round(value)) for value in box)
                part = frame.to_ndarray(format="bgr24")[top:bottom, left:right].astype(int)
                return float((abs(part - GREY) < 6).all(axis=2).mean())
    raise AssertionError(number)


def test_a_person_who_is_erased_is_nowhere(cli, site):
    store = site / "all.db"
    identity = routes_in(store)[0][0]
    others = [row for row in routes_in(store) if row[0] != identity]
    with closing(connect(store, write=False)) as db:
        query = "SELECT e.mean FROM embeddings e JOIN tracklets t ON t.id = e.tracklet WHERE t.identity = ?"
        looks = [row[0] for row in db.execute(query, (identity,))]
    assert all(any(look[at : at + 64] in store.read_bytes() for at in range(0, 128, 64)) for look in looks)
    sightings = {run: rows_of(run / "mot" / "gate.txt") for run in (site / "run0", site / "run1")}
    lengths = {path: frames_in(path) for path in site.glob("run*/*.mp4")}

    dry = cli("forget", site / "run0", identity, "--dry-run")
    assert (dry.code, routes_in(store)[0][0]) == (0, identity)
    result = cli("forget", store, identity, "--yes")
    assert result.code == 0, result.err
    assert "nothing" in result.out

    assert routes_in(store) == others
    content = store.read_bytes()
    pieces = [look[at : at + 32] for look in looks for at in range(0, len(look), 32)]
    assert not [piece for piece in pieces if len(set(piece)) > 12 and piece in content]
    for run, rows in sightings.items():
        assert not [row for row in table_of(run) if int(row["identity"]) == identity]
        assert not [entry for entry in log_of(run) if identity in {entry["identity"], entry.get("previous")}]
        left = rows_of(run / "mot" / "gate.txt")
        assert left == {row: who for row, who in rows.items() if who != identity}
        erased = [row for row, who in rows.items() if who == identity]
        assert erased
        assert set(rows_of(run / "tracks" / "gate.txt")).isdisjoint(erased)
        frame, x, y, width, height = erased[len(erased) // 2]
        assert grey_share(run / "gate.mp4", (x, y, x + width, y + height), frame) > 0.99
    for path, times in lengths.items():
        np.testing.assert_allclose(frames_in(path), times, atol=2e-3)
    assert cli("forget", store, identity, "--yes").code == 2  # nobody is there any more


def test_who_is_not_meant_stays(cli, site):
    """Log, table and rows of the others are what they were."""
    store, identity = site / "all.db", routes_in(site / "all.db")[0][0]
    before = {run: (log_of(site / run), table_of(site / run)) for run in ("run0", "run1")}
    assert cli("forget", store, identity, "--yes").code == 0
    for run, (log, table) in before.items():
        gone = {(row["camera"], int(row["track"])) for row in table if int(row["identity"]) == identity}
        assert table_of(site / run) == [row for row in table if int(row["identity"]) != identity]
        kept = [entry for entry in log if (entry["camera"], entry["track"]) not in gone]
        assert [entry | {"evidence": 0} for entry in log_of(site / run)] == [e | {"evidence": 0} for e in kept]


def test_it_asks_first_and_takes_no_for_an_answer(cli, site, monkeypatch):
    monkeypatch.setattr("click.confirm", lambda *_, abort: (_ for _ in ()).throw(click_abort()))
    before = routes_in(site / "all.db")
    assert cli("forget", site / "all.db", before[0][0]).code == 130
    assert routes_in(site / "all.db") == before


def click_abort():
    import click

    return click.Abort()


def test_a_store_that_a_run_writes_to_is_left_alone(cli, site):
    lock = Lock(site / "all.db")
    result = cli("forget", site / "all.db", 1, "--yes")
    lock.release()
    assert (result.code, "another run writes" in result.err) == (2, True)


def test_folders_that_are_gone_or_hold_another_run_are_named(cli, site):
    (site / "run0").rename(site / "elsewhere")
    with (site / "run1" / "run.yaml").open("a") as file:
        file.write("# another\n")
    result = cli("forget", site / "all.db", routes_in(site / "all.db")[0][0], "--dry-run")
    assert "run0: not there any more" in result.out.replace("\n", "")
    assert "run1: holds another run now" in result.out.replace("\n", "")
    (site / "elsewhere").rename(site / "run0")


def test_numbers_go_out_of_sentences_and_of_fields():
    entry = {
        "identity": 3,
        "track": 3,
        "time": 3.0,
        "reason": "looks like identity 3; the next best, 13, is at 3.333",
    }
    wanted = f"looks like identity {ERASED}; the next best, 13, is at 3.333"
    assert without(entry, {3}) == {"identity": None, "track": 3, "time": 3.0, "reason": wanted}


def test_a_killed_run_is_traced_by_its_log(tmp_path):
    lines = [
        {"event": "link", "camera": "a", "track": 1, "identity": 7},
        {"event": "link", "camera": "a", "track": 2, "identity": 3},
        {"event": "split", "camera": "a", "track": 2, "identity": 9, "previous": 3},
        {"event": "merge", "camera": "a", "track": 5, "identity": 3, "previous": 7},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "identities.jsonl").write_text(text + '{"event": "li')
    who = forgetting.traced(tmp_path, 1, frozenset({3, 7}), [])
    assert who.tracks == {("a", 1)}
    forgetting.erase_log(tmp_path, who)
    kept = [json.loads(line) for line in (tmp_path / "identities.jsonl").read_text().splitlines()]
    assert [(line["event"], line["track"], line["identity"]) for line in kept] == [
        ("link", 2, None),
        ("split", 2, 9),
        ("merge", 5, None),
    ]


def test_dropped_frames_make_a_larger_place_grey():
    track = Sightings(np.array([10, 20]), np.array([[10.0, 10, 20, 40], [50, 10, 60, 40]]))
    assert track.region(10, 10, 0, 0) == (10, 10, 20, 40)
    assert track.region(15, 15, 0, 0) == (10, 10, 60, 40)  # in the gap
    assert track.region(5, 10, 0, 0) == (5, -5, 25, 55)  # may be row 10, may be before it
    assert track.region(2, 4, 3, 0) is None
    assert track.region(20, 20, 0, 10) == (15, 10, 60, 40)  # with the trail


def test_a_video_that_cannot_be_read_is_named(tmp_path):
    from pipeline.errors import OutputError

    (tmp_path / "gate.mp4").write_bytes(b"no video")
    with pytest.raises(OutputError, match=r"gate\.mp4: cannot be encoded again: .*; delete the video yourself"):
        erase_from_video(tmp_path / "gate.mp4", [], trail=0, dropped=0)
    assert [path.name for path in tmp_path.iterdir()] == ["gate.mp4"]


def test_the_queries_of_the_documentation_work(made):
    queries = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "store.md").read_text(), re.DOTALL)
    assert len(queries) == 4
    with closing(connect(made / "all.db", write=False)) as db:
        answers = [db.execute(query.replace("= 7", "= 1")).fetchall() for query in queries]
        assert all(answers[:2])
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    for name in tables - {"sqlite_sequence"}:
        assert f"`{name}`" in (ROOT / "docs" / "store.md").read_text(), name
