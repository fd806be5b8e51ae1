import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.linker_scores import LinkErrors, decision_errors, idf1, link_errors, pair_scores, way
from benchmarks.linkers import ratio_interval
from benchmarks.recorded_site import STATES
from benchmarks.site_tracklets import site_tracklets
from pipeline.scores import Annotations, Sequence, score_global
from reid.tracklets import IdentityId, Link, LinkKind, TrackletKey
from tests.benchmarks.sites import site
from trackers.tracks import TrackState

FOUR = site(
    ("a", 0, 2, 1, 0), ("b", 4, 6, 1, 10), ("a", 5, 9, 2, 90), ("b", 12, 14, 2, 80), ("a", 20, 21, None, 45)
)


def by_trackeval(recorded, tracklets, labels):
    """The global IDF1 of the run that these labels would be."""
    label_of = {key: int(label) for key, label in zip(tracklets.keys, labels, strict=True)}
    call = recorded.call_of_view()
    seen = recorded.state == STATES.index(TrackState.CONFIRMED)
    cameras = {}
    for number, name in enumerate(recorded.cameras):
        mine = seen & (recorded.call_camera[call] == number)
        ids = np.array([label_of[TrackletKey(name, int(t))] for t in recorded.track[mine]], np.int64)
        frames = recorded.call_frame[call][mine]
        corners = recorded.box[mine].astype(np.float64)
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        once = np.unique(np.stack([frames, ids]), axis=1, return_index=True)[1]  # as in mot/ of a run
        result = Annotations(frames[once], ids[once], boxes[once])
        there = recorded.place_camera == number
        truth = Annotations(
            recorded.place_frame[there], recorded.readings["people"][there], recorded.place_box[there]
        )
        cameras[name] = Sequence(truth, result)
    return score_global(cameras).idf1


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_idf1_is_that_of_the_evaluation(data):
    times = st.tuples(st.integers(0, 12), st.integers(0, 4))
    rows = data.draw(
        st.lists(st.tuples(st.sampled_from("abc"), times, st.none() | st.integers(1, 3)), min_size=1, max_size=8)
    )
    recorded = site(*((camera, start, start + length, who, 0) for camera, (start, length), who in rows))
    if not len(recorded.place_frame):
        return
    tracklets = site_tracklets(recorded)
    # Somebody who is twice in one frame is no valid truth.
    unique = {
        (c, f, p)
        for c, f, p in zip(recorded.place_camera, recorded.place_frame, recorded.readings["people"], strict=True)
    }
    count = len(tracklets)
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)))
    if len(unique) == len(recorded.place_frame):
        assert idf1(tracklets, labels) == pytest.approx(by_trackeval(recorded, tracklets, labels), abs=1e-12)


def test_idf1_of_no_truth_is_zero():
    nobody = site_tracklets(site(("a", 0, 2, None, 0), ("b", 4, 6, None, 10)))
    assert idf1(nobody, np.array([0, 1])) == 0
    assert nobody.person.tolist() == [-1, -1]


def test_pairs_leave_out_who_shows_nobody():
    tracklets = site_tracklets(FOUR)
    assert tracklets.person.tolist() == [0, 0, 1, 1, -1]
    scores = pair_scores(tracklets, np.array([1, 1, 1, 2, 2]))
    assert (scores.found, scores.true, scores.right) == (3, 2, 1)
    assert scores.precision == pytest.approx(1 / 3)
    assert scores.recall == 0.5
    assert scores.f1 == pytest.approx(0.4)


def test_pairs_of_nothing():
    alone = pair_scores(site_tracklets(FOUR), np.arange(5))
    assert (alone.precision, alone.recall, alone.f1) == (1, 0, 0)


@pytest.mark.parametrize(
    ("labels", "links", "false"),
    [
        ([0, 0, 1, 1, 2], 2, 0),
        ([0, 1, 0, 1, 2], 2, 2),
        ([0, 0, 0, 0, 0], 3, 2),
        ([0, 1, 1, 1, 2], 2, 1),  # the last finds one of each: not most of them another
        ([0, 1, 2, 3, 4], 0, 0),
    ],
)
def test_false_links_of_final_labels(labels, links, false):
    assert link_errors(site_tracklets(FOUR), np.array(labels)) == LinkErrors(links, false)


def link(camera, track, identity, kind=LinkKind.LINK, previous=None):
    old = None if previous is None else IdentityId(previous)
    key = TrackletKey(camera, track)
    return Link(key, IdentityId(identity), kind, 0.0, old, None, None, None, None, "")


def test_false_links_as_decided():
    tracklets = site_tracklets(FOUR)
    made = [
        link("a", 1, 1),
        link("b", 2, 1),  # right
        link("a", 3, 1),  # false
        link("a", 3, 2, LinkKind.SPLIT, 1),  # to a new identity: no link
        link("b", 4, 3),
        link("b", 4, 2, LinkKind.MERGE, 3),  # right
        link("a", 5, 2),  # nobody
    ]
    assert decision_errors(tracklets, made) == LinkErrors(3, 1)


def test_the_way():
    assert way(0.9, 0.8, 1.0) == pytest.approx(0.5)
    assert np.isnan(way(0.9, 1.0, 1.0))


def test_ratio_of_sums_with_the_jackknife():
    ratio, half = ratio_interval([1, 2, 3], [2, 4, 6])
    assert ratio == pytest.approx(0.5)
    assert half == pytest.approx(0, abs=1e-12)
    ratio, half = ratio_interval([1, 0, 1], [1, 1, 1])
    # leaving one out: 1/2, 1, 1/2; error sqrt(2/3 * 1/6) = 1/3; Student's t of 2 degrees 4.3027
    assert ratio == pytest.approx(2 / 3)
    assert half == pytest.approx(4.3027 / 3, rel=1e-4)
    assert np.isnan(ratio_interval([0.0], [0.0])[0])
