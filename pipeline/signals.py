"""What Ctrl-C, SIGTERM and the end of the terminal do to work that takes long."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Self

INTERRUPTED = 130  # exit code of work that they ended: 128 + SIGINT, as shells have it
_STOPPING = [
    signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in signal.Signals.__members__
]


class Signals:
    """Ends work according to its phase; a context manager, entered in the main thread.

    While the work is prepared, a signal interrupts at once: nothing is lost yet. While its loop runs, the first
    one ends the loop after the step, and a second one does not wait for the step. After the loop, nothing keeps
    the files from being finished. A signal that is ignored from the start, as SIGHUP under nohup, stays ignored::

        with Signals(stop) as signals:
            work = prepare()
            signals.running()
            work.loop(until=stop.is_set)
            signals.closing()
            work.finish()

    Args:
        stop: set to end the loop after its step.

    Attributes:
        received: whether a signal stopped the work.
    """

    def __init__(self, stop: threading.Event) -> None:
        self.received = False
        self._stop = stop
        self._handle: Callable[[], None] = self._interrupt
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in _STOPPING:
            if signal.getsignal(number) is signal.SIG_IGN:  # nohup
                continue
            self._previous[number] = signal.signal(number, lambda _number, _frame: self._handle())
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def running(self, over: Callable[[], bool] = lambda: False) -> None:
        """The loop is about to begin.

        Args:
            over: asked at a second signal: whether the loop has ended by itself meanwhile and what follows it must
                not be interrupted. It takes no lock: the code that a signal breaks into may hold it.
        """
        self._handle = partial(self._end_loop, over)

    def closing(self) -> None:
        """The loop is over."""
        self._handle = self._ignore

    def _interrupt(self) -> None:
        self.received = True
        self._stop.set()  # should a library swallow the exception, the loop ends before its first step
        raise KeyboardInterrupt

    def _end_loop(self, over: Callable[[], bool]) -> None:
        self.received = True
        self._stop.set()
        self._handle = partial(self._leave_step, over)

    def _leave_step(self, over: Callable[[], bool]) -> None:
        if not over():
            self._handle = self._ignore
            raise KeyboardInterrupt

    def _ignore(self) -> None:
        """Nothing is left to stop."""
