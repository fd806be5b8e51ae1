"""The identity store: what comes back, what is never given twice, and that its bounds hold."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from reid.errors import StoreError
from reid.store_file import connect, size_of
from reid.tracklets import IdentityId
from tests.reid.stored import decision, identities_in, look, opened, tracklet


@pytest.fixture
def path(tmp_path):
    return tmp_path / "identities.db"


def test_people_come_back_in_the_next_run(path):
    first = opened(path)
    first.write(5, [decision(1, 1), decision(2, 2)], [tracklet(1, 7), tracklet(2, 8), tracklet(3, 9)])
    first.write(9, [], [tracklet(1, 7, end=9)])
    first.close()
    second = opened(path)
    known = second.known(10, 10)
    assert {identity: [t.key for t in members] for identity, members in known.items()} == {
        1: [("gate", 1, first.run)],
        2: [("gate", 2, first.run)],
    }  # the third was linked to nobody
    (member,) = known[IdentityId(1)]
    assert (member.start, member.end, member.count, member.quality) == (0, 9, 40, 12.5)
    np.testing.assert_allclose(member.mean, look(7), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(member.exemplars, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(member.entry_box, tracklet(1).entry_box)
    assert second.last_time() == 9
    second.close()


def test_the_latest_are_known_within_bounds(path):
    store = opened(path)
    for person in range(1, 6):
        for track in range(3):
            store.write(
                0, [decision(3 * person + track, person)], [tracklet(3 * person + track, person, start=track)]
            )
    store.write(0, [], [tracklet(3, 1, start=100)])
    store.close()
    with closing(opened(path)) as again:
        known = again.known(2, 2)
    assert [len(members) for members in known.values()] == [2, 2]
    assert list(known) == [1, 2]
    assert [member.start for member in known[IdentityId(1)]] == [2, 100]


def test_those_of_another_embedder_are_not_compared(path):
    opened_first = opened(path)
    opened_first.write(5, [decision(1, 1)], [tracklet(1, 7)])
    opened_first.close()
    with closing(opened(path, embedder="osnet")) as other:
        assert (other.known(9, 9), other.strangers(), other.next_identity) == ({}, 1, 2)


def test_merges_and_splits_change_stored_tracklets_and_the_events_stay(path):
    with closing(opened(path)) as store:
        run = store.run
        store.write(1, [decision(1, 1), decision(2, 2), decision(3, 3)], [tracklet(n, n) for n in (1, 2, 3)])
        store.write(2, [decision(2, 1, kind="merge", previous=2)], [])
        store.write(3, [decision(3, 1, kind="merge", previous=3)], [])
        store.write(4, [decision(2, 4, kind="split", previous=1)], [tracklet(2, 2, end=9)])
        assert identities_in(store) == {(run, "gate", 1): 1, (run, "gate", 2): 4, (run, "gate", 3): 1}
        assert store._db.execute("SELECT kind, previous FROM events ORDER BY id").fetchall()[3:] == [
            ("merge", 2),
            ("merge", 3),
            ("split", 1),
        ]
        assert store._db.execute("SELECT previous, identity FROM merged ORDER BY 1").fetchall() == [(2, 1), (3, 1)]


def test_decisions_before_the_tracklet_count_for_it(path):
    with closing(opened(path)) as store:
        store.write(1, [decision(1, 1), decision(2, 2), decision(2, 1, kind="merge", previous=2)], [])
        store.write(2, [], [tracklet(2, 2)])
        assert identities_in(store) == {(store.run, "gate", 2): 1}


def test_a_tracklet_of_an_earlier_run_can_be_split_off(path):
    with closing(opened(path)) as first:
        first.write(1, [decision(1, 1)], [tracklet(1, 1)])
    with closing(opened(path)) as second:
        second.write(
            9, [decision(1, 2), decision(1, 3, kind="split", previous=1, run=first.run)], [tracklet(1, 5)]
        )
        assert identities_in(second) == {(first.run, "gate", 1): 3, (second.run, "gate", 1): 2}


@pytest.mark.parametrize("clean", [True, False])
def test_numbers_are_never_given_twice(path, clean):
    store = opened(path, retention_days=1)
    store.write(5, [decision(n, n) for n in range(1, 260)], [tracklet(n) for n in range(1, 260)])
    store.write(1e6, [], [])  # all are too old
    assert identities_in(store) == {}
    if clean:
        store.close()
    else:
        store._db.close()
        store._lock._file.close()
    with closing(opened(path)) as again:
        assert again.next_identity == 260 if clean else 260 <= again.next_identity <= 460


def test_what_was_learned_is_of_one_embedder(path):
    with closing(opened(path)) as store:
        assert store.learned() == {}
        store.save_learned({"calibration": {"mean": 0.4, "pairs": 7.0}})
        store.save_learned({"calibration": {"mean": 0.5, "pairs": 9.0}})
    with closing(opened(path)) as again:
        assert again.learned() == {"calibration": {"mean": 0.5, "pairs": 9.0}}
    with closing(opened(path, embedder="osnet")) as other:
        assert other.learned() == {}


def test_retention_by_time_spares_who_is_in_view(path):
    day = 86400.0
    with closing(opened(path, retention_days=2)) as store:
        shown = tracklet(1000, 1, start=0)
        store.write(0, [decision(1000, 1000)], [shown])
        for n in range(1, 200):
            now = n * day / 10
            store.write(now, [decision(n, n, time=now)], [tracklet(n, n, start=now)], {shown.key})
            oldest = store._db.execute("SELECT min(end_time) FROM tracklets WHERE track <> 1000").fetchone()[0]
            assert oldest >= now - 2 * day - 3600
        count = "SELECT count(*) FROM "
        left = {
            name: store._db.execute(count + name).fetchone()[0] for name in ("tracklets", "identities", "events")
        }
        assert (store.run, "gate", 1000) in identities_in(store)
        assert left == {"tracklets": 22, "identities": 22, "events": left["events"]}
        assert left["events"] <= 23
        store.write(now + 60, [], [])
        assert (store.run, "gate", 1000) not in identities_in(store)


def test_retention_by_bytes_is_hard(path):
    """60 MB are written into a store of 8 MB; file and log together never exceed it."""
    largest, kept = 0, tracklet(10**6, 3, start=0, exemplars=5, dimension=512)
    with closing(opened(path, max_mb=8, retention_days=1000)) as store:
        store.write(0, [decision(10**6, 10**6)], [kept], {kept.key})
        newest = 0
        rows = np.random.default_rng(0).normal(size=(6, 512)).astype(np.float32)
        sample = tracklet(1, 1, exemplars=5, dimension=512)
        for step in range(80):
            batch = []
            for newest in range(step * 100 + 1, step * 100 + 101):
                key = sample.key._replace(track=newest)
                batch.append(replace(sample, key=key, mean=rows[0], exemplars=rows[1:], start=step, end=step + 1))
            links = [decision(t.key.track, t.key.track, time=step) for t in batch]
            store.write(step, links, batch, {kept.key})
            largest = max(largest, size_of(path))
        tracks = {track for _, _, track in identities_in(store)}
        assert {newest, 10**6} <= tracks
        assert min(tracks - {10**6}) > 6_000  # the oldest went
        assert len(tracks) > 300
    assert largest <= 8e6
    with closing(connect(path, write=False)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_lower_bound_shrinks_the_file(path):
    with closing(opened(path, max_mb=40)) as store:
        for step in range(40):
            tracks = range(step * 100 + 1, step * 100 + 101)
            store.write(
                step, [decision(t, t) for t in tracks], [tracklet(t, 1, start=step, exemplars=60) for t in tracks]
            )
    assert size_of(path) > 12e6
    with closing(opened(path, max_mb=8)):
        assert size_of(path) <= 8e6


def test_time_gives_space_back(path):
    with closing(opened(path, retention_days=1)) as store:
        tracks = range(1, 2000)
        store.write(0, [decision(t, t) for t in tracks], [tracklet(t, 1, exemplars=40) for t in tracks])
    before = size_of(path)
    with closing(opened(path, retention_days=1)) as store:
        for hour in range(25, 200):
            store.write(hour * 3600.0, [decision(1, 5000)], [tracklet(1, 1, start=hour * 3600.0)])
    assert size_of(path) < before / 3


def test_people_in_view_beyond_the_bound_are_an_error_and_not_a_larger_file(path):
    with closing(opened(path, max_mb=8)) as store:
        tracks = [tracklet(t, 1, exemplars=100) for t in range(1, 2000)]
        links = [decision(t.key.track, t.key.track) for t in tracks]
        with pytest.raises(StoreError, match="max_mb = 8 is too small for the people in view; raise it"):
            store.write(0, links, tracks, {t.key for t in tracks})
        assert size_of(path) <= 8e6
        store._links, store._tracklets = [], {}


def test_a_reader_who_holds_the_log_makes_it_wait_and_not_grow(path, caplog):
    with closing(opened(path, max_mb=8)) as store:
        store.write(0, [decision(1, 1)], [tracklet(1, 1)])
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM people").fetchall()
            for step in range(60):
                tracks = range(step * 50 + 2, step * 50 + 52)
                batch = [tracklet(t, 1, start=step, exemplars=60) for t in tracks]
                store.write(step, [decision(t, t) for t in tracks], batch)
                assert size_of(path) <= 8e6
        assert "keeps its log from being emptied" in caplog.text
        store.write(61, [], [])
        assert (store.run, "gate", 3001) in identities_in(store)
        assert store._tracklets == {}
        assert size_of(path) <= 8e6


def test_a_reader_who_never_lets_go_ends_the_run(path, monkeypatch):
    monkeypatch.setattr("reid.store._BACKLOG", 100)
    with closing(opened(path, max_mb=8)) as store:
        store.write(0, [decision(1, 1)], [tracklet(1, 1)])
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM people").fetchall()
            tracks = range(2, 1000)
            batch = [tracklet(track, 1, exemplars=60) for track in tracks]
            with pytest.raises(StoreError, match="within max_mb; close that program"):
                store.write(0, [decision(track, track) for track in tracks], batch)


def test_the_views_tell_routes(path):
    with closing(opened(path)) as store:
        walk = [("gate", 0.0), ("yard", 10.0), ("gate", 30.0)]
        for number, (camera, start) in enumerate(walk, start=1):
            one = tracklet(number, 1, camera=camera, start=start)
            store.write(start, [decision(number, 1, camera=camera)], [one])
        db = store._db
        assert db.execute("SELECT camera, start_time, end_time FROM routes").fetchall() == [
            ("gate", 0, 5),
            ("yard", 10, 15),
            ("gate", 30, 35),
        ]
        assert db.execute("SELECT identity, first_seen, last_seen, tracklets FROM people").fetchall() == [
            (1, 0, 35, 3)
        ]
        transits = "SELECT from_camera, to_camera, seconds FROM transits WHERE to_camera NOT NULL"
        assert db.execute(transits).fetchall() == [("gate", "yard", 5), ("yard", "gate", 15)]
