"""A preview window for each camera."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from pipeline.drawing import Trails, draw
from pipeline.errors import OutputError
from pipeline.frames import FrameResult
from pipeline.sinks.base import SinkSite

_QUIT_KEYS = {ord("q"), 27}  # 27 is Esc


class WindowSettings(BaseModel, frozen=True, extra="forbid"):
    """A preview window a camera; q or Esc ends the run. The same as `--show`."""

    type: Literal["window"] = "window"
    trail: float = Field(2.0, ge=0, description="Length of the trail behind each person, in seconds.")

    def build(self, site: SinkSite) -> WindowSink:
        """A sink that shows frames.

        Raises:
            OutputError: when there is no display.
        """
        return WindowSink(self, site)


class WindowSink:
    """Shows the annotated frames on this machine's screen."""

    def __init__(self, settings: WindowSettings, site: SinkSite) -> None:
        import cv2

        self._stop = site.stop
        self._trails = {camera.name: Trails(settings.trail) for camera in site.cameras}
        try:
            for camera in site.cameras:
                cv2.namedWindow(camera.name, cv2.WINDOW_NORMAL)
                cv2.resizeWindow(camera.name, camera.width, camera.height)
        except cv2.error as error:
            raise OutputError(
                "no window can be opened: there is no display, or OpenCV was built without one; leave out --show"
            ) from error

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
