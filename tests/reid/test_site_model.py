"""What a finished run teaches of its site."""

from __future__ import annotations

import numpy as np
import pytest

from reid.appearance import SpaceLearner
from reid.gallery import order
from reid.pair_evidence import Constraints, Evidence
from reid.site_model import SiteModel
from reid.topology import Topology
from tests.reid.walks import AWAY, CAMERAS, site


def evidence_of(tracklets):
    ordered = sorted(tracklets, key=order)
    spaces = SpaceLearner()
    spaces.add(ordered)
    evidence = Evidence(ordered, Topology([], 0.5), Constraints())
    evidence.look_through(spaces.space())
    return evidence


def fitted(tracklets, rounds=4):
    evidence = evidence_of(tracklets)
    model = SiteModel.typical(evidence)
    for _ in range(rounds):
        evidence.weigh(model.calibration, model.transits, model.traffic)
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
    one, two = model.calibration.densities(CAMERAS[0], CAMERAS[1])
    assert one.mean == pytest.approx(evidence.distance[same].mean(), abs=0.1)
    assert two.mean == pytest.approx(evidence.distance[np.triu(people[:, None] != people)].mean(), abs=0.1)
