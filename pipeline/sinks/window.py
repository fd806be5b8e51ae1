"""A preview window for each camera."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from typing import Literal

from pydantic import BaseModel, Field

from pipeline.drawing import Trails, draw
from pipeline.errors import OutputError
from pipeline.frames import FrameResult
from pipeline.sinks.base import SinkSite

_QUIT_KEYS = {ord("q"), 27}  # 27 is Esc
_PROBE = "import cv2; cv2.namedWindow('Handoff'); cv2.destroyAllWindows()"
_PROBE_TIMEOUT = 30.0  # seconds


class WindowSettings(BaseModel, frozen=True, extra="forbid"):
    """A preview window a camera; q or Esc ends the run. The same as `--show`."""

    type: Literal["window"] = "window"
    trail: float = Field(2.0, ge=0, description="Length of the trail behind each person, in seconds.")

    def build(self, site: SinkSite) -> WindowSink:
        """A sink that shows frames; raises like `require_display`."""
        require_display()
        return WindowSink(self, site)


class WindowSink:
    """Shows the annotated frames on this machine's screen."""

    def __init__(self, settings: WindowSettings, site: SinkSite) -> None:
        import cv2

        self._stop = site.stop
        self._trails = {camera.name: Trails(settings.trail) for camera in site.cameras}
        for camera in site.cameras:
            cv2.namedWindow(camera.name, cv2.WINDOW_NORMAL)
            cv2.resizeWindow(camera.name, camera.width, camera.height)

    def write(self, result: FrameResult) -> None:
        """Show the frame and look for a key press."""
        import cv2

        if result.frame is None:
            return
        trails = self._trails[result.camera].update(result)
        cv2.imshow(result.camera, draw(result.frame.image, result, trails))
        if cv2.waitKey(1) & 0xFF in _QUIT_KEYS:
            self._stop.set()

    def close(self) -> None:
        """Close the windows."""
        import cv2

        cv2.destroyAllWindows()


@cache
def require_display() -> None:
    """Make sure that a window can be opened. Tried in another process: without a display, OpenCV ends its own.

    Raises:
        OutputError: when there is no display.
    """
    there = sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    try:
        if there:
            command = [sys.executable, "-c", _PROBE]
            subprocess.run(command, check=True, capture_output=True, timeout=_PROBE_TIMEOUT)  # noqa: S603 - our own
            return
    except (subprocess.SubprocessError, OSError):
        pass
    raise OutputError(
        "--show: no window can be opened: there is no display, or it cannot be used; leave out --show"
    )
