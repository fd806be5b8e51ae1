"""A hall and a shop in one building, joined by a corridor behind and by the street in front."""

from __future__ import annotations

from world.blocks import (
    bench,
    box_at,
    corner_camera,
    ground,
    panel,
    parked_car,
    pierced_wall,
    pillar,
    room,
    shelf_row,
)
from world.camera import Camera, Look
from world.site import Light, Scene, Site, Solid

HALL = (0.0, 0.1, 13.0, 10.0)
SHOP = (20.0, 0.1, 32.0, 10.0)
SHELF = (0.42, 0.3, 0.2)


def _building() -> tuple[Solid, ...]:
    brick, dark = (0.36, 0.2, 0.15), (0.11, 0.13, 0.14)
    doors = [(4.0, 6.0), (28.6, 30.9)]
    front = pierced_wall((-0.2, -0.16), (32.3, -0.16), doors, 7.0, material="brick", colour=brick)
    windows = [(13.6, 2.6), (17.6, 3.2), (22.6, 3.6), (10.2, 2.6)]
    for along, width in windows:
        front += (Solid("shopfront", (along, -0.3), (width, 0.1, 2.3), 0.35, 0.0, (0.3, 0.36, 0.38)),)
    front += (Solid("door", (15.5, -0.3), (1.0, 0.1, 2.15), 0.0, 0.0, (0.07, 0.16, 0.13)),)
    front += (Solid("poster", (20.0, -0.29), (0.9, 0.08, 1.3), 0.8, 0.0, (0.6, 0.5, 0.15)),)
    across = pierced_wall((-14.0, -11.1), (50.0, -11.1), [], 8.0, material="facade", colour=(0.5, 0.46, 0.38))
    west = room((-9.0, 0.0, -5.4, 12.0), {}, height=7.0, material="facade", colour=(0.5, 0.42, 0.3))
    east = room((40.0, 0.0, 46.0, 12.0), {}, height=7.0, material="facade", colour=(0.42, 0.42, 0.4))
    back = room(
        (13.2, 5.4, 19.8, 8.1),
        {"north": [(15.5, 17.6)]},
        height=3.2,
        colour=(0.5, 0.5, 0.47),
        sides=("south", "north"),
    )
    stair = room((15.4, 8.2, 17.7, 15.0), {}, height=3.2, colour=dark, sides=("west", "east", "north"))
    return front + across + west + east + back + stair


def _hall() -> tuple[Solid, ...]:
    walls = room(
        HALL,
        {"south": [(4.0, 6.0)], "east": [(5.6, 7.9)]},
        colour=(0.62, 0.59, 0.52),
        special={"north": ("wood", (0.34, 0.2, 0.11)), "west": ("plaster", (0.36, 0.45, 0.47))},
    )
    desk = box_at("wood", (2.4, 7.9), (2.8, 0.8, 1.1), (0.3, 0.17, 0.09))
    back = panel("north", HALL, 2.4, 2.6, 1.4, 1.3, "poster", (0.2, 0.3, 0.42))
    doors = panel("north", HALL, 5.3, 1.1, 2.2, 0.0, "metal", (0.46, 0.47, 0.48))
    doors += panel("north", HALL, 6.7, 1.1, 2.2, 0.0, "metal", (0.46, 0.47, 0.48))
    board = panel("north", HALL, 9.2, 1.6, 1.1, 1.0, "poster", (0.65, 0.62, 0.5))
    art = panel("west", HALL, 4.2, 1.8, 1.2, 1.3, "poster", (0.55, 0.25, 0.12))
    seats = bench((0.75, 4.2), 1.5708) + pillar((8.2, 6.9), 0.45, colour=(0.6, 0.58, 0.54))
    return walls + desk + back + doors + board + art + seats


def _shop() -> tuple[Solid, ...]:
    walls = room(SHOP, {"south": [(28.6, 30.9)], "west": [(5.6, 7.9)]}, colour=(0.66, 0.64, 0.58))
    back = shelf_row((22.6, 9.5), (31.2, 9.5), 2.2, colour=SHELF)
    side = shelf_row((31.45, 3.2), (31.45, 8.8), 2.0, colour=(0.45, 0.45, 0.46))
    rows = shelf_row((23.6, 3.3), (27.8, 3.3), 1.05, colour=(0.48, 0.46, 0.42))
    rows += shelf_row((23.6, 6.3), (27.8, 6.3), 1.1, colour=SHELF)
    signs = panel("north", SHOP, 25.0, 4.0, 0.8, 2.9, "poster", (0.5, 0.1, 0.08))
    signs += panel("east", SHOP, 6.0, 3.6, 0.8, 2.7, "poster", (0.1, 0.28, 0.16))
    return walls + back + side + rows + signs


def street_site(lights: tuple[Light, ...] = (Light(),)) -> Site:
    """The floor plan; the street runs along x, south of the building."""
    outside = parked_car((11.4, -4.6), 0.0, (0.3, 0.05, 0.05)) + parked_car((24.0, -4.65), 0.02, (0.09, 0.13, 0.2))
    outside += bench((20.6, -3.2), 0.0)
    floors = (
        ground("tiles", (0.0, 0.0, 13.1, 10.1), (0.5, 0.48, 0.44)),
        ground("concrete", (13.1, 0.0, 19.9, 15.0), (0.38, 0.38, 0.37)),
        ground("parquet", (19.9, 0.0, 32.1, 10.1), (0.4, 0.29, 0.18)),
        ground("paving", (-14.0, -3.6, 50.0, 0.0), (0.4, 0.39, 0.37)),
        ground("asphalt", (-14.0, -8.6, 50.0, -3.6), (0.12, 0.12, 0.13)),
        ground("paving", (-14.0, -11.2, 50.0, -8.6), (0.37, 0.36, 0.35)),
        ground("paving", (-14.0, 0.0, 0.0, 14.0), (0.4, 0.39, 0.37)),
        ground("paving", (32.1, 0.0, 50.0, 14.0), (0.4, 0.39, 0.37)),
    )
    return Site(
        floors, _building() + _hall() + _shop() + outside, PLACES, WAYS, ENTRIES, tuple(STOP_NAMES), lights
    )


PLACES: dict[str, tuple[float, float]] = {
    "west street": (-3.2, 5.0), "west corner": (-2.8, -1.8), "hall out": (5.0, -1.8), "hall in": (5.0, 1.4),
    "hall": (5.2, 4.6), "hall north": (6.0, 7.6), "hall east": (10.6, 6.6), "hall south": (9.3, 3.2),
    "desk": (2.6, 6.7), "hall bench": (1.7, 4.2), "lifts": (5.9, 9.1), "board": (9.3, 9.1),
    "corridor": (16.5, 6.75), "stairs": (16.5, 13.6),
    "shop west": (21.7, 6.7), "shop north-west": (21.7, 7.9), "shop middle-west": (21.9, 4.8),
    "shop north-east": (29.6, 7.8), "shop middle-east": (29.6, 4.8), "shop in": (29.75, 1.4),
    "shop south-west": (22.0, 1.9), "top shelf": (24.4, 8.5), "wine": (27.2, 8.5), "bread": (25.0, 5.3),
    "fruit": (26.4, 4.3), "side shelf": (30.5, 6.0), "shop out": (29.75, -1.8),
    "window": (13.6, -1.1), "street": (17.0, -1.9), "second window": (22.4, -1.1), "street bench": (20.6, -2.5),
    "crossing north": (16.6, -2.2), "crossing south": (19.6, -9.7), "far west": (4.0, -9.8),
    "far east": (36.0, -9.8),
    "second crossing": (25.0, -9.7), "east corner": (36.0, -1.8), "east street": (36.5, 6.0),
}  # fmt: skip
WAYS: tuple[tuple[str, str, float], ...] = (
    ("west street", "west corner", 3.0), ("west corner", "hall out", 2.6), ("hall out", "hall in", 1.9),
    ("hall in", "hall", 2.6), ("hall in", "hall south", 2.2), ("hall south", "hall east", 2.4),
    ("hall", "hall east", 2.4), ("hall", "hall south", 2.4), ("hall", "hall north", 2.4), ("hall", "desk", 1.6),
    ("hall", "hall bench", 1.4), ("hall north", "lifts", 1.2), ("hall north", "desk", 1.4),
    ("hall east", "board", 1.4), ("hall north", "board", 1.2), ("hall east", "corridor", 2.0),
    ("corridor", "stairs", 1.7), ("corridor", "shop west", 2.0), ("shop west", "shop north-west", 2.4),
    ("shop west", "shop middle-west", 2.2), ("shop middle-west", "shop south-west", 2.0),
    ("shop north-west", "shop north-east", 2.0), ("shop middle-west", "shop middle-east", 1.9),
    ("shop south-west", "shop in", 2.0), ("shop north-east", "shop middle-east", 2.2),
    ("shop middle-east", "shop in", 2.2), ("shop north-west", "top shelf", 1.2), ("top shelf", "wine", 1.1),
    ("wine", "shop north-east", 1.2), ("shop middle-west", "bread", 1.1), ("bread", "shop middle-east", 1.1),
    ("shop middle-west", "fruit", 1.1), ("fruit", "shop middle-east", 1.1),
    ("shop middle-east", "side shelf", 1.1),
    ("side shelf", "shop north-east", 1.1), ("shop in", "shop out", 2.0), ("hall out", "street", 2.4),
    ("street", "shop out", 2.4), ("hall out", "window", 1.4), ("window", "street", 1.4),
    ("street", "second window", 1.4), ("second window", "shop out", 1.4), ("street", "street bench", 1.0),
    ("street bench", "shop out", 1.0), ("street", "crossing north", 1.8),
    ("crossing north", "crossing south", 2.4),
    ("hall out", "crossing north", 1.8), ("crossing south", "far west", 2.0),
    ("crossing south", "second crossing", 2.0),
    ("second crossing", "far east", 2.0), ("shop out", "east corner", 2.6), ("east corner", "east street", 3.0),
)  # fmt: skip
ENTRIES = ("west street", "stairs", "far west", "far east", "east street")
STOP_NAMES = (
    "desk", "hall bench", "lifts", "board", "top shelf", "wine", "bread", "fruit", "side shelf", "window",
    "second window", "street bench",
)  # fmt: skip


def street_cameras(rates: tuple[float, float, float] = (12.5, 12.5, 12.5)) -> tuple[Camera, Camera, Camera]:
    """Hall, shop and street."""
    hall = corner_camera(
        "hall", HALL, "se", height=3.2, down=25.0, field_of_view=66.0, fps=rates[0], distortion=-0.05,
        look=Look(exposure=1.05, warmth=0.15, noise=1.5, blur=0.5, vignette=0.15, crf=25),
    )  # fmt: skip
    shop = corner_camera(
        "shop", SHOP, "sw", height=3.1, down=25.0, field_of_view=67.0, fps=rates[1], distortion=-0.03,
        look=Look(exposure=1.05, warmth=0.4, saturation=1.1, noise=3.0, blur=0.7, vignette=0.2, crf=27),
    )  # fmt: skip
    street = Camera(
        "street", (16.5, -10.4, 4.0), (17.7, -3.2, 1.0), 62.0, fps=rates[2],
        look=Look(exposure=1.1, warmth=-0.3, saturation=0.85, contrast=0.92, noise=2.5, blur=0.6, crf=27),
    )  # fmt: skip
    return hall, shop, street


DEMO = Scene(
    name="demo",
    summary="A hall, a shop and the street in front, twelve people, two of them dressed alike.",
    site=street_site(),
    cameras=street_cameras(),
    seconds=40.0,
    people=12,
    lookalikes=1,
)

LOWFPS = Scene(
    name="lowfps",
    summary="The hall, the shop and the street at five, three and two frames a second.",
    site=street_site(),
    cameras=street_cameras((5.0, 3.0, 2.0)),
    seconds=60.0,
    people=16,
    lookalikes=1,
)
