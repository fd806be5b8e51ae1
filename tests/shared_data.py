"""Where the real videos and weights lie that are not part of the repository; tests skip where they are absent."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("HANDOFF_DATA", ROOT.parent / "shared" / "data"))
ABSENT = "set HANDOFF_DATA to the folder of real videos and weights"

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(),
    reason=ABSENT,
)
