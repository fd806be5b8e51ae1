"""Whether this machine can render, and a scene that it renders in seconds."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from benchmarks.rendered import find_scene
from world.site import Scene


@cache
def why_not() -> str:
    """What keeps this machine from rendering; empty if nothing does."""
    settings: Any = {"backend": "egl"}
    try:
        import moderngl

        moderngl.create_context(standalone=True, **settings).release()
    except Exception as error:
        return f"no OpenGL without a screen, or no moderngl: {error}"
    return ""


needs_renderer = pytest.mark.skipif(bool(why_not()), reason=why_not())


def small_demo(seconds: float) -> Scene:
    """The demo's scene in small pictures."""
    scene = find_scene("demo", seconds)
    return replace(scene, cameras=tuple(replace(camera, size=(320, 180)) for camera in scene.cameras))
