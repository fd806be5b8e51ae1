"""The shape of the program: what imports what, and how large files are."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("pipeline", "trackers", "reid")
OURS = (*PACKAGES, "world", "benchmarks", "tests")
HEAVY = ("torch", "ultralytics", "openvino", "cv2", "moderngl")
LIGHT_MODULES = (
    "pipeline",
    "pipeline.cli",
    "pipeline.config",
    "pipeline.detectors",
    "pipeline.sinks",
    "pipeline.sources",
    "reid",
    "reid.embedder",
    "reid.linker",
    "trackers",
    "world",
    "world.cli",
    "world.scenes",
)
LONGEST = 350  # lines

_REPORT = """
import importlib, json, sys
module = importlib.import_module(sys.argv[1])
print(json.dumps({"file": module.__file__, "loaded": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


def python_files() -> list[Path]:
    found = [path for package in OURS for path in (ROOT / package).rglob("*.py")]
    return sorted([ROOT / "run.py", *found])


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file names in an import, wherever it stands in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers_of(package: str) -> list[str]:
    return [
        path.relative_to(ROOT).as_posix()
        for path in python_files()
        if any(name.partition(".")[0] == package for name in imports_of(path))
    ]


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_importing_a_package_is_light_and_finds_ours(module, tmp_path):
    """The package index holds other packages of the same names; heavy libraries wait until they are needed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", _REPORT, module],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=tmp_path,
        env=environment,
    )
    report = json.loads(result.stdout)
    assert Path(report["file"]).resolve().is_relative_to(ROOT)
    assert not set(report["loaded"]) & set(HEAVY)


def test_ultralytics_is_imported_in_one_file():
    """Its licence and its habit of writing settings stay behind one border."""
    assert len([path for path in importers_of("ultralytics") if path.startswith(PACKAGES)]) == 1


def test_there_is_one_openvino_core():
    """The end of a core can take the stack of the signal handlers away."""
    package = [path for path in python_files() if path.relative_to(ROOT).parts[0] in PACKAGES]
    assert [path.name for path in package if ".Core()" in path.read_text("utf-8")] == ["openvino_import.py"]


def test_torchvision_is_imported_nowhere():
    """On machines whose torch is a CPU build it does not even load."""
    assert importers_of("torchvision") == []


@pytest.mark.parametrize(
    ("package", "strangers"),
    [
        ("trackers", ("reid", "pipeline", "world", "cv2", "torch", "yaml")),
        ("reid", ("trackers", "world", "av")),
        ("world", ("trackers", "reid", "pipeline", "benchmarks")),
        ("pipeline", ("world",)),
    ],
)
def test_algorithms_do_not_know_the_rest(package, strangers):
    for stranger in strangers:
        assert [path for path in importers_of(stranger) if path.startswith(f"{package}/")] == []


def test_files_are_short():
    lengths = {path.relative_to(ROOT): len(path.read_text("utf-8").splitlines()) for path in python_files()}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}
