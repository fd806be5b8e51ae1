"""The interface of a sink."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.errors import OutputError
from pipeline.frames import CameraInfo, FrameResult


@dataclass(frozen=True, slots=True)
class SinkSite:
    """Where a sink works.

    Attributes:
        output: the run's folder; it exists.
        cameras: all cameras of the run.
        stop: set it to end the run after the current tick.
        embedder: a mark of what makes the embeddings; those with the same mark can be compared.
    """

    output: Path
    cameras: Sequence[CameraInfo]
    stop: threading.Event
    embedder: str = ""


class Sink(Protocol):
    """Takes results as they come and writes or shows them. Whatever was written is kept if the run breaks off."""

    def write(self, result: FrameResult) -> None:
        """Take one result; results of one camera come in order of time."""

    def close(self) -> None:
        """Finish the files; called exactly once, also after an error or Ctrl-C."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the disk, such as a full one, into an OutputError that names ``path``."""
    try:
        yield
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}; move away what stands there under that name"
        ) from None
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}; look at the disk's free space and the rights"
        ) from None
