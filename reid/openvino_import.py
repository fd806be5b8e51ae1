"""OpenVINO, imported so that it sends nothing anywhere."""

from __future__ import annotations

import sys
from typing import Any


def import_openvino() -> Any:
    """The package, imported without its usage reports, which it would send at import."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
