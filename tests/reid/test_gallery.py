from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reid.gallery import Gallery, linkage, tracklet_distances
from reid.tracklet_builder import TrackletBuilder, observation_qualities
from reid.tracklets import CameraId, TrackletKey
from trackers.tracks import Track, TrackId, TrackState


def view(embedding, score=0.9, box=(0, 0, 40, 100)):
    box = np.array(box, np.float32)
    return Track(TrackId(1), box, np.zeros(2, np.float32), score, TrackState.CONFIRMED, embedding)


def unit(rng):
    row = rng.normal(size=16)
    return (row / np.linalg.norm(row)).astype(np.float32)


def tracklet(rng, views=8, camera="a", track=1, exemplars=4):
    builder = TrackletBuilder(TrackletKey(CameraId(camera), track), exemplars)
    rows = [unit(rng) for _ in range(views)]
    for step, row in enumerate(rows):
        builder.observe(view(row), step / 10, 1.0)
    return builder.tracklet(), rows


def test_distances_equal_the_definition_pair_by_pair():
    rng = np.random.default_rng(0)
    query = tracklet(rng)[0]
    others = [tracklet(rng, views=views, track=views)[0] for views in (1, 3, 9)]
    for other, distance in zip(others, tracklet_distances(query, others), strict=True):
        nearest = [min(1 - e @ f for f in other.exemplars) for e in query.exemplars]
        back = [min(1 - e @ f for f in query.exemplars) for e in other.exemplars]
        expected = ((1 - query.mean @ other.mean) + (np.mean(nearest) + np.mean(back)) / 2) / 2
        assert distance == pytest.approx(expected, abs=1e-5)
        assert tracklet_distances(other, [query])[0] == pytest.approx(distance, abs=1e-6)  # symmetric


def test_the_mean_is_weighted_by_quality():
    builder = TrackletBuilder(TrackletKey(CameraId("a"), 1), 4)
    axes = np.eye(16, dtype=np.float32)
    builder.observe(view(axes[0]), 0.0, 0.9)
    builder.observe(view(axes[1]), 0.1, 0.1)
    mean = builder.tracklet().mean
    assert mean is not None
    assert mean[0] / mean[1] == pytest.approx(9)
    assert np.linalg.norm(mean) == pytest.approx(1)


def test_exemplars_are_few_and_spread_out():
    builder = TrackletBuilder(TrackletKey(CameraId("a"), 1), 3)
    axes = np.eye(16, dtype=np.float32)
    rng = np.random.default_rng(0)
    for step in range(60):
        row = axes[step // 20] + 0.05 * rng.normal(size=16)
        builder.observe(view((row / np.linalg.norm(row)).astype(np.float32)), step / 10, 1.0)
    exemplars = builder.tracklet().exemplars
    assert exemplars.shape == (3, 16)
    assert sorted(exemplars.argmax(axis=1)) == [0, 1, 2]  # one of each of the three looks


def test_who_is_covered_counts_less():
    axes = np.eye(16, dtype=np.float32)
    front, behind = view(axes[0], box=(0, 0, 40, 110)), view(axes[1], box=(20, 0, 60, 100))
    alone = view(axes[2], box=(200, 0, 240, 100))
    qualities = observation_qualities([front, behind, alone])
    assert qualities == pytest.approx([0.9, 0.45, 0.9], abs=0.01)
    assert observation_qualities([]).shape == (0,)


def test_distance_to_an_identity_is_the_mean_over_its_tracklets_without_the_query_itself():
    rng = np.random.default_rng(1)
    query = tracklet(rng, track=1)[0]
    members = [tracklet(rng, track=track)[0] for track in (2, 3)]
    gallery = Gallery(100, 10, 10)
    one = gallery.create()
    for member in (*members, query):
        one.put(member)
    identities, distances = gallery.distances(query)
    assert [identity.id for identity in identities] == [1]
    assert distances[0] == pytest.approx(tracklet_distances(query, members).mean())
    assert linkage([query], members) == pytest.approx(distances[0])


def test_an_identity_keeps_its_latest_tracklets():
    rng = np.random.default_rng(2)
    gallery = Gallery(100, 10, most_tracklets=3)
    identity = gallery.create()
    for track in range(1, 8):
        identity.put(replace(tracklet(rng, track=track)[0], end=float(track)))
    gallery.forget(0.0, {TrackletKey(CameraId("a"), 1): identity.id})
    assert sorted(member.key.track for member in identity.members) == [1, 6, 7]  # 1 is still in view
