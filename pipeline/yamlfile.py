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
            root = yaml.compose(text, Loader=yaml.SafeLoader)
            self.data: Any = yaml.safe_load(text)
            places = [] if root is None else list(_lines(root, ()))
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ConfigError(f"{path}:{line}: not valid YAML: {error.problem}") from None
        except (yaml.YAMLError, ValueError) as error:
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
