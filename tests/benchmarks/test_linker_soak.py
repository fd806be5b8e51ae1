from itertools import islice

import numpy as np
import pytest

from benchmarks.linker_soak import Ledger, soak
from benchmarks.simulated_site import Call, Plan, SimulatedSite, equal_error, key_of, site_equal_error
from benchmarks.transits import score_transits, true_transits
from pipeline.config import load_processing
from pipeline.errors import TruthError
from reid.tracklets import CameraId, IdentityId, Link, LinkKind, TrackletKey
from tests.benchmarks.sites import site
from trackers.tracks import TrackState

SMALL = Plan(cameras=6, people=40, hours=0.1, dimension=64)


def test_simulated_calls_are_in_order_and_end_every_track():
    calls = list(SimulatedSite(SMALL).calls())
    assert (np.diff([call.time for call in calls]) >= 0).all()
    ended = [key_of(call) for call in calls if call.views[0].state is TrackState.ENDED]
    assert len(ended) == len(set(ended)) == len({key_of(call) for call in calls})
    assert {call.people[0] for call in calls} == set(range(40))
    lengths = [np.linalg.norm(c.views[0].embedding) for c in calls if c.views[0].embedding is not None]
    np.testing.assert_allclose(lengths, 1, atol=1e-5)


def test_simulated_transits_are_as_stated():
    simulated = SimulatedSite(Plan(cameras=6, people=1500, dimension=64))
    last: dict[int, tuple[TrackletKey, float]] = {}
    gaps: dict[tuple[CameraId, CameraId], list[float]] = {}
    for call in simulated.calls():
        person, view = call.people[0], call.views[0]
        before = last.get(person)
        if view.state is TrackState.CONFIRMED:
            if before and before[0] != key_of(call):
                gaps.setdefault((before[0].camera, call.camera), []).append(call.time - before[1])
            last[person] = key_of(call), call.time
    truth = simulated.transits()
    assert set(gaps) == set(truth)
    for pair, seconds in gaps.items():
        assert np.median(seconds) == pytest.approx(truth[pair], rel=0.15)


def test_simulated_people_are_told_apart_as_real_ones():
    error, share = site_equal_error(SimulatedSite(Plan(seed=0)))
    assert 0.035 < error < 0.065  # .048 on people 1 to 485 of CUHK01
    assert 0.45 < share < 0.55  # .504


def test_equal_error():
    assert equal_error(np.array([0.1, 0.2]), np.array([0.3, 0.4])) == 0
    assert equal_error(np.array([0.1, 0.2, 0.3, 0.6]), np.array([0.25, 0.5, 0.7, 0.8])) == 0.25


def call(camera, track, time, person):
    recorded = site((camera, 0, 1, 1, 0))
    view = next(iter(recorded.calls()))[2][0]
    return Call(camera, time, [type(view)(track, view.box, view.score, view.state, view.embedding)], (person,))


def link(camera, track, identity, kind=LinkKind.LINK, previous=None):
    old = None if previous is None else IdentityId(previous)
    return Link(TrackletKey(camera, track), IdentityId(identity), kind, 0.0, old, None, None, None, None, "")


def test_the_ledger_counts_right_and_wrong_links():
    ledger = Ledger()
    seen = [call("a", 1, 0, 7), call("b", 1, 5, 7), call("a", 2, 6, 8), call("b", 2, 9, 8), call("a", 1, 9.5, 7)]
    assert [ledger.see(each) for each in seen] == [True, True, True, True, False]
    assert ledger.expected == 2
    ledger.take([link("a", 1, 1), link("b", 1, 1), link("a", 2, 1), link("b", 2, 2)])
    assert (ledger.links, ledger.right) == (2, 1)
    ledger.take([link("a", 2, 2, LinkKind.SPLIT, 1), link("b", 2, 1, LinkKind.MERGE, 2)])
    assert (ledger.links, ledger.right) == (2, 1)
    ledger.forget(1e5)
    assert (ledger.links, ledger.expected) == (0, 0)


def test_a_soak_reports_each_part():
    linker = load_processing("default").linker.build(())
    rows = list(soak(linker, SimulatedSite(SMALL).calls(), 0.08, 2))
    assert [row.hours for row in rows] == [0.04, 0.08]
    assert all(row.tracklets > 10 and row.milliseconds > 0 and (row.state or 0) > 0 for row in rows)
    assert all(0.5 < row.precision <= 1 for row in rows)


def test_a_soak_stops_after_its_hours():
    linker, calls = load_processing("default").linker.build(()), SimulatedSite(SMALL).calls()
    list(soak(linker, calls, 0.02, 1))
    assert next(islice(calls, 1)).time > 72


def test_learned_transits_against_the_truth():
    a, b, c = map(CameraId, "abc")
    truth = {(a, b): 10.0, (b, a): 20.0, (b, c): 30.0}
    scores = score_transits({(a, b): 11.0, (b, c): 24.0, (a, c): 5.0}, truth)
    assert scores.precision == pytest.approx(2 / 3)
    assert scores.recall == pytest.approx(2 / 3)
    assert scores.errors == {("a", "b"): pytest.approx(0.1), ("b", "c"): pytest.approx(-0.2)}
    assert scores.median_error == pytest.approx(0.15)
    nothing = score_transits({}, truth)
    assert (nothing.precision, nothing.recall) == (1, 0)
    assert np.isnan(nothing.median_error)


def test_true_transits(tmp_path):
    path = tmp_path / "transits.csv"
    path.write_text("person,from,to,left,appeared,seconds\n1,a,b,0,8,8\n2,a,b,0,4,4\n3,b,a,1,2,1\n3,b,b,1,2,1\n")
    assert true_transits(path) == {("a", "b"): 6, ("b", "a"): 1}
    assert true_transits(path, least=2) == {("a", "b"): 6}
    path.write_text("person,where\n1,a\n")
    with pytest.raises(TruthError, match=r"transits\.csv: not the transits .* render it again"):
        true_transits(path)
