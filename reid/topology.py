"""Who can have walked from where to where: camera links, travel times, and one place at a time."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field, field_validator

from reid.tracklets import CameraId, Tracklet


class CameraLink(BaseModel, frozen=True, extra="forbid", populate_by_name=True):
    """One entry of `links` in cams.yaml: people can walk from one camera's view into another's."""

    origin: CameraId = Field(alias="from", description="Camera that people leave.")
    to: CameraId = Field(description="Camera that they appear in next.")
    seconds: tuple[float, float] = Field(
        (0.0, math.inf), description="Shortest and longest time out of view on the way, in seconds."
    )
    overlap: bool = Field(
        False, description="The two views show a common area, so that one person can be in both at the same time."
    )

    @field_validator("seconds")
    @classmethod
    def _window_in_order(cls, seconds: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= seconds[0] <= seconds[1]:
            raise ValueError("must be [shortest, longest] with 0 <= shortest <= longest")
        return seconds


@dataclass(frozen=True, slots=True)
class Window:
    """Allowed seconds between leaving one view and entering the next."""

    shortest: float
    longest: float


class Topology:
    """The camera links of a site.

    Without links every pair of cameras is possible at any delay. With links, a walk over cameras that are not
    linked directly takes at least the summed shortest times along the way (the cameras between may have missed the
    person) and may take any longer; pairs without a way are impossible. A person can always come back to the same
    camera.

    Args:
        links: directed.
        clock_tolerance: seconds by which the clocks of two cameras may disagree.
    """

    def __init__(self, links: Sequence[CameraLink], clock_tolerance: float = 0.0) -> None:
        self._tolerance = clock_tolerance
        self.restricted = len(links) > 0
        self._direct = {(link.origin, link.to): Window(*link.seconds) for link in links}
        for link in links:
            if link.overlap:  # in both directions, and without a way between
                for way in ((link.origin, link.to), (link.to, link.origin)):
                    self._direct[way] = Window(0.0, math.inf)
        self._overlapping = {frozenset((link.origin, link.to)) for link in links if link.overlap}
        self._shortest: dict[CameraId, dict[CameraId, float]] = {}

    def window(self, origin: CameraId, to: CameraId) -> Window | None:
        """Allowed seconds out of view on the way; None where there is no way."""
        if origin == to or not self.restricted:
            return Window(0.0, math.inf)
        direct = self.direct(origin, to)
        if direct is not None:
            return direct
        if origin not in self._shortest:
            self._shortest[origin] = self._shortest_times(origin)
        shortest = self._shortest[origin].get(to)
        return None if shortest is None else Window(shortest, math.inf)

    def direct(self, origin: CameraId, to: CameraId) -> Window | None:
        """The window of a link that was given; None where there is none."""
        return self._direct.get((origin, to))

    def can_be_one_person(self, a: Tracklet, b: Tracklet) -> bool:
        """Whether time allows it: one person is in one view at a time, unless the views overlap."""
        first, second = (a, b) if a.start <= b.start else (b, a)
        gap = second.start - first.end
        if first.key.camera == second.key.camera:
            return gap > 0 or _doubles(first, second)
        if frozenset((first.key.camera, second.key.camera)) in self._overlapping:
            return True
        return gap >= -self._tolerance

    def can_follow(self, earlier: Tracklet, later: Tracklet) -> bool:
        """Whether ``later`` can be the person's next appearance after ``earlier`` (which starts first)."""
        if not self.can_be_one_person(earlier, later):
            return False
        if frozenset((earlier.key.camera, later.key.camera)) in self._overlapping:
            return True
        if _doubles(earlier, later):
            return True
        window = self.window(earlier.key.camera, later.key.camera)
        gap = later.start - earlier.end
        return window is not None and window.shortest - self._tolerance <= gap <= window.longest + self._tolerance

    def _shortest_times(self, origin: CameraId) -> dict[CameraId, float]:
        """Dijkstra over the shortest times of the links."""
        times: dict[CameraId, float] = {}
        queue: list[tuple[float, CameraId]] = [(0.0, origin)]
        while queue:
            time, camera = heapq.heappop(queue)
            if camera in times:
                continue
            times[camera] = time
            for (start, end), window in self._direct.items():
                if start == camera and end not in times:
                    heapq.heappush(queue, (time + window.shortest, end))
        return times


def _doubles(a: Tracklet, b: Tracklet) -> bool:
    """Whether they may be one person found twice."""
    if (a.key.camera, a.key.run) != (b.key.camera, b.key.run):
        return False
    return a.key.track in b.doubles or b.key.track in a.doubles
