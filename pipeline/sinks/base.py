"""The interface of a sink."""

from __future__ import annotations

from typing import Protocol

from pipeline.frames import FrameResult


class Sink(Protocol):
    """Takes results as they come and writes or shows them. Whatever was written is kept if the run breaks off."""

    def write(self, result: FrameResult) -> None:
        """Take one result; results of one camera come in order of time."""

    def close(self) -> None:
        """Finish the files; called exactly once, also after an error or Ctrl-C."""
