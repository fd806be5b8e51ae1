"""Blocks of a recording: packed and unpacked without loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.recordingfile import Block, joined, pack, unpack
from tests.factories import box
from trackers.tracks import Detections


@given(st.data())
def test_a_block_is_packed_without_loss(data):
    seed = data.draw(st.integers(0, 2**32 - 1))
    frames, dimension = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([None, 0, 3, 64]))
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 4, frames)
    seen = np.array([rng.integers(0, count + 1) for count in found])
    over = rng.integers(0, 3, frames)
    count, rows = int(found.sum()), int(seen.sum())
    embedded = rng.random(count) < (0.5 if dimension is not None else 0)
    looks = None if dimension is None else rng.normal(size=(int(embedded.sum()), dimension)).astype(np.float16)
    block = Block(
        np.cumsum(rng.integers(1, 9, frames)),
        np.cumsum(rng.integers(1, 2**33, frames)),
        np.cumsum(rng.random(frames)) + rng.choice([0.0, -3.0, 1.77e9]),
        found,
        seen,
        over,
        (rng.normal(size=(count, 4)) * 1000).astype(np.float32),
        rng.random(count, np.float32),
        embedded,
        rng.integers(1, 2**31, rows),
        (rng.normal(size=(rows, 4)) * 1000).astype(np.float32),
        np.concatenate([rng.permutation(n)[:k] for n, k in zip(found, seen, strict=True)]).astype(np.int64),
        rng.integers(1, 2**31, int(over.sum())),
        looks,
    )
    again = unpack(pack(7, block))
    for name in Block.__slots__:
        np.testing.assert_array_equal(
            getattr(again, name), getattr(block, name), strict=getattr(block, name) is not None, err_msg=name
        )


def test_detections_of_frames_are_checked_together():
    boxes = np.array([box(100), box(200), box(300)], np.float32)
    scores = np.ones(3, np.float32)
    parts = Detections.of_frames([1, 0, 2], boxes, scores)
    assert [len(part) for part in parts] == [1, 0, 2]
    np.testing.assert_array_equal(parts[2].boxes, boxes[1:])
    with pytest.raises(ValueError, match="add up to the 3"):
        Detections.of_frames([1, 1], boxes, scores)
    with pytest.raises(ValueError, match="finite"):
        Detections.of_frames([3], boxes[:, ::-1].copy(), scores)
    assert joined([unpack(pack(0, block_of(3))), unpack(pack(0, block_of(2)))]).found.tolist() == [1, 1, 1, 1, 1]


def block_of(frames: int) -> Block:
    """Frames with one detection and no track each."""
    rise, none = np.arange(frames, dtype=np.int64), np.zeros(0, np.int64)
    return Block(
        rise,
        rise,
        rise / 10,
        np.ones(frames, np.int64),
        np.zeros(frames, np.int64),
        np.zeros(frames, np.int64),
        np.tile(np.array(box(50), np.float32), (frames, 1)),
        np.ones(frames, np.float32),
        np.zeros(frames, bool),
        none,
        np.zeros((0, 4), np.float32),
        none,
        none,
        None,
    )
