"""The sink `recording` and its reader: what comes back, what a kill leaves, what is said of damaged files."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from itertools import islice
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.recording import Site as DrawnSite
from benchmarks.recording import write
from pipeline.errors import OutputError, RecordingError
from pipeline.frames import CameraInfo, Frame, FrameResult
from pipeline.recording import RecordedEnd, RecordedFrame, Recording
from pipeline.sinks import SinkSite
from pipeline.sinks.crops import HEIGHT, MOST, SPACING
from pipeline.sinks.recording import RecordingSettings
from reid.doubles import Doubles
from reid.tracklet_builder import observation_qualities
from reid.tracklets import CameraId
from tests.factories import box, detections
from tests.shared_data import ROOT
from trackers.tracks import Detections, Track, TrackId, TrackState

GATE, YARD = CameraId("gate"), CameraId("yard")
DRAWN = DrawnSite(cameras=2, people=4, rate=10.0, seconds=6.0)


def sink_at(folder, **settings):
    cameras = [CameraInfo(name, 640, 480, 10.0, live=False) for name in (GATE, YARD)]
    return RecordingSettings(**settings).build(SinkSite(folder, cameras, threading.Event()))


def result(camera, index, count=2, offset=(0, 0), ended=(), size=(480, 640)):
    """``count`` people who walk; the last detection belongs to nobody, the first is embedded."""
    boxes = [box(100 + 90 * person + index / 7, 200) for person in range(count + 1)]
    looks = np.zeros((count + 1, 4), np.float32)
    looks[0, index % 4] = 1
    embedded = np.arange(count + 1) == 0
    found = detections(boxes)
    found = Detections(found.boxes, found.scores, looks, embedded)
    tracks = [
        Track(
            TrackId(person + 1),
            found.boxes[person] + np.float32(0.3),
            np.zeros(2, np.float32),
            0.9,
            TrackState.CONFIRMED,
            None,
            person,
        )
        for person in range(count)
    ]
    tracks += [Track(TrackId(n), found.boxes[0], np.zeros(2, np.float32), 0.9, TrackState.ENDED) for n in ended]
    image = np.full((*size, 3), index % 250, np.uint8)
    frame = Frame(camera, index, index / 10, image, offset)
    return FrameResult(camera, frame.time, frame, tracks, {}, [], found)


def over(camera, now):
    return FrameResult(camera, now, None, [], {}, [])


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A drawn run, and the results that it was recorded from."""
    folder = tmp_path_factory.mktemp("drawn")
    write(DRAWN, folder)
    return folder, list(DRAWN.results())


def assert_same(recorded, wanted):
    found = wanted.detections
    assert (recorded.camera, recorded.index, recorded.time) == (wanted.camera, wanted.frame.index, wanted.time)
    for name in ("boxes", "scores", "embeddings", "embedded"):
        np.testing.assert_array_equal(getattr(recorded.detections, name), getattr(found, name))
    seen = [track for track in wanted.tracks if track.state is TrackState.CONFIRMED]
    assert recorded.tracks.tolist() == [track.id for track in seen]
    assert recorded.matched.tolist() == [track.detection for track in seen]
    np.testing.assert_array_equal(recorded.boxes, np.reshape([track.box for track in seen], (-1, 4)))
    assert recorded.ended.tolist() == [t.id for t in wanted.tracks if t.state is TrackState.ENDED]
    for track in seen:
        assert recorded.track_of[track.detection] == track.id


def test_what_was_written_comes_back_bit_by_bit_and_in_order(drawn):
    folder, results = drawn
    with Recording(folder) as recording:
        assert [camera.name for camera in recording.cameras] == ["c0", "c1"]
        assert (recording.cameras[0].fps, recording.cameras[0].width) == (10.0, 1920)
        assert recording.finished
        assert recording.seconds == pytest.approx(5.9)
        events = list(recording.events())
        assert [event.number for event in events] == list(range(len(events)))
        frames = [event for event in events if isinstance(event, RecordedFrame)]
        wanted = [result for result in results if result.frame is not None]
        assert len(frames) == len(wanted) == 120
        for recorded, result in zip(frames, wanted, strict=True):
            assert_same(recorded, result)
        assert [event.camera for event in events[-2:] if isinstance(event, RecordedEnd)] == ["c0", "c1"]
        assert sum(len(frame.tracks) for frame in frames) > 200
        assert sum(len(track.views) for track in recording.tracklets()) > 50


def test_tracklets_are_what_the_frames_say(drawn):
    folder, results = drawn
    with Recording(folder) as recording:
        tracks = {(track.camera, track.track): track for track in recording.tracklets()}
    wanted: dict[tuple[CameraId, int], list[Any]] = {}
    for result in results:
        seen = [track for track in result.tracks if track.state is TrackState.CONFIRMED]
        for track, quality in zip(seen, observation_qualities(seen), strict=True):
            wanted.setdefault((result.camera, track.id), []).append((result, track, quality))
    assert tracks.keys() == wanted.keys()
    assert len(tracks) >= 8
    for camera in {camera for camera, _ in tracks}:
        doubles = Doubles()
        for result in results:
            if result.camera == camera and (seen := [t for t in result.tracks if t.state is TrackState.CONFIRMED]):
                doubles.see([track.id for track in seen], np.stack([track.box for track in seen]))
        assert all(track.doubles == doubles.of(key[1]) for key, track in tracks.items() if key[0] == camera)
    for key, observations in wanted.items():
        track = tracks[key]
        assert track.times.tolist() == [result.time for result, _, _ in observations]
        assert track.frames.tolist() == [result.frame.index for result, _, _ in observations]
        np.testing.assert_array_equal(track.boxes, [own.box for _, own, _ in observations])
        np.testing.assert_array_equal(track.scores, np.array([own.score for _, own, _ in observations], "f4"))
        np.testing.assert_array_equal(track.qualities, [quality for _, _, quality in observations])
        views = [i for i, (_, own, _) in enumerate(observations) if own.embedding is not None]
        assert track.views.tolist() == views
        np.testing.assert_array_equal(track.embeddings, [observations[i][1].embedding for i in views])


def test_while_it_is_written_all_but_the_last_second_is_there(tmp_path):
    sink = sink_at(tmp_path)
    for index in range(35):
        for camera in (GATE, YARD):
            sink.write(result(camera, index))
        if index > 10:
            with Recording(tmp_path) as recording:
                assert not recording.finished
                events = list(recording.events())
                assert [event.number for event in events] == list(range(len(events)))
                assert all(event.camera in (GATE, YARD) for event in events)
                assert index / 10 - events[-1].time <= 1.0 + 1e-9
    sink.close()
    assert [path.name for path in (tmp_path / "recording").iterdir()] == ["recording.db"]
    with Recording(tmp_path / "recording") as recording:
        assert recording.finished
        assert len(list(recording.frames(YARD))) == 35


def test_a_reader_sees_the_recording_as_it_was_when_it_was_opened(tmp_path):
    sink = sink_at(tmp_path)
    for index in range(25):
        sink.write(result(GATE, index))
    with Recording(tmp_path) as recording:
        before = len(list(recording.frames(GATE)))
        for index in range(25, 60):
            sink.write(result(GATE, index))
        assert len(list(recording.frames(GATE))) == before == 20
        sink.close()  # also while it is read
    with Recording(tmp_path) as recording:
        assert len(list(recording.frames(GATE))) == 60


_WRITER = """
import sys
from pathlib import Path
from tests.pipeline.test_recording import GATE, YARD, result, sink_at
sink = sink_at(Path(sys.argv[1]), crops=True)
for index in range(10**6):
    for camera in (GATE, YARD):
        sink.write(result(camera, index))
    print(index, flush=True)
"""


def test_a_killed_run_leaves_a_recording(tmp_path):
    command = [sys.executable, "-c", _WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ) as writer:
        assert writer.stdout is not None
        for _ in range(47):
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        last = max([last, *(int(line) for line in writer.stdout.read().split()[:-1])])
    with Recording(tmp_path) as recording:
        assert not recording.finished
        events = list(recording.events())
        assert [event.number for event in events] == list(range(len(events)))
        assert last / 10 - events[-1].time <= 1.1
        for recorded in islice(recording.frames(YARD), 40):
            assert_same(recorded, result(YARD, recorded.index))
        assert recording.crops(GATE, 1)


def test_offset_and_ends_are_kept(tmp_path):
    sink = sink_at(tmp_path)
    sink.write(result(GATE, 0, offset=(30, 7)))
    sink.write(over(GATE, 0.0))
    sink.write(result(YARD, 1))
    sink.write(over(YARD, 0.1))
    sink.write(over(GATE, 0.1))  # the linker's last word
    sink.close()
    with Recording(tmp_path) as recording:
        assert recording.offsets == {GATE: (30, 7), YARD: (0, 0)}
        assert [type(event).__name__ + " " + event.camera for event in recording.events()] == [
            "RecordedFrame gate",
            "RecordedEnd gate",
            "RecordedFrame yard",
            "RecordedEnd yard",
        ]


def test_a_run_without_people_or_frames_can_be_recorded(tmp_path):
    sink = sink_at(tmp_path)
    sink.write(FrameResult(GATE, 0.0, Frame(GATE, 0, 0.0, np.zeros((4, 4, 3), np.uint8)), [], {}, []))
    sink.close()
    with Recording(tmp_path) as recording:
        (frame,) = recording.frames(GATE)
        assert len(frame.detections) == 0
        assert list(recording.tracklets()) == []
        assert list(recording.frames(YARD)) == []


def test_crops_are_few_small_and_spread(tmp_path):
    sink = sink_at(tmp_path, crops=True)
    for index in range(1000):
        sink.write(result(GATE, index, count=1, size=(300, 400)))
    sink.close()
    with Recording(tmp_path) as recording:
        crops = recording.crops(GATE, 1)
        assert recording.crops(YARD, 1) == []
    assert MOST // 2 <= len(crops) <= MOST
    times = np.array([crop.time for crop in crops])
    assert (np.diff(times) >= SPACING).all()
    assert times[0] < 2
    assert times[-1] > 70
    for crop in crops:
        picture = cv2.imdecode(np.frombuffer(crop.jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert 0 < picture.shape[0] <= HEIGHT
        assert abs(int(picture.mean()) - crop.frame % 250) < 4
        np.testing.assert_array_equal(crop.box, result(GATE, crop.frame, count=1).detections.boxes[0])


def spoiled(folder, statement):
    with sqlite3.connect(folder / "recording" / "recording.db") as database:
        database.execute(statement)
    database.close()


def test_faults_name_the_file_and_what_to_do(drawn, tmp_path):
    folder, _ = drawn
    with pytest.raises(RecordingError, match=r"recording\.db: there is no recording; .*--record"):
        Recording(tmp_path)
    (tmp_path / "text.db").write_text("not a database, and long enough to be taken for one" * 20)
    with pytest.raises(RecordingError, match=r"text\.db: is not a recording.*record again"):
        Recording(tmp_path / "text.db")
    with sqlite3.connect(tmp_path / "other.db") as database:
        database.execute("CREATE TABLE people (name TEXT)")
    database.close()
    with pytest.raises(RecordingError, match=r"other\.db: is a database, but no recording"):
        Recording(tmp_path / "other.db")
    with Recording(folder) as recording, pytest.raises(RecordingError, match="no camera 'attic'; it has: c0, c1"):
        list(recording.frames(CameraId("attic")))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("PRAGMA user_version = 9", "another version of the program"),
        ("UPDATE blocks SET state = zeroblob(80) WHERE id = 3", r"block 3 is damaged \(its checksum"),
        ("UPDATE blocks SET frames = frames + 1 WHERE id = 3", "block 3 is damaged"),
        ("DROP TABLE ends", "cannot be read: no such table"),
    ],
)
def test_damage_is_noticed(drawn, tmp_path, statement, message):
    shutil.copytree(drawn[0], tmp_path / "run")
    spoiled(tmp_path / "run", statement)
    with pytest.raises(RecordingError, match=message), Recording(tmp_path / "run") as recording:
        list(recording.events())


def test_half_a_file_is_damaged(drawn, tmp_path):
    data = (drawn[0] / "recording" / "recording.db").read_bytes()
    (tmp_path / "half.db").write_bytes(data[: len(data) // 2])
    with pytest.raises(RecordingError, match=r"half\.db: .*damaged"), Recording(tmp_path / "half.db") as recording:
        list(recording.events())


def test_what_stands_in_the_way_is_named(tmp_path):
    (tmp_path / "recording").write_text("in the way")
    with pytest.raises(OutputError, match="recording"):
        sink_at(tmp_path)
