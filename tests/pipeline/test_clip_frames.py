"""Frames of clips, as the benchmarks read them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.clip_frames import frames_of
from benchmarks.detectors import DEMO
from pipeline.errors import SourceError


def test_every_so_many_th_frame_keeps_its_number_and_time():
    clip = DEMO / "hall.mp4"
    every = [(frame.index, frame.time) for frame in frames_of(clip, 1)]
    some = list(frames_of(clip, 100))
    assert [index for index, _ in every] == list(range(len(every)))
    assert [(frame.index, frame.time) for frame in some] == every[::100]
    assert some[0].time < some[1].time
    assert some[0].camera == "hall"
    assert some[0].image.dtype == np.uint8
    assert some[0].image.flags.c_contiguous


@pytest.mark.parametrize("content", [None, b"no video"])
def test_what_is_no_clip_is_named(tmp_path, content):
    clip = tmp_path / "clip.mp4"
    if content is not None:
        clip.write_bytes(content)
    with pytest.raises(SourceError, match=r"clip\.mp4: cannot be read as a video"):
        next(frames_of(clip, 1))
