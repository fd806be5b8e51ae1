"""What is expected of the way from one camera to another before anybody was seen to walk it.

Without camera links: a broad guess of the time, any camera alike. With them: the time is within the window that
was given, and people appear next in the same camera or in one that is linked.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from reid.topology import Topology
from reid.tracklets import CameraId

Float = npt.NDArray[np.float64]

SHORTEST, LONGEST, BINS = 0.1, 1e5, 70  # of the histogram of transit times, s
STEP = np.log(LONGEST / SHORTEST) / BINS  # .2: a bin is 22 % wide
EDGES = np.log(SHORTEST) + STEP * np.arange(BINS + 1)
CENTRES = (EDGES[1:] + EDGES[:-1]) / 2
_TYPICAL, _TYPICAL_SPREAD = np.log(20.0), 1.8  # of the logarithm of a transit time
_OUTSIDE = 0.05  # share of transits of a link that the typical guess counts for: windows are rarely exact
_AROUND = 0.2  # how often people appear next in any camera that is not linked, against one that is
_NEVER = 1e-6  # the same of a camera that there is no way to


class ExpectedWays:
    """The guess for each ordered pair of cameras."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    def times(self, origin: CameraId, to: CameraId) -> Float:
        """(BINS,) shares of the transits, by the logarithm of the time out of view."""
        window = self._topology.direct(origin, to)
        if window is None or not np.isfinite(window.longest):
            return _TYPICAL_SHAPE
        width = max(window.longest - window.shortest, 1.0)
        middle = (window.shortest + window.longest) / 2
        within = np.diff(ndtr((np.exp(EDGES) - middle) / (width / 4)))  # nineteen in twenty, evenly to both sides
        if within.sum() <= 0:
            return _TYPICAL_SHAPE
        shape: Float = (1 - _OUTSIDE) * within / within.sum() + _OUTSIDE * _TYPICAL_SHAPE
        return shape

    def share(self, origin: CameraId, to: CameraId, cameras: Collection[CameraId]) -> float:
        """How many of all who leave a camera appear next in the other one."""
        all_cameras = {*cameras, to}
        linked = {camera for camera in all_cameras if self._is_linked(origin, camera)}
        around = {camera for camera in all_cameras - linked if self._topology.window(origin, camera) is not None}
        weight = _AROUND * len(linked) / len(around) if to in around else 1.0 if to in linked else _NEVER
        return weight / (len(linked) + (_AROUND * len(linked) if around else 0.0))

    def _is_linked(self, origin: CameraId, to: CameraId) -> bool:
        return origin == to or not self._topology.restricted or self._topology.direct(origin, to) is not None


def _typical_shape() -> Float:
    shape = np.exp(-0.5 * ((CENTRES - _TYPICAL) / _TYPICAL_SPREAD) ** 2)
    total: Float = shape / shape.sum()
    return total


_TYPICAL_SHAPE = _typical_shape()
