"""A run can be made again from its run.yaml, byte for byte, and only with the weights it was made with."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.demo_clips import VIEWS, Walk, write_demo
from pipeline import config
from pipeline.errors import ConfigError
from reid.choice import one_torch_thread
from tests.conftest import Site

RESULTS = ("identities.jsonl", "identities.csv", "tracks/*.txt", "mot/*.txt")


def results_of(run: Path) -> dict[str, bytes]:
    files = [path for pattern in RESULTS for path in run.glob(pattern)]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}


def test_run_yaml_repeats_a_run_from_anywhere(cli, demo, tmp_path, monkeypatch):
    """The first run is started with relative paths, the second one from another folder."""
    monkeypatch.chdir(demo.folder)
    relative = ["--config", "recorded", "--set", "detector.folder=detections", "--set", "tracker.n_init=2"]
    assert cli("--sources", "cams.yaml", *relative, "--output", tmp_path / "first").code == 0
    first = results_of(tmp_path / "first")
    assert len(first) == 6
    assert all(first.values())

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert cli("--sources", tmp_path / "first" / "run.yaml", "--output", "second").code == 0
    assert results_of(elsewhere / "second") == first

    records = [
        yaml.safe_load((run / "run.yaml").read_text()) for run in (tmp_path / "first", elsewhere / "second")
    ]
    assert records[0] == records[1]
    assert records[0]["environment"]["numpy"]
    assert records[0]["tracker"]["n_init"] == 2


def test_a_repeat_takes_changes(cli, small, tmp_path):
    assert cli(*small.run, "--output", tmp_path / "first").code == 0
    change = ["--set", "tracker.n_init=5"]
    assert cli("--sources", tmp_path / "first" / "run.yaml", *change, "--output", tmp_path / "second").code == 0
    assert results_of(tmp_path / "second") != results_of(tmp_path / "first")


def test_a_repeat_does_not_replace_the_run_it_comes_from(cli, small, tmp_path):
    assert cli(*small.run, "--output", tmp_path / "first").code == 0
    before = results_of(tmp_path / "first")
    result = cli("--sources", tmp_path / "first" / "run.yaml", "--output", tmp_path / "first")
    assert result.code == 2
    assert "holds a run already" in result.err
    assert results_of(tmp_path / "first") == before


@pytest.fixture
def osnet_run(cli, tmp_path):
    """A short run with a freshly made OSNet, and its checkpoint."""
    import torch

    from reid.osnet import create_osnet

    walk = Walk(0, "gate", 0.7, ((-1.0, 0.0), (3.0, 0.8)))
    site = Site(write_demo(tmp_path / "site", VIEWS[:1], [walk], seconds=0.6).parent)
    weights = tmp_path / "osnet.pth"
    torch.manual_seed(1)
    torch.save(create_osnet("osnet_x0_25").state_dict(), weights)
    changes = ["embedder.type=osnet", f"embedder.weights={weights}", "embedder.runtime=torch", "embedder.batch=2"]
    arguments = [argument for change in changes for argument in ("--set", change)]
    output = tmp_path / "first"
    with one_torch_thread():
        assert cli(*site.run, *arguments, "--output", output).code == 0
        yield output, weights


def test_changed_weights_are_refused(cli, osnet_run, tmp_path):
    import torch

    output, weights = osnet_run
    record = yaml.safe_load((output / "run.yaml").read_text())
    assert record["weights"]["embedder"]["path"] == str(weights)

    assert cli("--sources", output / "run.yaml", "--output", tmp_path / "second").code == 0
    assert results_of(tmp_path / "second") == results_of(output)

    state = torch.load(weights, weights_only=True)
    state["fc.0.bias"] += 0.5
    torch.save(state, weights)
    result = cli("--sources", output / "run.yaml", "--output", tmp_path / "third")
    assert result.code == 2
    assert f"{weights}: not that run's weights" in result.err
    assert record["weights"]["embedder"]["sha256"][:12] in result.err
    assert "restore the file" in result.err
    assert not (tmp_path / "third").exists()


def test_weights_that_are_gone_are_named(cli, osnet_run, tmp_path):
    output, weights = osnet_run
    shutil.move(weights, tmp_path / "moved.pth")
    result = cli("--sources", output / "run.yaml", "--output", tmp_path / "second")
    assert result.code == 2
    assert "embedder.weights" in result.err
    assert not (tmp_path / "second").exists()


def test_other_weights_may_be_asked_for(cli, osnet_run, tmp_path):
    output, weights = osnet_run
    other = Path(shutil.copy(weights, tmp_path / "other.pth"))
    import torch

    state = torch.load(other, weights_only=True)
    state["fc.0.bias"] += 0.5
    torch.save(state, other)
    change = ["--set", f"embedder.weights={other}"]
    assert cli("--sources", output / "run.yaml", *change, "--output", tmp_path / "second").code == 0


def rewritten(run: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A changed copy of a run.yaml."""
    record = yaml.safe_load((run / "run.yaml").read_text())
    change(record)
    path = run.parent / "changed.yaml"
    path.write_text(yaml.safe_dump(record), encoding="utf-8")
    return path


@pytest.fixture(name="run")
def made_run(cli, small, tmp_path):
    assert cli(*small.run, "--output", tmp_path / "first").code == 0
    return tmp_path / "first"


def test_a_preset_has_no_place_beside_a_record(cli, run, tmp_path):
    result = cli("--sources", run / "run.yaml", "--config", "cpu", "--output", tmp_path / "second")
    assert result.code == 2
    assert "--config cpu: " in result.err
    assert "is the record of a run and holds all settings; leave --config out" in result.err


def test_the_last_entry_may_be_taken_out_of_weights(run):
    assert config.load(rewritten(run, lambda record: record.update(weights=None))).weights == {}


@pytest.mark.parametrize("wrong", [[1], {"embedder": None}, {"embedder": {"path": "x"}}])
def test_a_part_weights_that_is_damaged(run, wrong):
    with pytest.raises(ConfigError, match=r"changed\.yaml:\d+: weights: must hold `sha256`"):
        config.load(rewritten(run, lambda record: record.update(weights=wrong)))


def test_a_shown_run_may_be_shown_again(run):
    path = rewritten(run, lambda record: record["sinks"].append({"type": "window", "trail": 1.0}))
    windows = [sink for sink in config.load(path, show=True).config.sinks if sink.type == "window"]
    assert [sink.trail for sink in windows] == [1.0]


def test_other_versions_are_told(run, caplog):
    with caplog.at_level(logging.WARNING):
        config.load(run / "run.yaml")
        assert not caplog.messages
        config.load(rewritten(run, lambda record: record["environment"].update(numpy="1.0", scipy="0.9")))
    assert len(caplog.messages) == 1
    assert "changed.yaml: made with numpy 1.0, now " in caplog.messages[0]
    assert "; scipy 0.9, now " in caplog.messages[0]


@pytest.mark.parametrize("url", ["rtsp://***@10.0.0.7/s", "http://10.0.0.7/s?token=***&x=1"])
def test_credentials_that_were_left_out_must_be_put_back(cli, run, url):
    """Also beside a camera that works: it is no camera that may come back."""

    def change(record) -> None:
        record["cameras"][0]["source"] = url
        record["cameras"][1]["start"] = 1.0

    path = rewritten(run, change)
    result = cli("--sources", path, "--output", run.parent / "second")
    assert result.code == 2
    assert f"{url}: its credentials were left out of this file; put them back" in result.err
    assert not (run.parent / "second").exists()
