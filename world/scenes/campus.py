"""A campus with four courts between tall facades, from a sunny evening into the night, with long paths between."""

from __future__ import annotations

from world.blocks import (
    Box,
    Corner,
    Side,
    bench,
    corner_camera,
    ground,
    lamp_post,
    panel,
    parked_car,
    planter,
    room,
    tree,
)
from world.camera import Camera, Look
from world.site import Colour, Floor, Light, Scene, Site, Solid

Place = tuple[float, float]
GATE = (0.0, 0.0, 14.0, 13.0)
LIBRARY = (0.0, 26.0, 14.0, 39.0)
CANTEEN = (32.0, 26.0, 46.0, 39.0)
CARS = (32.0, 0.0, 46.0, 13.0)
# Each court has facades at the two sides away from the camera's corner and is open at the other two.
COURTS: tuple[tuple[str, Box, Corner, Colour, Colour], ...] = (
    ("gate", GATE, "ne", (0.42, 0.22, 0.16), (0.4, 0.39, 0.37)),
    ("library", LIBRARY, "se", (0.5, 0.47, 0.4), (0.44, 0.42, 0.38)),
    ("canteen", CANTEEN, "sw", (0.36, 0.4, 0.42), (0.38, 0.38, 0.38)),
    ("car park", CARS, "nw", (0.5, 0.44, 0.36), (0.13, 0.13, 0.14)),
)
LOOKS = {
    "gate": Look(exposure=1.05, warmth=0.1, noise=2.0, crf=26),
    "library": Look(exposure=1.15, warmth=-0.2, saturation=0.9, noise=3.0, blur=0.7, crf=27),
    "canteen": Look(exposure=0.95, warmth=0.3, noise=2.5, vignette=0.2, crf=28),
    "car park": Look(exposure=1.2, warmth=-0.3, contrast=0.9, noise=4.0, blur=0.8, vignette=0.25, crf=29),
}


def _far_sides(corner: Corner) -> tuple[Side, Side]:
    return ("south" if corner[0] == "n" else "north"), ("west" if corner[1] == "e" else "east")


def _court(name: str, box: Box, corner: Corner, walls: Colour) -> tuple[Solid, ...]:
    """Two facades with windows and doors, closed further around so that no gap shows at their ends."""
    sides = _far_sides(corner)
    material = "brick" if name == "gate" else "facade"
    solids = room(
        box, {}, height=9.0, material="facade" if material == "facade" else "brick", colour=walls, sides=sides
    )
    left, lower, right, upper = box
    solids += panel(sides[0], box, (left + right) / 2 - 1.0, 1.8, 2.3, 0.0, "door", (0.1, 0.12, 0.13))
    solids += panel(sides[0], box, (left + right) / 2 + 3.0, 3.0, 1.6, 0.9, "glass", (0.2, 0.25, 0.28))
    solids += panel(sides[1], box, (lower + upper) / 2, 3.4, 1.6, 0.9, "glass", (0.2, 0.25, 0.28))
    return solids


def _spot(box: Box, corner: Corner, across: float, inward: float) -> Place:
    """Metres away from the camera's corner along x and y."""
    left, lower, right, upper = box
    x = right - across if corner[1] == "e" else left + across
    return x, (upper - inward if corner[0] == "n" else lower + inward)


def _things(name: str, box: Box, corner: Corner) -> tuple[Solid, ...]:
    def spot(across: float, inward: float) -> Place:
        return _spot(box, corner, across, inward)

    if name == "car park":
        paints = ((0.3, 0.3, 0.31), (0.03, 0.05, 0.1), (0.3, 0.05, 0.03))
        solids: tuple[Solid, ...] = ()
        for across, paint in zip((4.6, 7.6, 10.6), paints, strict=True):
            solids += parked_car(spot(across, 10.4), 1.5708, paint)
        return solids + lamp_post(spot(12.9, 7.6))
    solids = bench(spot(6.0, 11.6)) + lamp_post(spot(11.8, 11.4)) + planter(spot(9.2, 12.1), 1.8)
    return solids + (tree(spot(12.2, 5.0)) if name != "canteen" else planter(spot(12.9, 5.0), 1.2))


def _net(name: str, box: Box, corner: Corner) -> tuple[dict[str, Place], tuple[tuple[str, str, float], ...]]:
    def spot(across: float, inward: float) -> Place:
        return _spot(box, corner, across, inward)

    places = {
        f"{name} by x": spot(-3.0, 8.0), f"{name} by y": spot(9.0, -3.0), f"{name} middle": spot(7.4, 7.4),
        f"{name} near": spot(4.6, 5.4), f"{name} far": spot(10.4, 8.4), f"{name} seat": spot(6.0, 10.7),
        f"{name} wall": spot(12.0, 9.4), f"{name} side": spot(9.6, 4.6),
    }  # fmt: skip
    ways = [
        ("by x", "near", 2.0), ("by x", "middle", 2.4), ("by y", "side", 2.4), ("by y", "near", 2.0),
        ("near", "middle", 2.4), ("middle", "side", 2.2), ("middle", "far", 1.6), ("side", "far", 1.8),
        ("far", "wall", 1.0), ("middle", "seat", 1.4), ("near", "side", 2.0),
    ]  # fmt: skip
    if name == "car park":
        places[f"{name} seat"], places[f"{name} wall"] = spot(6.1, 7.6), spot(9.1, 7.6)
        places[f"{name} far"] = spot(10.8, 6.4)
    return places, tuple((f"{name} {a}", f"{name} {b}", width) for a, b, width in ways)


def campus_site(lights: tuple[Light, ...]) -> Site:
    """Four courts at the corners of a park."""
    solids: tuple[Solid, ...] = ()
    floors: tuple[Floor, ...] = ()
    places: dict[str, Place] = {
        "park south": (23.0, 6.0), "park north": (23.0, 33.0), "park west": (6.5, 19.5), "park east": (39.5, 19.5),
        "park": (23.0, 19.5), "south end": (23.0, -8.0), "north end": (23.0, 47.0), "west end": (-9.0, 19.5),
        "east end": (55.0, 19.5),
    }  # fmt: skip
    ways: tuple[tuple[str, str, float], ...] = (
        ("park", "park south", 3.0), ("park", "park north", 3.0), ("park", "park west", 3.0),
        ("park", "park east", 3.0),
        ("park south", "south end", 3.0), ("park north", "north end", 3.0), ("park west", "west end", 3.0),
        ("park east", "east end", 3.0),
    )  # fmt: skip
    for name, box, corner, walls, paving in COURTS:
        solids += _court(name, box, corner, walls) + _things(name, box, corner)
        floors += (ground("asphalt" if name == "car park" else "paving", box, paving),)
        more, joined = _net(name, box, corner)
        places |= more
        ways += joined
        ways += ((f"{name} by x", f"park {'south' if box[1] < 10 else 'north'}", 2.4),)
        ways += ((f"{name} by y", f"park {'west' if box[0] < 10 else 'east'}", 2.4),)
    green = (0.1, 0.14, 0.05)
    strips = ((-14.0, -12.0, 60.0, 0.0), (-14.0, 13.0, 60.0, 26.0), (-14.0, 39.0, 60.0, 52.0))
    sides = [(x0, y0, x1, y1) for y0, y1 in ((0.0, 13.0), (26.0, 39.0)) for x0, x1 in ((-14.0, 0.0), (46.0, 60.0))]
    middle = [(14.0, y0, 32.0, y1) for y0, y1 in ((0.0, 13.0), (26.0, 39.0))]
    floors += tuple(ground("grass", box, green) for box in (*strips, *sides))
    floors += tuple(ground("concrete", box, (0.3, 0.3, 0.29)) for box in middle)
    stops = tuple(f"{name} {what}" for name, *_ in COURTS for what in ("seat", "wall"))
    entries = ("south end", "north end", "west end", "east end")
    return Site(floors, solids, places, ways, entries, stops, lights)


EVENING = (
    Light(0.0, (0.5, 0.35, 0.9), (1.0, 0.94, 0.82), (0.5, 0.56, 0.66), (0.3, 0.29, 0.26), 0.1),
    Light(30.0, (0.8, 0.3, 0.4), (0.75, 0.5, 0.28), (0.34, 0.37, 0.46), (0.2, 0.18, 0.16), 0.2),
    Light(50.0, (0.8, 0.3, 0.4), (0.16, 0.12, 0.1), (0.16, 0.18, 0.26), (0.09, 0.09, 0.1), 0.8),
    Light(65.0, (0.1, 0.2, 1.0), (0.16, 0.13, 0.08), (0.07, 0.075, 0.1), (0.05, 0.045, 0.04), 0.7),
    Light(90.0, (0.1, 0.2, 1.0), (0.2, 0.16, 0.1), (0.055, 0.06, 0.08), (0.045, 0.04, 0.035), 0.7),
)


def _camera(name: str, box: Box, corner: Corner) -> Camera:
    return corner_camera(
        name, box, corner, height=3.8, down=24.0, field_of_view=61.0, inset=0.3, size=(640, 360), fps=12.5,
        look=LOOKS[name],
    )  # fmt: skip


CAMPUS = Scene(
    name="campus",
    summary="Four courts of a campus from a sunny evening into the night, with long ways between.",
    site=campus_site(EVENING),
    cameras=tuple(_camera(name, box, corner) for name, box, corner, *_ in COURTS),
    seconds=90.0,
    people=24,
    lookalikes=2,
)
