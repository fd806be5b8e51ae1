"""Trackers of BoxMOT with the settings of its own yaml files, camera-motion compensation off.

A name that ends in -cpp runs the C++ back end, which compiles itself at its first use (see install.sh).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from boxmot.structures import Boxes, Detections
from boxmot.trackers.factory import create_tracker
from boxmot.trackers.specs import TrackerSpec
from replay import Frame, main

COMPENSATION_OFF = {
    "botsort": {"use_cmc": False},
    "boosttrack": {"use_cmc": False},
    "occluboost": {"use_cmc": False},
    "deepocsort": {"cmc_off": True},
}
MOTION_ONLY = ("bytetrack", "ocsort")


class Peer:
    """See `replay.Adapter`."""

    def __init__(self, name: str, width: int, height: int) -> None:
        kind, _, backend = name.removeprefix("boxmot-").partition("-")
        backend = backend or "python"
        options = tuple(sorted(COMPENSATION_OFF.get(kind, {}).items()))
        self._tracker = create_tracker(TrackerSpec(name=kind, backend=backend, options=options))
        if backend == "python":
            self._tracker.cmc = None  # two of them have no option for it
        self._embeddings = kind not in MOTION_ONLY
        # The Python ones with appearance ask for a picture; with embeddings given they do not look at it.
        self._picture = (
            np.zeros((height, width, 3), np.uint8) if self._embeddings and backend == "python" else None
        )

    def prepare(self, frame: Frame) -> Any:
        """As BoxMOT's detections, which hold tensors."""
        embeddings = {"embeddings": torch.from_numpy(frame.embeddings)} if self._embeddings else {}
        return Detections(
            geometry=Boxes(torch.from_numpy(frame.boxes)),
            scores=torch.from_numpy(frame.scores),
            class_ids=torch.zeros(len(frame.scores), dtype=torch.int64),
            sample_id=str(frame.number + 1),
            **embeddings,
        )

    def update(self, prepared: Any) -> Any:
        """One frame."""
        return self._tracker.update(prepared, self._picture)

    def read(self, returned: Any) -> tuple[Any, Any]:
        """All that it returns."""
        return returned.track_ids.numpy(), returned.geometry.values.numpy()[:, :4]


if __name__ == "__main__":
    main(Peer)
