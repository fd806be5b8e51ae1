"""Settings laid over one another - presets, files, --set values - and checked with the origin of every fault."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.errors import ConfigError
from pipeline.faults import Fault, faults_of, listed, nearest
from pipeline.sources.address import redact
from pipeline.yamlfile import Location, YamlFile, value_of

M = TypeVar("M", bound=BaseModel)


class Layers:
    """Settings laid over one another, with the origin of every value."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self._origins: dict[Location, str] = {}
        self._files: list[tuple[YamlFile, frozenset[str]]] = []
        self.faults: list[tuple[str, Fault]] = []

    def add(
        self, file: YamlFile, allowed: Sequence[str], remedy: str = "", elsewhere: Collection[str] = ()
    ) -> None:
        """Lay a file over what is there.

        Args:
            file: holds a mapping.
            allowed: keys that may stand in it.
            remedy: what to do with a key that is known, but has its place elsewhere.
            elsewhere: those keys.

        Raises:
            ConfigError: if it holds no mapping; unknown keys are told by `checked`.
        """
        if not isinstance(file.data, dict):
            raise ConfigError(f"{file.path}:1: must be a mapping of: {', '.join(allowed)}")
        known = {}
        for key, value in file.data.items():
            if key in allowed:
                known[key] = value
                continue
            hint = f"; {remedy}" if key in elsewhere else nearest(str(key), allowed)
            self.faults.append((f"{file.path}:{file.line((str(key),))}", ((str(key),), "unknown key" + hint)))
        self.data = _merged(self.data, known)
        self._files.append((file, frozenset(known)))

    def replace(self, file: YamlFile, keys: Collection[str]) -> None:
        """Put a file's values of these keys in the place of what is there; whatever else it holds is left out.

        Raises:
            ConfigError: if it holds no mapping.
        """
        if not isinstance(file.data, dict):
            raise ConfigError(f"{file.path}:1: must be a mapping of: {', '.join(keys)}")
        known = {key: value for key, value in file.data.items() if key in keys}
        self.data.update(copy.deepcopy(known))
        self._files.append((file, frozenset(known)))

    def change(self, text: str) -> None:
        """Lay one value over what is there.

        Args:
            text: ``section.key=value``; the value is YAML.

        Raises:
            ConfigError: if it has not this form, or there is no such place.
        """
        key, equals, value = text.partition("=")
        if not equals or not key or "://" in key:
            raise ConfigError(f"--set {redact(text)}: must be section.key=value, as in --set tracker.max_age=2.0")
        shown = f"--set {key}={redact(value)}"
        parsed = value_of(value)
        location: list[str | int] = []
        place: Any = self.data
        parts = key.split(".")
        for part in parts[:-1]:
            step = _step(place, part, shown)
            location.append(step)
            if isinstance(place, dict) and step not in place:
                place[step] = {}
                self._origins[tuple(location)] = shown
            place = place[step]
            if not isinstance(place, (dict, list)):
                raise ConfigError(f"{shown}: '{part}' has no keys of its own")
        step = _step(place, parts[-1], shown)
        if step == "type" and place.get("type") != parsed:
            place.clear()  # another kind of part: the settings of the old one mean nothing to it
        place[step] = parsed
        self._origins[(*location, step)] = shown

    def origin(self, location: Location) -> str:
        """File and line of a value, or the --set that gave it."""
        for length in range(len(location), 0, -1):
            if location[:length] in self._origins:
                return self._origins[location[:length]]
        for file, keys in reversed(self._files):
            if not location or (location[0] in keys and _reaches(file.data, location)):
                return f"{file.path}:{file.line(location)}"
        for file, keys in reversed(self._files):
            if location[0] in keys:
                return f"{file.path}:{file.line(location)}"
        return f"{self._files[-1][0].path}:1"

    def checked(self, model: type[M], more: Callable[[dict[str, Any]], list[Fault]] | None = None) -> M:
        """The settings as a ``model``; ``more`` finds faults that lie between several values.

        Raises:
            ConfigError: with a line for every fault.
        """
        faults = [f"{origin}: {listed([fault], lambda _: '')[2:]}" for origin, fault in self.faults]
        result = None
        found: list[Fault] = []
        try:
            result = model.model_validate(self.data)
        except ValidationError as error:
            found = faults_of(error, self.data, model)
        found += more(self.data) if more else []
        if found:
            faults.append(listed(found, self.origin))
        if faults or result is None:
            raise ConfigError("\n".join(faults))
        return result


def _step(place: Any, part: str, change: str) -> str | int:
    """A key of a dict; for a list an index, or the index of the entry of that `type` or `name`."""
    if not isinstance(place, list):
        return part
    if part.isdigit() and int(part) < len(place):
        return int(part)
    for index, entry in enumerate(place):
        if isinstance(entry, dict) and part in (entry.get("type"), entry.get("name")):
            return index
    there = [str(entry.get("name") or entry.get("type")) for entry in place if isinstance(entry, dict)]
    raise ConfigError(f"{change}: no entry '{part}' in the list{nearest(part, there)}")


def _reaches(data: Any, location: Location) -> bool:
    for part in location:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """``over`` laid over ``base``; a section of another `type` replaces instead of mixing."""
    result = copy.deepcopy(base)
    for key, value in over.items():
        old = result.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        if isinstance(old, dict) and both and value.get("type", old.get("type")) == old.get("type"):
            result[key] = _merged(old, value)
        else:
            result[key] = copy.deepcopy(value)
    return result
