"""From distances to evidence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from reid.calibration import AppearanceCalibration, Density, log_ratio
from reid.tracklets import CameraId

A, B, C = CameraId("a"), CameraId("b"), CameraId("c")


def ratios(calibration, distances, a=A, b=B):
    d = np.asarray(distances, float)
    return calibration.log_ratios(a, [b], np.zeros(len(d), np.int64), d)


def test_the_ratio_is_that_of_a_normal_and_a_student_density_where_neither_is_far():
    d = np.linspace(0.4, 0.8, 11)
    found = log_ratio(d, 0.4, 0.2**2, 1.0, 0.2**2)
    different = student.logpdf(d, 7, 1.0, 0.2 * np.sqrt(5 / 7))
    np.testing.assert_allclose(found, norm.logpdf(d, 0.4, 0.2) - different, atol=0.5)


def test_the_ratio_falls_with_the_distance_and_is_bounded():
    found = log_ratio(np.linspace(0, 2, 201), 0.4, 0.2**2, 1.0, 0.15**2)
    assert (np.diff(found) <= 1e-9).all()
    assert -4 < found[-1] < -2
    assert 5 < found[0] < 12


def test_pairs_that_were_seen_take_over_from_the_typical_ones():
    calibration = AppearanceCalibration()
    rng = np.random.default_rng(0)
    before = ratios(calibration, [0.6])[0]
    calibration.add_different(A, B, rng.normal(0.5, 0.05, 500))
    calibration.add_same(B, A, rng.normal(0.2, 0.05, 300), np.ones(300))
    same, different = calibration.densities(A, B)
    assert same.mean == pytest.approx(0.2, abs=0.04)
    assert different.mean == pytest.approx(0.5, abs=0.05)
    assert ratios(calibration, [0.6])[0] < before
    assert ratios(calibration, [0.2])[0] > 2


def test_a_pair_of_cameras_without_pairs_follows_the_others():
    calibration = AppearanceCalibration()
    calibration.add_different(A, B, np.full(1000, 0.6) + np.linspace(-0.1, 0.1, 1000))
    assert calibration.densities(A, C)[1].mean == pytest.approx(0.6, abs=0.03)


def test_cameras_that_cannot_be_told_apart_are_reported():
    calibration = AppearanceCalibration()
    rng = np.random.default_rng(0)
    for pair, same in (((A, B), 0.3), ((A, C), 0.85)):
        calibration.add_same(*pair, rng.normal(same, 0.15, 400), np.ones(400))
        calibration.add_different(*pair, rng.normal(1.0, 0.15, 400))
    poor = {each.cameras: each.poor for each in calibration.separations()}
    assert poor == {(A, B): False, (A, C): True}


def test_what_was_learned_survives_as_json():
    calibration, again = AppearanceCalibration(), AppearanceCalibration()
    calibration.add_different(A, B, np.linspace(0.5, 0.9, 100))
    calibration.add_same(A, C, np.linspace(0.1, 0.4, 50), np.full(50, 0.7))
    again.restore(json.loads(json.dumps(calibration.state())))
    for pair in ((A, B), (A, C), (B, C)):
        assert again.densities(*pair) == calibration.densities(*pair)


def test_densities_are_those_of_all_values_and_fade():
    rng = np.random.default_rng(0)
    values, weights = rng.normal(1, 0.3, 200), rng.uniform(0, 1, 200)
    density = Density()
    for part in range(4):
        density = density.with_more(values[part::4], weights[part::4], 1e9)
    mean = np.average(values, weights=weights)
    assert density.mean == pytest.approx(mean)
    assert density.variance == pytest.approx(np.average((values - mean) ** 2, weights=weights))
    assert density.with_more(np.full(50, 5.0), np.ones(50), 60).count == 60
