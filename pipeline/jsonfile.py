"""Results in the JSON file that `--json` names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.errors import OutputError
from pipeline.sinks.base import writing


def check_json(path: Path | None) -> None:
    """Refuse a file whose folder is missing, before minutes of work; None is not written.

    Raises:
        OutputError: names the folder.
    """
    if path is not None and not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; create it, or correct --json")


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write plain data, indented.

    Raises:
        OutputError: if the disk refuses.
    """
    with writing(path):
        path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
