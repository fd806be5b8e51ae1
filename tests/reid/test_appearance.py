"""The space that is learned of a site: what it takes off, and what it leaves."""

from __future__ import annotations

import json

import numpy as np
import pytest

from reid.appearance import Space, SpaceLearner, rows_of
from reid.tracklets import CameraId, Tracklet, TrackletKey

D = 32
BOX = np.array([0, 0, 40, 100], np.float32)


def unit(row):
    return (row / np.linalg.norm(row)).astype(np.float32)


def people(seed=0, count=60, bias=1.5, nuisance=1.0, cameras="ab"):
    """Tracklets of everybody in each camera: person + camera bias + scatter along three directions."""
    rng = np.random.default_rng(seed)
    looks = rng.normal(size=(count, D))
    directions = rng.normal(size=(3, D))
    tracklets = []
    for number, camera in enumerate(cameras):
        offset = bias * rng.normal(size=D)
        for person in range(count):
            views = [unit(looks[person] + offset + nuisance * rng.normal(size=3) @ directions) for _ in range(4)]
            key = TrackletKey(CameraId(camera), person + 1)
            mean = unit(np.mean(views, axis=0))
            tracklets.append(Tracklet(key, number, number + 1, BOX, BOX, mean, np.stack(views), 4, 4.0))
    return tracklets


def separation(rows, count):
    """d' of same and different people between the first two cameras."""
    d = 1 - rows[:count] @ rows[count : 2 * count].T
    same, different = np.diagonal(d), d[~np.eye(count, dtype=bool)]
    return (different.mean() - same.mean()) / np.sqrt((same.var() + different.var()) / 2)


def space_of(tracklets):
    learner = SpaceLearner()
    learner.add(tracklets)
    return present(learner)


def present(learner: SpaceLearner) -> Space:
    space = learner.space()
    assert space is not None
    return space


@pytest.mark.parametrize(("bias", "nuisance"), [(1.5, 0.0), (0.0, 1.5), (1.5, 1.5)])
def test_camera_bias_and_scatter_within_tracks_stop_counting(bias, nuisance):
    tracklets = people(bias=bias, nuisance=nuisance)
    raw = np.stack([tracklet.mean for tracklet in tracklets])
    rows = rows_of(space_of(tracklets), tracklets)
    assert separation(rows, 60) > 1.25 * separation(raw, 60)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_an_unknown_camera_gets_the_mean_of_the_known_ones():
    tracklets = people()
    space = space_of(tracklets[:60])
    elsewhere = space.rows(CameraId("new"), tracklets[0].mean[None])
    assert np.isfinite(elsewhere).all()


def test_a_new_version_only_after_many_more_tracklets():
    tracklets = people()
    learner = SpaceLearner()
    learner.add(tracklets[:40])
    first = present(learner)
    learner.add(tracklets[40:45])
    assert present(learner) is first
    learner.add(tracklets[45:60])
    assert present(learner).version == first.version + 1


def test_another_embedder_starts_anew():
    learner = SpaceLearner()
    learner.add(people())
    wide = np.eye(48, dtype=np.float32)
    learner.add([Tracklet(TrackletKey(CameraId("a"), 1), 0, 1, BOX, BOX, wide[0], wide[:2], 2, 2.0)])
    assert present(learner).rows(CameraId("a"), wide[:1]).shape == (1, 48)


def test_what_was_learned_survives_as_json():
    tracklets = people()
    learner, again = SpaceLearner(), SpaceLearner()
    learner.add(tracklets)
    again.restore(json.loads(json.dumps(learner.state())))
    np.testing.assert_allclose(rows_of(present(again), tracklets), rows_of(present(learner), tracklets), atol=1e-4)


def test_thousands_of_tracklets_keep_no_more_than_a_matrix():
    learner = SpaceLearner()
    tracklets = people(count=200)
    for _ in range(30):
        learner.add(tracklets)
    assert learner._count <= 5000
    assert learner.space() is not None


def test_without_any_appearance_there_is_no_space():
    learner = SpaceLearner()
    learner.add(
        [Tracklet(TrackletKey(CameraId("a"), 1), 0, 1, BOX, BOX, None, np.zeros((0, 0), np.float32), 2, 0.0)]
    )
    assert learner.space() is None
