"""Where the real videos and weights lie that are not part of the repository; tests skip where they are absent."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("HANDOFF_DATA", ROOT.parent / "shared" / "data"))

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(),
    reason=f"real videos and weights are not at {SHARED} (set HANDOFF_DATA to their folder)",
)
