"""Hand-made recorded sites."""

import numpy as np

from benchmarks.recorded_site import PEOPLE, SiteWriter, View
from trackers.tracks import TrackState


def look(angle):
    """A unit row: the cosine distance of two is 1 - cos of the difference [degrees]."""
    return np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle)), 0, 0], np.float32)


def site(*tracklets, name="site", links=(), step=0.5):
    """A site of (camera, start, end, person, angle) each; every tracklet is a track of its own, its box is exact.

    A person of None is nobody in the truth; an angle of None is no embedding.
    """
    cameras = sorted({camera for camera, *_ in tracklets})
    writer, places = SiteWriter(cameras), []
    frames = dict.fromkeys(cameras, 0)
    last = max(end for _, _, end, *_ in tracklets)
    for moment in np.arange(0, last + 2 * step, step):
        for camera in cameras:
            frames[camera] += 1
            views = []
            for track, (where, start, end, person, angle) in enumerate(tracklets, start=1):
                box = np.array([100 * track, 50, 100 * track + 40, 150], np.float32)
                if where != camera or not start <= moment <= end + step:
                    continue
                over = moment > end
                row = None if angle is None or over else look(angle)
                state = TrackState.ENDED if over else TrackState.CONFIRMED
                views.append(View(track, box, 0.9, state, row))
                if person is not None and not over:
                    places.append((cameras.index(camera), frames[camera], 100 * track, person))
            writer.add(camera, float(moment), frames[camera], views)
    where = np.array(places, np.int64).reshape(-1, 4)
    boxes = np.stack([where[:, 2], 0 * where[:, 2] + 50, 0 * where[:, 2] + 40, 0 * where[:, 2] + 100], axis=1)
    truth = where[:, 0], where[:, 1], boxes.astype(np.float64)
    return writer.site(name, links, truth, {PEOPLE: where[:, 3]})
