"""What is wrong with a configuration, in words: one line a fault, with file, line, key, rule and remedy."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from pipeline.sources.address import redact
from pipeline.yamlfile import Location, dotted

Fault = tuple[Location, str]


def faults_of(error: ValidationError, data: object, model: type[BaseModel]) -> list[Fault]:
    """Every fault that pydantic found in ``data``, as location in the data and text."""
    faults = []
    for item in error.errors():
        location = _in_data(item["loc"], data)
        if item["type"] == "extra_forbidden":
            valid = _valid_keys(model, location[:-1], data)
            text = "unknown key" + nearest(str(location[-1]), valid)
        elif item["type"] == "missing":
            location, text = (*location, str(item["loc"][-1])), "is missing"
        elif item["type"] in {"union_tag_invalid", "union_tag_not_found"}:
            text = _type_fault(item)
            location = (*location, "type")
        else:
            text = _reworded(item["msg"]) + _got(item["input"])
        faults.append((location, text))
    return faults


def nearest(name: str, valid: Sequence[str]) -> str:
    """A hint at the closest valid name, or the list of all."""
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; valid are: {', '.join(sorted(valid))}" if valid else ""


def listed(faults: Iterable[Fault], origin: typing.Callable[[Location], str]) -> str:
    """The faults as text, a line each, in order of their place; ``origin`` names file and line."""
    return "\n".join(f"{origin(location)}: {dotted(location)}: {text}" for location, text in faults)


def _reworded(message: str) -> str:
    message = message.removeprefix("Value error, ")
    for start in ("Input should be a ", "Input should be an "):
        if message.startswith(start):
            return "must be a" + ("n " if start.endswith("an ") else " ") + message.removeprefix(start)
    return message.replace("Input should be", "must be").replace("Field required", "is missing")


def _got(value: object) -> str:
    if isinstance(value, dict):
        return ""
    text = redact(repr(value))  # before it is cut short: the mark that ends a password could be lost
    return f" (got {text if len(text) <= 80 else text[:77] + '...'})"


def _type_fault(item: Any) -> str:
    context = item.get("ctx", {})
    valid = [name.strip(" '") for name in str(context.get("expected_tags", "")).split(",") if name.strip()]
    if item["type"] == "union_tag_not_found":
        return "is missing"
    return f"unknown type '{context.get('tag')}'" + nearest(str(context.get("tag")), valid)


def _in_data(location: Sequence[str | int], data: object) -> Location:
    """Pydantic's location without the names of union members, which do not stand in the file."""
    place: list[str | int] = []
    for part in location:
        is_key = isinstance(data, dict) and part in data
        is_index = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if is_key or is_index:
            data = data[part]  # type: ignore[index]
            place.append(part)
    return tuple(place)


def _valid_keys(model: type[BaseModel], location: Location, data: object) -> list[str]:
    """The keys that may stand at a place of the data."""
    found: Any = model
    for part in location:
        data = data[part] if isinstance(data, (dict, list)) else None  # type: ignore[index]
        if isinstance(part, int):
            found = typing.get_args(found)[0] if typing.get_args(found) else None
        else:
            field = getattr(found, "model_fields", {}).get(part)
            found = None if field is None else field.annotation
        found = _member(found, data)
        if found is None:
            return []
    if not (isinstance(found, type) and issubclass(found, BaseModel)):
        return []
    return [field.alias or name for name, field in found.model_fields.items()]


def _member(annotation: Any, data: object) -> Any:
    """The settings class that a value stands for: a union's member by `type`, else the annotation itself."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) not in {typing.Union, types.UnionType}:
        return annotation
    wanted = data.get("type") if isinstance(data, dict) else None
    for member in typing.get_args(annotation):
        fields = getattr(member, "model_fields", {})
        if "type" not in fields or fields["type"].default == wanted:
            return member
    return None
