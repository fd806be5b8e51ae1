"""The linker in crowds of overlapping views, where tracks change hands all the time: it must not lose its way."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from reid.identity_map import IdentityMap
from reid.linker import EvidenceLinkerSettings
from reid.topology import CameraLink
from reid.tracklets import CameraId, TrackletKey
from trackers.tracks import Track, TrackId, TrackState


class Crowd:
    """Tracks that start, are lost, end and take over other people at random."""

    def __init__(self, seed, cameras, people, noise):
        self.rng = np.random.default_rng(seed)
        self.cameras = [CameraId(f"c{number}") for number in range(cameras)]
        looks = self.rng.normal(size=(people, 3))
        self.looks, self.noise = looks / np.linalg.norm(looks, axis=1, keepdims=True), noise
        self.live: dict[CameraId, dict[int, int]] = {camera: {} for camera in self.cameras}
        self.started = dict.fromkeys(self.cameras, 0)

    def links(self, overlapping):
        made = []
        for a, b in itertools.combinations(self.cameras, 2):
            overlap = bool(self.rng.random() < overlapping)
            made += [CameraLink(origin=x, to=y, overlap=overlap) for x, y in ((a, b), (b, a))]
        return made

    def tracks(self, camera):
        """One camera's report of half a second."""
        live, reports = self.live[camera], []
        if self.rng.random() < 0.4 and len(live) < 4:
            self.started[camera] += 1
            live[self.started[camera]] = int(self.rng.integers(len(self.looks)))
        for number in sorted(live):
            fate = self.rng.random()
            if fate < 0.12:
                reports.append(self.report(number, TrackState.ENDED))
                del live[number]
            elif fate < 0.35:
                reports.append(self.report(number, TrackState.LOST))
            else:
                if self.rng.random() < 0.15:  # the tracker mixes people up
                    live[number] = int(self.rng.integers(len(self.looks)))
                reports.append(self.report(number, TrackState.CONFIRMED, live[number]))
        return reports

    def report(self, number, state, person=None):
        left, score = 20 * self.rng.random(), float(self.rng.uniform(0.4, 1))
        box = np.array([left, 0, left + 5, 10], np.float32)
        embedding = None
        if person is not None:
            row = self.looks[person] + self.noise * self.rng.normal(size=3)
            embedding = (row / np.linalg.norm(row)).astype(np.float32)
        return Track(TrackId(number), box, np.zeros(2, np.float32), score, state, embedding)


@pytest.mark.parametrize("most", [1, 2, 20])
@pytest.mark.parametrize("overlapping", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("seed", range(4))
def test_what_the_log_says_is_what_the_linker_knows(most, overlapping, seed):
    crowd = Crowd(seed, cameras=4, people=5, noise=0.2)
    settings = EvidenceLinkerSettings(min_duration=0.5, min_views=2, max_tracklets=most)
    linker, identities = settings.build(crowd.links(overlapping)), IdentityMap()
    told = set()
    for step in range(60):
        for camera in crowd.cameras:
            tracks = crowd.tracks(camera)
            told |= {TrackletKey(camera, int(track.id)) for track in tracks if track.embedding is not None}
            for link in linker.update(camera, step / 2, tracks):
                identities.apply(link)
            assert {key: identities.get(key) for key in linker._identity_of} == linker._identity_of
            assert all(len(identity) > 0 for identity in linker._gallery)
    for link in linker.finish():
        identities.apply(link)
    assert all(identities.get(key) is not None for key in told)
    assert max(len(identity) for identity in linker._gallery) <= most
