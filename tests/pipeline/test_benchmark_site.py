"""`run.py benchmark site`: its table against `evaluate` on the same runs, its intervals against scipy.stats."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import scipy.stats
from rich.console import Console

from benchmarks import rendered, site
from benchmarks.rendered import find_scene
from tests.conftest import Outcome
from tests.pipeline.rendering import needs_renderer, small_demo
from world.scenes import SCENES

CAMERAS = ("hall", "shop", "street")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("site")


@pytest.fixture
def options(folder, monkeypatch) -> list[object]:
    """Two seeds of two seconds."""
    monkeypatch.setitem(SCENES, "demo", small_demo(2.0))
    return ["--scene", "demo", "--seeds", 2, "--output", folder]


@pytest.fixture
def tiny(cli, options, folder) -> Outcome:
    """Run and scored; rendered by the first test that asks."""
    outcome: Outcome = cli("benchmark", "site", *options, "--json", folder / "site.json")
    assert outcome.code == 0, outcome.err
    return outcome


@needs_renderer
def test_the_table_holds_what_evaluate_says(cli, tiny, folder):
    (row,) = json.loads((folder / "site.json").read_text())["rows"]
    assert (row["scene"], row["boxes"]) == ("demo", "perfect")
    for index, seed in enumerate((1, 2)):
        scores = folder / "scores.json"
        run = folder / f"demo-{seed}"
        assert cli("evaluate", run / "perfect", "--truth", run / "clips" / "truth", "--json", scores).code == 0
        (reading,) = json.loads(scores.read_text())["readings"]
        site_scores = reading["all_cameras"]["identities"]
        for name in ("hota", "idf1", "mota"):
            assert row[name]["seeds"][index] == site_scores[name]
            of_cameras = [reading["cameras"][camera]["tracks"][name] for camera in CAMERAS]
            if name != "mota":
                assert row[f"camera_{name}"]["seeds"][index] == pytest.approx(np.mean(of_cameras))
    for name in site.MEASURES:
        assert f"{100 * row[name]['mean']:.1f} ± {100 * row[name]['half_interval']:.1f}" in tiny.out


def test_other_clips_are_rendered_for_another_length_or_seed(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(rendered, "record_scene", lambda scene, seed, folder: calls.append((scene.seconds, seed)))
    for seconds, seed in ((2.0, 1), (2.0, 1), (3.0, 1), (3.0, 2), (3.0, 2), (2.0, 1)):
        rendered.render(find_scene("demo", seconds), seed, tmp_path)
    assert calls == [(2.0, 1), (3.0, 1), (3.0, 2), (2.0, 1)]


def test_a_rendering_that_broke_off_is_made_again(tmp_path, monkeypatch):
    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    scene = find_scene("demo", 2.0)
    monkeypatch.setattr(rendered, "record_scene", lambda *_: None)
    assert rendered.render(scene, 1, tmp_path)
    monkeypatch.setattr(rendered, "record_scene", broken)
    with pytest.raises(KeyboardInterrupt):
        rendered.render(scene, 2, tmp_path)
    monkeypatch.setattr(rendered, "record_scene", lambda *_: None)
    assert rendered.render(scene, 1, tmp_path)
    assert not rendered.render(scene, 1, tmp_path)


@needs_renderer
def test_perfect_boxes_lose_nobody_in_clear_view(tiny, folder):
    (row,) = json.loads((folder / "site.json").read_text())["rows"]
    assert row["mota"]["mean"] > 0.8


@needs_renderer
def test_clips_are_used_again_and_runs_repeat(cli, tiny, options, folder):
    clip = folder / "demo-1" / "clips" / "hall.mp4"
    before = clip.stat().st_mtime_ns
    again = cli("benchmark", "site", *options)
    assert again.out == tiny.out
    assert clip.stat().st_mtime_ns == before
    assert "rendering" not in again.err


def test_an_unknown_scene_names_those_there_are(cli, tmp_path):
    result = cli("benchmark", "site", "--scene", "moon", "--output", tmp_path)
    assert result.code == 2
    assert "there is no such scene" in result.err
    assert "lookalikes" in result.err


@pytest.mark.parametrize(
    ("option", "name"),
    [("--embedder-weights", "no/such/osnet.pth"), ("--detector-weights", "no/such/yolo.onnx")],
)
def test_missing_weights_are_told_before_anything_is_rendered(cli, tmp_path, option, name):
    result = cli("benchmark", "site", option, name, "--output", tmp_path / "site")
    assert result.code == 2
    assert f"{name}: not found" in result.err.replace("\n", "")
    assert not (tmp_path / "site").exists()


def test_a_missing_renderer_is_told_with_the_remedy(cli, tmp_path, monkeypatch):
    for module in [name for name in sys.modules if name.partition(".")[0] == "world" and name != "world.scenes"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "moderngl", None)
    result = cli("benchmark", "site", "--scene", "demo", "--seconds", 2, "--output", tmp_path / "site")
    assert result.code == 2
    assert "pip install -r requirements-world.txt" in result.err


def test_settings_of_a_detector_that_does_not_run_are_refused(cli, tmp_path):
    result = cli("benchmark", "site", "--set", "detector.image_size=960", "--output", tmp_path / "site")
    assert result.code == 2
    assert "--detector-weights" in result.err


def test_a_folder_for_the_scores_is_looked_for_first(cli, tmp_path):
    result = cli("benchmark", "site", "--output", tmp_path / "site", "--json", tmp_path / "absent" / "scores.json")
    assert result.code == 2
    assert "there is no folder" in result.err


@pytest.mark.parametrize("count", [2, 3, 10])
def test_the_interval_is_that_of_student(count):
    values = np.random.default_rng(count).uniform(0, 1, count).tolist()
    mean, half = site.interval(values)
    low, high = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert half is not None
    assert (mean - half, mean + half) == pytest.approx((low, high))


def test_one_seed_has_no_interval():
    assert site.interval([0.25]) == (0.25, None)


def result(scene: str, boxes: str, seed: int, rate: float) -> site.Result:
    return site.Result(scene, boxes, seed, rate, rate, rate, rate, rate)


def test_the_last_rows_are_means_over_scenes_seed_by_seed():
    rates = {("a", 1): 0.2, ("a", 2): 0.4, ("b", 1): 0.6, ("b", 2): 1.0}
    results = [
        result(scene, boxes, seed, rate * factor)
        for (scene, seed), rate in rates.items()
        for boxes, factor in (("perfect", 1.0), ("detected", 0.5))
    ]
    rows = site.rows_of(results)
    assert [(row.scene, row.boxes) for row in rows] == [
        (scene, boxes) for scene in ("a", "b", "all") for boxes in ("perfect", "detected")
    ]
    assert rows[0].values["hota"] == [0.2, 0.4]
    assert rows[-2].values["hota"] == pytest.approx([0.4, 0.7])
    assert rows[-1].values["mota"] == pytest.approx([0.2, 0.35])


def test_one_scene_and_one_seed_make_one_plain_row():
    rows = site.rows_of([result("a", "perfect", 1, 0.5)])
    console = Console(width=120)
    with console.capture() as captured:
        console.print(site.table(rows))
    assert len(rows) == 1
    assert "50.0" in captured.get()
    assert "±" not in captured.get()
