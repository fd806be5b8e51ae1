"""Recorded sites made of real crops: what one camera has of a person is a tracklet; only times are simulated.

People come one after another (a Poisson process), half of them first to the one camera and half first to the
other, and go on to the other after a log-normal transit time. Boxes are all the same, so they tell nothing.
Without times, the tracklets come one by one in random order, so that neither transit times nor people seen at one
moment help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.recorded_site import PEOPLE, RecordedSite, SiteWriter, View, unit
from pipeline.errors import HandoffError
from reid.tracklets import FloatArray
from trackers.tracks import TrackState

BOX = (100.0, 100.0, 164.0, 260.0)
SCORE = 0.9
_HOLD = 0.2  # s from the last view to the report that the track is over


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When people are where.

    Attributes:
        interval: mean seconds between two people who come.
        transit: median seconds between the views, of a log-normal law.
        spread: its standard deviation, of the logarithm.
        dwell: shortest and longest seconds in a view.
        times: whether there are usable times; without, tracklets come one by one, `pause` seconds apart.
        pause: see ``times``; a thousand tracklets then take less than the hour that the linker remembers people.
    """

    interval: float = 5.0
    transit: float = 30.0
    spread: float = 0.4
    dwell: tuple[float, float] = (3.0, 8.0)
    times: bool = True
    pause: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class CropTracklet:
    """All pictures that one camera has of a person.

    Attributes:
        person: number.
        camera: name.
        rows: (K, D) float32 unit rows.
    """

    person: int
    camera: str
    rows: FloatArray


def crop_tracklets(
    identities: npt.NDArray[np.int64], cameras: npt.NDArray[np.int64], rows: FloatArray
) -> list[CropTracklet]:
    """The tracklets of labelled pictures (N), by person and camera; ``rows`` (N, D) unit rows.

    Raises:
        HandoffError: if nobody is in two cameras.
    """
    found = []
    pairs = np.unique(np.stack([identities, cameras], axis=1), axis=0)
    for person, camera in pairs.tolist():
        mine = (identities == person) & (cameras == camera)
        found.append(CropTracklet(person, f"camera{camera}", rows[mine]))
    if len(found) == len(np.unique(identities)):
        raise HandoffError("these crops show nobody in two cameras: there is nothing to link")
    return found


def crop_site(
    name: str, tracklets: Sequence[CropTracklet], arrivals: Arrivals, seed: int, views: int = 4
) -> RecordedSite:
    """The site.

    Args:
        name: of the site.
        tracklets: at most one for each person and camera.
        arrivals: see `Arrivals`.
        seed: of arrivals, dwells, transits and order.
        views: fewest views of a tracklet, over its dwell; pictures are shown again where there are fewer.
    """
    starts, ends = _moments(tracklets, arrivals, np.random.default_rng(seed))
    cameras = sorted({tracklet.camera for tracklet in tracklets})
    events: list[tuple[float, int, View]] = []
    for i, tracklet in enumerate(tracklets):
        count = max(views, len(tracklet.rows))
        for k, time in enumerate(np.linspace(starts[i], ends[i], count)):
            row = unit(tracklet.rows[k % len(tracklet.rows)])
            events.append((float(time), i, _view(i, TrackState.CONFIRMED, row)))
        events.append((float(ends[i]) + _HOLD, i, _view(i, TrackState.ENDED, None)))
    events.sort(key=lambda event: event[:2])
    writer, frames = SiteWriter(cameras), dict.fromkeys(cameras, 0)
    places: list[tuple[int, int, int]] = []
    for time, i, view in events:
        camera = tracklets[i].camera
        frames[camera] += 1
        writer.add(camera, time, frames[camera], [view])
        if view.state is TrackState.CONFIRMED:
            places.append((cameras.index(camera), frames[camera], tracklets[i].person))
    where = np.array(places, np.int64)
    left, top, right, bottom = BOX
    boxes = np.tile(np.array([left, top, right - left, bottom - top]), (len(where), 1))
    return writer.site(name, (), (where[:, 0], where[:, 1], boxes), {PEOPLE: where[:, 2]})


def _view(i: int, state: TrackState, row: FloatArray | None) -> View:
    return View(i + 1, np.array(BOX, np.float32), SCORE, state, row)


def _moments(
    tracklets: Sequence[CropTracklet], arrivals: Arrivals, random: np.random.Generator
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Start and end (T,) of each tracklet, s."""
    dwell = random.uniform(*arrivals.dwell, len(tracklets))
    if not arrivals.times:
        dwell[:] = 2.0
        order = random.permutation(len(tracklets))
        starts = np.empty(len(tracklets))
        starts[order] = np.arange(len(tracklets)) * (2.0 + arrivals.pause)
        return starts, starts + dwell
    people = sorted({tracklet.person for tracklet in tracklets})
    came = np.cumsum(random.exponential(arrivals.interval, len(people)))
    free = dict(zip(random.permutation(people).tolist(), came.tolist(), strict=True))
    starts = np.empty(len(tracklets))
    for i in random.permutation(len(tracklets)):  # of a person's two cameras, either can come first
        person = tracklets[i].person
        starts[i] = free[person]
        transit = arrivals.transit * np.exp(arrivals.spread * random.standard_normal())
        free[person] = starts[i] + dwell[i] + transit
    return starts, starts + dwell
