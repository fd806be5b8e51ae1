"""Every kind of source that has an end: one contract over all of them, exact times, real videos."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.errors import SourceError
from pipeline.sources import Source
from pipeline.sources.closing import Closer
from pipeline.sources.images import list_images
from reid.tracklets import CameraId
from tests.pipeline import clips
from tests.pipeline.cameras import opened, read
from tests.pipeline.servers import Request, http_server
from tests.shared_data import ROOT, SHARED, needs_shared

COUNT = 12
FPS = 10
KINDS = ["mp4", "mkv", "avi", "ts", "images", "http"]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The same frames as every kind of source."""
    folder = tmp_path_factory.mktemp("clips")
    found = {kind: str(clips.write_video(folder / f"clip.{kind}", COUNT)) for kind in ("mp4", "mkv", "avi", "ts")}
    found["images"] = str(clips.write_images(folder / "images", COUNT))
    movie = clips.write_faststart(folder / "served.mp4", COUNT).read_bytes()

    def respond(request: Request) -> None:
        request.head("video/mp4", len(movie))
        request.wfile.write(movie)

    with http_server(respond) as address:
        yield found | {"http": f"{address}/clip.mp4"}


def of_kind(places: dict[str, str], kind: str, **fields: Any) -> Source:
    if kind == "images":
        fields.setdefault("fps", FPS)
    return opened(places[kind], **fields)


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_comes_once_in_order(places: dict[str, str], kind: str) -> None:
    frames = read(of_kind(places, kind))
    assert [clips.number_in(frame.image) for frame in frames] == list(range(COUNT))
    assert [frame.index for frame in frames] == list(range(COUNT))
    assert {frame.camera for frame in frames} == {CameraId("gate")}


@pytest.mark.parametrize("kind", KINDS)
def test_info_says_what_comes(places: dict[str, str], kind: str) -> None:
    source = of_kind(places, kind)
    info = source.info
    frames = read(source)
    assert (info.name, info.live, info.fps) == ("gate", False, FPS)
    assert info.frames in ({COUNT} if kind in {"mp4", "avi", "images", "http"} else {None})
    assert {frame.image.shape for frame in frames} == {(info.height, info.width, 3)} == {(64, 96, 3)}


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_contiguous_bgr(places: dict[str, str], kind: str) -> None:
    for frame in read(of_kind(places, kind)):
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
        difference = frame.image.astype(int) - clips.picture(frame.index)
        assert np.abs(difference).mean() < 4  # swapped colours give 40


@pytest.mark.parametrize("kind", KINDS)
def test_times_start_at_zero_and_follow_the_rate(places: dict[str, str], kind: str) -> None:
    times = [frame.time for frame in read(of_kind(places, kind))]
    assert times == pytest.approx([index / FPS for index in range(COUNT)], abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_start_and_fps_set_the_clock(places: dict[str, str], kind: str) -> None:
    source = of_kind(places, kind, start="2026-03-01T09:00:00Z", fps=4)
    assert source.info.fps == 4
    assert [frame.time for frame in read(source)] == [1772355600 + index / 4 for index in range(COUNT)]


@pytest.mark.parametrize("kind", KINDS)
def test_start_shifts_the_containers_own_times(places: dict[str, str], kind: str) -> None:
    times = [frame.time for frame in read(of_kind(places, kind, start=5.0))]
    assert times == pytest.approx([5 + index / FPS for index in range(COUNT)], abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_roi_is_the_same_pixels_as_the_whole(places: dict[str, str], kind: str) -> None:
    whole = read(of_kind(places, kind))
    source = of_kind(places, kind, roi=(17, 5, 80, 64))
    parts = read(source)
    assert (source.info.width, source.info.height) == (63, 59)
    for frame, part in zip(whole, parts, strict=True):
        assert part.offset == (17, 5)
        assert part.image.flags.c_contiguous
        np.testing.assert_array_equal(part.image, frame.image[5:64, 17:80])


@pytest.mark.parametrize("kind", KINDS)
def test_roi_outside_the_picture_is_refused(places: dict[str, str], kind: str) -> None:
    with pytest.raises(SourceError, match=r"gate.*roi \[0, 0, 97, 64\].*96 wide and 64 high"):
        of_kind(places, kind, roi=(0, 0, 97, 64))


@pytest.mark.parametrize("kind", KINDS)
def test_close_from_another_thread_ends_the_frames(places: dict[str, str], kind: str) -> None:
    source = of_kind(places, kind)
    frames = source.frames()
    assert next(frames).index == 0
    closing = threading.Thread(target=source.close)
    closing.start()
    closing.join()
    assert len(list(frames)) <= 1
    source.close()


@pytest.mark.parametrize("kind", KINDS)
def test_closed_before_it_was_read(places: dict[str, str], kind: str) -> None:
    source = of_kind(places, kind)
    source.close()
    source.close()
    assert list(source.frames()) == []


def test_closing_releases_at_once_or_when_the_reader_is_done() -> None:
    released: list[str] = []
    idle = Closer(lambda: released.append("idle"))
    idle.close()
    assert released == ["idle"]
    busy = Closer(lambda: released.append("busy"))
    with busy.reading():
        busy.close()
        assert busy.closed
        assert released == ["idle"]
    assert released == ["idle", "busy"]


def test_only_one_reader(places: dict[str, str]) -> None:
    source = of_kind(places, "mp4")
    first = source.frames()
    next(first)
    with pytest.raises(RuntimeError, match="one reader"):
        next(source.frames())
    source.close()
    assert len(list(first)) <= 1


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_rate_keeps_exact_times(tmp_path: Path, suffix: str) -> None:
    times = [0.0, 0.033, 0.1, 0.14, 0.9, 0.901, 3.5, 3.55]
    path = clips.write_video(tmp_path / f"variable{suffix}", len(times), times=[2.5 + time for time in times])
    frames = read(opened(path))
    assert [frame.time for frame in frames] == times
    assert [clips.number_in(frame.image) for frame in frames] == list(range(len(times)))


def test_video_without_timestamps_is_counted_at_its_rate(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = opened(clips.write_video(tmp_path / "raw.h264", 5))
    assert [frame.time for frame in read(source)] == pytest.approx([index / source.info.fps for index in range(5)])
    assert "no times of its own" in caplog.text


@pytest.mark.parametrize("muxer", [{"movflags": "frag_keyframe+empty_moov"}, {"movflags": "faststart"}])
def test_a_served_file_of_known_size_ends(tmp_path: Path, muxer: dict[str, str]) -> None:
    movie = clips.write_video(tmp_path / "clip.mp4", 30, muxer=muxer).read_bytes()

    def respond(request: Request) -> None:
        request.head("video/mp4", len(movie))
        request.wfile.write(movie)

    with http_server(respond) as address:
        source = opened(f"{address}/clip.mp4", reconnect=60)
        assert not source.info.live
        assert [clips.number_in(frame.image) for frame in read(source)] == list(range(30))


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_is_that_of_opencv(tmp_path: Path, rotation: int) -> None:
    path = clips.write_video(tmp_path / "turned.mp4", 2, rotation=rotation)
    capture = cv2.VideoCapture(str(path))
    _, wanted = capture.read()
    capture.release()
    source = opened(path)
    first = read(source)[0]
    assert first.image.shape == wanted.shape == (source.info.height, source.info.width, 3)
    assert first.image.flags.c_contiguous
    assert np.abs(first.image.astype(int) - wanted.astype(int)).mean() < 2


def test_images_are_sorted_by_number_and_of_every_kind(tmp_path: Path) -> None:
    names = ["a1.PNG", "a2.jpg", "a03.JPEG", "a10.bmp", "A11.webp", "b1.png"]
    for name in reversed(names):
        clips.write_image(tmp_path / name, clips.picture(0))
    for other in (".a0.png", "notes.txt", "a5.mp4"):
        (tmp_path / other).write_bytes(b"")
    assert [path.name for path in list_images(tmp_path)] == names


def test_importing_the_package_is_light() -> None:
    program = (
        "import sys, pipeline.sources, pipeline.ticks; "
        "print(sorted({'av', 'cv2', 'torch', 'openvino', 'ultralytics'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize(
    ("clip", "count", "fps", "size"),
    [
        ("mot/PETS09-S2L1/vtest.avi", 795, 10, (768, 576)),
        ("mot/TUD-Stadtmitte/TUD-Stadtmitte.mp4", 179, 25, (640, 480)),
        ("clips/intel_one-by-one-person-detection.mp4", 1394, 10, (768, 432)),
    ],
)
def test_real_clips(clip: str, count: int, fps: int, size: tuple[int, int]) -> None:
    source = opened(clip, folder=SHARED)
    info = source.info
    assert (info.frames, info.fps, (info.width, info.height)) == (count, fps, size)
    times = [frame.time for frame in source.frames()]
    assert times == pytest.approx([index / fps for index in range(count)], abs=1e-6)
