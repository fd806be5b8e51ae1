"""What cannot be opened, or breaks off: each with a message that names camera, place and remedy."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import av
import pytest

from pipeline.errors import SourceError
from tests.pipeline import clips
from tests.pipeline.cameras import opened, read, read_until_error
from tests.pipeline.servers import Request, http_server


def refusal(path: Path | str, **fields: Any) -> str:
    with pytest.raises(SourceError) as caught:
        read(opened(path, **fields))
    text = str(caught.value)
    assert text.startswith(f"camera gate: {path}: ")
    return text


def test_missing_file(tmp_path: Path) -> None:
    assert "no such file or folder; correct `source`" in refusal(tmp_path / "absent.mp4")


def test_file_used_as_a_folder(tmp_path: Path) -> None:
    path = clips.write_video(tmp_path / "clip.mp4", 2)
    assert "cannot be opened: Not a directory" in refusal(path / "clip.mp4")


def test_folder_without_images(tmp_path: Path) -> None:
    clips.write_video(tmp_path / "clip.mp4", 2)
    assert "a folder without pictures" in refusal(tmp_path, fps=10)


def test_images_need_a_rate(tmp_path: Path) -> None:
    assert "set `fps`" in refusal(clips.write_images(tmp_path / "images", 3))


def test_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("This is not a video.\n" * 50)
    assert "not a video" in (text := refusal(path))
    assert "ffmpeg says: Invalid data found" in text


def test_text_is_not_drawn_as_video(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("This is not a video.\n" * 50)
    assert "not a video: a text file" in refusal(path)


def test_a_single_picture_is_not_a_video(tmp_path: Path) -> None:
    clips.write_image(tmp_path / "one.png", clips.picture(1))
    assert "not a video: a single picture; name the folder" in refusal(tmp_path / "one.png")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert "the file is empty" in refusal(tmp_path / "empty.mp4")


def test_sound_only(tmp_path: Path) -> None:
    assert "holds no video" in refusal(clips.write_sound(tmp_path / "sound.wav"))


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mp4"])
def test_zero_frames(tmp_path: Path, suffix: str) -> None:
    text = refusal(clips.write_header_only(tmp_path / f"zero{suffix}"))
    assert "frame" in text
    assert "again" in text or "correct" in text


def test_truncated_without_its_index(tmp_path: Path) -> None:
    path = clips.cut(clips.write_video(tmp_path / "clip.mp4", 60), 0.6)
    assert "cut off before its index" in refusal(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("clip.mp4", r"broke off after (\d+) of 100 frames \(truncated\?\)"),
        ("clip.avi", r"broke off after (\d+) of 100 frames \(truncated\?\)"),
        ("clip.mkv", r"broke off after (\d+\.\d) of 10\.0 s \(truncated\?\)"),
    ],
)
def test_truncated_gives_what_can_be_read_then_fails(tmp_path: Path, name: str, message: str) -> None:
    write = clips.write_faststart if name.endswith("mp4") else clips.write_video
    source = opened(clips.cut(write(tmp_path / name, 100), 0.6))
    frames, error = read_until_error(source)
    assert (found := re.search(message, error))
    assert len(frames) == pytest.approx(float(found[1]) * (10 if name.endswith("mkv") else 1))
    assert 20 < len(frames) < 90
    assert [clips.number_in(frame.image) for frame in frames] == list(range(len(frames)))


def test_truncated_gives_every_whole_frame_of_a_reordered_stream(tmp_path: Path) -> None:
    encoder = {"preset": "ultrafast", "bf": "3", "g": "100"}
    path = clips.write_video(tmp_path / "clip.mp4", 60, muxer={"movflags": "faststart"}, encoder=encoder)
    short = clips.cut(path, 0.6)
    with av.open(path) as container:
        ends = [packet.pos + packet.size for packet in container.demux(video=0) if packet.pos is not None]
    whole = sum(end <= short.stat().st_size for end in ends)
    frames, error = read_until_error(opened(short))
    assert len(frames) == whole
    assert f"broke off after {whole} of 60 frames" in error


def test_damaged_parts_are_skipped_and_counted_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = clips.write_video(tmp_path / "clip.avi", 60)
    data = bytearray(path.read_bytes())
    for chunk in (20, 21, 40):  # the header of the frame's data, behind its tag and size
        place = data.index(b"movi")
        for _ in range(chunk):
            place = data.index(b"00dc", place + 1)
        data[place + 8 : place + 24] = bytes(16)
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        frames = read(opened(path))
    assert [round(frame.time * 10) for frame in frames] == sorted({*range(60)} - {19, 20, 39})
    assert [frame.index for frame in frames] == list(range(57))
    assert [record.getMessage() for record in caplog.records] == [
        f"camera gate: {path}: 3 unreadable parts were skipped"
    ]


def test_dropped_frames_of_an_avi_are_no_end(tmp_path: Path) -> None:
    path = clips.write_video(tmp_path / "clip.avi", 30)
    data = bytearray(path.read_bytes())
    index = data.index(b"idx1")
    for entry in range(10, 14):  # the chunks stay in place, but the index says that they are empty
        place = index + 8 + 16 * entry
        data[place + 12 : place + 16] = bytes(4)
    path.write_bytes(data)
    frames = read(opened(path))
    assert frames[-1].time == pytest.approx(2.9)
    assert clips.number_in(frames[-1].image) == 29


def test_unreadable_image_is_named(tmp_path: Path) -> None:
    folder = clips.write_images(tmp_path / "images", 5)
    (folder / "frame3.png").write_bytes(b"no picture")
    source = opened(folder, fps=10)
    frames, error = read_until_error(source)
    assert "frame3.png is not a picture" in error
    assert len(frames) == 3


def test_empty_first_image_is_named(tmp_path: Path) -> None:
    folder = clips.write_images(tmp_path / "images", 2)
    (folder / "frame0.png").write_bytes(b"")
    assert "frame0.png is not a picture" in refusal(folder, fps=10)


def test_image_of_another_size_is_named(tmp_path: Path) -> None:
    folder = clips.write_images(tmp_path / "images", 3)
    clips.write_image(folder / "frame2.png", clips.picture(2, (128, 64)))
    assert "frame2.png is 128 wide and 64 high" in refusal(folder, fps=10)


def test_unknown_scheme() -> None:
    assert "ftp:// is not supported" in refusal("ftp://host/clip.mp4")


def test_connection_cut_in_the_middle_of_a_file(tmp_path: Path) -> None:
    movie = clips.write_faststart(tmp_path / "served.mp4", 100).read_bytes()

    def respond(request: Request) -> None:
        request.head("video/mp4", len(movie))
        request.wfile.write(movie[: len(movie) * 6 // 10])

    with http_server(respond) as address:
        frames, error = read_until_error(opened(f"{address}/clip.mp4"))
    assert re.search(rf"broke off after {len(frames)} of 100 frames", error)
    assert [clips.number_in(frame.image) for frame in frames] == list(range(len(frames)))
    assert len(frames) > 45
