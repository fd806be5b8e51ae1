"""The interface of a sink."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.frames import CameraInfo, FrameResult


@dataclass(frozen=True, slots=True)
class SinkSite:
    """Where a sink works.

    Attributes:
        output: the run's folder; it exists.
        cameras: all cameras of the run.
        stop: set it to end the run after the current tick.
    """

    output: Path
    cameras: Sequence[CameraInfo]
    stop: threading.Event


class Sink(Protocol):
    """Takes results as they come and writes or shows them. Whatever was written is kept if the run breaks off."""

    def write(self, result: FrameResult) -> None:
        """Take one result; results of one camera come in order of time."""

    def close(self) -> None:
        """Finish the files; called exactly once, also after an error or Ctrl-C."""
