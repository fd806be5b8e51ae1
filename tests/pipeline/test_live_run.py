"""Whole runs on live cameras: one that is away, one that goes away, and many that take long to open."""

from __future__ import annotations

import json
import time

import pytest
import yaml

from tests.pipeline import clips
from tests.pipeline.servers import http_server, paced

FPS = 25
NOBODY_THERE = "http://127.0.0.1:9/live.ts"  # the discard port: refused at once


@pytest.fixture
def serve():
    """Give every client a second of live video, the first piece ``delay`` seconds late."""
    pieces = clips.transport_stream(FPS, fps=FPS)

    def server(delay=0.0):
        def respond(request):
            request.head("video/mp2t")
            time.sleep(delay)
            for _, piece in paced(pieces, FPS, request.ended):
                request.wfile.write(piece)

        return http_server(respond)

    return server


def live_run(cli, folder, sources):
    """Run the given cameras with no people; exit code and summary."""
    cameras = [{"name": name, "source": source} for name, source in sources.items()]
    (folder / "cams.yaml").write_text(yaml.safe_dump({"cameras": cameras}), encoding="utf-8")
    detections = folder / "detections"
    detections.mkdir()
    for name in sources:
        (detections / f"{name}.txt").touch()
    changes = [f"detector.folder={detections}", "runtime.reconnect=0"]
    arguments = [word for change in changes for word in ("--set", change)]
    output = folder / "run"
    outcome = cli("--sources", folder / "cams.yaml", "--config", "recorded", *arguments, "--output", output)
    summary = output / "summary.json"
    return outcome, json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else {}


def test_a_camera_that_is_away_does_not_stop_the_others(cli, tmp_path, serve):
    with serve() as address:
        outcome, summary = live_run(cli, tmp_path, {"door": f"{address}/live.ts", "attic": NOBODY_THERE})
    assert outcome.code == 3
    assert "attic" in summary["failed"]
    assert summary["cameras"]["door"]["frames"] + summary["cameras"]["door"]["dropped"] > 10
    assert "attic" in outcome.out


def test_all_cameras_away_is_an_error(cli, tmp_path):
    outcome, summary = live_run(cli, tmp_path, {"door": NOBODY_THERE, "attic": NOBODY_THERE})
    assert outcome.code == 2
    assert "door" in outcome.err
    assert "attic" in outcome.err
    assert summary == {}


def test_cameras_are_opened_at_the_same_time(cli, tmp_path, serve):
    delay, count = 1.0, 8
    with serve(delay) as address:
        started = time.monotonic()
        _, summary = live_run(cli, tmp_path, {f"camera{i}": f"{address}/{i}.ts" for i in range(count)})
        took = time.monotonic() - started
    assert all(camera["frames"] > 0 for camera in summary["cameras"].values())
    assert took < delay * count
