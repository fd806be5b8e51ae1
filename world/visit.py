"""What a person means to do between coming and going."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from world.trajectory import Activity, Array

STEP = 0.25  # metres between the points of a path


@dataclass(frozen=True, slots=True)
class Pause:
    """A person stands at the point `at` of the path for some seconds and faces somewhere."""

    at: int
    seconds: float
    facing: float
    activity: Activity


@dataclass(slots=True)
class Visit:
    """What a person means to do between coming and going.

    Attributes:
        person: who.
        partner: who walks along, or None.
        start: seconds.
        speed: metres a second, when nothing is in the way.
        running: whether in a hurry.
        path: (N, 2), points every `STEP` metres.
        pauses: in order of the path.
    """

    person: int
    partner: int | None
    start: float
    speed: float
    running: bool
    path: Array
    pauses: list[Pause]

    def nominal_times(self) -> Array:
        """(N,) seconds since the start at the points of the path, when nothing is in the way."""
        steps = np.hypot(*np.diff(self.path, axis=0).T) / (0.95 * self.speed)
        for pause in self.pauses:
            if pause.at < len(steps):
                steps[pause.at] += pause.seconds + 1.5
        return np.concatenate([[0.0], steps.cumsum()])

    @property
    def nominal_seconds(self) -> float:
        """How long the visit takes when nothing is in the way."""
        return float(self.nominal_times()[-1])
