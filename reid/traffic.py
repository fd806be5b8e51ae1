"""How people come and go at the cameras of a site: how many appear for the first time, how many are seen again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

_CAMERA_PRIOR = 10.0  # tracklets for which the shares of all cameras count in those of one
_PRIOR = 5.0  # tracklets for which "half" counts in the shares of all cameras


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """How people come and go at C cameras.

    Attributes:
        back: (C,) natural logarithms of the odds that who leaves a camera is seen again.
        newcomers: (C,) of how many people appear in a camera each second who were not seen before.
        anybody: (C,) of how often each second any one person would appear there if times meant nothing.
    """

    back: Float
    newcomers: Float
    anybody: Float

    @classmethod
    def of(cls, cameras: Int, count: int, seconds: float, seen_before: Float, seen_after: Float) -> Traffic:
        """From who was seen before and after.

        Args:
            cameras: (N,) index of the camera of each tracklet.
            count: of cameras, C.
            seconds: in which they came.
            seen_before: (N,) probability that each shows somebody who was seen before.
            seen_after: (N,) that the person was seen afterwards.
        """
        arrivals = np.maximum(np.bincount(cameras, minlength=count), 1)  # nobody yet: the next may be the first
        again, new = _shares(cameras, count, seen_after), 1 - _shares(cameras, count, seen_before)
        return cls(
            back=np.log(again / (1 - again)),
            newcomers=np.log(new * arrivals / seconds),
            anybody=np.log(arrivals / max(1, len(cameras)) / seconds),
        )


def _shares(cameras: Int, count: int, probabilities: Float) -> Float:
    """(C,) mean probability of each camera's tracklets, near that of all cameras where there are few."""
    overall = (float(probabilities.sum()) + _PRIOR / 2) / (len(probabilities) + _PRIOR)
    sums = np.bincount(cameras, probabilities, count) + _CAMERA_PRIOR * overall
    shares: Float = sums / (np.bincount(cameras, minlength=count) + _CAMERA_PRIOR)
    return shares
