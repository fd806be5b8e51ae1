"""Writes the configuration reference from the settings classes: ``python -m pipeline.reference FILE``."""

from __future__ import annotations

import inspect
import math
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from annotated_types import Ge, Gt, Le, Lt, MinLen, MultipleOf
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.config import PRESETS, SECTIONS, Config

_WORDS: dict[object, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    type(None): "null",
}
_BOUNDS = {
    Ge: ">= {0.ge}",
    Gt: "> {0.gt}",
    Le: "<= {0.le}",
    Lt: "< {0.lt}",
    MultipleOf: "multiple of {0.multiple_of}",
}
_HEAD = """# Configuration reference

Written from the settings classes by `make docs`; do not edit. What the settings are for is told in the
[tutorial](tutorial.md) and in [linking](linking.md).

A run is decided by two YAML files. `--sources` names the cameras (`cams.yaml`); `--config` names a preset in
`configs/`, or another YAML file of the same form, that says how frames are processed. `--set section.key=value`
changes one setting of the preset, `--set sinks.0.crf=20` one of a list's first entry. Unknown keys are errors.
Times are in seconds, lengths in pixels. Without a default a key must be given.
"""


def render() -> str:
    """The whole reference as Markdown."""
    parts = [_HEAD, "## cams.yaml\n"]
    for name in ("cameras", "links"):
        parts += _section(name, Config.model_fields[name], "a list")
    parts.append("## Presets and --set\n")
    parts += [_preset_table()]
    for name in SECTIONS:
        parts += _section(name, Config.model_fields[name], "a list" if name == "sinks" else "a mapping")
    return "\n".join(parts)


def _section(name: str, field: FieldInfo, form: str) -> Iterator[str]:
    """One key of the configuration, with every kind of part that it can hold."""
    yield f"### `{name}`\n"
    about = f" {_escaped(field.description)}" if field.description else ""
    yield f"{form.capitalize()}.{about}\n"
    for model in _models(field.annotation):
        kind = model.model_fields.get("type")
        if kind is not None:
            yield f"#### `{name}`, `type: {kind.default}`\n"
        yield from _described(model, name)


def _described(model: type[BaseModel], place: str) -> Iterator[str]:
    """Docstring and table of a settings class, followed by the settings classes inside it."""
    yield _escaped(inspect.getdoc(model) or "") + "\n"
    rows = {info.alias or key: info for key, info in model.model_fields.items() if key != "type"}
    if not rows:
        yield "No settings.\n"
        return
    table = ["| key | type | default | bounds | meaning |", "|---|---|---|---|---|"]
    for key, info in rows.items():
        cells = (f"`{key}`", _words(info.annotation), _default(info), _bounds(info), info.description or "")
        table.append("| " + " | ".join(_escaped(cell) for cell in cells) + " |")
    yield "\n".join(table) + "\n"
    for key, info in rows.items():
        for inner in _models(info.annotation):
            yield f"#### `{place}.{key}`\n"
            yield from _described(inner, f"{place}.{key}")


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The settings classes in an annotation: itself, a list's entries, a union's members."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in _models(argument)]


def _words(annotation: Any) -> str:
    """A type as people say it."""
    annotation = getattr(annotation, "__supertype__", annotation)  # what a NewType stands for
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _words(arguments[0])
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        return f"[{', '.join(_words(argument) for argument in arguments)}]"
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(_words(argument) for argument in arguments)
    return "mapping, see below" if _models(annotation) else _WORDS[annotation]


def _default(info: FieldInfo) -> str:
    if info.is_required() or _models(info.annotation):
        return ""
    return f"`{_yaml(info.default)}`"


def _yaml(value: object) -> str:
    """A default as it is written in YAML."""
    if isinstance(value, tuple):
        return f"[{', '.join(_yaml(part) for part in value)}]"
    if isinstance(value, float) and math.isinf(value):
        return ".inf"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _bounds(info: FieldInfo) -> str:
    found = [form.format(rule) for rule in info.metadata if (form := _BOUNDS.get(type(rule)))]
    found += ["not empty" for rule in info.metadata if isinstance(rule, MinLen)]
    return ", ".join(found)


def _preset_table() -> str:
    """Each preset with the comment at its top."""
    rows = ["| `--config` | |", "|---|---|"]
    for path in sorted(PRESETS.glob("*.yaml")):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        rows.append(f"| `{path.stem}` | {_escaped(first.removeprefix('# '))} |")
    return "\n".join(rows) + "\n"


def _escaped(text: str) -> str:
    """Text whose signs Markdown would take for its own; what stands in backquotes is left alone."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([<|*])", r"\\\1", part) for part in parts)


@click.command()
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def main(target: Path) -> None:
    """Write the reference to a file."""
    target.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
