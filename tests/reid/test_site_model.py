"""What a finished run teaches of its site."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reid.appearance import SpaceLearner
from reid.calibration import TYPICAL_GLANCES
from reid.clustering import cluster
from reid.gallery import order
from reid.pair_evidence import Constraints, Evidence
from reid.site_model import SiteModel
from reid.topology import Topology
from reid.tracklets import TrackletKey
from tests.reid.walks import AWAY, CAMERAS, site


def evidence_of(tracklets, constraints=Constraints()):  # noqa: B008 - not changed
    ordered = sorted(tracklets, key=order)
    spaces = SpaceLearner()
    spaces.add(ordered)
    evidence = Evidence(ordered, Topology([], 0.5), constraints)
    evidence.look_through(spaces.space())
    return evidence


def fitted(tracklets, rounds=4, constraints=Constraints()):  # noqa: B008
    evidence = evidence_of(tracklets, constraints)
    model = SiteModel.typical(evidence)
    for _ in range(rounds):
        model.weigh(evidence)
        model = SiteModel.fitted(evidence)
    return evidence, model


def test_who_follows_whom():
    tracklets, who = site(people=20)
    evidence, _ = fitted(tracklets)
    following = evidence.following(evidence.ways)
    people = np.array([who[tracklet.key] for tracklet in evidence.tracklets])
    assert (following.sum(axis=0) <= 1 + 1e-9).all()
    assert (following.sum(axis=1) <= 1 + 1e-9).all()
    assert following[people[:, None] == people].sum() == pytest.approx(following.sum(), rel=0.02)
    assert following.sum() == pytest.approx(40, rel=0.05)  # each of twenty people is seen again twice


def test_how_many_come_back():
    """Three sightings of everybody: two in three are followed by another; the prior takes some off."""
    _, model = fitted(site(people=30)[0])
    assert np.exp(model.traffic.back) == pytest.approx(np.full(3, 2.0), rel=0.25)
    newcomers = np.exp(model.traffic.newcomers).sum() * (2 * 29 + 2 * 15 + 6)
    assert newcomers == pytest.approx(30, rel=0.2)


def test_few_come_back_where_nobody_does():
    _, model = fitted(site(people=60, hops=1)[0])
    assert (np.exp(model.traffic.back) < 0.2).all()


def test_ways_are_learned_without_labels():
    _, model = fitted(site(people=30)[0])
    links = {(link.origin, link.to): link for link in model.transits.learned()}
    assert set(links) == {(CAMERAS[i], CAMERAS[(i + 1) % 3]) for i in range(3)}
    for link in links.values():
        assert link.median == pytest.approx(AWAY, rel=0.15)


def test_the_scales_of_looks_are_those_of_the_site():
    tracklets, who = site(people=30)
    evidence, model = fitted(tracklets)
    people = np.array([who[tracklet.key] for tracklet in evidence.tracklets])
    same = np.triu(people[:, None] == people, 1)
    one, two = model.scales.clear.densities(CAMERAS[0], CAMERAS[1])
    assert one.mean == pytest.approx(evidence.distance[same].mean(), abs=0.1)
    assert two.mean == pytest.approx(evidence.distance[np.triu(people[:, None] != people)].mean(), abs=0.1)


def test_nobody_follows_themselves_whatever_a_person_has_said():
    tracklets, who = site(people=15)
    groups = [[key for key in who if who[key] == person] for person in range(15)]
    evidence, model = fitted(tracklets, constraints=Constraints(together=groups))
    assert np.array_equal(evidence.following(evidence.ways), np.triu(evidence.following(evidence.ways), 1))
    assert np.exp(model.traffic.back) == pytest.approx(np.full(3, 2.0), rel=0.35)
    for link in model.transits.learned():
        assert link.median == pytest.approx(AWAY, rel=0.15)


def test_tracks_without_looks_are_not_taken_for_newcomers():
    tracklets, _ = site(people=30)
    _, without = fitted(tracklets)
    scraps = [
        replace(
            t, key=TrackletKey(t.key.camera, 1000 + 10 * n + k), mean=None, exemplars=np.zeros((0, 0), np.float32)
        )
        for n, t in enumerate(tracklets)
        for k in range(5)
    ]
    _, with_scraps = fitted([*tracklets, *scraps])
    assert with_scraps.traffic.back == pytest.approx(without.traffic.back, abs=0.1)
    assert with_scraps.traffic.newcomers == pytest.approx(without.traffic.newcomers, abs=0.1)


def test_arrivals_are_counted_over_the_time_in_which_people_come():
    tracklets, _ = site(people=30)
    stray = replace(tracklets[0], key=TrackletKey(CAMERAS[0], 999), start=-36000.0, end=-35990.0)
    assert evidence_of([*tracklets, stray]).seconds < 1.5 * evidence_of(tracklets).seconds
    slow = [replace(t, start=60 * t.start, end=60 * t.start + 6) for t in tracklets]
    assert evidence_of(slow).seconds > 40 * evidence_of(tracklets).seconds  # few come, but nobody pauses


def with_glances(tracklets, noise=2.0):
    """A third of the tracklets have one bad view: they look a good deal less like their person than others do."""
    rng = np.random.default_rng(5)
    changed = []
    for tracklet in tracklets:
        if rng.random() < 1 / 3:
            view = tracklet.mean + noise * rng.normal(size=len(tracklet.mean)) / np.sqrt(len(tracklet.mean))
            view = (view / np.linalg.norm(view)).astype(np.float32)
            tracklet = replace(tracklet, mean=view, exemplars=view[None], quality=1.0)  # noqa: PLW2901
        changed.append(tracklet)
    return changed


def test_glances_have_a_scale_of_their_own():
    tracklets, who = site(people=40)
    evidence, model = fitted(with_glances(tracklets, noise=0.8))
    people = np.array([who[tracklet.key] for tracklet in evidence.tracklets])
    same, different = np.triu(people[:, None] == people, 1), np.triu(people[:, None] != people)
    for glances, scale in zip((False, True), model.scales, strict=True):
        own = evidence.glances == glances
        one, two = scale.densities(CAMERAS[0], CAMERAS[1])
        assert one.mean == pytest.approx(float(evidence.distance[same & own].mean()), abs=0.13)
        assert two.mean == pytest.approx(float(evidence.distance[different & own].mean()), abs=0.05)
    assert evidence.distance[same & evidence.glances].mean() < TYPICAL_GLANCES[0].mean - 0.25


def test_only_glances_tell_of_glances():
    evidence = evidence_of(with_glances(site(people=40)[0]))
    certain = np.triu(evidence.apart, 1)
    for glances in (False, True):
        found = np.concatenate(list(evidence.certain_negatives(glances).values()))
        expected = evidence.distance[certain & (evidence.glances == glances)]
        assert np.sort(found) == pytest.approx(np.sort(expected))


def test_glances_are_joined_to_their_person():
    """Taken for clear views, three in eight pairs were missing."""
    tracklets, who = site(people=40)
    found = cluster(with_glances(tracklets), Topology([], 0.5), 0.1)
    people = np.array([who[tracklet.key] for tracklet in found.tracklets])
    same, joined = (np.triu(of[:, None] == of, 1) for of in (people, found.labels))
    assert (same & joined).sum() > 0.8 * same.sum()
    assert (same & joined).sum() > 0.85 * joined.sum()


def glances_of(tracklets):
    return np.diagonal(evidence_of(tracklets).glances)


@pytest.mark.parametrize(
    ("usual", "views", "expected"), [(20, 3, True), (20, 5, False), (4, 3, False), (1, 0.4, True)]
)
def test_what_a_glance_is(usual, views, expected):
    """Few clear views, and fewer than is usual: where all tracklets are brief, people do look like that."""
    tracklets = [replace(tracklet, quality=float(usual)) for tracklet in site()[0]]
    tracklets[0] = replace(tracklets[0], quality=float(views))
    assert glances_of(tracklets).sum() == expected


def test_what_is_usual_is_each_cameras_own():
    sparse = [
        replace(tracklet, quality=3.0 if tracklet.key.camera == CAMERAS[2] else 30.0) for tracklet in site()[0]
    ]
    assert not glances_of(sparse).any()


def test_tracks_without_looks_are_no_glances_and_do_not_say_what_is_usual():
    tracklets = [replace(tracklet, quality=3.0) for tracklet in site()[0]]
    unseen = [replace(tracklet, mean=None, quality=0.0) for tracklet in tracklets[:35]]
    assert not glances_of([*tracklets[35:], *unseen]).any()
