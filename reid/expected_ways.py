"""What is expected of the way from one camera to another before anybody was seen to walk it.

Without camera links: a broad guess of the time, any camera alike. With them: the time is within the window that
was given, and people appear next in the same camera or in one that is linked.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from reid.topology import Topology
from reid.tracklets import CameraId

Float = npt.NDArray[np.float64]

SHORTEST, LONGEST, BINS = 0.1, 1e5, 70  # of the histogram of transit times, s
STEP = np.log(LONGEST / SHORTEST) / BINS  # .2: a bin is 22 % wide
CENTRES = np.log(SHORTEST) + STEP * (np.arange(BINS) + 0.5)
_TYPICAL, _TYPICAL_SPREAD = np.log(20.0), 1.8  # of the logarithm of a transit time
_OUTSIDE = 0.05  # share of transits of a link that the typical guess counts for: windows are rarely exact
_AROUND = 0.2  # how often people appear next in a camera that is not linked, against one that is


class ExpectedWays:
    """The guess for each ordered pair of cameras."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    def times(self, origin: CameraId, to: CameraId) -> Float:
        """(BINS,) shares of the transits, by the logarithm of the time out of view."""
        window = self._topology.direct(origin, to)
        if window is None or not np.isfinite(window.longest):
            return _TYPICAL_SHAPE
        seconds = np.exp(CENTRES)
        width = max(window.longest - window.shortest, 1.0)
        middle = (window.shortest + window.longest) / 2
        bump = seconds * np.exp(-0.5 * np.square((seconds - middle) / (width / 4)))  # seconds: bins grow with it
        if bump.sum() <= 0:
            return _TYPICAL_SHAPE
        shape: Float = (1 - _OUTSIDE) * bump / bump.sum() + _OUTSIDE * _TYPICAL_SHAPE
        return shape

    def share(self, origin: CameraId, to: CameraId, cameras: Collection[CameraId]) -> float:
        """How many of all who leave a camera appear next in the other one."""
        weights = {camera: self._weight(origin, camera) for camera in {*cameras, to}}
        return weights[to] / sum(weights.values())

    def _weight(self, origin: CameraId, to: CameraId) -> float:
        linked = origin == to or not self._topology.restricted or self._topology.direct(origin, to) is not None
        return 1.0 if linked else _AROUND


def _typical_shape() -> Float:
    shape = np.exp(-0.5 * ((CENTRES - _TYPICAL) / _TYPICAL_SPREAD) ** 2)
    total: Float = shape / shape.sum()
    return total


_TYPICAL_SHAPE = _typical_shape()
