"""A run can be made again from its run.yaml, byte for byte, and only with the weights it was made with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from benchmarks.demo_clips import VIEWS, Walk, write_demo
from tests.conftest import Site

RESULTS = ("identities.jsonl", "identities.csv", "tracks/*.txt", "mot/*.txt")


def results_of(run: Path) -> dict[str, bytes]:
    files = [path for pattern in RESULTS for path in run.glob(pattern)]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}


def test_run_yaml_repeats_a_run_from_anywhere(cli, demo, tmp_path, monkeypatch):
    """The first run is started with relative paths, the second one from another folder."""
    monkeypatch.chdir(demo.folder)
    relative = ["--config", "demo", "--set", "detector.folder=detections", "--set", "tracker.n_init=2"]
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

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # single crops on a busy machine: more threads only wait for each other
    walk = Walk(0, "gate", 0.7, ((-1.0, 0.0), (3.0, 0.8)))
    site = Site(write_demo(tmp_path / "site", VIEWS[:1], [walk], seconds=0.6).parent)
    weights = tmp_path / "osnet.pth"
    torch.manual_seed(1)
    torch.save(create_osnet("osnet_x0_25").state_dict(), weights)
    changes = ["embedder.type=osnet", f"embedder.weights={weights}", "embedder.runtime=torch", "embedder.batch=2"]
    arguments = [argument for change in changes for argument in ("--set", change)]
    output = tmp_path / "first"
    assert cli(*site.run, *arguments, "--output", output).code == 0
    yield output, weights
    torch.set_num_threads(threads)


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
