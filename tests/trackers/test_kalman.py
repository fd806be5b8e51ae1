import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from trackers import kalman, kernels

FRAME = 1 / kernels.REFERENCE_RATE
BOX = np.array([[320.0, 240.0, 0.4, 120.0]])
TO_FRAMES = np.diag([1.0] * 4 + [FRAME] * 4)


def textbook_step(mean, covariance, z):
    """One frame of the paper's 8 x 8 filter for one track in units of frames, written out with plain inverses."""
    h = mean[3]
    transition = np.eye(8)
    transition[:4, 4:] = np.eye(4)
    process = np.diag([h / 20, h / 20, 1e-2, h / 20, h / 160, h / 160, 1e-5, h / 160]) ** 2
    mean = transition @ mean
    covariance = transition @ covariance @ transition.T + process
    observe = np.eye(4, 8)
    h = mean[3]
    noise = np.diag([h / 20, h / 20, 1e-1, h / 20]) ** 2
    innovation = observe @ covariance @ observe.T + noise
    gain = covariance @ observe.T @ np.linalg.inv(innovation)
    return mean + gain @ (z - observe @ mean), (np.eye(8) - gain @ observe) @ covariance


def full_covariance(row):
    """The (8, 8) covariance that one row of motion stands for."""
    variance, shared, change = row[8:12], row[12:16], row[16:20]
    return np.block([[np.diag(variance), np.diag(shared)], [np.diag(shared), np.diag(change)]])


def test_at_the_reference_rate_it_is_the_8_by_8_filter_of_the_paper():
    rng = np.random.default_rng(0)
    motion = kalman.initiate(BOX)
    mean, covariance = motion[0, :8].copy(), TO_FRAMES @ full_covariance(motion[0]) @ TO_FRAMES
    for _ in range(20):
        z = motion[:, :4] + rng.normal(0, [3, 3, 0.01, 2], (1, 4))
        mean, covariance = textbook_step(mean, covariance, z[0])
        motion = kalman.correct(kalman.predict(motion, FRAME), z)
        np.testing.assert_allclose(TO_FRAMES @ motion[0, :8], mean, rtol=1e-9)
        np.testing.assert_allclose(
            TO_FRAMES @ full_covariance(motion[0]) @ TO_FRAMES, covariance, rtol=1e-6, atol=1e-12
        )


@given(st.integers(1, 40), st.integers(1, 40))
def test_two_predictions_are_one_of_their_sum(a, b):
    start = kalman.initiate(BOX)
    apart = kalman.predict(kalman.predict(start, a * FRAME), b * FRAME)
    at_once = kalman.predict(start, (a + b) * FRAME)
    np.testing.assert_allclose(apart, at_once, rtol=1e-9)


@given(st.floats(0, 30), st.floats(5, 1000))
def test_covariances_stay_positive_definite(dt, height):
    motion = kalman.predict(kalman.initiate(np.array([[0.0, 0.0, 0.5, height]])), dt)
    assert (np.linalg.eigvalsh(full_covariance(motion[0])) > 0).all()
    assert (np.linalg.eigvalsh(full_covariance(kalman.correct(motion, motion[:, :4])[0])) > 0).all()


def test_a_steady_walk_is_learned_at_any_frame_rate():
    for rate in (2.0, 10.0, 25.0, 60.0):
        motion = kalman.initiate(BOX)
        for step in range(1, int(4 * rate) + 1):
            motion = kalman.predict(motion, 1 / rate)
            motion = kalman.correct(motion, BOX + np.array([50.0 * step / rate, 0, 0, 0]))
        assert motion[0, 4] == pytest.approx(50, rel=0.1), rate


def test_gating_distance_is_the_quadratic_form():
    rng = np.random.default_rng(1)
    motion = kalman.predict(kalman.initiate(rng.uniform(50, 200, (3, 4))), 0.2)
    boxes = rng.uniform(50, 200, (5, 4))
    for i in range(3):
        innovation = full_covariance(motion[i])[:4, :4] + np.diag(
            kalman.measurement_noise(motion[i : i + 1, 3])[0]
        )
        for j in range(5):
            d = boxes[j] - motion[i, :4]
            assert kalman.gating_distance(motion, boxes)[i, j] == pytest.approx(d @ np.linalg.inv(innovation) @ d)


def test_the_gate_is_the_chi_square_quantile():
    assert pytest.approx(chi2.ppf(0.95, 4), abs=1e-4) == kalman.CHI2_95_4DOF
