import pytest
from pydantic import ValidationError

from tests.factories import box, detections
from trackers import ByteTrackSettings, TrackState


def confirmed(tracks):
    return [track.id for track in tracks if track.state is TrackState.CONFIRMED]


def test_a_low_score_keeps_a_track_but_starts_none():
    tracker = ByteTrackSettings().build()
    for step in range(10):
        tracker.update(detections([box(100)]), step / 10)
    for step in range(10, 20):
        tracks = tracker.update(detections([box(100), box(400)], [0.3, 0.3]), step / 10)
    assert confirmed(tracks) == [1]
    assert tracks[0].score == pytest.approx(0.3)


def test_a_confident_box_below_new_score_starts_none():
    tracker = ByteTrackSettings().build()
    for step in range(10):
        tracks = tracker.update(detections([box(100)], [0.55]), step / 10)
    assert tracks == []


def test_embeddings_are_wanted_now_and_then_for_the_linker():
    tracker = ByteTrackSettings(embed_interval=0.5).build()
    found = detections([box(100), box(300)], [0.9, 0.2])
    wanted = [tracker.wants_embedding(found, step / 10).tolist() for step in range(6)]
    assert wanted[0] == wanted[5] == [True, False]
    assert wanted[1:5] == [[False, False]] * 4


def test_scores_must_rise():
    with pytest.raises(ValidationError, match="low_score <= high_score <= new_score"):
        ByteTrackSettings(low_score=0.7)
