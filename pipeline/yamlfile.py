"""YAML that remembers where every value stands, so that an error can name the line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import ConfigError

Location = tuple[str | int, ...]


class YamlFile:
    """A parsed YAML file.

    Attributes:
        path: as the user gave it.
        data: plain dicts, lists and scalars.

    Raises:
        ConfigError: if the file is missing, not text, not YAML, contains itself, or repeats a key.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[Location, int] = {}
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ConfigError(f"{path}: no such file") from None
        except IsADirectoryError:
            raise ConfigError(f"{path}: is a folder; a YAML file is wanted") from None
        except UnicodeDecodeError:
            raise ConfigError(
                f"{path}: not a text file; give a cams.yaml that lists the cameras (see docs/tutorial.md)"
            ) from None
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
        try:
            root = yaml.compose(text, Loader=_Loader)
            self.data: Any = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
            places = [] if root is None else list(_lines(root, ()))
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ConfigError(f"{path}:{line}: not valid YAML: {_plain_words(error)}") from None
        except yaml.YAMLError as error:
            raise ConfigError(f"{path}: not valid YAML: {error}") from None
        except RecursionError:
            raise ConfigError(
                f"{path}: a value contains itself (an alias *name inside of its own &name), or is nested too "
                "deeply; write it out"
            ) from None
        for location, line in places:
            if location in self._lines:
                raise ConfigError(
                    f"{path}:{line}: {dotted(location)}: stands here a second time; "
                    f"the first is in line {self._lines[location]}"
                )
            self._lines[location] = line

    def line(self, location: Location) -> int:
        """Line of a value, or of the closest value around it that is there."""
        while location and location not in self._lines:
            location = location[:-1]
        return self._lines.get(location, 1)


def value_of(text: str) -> Any:
    """The value that a text stands for in YAML; the text itself where it is not YAML."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError:
        return text


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: 9:30 is not the number 570, and a date that the calendar lacks stays a text."""

    def number(self, node: yaml.ScalarNode) -> Any:
        if ":" in node.value:
            return node.value
        return self.construct_yaml_int(node) if node.tag.endswith(":int") else self.construct_yaml_float(node)

    def time(self, node: yaml.ScalarNode) -> Any:
        try:
            return self.construct_yaml_timestamp(node)
        except ValueError:
            return node.value


for _kind, _method in {"int": _Loader.number, "float": _Loader.number, "timestamp": _Loader.time}.items():
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _method)


_IN_PLAIN_WORDS = {
    "mapping values are not allowed": "a second ': ' in one line; put a value that holds one in quotes",
    "found character '\\t'": "a tab; indent with spaces",
    "expected <block end>": "the indentation does not fit that of the lines above",
    "found unexpected end of stream": "a quote that is not closed",
    "expected ',' or ']'": "a [ that is not closed",
    "expected ',' or '}'": "a { that is not closed",
}


def _plain_words(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "cannot be understood"
    return next((words for start, words in _IN_PLAIN_WORDS.items() if problem.startswith(start)), problem)


def dotted(location: Location) -> str:
    """``("cameras", 0, "fps")`` -> ``cameras[0].fps``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _lines(node: yaml.Node, location: Location) -> Iterator[tuple[Location, int]]:
    """Location and line of every value below a node."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*location, str(key.value))
            yield here, key.start_mark.line + 1
            yield from _lines(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*location, index)
            yield here, value.start_mark.line + 1
            yield from _lines(value, here)
