"""The output folder of a run: refused when it is in use, and its record, run.yaml and summary.json."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import OutputError

RECORD, SUMMARY = "run.yaml", "summary.json"
_PACKAGES = ("torch", "ultralytics", "openvino", "av", "opencv-python", "numpy", "scipy", "lap")
_WRITTEN = ("identities.jsonl", "identities.csv", SUMMARY)


def prepare(output: Path, cameras: Iterable[str], sources: Iterable[Path], *, overwrite: bool) -> None:
    """Make the folder ready for a run of the given cameras.

    Raises:
        OutputError: if it cannot be created or written, holds a run already and ``overwrite`` is not set, or would
            overwrite a source.
    """
    files = {(output / f"{camera}.mp4").resolve() for camera in cameras}
    for source in sources:
        if source.resolve() in files:
            raise OutputError(
                f"{output}: the run would overwrite its own source {source}; choose another --output"
            )
    if (output / RECORD).exists() and not overwrite:
        raise OutputError(
            f"{output}: holds a run already; choose another --output, or add --overwrite to replace that run"
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
        probe = output / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
        _remove_old_run(output)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written: {error.strerror}; choose another --output") from None


def write_record(output: Path, config: Mapping[str, Any], weights: Mapping[str, Mapping[str, str]]) -> None:
    """Write run.yaml: the effective configuration, the versions and the weights behind it."""
    record = {**config, "weights": dict(weights), "environment": environment()}
    text = (
        "# The effective configuration of this run. To repeat it: python run.py --sources run.yaml --output DIR\n"
    )
    text += yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=110)
    (output / RECORD).write_text(text, encoding="utf-8")


def write_summary(output: Path, summary: Mapping[str, Any]) -> None:
    """Write summary.json: what the run did."""
    (output / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def environment() -> dict[str, str]:
    """Versions of Python and of the packages that decide results."""
    versions = {"python": platform.python_version(), "system": f"{sys.platform} {platform.machine()}"}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _remove_old_run(output: Path) -> None:
    """Delete the files of the run before, and nothing else."""
    if not (output / RECORD).exists():
        return
    try:
        old = yaml.safe_load((output / RECORD).read_text(encoding="utf-8"))
        cameras = [str(camera["name"]) for camera in old["cameras"]]
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError):
        cameras = []
    for name in (*_WRITTEN, *(f"{camera}.mp4" for camera in cameras)):
        (output / name).unlink(missing_ok=True)
    for folder in ("tracks", "mot"):
        shutil.rmtree(output / folder, ignore_errors=True)
    (output / RECORD).unlink()
