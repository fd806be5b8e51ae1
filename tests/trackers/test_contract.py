"""What every tracker promises, over every tracker there is."""

import pickle
import typing

import numpy as np
import pytest

from tests.factories import box, detections, unit_rows
from trackers import Detections, TrackerSettings, TrackState

SETTINGS = typing.get_args(typing.get_args(TrackerSettings)[0])


@pytest.fixture(params=SETTINGS, ids=lambda settings: settings.__name__)
def settings(request):
    return request.param()


def two_people(time, *, order=(0, 1)):
    boxes = [box(100 + 60 * time), box(500 - 60 * time, 300)]
    embeddings = unit_rows(0, 1)
    order = list(order)
    return detections([boxes[i] for i in order], embeddings=embeddings[order])


def ids_at(tracks):
    return {track.id for track in tracks if track.state is TrackState.CONFIRMED}


@pytest.mark.parametrize("rate", [1, 2, 5, 10, 25, 60])
def test_two_people_keep_two_ids_at_any_rate(settings, rate):
    tracker = settings.build()
    seen = [ids_at(tracker.update(two_people(step / rate), step / rate)) for step in range(3 * max(rate, 4))]
    assert seen[-1] == {1, 2}
    assert set().union(*seen) == {1, 2}


def test_the_order_of_detections_does_not_matter(settings):
    straight, crossed = settings.build(), settings.build()
    for step in range(30):
        time = step / 10
        a = straight.update(two_people(time), time)
        b = crossed.update(two_people(time, order=(1, 0) if step > 3 else (0, 1)), time)
        assert [track.id for track in a] == [track.id for track in b]
        for p, q in zip(a, b, strict=True):
            np.testing.assert_array_equal(p.box, q.box)


def test_a_person_who_leaves_is_lost_then_ended_once(settings):
    tracker = settings.build()
    states = []
    for step in range(int(10 * settings.max_age) + 40):
        time = step / 10
        found = two_people(0) if step < 20 else Detections.empty()
        states.append([(track.id, track.state) for track in tracker.update(found, time)])
    flat = [item for frame in states for item in frame]
    assert flat.count((1, TrackState.ENDED)) == flat.count((2, TrackState.ENDED)) == 1
    assert (1, TrackState.LOST) in states[20]
    assert states[-1] == []
    ended_at = next(i for i, frame in enumerate(states) if (1, TrackState.ENDED) in frame)
    unseen = ended_at / 10 - 1.9
    assert settings.max_age - 0.1 <= unseen <= settings.max_age + 0.3


def test_a_seen_track_names_its_detection_and_no_other_does(settings):
    """Also where boxes of low score, which some trackers leave out, stand among the others."""
    tracker, rng = settings.build(), np.random.default_rng(3)
    compared, unseen = 0, 0
    for step in range(40):
        people = [box(100 + 6 * step), box(500 - 6 * step, 300)] if step < 30 else []
        noise = [box(*rng.uniform(100, 900, 2)) for _ in range(3)]
        order = rng.permutation(len(people) + len(noise))
        scores = np.array([0.9] * len(people) + [0.05] * len(noise), np.float32)[order]
        looks = unit_rows(*order)
        found = detections(np.array([*people, *noise])[order], scores, looks)
        for track in tracker.update(found, step / 10):
            if track.state is not TrackState.CONFIRMED:
                assert track.detection is None
                unseen += 1
                continue
            assert type(track.detection) is int
            assert track.score == found.scores[track.detection]
            np.testing.assert_array_equal(track.embedding, looks[track.detection])
            compared += 1
    assert compared > 40
    assert unseen > 2
    assert all(track.detection is None for track in tracker.finish())


def test_finish_ends_what_is_alive_and_nothing_else(settings):
    tracker = settings.build()
    for step in range(10):
        tracker.update(two_people(step / 10), step / 10)
    assert [(track.id, track.state) for track in tracker.finish()] == [
        (1, TrackState.ENDED),
        (2, TrackState.ENDED),
    ]
    assert tracker.finish() == []


def test_ids_belong_to_the_instance(settings):
    for _ in range(2):
        tracker = settings.build()
        for step in range(5):
            tracks = tracker.update(two_people(step / 10), step / 10)
        assert ids_at(tracks) == {1, 2}


def test_a_short_false_alarm_is_never_reported(settings):
    tracker = settings.build()
    reported = []
    for step in range(20):
        found = detections([box(300)]) if step == 5 else Detections.empty()
        reported += tracker.update(found, step / 10)
    assert reported + tracker.finish() == []


@pytest.mark.parametrize("jump", [-100.0, 0.0, 3600.0])
def test_a_clock_that_jumps_does_no_harm(settings, jump):
    tracker = settings.build()
    for step in range(40):
        time = step / 10 + (jump if step >= 20 else 0)
        tracks = tracker.update(two_people(step / 10), time)
        for track in tracks:
            assert np.isfinite(track.box).all()
    assert len(ids_at(tracks)) == 2
    if jump <= 0:
        assert ids_at(tracks) == {1, 2}


def test_empty_frames_and_no_embeddings_are_fine(settings):
    tracker = settings.build()
    assert tracker.update(Detections.empty(), 0.0) == []
    for step in range(1, 6):
        tracks = tracker.update(detections([box(100)]), step / 10)
    assert ids_at(tracks) == {1}
    assert tracks[0].embedding is None


def test_the_embedding_of_this_frame_is_passed_on(settings):
    tracker = settings.build()
    for step in range(5):
        tracks = tracker.update(two_people(step / 10), step / 10)
    by_id = {track.id: track for track in tracks}
    assert sorted(int(track.embedding.argmax()) for track in by_id.values()) == [0, 1]


def test_trackers_can_be_pickled_mid_run(settings):
    tracker = settings.build()
    for step in range(10):
        tracker.update(two_people(step / 10), step / 10)
    copy = pickle.loads(pickle.dumps(tracker))  # noqa: S301 - our own bytes
    a, b = tracker.update(two_people(1.0), 1.0), copy.update(two_people(1.0), 1.0)
    assert [(t.id, t.box.tolist()) for t in a] == [(t.id, t.box.tolist()) for t in b]


def test_thousands_of_people_leave_nothing_behind(settings):
    tracker = settings.build()
    ids = set()
    for step in range(6000):
        person = step // 3  # for three frames, then at another place with another look
        x = 100 + 300 * (person * 7 % 11)
        tracks = tracker.update(detections([box(x)], embeddings=unit_rows(person % 8)), step * 2.0)
        ids |= ids_at(tracks)
    assert len(ids) > 1500
    assert len(pickle.dumps(tracker)) < 300_000


@pytest.mark.parametrize("tick", [0.0, -0.04])
def test_a_clock_that_never_goes_on_ages_tracks_all_the_same(settings, tick):
    tracker = settings.build()
    ids, most = set(), 0
    for step in range(1200):
        person = step // 3
        x = 100 + 300 * (person * 7 % 11)
        tracks = tracker.update(detections([box(x)], embeddings=unit_rows(person % 8)), step * tick)
        ids |= ids_at(tracks)
        most = max(most, len(tracks))
    assert most <= settings.max_age * 30 / 3 + 5
    assert tracker.update(Detections.empty(), 1200 * tick) != []
    for step in range(1201, 1201 + int(settings.max_age * 30) + 5):
        tracks = tracker.update(Detections.empty(), step * tick)
    assert tracks == []
