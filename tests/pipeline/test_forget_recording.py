"""A person who is erased from a recording, or from corrections, is not in it; the others are as before."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from pipeline import corrections
from pipeline.corrections import Merge, Split
from pipeline.errors import OutputError, RecordingError
from pipeline.forget_recording import RecordedPerson
from pipeline.frames import Frame, FrameResult
from pipeline.recording import Recording
from reid.store_forget import pieces_of
from tests.factories import box
from tests.pipeline.test_recording import GATE, YARD, sink_at, spoiled
from trackers.tracks import Detections, Track, TrackId, TrackState

STILL = np.zeros(2, np.float32)
IMAGE = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)


def walk(camera, index, rng, *, absent=()):
    """Two people, one of them (2) with a gap, in front of a box that belongs to nobody."""
    boxes = [box(100 + index, 200), box(320 + index, 200), box(560, 300)]
    looks = rng.normal(size=(3, 64)).astype(np.float32)
    looks = (looks / np.linalg.norm(looks, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    found = Detections(np.array(boxes, np.float32), np.full(3, 0.9, np.float32), looks, np.ones(3, bool))
    tracks = [
        Track(TrackId(n), found.boxes[n - 1] + np.float32(0.3), STILL, 0.9, TrackState.CONFIRMED, None, n - 1)
        for n in (1, 2)
        if n not in absent
    ]
    if index == 59:
        tracks = [Track(TrackId(n), found.boxes[n - 1], STILL, 0.9, TrackState.ENDED) for n in (1, 2)]
    return FrameResult(camera, index / 10, Frame(camera, index, index / 10, IMAGE), tracks, {}, [], found)


def record(folder, *, close=True):
    """Six seconds; track 2 begins with the fourth frame, and is not there in frames 30 to 33."""
    rng, sink = np.random.default_rng(1), sink_at(folder, crops=True)
    for index in range(60):
        for camera in (GATE, YARD):
            absent = (2,) if index < 3 or 30 <= index < 34 else ()
            sink.write(walk(camera, index, rng, absent=absent))
    if close:
        sink.close()
    return sink


def contents(path):
    """Everything in a recording, comparable."""

    def listed(array):
        return None if array is None else array.tolist()

    with Recording(path) as recording:
        frames = [
            (e.camera, e.number, e.index, e.time, e.detections.boxes.tolist(), e.detections.scores.tolist(),
             listed(e.detections.embeddings), listed(e.detections.embedded), e.tracks.tolist(),
             e.boxes.tolist(), e.track_of.tolist(), e.ended.tolist())
            for camera in recording.cameras for e in recording.frames(camera.name)
        ]  # fmt: skip
        tracks = {
            (t.camera, t.track): [getattr(t, name).tolist() for name in
             ("frames", "times", "boxes", "scores", "qualities", "views", "embeddings")] + [t.doubles]
            for t in recording.tracklets()
        }  # fmt: skip
        crops = {key: [(c.frame, c.box.tolist(), c.jpeg) for c in recording.crops(*key)] for key in tracks}
        rest = recording.cameras, recording.offsets, recording.finished, recording.seconds
    return frames, tracks, crops, rest


def without_person(frames, key):
    """The frames as they must become: the drawn person 2 is the second detection of each frame."""
    for camera, *head, boxes, scores, looks, embedded, tracks, track_boxes, of, ended in frames:
        if camera != key[0]:
            yield camera, *head, boxes, scores, looks, embedded, tracks, track_boxes, of, ended
            continue
        columns = [column[:1] + column[2:] for column in (boxes, scores, looks, embedded)]
        rows = [place for place, track in enumerate(tracks) if track != key[1]]
        kept = [[tracks[place] for place in rows], [track_boxes[place] for place in rows]]
        yield camera, *head, *columns, *kept, of[:1] + of[2:], [track for track in ended if track != key[1]]


@pytest.mark.parametrize("packed", [True, False])
def test_the_person_goes_and_all_else_is_as_it_was(tmp_path, monkeypatch, packed):
    monkeypatch.setattr("pipeline.recordingfile._WORTH", 10.0 if packed else 0.0)
    record(tmp_path)
    frames, tracks, crops, rest = contents(tmp_path)
    person = RecordedPerson(tmp_path, {(GATE, 2)})
    found = person.found()
    assert found == {
        "boxes of tracks": 52,
        "detections": 60,  # three before the track, four in the gap, and that of its last frame have no track
        "embeddings": 60,
        "ends of tracks": 1,
        "crops": 3,
        "pieces of embeddings and pictures in the file's bytes": found[
            "pieces of embeddings and pictures in the file's bytes"
        ],
    }
    assert found["pieces of embeddings and pictures in the file's bytes"] > 20
    looks = [np.array(look, np.float16).tobytes() for look in tracks[GATE, 2][6]]
    pieces = [piece for look in looks for piece in pieces_of(look)]
    pictures = [piece for _, _, jpeg in crops[GATE, 2] for piece in pieces_of(jpeg[len(jpeg) // 2 :])]
    file = tmp_path / "recording" / "recording.db"
    before = file.read_bytes()
    there = pictures if packed else pieces + pictures  # packed ones are nowhere as they are
    assert sum(piece in before for piece in there) > 0.9 * len(there)

    person.erase()

    assert not any(person.found().values())
    after = file.read_bytes()
    others = b"".join(jpeg for key, kept in crops.items() if key != (GATE, 2) for _, _, jpeg in kept)
    assert not [piece for piece in pieces + pictures if piece in after and piece not in others]
    assert len(after) < len(before)
    assert [path.name for path in file.parent.iterdir()] == ["recording.db"]
    del tracks[GATE, 2], crops[GATE, 2]
    assert contents(tmp_path) == (list(without_person(frames, (GATE, 2))), tracks, crops, rest)
    person.erase()
    assert file.read_bytes() == after


def test_what_lies_near_the_person_and_is_nobody_s_goes(tmp_path):
    """By overlap where the person is seen; near them for a second before, between and after; not later."""

    def frame(index, *, tracked, strangers):
        boxes = np.array([box(200), *strangers], np.float32)
        found = Detections(boxes, np.full(len(boxes), 0.5, np.float32))
        own = [Track(TrackId(1), boxes[0], STILL, 0.5, TrackState.CONFIRMED, None, 0)] if tracked else []
        return FrameResult(GATE, index / 10, Frame(GATE, index, index / 10, IMAGE), own, {}, [], found)

    sink = sink_at(tmp_path)
    for index in range(60):
        sink.write(frame(index, tracked=20 <= index < 30, strangers=[box(212), box(232), box(400)]))
    sink.close()
    RecordedPerson(tmp_path, {(GATE, 1)}).erase()
    with Recording(tmp_path) as recording:
        left = [[round(float(x1 + 20)) for x1 in e.detections.boxes[:, 0]] for e in recording.frames(GATE)]
    for index, centres in enumerate(left):
        near = 10 <= index <= 39
        wanted = [232, 400] if 20 <= index < 30 else [400] if near else [200, 212, 232, 400]
        assert centres == wanted, index


def test_a_box_that_another_track_has_stays(tmp_path):
    sink = sink_at(tmp_path)
    for index in range(15):
        boxes = np.array([box(200), box(203)], np.float32)
        found = Detections(boxes, np.full(2, 0.5, np.float32))
        tracks = [Track(TrackId(n), boxes[n - 1], STILL, 0.5, TrackState.CONFIRMED, None, n - 1) for n in (1, 2)]
        sink.write(FrameResult(GATE, index / 10, Frame(GATE, index, index / 10, IMAGE), tracks, {}, [], found))
    sink.close()
    RecordedPerson(tmp_path, {(GATE, 1)}).erase()
    with Recording(tmp_path) as recording:
        (track,) = recording.tracks(GATE)
        assert (track.track, len(track.times), track.boxes[0].tolist()) == (2, 15, box(203))
        assert track.doubles == frozenset()


def test_a_recording_that_a_run_writes_is_left_alone(tmp_path):
    sink = record(tmp_path, close=False)
    before = contents(tmp_path)
    with pytest.raises(OutputError, match=r"recording\.db: a run writes to this recording.*wait for its end"):
        RecordedPerson(tmp_path, {(GATE, 2)})
    assert contents(tmp_path) == before
    sink.close()
    RecordedPerson(tmp_path, {(GATE, 2)}).erase()


def test_the_recording_of_a_killed_run_becomes_one_file_without_the_person(tmp_path):
    (tmp_path / "live").mkdir()
    sink = record(tmp_path / "live", close=False)
    shutil.copytree(tmp_path / "live", tmp_path / "killed")
    folder = tmp_path / "killed" / "recording"
    assert (folder / "recording.db-wal").stat().st_size > 10_000
    frames, tracks, crops, rest = contents(tmp_path / "killed")
    RecordedPerson(tmp_path / "killed", {(GATE, 2)}).erase()
    assert [path.name for path in folder.iterdir()] == ["recording.db"]
    del tracks[GATE, 2], crops[GATE, 2]
    assert contents(tmp_path / "killed") == (list(without_person(frames, (GATE, 2))), tracks, crops, rest)
    sink.close()


def test_an_interruption_or_damage_leaves_the_recording_as_it_was(tmp_path, monkeypatch):
    record(tmp_path)
    file = tmp_path / "recording" / "recording.db"
    before = file.read_bytes()
    person = RecordedPerson(tmp_path, {(GATE, 2)})
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.forget_recording.pack", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            person.erase()
    assert [path.name for path in file.parent.iterdir()] == ["recording.db"]
    assert file.read_bytes() == before
    person.erase()
    assert not any(RecordedPerson(tmp_path, {(GATE, 2)}).found().values())
    spoiled(tmp_path, "UPDATE blocks SET state = zeroblob(80) WHERE id = 3")
    with pytest.raises(RecordingError, match="block 3 is damaged"):
        RecordedPerson(tmp_path, {(GATE, 1)})


def test_corrections_lose_the_person_and_keep_what_they_say_of_others():
    said: list[Merge | Split] = [
        Merge(said="--merge 1 2", tracks=("a/1", "b/1")),
        Merge(said="--merge 3 4", tracks=("a/1", "b/2", "b/3")),
        Split(said="--split 5@a/1", track="a/1", others=("b/2",)),
        Split(said="--split 5@b/2", track="b/2", others=("a/1",)),
        Split(said="--split 5@b/4", track="b/4", others=("a/1", "b/5")),
        Split(said="--split 5@a/7", track="a/7", others=("b/5",)),
    ]
    assert corrections.without(said, {("a", 1)}) == [
        Merge(said="--merge (erased)", tracks=("b/2", "b/3")),
        Split(said="--split (erased)", track="b/4", others=("b/5",)),
        said[-1],
    ]
