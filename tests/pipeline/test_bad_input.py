"""Every kind of bad input: the exit code, the name of what is wrong, what to do about it, and no stack trace."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipeline.clips import cut, write_faststart, write_header_only, write_images
from tests.pipeline.servers import http_server

USAGE, CAMERA_FAILED = 2, 3


class Bench:
    """One folder with cams.yaml, detections and an output folder that is not there yet."""

    def __init__(self, cli, folder: Path, small) -> None:
        self._cli, self.folder, self.small = cli, folder, small
        self.output = folder / "run"
        self.detections = folder / "detections"
        shutil.copytree(small.folder / "detections", self.detections)
        self.options: list[object] = ["--config", "recorded", "--set", f"detector.folder={self.detections}"]

    def good(self, name: str = "yard") -> dict[str, Any]:
        return {"name": name, "source": str(self.small.folder / "yard.mp4")}

    def cams(self, *cameras: dict[str, Any], links: Sequence[dict[str, Any]] = ()) -> Path:
        path = self.folder / "cams.yaml"
        data = {"cameras": list(cameras), "links": list(links)}
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return path

    def run(self, cams: Path, *more: object):
        return self._cli("--sources", cams, *self.options, "--output", self.output, *more)

    def refused(self, cams: Path, *more: object, words: Sequence[object]) -> str:
        """The message of a run that must not begin: nothing is written."""
        result = self.run(cams, *more)
        loading = result.err[: result.err.find("error: ")] if result.err.startswith("loading ") else ""
        assert result.code == USAGE
        assert result.err.removeprefix(loading).startswith(("error: ", "Usage: "))
        for word in words:
            assert str(word) in result.err
        assert not self.output.exists()
        return str(result.err)


@pytest.fixture
def bench(cli, tmp_path, small) -> Bench:
    return Bench(cli, tmp_path, small)


def test_no_sources_at_all(cli):
    result = cli("--config", "recorded")
    assert result.code == USAGE
    assert "--sources is missing" in result.err
    assert "cams.yaml" in result.err


def test_missing_cams_yaml(bench):
    bench.refused(bench.folder / "nowhere.yaml", words=["nowhere.yaml", "no such file"])


def test_cams_yaml_that_is_a_video(bench):
    bench.refused(bench.small.folder / "gate.mp4", words=["gate.mp4", "not a text file; give a cams.yaml"])


def test_missing_video(bench):
    cams = bench.cams(bench.good(), {"name": "gate", "source": "gone.mp4"})
    line = 1 + cams.read_text(encoding="utf-8").splitlines().index("  source: gone.mp4")
    bench.refused(cams, words=[f"{cams}:{line}: camera gate: ", "gone.mp4", "no such file", "correct `source`"])


def test_missing_video_of_the_command_line(bench):
    change = "cameras.0.source=gone.mp4"
    words = [f"--set {change}: camera yard: ", "gone.mp4: no such file"]
    bench.refused(bench.cams(bench.good()), "--set", change, words=words)


def test_all_bad_cameras_are_named_at_once(bench):
    cams = bench.cams({"name": "gate", "source": "gone.mp4"}, {"name": "lobby", "source": "lost.mp4"})
    bench.refused(cams, words=["gone.mp4", "lost.mp4"])


def test_a_variable_that_is_not_set_stops_the_run_also_beside_cameras_that_work(bench, monkeypatch):
    monkeypatch.delenv("GATE_PASSWORD", raising=False)
    url = "rtsp://viewer:${GATE_PASSWORD}@127.0.0.1:9/s"
    cams = bench.cams(bench.good() | {"start": 0}, {"name": "gate", "source": url})
    bench.refused(cams, words=["camera gate", "GATE_PASSWORD is not set", "export GATE_PASSWORD="])


def test_a_file_from_a_server_needs_a_clock_beside_others(bench):
    """Only once it is open, it tells that it is a file."""
    video = write_faststart(bench.folder / "gate.mp4", 10).read_bytes()
    (bench.detections / "gate.txt").write_text("")

    def respond(request):
        request.head("video/mp4", len(video))
        request.wfile.write(video)

    with http_server(respond) as address:
        cams = bench.cams(bench.good() | {"start": 5}, {"name": "gate", "source": f"{address}/gate.mp4"})
        words = ["camera gate", f"{address}/gate.mp4", "camera yard has `start`", "set its `start`"]
        bench.refused(cams, words=words)
        (bench.folder / "cams.yaml").write_text(
            (bench.folder / "cams.yaml").read_text().replace("gate.mp4\n", "gate.mp4\n  start: 5\n")
        )
        assert bench.run(bench.folder / "cams.yaml").code == 0


def test_folder_without_pictures(bench):
    (bench.folder / "frames").mkdir()
    cams = bench.cams({"name": "gate", "source": "frames", "fps": 10})
    bench.refused(cams, words=["camera gate", "frames", "without pictures", "correct `source`"])


def test_pictures_without_a_rate(bench):
    write_images(bench.folder / "frames", 2)
    bench.refused(bench.cams({"name": "gate", "source": "frames"}), words=["camera gate", "set `fps`"])


def test_not_a_video(bench):
    (bench.folder / "notes.mp4").write_bytes(bytes(range(256)) * 40)
    cams = bench.cams({"name": "gate", "source": "notes.mp4"})
    bench.refused(cams, words=["camera gate", "notes.mp4", "not a video", "record or copy it again"])


@pytest.mark.parametrize("kind", ["header only", "empty file"])
def test_zero_frames(bench, kind):
    path = bench.folder / "short.mp4"
    if kind == "header only":
        write_header_only(path)
    else:
        path.touch()
    bench.refused(bench.cams({"name": "gate", "source": "short.mp4"}), words=["camera gate", "short.mp4"])


def test_truncated_video_keeps_its_frames_and_the_others_finish(bench):
    broken = cut(write_faststart(bench.folder / "gate.mp4", 60), 0.6)
    (bench.detections / "gate.txt").write_text("")
    result = bench.run(bench.cams({"name": "gate", "source": broken.name}, bench.good()))
    assert result.code == CAMERA_FAILED
    assert "camera gate failed" in result.out
    assert "broke off" in result.out
    summary = json.loads((bench.output / "summary.json").read_text())
    assert summary["failed"] == ["gate"]
    assert 0 < summary["cameras"]["gate"]["frames"] < 60
    assert summary["cameras"]["yard"] == {"frames": 30, "dropped": 0, "status": "complete"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "yard"}, ["cams.yaml:", "'yard' is taken by cameras[0]", "names must differ"]),
        ({"name": "YARD"}, ["'YARD' is taken", "without regard to case"]),
        ({"name": "a/b"}, ["cameras[1].name", "usable as a file name", "a/b"]),
        ({"name": ".."}, ["cameras[1].name", "usable as a file name"]),
        ({"fps": -1}, ["cameras[1].fps", "greater than 0", "-1"]),
        ({"roi": [5, 5, 5, 9]}, ["cameras[1].roi", "left < right"]),
        ({"sorce": "x"}, ["unknown key", "did you mean 'source'"]),
    ],
)
def test_bad_entries_of_a_camera(bench, changes, words):
    bench.refused(bench.cams(bench.good(), bench.good("gate") | changes), words=words)


def test_a_roi_outside_the_picture(bench):
    cams = bench.cams(bench.good() | {"roi": [400, 0, 900, 100]})
    bench.refused(cams, words=["camera yard", "roi", "480"])


def test_links_to_unknown_cameras(bench):
    cams = bench.cams(bench.good(), bench.good("gate"), links=[{"from": "yard", "to": "gat"}])
    bench.refused(cams, words=["links[0].to", "no camera is called 'gat'", "did you mean 'gate'"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sett", "a=b"], ["--sett"]),
        (["--config", "fast"], ["--config fast", "no such preset", "default"]),
        (["--set", "tracker.max_agee=1"], ["tracker.max_agee=1", "did you mean 'max_age'"]),
        (["--set", "tracker.max_age=-1"], ["tracker.max_age=-1", "greater than 0"]),
        (["--set", "tracker"], ["--set tracker", "section.key=value"]),
        (["--set", "tracker.type=sort"], ["unknown type 'sort'"]),
        (["--set", "detector.folder=/nowhere/at/all"], ["/nowhere/at/all", "set detector.folder"]),
    ],
)
def test_unknown_options_presets_and_settings(bench, arguments, words):
    bench.refused(bench.cams(bench.good()), *arguments, words=words)


def test_a_camera_without_recorded_detections(bench):
    (bench.detections / "yard.txt").unlink()
    words = [f"{bench.detections / 'yard.txt'}: no such file", "set detector.folder"]
    bench.refused(bench.cams(bench.good()), words=words)


def test_a_bad_row_of_recorded_detections(bench):
    (bench.detections / "yard.txt").write_text("1,-1,10,10,20\n")
    bench.refused(bench.cams(bench.good()), words=["yard.txt:1: 6 to 10 columns wanted"])


def osnet(path: Path, *more: str) -> list[str]:
    changes = ["embedder.type=osnet", f"embedder.weights={path}", "embedder.runtime=torch", *more]
    return [argument for change in changes for argument in ("--set", change)]


def test_missing_weights(bench):
    path = bench.folder / "gone.pth"
    bench.refused(bench.cams(bench.good()), *osnet(path), words=[path, "not found", "set embedder.weights"])


@pytest.mark.parametrize("size", [0, 1000])
def test_corrupted_weights(bench, size):
    path = bench.folder / "broken.pth"
    path.write_bytes(b"\x80\x02" * (size // 2))
    bench.refused(bench.cams(bench.good()), *osnet(path), words=[path, "not a readable checkpoint", "again"])


def test_weights_cut_short(bench):
    import torch

    path = bench.folder / "whole.pth"
    torch.save({"conv1.conv.weight": torch.zeros(64, 64)}, path)
    shorter = cut(path, 0.5)
    bench.refused(bench.cams(bench.good()), *osnet(shorter), words=[shorter, "not a readable checkpoint", "again"])


def test_weights_of_another_network(bench):
    import torch

    path = bench.folder / "resnet.pth"
    torch.save({"layer1.0.conv1.weight": torch.zeros(4, 4)}, path)
    bench.refused(bench.cams(bench.good()), *osnet(path), words=[path, "not the weights of an OSNet"])


def test_weights_of_another_osnet(bench):
    import torch

    from reid.osnet import create_osnet

    path = bench.folder / "small.pth"
    torch.save(create_osnet("osnet_x0_25").state_dict(), path)
    asked = osnet(path, "embedder.architecture=osnet_x1_0")
    bench.refused(bench.cams(bench.good()), *asked, words=[path, "osnet_x0_25", "osnet_x1_0"])


def test_a_scheme_that_nobody_knows_is_no_camera_that_is_away(bench):
    cams = bench.cams({"name": "typing", "source": "htp://10.0.0.7/stream"})
    bench.refused(cams, words=["cams.yaml:3: cameras[0].source: htp:// is not supported; did you mean 'http'?"])


def test_output_below_a_file(bench):
    file = bench.folder / "file"
    file.touch()
    bench.output = file / "run"
    bench.refused(bench.cams(bench.good()), words=[file, "is not a folder", "choose another --output"])


def test_output_that_is_a_file(bench):
    bench.output = bench.folder / "file"
    bench.output.write_text("mine")
    result = bench.run(bench.cams(bench.good()))
    assert result.code == USAGE
    assert str(bench.output) in result.err
    assert bench.output.read_text() == "mine"


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_run_is_replaced_only_when_asked(bench):
    first = bench.cams(bench.good("gate"), bench.good("yard"))
    assert bench.run(first).code == 0
    (bench.output / "notes.txt").write_text("mine")
    before = contents(bench.output)

    again = bench.run(first)
    assert again.code == USAGE
    assert f"{bench.output}: holds a run already" in again.err
    assert "--overwrite" in again.err
    assert contents(bench.output) == before

    assert bench.run(bench.cams(bench.good("yard")), "--overwrite").code == 0
    after = contents(bench.output)
    assert set(before) - set(after) == {"gate.mp4", "tracks/gate.txt", "mot/gate.txt"}
    assert after["notes.txt"] == b"mine"


def test_an_old_run_survives_a_new_one_that_cannot_begin(bench):
    assert bench.run(bench.cams(bench.good())).code == 0
    before = contents(bench.output)
    for bad in (["--set", "detector.folder=/nowhere"], osnet(bench.folder / "gone.pth")):
        assert bench.run(bench.cams(bench.good()), "--overwrite", *bad).code == USAGE
    assert contents(bench.output) == before


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_a_source_is_never_overwritten(bench, overwrite):
    bench.output.mkdir()
    source = bench.output / "yard.mp4"
    shutil.copy(bench.small.folder / "yard.mp4", source)
    before = contents(bench.output)
    result = bench.run(bench.cams({"name": "yard", "source": str(source)}), *overwrite)
    assert result.code == USAGE
    assert f"would overwrite its own source {source}" in result.err
    assert "--output" in result.err
    assert contents(bench.output) == before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
@pytest.mark.parametrize("display", [None, ":99"])
def test_show_without_a_display(bench, display, monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", display)
    bench.refused(bench.cams(bench.good()), "--show", words=["--show", "no display", "leave out --show"])
