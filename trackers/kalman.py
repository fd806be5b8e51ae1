"""The Kalman filter of DeepSORT (arXiv 1703.07402, section 2.1) in seconds, not frames, for many boxes at once.

State: centre x, centre y, aspect ratio, height, and their velocities per second. The observation is the first
four. Stateless: means (N, 8) and covariances (N, 8, 8) go in and come out.

The paper's filter moves one video frame a step. Its process noise (standard deviations proportional to the box
height: 1/20 for position, 1/160 a frame for velocity, the values of the authors' published tracker) is tied to the
25 to 30 frames a second of MOT16. Here a step of ``dt`` seconds stands for ``steps = dt * REFERENCE_RATE`` such
frames, and the noise is what that many single steps add up to: at dt = 1 / REFERENCE_RATE the filter is the
paper's, and two steps of one frame are one step of two.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

REFERENCE_RATE = 30.0  # frames a second
CHI2_95_4DOF = (
    9.4877  # 0.95 quantile of the chi-square distribution with 4 degrees of freedom (paper, section 2.2)
)

_POSITION = 1 / 20  # standard deviation as a share of the height
_VELOCITY = 1 / 160  # the same, a frame
_ASPECT_MEASURED, _ASPECT_STEP, _ASPECT_VELOCITY = 1e-1, 1e-2, 1e-5


def initiate(xyah: Float) -> tuple[Float, Float]:
    """Mean (N, 8) and covariance (N, 8, 8) of new tracks from their first boxes (N, 4) xyah, at rest."""
    mean = np.concatenate([xyah, np.zeros_like(xyah)], axis=1)
    h = xyah[:, 3]
    position, velocity = 2 * _POSITION * h, 10 * _VELOCITY * REFERENCE_RATE * h
    aspect = np.full_like(h, _ASPECT_STEP)
    aspect_velocity = np.full_like(h, _ASPECT_VELOCITY * REFERENCE_RATE)
    std = np.stack([position, position, aspect, position, velocity, velocity, aspect_velocity, velocity], axis=1)
    return mean, _diagonal(std**2)


def predict(mean: Float, covariance: Float, dt: float) -> tuple[Float, Float]:
    """Move states ``dt`` >= 0 seconds ahead at constant velocity."""
    transition = np.eye(8)
    transition[:4, 4:] = dt * np.eye(4)
    noise = _process_noise(mean[:, 3], dt)
    return mean @ transition.T, transition @ covariance @ transition.T + noise


def project(mean: Float, covariance: Float) -> tuple[Float, Float]:
    """Expected observation (N, 4) xyah and its covariance (N, 4, 4), measurement noise included."""
    position = _POSITION * np.maximum(mean[:, 3], 1.0)
    std = np.stack([position, position, np.full_like(position, _ASPECT_MEASURED), position], axis=1)
    return mean[:, :4], covariance[:, :4, :4] + _diagonal(std**2)


def update(mean: Float, covariance: Float, xyah: Float) -> tuple[Float, Float]:
    """Correct each state with its own observed box: (N, 8), (N, 8, 8), (N, 4)."""
    expected, innovation_covariance = project(mean, covariance)
    gain = np.linalg.solve(innovation_covariance, covariance[:, :4, :]).transpose(0, 2, 1)
    mean = mean + np.einsum("nij,nj->ni", gain, xyah - expected)
    covariance = covariance - gain @ innovation_covariance @ gain.transpose(0, 2, 1)
    return mean, covariance


def gating_distance(mean: Float, covariance: Float, xyah: Float) -> Float:
    """Squared Mahalanobis distance (paper, equation 1): element (i, j) is of track i and observed box j."""
    expected, innovation_covariance = project(mean, covariance)
    cholesky = np.linalg.cholesky(innovation_covariance)
    difference = xyah[None, :, :] - expected[:, None, :]
    whitened = np.linalg.solve(cholesky, difference.transpose(0, 2, 1))
    squared: Float = np.sum(whitened**2, axis=1)
    return squared


def _process_noise(height: Float, dt: float) -> Float:
    """(N, 8, 8) noise that ``dt * REFERENCE_RATE`` single-frame steps of the paper's filter add up to."""
    steps = dt * REFERENCE_RATE
    h = np.maximum(height, 1.0)
    step = np.stack([_POSITION * h, _POSITION * h, np.full_like(h, _ASPECT_STEP), _POSITION * h], axis=1)
    velocity = np.stack([_VELOCITY * h, _VELOCITY * h, np.full_like(h, _ASPECT_VELOCITY), _VELOCITY * h], axis=1)
    # A velocity error made k frames before the end has moved the position by k times itself; sums over k < steps:
    first_powers, second_powers = (
        max(0.0, steps * (steps - 1) / 2),
        max(0.0, steps * (steps - 1) * (2 * steps - 1) / 6),
    )
    noise = np.zeros((len(h), 8, 8))
    i = np.arange(4)
    noise[:, i, i] = steps * step**2 + second_powers * velocity**2
    noise[:, i, i + 4] = noise[:, i + 4, i] = first_powers * velocity**2 * REFERENCE_RATE
    noise[:, i + 4, i + 4] = steps * velocity**2 * REFERENCE_RATE**2
    return noise


def _diagonal(values: Float) -> Float:
    """(N, K) -> (N, K, K) with the values on the diagonal."""
    return values[:, :, None] * np.eye(values.shape[1])
