"""A run that is killed loses nothing that it had stored; benchmarks.kill does the same a hundred times."""

from __future__ import annotations

from contextlib import closing

import pytest

from benchmarks.kill import Expected, Findings, _compare, kill_again
from reid.store_file import connect


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    store = tmp_path_factory.mktemp("kill") / "identities.db"
    return store, list(kill_again(store, 4, seed=3))[-1]


def test_nothing_is_lost_changed_or_doubled(killed):
    store, findings = killed
    assert (findings.kills, findings.faults) == (4, [])
    assert findings.tracklets > 3  # how many depends on the speed of the machine
    with closing(connect(store, write=False)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        runs, finished = db.execute("SELECT count(*), count(finished) FROM runs").fetchone()
        assert runs >= 2
        assert finished == 0


def test_faults_are_noticed(killed):
    """What it would say if a tracklet were lost, and if one had another identity."""
    store, _ = killed
    with closing(connect(store, write=False)) as db:
        run, camera, track, identity = db.execute("SELECT run, camera, track, identity FROM tracklets").fetchone()
        rows = db.execute("SELECT run, camera, track, end_time FROM tracklets").fetchall()
    expected, findings = Expected(), Findings()
    expected.people = {(row[0], row[1], row[2]): 0 for row in rows}
    lines = [
        {"run": run},
        {
            "links": [(camera, track, 0, "link", identity + 1, None), ("gate", 9999, 0, "link", 3, None)],
            "tracklets": [(camera, track, 0, 0.0), ("gate", 9999, 1, 0.0)],
        },
        {"done": 5.0},
        {"fed": 9.0},
    ]
    _compare(store, lines, expected, findings, 0.0)
    assert findings.lost == [f"{(run, 'gate', 9999)} is gone"]
    assert f"{(run, camera, track)} has {identity}" in findings.changed
    assert any("identities" in fault for fault in findings.doubled)
    assert "4.00 s behind" in findings.faults


def test_a_write_that_was_not_finished_is_not_missed(killed):
    store, _ = killed
    expected, findings = Expected(), Findings()
    with closing(connect(store, write=False)) as db:
        rows = db.execute("SELECT run, camera, track, identity, end_time FROM tracklets").fetchall()
    for number, (run, camera, track, identity, _) in enumerate(rows):
        expected.take(
            run,
            {"links": [(camera, track, 0, "link", identity, None)], "tracklets": [(camera, track, number, 0.0)]},
        )
    run, camera, track, identity, end = rows[0]
    promised = {"links": [], "tracklets": [(camera, track, 0, end + 1)]}
    for lines in ([{"run": run}, promised], [{"run": run}], [{"run": run}, promised, {"done": end + 1}]):
        assert findings.lost == []
        _compare(store, lines, expected, findings, 0.0)
    assert findings.lost == [f"{(run, camera, track)} ends at {end}, but {end + 1} was stored"]
