"""Closing a source from another thread while it is being read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Closer:
    """Lets any thread close a source; the reader, if there is one, releases what it is using.

    A decoder must not be closed under a thread that is inside of it. So `close` only releases at once while nobody
    reads; otherwise the reader sees `closed` at its next frame and releases on its way out.
    """

    def __init__(self, release: Callable[[], None]) -> None:
        self._release = release
        self._lock = threading.Lock()
        self._reading = False
        self._requested = threading.Event()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._requested.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not beyond `close`; returns `closed`."""
        return self._requested.wait(seconds)

    def close(self) -> None:
        """Ask the reader to end, or release now when nobody reads; may be called often."""
        with self._lock:
            self._requested.set()
            if not self._reading:
                self._release()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """For as long as frames are read; releases at the end, whatever ended it."""
        with self._lock:
            if self._reading:
                raise RuntimeError("a source has one reader; this one is being read already")
            self._reading = True
        try:
            yield
        finally:
            with self._lock:
                self._reading = False
                self._requested.set()
                self._release()
