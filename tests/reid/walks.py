"""People who walk from camera to camera, as tracklets."""

from __future__ import annotations

import numpy as np

from reid.tracklets import CameraId, Tracklet, TrackletKey

CAMERAS = [CameraId(name) for name in "abc"]
D = 64


DWELL, AWAY = 6.0, 9.0  # s in a view, and between two


def site(people=15, seed=0, noise=0.5, hops=3):
    """Everybody walks through three cameras, one after the other: tracklets, and whom each shows."""
    rng = np.random.default_rng(seed)
    looks = rng.normal(size=(people, D)) + 1.0
    tracklets, who = [], []
    for person in range(people):
        for hop in range(hops):
            camera = CAMERAS[(person + hop) % 3]
            start = 2.0 * person + (DWELL + AWAY) * hop
            views = looks[person] + noise * rng.normal(size=(5, D))
            views = (views / np.linalg.norm(views, axis=1, keepdims=True)).astype(np.float32)
            mean = views.mean(axis=0) / np.linalg.norm(views.mean(axis=0))
            box = np.array([0, 0, 40, 100], np.float32) + 10 * person
            tracklets.append(
                Tracklet(
                    TrackletKey(camera, person * hops + hop + 1),
                    start,
                    start + DWELL,
                    box,
                    box,
                    mean,
                    views,
                    30,
                    5.0,
                )
            )
            who.append(person)
    return tracklets, dict(zip([tracklet.key for tracklet in tracklets], who, strict=True))
