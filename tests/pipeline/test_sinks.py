"""All sinks that write files: what is on disk after good and bad ends, and that the files agree."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from pipeline.errors import OutputError
from pipeline.frames import CameraInfo, Frame, FrameResult
from pipeline.motfile import read_mot
from pipeline.sinks import SinkSettings, SinkSite
from reid.identity_map import IdentityMap
from reid.tracklets import CameraId, IdentityId, Link, LinkKind, TrackletKey
from tests.pipeline.agreement import assert_files_agree, frames_in, log_of, table_of
from trackers.tracks import Track, TrackId, TrackState

KINDS = ("video", "identities", "mot")
GATE, YARD = CameraId("gate"), CameraId("yard")
FULL = Path("/dev/full")  # every write to it says that the disk is full
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def build(kind: str, output: Path, *, size=(160, 120), fps=10.0):
    cameras = [CameraInfo(name, size[0], size[1], fps, live=False) for name in (GATE, YARD)]
    site = SinkSite(output, cameras, threading.Event())
    return TypeAdapter(SinkSettings).validate_python({"type": kind}).build(site)


def track(number: int, state=TrackState.CONFIRMED, left=20.0) -> Track:
    box = np.array([left, 30, left + 20, 90], np.float32)
    return Track(TrackId(number), box, np.zeros(2, np.float32), 0.9, state)


def link(camera: CameraId, number: int, identity: int, now: float, previous=None, kind=LinkKind.LINK) -> Link:
    before = None if previous is None else IdentityId(previous)
    return Link(
        TrackletKey(camera, number),
        IdentityId(identity),
        kind,
        now,
        before,
        0.1,
        0.4,
        3.0,
        9.0,
        "alike",
        0.9,
        3.21,
        None,
        IdentityId(2),
    )


class Script:
    """Makes results as the runner does: identities follow from the links so far."""

    def __init__(self, size=(160, 120)) -> None:
        self.size = size
        self._identities = IdentityMap()
        self._index = {GATE: -1, YARD: -1}

    def frame(self, camera, now, tracks=(), links=(), *, size=None, offset=(0, 0)) -> FrameResult:
        width, height = size or self.size
        self._index[camera] += 1
        picture = np.full((height, width, 3), 60 + self._index[camera] % 100, np.uint8)
        return self._result(camera, now, Frame(camera, self._index[camera], now, picture, offset), tracks, links)

    def after(self, camera, now, tracks=(), links=()) -> FrameResult:
        return self._result(camera, now, None, tracks, links)

    def _result(self, camera, now, frame, tracks, links) -> FrameResult:
        for decision in links:
            self._identities.apply(decision)
        found = {one.id: self._identities.get(TrackletKey(camera, one.id)) for one in tracks}
        identities = {name: identity for name, identity in found.items() if identity is not None}
        return FrameResult(camera, now, frame, list(tracks), identities, list(links))


def story() -> list[FrameResult]:
    """Two tracks at the gate, three in the yard; identity 3 is merged into 1, and one track is split off."""
    script, ended = Script(), TrackState.ENDED
    return [
        script.frame(GATE, 0.0, [track(1)]),
        script.frame(YARD, 0.0),
        script.frame(GATE, 0.1, [track(1, left=22), track(2, left=80)], [link(GATE, 1, 1, 0.1)]),
        script.frame(YARD, 0.1, [track(1)], [link(GATE, 2, 2, 0.1)]),
        script.frame(GATE, 0.2, [track(1, TrackState.LOST), track(2, left=82)]),
        script.frame(
            YARD, 0.2, [track(1, left=25), track(2, left=90)], [link(YARD, 1, 3, 0.2), link(YARD, 2, 3, 0.2)]
        ),
        script.frame(GATE, 0.3, [track(1, ended), track(2, left=84)]),
        script.frame(YARD, 0.3, [track(1, left=28)], [link(YARD, 1, 1, 0.3, 3, LinkKind.MERGE)]),
        script.frame(YARD, 0.4, [track(1, ended), track(3, left=70)]),
        script.after(GATE, 0.3, [track(2, ended)]),
        script.after(YARD, 0.4, [track(2, ended), track(3, ended)], [link(YARD, 3, 2, 0.4)]),
        script.after(GATE, 0.4, [], [link(YARD, 3, 4, 0.4, 2, LinkKind.SPLIT)]),
    ]


def write_all(output: Path, results, kinds=KINDS) -> None:
    sinks = [build(kind, output) for kind in kinds]
    for result in results:
        for sink in sinks:
            sink.write(result)
    for sink in sinks:
        sink.close()


TABLE_HEAD = "identity,camera,track,start,end,frames,confidence\n"
ROWS = [f"{folder}/{camera}.txt" for folder in ("tracks", "mot") for camera in (GATE, YARD)]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("video", {}),  # a video without a frame would be broken
        ("identities", {"identities.jsonl": "", "identities.csv": TABLE_HEAD}),
        ("mot", dict.fromkeys(ROWS, "")),
    ],
)
def test_a_run_without_a_frame_leaves_no_broken_file(kind, wanted, tmp_path):
    build(kind, tmp_path).close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path).as_posix(): path.read_text() for path in files} == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_results_are_not_changed(kind, tmp_path):
    results = story()
    before = [
        (list(r.tracks), dict(r.identities), None if r.frame is None else r.frame.image.copy()) for r in results
    ]
    write_all(tmp_path, results, [kind])
    for result, (tracks, identities, image) in zip(results, before, strict=True):
        assert (list(result.tracks), dict(result.identities)) == (tracks, identities)
        if result.frame is not None:
            np.testing.assert_array_equal(result.frame.image, image)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_results_give_the_same_bytes(kind, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_all(tmp_path / name, story(), [kind])
    files = [path for path in (tmp_path / "a").rglob("*.*") if path.is_file()]
    assert len(files) == {"video": 2, "identities": 2, "mot": 4}[kind]
    for path in files:
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path.name


def test_log_table_and_rows_agree_and_replay_merges_and_splits(tmp_path):
    write_all(tmp_path, story())
    assert_files_agree(tmp_path, [GATE, YARD])
    identity_of = {(row["camera"], row["track"]): int(row["identity"]) for row in table_of(tmp_path)}
    assert identity_of == {
        ("gate", "1"): 1,
        ("gate", "2"): 2,
        ("yard", "1"): 1,
        ("yard", "2"): 1,  # linked to 3 after 3 had become 1
        ("yard", "3"): 4,
    }
    yard = read_mot(tmp_path / "mot" / "yard.txt")
    assert yard.id[yard.frame == 2].tolist() == [1]  # the row was written before there was an identity


def test_an_identity_that_was_found_twice_has_one_row_a_frame(tmp_path):
    scene = Script()
    links = [link(GATE, 1, 1, 0.0), link(GATE, 2, 1, 0.0)]
    weak, strong = replace(track(1), score=0.5), track(2, left=22.0)
    write_all(tmp_path, [scene.frame(GATE, 0.0, [weak, strong], links), scene.frame(GATE, 0.1, [weak])], ("mot",))
    assert read_mot(tmp_path / "tracks" / "gate.txt").frame.tolist() == [1, 1, 2]
    rows = read_mot(tmp_path / "mot" / "gate.txt")
    assert rows.frame.tolist() == [1, 2]
    assert rows.score.tolist() == pytest.approx([0.9, 0.5])


def test_the_log_tells_events_in_order_with_their_evidence(tmp_path):
    write_all(tmp_path, story(), ["identities"])
    log = log_of(tmp_path)
    assert [entry["event"] for entry in log if (entry["camera"], entry["track"]) == ("yard", 3)] == [
        "start",
        "link",
        "end",
        "split",
    ]
    merge = next(entry for entry in log if entry["event"] == "merge")
    assert (merge["identity"], merge["previous"]) == (1, 3)
    assert merge["evidence"] == {
        "distance": 0.1,
        "runner_up": 0.4,
        "transit": 3.0,
        "likelihood_ratio": 9.0,
        "probability": 0.9,
        "looks": 3.21,
        "way": None,
        "rival": 2,
        "reason": "alike",
    }
    end = next(entry for entry in log if entry["event"] == "end" and entry["track"] == 1)
    assert (end["start"], end["end"], end["frames"]) == (0.0, 0.1, 2)  # lost in its third frame


def test_decisions_about_earlier_runs_change_this_run_s_files_only_where_they_concern_it(tmp_path):
    script, earlier = Script(), TrackletKey(GATE, 1, run=4)
    links = [
        replace(link(GATE, 1, 9, 0.2, 2, LinkKind.SPLIT), key=earlier),
        replace(link(GATE, 1, 2, 0.2, 5, LinkKind.MERGE), key=earlier),
    ]
    results = [
        script.frame(GATE, 0.1, [track(1)], [link(GATE, 1, 5, 0.1)]),
        script.frame(GATE, 0.2, [track(1)], links),
        script.after(GATE, 0.2, [track(1, TrackState.ENDED)]),
    ]
    write_all(tmp_path, results)
    assert [(entry["event"], entry["track"]) for entry in log_of(tmp_path)][1:3] == [("link", 1), ("merge", None)]
    assert [row["identity"] for row in table_of(tmp_path)] == ["2"]
    assert set(read_mot(tmp_path / "mot" / "gate.txt").id.tolist()) == {2}


def test_the_log_is_on_disk_at_once(tmp_path):
    sink = build("identities", tmp_path)
    for count, result in enumerate(story()[:4]):
        sink.write(result)
        assert len(log_of(tmp_path)) >= min(count, 1)
    assert json.loads((tmp_path / "identities.jsonl").read_text().splitlines()[0])["event"] == "start"
    sink.close()


def test_rows_are_in_pixels_of_the_source(tmp_path):
    sink = build("mot", tmp_path)
    sink.write(Script().frame(GATE, 0.0, [track(4)], offset=(100, 7)))
    sink.close()
    assert (tmp_path / "tracks" / "gate.txt").read_text() == "1,4,120.00,37.00,20.00,60.00,0.9000,-1,-1,-1\n"
    assert (tmp_path / "mot" / "gate.txt").read_text() == ""


@pytest.mark.parametrize("size", [(160, 120), (161, 121), (97, 64), (64, 97)])
def test_the_video_has_every_frame_at_its_time(size, tmp_path):
    import av

    sink, script = build("video", tmp_path, size=size), Script(size)
    times = [5.0 + step / 10 for step in range(30)] + [9.5, 9.52]  # with a gap, and faster than the nominal rate
    for now in times:
        sink.write(script.frame(GATE, now, [track(1)]))
    sink.close()
    np.testing.assert_allclose(frames_in(tmp_path / "gate.mp4"), np.array(times) - times[0], atol=2e-3)
    with av.open(tmp_path / "gate.mp4") as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
        assert stream.codec_context.name == "h264"


def test_the_video_can_be_searched_and_keeps_no_index_of_its_fragments(tmp_path):
    """The index at the end (mfra) is made from an entry a fragment, kept in memory for the whole run."""
    import av

    sink, script = build("video", tmp_path), Script()
    for step in range(200):
        sink.write(script.frame(GATE, step / 10, [track(1)]))
    sink.close()
    assert b"mfra" not in (tmp_path / "gate.mp4").read_bytes()
    with av.open(tmp_path / "gate.mp4") as container:
        container.seek(10_000_000)  # microseconds
        times = [float(frame.time or 0.0) for frame in container.decode(video=0)]
    assert 8 <= times[0] <= 10  # at the key frame before
    assert times[-1] == pytest.approx(19.9)


def test_the_video_bears_a_clock_that_stands_still(tmp_path):
    sink, script = build("video", tmp_path), Script()
    for now in (1.0, 1.0, 1.0, 0.5, 2.0):
        sink.write(script.frame(GATE, now))
    sink.close()
    times = frames_in(tmp_path / "gate.mp4")
    assert len(times) == 5
    assert times == sorted(set(times))


def test_the_video_keeps_its_size_when_the_stream_changes_it(tmp_path):
    sink, script = build("video", tmp_path), Script()
    for step, size in enumerate([(160, 120)] * 5 + [(320, 240)] * 5 + [(159, 119)] * 5):
        sink.write(script.frame(GATE, step / 10, [track(1)], size=size))
    sink.close()
    assert len(frames_in(tmp_path / "gate.mp4")) == 15


def feed(sink, seconds=10.0) -> None:
    """Write frames until the sink raises, as the loop does."""
    script, deadline = Script((320, 240)), time.monotonic() + seconds
    rng = np.random.default_rng(0)
    step = 0
    while time.monotonic() < deadline:
        result = script.frame(GATE, step / 10, [track(step % 5 + 1)], [link(GATE, step % 5 + 1, 1, 0.0)])
        assert result.frame is not None
        result.frame.image[:] = rng.integers(0, 255, result.frame.image.shape)
        sink.write(result)
        step += 1


@needs_full
@pytest.mark.parametrize(
    ("kind", "file"), [("video", "gate.mp4"), ("identities", "identities.jsonl"), ("mot", "tracks/gate.txt")]
)
def test_a_full_disk_is_said_and_never_hangs(kind, file, tmp_path):
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(FULL)
    sink = build(kind, tmp_path)
    with pytest.raises(OutputError, match=r"cannot be written.*No space left"):
        feed(sink)
    before = time.monotonic()
    with pytest.raises(OutputError):
        sink.close()
    assert time.monotonic() - before < 5


def test_a_folder_that_vanishes_is_said_and_never_hangs(tmp_path):
    output = tmp_path / "run"
    output.mkdir()
    sink = build("video", output)
    output.rmdir()
    with pytest.raises(OutputError, match=r"gate\.mp4: cannot be written"):
        feed(sink)
    with pytest.raises(OutputError, match=r"gate\.mp4"):
        sink.close()


def test_a_fault_in_the_encoder_reaches_the_loop(tmp_path, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("no way")

    monkeypatch.setattr("pipeline.sinks.video.draw", broken)
    sink = build("video", tmp_path)
    with pytest.raises(OutputError, match="no way"):
        feed(sink)
    with pytest.raises(OutputError, match="no way"):
        sink.close()
