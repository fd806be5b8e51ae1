"""What the evidence tracker does beyond what every tracker promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import box, detections, unit_rows
from trackers import Detections, EvidenceSettings, TrackState
from trackers.prototypes import Prototypes


def looks(*directions, noise=0.05, seed=0):
    """Unit rows near one-hot ones."""
    rng = np.random.default_rng(seed)
    rows = unit_rows(*directions, dimension=16) + rng.normal(0, noise, (len(directions), 16)).astype(np.float32)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def seen(tracks):
    return {track.id: track for track in tracks if track.state is TrackState.CONFIRMED}


def walk(tracker, frames, rate=10.0, start=0.0, people=((100, 0), (400, 1)), speed=30.0, **kwargs):
    """People side by side, each with a look; returns the tracks of the last frame."""
    tracks = []
    for step in range(frames):
        time = start + step / rate
        boxes = [box(x + speed * (time - start), **kwargs) for x, _ in people]
        tracks = tracker.update(
            detections(boxes, embeddings=looks(*(look for _, look in people), seed=step)), time
        )
    return tracks


def test_who_was_hidden_is_known_again_by_looks():
    tracker = EvidenceSettings().build()
    before = seen(walk(tracker, 20, speed=0))
    for step in range(20):
        tracker.update(Detections.empty(), 2.0 + step / 10)
    after = seen(walk(tracker, 3, start=4.0, people=((160, 0), (340, 1)), speed=0))
    assert sorted(before, key=lambda i: before[i].box[0]) == sorted(after, key=lambda i: after[i].box[0])


def test_people_who_change_places_unseen_keep_their_ids():
    tracker = EvidenceSettings().build()
    before = seen(walk(tracker, 20, people=((100, 0), (130, 1)), speed=0))
    tracker.update(Detections.empty(), 2.0)
    after = seen(walk(tracker, 3, start=2.1, people=((130, 0), (100, 1)), speed=0))
    assert set(before) == set(after)
    for id_, track in after.items():
        assert abs(track.box[0] - before[id_].box[0]) > 20


def test_without_looks_they_would_have_been_taken_for_each_other():
    tracker = EvidenceSettings(max_appearance=0).build()
    before = seen(walk(tracker, 20, people=((100, 0), (130, 1)), speed=0))
    tracker.update(Detections.empty(), 2.0)
    after = seen(walk(tracker, 3, start=2.1, people=((130, 0), (100, 1)), speed=0))
    for id_, track in after.items():
        assert abs(track.box[0] - before[id_].box[0]) < 10


def test_looks_that_tell_nobody_apart_change_nothing():
    def run(appearance):
        tracker = EvidenceSettings(max_appearance=appearance).build()
        tracks = []
        for step in range(40):
            same = looks(3, 3, 3, noise=0.3, seed=step)  # three people with one look
            boxes = [box(100 + 4 * step), box(400 - 4 * step, 180), box(600)]
            tracks.append(tracker.update(detections(boxes, embeddings=same), step / 10))
        return [[(t.id, t.box.tolist()) for t in frame] for frame in tracks]

    assert run(10.0) == run(0.0)


def test_boxes_of_low_score_keep_a_track_alive_but_start_none():
    tracker = EvidenceSettings().build()
    for step in range(10):
        score = 0.9 if step < 5 else 0.2
        tracks = tracker.update(detections([box(100), box(300)], [score, 0.2]), step / 10)
    assert [t.state for t in tracks] == [TrackState.CONFIRMED]


@pytest.mark.parametrize(
    ("score", "learned"), [pytest.param(0.9, True, id="confident"), pytest.param(0.3, False, id="doubtful")]
)
def test_a_look_is_learned_from_confident_boxes_alone(score, learned):
    tracker = EvidenceSettings(max_appearance=1.0).build()  # place decides
    walk(tracker, 20, people=((100, 0), (300, 1)), speed=0)
    before = tracker._looks.means[0].copy()
    tracks = tracker.update(detections([box(100)], [score], looks(5)), 2.0)
    assert tracks[0].state is TrackState.CONFIRMED
    assert (np.abs(tracker._looks.means[0] - before).max() > 0.05) == learned


def test_a_pause_of_the_stream_ages_nobody():
    tracker = EvidenceSettings().build()
    before = seen(walk(tracker, 20, speed=0))
    after = seen(walk(tracker, 2, start=22.0, people=((120, 0), (380, 1)), speed=0))
    assert set(before) == set(after)


def test_a_pause_too_long_ends_all_tracks_once():
    tracker = EvidenceSettings().build()
    ids = set(seen(walk(tracker, 20, speed=0)))
    tracks = tracker.update(detections([box(100)]), 200.0)
    assert {t.id for t in tracks if t.state is TrackState.ENDED} == ids


def test_who_walks_out_of_the_picture_ends_soon():
    tracker = EvidenceSettings().build()
    for step in range(30):
        tracker.update(detections([box(620 - 20 * step, 300), box(300)]), step / 10)
    ended = {}
    for step in range(30, 100):
        for track in tracker.update(detections([box(300)]), step / 10):
            if track.state is TrackState.ENDED:
                ended[track.id] = step / 10
    assert list(ended.values()) == [pytest.approx(4.0, abs=0.3)]


@pytest.mark.parametrize("appearance", [0.0, 10.0])  # without it, embeddings are for the linker alone
def test_only_what_can_change_a_decision_is_embedded(appearance):
    tracker = EvidenceSettings(embed_interval=1.0, max_appearance=appearance).build()
    people = ((100, 0), (400, 1))
    shares = []
    for step in range(60):
        time = step / 10
        found = detections([box(x) for x, _ in people])
        wanted = tracker.wants_embedding(found, time)
        shares.append(wanted.sum())
        rows = looks(*(look for _, look in people), seed=step)
        tracker.update(found.with_embeddings(wanted, rows[wanted]), time)
    assert shares[0] == 2
    assert sum(shares[:6]) >= 10
    assert 6 <= sum(shares[10:]) <= 12  # once a second each
    newcomer = detections([box(100), box(400), box(700)])
    assert tracker.wants_embedding(newcomer, 6.0)[2]
    crossing = detections([box(100), box(104), box(400)])
    assert tracker.wants_embedding(crossing, 6.0)[:2].all()


def followed_for_three_seconds():
    """A tracker of two people whose looks it knows and whose places are clear."""
    tracker = EvidenceSettings(embed_interval=10.0).build()
    walk(tracker, 30, speed=0)
    assert not tracker.wants_embedding(detections([box(100), box(400)]), 3.0).any()
    return tracker


def test_who_comes_back_is_embedded_however_clear_the_place():
    tracker = followed_for_three_seconds()
    tracker.update(detections([box(400)], embeddings=looks(1)), 3.0)
    assert tracker.wants_embedding(detections([box(100), box(400)]), 3.1).tolist() == [True, False]


def test_a_box_of_low_score_is_embedded_where_nothing_better_goes_on_with_a_track():
    tracker = followed_for_three_seconds()
    alone = detections([box(100), box(400), box(700)], [0.3, 0.9, 0.3])
    assert tracker.wants_embedding(alone, 3.0).tolist() == [True, False, False]
    beside = detections([box(100), box(400), box(104)], [0.9, 0.9, 0.3])
    assert tracker.wants_embedding(beside, 3.0).tolist() == [False, False, False]


def test_people_are_compared_with_all_others_in_turn():
    tracker = EvidenceSettings().build()
    walk(tracker, 40, people=((100, 0), (250, 1), (400, 0), (550, 1)), speed=0)
    apart = tracker._scale._different.mean  # of two pairs in three: looks 0 and 1; of the third: the same
    assert apart == pytest.approx(2 / 3, abs=0.1)


def test_asking_which_boxes_to_embed_changes_nothing():
    asked, silent = EvidenceSettings().build(), EvidenceSettings().build()
    for step in range(30):
        found = detections([box(100 + 5 * step), box(300)], embeddings=looks(0, 1, seed=step))
        asked.wants_embedding(Detections(found.boxes, found.scores), step / 10)
        a, b = asked.update(found, step / 10), silent.update(found, step / 10)
        assert [(t.id, t.box.tolist()) for t in a] == [(t.id, t.box.tolist()) for t in b]


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_any_order_of_detections_gives_the_same_tracks(seed):
    rng = np.random.default_rng(seed)
    straight, shuffled = EvidenceSettings().build(), EvidenceSettings().build()
    places = rng.uniform(50, 600, (8, 2))
    for step in range(15):
        places += rng.normal(0, 6, places.shape)
        some = np.flatnonzero(rng.random(8) < 0.85)
        scores = rng.uniform(0.1, 1, len(some))
        found = detections(
            [box(*places[i]) for i in some], scores, looks(*(int(i) for i in some), noise=0.2, seed=step)
        )
        order = rng.permutation(len(some))
        a, b = straight.update(found, step / 10), shuffled.update(found.select(order), step / 10)
        assert [(t.id, t.state, t.box.tolist()) for t in a] == [(t.id, t.state, t.box.tolist()) for t in b]


def test_embeddings_of_another_size_start_anew():
    tracker = EvidenceSettings().build()
    ids = set(seen(walk(tracker, 10, speed=0)))
    wide = np.eye(32, dtype=np.float32)[:2]
    assert set(seen(tracker.update(detections([box(100), box(400)], embeddings=wide), 1.0))) == ids


def test_scores_that_fall_are_refused():
    with pytest.raises(ValueError, match="low_score <= high_score <= new_score"):
        EvidenceSettings(high_score=0.7, new_score=0.5)


def test_ties_do_not_depend_on_the_order_of_detections():
    results = []
    for order in ((0, 1), (1, 0)):
        tracker = EvidenceSettings().build()
        for step in range(4):
            tracker.update(detections([box(100, 90), box(100, 110)]), step / 10)
        found = [box(92, 100), box(108, 100)]
        tracks = tracker.update(detections([found[i] for i in order]), 0.4)
        results.append([(t.id, t.box.tolist()) for t in tracks])
    assert results[0] == results[1]


def test_one_box_found_twice_does_not_depend_on_the_order_either():
    results = []
    for order in ([0, 1], [1, 0]):
        tracker = EvidenceSettings(max_appearance=0).build()
        walk(tracker, 4, people=((96, 0), (104, 1)), speed=0)
        twice = detections([box(100), box(100)], embeddings=looks(0, 1)).select(np.array(order))
        tracks = tracker.update(twice, 0.4)
        results.append([(t.id, np.asarray(t.embedding).tolist()) for t in tracks])
    assert results[0] == results[1]


@pytest.mark.parametrize("gap", [5.0, 10.0, 29.0])
def test_a_pause_moves_no_track_to_who_stands_far_away(gap):
    tracker = EvidenceSettings().build()
    for step in range(20):
        tracker.update(detections([box(100)]), step / 10)
    ids = set()
    for step in range(10):
        ids |= set(seen(tracker.update(detections([box(400)]), 1.9 + gap + step / 10)))
    assert len(ids) == 1


@pytest.mark.parametrize("time", [float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(time):
    tracker = EvidenceSettings().build()
    with pytest.raises(ValueError, match="finite number of seconds"):
        tracker.update(detections([box(100)]), time)


def test_another_embedder_does_not_inherit_the_scale_of_the_first():
    tracker = EvidenceSettings().build()
    walk(tracker, 30, speed=0)
    assert tracker._scale.line()[0] > 0
    wide = np.eye(32, dtype=np.float32)[:2]
    tracker.update(detections([box(100), box(400)], embeddings=wide), 3.0)
    assert tracker._scale.line()[0] == 0


def test_prototypes_of_another_size_are_forgotten():
    prototypes = Prototypes(memory=2.0, lag=0.5)
    prototypes.append(2)
    rows = np.arange(2)
    assert prototypes.fit(8)
    prototypes.add(rows, np.eye(8, dtype=np.float32)[:2], rows, 1.0)
    assert not prototypes.fit(8)
    assert prototypes.known.all()
    assert prototypes.fit(16)
    assert prototypes.means.shape == (2, 16)
    assert not prototypes.known.any()
    assert not prototypes.views.any()
    assert (prototypes.last == -np.inf).all()
