"""Detectors: frames of one tick in, boxes of people out. The union below is the list of the kinds there are."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.detectors.base import Detector
from pipeline.detectors.recorded import RecordedSettings
from pipeline.detectors.yolo import YoloSettings

DetectorSettings = Annotated[YoloSettings | RecordedSettings, Field(discriminator="type")]

__all__ = ["Detector", "DetectorSettings", "RecordedSettings", "YoloSettings"]
