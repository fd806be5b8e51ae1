"""Learned camera links as the section `links` of cams.yaml: a file of its own, or put into one that is there."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from pipeline.errors import ConfigError, OutputError
from pipeline.links import HELD, LearnedLinks, Way
from pipeline.sinks.base import writing
from pipeline.yamlfile import YamlFile, value_of
from reid.tracklets import CameraId

MARGIN = 0.5
_HERE = "links"


def section(learned: LearnedLinks, margin: float = MARGIN) -> str:
    """The section, each link with the numbers behind it; pairs in doubt as comments.

    Args:
        learned: at least one link.
        margin: part by which windows are widened: the low end is divided, the high end multiplied by 1 + margin.
    """
    return "\n".join(_lines(learned, margin)) + "\n"


def window(way: Way, margin: float) -> tuple[float, float]:
    """Seconds, widened, with one decimal; nearly nothing becomes 0."""
    low, high = way.window[0] / (1 + margin), way.window[1] * (1 + margin)
    return (math.floor(low * 10) / 10 if low >= 0.5 else 0.0), math.ceil(max(high, 0.5) * 10) / 10


def write(path: Path, text: str, *, overwrite: bool) -> None:
    """Write the section into a file of its own.

    Raises:
        OutputError: if the file exists and ``overwrite`` is not set, or cannot be written.
    """
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already; choose another --yaml, or add --overwrite")
    with writing(path):
        path.write_text(text, encoding="utf-8")


def put_into(path: Path, text: str, cameras: Sequence[CameraId], *, overwrite: bool) -> Path:
    """Put the section into a cams.yaml; everything else in it stays as it is, byte for byte.

    Args:
        path: cams.yaml.
        text: of `section`.
        cameras: that the section names.
        overwrite: replace the section `links` that is there.

    Returns:
        The copy of the file as it was, beside it.

    Raises:
        ConfigError: if the file is no cams.yaml, does not know the cameras, has links already, or is written in a
            way that nothing can be put into.
        OutputError: if it cannot be written.
    """
    file = YamlFile(path)
    before = file.data
    if not isinstance(before, dict) or not isinstance(before.get("cameras"), list):
        raise ConfigError(f"{path}:1: must be a mapping with a list `cameras` (see docs/tutorial.md)")
    names = [camera.get("name") for camera in before["cameras"] if isinstance(camera, dict)]
    strangers = [camera for camera in cameras if camera not in names]
    if strangers:
        raise ConfigError(
            f"{path}: has no camera {', '.join(strangers)}, which the run has; give the cams.yaml of that run"
        )
    if before.get(_HERE) and not overwrite:
        raise ConfigError(
            f"{path}:{file.line((_HERE,))}: links: there are some already; --overwrite replaces them, --yaml "
            "writes the learned ones to another file"
        )
    with path.open(encoding="utf-8", newline="") as stream:
        old = stream.read()
    new = _with_section(old, text)
    wanted = {**before, _HERE: yaml.safe_load(text)[_HERE]}
    if new is None or _parsed(new) != wanted:
        raise ConfigError(
            f"{path}: is written in a way that nothing can be put into; write one key a line, or use --yaml and "
            "paste the section"
        )
    return _replace(path.resolve(), new)


def _lines(learned: LearnedLinks, margin: float) -> Iterator[str]:
    yield f"{_HERE}:"
    yield "  # Learned from runs; edit what you know better. Nobody can go between two cameras that have no way,"
    yield "  # direct or over others. `seconds`: the narrowest window with"
    yield f"  # {HELD:.0%} of the transits, its low end divided and its high end multiplied by {1 + margin:g}."
    for way in learned.links:
        yield f"  - {_entry(way, margin)}  # {way.transits} transits, median {way.median:.1f} s"
    for first, second in learned.overlapping:
        yield f"  - {{from: {_name(first)}, to: {_name(second)}, overlap: true}}  # as given"
    if learned.doubtful:
        yield "  # Seen, but not taken for links:"
    for way in learned.doubtful:
        count = "1 transit" if way.transits == 1 else f"{way.transits} transits"
        yield f"  # - {_entry(way, margin)}  # {count}, median {way.median:.1f} s: {way.doubt}"


def _entry(way: Way, margin: float) -> str:
    low, high = window(way, margin)
    return f"{{from: {_name(way.origin)}, to: {_name(way.to)}, seconds: [{low:g}, {high:.10g}]}}"


def _name(camera: str) -> str:
    """In quotes where YAML would take it for something else than a text."""
    plain = value_of(f"[{camera}]") == [camera]
    return camera if plain else f"'{camera}'"


def _with_section(old: str, text: str) -> str | None:
    """A file's text with the section in the place of the old one, or at the end; None for [] and {} around all."""
    ending = "\r\n" if "\r\n" in old else "\n"
    text = text.replace("\n", ending)
    root = yaml.compose(old, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        return None
    lines = old.splitlines(keepends=True)
    for key, value in root.value:
        if key.value == _HERE:
            last = max(_last_line(value), key.end_mark.line)
            rest = lines[last + 1 :]
            return "".join(lines[: key.start_mark.line]) + text + "".join(rest)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += ending
    return "".join(lines) + text


def _last_line(node: yaml.Node) -> int:
    """Of the last character of a value; a block itself ends only where the next thing begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        children = [pair[1] for pair in node.value] if isinstance(node, yaml.MappingNode) else node.value
        return _last_line(children[-1])
    return int(node.end_mark.line)


def _parsed(text: str) -> object:
    try:
        return value_of(text)
    except RecursionError:
        return None


def _replace(path: Path, text: str) -> Path:
    """Write a file in one step, with its rights, and keep the old one under a name that is free."""
    backup = path.with_name(f"{path.name}.bak")
    number = 1
    while backup.exists():
        number += 1
        backup = path.with_name(f"{path.name}.bak{number}")
    written = path.with_name(f".{path.name}.new-{os.getpid()}")
    with writing(path):
        try:
            shutil.copy2(path, backup)
            with written.open("w", encoding="utf-8", newline="") as stream:
                stream.write(text)
            shutil.copymode(path, written)
            written.replace(path)
        finally:
            written.unlink(missing_ok=True)
    return backup
