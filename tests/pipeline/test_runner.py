"""The loop over parts that are scripted: batches, order, ends, and what is reported when something breaks off."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from pipeline.errors import OutputError, SourceError
from pipeline.frames import CameraInfo, Frame
from pipeline.runner import Runner
from pipeline.ticks import Ticks
from reid.linker import EvidenceLinkerSettings
from reid.tracklets import CameraId, IdentityId, Link, LinkKind, TrackletKey
from tests.factories import box, detections, unit_rows
from trackers import DeepSortSettings, Detections, TrackState

GATE, YARD = CameraId("gate"), CameraId("yard")


class Camera:
    """A source of black pictures; ``fault`` is raised after the last one."""

    def __init__(self, name, fps=10.0, count=40, fault=None):
        self.info = CameraInfo(CameraId(name), 64, 48, fps, live=False)
        self.count, self.fault = count, fault

    def frames(self):
        for index in range(self.count):
            image = np.zeros((48, 64, 3), np.uint8)
            yield Frame(self.info.name, index, index / self.info.fps, image)
        if self.fault:
            raise self.fault

    def close(self):
        pass


class Detector:
    """Two people who walk, in every frame; remembers which cameras shared a batch."""

    def __init__(self, people=2):
        self.batches = []
        self.people = people

    def detect(self, frames):
        self.batches.append([frame.camera for frame in frames])
        boxes = [box(10 + 200 * person) for person in range(self.people)]
        return [detections(boxes) if boxes else Detections.empty() for _ in frames]

    def close(self):
        pass


class Embedder:
    dimension, batches = 4, 0

    def __init__(self):
        self.calls = []

    def embed(self, images, boxes):
        self.calls.append([len(part) for part in boxes])
        return [unit_rows(*range(len(part)), dimension=4) for part in boxes]

    def close(self):
        pass


class Kept:
    """A sink that keeps results; raises at the ``fails_at``-th."""

    def __init__(self, fails_at=None):
        self.results, self.fails_at = [], fails_at

    def write(self, result):
        self.results.append(result)
        if len(self.results) == self.fails_at:
            raise OutputError("full")

    def close(self):
        pass

    def of(self, camera):
        return [result for result in self.results if result.camera == camera]


def run(cameras, *, detector=None, sink=None, stop=None, min_duration=0.5):
    detector, embedder, sink = detector or Detector(), Embedder(), sink or Kept()
    infos = [camera.info for camera in cameras]
    trackers = {info.name: DeepSortSettings().build() for info in infos}
    linker = EvidenceLinkerSettings(min_duration=min_duration).build([])
    runner = Runner(infos, detector, embedder, trackers, linker, [sink])
    ticks = Ticks(cameras, stop or threading.Event())
    runner.run(ticks)
    return runner, detector, embedder, sink


def states(results):
    return [(track.id, track.state) for result in results for track in result.tracks]


def test_cameras_of_one_tick_share_one_detector_and_one_embedder_batch():
    runner, detector, embedder, _ = run([Camera("gate"), Camera("yard", fps=5, count=20)])
    assert runner.statistics.ticks == len(detector.batches) == len(embedder.calls) == 40
    assert detector.batches.count([GATE, YARD]) == 20
    assert detector.batches.count([GATE]) == 20
    assert runner.statistics.frames == {GATE: 40, YARD: 20}


def test_every_frame_is_reported_once_and_in_order():
    *_, sink = run([Camera("gate"), Camera("yard", fps=7, count=9)])
    for camera, count in ((GATE, 40), (YARD, 9)):
        indices = [result.frame.index for result in sink.of(camera) if result.frame is not None]
        assert indices == list(range(count))


def test_every_track_ends_once_and_after_its_last_frame():
    *_, sink = run([Camera("gate"), Camera("yard", count=10)])
    for camera in (GATE, YARD):
        seen = states(sink.of(camera))
        assert [seen.count((number, TrackState.ENDED)) for number in (1, 2)] == [1, 1]
        assert {state for _, state in seen[-2:]} == {TrackState.ENDED}


def test_tracks_of_a_camera_that_is_over_end_while_the_others_go_on():
    *_, sink = run([Camera("gate"), Camera("yard", count=10)])
    ended = next(i for i, r in enumerate(sink.results) if r.camera == YARD and r.frame is None)
    assert any(result.camera == GATE and result.frame is not None for result in sink.results[ended:])


def test_identities_are_those_of_the_links_so_far():
    *_, sink = run([Camera("gate")])
    known = {}
    for result in sink.of(GATE):
        for link in result.links:
            known[link.key.track] = link.identity
        for track in result.tracks:
            assert result.identities.get(track.id) == known.get(track.id)
    assert set(known) == {1, 2}


def test_no_people_give_frames_without_tracks():
    runner, *_, sink = run([Camera("gate", count=5)], detector=Detector(people=0))
    assert sum(result.frame is not None for result in sink.results) == 5
    assert states(sink.results) == []
    assert runner.statistics.identities == 0


def test_identities_are_counted():
    runner, *_ = run([Camera("gate")])
    assert runner.statistics.identities == 2


def test_people_of_earlier_runs_count_when_they_are_met():
    kinds = {"link": LinkKind.LINK, "merge": LinkKind.MERGE}
    runner = Runner([], Detector(), Embedder(), {}, EvidenceLinkerSettings().build([]), [], first_identity=10)
    story: list[tuple[str, int, int | None, int]] = [
        ("link", 10, None, 1),
        ("link", 3, None, 2),
        ("link", 3, None, 2),
        ("link", 7, None, 3),
    ]
    story += [("merge", 3, 10, 2), ("link", 11, None, 3), ("merge", 2, 7, 3), ("merge", 4, 3, 3)]
    for kind, identity, previous, wanted in story:
        before = None if previous is None else IdentityId(previous)
        key = TrackletKey(GATE, 1)
        runner._follower._count(
            Link(key, IdentityId(identity), kinds[kind], 0, before, None, None, None, None, "")
        )
        assert runner.statistics.identities == wanted, (kind, identity)


def test_tracklets_that_have_an_identity_are_reported_until_they_end():
    *_, sink = run([Camera("gate"), Camera("yard", count=10)])
    ends: dict[TrackletKey, float] = {}
    for result in sink.results:
        for tracklet in result.tracklets:
            assert tracklet.end >= ends.get(tracklet.key, 0.0)
            ends[tracklet.key] = tracklet.end
    assert {key: round(end, 3) for key, end in ends.items()} == {
        ("gate", 1, 0): 3.9,
        ("gate", 2, 0): 3.9,
        ("yard", 1, 0): 0.9,
        ("yard", 2, 0): 0.9,
    }


def test_a_track_too_short_to_decide_gets_its_identity_at_the_end():
    *_, sink = run([Camera("gate", count=6)], min_duration=2.0)
    links = [link for result in sink.results for link in result.links]
    assert {link.key.track for link in links} == {1, 2}


def test_a_camera_that_fails_leaves_the_others_alone():
    cameras = [Camera("gate"), Camera("yard", count=10, fault=SourceError("yard: broken"))]
    runner, *_, sink = run(cameras)
    assert runner.statistics.frames == {GATE: 40, YARD: 10}
    assert states(sink.of(YARD)).count((1, TrackState.ENDED)) == 1


def test_stop_ends_all_tracks():
    stop = threading.Event()

    class Stopping(Kept):
        def write(self, result):
            super().write(result)
            if len(self.results) == 12:
                stop.set()

    runner, *_, sink = run([Camera("gate", count=4000)], sink=Stopping(), stop=stop)
    assert runner.statistics.frames[GATE] < 4000
    assert states(sink.results).count((1, TrackState.ENDED)) == 1


def test_a_sink_that_fails_once_still_hears_of_the_ends():
    sink = Kept(fails_at=12)
    with pytest.raises(OutputError, match="full"):
        run([Camera("gate")], sink=sink)
    assert states(sink.results).count((1, TrackState.ENDED)) == 1


def test_nothing_is_kept_of_tracks_that_are_over():
    """A process that runs for weeks must not grow with the people it has seen."""

    class Passing(Detector):
        def detect(self, frames):
            super().detect(frames)
            step = frames[0].index
            return [detections([box(10)]) if step % 40 < 20 else Detections.empty() for _ in frames]

    runner, *_ = run([Camera("gate", count=2000)], detector=Passing())
    assert len(runner._follower._live) == 0
    assert len(runner._follower._identities) == 0
