"""Offline decisions over all tracklets."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from reid.clustering import _swept, cluster
from reid.gallery import order
from reid.pair_evidence import Constraints, Evidence
from reid.topology import CameraLink, Topology
from reid.tracklets import Tracklet, TrackletKey
from tests.reid.walks import CAMERAS, site


def agreement(result, who):
    """Share of pairs on which the clusters agree with the truth, of those that either puts together."""
    labels = result.labels
    people = np.array([who[tracklet.key] for tracklet in result.tracklets])
    ours, truth = labels[:, None] == labels, people[:, None] == people
    pairs = np.triu(np.ones_like(ours), 1)
    return (ours & truth & pairs).sum() / ((ours | truth) & pairs).sum()


@pytest.mark.parametrize("seed", range(3))
def test_everybody_is_one_cluster(seed):
    tracklets, who = site(seed=seed)
    assert agreement(cluster(tracklets, Topology([], 0.5)), who) > 0.95


def test_the_order_of_tracklets_does_not_matter():
    tracklets, _ = site()
    straight = cluster(tracklets, Topology([], 0.5))
    shuffled = cluster(
        [tracklets[i] for i in np.random.default_rng(0).permutation(len(tracklets))], Topology([], 0.5)
    )
    assert [t.key for t in straight.tracklets] == [t.key for t in shuffled.tracklets]
    assert straight.labels.tolist() == shuffled.labels.tolist()


def test_nobody_is_in_two_places_at_once():
    tracklets, _ = site(people=20, noise=3.0)  # looks say nothing
    result = cluster(tracklets, Topology([], 0.5), false_link_rate=0.4)
    for label in np.unique(result.labels):
        times = sorted(
            (t.start, t.end) for t, own in zip(result.tracklets, result.labels, strict=True) if own == label
        )
        assert all(a[1] <= b[0] + 0.5 for a, b in pairwise(times))


def test_camera_links_are_kept():
    tracklets, _ = site()
    links = [CameraLink(origin=CAMERAS[0], to=CAMERAS[1], seconds=(0, 60))]
    topology = Topology(links, 0.5)
    result = cluster(tracklets, topology)
    for label in np.unique(result.labels):
        members = [t for t, own in zip(result.tracklets, result.labels, strict=True) if own == label]
        assert all(topology.can_follow(a, b) for a, b in pairwise(members))


def test_a_persons_word_goes_before_everything():
    tracklets, who = site()
    keys = [tracklet.key for tracklet in tracklets]
    same, other = [key for key in keys if who[key] == 3], [key for key in keys if who[key] == 7]
    constraints = Constraints(together=[(same[0], other[0])], apart=[(same[1], same[2])])
    result = cluster(tracklets, Topology([], 0.5), constraints=constraints)
    label = {t.key: int(own) for t, own in zip(result.tracklets, result.labels, strict=True)}
    assert label[same[0]] == label[other[0]]
    assert label[same[1]] != label[same[2]]


def test_little_is_no_problem():
    tracklets, _ = site()
    assert cluster([], Topology([], 0.5)).labels.tolist() == []
    assert cluster(tracklets[:1], Topology([], 0.5)).labels.tolist() == [0]
    blind = Tracklet(
        TrackletKey(CAMERAS[0], 99),
        0,
        1,
        tracklets[0].entry_box,
        tracklets[0].exit_box,
        None,
        np.zeros((0, 0), np.float32),
        3,
        0,
    )
    assert sorted(cluster([blind, tracklets[3]], Topology([], 0.5)).labels.tolist()) == [0, 1]


def test_the_way_goes_on_from_the_track_of_a_person_found_twice_that_ends_last():
    tracklets, who = site(hops=2)
    first = next(tracklet for tracklet in tracklets if who[tracklet.key] == 5)
    twice = replace(
        first,
        key=TrackletKey(first.key.camera, 999),
        start=first.start + 1,
        end=first.start + 2,
        doubles=frozenset({first.key.track}),
    )
    who[twice.key] = 5
    links = [
        CameraLink(origin=a, to=b, seconds=(0, 10)) for a in CAMERAS for b in CAMERAS if a != b
    ]  # 9 s pass, and 13 s from the end of the shorter track
    result = cluster([*tracklets, twice], Topology(links, 0.5))
    labels = {
        int(label)
        for tracklet, label in zip(result.tracklets, result.labels, strict=True)
        if who[tracklet.key] == 5
    }
    assert len(labels) == 1


def test_a_broken_track_goes_on():
    """Who is lost for a moment and found in the same place, half hidden, hardly looks like before."""
    tracklets, who = site(people=8)
    first = next(tracklet for tracklet in tracklets if who[tracklet.key] == 4)
    other = np.random.default_rng(5).normal(size=len(first.mean))
    looks = 0.2 * first.mean + 0.7 * other / np.linalg.norm(other)
    looks = (looks / np.linalg.norm(looks)).astype(np.float32)
    piece = replace(
        first,
        key=TrackletKey(first.key.camera, 99),
        start=first.end + 0.5,
        end=first.end + 1.5,
        mean=looks,
        exemplars=looks[None],
    )
    result = cluster([*tracklets, piece], Topology([], 0.5))
    label = {t.key: int(own) for t, own in zip(result.tracklets, result.labels, strict=True)}
    assert label[piece.key] == label[first.key]


def precision(result, who):
    labels = result.labels
    people = np.array([who[tracklet.key] for tracklet in result.tracklets])
    ours = np.triu(labels[:, None] == labels, 1)
    return (ours & (people[:, None] == people)).sum() / ours.sum()


def shifted(tracklet, seconds):
    return replace(tracklet, start=tracklet.start + seconds, end=tracklet.end + seconds)


def test_many_people_do_not_make_strangers_alike():
    """What is learned from unlikely pairs must not make the next ones likelier, round after round."""
    tracklets, who = site(people=200, noise=2.0)
    result = cluster(tracklets, Topology([], 0.5), false_link_rate=0.1)
    assert precision(result, who) > 0.97
    assert agreement(result, who) > 0.9


@pytest.mark.parametrize("pause", [1800.0, 36000.0])
def test_a_pause_makes_nobody_alike(pause):
    """Rates of newcomers are those of the hours in which people come."""
    tracklets, who = site(people=60, noise=1.5)
    result = cluster([shifted(t, pause * (who[t.key] >= 30)) for t in tracklets], Topology([], 0.5))
    assert precision(result, who) > 0.97
    assert agreement(result, who) > 0.9


def test_one_camera_that_people_come_back_to():
    tracklets, who = site(people=30, noise=1.5)
    alone, people = [], {}
    for number, tracklet in enumerate(tracklets):
        key, start = TrackletKey(CAMERAS[0], number), 60.0 * who[tracklet.key] + 12.0 * (number % 3)
        alone.append(replace(tracklet, key=key, start=start, end=start + 6))
        people[key] = who[tracklet.key]
    assert agreement(cluster(alone, Topology([], 0.5)), people) > 0.9


def test_what_the_ways_have_joined_stays_together():
    """The sweep weighs as the joining does: a piece that looks like nobody stays where it goes on."""
    tracklets, _ = site(people=2, hops=3)
    evidence = Evidence(sorted(tracklets, key=order)[:4], Topology([], 100.0), Constraints())
    evidence.distance[:] = 0.5
    evidence.looks[:] = 6.0
    evidence.looks[3] = evidence.looks[:, 3] = [-3.0, -3.0, 0.0, 0.0]
    evidence.apart[:] = False
    evidence.ways[:] = 0.0
    evidence.ways[2, 3] = 9.0
    assert _swept(evidence, np.zeros(4, np.int64)).tolist() == [0, 0, 0, 0]
    evidence.ways[2, 3] = 0.0
    assert _swept(evidence, np.zeros(4, np.int64)).tolist() == [0, 0, 0, 1]


def test_merges_that_share_a_track_make_one_person_of_all():
    """Also of tracks that times and links would keep apart: a person's word goes before these."""
    tracklets, _ = site(people=6)
    a, b, c, d = (replace(tracklet, start=0.0, end=5.0) for tracklet in tracklets[:12:3])
    keys = [each.key for each in (a, b, c, d)]
    constraints = Constraints(together=[(keys[0], keys[1]), (keys[2], keys[3]), (keys[1], keys[2])])
    everybody = [a, b, c, d, *tracklets[12:]]
    found = cluster(everybody, Topology([], 0.5), constraints=constraints)
    label = {tracklet.key: int(own) for tracklet, own in zip(found.tracklets, found.labels, strict=True)}
    assert len({label[key] for key in keys}) == 1
    places = [place for place, tracklet in enumerate(found.tracklets) if tracklet.key in keys]
    assert found.evidence.together == [places]
    assert not found.evidence.apart[np.ix_(places, places)].any()
