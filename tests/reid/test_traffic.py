"""How people come and go."""

from __future__ import annotations

import numpy as np
import pytest

from reid.traffic import Traffic

ENTRANCE, INNER = np.zeros(100, np.int64), np.ones(100, np.int64)


def test_newcomers_appear_where_nobody_was_seen_before():
    cameras = np.concatenate([ENTRANCE, INNER])
    before = np.concatenate([np.zeros(100), np.ones(100)])
    traffic = Traffic.of(cameras, 2, 50.0, before, 1 - before)
    few = 10 * 0.5 / 110  # of a hundred, ten of the mean of both cameras count in
    assert np.exp(traffic.newcomers) == pytest.approx([(1 - few) * 2.0, few * 2.0])
    assert traffic.back == pytest.approx([np.log((1 - few) / few), np.log(few / (1 - few))])
    assert np.exp(traffic.anybody) == pytest.approx([0.5 / 50, 0.5 / 50])


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_a_single_tracklet_says_little(probability):
    traffic = Traffic.of(np.zeros(1, np.int64), 1, 1.0, np.full(1, probability), np.full(1, probability))
    assert np.exp(traffic.newcomers) == pytest.approx([0.5], abs=0.15)
    assert traffic.back == pytest.approx([0.0], abs=0.5)


def test_nobody_at_all():
    traffic = Traffic.of(np.zeros(0, np.int64), 0, 1.0, np.zeros(0), np.zeros(0))
    assert traffic.newcomers.shape == traffic.back.shape == traffic.anybody.shape == (0,)


def test_a_camera_in_which_nobody_was_seen():
    traffic = Traffic.of(ENTRANCE, 2, 50.0, np.zeros(100), np.zeros(100))
    assert np.isfinite([traffic.newcomers, traffic.back, traffic.anybody]).all()
    assert traffic.newcomers[1] < traffic.newcomers[0]
