from __future__ import annotations

import numpy as np

from reid.gallery import Gallery
from reid.learning import SiteLearning
from reid.linker import EvidenceLinkerSettings
from reid.matching import CandidateSearch
from reid.topology import CameraLink, Topology
from reid.tracklets import CameraId, Tracklet, TrackletKey
from tests.factories import unit_rows

A, B = CameraId("a"), CameraId("b")


def seen(camera, start, direction):
    row = unit_rows(direction)
    box = np.array([0, 0, 40, 100], np.float32)
    return Tracklet(TrackletKey(camera, int(start)), start, start + 5, box, box, row[0], row, 20, 10.0)


def test_cameras_that_cannot_be_told_apart_are_named_once_with_the_numbers(caplog):
    rng = np.random.default_rng(0)
    learning = SiteLearning()
    gallery = Gallery(expiry=3600, most_identities=100, most_tracklets=10)
    search = CandidateSearch(gallery, Topology([]), learning.calibration, learning.transits, learning.returns)
    learning.calibration.add_different(A, B, rng.normal(0.9, 0.2, 300))
    learning.calibration.add_same(A, B, rng.normal(0.7, 0.2, 300), np.ones(300))
    met = [seen(A, 0, 0), seen(B, 20, 0), seen(A, 40, 1), seen(B, 60, 1)]
    with caplog.at_level("WARNING", "handoff.linker"):
        for number, tracklet in enumerate(met):
            learning.meet([tracklet], {tracklet.key: []}, gallery)
            if number % 2 == 0:
                gallery.create()
            gallery.put([tracklet], list(gallery)[-1])
            learning.part(tracklet, search, gallery)
    (record,) = caplog.records
    message = record.getMessage()
    assert message.startswith("people in a and b cannot be told apart")
    assert "only 1.1 standard deviations apart" in message


def test_given_links_say_when_people_are_expected():
    link = CameraLink(origin=A, to=B, seconds=(60, 90))
    linker = EvidenceLinkerSettings().build([link])
    free = EvidenceLinkerSettings().build([])
    gone = seen(A, 0.0, 0)

    def prefers(linker, start):
        return linker.learning.transits.rate(gone, seen(B, start, 0))

    within, outside = gone.end + 75, gone.end + 15
    assert prefers(linker, within) > prefers(linker, outside) + 1
    assert prefers(free, within) < prefers(free, outside)
