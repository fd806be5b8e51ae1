"""Frames of clips, as the benchmarks read them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.clip_frames import frames_of
from benchmarks.detectors import DEMO
from pipeline.errors import SourceError


def test_every_so_many_th_frame_keeps_its_number_and_time():
    clip = DEMO / "hall.mp4"
    every = list(frames_of(clip, 1))
    some = list(frames_of(clip, 100))
    assert [frame.index for frame in some] == [index for index in range(len(every)) if index % 100 == 0]
    assert [frame.index for frame in every] == list(range(len(every)))
    for frame in some:
        assert frame.camera == "hall"
        assert frame.time == every[frame.index].time
        np.testing.assert_array_equal(frame.image, every[frame.index].image)
    assert some[0].image.dtype == np.uint8
    assert some[0].time < some[1].time


@pytest.mark.parametrize("content", [None, b"no video"])
def test_what_is_no_clip_is_named(tmp_path, content):
    clip = tmp_path / "clip.mp4"
    if content is not None:
        clip.write_bytes(content)
    with pytest.raises(SourceError, match=r"clip\.mp4: cannot be read as a video"):
        next(frames_of(clip, 1))
