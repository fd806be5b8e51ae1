import numpy as np

from benchmarks.sparse_sequences import every, interrupted
from benchmarks.synthetic_sequences import Crowd, synthetic_sequence

WHOLE = synthetic_sequence("whole", "tune", Crowd(6, seed=3, dimension=8), 40)


def frame_of(sequence, index):
    rows = slice(sequence.off[index], sequence.off[index + 1])
    people = sequence.gt[sequence.gt[:, 0] == index + 1, 1:]
    return sequence.times[index], sequence.dets[rows], sequence.embeddings["synthetic"][rows], people


def assert_same_frames(sparse, indices):
    assert len(sparse.times) == len(indices)
    for new, old in enumerate(indices):
        for found, expected in zip(frame_of(sparse, new), frame_of(WHOLE, old), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_every_third_frame():
    sparse = every("third", "report", WHOLE, 3)
    assert (sparse.name, sparse.split) == ("third", "report")
    assert_same_frames(sparse, range(0, 40, 3))


def test_an_interruption_keeps_the_times():
    sparse = interrupted("gap", "report", WHOLE, 0.39, 0.8)  # 25 frames a second: frames 10 to 29
    assert_same_frames(sparse, [*range(10), *range(30, 40)])
    assert np.diff(sparse.times).max() == np.float64(WHOLE.times[30] - WHOLE.times[9])
