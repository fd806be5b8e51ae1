"""Joint decisions about who is who."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid.gallery import Gallery, Identity
from reid.learning import SiteLearning
from reid.matching import (
    CandidateSearch,
    Match,
    ReturnShare,
    agreement,
    assign,
    joint_probabilities,
    with_probabilities,
)
from reid.topology import Topology
from reid.tracklets import CameraId, IdentityId, Tracklet, TrackletKey


def match(identity, nats):
    return Match(Identity(IdentityId(identity)), 0.5, nats, 0.0, 0.0)


def seen(camera, track, start, rng):
    row = rng.normal(size=(1, 32)).astype(np.float32)
    row /= np.linalg.norm(row)
    box = np.array([0, 0, 40, 100], np.float32)
    return Tracklet(TrackletKey(CameraId(camera), track), start, start + 5, box, box, row[0], row, 20, 10.0)


def by_enumeration(log_odds):
    """Probabilities of pairs from all partial matchings."""
    rows, columns = log_odds.shape
    weights, total = np.zeros_like(log_odds), 0.0
    targets = [*range(columns), *[-1] * rows]
    for chosen in set(permutations(targets, rows)):
        worth = np.exp(sum(log_odds[row, column] for row, column in enumerate(chosen) if column >= 0))
        total += worth
        for row, column in enumerate(chosen):
            if column >= 0:
                weights[row, column] += worth
    return weights / total


def random_odds(seed):
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(0, 3, (3, 3))
    log_odds[rng.random((3, 3)) < 0.3] = -np.inf
    return log_odds


@given(st.integers(0, 10_000))
def test_joint_probabilities_are_never_far_from_those_of_all_matchings(seed):
    log_odds = random_odds(seed)  # the greatest error of all these seeds is .225
    np.testing.assert_allclose(joint_probabilities(log_odds), by_enumeration(log_odds), atol=0.23)


def test_joint_probabilities_are_mostly_close():
    errors = [
        np.abs(joint_probabilities(random_odds(seed)) - by_enumeration(random_odds(seed))).max()
        for seed in range(200)
    ]
    assert np.median(errors) < 0.001
    assert np.quantile(errors, 0.95) < 0.1


def test_on_a_tree_they_are_exact():
    log_odds = np.array([[2.0, 1.0, -np.inf], [-np.inf, 1.5, 0.5]])
    np.testing.assert_allclose(joint_probabilities(log_odds), by_enumeration(log_odds), atol=1e-6)


def test_a_rival_who_needs_the_identity_more_lowers_the_probability():
    alone = assign({"a": [match(1, 2.0)]})["a"].probability
    both = assign({"a": [match(1, 2.0)], "b": [match(1, 6.0)]})
    assert set(both) == {"b"}
    assert alone == pytest.approx(1 / (1 + np.exp(-2.0)))
    contested = assign({"a": [match(1, 2.0), match(2, 1.0)], "b": [match(1, 6.0)]})
    assert contested["a"].identity.id == 2


def test_candidates_share_one_probability_with_somebody_new():
    first, second = with_probabilities([match(1, 3.0), match(2, 3.0)])
    assert first.probability == second.probability == pytest.approx(np.exp(3) / (1 + 2 * np.exp(3)))


@pytest.mark.parametrize("count", [5, 300])
def test_where_all_ways_are_alike_they_say_nothing_however_many_people_there_are(count):
    rng = np.random.default_rng(1)
    learning = SiteLearning()
    gallery = Gallery(expiry=3600, most_identities=1000, most_tracklets=10)
    known = [seen("a", number, 0.0, rng) for number in range(count)]
    learning.meet(known, {tracklet.key: [] for tracklet in known}, gallery)
    for tracklet in known:
        gallery.put([tracklet], gallery.create())
    search = CandidateSearch(gallery, Topology([]), learning.calibration, learning.transits, learning.returns)
    found = search.candidates(seen("b", 1, 30.0, rng))
    assert len(found) == min(count, 50)
    assert [match.way for match in found] == pytest.approx([0.0] * len(found), abs=1e-9)
    assert sum(match.probability for match in found) < 1


def test_who_is_expected_counts_by_how_many_do_come_and_not_by_how_many_are_looked_at():
    rng = np.random.default_rng(1)
    learning = SiteLearning()
    gallery = Gallery(expiry=3600, most_identities=1000, most_tracklets=10)
    new = seen("b", 1, 3015.0, rng)
    known = [seen("a", number, 10.0 * number, rng) for number in range(300)]
    known[-1] = replace(known[-1], mean=new.mean, exemplars=new.exemplars)  # ends at 2995 s
    learning.meet(known, {tracklet.key: [] for tracklet in known}, gallery)
    for tracklet in known:
        gallery.put([tracklet], gallery.create())
        learning.transits.add(tracklet, seen("b", 1, tracklet.end + 20 * np.exp(rng.normal(0, 0.1)), rng))
    for number in range(300):  # one in ten seconds appears in b, too
        learning.transits.arrive(seen("b", number, 10.0 * number, rng))
    search = CandidateSearch(gallery, Topology([]), learning.calibration, learning.transits, learning.returns)
    first = search.candidates(new)[0]
    assert known[-1].key in first.identity
    assert first.way == pytest.approx(np.log(300), abs=1.0)  # nobody else can have come


def test_many_tracklets_that_agree_are_worth_little_more_than_a_few():
    assert agreement(1) == 1
    worth = agreement(np.arange(1, 200))
    assert (np.diff(worth) > 0).all()
    assert worth[-1] < 1.25


def test_evidence_against_is_no_match():
    assert assign({"a": [match(1, -0.5)]}) == {}
    assert assign({}) == {}


def test_how_often_people_come_back_is_learned():
    returns = ReturnShare()
    assert returns.log_odds == 0
    for _ in range(1000):
        returns.add(0.9)
    assert returns.log_odds == pytest.approx(np.log(9), abs=0.1)


@pytest.mark.parametrize("nats", [30.0, 37.0, 60.0, 700.0])
def test_joint_probabilities_of_overwhelming_evidence_are_numbers(nats):
    odds = np.array([[nats, -3.0, nats], [-3.0, nats, -np.inf], [0.0, -3.0, nats]])
    found = joint_probabilities(odds)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (found <= 1).all()


@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize(("away", "expected"), [(20.0, True), (300.0, False)])
def test_two_known_people_are_more_likely_one_where_the_second_comes_when_the_first_is_expected(
    away, expected, odd
):
    """Also if the second one has been seen several times since, and if its first track looks like others."""
    rng = np.random.default_rng(1)
    learning = SiteLearning()
    gallery = Gallery(expiry=3600, most_identities=1000, most_tracklets=10)
    known = [seen("a", number, 10.0 * number, rng) for number in range(100)]
    mean, last = known[0].mean, 505.0
    walks = [("a", 900, last - 65), ("a", 901, last - 5), ("b", 902, last + away), ("b", 903, last + away + 30)]
    same = [replace(seen(*where, rng), mean=mean, exemplars=mean[None]) for where in walks]
    if odd:
        same[2] = replace(same[2], mean=-mean, exemplars=-mean[None])
    learning.meet([*known, *same], {tracklet.key: [] for tracklet in [*known, *same]}, gallery)
    for tracklet in known:
        learning.transits.add(tracklet, seen("b", 1, tracklet.end + 20 * np.exp(rng.normal(0, 0.1)), rng))
    for group in (*([tracklet] for tracklet in known[1:]), same[:2], same[2:]):
        gallery.put(group, gallery.create())
    for tracklet in known:
        learning.transits.arrive(seen("b", tracklet.key.track, tracklet.start, rng))
    search = CandidateSearch(gallery, Topology([]), learning.calibration, learning.transits, learning.returns)
    early, late = list(gallery)[-2:]
    for own, other, tracklet in ((late, early, same[3]), (early, late, same[1])):
        found = next(match for match in search.mergeable(tracklet, own) if match.identity is other)
        assert (found.way > 1) == expected
        assert (found.way < -1) == (not expected)
        late.whole = False  # its first tracklets were dropped
        assert next(match for match in search.mergeable(tracklet, own) if match.identity is other).way == 0
        late.whole = True
