"""A shopping mall: six halls along a gallery, one camera in each; the gallery itself is not watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from world.blocks import (
    Box,
    Corner,
    Side,
    bench,
    box_at,
    corner_camera,
    ground,
    panel,
    pillar,
    planter,
    room,
    shelf_row,
)
from world.camera import Camera, Look
from world.site import Colour, Floor, FloorMaterial, Scene, Site, Solid

COLUMNS = ((0.0, 13.0), (17.0, 30.0), (34.0, 47.0))
HALF = 2.6  # metres from the middle of the gallery to the halls
DEEP = 10.5  # metres
DOOR = 2.4  # metres


@dataclass(frozen=True, slots=True)
class Hall:
    """One hall: its name, place in the grid, floor, colour of its walls, and its camera."""

    name: str
    column: int
    upper: bool
    floor: tuple[FloorMaterial, Colour]
    walls: Colour
    corner: Corner
    size: tuple[int, int]
    fps: float
    look: Look

    @property
    def box(self) -> Box:
        """Its outline."""
        left, right = COLUMNS[self.column]
        return (left, HALF, right, HALF + DEEP) if self.upper else (left, -HALF - DEEP, right, -HALF)

    @property
    def east(self) -> bool:
        """Whether the camera hangs at the eastern wall."""
        return self.corner in ("se", "ne")

    def inward(self, y: float) -> float:
        """The y that lies so many metres away from the gallery."""
        return HALF + y if self.upper else -HALF - y

    def across(self, x: float) -> float:
        """The x that lies so many metres away from the camera's side wall."""
        left, right = COLUMNS[self.column]
        return right - x if self.east else left + x


HD, SD = (960, 540), (640, 360)
HALLS = (
    Hall("atrium", 0, True, ("tiles", (0.55, 0.53, 0.5)), (0.6, 0.58, 0.53), "se", HD, 15.0,
          Look(exposure=1.1, noise=1.5, blur=0.6, crf=25)),
    Hall("food", 1, True, ("tiles", (0.42, 0.36, 0.3)), (0.55, 0.42, 0.28), "sw", SD, 12.5,
          Look(exposure=0.9, warmth=0.5, noise=3.0, blur=0.7, vignette=0.2, crf=28)),
    Hall("fashion", 2, True, ("parquet", (0.46, 0.34, 0.22)), (0.64, 0.62, 0.6), "sw", SD, 10.0,
          Look(exposure=1.0, warmth=0.2, saturation=1.1, noise=2.0, crf=26)),
    Hall("entrance", 0, False, ("concrete", (0.42, 0.42, 0.41)), (0.4, 0.44, 0.46), "ne", HD, 12.5,
          Look(exposure=1.2, warmth=-0.4, contrast=0.9, noise=2.5, vignette=0.2, crf=27)),
    Hall("market", 1, False, ("tiles", (0.6, 0.6, 0.57)), (0.58, 0.6, 0.55), "ne", SD, 15.0,
          Look(exposure=1.0, warmth=-0.1, saturation=0.9, noise=3.5, blur=0.8, crf=29)),
    Hall("parking", 2, False, ("concrete", (0.3, 0.3, 0.3)), (0.4, 0.4, 0.38), "nw", SD, 10.0,
          Look(exposure=0.75, warmth=0.25, saturation=0.8, contrast=0.9, noise=5.0, vignette=0.3, crf=30)),
)  # fmt: skip


def _shell(hall: Hall) -> tuple[Solid, ...]:
    """Walls with two doors at the camera's two walls: one to the gallery, one to the side passage."""
    gate = sorted((hall.across(7.0), hall.across(7.0 + DOOR)))
    side = sorted((hall.inward(6.2), hall.inward(6.2 + DOOR)))
    towards: Side = "south" if hall.upper else "north"
    beside: Side = "east" if hall.east else "west"
    walls = room(
        hall.box, {towards: [(gate[0], gate[1])], beside: [(side[0], side[1])]},
        colour=hall.walls, height=5.0,
    )  # fmt: skip
    far: Side = "north" if hall.upper else "south"
    end: Side = "west" if hall.east else "east"
    for offset, colour in ((4.0, (0.5, 0.16, 0.1)), (8.5, (0.14, 0.24, 0.36))):
        walls += panel(far, hall.box, hall.across(offset), 2.6, 1.5, 1.7, "poster", colour)
    return walls + panel(end, hall.box, hall.inward(5.5), 3.4, 2.5, 0.15, "shopfront", (0.33, 0.36, 0.37))


def _furniture(hall: Hall) -> tuple[Solid, ...]:
    across, inward = hall.across, hall.inward
    if hall.name in ("atrium", "entrance"):
        solids = pillar((across(9.6), inward(3.0)), 0.5) + planter((across(3.2), inward(9.6)), 1.6)
        return (
            solids
            + bench((across(6.0), inward(9.7)))
            + box_at("wood", (across(11.6), inward(8.4)), (0.9, 2.4, 1.1), (0.3, 0.18, 0.1))
        )
    if hall.name == "food":
        solids = box_at("metal", (across(7.5), inward(9.8)), (5.0, 0.8, 1.15), (0.45, 0.45, 0.44))
        for x, y in ((3.8, 7.6), (11.0, 6.2), (11.2, 3.2)):
            solids += box_at("wood", (across(x), inward(y)), (0.9, 0.9, 0.75), (0.4, 0.26, 0.14))
        return solids
    if hall.name == "parking":
        solids = ()
        for x in (3.4, 6.4, 9.4):
            solids += (Solid("car", (across(x), inward(8.3)), (4.2, 1.8, 1.45), 0.0, 1.5708, _paint(x)),)
        return solids + pillar((across(11.9), inward(8.6)), 0.5)
    high = (0.5, 0.48, 0.44) if hall.name == "fashion" else (0.3, 0.34, 0.36)
    solids = shelf_row((across(2.0), inward(9.95)), (across(11.0), inward(9.95)), 2.0, colour=high)
    for y in (3.6, 6.9):
        solids += shelf_row((across(4.3), inward(y)), (across(7.0), inward(y)), 1.3, colour=(0.46, 0.4, 0.33))
    return solids


def _paint(x: float) -> Colour:
    return {3.4: (0.35, 0.34, 0.33), 6.4: (0.25, 0.03, 0.03)}.get(x, (0.04, 0.06, 0.12))


def _places(hall: Hall) -> tuple[dict[str, tuple[float, float]], tuple[tuple[str, str, float], ...], list[str]]:
    """Places, ways and stops of one hall; the same net everywhere, apart from what stands in between."""
    n, across, inward = hall.name, hall.across, hall.inward
    gate_x, side_y = 8.2, 7.4
    stop_y = {"food": 8.8, "market": 9.0, "fashion": 9.0, "parking": 5.5, "atrium": 8.9, "entrance": 8.9}[n]
    side_y2 = 5.3
    places = {
        f"{n} gate": (across(gate_x), inward(-1.3)), f"{n} in": (across(gate_x), inward(1.3)),
        f"{n} far": (across(9.3), inward(5.0)), f"{n} middle": (across(5.6), inward(side_y2)),
        f"{n} near": (across(2.4), inward(side_y2)), f"{n} side": (across(-1.9), inward(7.4)),
        f"{n} sill": (across(1.4), inward(side_y - 0.1)),
        f"{n} stop a": (across(6.0), inward(stop_y)), f"{n} stop b": (across(8.6), inward(stop_y)),
        f"{n} window": (across(12.1), inward(5.0)), f"{n} back": (across(8.8), inward(7.4)),
    }  # fmt: skip
    ways = [
        ("gate", "in", 1.9), ("in", "far", 2.0), ("far", "middle", 2.0), ("middle", "near", 2.0),
        ("near", "sill", 1.8), ("sill", "side", 1.9), ("far", "window", 1.3),
    ]  # fmt: skip
    if n == "parking":
        places.pop(f"{n} back")
        ways += [("middle", "stop a", 1.0), ("far", "stop b", 1.0), ("near", "stop a", 1.0)]
        places[f"{n} stop a"] = (across(4.9), inward(5.7))
        places[f"{n} stop b"] = (across(7.9), inward(5.7))
    else:
        ways += [("far", "back", 1.8), ("back", "stop a", 1.0), ("back", "stop b", 1.0)]
    if n in ("atrium", "entrance"):
        ways += [("near", "stop a", 1.4), ("middle", "back", 2.2), ("in", "middle", 2.2)]
    named = tuple((f"{n} {a}", f"{n} {b}", width) for a, b, width in ways)
    return places, named, [f"{n} stop a", f"{n} stop b", f"{n} window"]


def mall_site(halls: Sequence[Hall] = HALLS) -> Site:
    """Halls above and below the gallery, which runs along y = 0."""
    solids: tuple[Solid, ...] = ()
    floors: tuple[Floor, ...] = (ground("concrete", (-8.0, -HALF, 55.0, HALF), (0.45, 0.44, 0.42)),)
    places: dict[str, tuple[float, float]] = {"west end": (-6.0, 0.0), "east end": (53.0, 0.0)}
    ways: tuple[tuple[str, str, float], ...] = ()
    stops: list[str] = []
    for hall in halls:
        solids += _shell(hall) + _furniture(hall)
        floors += (ground(hall.floor[0], hall.box, hall.floor[1]),)
        more, joined, pauses = _places(hall)
        places |= more
        ways += joined
        stops += pauses
    ways += _gallery(halls, places)
    for upper in (True, False):
        sign = 1 if upper else -1
        for index, (left, right) in enumerate(((13.0, 17.0), (30.0, 34.0))):
            name = f"passage {'north' if upper else 'south'} {index}"
            low, high = sorted((sign * HALF, sign * (HALF + DEEP + 6)))
            floors += (ground("concrete", (left, low, right, high), (0.4, 0.4, 0.38)),)
            places[name] = ((left + right) / 2, sign * (HALF + 7.4))
            places[f"{name} exit"] = ((left + right) / 2, sign * (HALF + DEEP + 5))
            places[f"{name} gallery"] = ((left + right) / 2, sign * 0.5)
            ways += ((name, f"{name} exit", 2.6), (name, f"{name} gallery", 2.6))
    ways += _sides(halls)
    ways += _along(places)
    entries = tuple(name for name in places if name.endswith(("exit", "end")))
    return Site(floors, solids, places, ways, entries, tuple(stops))


def _gallery(halls: Sequence[Hall], places: dict[str, tuple[float, float]]) -> tuple[tuple[str, str, float], ...]:
    """Ways from the gates to the gallery's own line, which is made of the gates' feet."""
    ways: tuple[tuple[str, str, float], ...] = ()
    for hall in halls:
        foot = f"{hall.name} foot"
        places[foot] = (hall.across(8.2), 0.4 if hall.upper else -0.4)
        ways += ((f"{hall.name} gate", foot, 1.9),)
    return ways


def _sides(halls: Sequence[Hall]) -> tuple[tuple[str, str, float], ...]:
    """Ways from the halls' side doors into the passages."""
    passages = {0: 0, 2: 1}
    ways: tuple[tuple[str, str, float], ...] = ()
    for hall in halls:
        index = passages.get(hall.column, 1 if hall.east else 0)
        ways += ((f"{hall.name} side", f"passage {'north' if hall.upper else 'south'} {index}", 1.8),)
    return ways


def _along(places: dict[str, tuple[float, float]]) -> tuple[tuple[str, str, float], ...]:
    """Ways along the gallery, from west to east."""
    line = sorted((name for name in places if name.endswith(("foot", "gallery", "end"))), key=lambda n: places[n])
    return tuple((one, other, 2.4) for one, other in pairwise(line))


def camera_of(hall: Hall) -> Camera:
    """In the hall's corner."""
    wide = 68.0 if hall.size == HD else 64.0
    return corner_camera(
        hall.name, hall.box, hall.corner, height=3.3, down=24.0, field_of_view=wide, size=hall.size, fps=hall.fps,
        distortion=-0.04, look=hall.look,
    )  # fmt: skip


MALL = Scene(
    name="mall",
    summary="Six halls of a shopping mall and a crowd of forty.",
    site=mall_site(),
    cameras=tuple(camera_of(hall) for hall in HALLS),
    seconds=60.0,
    people=40,
    lookalikes=3,
    uniforms=0.05,
    pairs=0.25,
)
