"""Offline decisions about simulated people, whom looks alone do not tell apart for certain."""

from __future__ import annotations

import numpy as np

from benchmarks.simulated_site import Plan, SimulatedSite, key_of
from reid.clustering import cluster
from reid.topology import Topology
from reid.tracklet_builder import TrackletBuilder, observation_qualities


def simulated(plan):
    builders, person_of = {}, {}
    for call in SimulatedSite(plan).calls():
        seen = [view for view in call.views if view.state.value == "confirmed"]
        for view, quality in zip(seen, observation_qualities(seen), strict=True):
            key = key_of(call)
            if key not in builders:
                builders[key], person_of[key] = TrackletBuilder(key, 5), call.people[0]
            builders[key].observe(view, call.time, float(quality))
    return [builder.tracklet(frozenset()) for builder in builders.values()], person_of


def test_ways_make_up_for_looks():
    """Before those who come back were counted by all their probabilities, one pair in five was found here."""
    tracklets, person_of = simulated(Plan(cameras=10, people=100, hours=1 / 6, tracklet=1.0, dimension=64))
    found = cluster(tracklets, Topology([], 0.5))
    people = np.array([person_of[tracklet.key] for tracklet in found.tracklets])
    ours, truth = (np.triu(labels[:, None] == labels, 1) for labels in (found.labels, people))
    assert (ours & truth).sum() > 0.8 * ours.sum()
    assert (ours & truth).sum() > 0.8 * truth.sum()
