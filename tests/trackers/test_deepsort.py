import numpy as np
import pytest

from tests.factories import box, detections, unit_rows
from trackers import DeepSortSettings, Detections, TrackState


def confirmed(tracks):
    return {track.id: track for track in tracks if track.state is TrackState.CONFIRMED}


def run(tracker, frames, rate=10):
    return [tracker.update(found, step / rate) for step, found in enumerate(frames)]


def test_a_track_is_confirmed_by_its_third_detection():
    tracker = DeepSortSettings().build()
    counts = [len(tracks) for tracks in run(tracker, [detections([box(100)])] * 4)]
    assert counts == [0, 0, 1, 1]


def test_appearance_brings_a_person_back_after_an_occlusion():
    tracker = DeepSortSettings(max_age=2.0).build()
    here = detections([box(100)], embeddings=unit_rows(0))
    frames = [here] * 10 + [Detections.empty()] * 12 + [here] * 3
    assert set(confirmed(run(tracker, frames)[-1])) == {1}


def test_another_appearance_at_the_same_place_is_another_person():
    tracker = DeepSortSettings(max_age=2.0).build()
    first = detections([box(100)], embeddings=unit_rows(0))
    other = detections([box(100)], embeddings=unit_rows(1))
    frames = [first] * 10 + [Detections.empty()] * 5 + [other] * 5
    assert set(confirmed(run(tracker, frames)[-1])) == {2}


def test_two_who_cross_keep_their_ids_by_appearance():
    tracker = DeepSortSettings().build()
    frames = []
    for step in range(40):
        boxes = [box(100 + 10 * step), box(500 - 10 * step)]
        if abs(step - 20) <= 2:  # while they cover each other only one is found
            frames.append(detections([boxes[0]], embeddings=unit_rows(0)))
        else:
            frames.append(detections(boxes, embeddings=unit_rows(0, 1)))
    last = confirmed(run(tracker, frames)[-1])
    assert last[1].box[0] > 400
    assert last[2].box[0] < 200


def test_the_more_recently_seen_track_is_matched_first():
    tracker = DeepSortSettings(max_age=3.0).build()
    old, new = box(100), box(180)
    same_look = unit_rows(0)
    frames = [detections([old], embeddings=same_look)] * 5
    frames += [Detections.empty()] * 4
    frames += [detections([new], embeddings=unit_rows(1))] * 3
    both = detections([new], embeddings=unit_rows(1))
    out = run(tracker, [*frames, both])
    assert set(confirmed(out[-1])) == {2}


def test_far_away_is_not_matched_however_alike():
    tracker = DeepSortSettings().build()
    frames = [detections([box(100)], embeddings=unit_rows(0))] * 10
    frames += [detections([box(1500)], embeddings=unit_rows(0))] * 5
    assert set(confirmed(run(tracker, frames)[-1])) == {2}


def test_low_scores_are_not_used_and_not_embedded():
    tracker = DeepSortSettings(min_score=0.5).build()
    found = detections([box(100), box(300)], [0.9, 0.3], unit_rows(0, 1))
    assert tracker.wants_embedding(found, 0.0).tolist() == [True, False]
    assert set(confirmed(run(tracker, [found] * 6)[-1])) == {1}


def test_boxes_are_filtered_and_velocity_is_in_pixels_a_second():
    tracker = DeepSortSettings().build()
    for step in range(50):
        tracks = tracker.update(detections([box(100 + 5 * step)]), step / 10)
    assert tracks[0].velocity == pytest.approx([50, 0], abs=3)
    np.testing.assert_allclose(tracks[0].box, box(100 + 5 * 49), atol=3)
