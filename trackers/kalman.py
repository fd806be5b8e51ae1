"""The Kalman filter of DeepSORT (arXiv 1703.07402, section 2.1) in seconds, not frames, for many boxes at once.

State: centre x, centre y, aspect ratio, height, and their velocities per second. The observation is the first
four. Nothing in the paper's noise couples one of the four with another, and a covariance that starts out diagonal
stays so: the 8 x 8 filter is four filters of a value and its velocity (a test compares the two forms). A state is
one row of ``motion`` (N, 20), each block for x, y, aspect ratio and height:

    0-3 value | 4-7 velocity | 8-11 variance of the value | 12-15 covariance of both | 16-19 variance of velocity

Stateless: rows go in and come out. `trackers.kernels` has `predict` and `correct` compiled, in place.

The paper's filter moves one video frame a step. Its process noise (standard deviations proportional to the box
height: 1/20 for position, 1/160 a frame for velocity, the values of the authors' published tracker) is tied to the
25 to 30 frames a second of MOT16. Here a step of ``dt`` seconds stands for ``steps = dt * REFERENCE_RATE`` such
frames, and the noise is what that many single steps add up to: at dt = 1 / REFERENCE_RATE the filter is the
paper's, and two steps of one frame are one step of two.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trackers.kernels import (
    ASPECT_VELOCITY,
    POSITION,
    REFERENCE_RATE,
    SMALLEST_ASPECT,
    SMALLEST_HEIGHT,
    VELOCITY,
)

Float = npt.NDArray[np.float64]

CHI2_95_4DOF = (
    9.4877  # 0.95 quantile of the chi-square distribution with 4 degrees of freedom (paper, section 2.2)
)

ASPECT_MEASURED, ASPECT_STEP = 1e-1, 1e-2  # the paper's; others can be given


def initiate(xyah: Float) -> Float:
    """Motion (N, 20) of new tracks from their first boxes (N, 4) xyah, at rest."""
    h = xyah[:, 3]
    position, velocity = 2 * POSITION * h, 10 * VELOCITY * REFERENCE_RATE * h
    aspect = np.full_like(h, ASPECT_STEP)
    aspect_velocity = np.full_like(h, ASPECT_VELOCITY * REFERENCE_RATE)
    motion = np.zeros((len(xyah), 20))
    motion[:, :4] = xyah
    motion[:, 8:12] = np.stack([position, position, aspect, position], axis=1) ** 2
    motion[:, 16:20] = np.stack([velocity, velocity, aspect_velocity, velocity], axis=1) ** 2
    return motion


def predict(motion: Float, dt: float, aspect_step: float = ASPECT_STEP) -> Float:
    """Move states ``dt`` >= 0 seconds ahead at constant velocity."""
    value, velocity, variance, shared, change = np.split(motion, 5, axis=1)
    own, both, faster = _process_noise(value[:, 3], dt, aspect_step)
    moved = value + dt * velocity
    moved[:, 2:] = np.maximum(moved[:, 2:], [SMALLEST_ASPECT, SMALLEST_HEIGHT])
    variance = variance + 2 * dt * shared + dt**2 * change + own
    return np.concatenate([moved, velocity, variance, shared + dt * change + both, change + faster], axis=1)


def measurement_noise(height: Float, aspect_measured: float = ASPECT_MEASURED) -> Float:
    """(N, 4) variances of an observed box, xyah."""
    position = POSITION * np.maximum(height, 1.0)
    return np.stack([position, position, np.full_like(position, aspect_measured), position], axis=1) ** 2


def correct(motion: Float, xyah: Float, aspect_measured: float = ASPECT_MEASURED) -> Float:
    """Correct each state with its own observed box: (N, 20), (N, 4)."""
    value, velocity, variance, shared, change = np.split(motion, 5, axis=1)
    expected = variance + measurement_noise(value[:, 3], aspect_measured)
    gain, gain_velocity, miss = variance / expected, shared / expected, xyah - value
    value = value + gain * miss
    value[:, 2:] = np.maximum(value[:, 2:], [SMALLEST_ASPECT, SMALLEST_HEIGHT])
    return np.concatenate(
        [
            value,
            velocity + gain_velocity * miss,
            (1 - gain) * variance,
            (1 - gain) * shared,
            change - gain_velocity * shared,
        ],
        axis=1,
    )


def gating_distance(motion: Float, xyah: Float) -> Float:
    """Squared Mahalanobis distance (paper, equation 1): element (i, j) is of track i and observed box j."""
    expected = motion[:, 8:12] + measurement_noise(motion[:, 3])
    squared: Float = np.sum((xyah[None] - motion[:, None, :4]) ** 2 / expected[:, None], axis=2)
    return squared


def _process_noise(height: Float, dt: float, aspect_step: float) -> tuple[Float, Float, Float]:
    """What ``dt * REFERENCE_RATE`` single-frame steps add to the last three blocks, (N, 4) each."""
    steps = dt * REFERENCE_RATE
    h = np.maximum(height, 1.0)
    step = np.stack([POSITION * h, POSITION * h, np.full_like(h, aspect_step), POSITION * h], axis=1) ** 2
    faster = np.stack([VELOCITY * h, VELOCITY * h, np.full_like(h, ASPECT_VELOCITY), VELOCITY * h], axis=1) ** 2
    # A velocity error made k frames before the end has moved the position by k times itself; sums over k < steps:
    first_powers = max(0.0, steps * (steps - 1) / 2)
    second_powers = max(0.0, steps * (steps - 1) * (2 * steps - 1) / 6)
    return (
        steps * step + second_powers * faster,
        first_powers * faster * REFERENCE_RATE,
        steps * faster * REFERENCE_RATE**2,
    )
