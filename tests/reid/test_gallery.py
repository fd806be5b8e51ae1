from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reid.appearance import SpaceLearner
from reid.gallery import Gallery, Identity, transit_between
from reid.tracklet_builder import TrackletBuilder, observation_qualities
from reid.tracklets import CameraId, IdentityId, TrackletKey
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


def gallery_of(tracklets, **bounds):
    """One identity each, compared in the space that they span."""
    learner = SpaceLearner()
    learner.add(tracklets)
    gallery = Gallery(bounds.get("expiry", 100), 10_000, bounds.get("most_tracklets", 20))
    for each in tracklets:
        gallery.put([each], gallery.create())
    gallery.look_through(learner.space())
    return gallery


def test_rows_follow_their_tracklets_through_moves_and_merges():
    rng = np.random.default_rng(1)
    tracklets = [tracklet(rng, track=track)[0] for track in range(1, 6)]
    gallery = gallery_of(tracklets)
    query = gallery.row(tracklets[4])
    gallery.merge(gallery[1], gallery[2])
    gallery.move(tracklets[2], gallery[3], gallery[1])
    gallery.remove(5)
    owners, cameras, distances = gallery.appearances.distances(query, {tracklets[3].key})
    assert owners.tolist() == [1, 1, 1]
    assert cameras.tolist() == [0, 0, 0]
    expected = [1 - float(gallery.row(each) @ query) for each in tracklets[:3]]
    assert sorted(distances) == pytest.approx(sorted(expected), abs=1e-6)


def test_a_new_space_renews_all_rows():
    rng = np.random.default_rng(1)
    tracklets = [tracklet(rng, track=track)[0] for track in range(1, 6)]
    gallery = gallery_of(tracklets[:2])
    before = gallery.appearances.row(tracklets[0].key).copy()
    learner = SpaceLearner()
    learner.add(tracklets)
    learner.space()
    learner.add(tracklets)
    gallery.look_through(learner.space())
    after = gallery.appearances.row(tracklets[0].key)
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after, gallery.row(tracklets[0]), atol=1e-6)


def test_an_identity_keeps_its_latest_tracklets():
    rng = np.random.default_rng(2)
    members = [replace(tracklet(rng, track=track)[0], end=float(track)) for track in range(1, 8)]
    gallery = gallery_of(members[:1], most_tracklets=3)
    gallery.put(members[1:], gallery[1])
    gallery.forget(0.0, {TrackletKey(CameraId("a"), 1): IdentityId(1)})
    assert sorted(member.key.track for member in gallery[1].members) == [1, 6, 7]  # 1 is still in view
    assert [gallery.appearances.row(member.key) is None for member in members] == [
        False,
        *[True] * 4,
        False,
        False,
    ]


def test_who_was_not_seen_for_long_is_forgotten():
    rng = np.random.default_rng(3)
    members = [replace(tracklet(rng, track=track)[0], end=10.0 * track) for track in range(1, 5)]
    gallery = gallery_of(members, expiry=25)
    gallery.forget(45.0, {})
    assert [identity.id for identity in gallery] == [2, 3, 4]
    assert gallery.appearances.row(members[0].key) is None


def test_out_of_view_between_two_identities_is_until_the_later_one_begins():
    rng = np.random.default_rng(1)
    early, late = Identity(IdentityId(1)), Identity(IdentityId(2))
    starts = enumerate((0.0, 20.0, 33.0, 60.0))
    made = [replace(tracklet(rng, track=track)[0], start=start, end=start + 5) for track, start in starts]
    for owner, each in zip((early, early, late, late), made, strict=True):
        owner.put(each)
    assert transit_between(early, late) == transit_between(late, early) == 33 - 25


def test_an_identity_that_lost_tracklets_is_not_whole_nor_are_those_that_it_is_merged_into():
    rng = np.random.default_rng(3)
    members = [replace(tracklet(rng, track=track)[0], end=10.0 * track) for track in range(1, 6)]
    gallery = gallery_of(members[3:], most_tracklets=2)
    long = gallery.create()
    gallery.put(members[:3], long)
    gallery.forget(50.0, {})
    one, two, _ = gallery
    assert [identity.whole for identity in (one, two, long)] == [True, True, False]
    gallery.merge(one, long)
    assert not one.whole
