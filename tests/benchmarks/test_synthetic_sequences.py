"""The drawn crowd: the same from the same seed, valid rows, people who come back, memory that does not grow."""

from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
import pytest

from benchmarks.synthetic_sequences import Crowd, CrowdFrame, synthetic_sequence


@pytest.fixture(scope="module")
def frames() -> list[CrowdFrame]:
    return list(islice(Crowd(20, seed=5, dimension=32).frames(), 400))


def test_the_same_seed_gives_the_same(frames):
    for one, other in zip(frames, Crowd(20, seed=5, dimension=32).frames(), strict=False):
        assert np.array_equal(one.dets, other.dets)
        assert one.looks is not None
        assert other.looks is not None
        assert np.array_equal(one.looks, other.looks)
    other = next(Crowd(20, seed=6, dimension=32).frames())
    assert not np.array_equal(frames[0].boxes, other.boxes)


def test_embeddings_do_not_change_the_boxes(frames):
    for one, other in zip(frames[:20], Crowd(20, seed=5, dimension=0).frames(), strict=False):
        assert np.array_equal(one.boxes, other.boxes)
        assert np.array_equal(one.dets, other.dets)
        assert other.looks is None
        assert other.detections.embeddings is None


def test_rows_are_valid(frames):
    for number, frame in enumerate(frames):
        found = frame.detections  # checks boxes and unit rows
        assert frame.time == number / 25
        assert found.scores.min() >= 0.1
        assert found.scores.max() <= 1
        assert (frame.boxes[:, :2] >= 0).all()
        assert (frame.boxes[:, 2:] <= (1920, 1080)).all()
        assert (frame.visibility > 0.1).all()
        assert len(np.unique(frame.people)) == len(frame.people)


def test_the_detector_is_as_good_as_stated(frames):
    quality = synthetic_sequence("x", "tune", Crowd(20, seed=5, dimension=0), 400).quality()
    assert 0.75 < quality.recall < 0.95
    assert quality.precision > 0.9


def test_people_move_and_come_back(frames):
    seen = np.array([np.isin(np.arange(1, 21), frame.people) for frame in frames])
    assert seen.any(axis=0).all()
    gaps = [np.diff(np.flatnonzero(seen[:, person])) for person in range(20)]
    assert sum((gap >= 40).sum() for gap in gaps) >= 3
    steps = [
        np.linalg.norm(after.boxes[after.people == person][:, 2:] - before.boxes[before.people == person][:, 2:])
        for before, after in pairwise(frames)
        for person in np.intersect1d(before.people, after.people)
    ]
    assert 0.5 < np.mean(steps) < 5  # px


def test_looks_tell_people_apart_as_far_as_stated(frames):
    looks: dict[int, list[np.ndarray]] = {}
    for frame in frames[::10]:
        clear = np.flatnonzero(frame.visibility > 0.95)
        overlap = np.abs(frame.dets[:, None, :4] - frame.boxes[None, clear]).max(axis=2)
        for column, person in enumerate(frame.people[clear]):
            row = int(overlap[:, column].argmin())
            if overlap[row, column] < 12:
                looks.setdefault(int(person), []).append(frame.looks[row])
    rows = [np.array(each) for each in looks.values() if len(each) > 3]
    same = np.mean([(each @ each.T)[np.triu_indices(len(each), 1)].mean() for each in rows])
    apart = np.mean([(one @ other.T).mean() for one, other in pairwise(rows)])
    assert 0.7 < same < 0.95
    assert 0.1 < apart < 0.45


def test_newcomers_are_new_people():
    crowd = Crowd(10, seed=1, rate=5.0, dimension=8, leaving=0.5, newcomers=1.0)
    frames = list(islice(crowd.frames(), 400))
    early, late = ({person for frame in part for person in frame.people} for part in (frames[:50], frames[-50:]))
    assert max(late) > 60
    assert not early & late
    assert all(len(frame.people) <= 10 for frame in frames)
