"""Live sources against servers on 127.0.0.1: times, lost connections, logins, slow consumers."""

from __future__ import annotations

import itertools
import logging
import re
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import SourceError
from pipeline.frames import Frame
from pipeline.sources import CameraSettings, Source, decoder, open_source
from pipeline.ticks import Ticks
from reid.tracklets import CameraId
from tests.pipeline import clips
from tests.pipeline.cameras import opened
from tests.pipeline.servers import Request, Respond, free_port, http_server, paced, rtsp_server

FPS = 25
SECRET = "hunter2"  # noqa: S105 - what must never be shown


@pytest.fixture(autouse=True)
def _short_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Saves most of a second in each test; 200 ms show all that there is to know of these streams."""
    monkeypatch.setitem(decoder._NETWORK_OPTIONS, "analyzeduration", "200000")


@pytest.fixture(scope="module")
def stream() -> list[bytes]:
    """Eight seconds of transport stream, a piece a frame."""
    return clips.transport_stream(8 * FPS, fps=FPS)


def playing(pieces: list[bytes], sent: list[int] | None = None, fps: float = FPS) -> Respond:
    """Answer with an endless body, each frame at its time; ``sent`` notes the number of the last one."""

    def respond(request: Request) -> None:
        request.head("video/mp2t")
        for number, piece in paced(pieces, fps, request.ended):
            request.wfile.write(piece)
            request.wfile.flush()
            if sent is not None:
                sent[:] = [number]

    return respond


def playing_jpegs(count: int, fps: float = 40, size: tuple[int, int] = clips.SIZE) -> Respond:
    """Answer with ``count`` JPEG files, each at its time."""

    def respond(request: Request) -> None:
        request.head("multipart/x-mixed-replace;boundary=frame")
        for _, data in paced(clips.jpegs(count, size), fps, request.ended):
            request.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data))
            request.wfile.write(data + b"\r\n")
            request.wfile.flush()

    return respond


def then_silent(respond: Respond) -> Respond:
    """The connection stays open, but nothing more comes."""

    def respond_and_wait(request: Request) -> None:
        respond(request)
        request.ended.wait()

    return respond_and_wait


def first(source: Source, count: int) -> list[Frame]:
    try:
        return list(itertools.islice(source.frames(), count))
    finally:
        source.close()


def test_stream_over_http_is_live_at_wall_clock_times(stream: list[bytes]) -> None:
    with http_server(playing(stream)) as address:
        source = opened(f"{address}/live.ts")
        info = source.info
        frames, arrivals = [], []
        for frame in itertools.islice(source.frames(), 25):
            frames.append(frame)
            arrivals.append(time.time())
        source.close()
    assert (info.live, info.frames, info.fps, info.width, info.height) == (True, None, FPS, 96, 64)
    assert [frame.index for frame in frames] == list(range(25))
    assert [clips.number_in(frame.image) for frame in frames] == list(range(25))
    times = np.array([frame.time for frame in frames])
    assert (np.diff(times) > 0).all()
    assert np.diff(times)[-10:] == pytest.approx(np.full(10, 1 / FPS), abs=1e-3)
    assert np.abs(times - arrivals).max() < 1.5


def test_multipart_jpeg_has_the_times_of_arrival() -> None:
    with http_server(playing_jpegs(40, fps=40)) as address:
        frames = first(opened(f"{address}/mjpeg"), 36)
    spacing = np.diff([frame.time for frame in frames])[-10:]
    assert spacing.mean() == pytest.approx(1 / 40, rel=0.2)  # ffmpeg would say 1/25
    assert clips.number_in(frames[-1].image) == 35


def test_segments_are_paced() -> None:
    pieces = clips.transport_stream(4 * FPS, fps=FPS)
    seconds = [b"".join(pieces[begin : begin + FPS]) for begin in range(0, len(pieces), FPS)]
    playlist = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n" + "".join(
        f"#EXTINF:1.0,\n{number}.ts\n" for number in range(len(seconds))
    )

    def respond(request: Request) -> None:
        if request.path.endswith(".m3u8"):
            kind, body = "application/vnd.apple.mpegurl", playlist.encode()
        else:
            kind, body = "video/mp2t", seconds[int(request.path.strip("/").split(".")[0])]
        request.head(kind, len(body))
        request.wfile.write(body)

    with http_server(respond) as address:
        source = opened(f"{address}/live.m3u8")
        begin = time.monotonic()
        frames = first(source, 30)
        lasted = time.monotonic() - begin
    assert source.info.live
    assert lasted == pytest.approx(29 / FPS, abs=0.4)
    assert np.diff([frame.time for frame in frames]) == pytest.approx(np.full(29, 1 / FPS), abs=1e-3)


def test_start_is_refused_for_a_live_stream() -> None:
    with http_server(playing_jpegs(40)) as address, pytest.raises(SourceError, match="`start` is for files"):
        opened(f"{address}/mjpeg", start=0)


def test_rtsp_with_a_login(stream: list[bytes], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with rtsp_server(stream, FPS, f"admin:{SECRET}") as port:
        frames = first(opened(f"rtsp://admin:{SECRET}@127.0.0.1:{port}/live"), 30)
        with pytest.raises(SourceError) as caught:
            opened(f"rtsp://admin:{SECRET}x@127.0.0.1:{port}/live")
    assert [clips.number_in(frame.image) for frame in frames] == list(range(30))
    assert "401 Unauthorized" in str(caught.value)
    assert f"rtsp://***@127.0.0.1:{port}/live" in str(caught.value)
    assert SECRET not in str(caught.value) + caplog.text


def test_reconnects_and_goes_on_with_another_resolution(
    stream: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    larger = clips.transport_stream(4 * FPS, fps=FPS, size=(128, 96))

    def respond(request: Request) -> None:
        playing(stream[:20] if request.number == 0 else larger)(request)

    with http_server(respond) as address:
        source = opened(f"{address.replace('//', f'//admin:{SECRET}@')}/live.ts", reconnect=20)
        frames = first(source, 35)
    sizes = [frame.image.shape[:2] for frame in frames]
    before = sizes.index((96, 128))
    assert 15 < before <= 20
    assert set(sizes[before:]) == {(96, 128)}
    assert (source.info.width, source.info.height) == (96, 64)
    assert [frame.index for frame in frames] == list(range(35))
    assert all(late.time > early.time for early, late in itertools.pairwise(frames))
    assert frames[before].time - frames[before - 1].time > 0.4  # the first wait
    assert "connection lost" in caplog.text
    assert "connected again" in caplog.text
    assert SECRET not in caplog.text


def test_roi_that_no_longer_fits_ends_the_camera() -> None:
    def respond(request: Request) -> None:
        playing_jpegs(20, size=(96, 64 if request.number == 0 else 48))(request)

    with http_server(respond) as address:
        source = opened(f"{address}/mjpeg", reconnect=20, roi=(0, 0, 96, 64))
        with pytest.raises(SourceError, match=r"gate.*roi \[0, 0, 96, 64\].*96 wide and 48 high"):
            first(source, 100)


def test_connection_that_does_not_come_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def respond(request: Request) -> None:
        if request.number == 0:
            playing_jpegs(20)(request)
        else:
            request.send_error(503)

    with http_server(respond) as address:
        url = f"{address.replace('//', f'//admin:{SECRET}@')}/mjpeg"
        source = opened(url, reconnect=0.8)
        frames: list[Frame] = []
        with pytest.raises(SourceError) as caught:
            frames.extend(source.frames())
        silence = time.time() - frames[-1].time
    text = str(caught.value)
    assert re.search(r"connection lost \(.*\) and not back within 0.8 s; check the camera", text)
    assert len(frames) == 20
    assert silence == pytest.approx(0.8, abs=0.5)
    assert text.startswith("camera gate: http://***@127.0.0.1")
    assert SECRET not in text + caplog.text


def test_refused_connection_is_known_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PASSWORD", SECRET)
    begin = time.monotonic()
    with pytest.raises(SourceError) as caught:
        opened(f"rtsp://admin:${{PASSWORD}}@127.0.0.1:{free_port()}/live", reconnect=60)
    assert time.monotonic() - begin < 2
    assert "no connection; ffmpeg says: Connection refused" in str(caught.value)
    assert SECRET not in str(caught.value) + caplog.text


def test_page_that_is_not_there() -> None:
    with (
        http_server(lambda request: request.send_error(404)) as address,
        pytest.raises(SourceError, match="404 Not Found"),
    ):
        opened(f"{address}/live.ts")


def test_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "OPEN_TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        begin = time.monotonic()
        with pytest.raises(SourceError, match="no answer in time"):
            opened(f"rtsp://127.0.0.1:{listener.getsockname()[1]}/live")
    assert time.monotonic() - begin < 2


def test_silence_counts_as_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "READ_TIMEOUT", 0.5)
    with http_server(then_silent(playing_jpegs(20))) as address:
        source = opened(f"{address}/mjpeg")
        with pytest.raises(SourceError, match=r"connection lost \(no answer in time\)"):
            first(source, 100)


def test_close_ends_a_silent_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "READ_TIMEOUT", 0.6)
    with http_server(then_silent(playing_jpegs(20))) as address:
        source = opened(f"{address}/mjpeg", reconnect=60)
        frames: list[Frame] = []
        reader = threading.Thread(target=lambda: frames.extend(source.frames()))
        reader.start()
        time.sleep(0.6)
        source.close()
        reader.join(2)
        assert not reader.is_alive()
    assert len(frames) >= 19


def test_a_slow_consumer_gets_new_frames_and_loses_old_ones(stream: list[bytes]) -> None:
    sent: list[int] = []
    lags: list[int] = []
    indices: list[int] = []
    with (
        http_server(playing(stream, sent)) as address,
        Ticks([opened(f"{address}/live.ts")], threading.Event()) as ticks,
    ):
        for frames in itertools.islice(ticks, 8):
            lags.append(sent[0] - clips.number_in(frames[0].image))
            indices.append(frames[0].index)
            time.sleep(0.2)
        dropped = ticks.dropped[CameraId("gate")]
    assert max(lags[2:]) <= 12  # half a second; every frame in turn would lag by 35 frames at the end
    assert indices[-1] - indices[0] >= 25
    assert dropped >= 20


def test_files_beside_a_live_camera_keep_their_time(stream: list[bytes], tmp_path: Path) -> None:
    clip = str(clips.write_video(tmp_path / "clip.mp4", 11))
    file = open_source(CameraSettings(name="file", source=clip), tmp_path, reconnect=0)
    arrivals: dict[int, float] = {}
    live = 0
    with (
        http_server(playing(stream)) as address,
        Ticks([opened(f"{address}/live.ts"), file], threading.Event()) as ticks,
    ):
        for frames in ticks:
            arrivals |= {frame.index: time.monotonic() for frame in frames if frame.camera == "file"}
            live += sum(frame.camera == "gate" for frame in frames)
            if "file" in ticks.take_ended():
                break
    assert sorted(arrivals) == list(range(11))
    assert arrivals[10] - arrivals[0] == pytest.approx(1.0, abs=0.3)
    assert live > 15
