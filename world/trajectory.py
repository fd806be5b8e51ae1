"""Where a person is at every moment, and what all of them do at one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Activity(IntEnum):
    """What a person is doing."""

    WALK = 0
    STAND = 1
    TALK = 2
    RUN = 3


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """The way of one person through the site, sampled often enough (at least 20 a second) to interpolate.

    Attributes:
        person: index into the cast.
        times: (T,) seconds, ascending; the person is on the site from the first to the last.
        places: (T, 2) metres on the floor, below the pelvis.
        headings: (T,) radians, unwrapped: which way the body faces.
        travelled: (T,) metres walked since the first moment, never less than before.
        activities: (T,) of `Activity`.
    """

    person: int
    times: Array
    places: Array
    headings: Array
    travelled: Array
    activities: NDArray[np.int8]

    def is_there(self, time: float) -> bool:
        """Whether the person is on the site."""
        return bool(self.times[0] <= time <= self.times[-1])

    def at_length(self, travelled: Array) -> tuple[Array, Array]:
        """Places (..., 2) and headings (...) of the path at lengths in metres, straight on beyond its ends."""
        lengths, first = np.unique(self.travelled, return_index=True)
        x, y, heading = (np.interp(travelled, lengths, v[first]) for v in (*self.places.T, self.headings))
        beyond = np.asarray(travelled - np.clip(travelled, lengths[0], lengths[-1]))
        return np.stack([x + beyond * np.cos(heading), y + beyond * np.sin(heading)], -1), heading


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What P people do; as a rule all at one time.

    Attributes:
        times: (P,) seconds.
        people: (P,) indices into the cast.
        places: (P, 2) metres.
        headings: (P,) radians.
        trajectories: of the same people, for what lies just before and after.
    """

    times: Array
    people: NDArray[np.int64]
    places: Array
    headings: Array
    trajectories: Sequence[Trajectory]


def moment_of(trajectories: Sequence[Trajectory], time: float) -> Moment:
    """Those of the trajectories that are on the site at a time."""
    there = [trajectory for trajectory in trajectories if trajectory.is_there(time)]
    return moments_of(there, np.full(len(there), time))


def moments_of(trajectories: Sequence[Trajectory], times: Array) -> Moment:
    """Each of P trajectories at a time (P,) of its own, in seconds, at which it must be on the site."""
    rows = [_interpolated(trajectory, time) for trajectory, time in zip(trajectories, times.tolist(), strict=True)]
    table = np.array(rows, np.float64).reshape(-1, 3)
    return Moment(
        times=times,
        people=np.array([trajectory.person for trajectory in trajectories], np.int64),
        places=table[:, :2],
        headings=table[:, 2],
        trajectories=trajectories,
    )


def _interpolated(trajectory: Trajectory, time: float) -> tuple[float, ...]:
    times = trajectory.times
    index = min(int(np.searchsorted(times, time, "right")) - 1, len(times) - 2)
    share = (time - times[index]) / (times[index + 1] - times[index])
    x, y = trajectory.places[index] * (1 - share) + trajectory.places[index + 1] * share
    heading = trajectory.headings[index] * (1 - share) + trajectory.headings[index + 1] * share
    return x, y, heading
