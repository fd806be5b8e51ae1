"""The output folder of a run: refused when it is in use, and its record, run.yaml and summary.json."""

from __future__ import annotations

import json
import logging
import os
import platform
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import OutputError
from reid.store_file import files_of

RECORD, SUMMARY = "run.yaml", "summary.json"
_PACKAGES = ("torch", "ultralytics", "openvino", "av", "opencv-python", "numpy", "scipy", "lap")
_WRITTEN = ("identities.jsonl", "identities.csv", SUMMARY)
_FOLDERS = ("tracks", "mot", "recording")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Input:
    """A file or folder that a run reads: ``what`` it is to the user, and where."""

    what: str
    path: Path


def check(
    output: Path, cameras: Sequence[str], inputs: Sequence[Input], files: Sequence[str] = (), *, overwrite: bool
) -> list[Path]:
    """Whether a run of the given cameras may write here; looks only, and takes no time.

    Args:
        output: the folder.
        cameras: their names.
        inputs: what the run reads.
        files: names of files that the run writes beside those that every run writes.
        overwrite: whether an older run may be replaced.

    Returns:
        What of an older run would go.

    Raises:
        OutputError: if the folder holds a run already and ``overwrite`` is not set, or files that are of no run
            where this one would write; if there can be no folder of that name; or if an input lies where the run
            would write or where files of the old run are deleted.
    """
    places = _places(output, cameras, files)
    _spare(inputs, places, f"{output}: the run would overwrite its own")
    try:
        around = next(folder for folder in (output, *output.absolute().parents) if os.path.lexists(folder))
        if not around.is_dir():
            raise OutputError(f"{around}: is not a folder; choose another --output")
        if not os.access(around, os.W_OK):
            raise OutputError(f"{around}: you may not write here; choose another --output")
        holds_run = (output / RECORD).exists()
        if holds_run and not overwrite:
            raise OutputError(
                f"{output}: holds a run already; choose another --output, or add --overwrite to replace that run"
            )
        old = _places(output, *_parts_of(output)) if holds_run else []
        _spare(inputs, old, f"{output}: --overwrite would delete the run's own")
        strangers = [place.name for place in places if place not in old and place.exists()]
    except OSError as error:
        raise _not_written(output, error, "choose another --output") from None
    if strangers:
        raise OutputError(
            f"{output}: the run would overwrite {', '.join(strangers)}, which no run there has written; move "
            "that away, or choose another --output"
        )
    return old


def prepare(
    output: Path, cameras: Sequence[str], inputs: Sequence[Input], files: Sequence[str] = (), *, overwrite: bool
) -> None:
    """Make the folder ready for a run of the given cameras; the arguments are those of `check`.

    Raises:
        OutputError: as `check`, and if the folder cannot be created or written.
    """
    old = check(output, cameras, inputs, files, overwrite=overwrite)
    try:
        output.mkdir(parents=True, exist_ok=True)
        probe = output / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
        _remove(old)
    except OSError as error:
        raise _not_written(output, error, "choose another --output") from None


def write_record(output: Path, config: Mapping[str, Any], weights: Mapping[str, Mapping[str, str]]) -> None:
    """Write run.yaml: the effective configuration, the versions and the weights behind it.

    Raises:
        OutputError: if it cannot be written.
    """
    record = {**config, "weights": dict(weights), "environment": environment()}
    text = (
        "# The effective configuration of this run. To repeat it: python run.py --sources run.yaml --output DIR\n"
    )
    text += yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=110)
    _write(output / RECORD, text)


def write_summary(output: Path, summary: Mapping[str, Any]) -> None:
    """Write summary.json: what the run did.

    Raises:
        OutputError: if it cannot be written.
    """
    _write(output / SUMMARY, json.dumps(summary, indent=2) + "\n")


def warn_of_other_versions(record: Path, then: Mapping[str, object]) -> None:
    """Warn when a run is repeated with versions that differ from those in its record."""
    now = environment()
    changed = [f"{name} {then[name]}, now {now[name]}" for name in now if name in then and then[name] != now[name]]
    if changed:
        log.warning("%s: made with %s; the results may differ", record, "; ".join(changed))


def environment() -> dict[str, str]:
    """Versions of Python and of the packages that decide results."""
    versions = {"python": platform.python_version(), "system": f"{sys.platform} {platform.machine()}"}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _places(output: Path, cameras: Iterable[str], stores: Iterable[str] = ()) -> list[Path]:
    """Every file, and folder of files, that a run of these cameras writes; run.yaml last."""
    files = [output / name for name in (*(f"{camera}.mp4" for camera in cameras), *_WRITTEN, *stores)]
    return [*files, *(output / folder for folder in _FOLDERS), output / RECORD]


def _spare(inputs: Sequence[Input], places: Sequence[Path], fault: str) -> None:
    """Refuse to write or delete what a run reads."""
    real = [Path(os.path.realpath(place)) for place in places]
    for item in inputs:
        path = Path(os.path.realpath(item.path))
        if any(path.is_relative_to(place) for place in real):
            raise OutputError(f"{fault} {item.what} {item.path}; choose another --output")


def _parts_of(output: Path) -> tuple[list[str], list[str]]:
    """The cameras of the run that a folder holds, and the names of the files of its own identity store."""
    try:
        old = yaml.safe_load((output / RECORD).read_text(encoding="utf-8"))
        names = [str(camera["name"]) for camera in old["cameras"]]
        stores = [str(sink["path"]) for sink in old.get("sinks", ()) if sink.get("type") == "store"]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise OutputError(
            f"{output / RECORD}: not the record of a run, so nothing here is replaced; choose another "
            "--output, or remove the folder yourself"
        ) from None
    own = [file.name for store in stores if Path(store).name == store for file in files_of(Path(store))]
    return [name for name in names if Path(name).name == name], own  # no other folder's files


def _remove(places: Iterable[Path]) -> None:
    """Delete the files of the run before, and nothing else."""
    for place in places:
        if place.name in _FOLDERS:
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _not_written(path, error, "free some space, or choose another --output") from None


def _not_written(path: Path, error: OSError, remedy: str) -> OutputError:
    return OutputError(f"{path}: cannot be written: {error.strerror}; {remedy}")
