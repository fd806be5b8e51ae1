"""Opening and reading sources in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import SourceError
from pipeline.frames import Frame
from pipeline.sources import CameraSettings, Source, open_source


def opened(
    source: str | int | Path, *, folder: Path = Path("/nowhere"), reconnect: float = 0, **fields: Any
) -> Source:
    """The camera "gate"."""
    source = str(source) if isinstance(source, Path) else source
    settings = CameraSettings.model_validate({"name": "gate", "source": source, **fields})
    return open_source(settings, folder, reconnect=reconnect)


def read(source: Source) -> list[Frame]:
    """All frames."""
    try:
        return list(source.frames())
    finally:
        source.close()


def read_until_error(source: Source) -> tuple[list[Frame], str]:
    """The frames before the source broke off, and what it said."""
    frames: list[Frame] = []
    with pytest.raises(SourceError) as caught:
        frames.extend(source.frames())  # keeps what came before the error
    return frames, str(caught.value)
