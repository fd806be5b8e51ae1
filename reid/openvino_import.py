"""OpenVINO, imported so that it sends nothing anywhere, and with one core that lasts."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any


def import_openvino() -> Any:
    """The package, imported without its usage reports, which it would send at import."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@cache
def openvino_core() -> Any:
    """The core for the whole process; compile and read models with no other.

    The first model of a core gives the calling thread a stack for its signal handlers, which the end of the core
    takes back only in the thread that ends it. Were that another (the garbage collector runs anywhere), the next
    Ctrl-C would be a segmentation fault. A core that never ends keeps its stack.
    """
    return import_openvino().Core()
