"""Runs that share a store go on with the same people; `--overwrite` spares it."""

from __future__ import annotations

import shutil
from contextlib import closing

import pytest
import yaml

from pipeline.config import load
from pipeline.errors import ConfigError
from reid.store_file import Lock, connect
from tests.pipeline.agreement import assert_files_agree, table_of


@pytest.fixture
def shared(small, tmp_path):
    """Options of a run whose cameras start at a time, and whose store lies beside the runs."""

    def options(start: float, name: str, *more: object) -> list[object]:
        cams = yaml.safe_load(small.cams.read_text())
        for camera in cams["cameras"]:
            camera |= {"start": start, "source": str(small.folder / camera["source"])}
        (tmp_path / "cams.yaml").write_text(yaml.safe_dump(cams))
        store = ["--set", f"sinks.3.path={tmp_path / 'all.db'}", "--output", tmp_path / name]
        return ["--sources", tmp_path / "cams.yaml", *small.options, *store, *more]

    return options


def people_in(path):
    """(run, camera, track) to identity."""
    with closing(connect(path, write=False)) as db:
        rows = db.execute("SELECT run, camera, track, identity FROM tracklets")
        return {(run, camera, track): identity for run, camera, track, identity in rows}


def test_the_next_run_goes_on_with_the_same_identities(cli, shared, tmp_path):
    assert cli(*shared(1e9, "first")).code == 0
    result = cli(*shared(1e9 + 600, "second"))
    assert result.code == 0
    assert "people known from earlier runs" in result.err
    tables = [
        {(row["camera"], row["track"]): int(row["identity"]) for row in table_of(tmp_path / run)}
        for run in ("first", "second")
    ]
    assert tables[0] == tables[1]
    stored = people_in(tmp_path / "all.db")
    for run in (1, 2):
        assert {(c, str(t)): person for (r, c, t), person in stored.items() if r == run} == tables[0]
    assert f"{len(set(tables[0].values()))} identities in" in result.out
    assert_files_agree(tmp_path / "second", ["gate", "yard"])
    assert not (tmp_path / "all.db-wal").exists()
    assert not (tmp_path / "all.db-lock").exists()


def test_the_same_hours_twice_are_warned_of(cli, shared, tmp_path):
    assert cli(*shared(1e9, "first")).code == 0
    result = cli(*shared(1e9, "second"))
    assert "later than this run begins; people of that time are taken for others" in result.err
    stored = people_in(tmp_path / "all.db")
    first, second = ({person for (r, _, _), person in stored.items() if r == run} for run in (1, 2))
    assert not first & second


def test_overwriting_a_run_spares_a_shared_store(cli, shared, tmp_path):
    assert cli(*shared(1e9, "first")).code == 0
    assert cli(*shared(1e9 + 600, "first", "--overwrite")).code == 0
    assert {run for run, _, _ in people_in(tmp_path / "all.db")} == {1, 2}


def test_a_shared_store_inside_a_folder_that_would_be_deleted_is_spared(cli, shared, tmp_path):
    assert cli(*shared(1e9, "first")).code == 0
    store = shutil.copy(tmp_path / "all.db", tmp_path / "first" / "tracks" / "all.db")
    result = cli(*shared(1e9, "first", "--overwrite", "--set", f"sinks.3.path={store}"))
    assert (result.code, "its own identity store" in result.err) == (2, True), result.err


def test_the_run_s_own_store_is_part_of_the_run(cli, small, tmp_path):
    output = tmp_path / "run"
    assert cli(*small.run, "--output", output, "--set", "sinks.3.path=people.db").code == 0
    assert people_in(output / "people.db")
    assert cli(*small.run, "--output", output, "--overwrite").code == 0
    assert not (output / "people.db").exists()
    assert {run for run, _, _ in people_in(output / "identities.db")} == {1}


def test_a_store_of_somebody_else_in_the_folder_is_spared(cli, small, tmp_path):
    (tmp_path / "identities.db").write_text("mine")
    result = cli(*small.run, "--output", tmp_path)
    assert (result.code, "would overwrite identities.db" in result.err) == (2, True)
    assert (tmp_path / "identities.db").read_text() == "mine"


def test_a_store_in_use_is_told_before_an_older_run_goes(cli, shared, tmp_path):
    assert cli(*shared(1e9, "first")).code == 0
    lock = Lock(tmp_path / "all.db")
    result = cli(*shared(1e9 + 600, "first", "--overwrite"))
    lock.release()
    assert (result.code, "another run writes to this store" in result.err) == (2, True)
    assert (tmp_path / "first" / "gate.mp4").exists()


def test_a_file_that_is_no_store_is_told_before_an_older_run_goes(cli, shared, tmp_path):
    (tmp_path / "all.db").write_text("mine" * 2000)
    result = cli(*shared(1e9, "first"))
    assert (result.code, "damaged, or no identity store" in result.err) == (2, True)
    assert not (tmp_path / "first").exists()


def test_people_seen_with_another_embedder_are_strangers(cli, shared):
    assert cli(*shared(1e9, "first")).code == 0
    result = cli(*shared(1e9 + 600, "second", "--set", "embedder.bins=6"))
    assert (result.code, "people were seen with another embedder" in result.err) == (0, True)


@pytest.mark.parametrize("path", ["../all.db", "a/all.db", "", ".."])
def test_a_relative_path_elsewhere_is_refused(small, path):
    with pytest.raises(ConfigError, match=r"sinks\[3\]\.path"):
        load(small.cams, "recorded", [f"sinks.3.path='{path}'"])
