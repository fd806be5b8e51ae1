"""Trackers of BoxMOT with the settings of its own yaml files, camera-motion compensation off.

The C++ back ends compile themselves at their first use (see install.sh). StrongSORT leaves out boxes of a score
below .6; it also runs with .4, the score from which trackers without any such setting get boxes here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from boxmot.structures import Boxes, Detections
from boxmot.trackers.factory import create_tracker
from boxmot.trackers.specs import TrackerSpec
from replay import Frame, main

NO_COMPENSATION = {"use_cmc": False}
TRACKERS: dict[str, tuple[str, str, dict[str, Any]]] = {  # kind, back end, settings that are not its defaults
    "boxmot-strongsort": ("strongsort", "python", {}),
    "boxmot-strongsort-0.4": ("strongsort", "python", {"min_conf": 0.4}),
    "boxmot-botsort": ("botsort", "python", NO_COMPENSATION),
    "boxmot-botsort-cpp": ("botsort", "cpp", NO_COMPENSATION),
    "boxmot-deepocsort": ("deepocsort", "python", {"cmc_off": True}),
    "boxmot-hybridsort": ("hybridsort", "python", {}),
    "boxmot-boosttrack": ("boosttrack", "python", NO_COMPENSATION),
    "boxmot-occluboost-cpp": ("occluboost", "cpp", NO_COMPENSATION),
    "boxmot-bytetrack": ("bytetrack", "python", {}),
    "boxmot-ocsort": ("ocsort", "python", {}),
}
MOTION_ONLY = ("bytetrack", "ocsort")


class Peer:
    """See `replay.Adapter`."""

    def __init__(self, name: str, width: int, height: int) -> None:
        kind, backend, options = TRACKERS[name]
        self._tracker = create_tracker(TrackerSpec(name=kind, backend=backend, options=tuple(options.items())))
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
