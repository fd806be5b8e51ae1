"""Where results go.

To add a sink: write one file with a settings class and a sink, and add the settings class to `SinkSettings`.
"""

from typing import Annotated

from pydantic import Field

from pipeline.sinks.base import Sink, SinkSite
from pipeline.sinks.identities import IdentitiesSettings
from pipeline.sinks.mot import MotSettings
from pipeline.sinks.recording import RecordingSettings
from pipeline.sinks.store import StoreSettings
from pipeline.sinks.video import VideoSettings
from pipeline.sinks.window import WindowSettings

SinkSettings = Annotated[
    VideoSettings | IdentitiesSettings | MotSettings | StoreSettings | RecordingSettings | WindowSettings,
    Field(discriminator="type"),
]

__all__ = ["Sink", "SinkSettings", "SinkSite"]
