"""A small site that renders in seconds, and what needs OpenGL to be tested."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from world.blocks import corner_camera, ground, pillar, room
from world.camera import Look
from world.errors import OpenGLError
from world.site import Light, Scene, Site

WEST, EAST = (0.0, 0.0, 8.0, 7.0), (8.0, 0.0, 16.0, 7.0)
SIZE = (320, 180)


def two_rooms() -> Scene:
    """Two rooms with a door between, a camera on each side of it that does not see it; four people, 4 s."""
    site = Site(
        floors=(ground("tiles", (-4.0, -4.0, 20.0, 11.0), (0.4, 0.4, 0.4)),),
        solids=(
            *room(WEST, {"west": [(2.5, 4.5)], "east": [(2.5, 4.5)]}, height=4.0),
            *room(EAST, {"east": [(2.5, 4.5)]}, height=4.0, sides=("south", "north", "east")),
            *pillar((12.0, 5.4), height=4.0),
        ),
        places={
            "out": (-2.0, 3.5),
            "left": (4.0, 3.5),
            "door": (8.0, 3.5),
            "right": (12.0, 3.5),
            "end": (18.0, 3.5),
        },
        ways=(("out", "left", 1.8), ("left", "door", 1.8), ("door", "right", 1.8), ("right", "end", 1.8)),
        entries=("out", "end"),
        lights=(Light(),),
    )
    cameras = (
        corner_camera("west", WEST, "se", size=SIZE, fps=10.0, look=Look(warmth=0.3)),
        corner_camera("east", EAST, "sw", size=SIZE, fps=12.5, distortion=-0.06),
    )
    return Scene("rooms", "Two rooms.", site, cameras, seconds=4.0, people=4, lookalikes=1, pairs=0.0)


@cache
def _why_not() -> str | None:
    """Why nothing can be rendered here, or None."""
    try:
        from world.renderer import Renderer
    except ModuleNotFoundError as error:
        return f"{error.name} is not installed: requirements-world.txt"
    from world.cast import draw_cast

    cast = draw_cast(1, 0)
    try:
        Renderer(two_rooms().site, cast.figures, cast.outfits).close()
    except OpenGLError as error:
        return str(error)
    return None


@pytest.fixture(scope="session")
def opengl() -> None:
    """Skips where there is no OpenGL without a screen."""
    reason = _why_not()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def rooms() -> Scene:
    return two_rooms()


@pytest.fixture(scope="session")
def bent_rooms(rooms) -> Scene:
    """The same through lenses that bend, one inwards and one outwards."""
    cameras = [replace(camera, distortion=k) for camera, k in zip(rooms.cameras, (-0.1, 0.08), strict=True)]
    bent: Scene = replace(rooms, cameras=tuple(cameras))
    return bent
