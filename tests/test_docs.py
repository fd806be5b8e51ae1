"""The documentation against the program: links, commands, examples, the file map, the configuration reference."""

import importlib
import importlib.util
import pickle
import re
import shlex
import sys
from pathlib import Path

import click
import numpy as np
import pytest
import yaml

from pipeline import config, reference
from pipeline.cli import cli
from pipeline.errors import HandoffError
from pipeline.reid_train import load_settings, train
from tests.factories import box, detections
from tests.shared_data import ROOT
from trackers import TrackState

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def named(document):
    return document.relative_to(ROOT).as_posix()


def blocks(document, *languages):
    """The contents of a document's fenced blocks in one of the languages."""
    text = document.read_text(encoding="utf-8")
    return [body for language, body in re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL) if language in languages]


def anchors(document):
    """The anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(document):
    """(program, arguments) of every command shown, make targets included."""
    text = document.read_text(encoding="utf-8")
    indented = re.findall(r"^    (make .*)$", text, re.MULTILINE)
    lines = [line for body in blocks(document, "bash") for line in body.splitlines()] + indented
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_relative_links_resolve(document):
    broken = []
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path.replace("\\", "")).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_configuration_reference_is_current():
    written = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert written == reference.render(), "a setting has changed: make docs"


@pytest.mark.parametrize("section", [*config.SECTIONS, "cameras", "links"])
def test_configuration_reference_names_every_section(section):
    assert f"### `{section}`" in reference.render()


def test_file_map_names_every_file():
    links = set(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    files = {
        path.relative_to(ROOT).as_posix()
        for package in ("pipeline", "trackers", "reid", "world")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    }
    assert sorted(files - links) == [], "without a line in the file map of the README"


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_yaml_examples_load(document, tmp_path):
    for number, body in enumerate(blocks(document, "yaml")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(body, encoding="utf-8")
        if "cameras" in yaml.safe_load(body):
            assert config.load(path, "recorded").config.cameras
        else:
            assert config.load_processing(str(path)).detector


def test_there_are_yaml_examples_to_load():
    assert blocks(ROOT / "README.md", "yaml")
    assert len(blocks(ROOT / "docs" / "tutorial.md", "yaml")) >= 5


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_commands_exist(document):
    targets = re.findall(r"^([\w-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for program, *arguments in commands(document):
        if program == "make":
            assert [word for word in arguments if "=" not in word and word not in targets] == []
        elif program.endswith("python"):
            check_python(arguments)
        elif program.startswith(".venv/bin/"):
            assert (Path(sys.executable).parent / Path(program).name).exists(), program
        else:
            assert program in {"export", "grep"}


def check_python(arguments):
    """`run.py` with options that it takes and settings that there are, or a module that can be found."""
    if arguments[0] == "-m":
        assert importlib.util.find_spec(arguments[1]) is not None, arguments[1]
        assert [path for path in arguments[2:] if path.endswith(".py") and not (ROOT / path).exists()] == []
        return
    assert arguments[0] == "run.py"
    command = cli.commands.get(arguments[1])
    assert command or arguments[1].startswith("--"), f"unknown command {arguments[1]}"
    rest = arguments[1:] if command is None else arguments[2:]
    if isinstance(command, click.Group):
        command, rest = command.commands.get(rest[0]), rest[1:]
        assert command, f"unknown command {arguments[2]}"
    parameters = (command or cli).make_context("run.py", rest).params  # raises for what does not exist
    if command is train:
        assert load_settings(parameters["preset"], parameters["changes"]).epochs
    elif "changes" in parameters:
        assert config.load_processing(parameters.get("preset"), parameters["changes"]).sinks


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("run.py rescore runs/today", "unknown command"),
        ("run.py benchmark sight", "unknown command"),
        ("run.py benchmark site --seed 3", "No such option"),
        ("run.py --souces cams.yaml", "No such option"),
        ("run.py evaluate runs/today", "Missing"),
        ("run.py --set tracker.age=1", "unknown key"),
        ("run.py --config quick", "no such preset"),
    ],
)
def test_a_command_that_does_not_exist_is_noticed(line, fault):
    with pytest.raises((AssertionError, click.UsageError, HandoffError), match=fault):
        check_python(line.split())


def test_the_tracker_of_adding_a_part_tracks(tmp_path, monkeypatch):
    (tmp_path / "overlap.py").write_text(blocks(ROOT / "docs" / "adding-a-part.md", "python")[0], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("overlap")
    monkeypatch.delitem(sys.modules, "overlap", raising=False)
    monkeypatch.setitem(sys.modules, "overlap", module)
    tracker = module.OverlapSettings().build()
    for step in range(20):
        found = detections([box(100 + 5 * step), box(500 - 5 * step, 300)])
        assert tracker.wants_embedding(found, step / 10).all()
        tracks = tracker.update(found, step / 10)
    assert [track.id for track in tracks] == [1, 2]
    np.testing.assert_allclose([track.box[1] for track in tracks], [50, 250], atol=1)
    assert pickle.loads(pickle.dumps(tracker)).finish()[0].state is TrackState.ENDED  # noqa: S301 - our own
    assert [track.state for track in tracker.finish()] == [TrackState.ENDED] * 2
