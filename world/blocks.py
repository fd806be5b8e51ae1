"""Building blocks of sites: walls with openings, rooms, shelves, parked cars, trees, and where cameras hang."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from world.camera import Camera, Look
from world.site import Colour, Floor, FloorMaterial, Solid, SolidMaterial

Spot = tuple[float, float]
Box = tuple[float, float, float, float]  # left, lower, right, upper in metres
Side = Literal["south", "north", "west", "east"]
Corner = Literal["sw", "se", "nw", "ne"]
Openings = dict[Side, Sequence[tuple[float, float]]]  # from, to: along x or y, site metres

DOOR_HEIGHT = 2.4
PLASTER: Colour = (0.62, 0.6, 0.55)


def wall(
    a: Spot,
    b: Spot,
    height: float = 5.0,
    *,
    material: SolidMaterial = "plaster",
    colour: Colour = PLASTER,
    thick: float = 0.2,
    base: float = 0.0,
) -> tuple[Solid, ...]:
    """A straight wall from a to b, from `base` up to `height` above the floor."""
    run = np.subtract(b, a)
    centre = (a[0] + float(run[0]) / 2, a[1] + float(run[1]) / 2)
    turn = float(np.arctan2(run[1], run[0]))
    size = (float(np.hypot(*run)), thick, height - base)
    return (Solid(material, centre, size, base, turn, colour),)


def pierced_wall(
    a: Spot,
    b: Spot,
    openings: Sequence[tuple[float, float]],
    height: float = 5.0,
    *,
    material: SolidMaterial = "plaster",
    colour: Colour = PLASTER,
) -> tuple[Solid, ...]:
    """A wall with doorways: pairs of metres from a. Above a doorway the wall goes on."""
    run = np.subtract(b, a)
    length = float(np.hypot(*run))

    def part(start: float, end: float, base: float) -> tuple[Solid, ...]:
        first, last = (tuple(np.add(a, run * along / length).tolist()) for along in (start, end))
        return wall(first, last, height, material=material, colour=colour, base=base)

    solids: tuple[Solid, ...] = ()
    done = 0.0
    for start, end in sorted(openings):
        solids += part(done, start, 0.0) + part(start, end, DOOR_HEIGHT)
        done = end
    return solids + part(done, length, 0.0)


def room(
    box: Box,
    openings: Openings,
    *,
    height: float = 5.0,
    material: SolidMaterial = "plaster",
    colour: Colour = PLASTER,
    sides: Sequence[Side] = ("south", "north", "west", "east"),
    special: dict[Side, tuple[SolidMaterial, Colour]] | None = None,
) -> tuple[Solid, ...]:
    """Walls around a box, with doorways; `special` gives single walls another material and colour."""
    left, lower, right, upper = box
    ends: dict[Side, tuple[Spot, Spot]] = {
        "south": ((left, lower), (right, lower)),
        "north": ((left, upper), (right, upper)),
        "west": ((left, lower), (left, upper)),
        "east": ((right, lower), (right, upper)),
    }
    solids: tuple[Solid, ...] = ()
    for side in sides:
        a, b = ends[side]
        start = a[0] if side in ("south", "north") else a[1]
        gaps = [(low - start, high - start) for low, high in openings.get(side, ())]
        stuff, paint = (special or {}).get(side, (material, colour))
        solids += pierced_wall(a, b, gaps, height, material=stuff, colour=paint)
    return solids


def panel(
    side: Side,
    box: Box,
    along: float,
    width: float,
    height: float,
    base: float,
    material: SolidMaterial,
    colour: Colour,
) -> tuple[Solid, ...]:
    """Something flat on the inner face of a room's wall: a poster, a shut door, a shop window.

    Args:
        side: of the room.
        box: of the room.
        along: x or y of its middle, site metres.
        width: in metres.
        height: in metres.
        base: of its lower edge.
        material: of its surface.
        colour: of its surface.
    """
    left, lower, right, upper = box
    deep = 0.08
    middle = {
        "south": (along, lower + 0.1 + deep / 2),
        "north": (along, upper - 0.1 - deep / 2),
        "west": (left + 0.1 + deep / 2, along),
        "east": (right - 0.1 - deep / 2, along),
    }[side]
    size = (width, deep, height) if side in ("south", "north") else (deep, width, height)
    return (Solid(material, middle, size, base, 0.0, colour),)


def shelf_row(
    a: Spot, b: Spot, height: float = 1.4, *, deep: float = 0.7, colour: Colour = (0.5, 0.46, 0.4)
) -> tuple[Solid, ...]:
    """Shelves from a to b, in pieces of at most two metres."""
    run = np.subtract(b, a)
    count = max(1, int(np.ceil(float(np.hypot(*run)) / 2.0)))
    solids: tuple[Solid, ...] = ()
    for index in range(count):
        first, last = np.add(a, run * index / count), np.add(a, run * (index + 1) / count)
        shade = (1.0, 0.86, 1.1)[index % 3]
        paint = (colour[0] * shade, colour[1] * shade, colour[2] * shade)
        ends = (float(first[0]), float(first[1])), (float(last[0]), float(last[1]))
        solids += wall(*ends, height, material="shelf", colour=paint, thick=deep)
    return solids


def box_at(
    material: SolidMaterial, centre: Spot, size: tuple[float, float, float], colour: Colour
) -> tuple[Solid, ...]:
    """A box on the floor: a counter, a table, a bench, a planter."""
    return (Solid(material, centre, size, 0.0, 0.0, colour),)


def parked_car(centre: Spot, turn: float = 0.0, colour: Colour = (0.12, 0.14, 0.2)) -> tuple[Solid, ...]:
    """A car, 4.4 m long along its own x."""
    return (Solid("car", centre, (4.4, 1.8, 1.45), 0.0, turn, colour),)


def pillar(
    centre: Spot, wide: float = 0.5, height: float = 5.0, colour: Colour = (0.5, 0.5, 0.48)
) -> tuple[Solid, ...]:
    """A square pillar."""
    return (Solid("concrete", centre, (wide, wide, height), 0.0, 0.0, colour),)


def bench(centre: Spot, turn: float = 0.0, colour: Colour = (0.3, 0.18, 0.09)) -> tuple[Solid, ...]:
    """A wooden bench without a back, 1.8 m long along its own x."""
    return (Solid("wood", centre, (1.8, 0.5, 0.45), 0.0, turn, colour),)


def tree(centre: Spot, height: float = 5.5) -> tuple[Solid, ...]:
    """A trunk and a crown above people's heads."""
    trunk = Solid("wood", centre, (0.28, 0.28, height - 2.2), 0.0, 0.0, (0.14, 0.09, 0.06))
    return (trunk, Solid("leaves", centre, (2.4, 2.4, 2.4), height - 2.4, 0.4, (0.1, 0.17, 0.05)))


def planter(centre: Spot, length: float = 1.2) -> tuple[Solid, ...]:
    """A tub with a hedge."""
    tub = Solid("concrete", centre, (length, 0.6, 0.5), 0.0, 0.0, (0.42, 0.41, 0.4))
    return (tub, Solid("leaves", centre, (length - 0.1, 0.5, 0.6), 0.5, 0.0, (0.1, 0.19, 0.06)))


def lamp_post(centre: Spot, height: float = 4.5) -> tuple[Solid, ...]:
    """A pole with a lamp."""
    pole = Solid("metal", centre, (0.12, 0.12, height), 0.0, 0.0, (0.12, 0.13, 0.13))
    return (pole, Solid("lamp", centre, (0.4, 0.4, 0.25), height, 0.0, (0.95, 0.88, 0.7)))


def ground(material: FloorMaterial, box: Box, colour: Colour) -> Floor:
    """A floor."""
    return Floor(material, box, colour)


def corner_camera(
    name: str,
    box: Box,
    corner: Corner,
    *,
    height: float = 3.1,
    down: float = 20.0,
    swing: float = 0.0,
    inset: float = 0.4,
    field_of_view: float = 72.0,
    size: tuple[int, int] = (640, 360),
    fps: float = 12.5,
    clock: float = 0.0,
    distortion: float = 0.0,
    look: Look | None = None,
) -> Camera:
    """A camera in a corner of a room that looks along the corner's bisector.

    Args:
        name: of the camera.
        box: the room.
        corner: where it hangs.
        height: of the lens in metres.
        down: degrees by which it looks below the horizon.
        swing: degrees by which it is turned to the left of the bisector.
        inset: metres from both walls.
        field_of_view: horizontal, degrees.
        size: of the picture in pixels.
        fps: frames a second.
        clock: seconds by which its clock is ahead.
        distortion: of the lens.
        look: of its pictures.
    """
    left, lower, right, upper = box
    x = left + inset if corner in ("sw", "nw") else right - inset
    y = lower + inset if corner in ("sw", "se") else upper - inset
    bearing = np.radians({"sw": 45.0, "se": 135.0, "nw": -45.0, "ne": -135.0}[corner] + swing)
    away = 6.0
    target = (
        round(x + away * float(np.cos(bearing)), 3),
        round(y + away * float(np.sin(bearing)), 3),
        round(height - away * float(np.tan(np.radians(down))), 3),
    )
    place = (x, y, height)
    return Camera(name, place, target, field_of_view, size, fps, clock, distortion, look or Look())
