import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.train_osnet import STAGES
from pipeline import cli
from pipeline.reid_train import PRESETS, load_settings, sparkline
from pipeline.signals import INTERRUPTED
from reid.choice import one_torch_thread
from tests.reid.training.people import write_people

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = [f"--set={change}" for change in ("height=64", "width=32", "batch=8", "threads=1", "validate_every=1")]


@pytest.fixture(scope="module", autouse=True)
def _one_torch_thread():
    """Other tests run beside these."""
    with one_torch_thread():
        yield


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("crops") / "train", 8, images=2)


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_presets_load(preset):
    assert load_settings(preset).architecture == "osnet_x0_25"


def test_the_default_preset_holds_the_defaults_of_the_paper():
    settings = load_settings("default", ["loss=softmax", "sampler=random"])
    assert (settings.optimiser, settings.rate, settings.label_smoothing) == ("amsgrad", 0.0015, 0.1)
    ours = load_settings("default")
    assert (ours.loss, ours.sampler) == ("softmax+contrastive", "identity")


@pytest.mark.parametrize("stage", STAGES)
def test_the_stages_of_the_weights_that_ship_hold_settings_that_there_are(stage):
    arguments = stage.arguments(Path("data"), Path("crops"))
    changes = [value for name, value in itertools.pairwise(arguments) if name == "--set"]
    settings = load_settings("domain", changes)
    assert settings.half_size_epochs in (0, settings.epochs)
    assert settings.size(0) == ((128, 64) if stage.half else (256, 128))


def test_a_training_from_the_command_line(crops, tmp_path, capfd):
    command = ["reid", "train", "--train", str(crops), "--hold-out", "0.25", "--set", "epochs=2", *SMALL]
    command += ["--output", str(tmp_path / "run"), "--device", "cpu"]
    assert cli.main(command) == 0
    said = capfd.readouterr().err
    assert "training osnet_x0_25 on crops0/train: 24 pictures, 6 people, 2 cameras" in said
    assert "epoch 2 of 2" in said
    assert f"--set embedder.weights={tmp_path / 'run' / 'best.pth'}" in said
    assert len(json.loads((tmp_path / "run" / "history.json").read_text())["epochs"]) == 2
    assert (tmp_path / "run" / "curves.png").stat().st_size > 10_000
    assert cli.main(command) == 0
    assert "is complete after epoch 2" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--train", "nowhere"], "nowhere: no such folder"),
        (["--train", "CROPS:50-60"], "no pictures; its identities go from 1 to 8"),
        (["--train", "CROPS*0"], "would show nothing"),
        (["--train", "CROPS", "--config", "studnt"], "did you mean 'student'?"),
        (["--train", "CROPS", "--set", "optimizer=sgd"], "optimizer: unknown key; did you mean 'optimiser'?"),
        (["--train", "CROPS", "--set", "epochs=0", "--set", "rate=-1"], "epochs: .*\n.*rate: "),
        (["--train", "CROPS", "--validate", "CROPS", "--hold-out", "0.1"], "give one of them"),
        (["--train", "CROPS", "--hold-out", "0.01"], "leaves nobody of 8 people"),
        (["--train", "CROPS", "--set", "weights=none.pth", "--set", "batch=8"], "none.pth: not found"),
        (["--train", "CROPS"], "32 pictures do not fill a batch of 64"),
    ],
)
def test_what_is_wrong_is_said(crops, tmp_path, capfd, arguments, words):
    arguments = [argument.replace("CROPS", str(crops)) for argument in arguments]
    assert cli.main(["reid", "train", *arguments, "--output", str(tmp_path / "run")]) == cli.USAGE
    assert re.search(words, capfd.readouterr().err)


def test_folders_of_one_set_and_repetitions(crops, tmp_path, capfd):
    source = f"{crops}:1-4+{crops}:1-4*2"
    command = ["reid", "train", "--train", source, "--set", "epochs=1", *SMALL, "--output", str(tmp_path)]
    assert cli.main([*command, "--device", "cpu"]) == 0
    assert "64 pictures, 4 people, 2 cameras" in capfd.readouterr().err


NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP] if os.name == "posix" else []


@contextmanager
def in_its_epochs(crops, output, *before):
    """A long training in a process of its own that has written its first checkpoint; ``before`` starts it."""
    command = [
        *before,
        sys.executable,
        "run.py",
        "reid",
        "train",
        "--train",
        str(crops),
        *SMALL,
        "--device",
        "cpu",
    ]
    command += ["--output", str(output), "--set", "epochs=500"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        while not (output / "checkpoint.pt").exists() and process.poll() is None:
            time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", NUMBERS)
def test_ctrl_c_keeps_what_was_learned(crops, tmp_path, number):
    with in_its_epochs(crops, tmp_path) as process:
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, said
    assert "stopped; the same command goes on" in said
    assert (tmp_path / "curves.png").exists()


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_under_nohup_a_training_outlives_its_terminal(crops, tmp_path):
    with in_its_epochs(crops, tmp_path, "nohup") as process:
        process.send_signal(signal.SIGHUP)
        for _ in range(2):
            saved = (tmp_path / "checkpoint.pt").stat().st_mtime_ns
            while (tmp_path / "checkpoint.pt").stat().st_mtime_ns == saved and process.poll() is None:
                time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, said


def test_curves_in_characters():
    assert sparkline([1, 2, 3]) == "▁▅█"
    assert sparkline([2, 2]) == "▁▁"
    assert sparkline([]) == ""
    assert len(sparkline(range(100), width=10)) == 10
