"""The clips of `make demo`: what is in the folder, how the demo does on them, how their detections are made."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pytest
import yaml

from benchmarks import demo_videos
from benchmarks.demo_videos import LIMIT, Errors, detections, write_demo_videos
from benchmarks.rendered import Sight, find_scene, perfect_rows
from pipeline.errors import HandoffError
from pipeline.motfile import read_mot
from tests.pipeline.rendering import needs_renderer, small_demo
from tests.shared_data import ROOT

FOLDER = ROOT / "demo_videos"
FRAMES = 300


def cameras() -> list[str]:
    return [camera["name"] for camera in yaml.safe_load((FOLDER / "cams.yaml").read_text())["cameras"]]


def test_the_folder_holds_what_the_demo_needs_and_no_more():
    files = {path.relative_to(FOLDER).as_posix(): path.stat().st_size for path in FOLDER.rglob("*.*")}
    kinds = (("", "mp4"), ("truth/", "txt"), ("detections/", "txt"))
    parts = [f"{part}{name}.{kind}" for name in cameras() for part, kind in kinds]
    assert sorted(files) == sorted(["cams.yaml", "truth/transits.csv", *parts])
    assert sum(files.values()) <= LIMIT * 1e6


def test_ten_to_fourteen_people_each_in_two_views():
    seen = defaultdict(set)
    for name in cameras():
        truth = read_mot(FOLDER / "truth" / f"{name}.txt")
        for person in np.unique(truth.id[truth.score > 0]).tolist():
            seen[person].add(name)
    assert 10 <= len(seen) <= 14
    assert min(len(views) for views in seen.values()) >= 2


def test_the_demo_keeps_most_people_apart(cli, tmp_path):
    run = ["--sources", FOLDER / "cams.yaml", "--config", "recorded", "--set", "sinks=[{type: mot}]"]
    scores = tmp_path / "scores.json"
    assert cli(*run, "--set", f"detector.folder={FOLDER / 'detections'}", "--output", tmp_path / "run").code == 0
    result = cli("evaluate", tmp_path / "run", "--truth", FOLDER / "truth", "--json", scores)
    assert "all" in result.out
    (reading,) = json.loads(scores.read_text())["readings"]
    assert reading["all_cameras"]["identities"]["mota"] > 0.75
    assert reading["all_cameras"]["identities"]["idf1"] > 0.55


@pytest.fixture
def camera():
    return find_scene("demo").cameras[0]


def sights(visibility: float) -> list[Sight]:
    return [Sight(frame, 1, (100.0, 50.0, 150.0, 170.0), visibility) for frame in range(1, FRAMES + 1)]


def made(camera, of, errors=None, seed=1) -> list[str]:
    return list(detections(of, camera, FRAMES / camera.fps, np.random.default_rng(seed), errors))


def test_without_errors_the_boxes_are_those_of_the_truth(camera):
    none = Errors(jitter=0, hidden=0.1, clear=0.2, missed=0, false=0)
    rows = [row.split(",")[:6] for row in made(camera, sights(1.0), none)]
    assert rows == [row.split(",")[:6] for row in perfect_rows(sights(1.0))]


@pytest.mark.parametrize(("visibility", "share"), [(0.2, 0.0), (0.35, 0.485), (0.5, 0.97), (1.0, 0.97)])
def test_who_shows_little_is_missed(camera, visibility, share):
    rows = made(camera, sights(visibility), Errors(false=0))
    assert len(rows) / FRAMES == pytest.approx(share, abs=0.08)


def test_false_boxes_are_few_and_inside_the_picture(camera, tmp_path):
    path = tmp_path / "false.txt"
    path.write_text("\n".join(made(camera, [])))
    found = read_mot(path)
    assert 0 < len(found) < 0.08 * FRAMES
    assert (found.xyxy >= 0).all()
    assert (found.xyxy[:, 2:] <= np.array(camera.size)).all()


def test_the_same_seed_gives_the_same_detections(camera):
    assert made(camera, sights(0.6)) == made(camera, sights(0.6))
    assert made(camera, sights(0.6)) != made(camera, sights(0.6), seed=2)


@needs_renderer
def test_nothing_is_replaced_by_files_that_are_too_large(tmp_path, monkeypatch):
    scene = small_demo(0.4)
    sizes = write_demo_videos(tmp_path, scene, seed=3)
    assert sorted(sizes) == sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.*"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    monkeypatch.setattr(demo_videos, "LIMIT", 0.001)
    with pytest.raises(HandoffError, match=r"more than 0\.001"):
        write_demo_videos(tmp_path, scene, seed=4)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before
