"""Generated sites and a way to run the command line inside the test's own process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import settings

from benchmarks.demo_clips import VIEWS, Walk, write_demo

# A busy machine is no fault of the program.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


class Cli(Protocol):
    """Runs `run.py` with arguments."""

    def __call__(self, *arguments: object) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Site:
    """A folder with cams.yaml, clips, detections/ and truth/."""

    folder: Path

    @property
    def cams(self) -> Path:
        return self.folder / "cams.yaml"

    @property
    def options(self) -> list[object]:
        """The recorded detector and the embedder without weights, on this site's files."""
        return ["--config", "recorded", "--set", f"detector.folder={self.folder / 'detections'}"]

    @property
    def run(self) -> list[object]:
        return ["--sources", self.cams, *self.options]


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Site:
    """What `make demo` runs on: two cameras, six people, 20 s."""
    return Site(write_demo(tmp_path_factory.mktemp("demo")).parent)


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Site:
    """Two cameras, three people, 30 frames each: for tests that are about something else than tracking."""
    walks = (
        Walk(0, "gate", 0.7, ((-1.0, 0.0), (3.0, 0.8))),
        Walk(1, "gate", 0.2, ((0.0, 0.9), (4.0, 0.2))),
        Walk(2, "yard", 0.5, ((-1.0, 0.1), (3.0, 0.9))),
    )
    return Site(write_demo(tmp_path_factory.mktemp("small"), VIEWS, walks, seconds=3.0).parent)


@pytest.fixture
def cli(capsys) -> Iterator[Cli]:
    """`run.py` in this process; puts the logging back that it changes."""
    from pipeline.cli import main

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return Outcome(code, printed.out, printed.err)

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)
