"""Single-camera trackers: detections in, tracks out. NumPy only; no video, no files, no torch.

To add one: write one file with a settings class and a tracker, and add the settings class to `TrackerSettings`.
"""

from typing import Annotated

from pydantic import Field

from trackers.base import Tracker
from trackers.bytetrack import ByteTrackSettings
from trackers.deepsort import DeepSortSettings
from trackers.evidence import EvidenceSettings
from trackers.tracks import Detections, Track, TrackId, TrackState

TrackerSettings = Annotated[DeepSortSettings | ByteTrackSettings | EvidenceSettings, Field(discriminator="type")]

__all__ = [
    "ByteTrackSettings",
    "DeepSortSettings",
    "Detections",
    "EvidenceSettings",
    "Track",
    "TrackId",
    "TrackState",
    "Tracker",
    "TrackerSettings",
]
