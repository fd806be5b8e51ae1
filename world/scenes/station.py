"""A railway station: ticket hall, a long passage, and a platform with a train."""

from __future__ import annotations

from world.blocks import bench, box_at, corner_camera, ground, panel, pillar, room
from world.camera import Camera, Look
from world.site import Scene, Site, Solid

TICKETS = (0.0, 0.0, 12.0, 10.0)
PASSAGE = (20.0, -4.0, 24.4, 14.0)
PLATFORM = (30.0, 0.0, 45.0, 11.0)


def _tickets() -> tuple[Solid, ...]:
    walls = room(TICKETS, {"south": [(3.0, 5.2)], "east": [(6.0, 8.4)]}, colour=(0.5, 0.46, 0.36))
    solids = box_at("wood", (3.6, 9.2), (5.0, 1.0, 1.15), (0.26, 0.14, 0.08))
    solids += panel("north", TICKETS, 3.6, 4.8, 1.1, 1.3, "glass", (0.2, 0.24, 0.25))
    solids += panel("north", TICKETS, 8.6, 3.0, 1.5, 1.9, "poster", (0.05, 0.1, 0.25))
    solids += box_at("metal", (0.55, 6.4), (0.7, 1.0, 1.8), (0.4, 0.07, 0.05))
    solids += box_at("metal", (0.55, 4.6), (0.7, 1.0, 1.8), (0.4, 0.07, 0.05))
    return walls + solids + bench((5.9, 5.2)) + pillar((8.8, 7.6), 0.5)


def _passage() -> tuple[Solid, ...]:
    walls = room(
        PASSAGE,
        {"west": [(-3.2, -1.0)], "east": [(11.0, 13.2)]},
        height=4.0,
        material="brick",
        colour=(0.5, 0.5, 0.44),
    )
    for along, colour in ((3.0, (0.5, 0.3, 0.05)), (6.4, (0.1, 0.25, 0.3)), (9.8, (0.45, 0.08, 0.1))):
        walls += panel("west", PASSAGE, along, 1.4, 1.6, 0.9, "poster", colour)
    walls += panel("east", PASSAGE, 5.0, 1.4, 1.6, 0.9, "poster", (0.2, 0.35, 0.12))
    walls += panel("north", PASSAGE, 22.2, 2.0, 1.0, 1.9, "poster", (0.05, 0.1, 0.25))
    return walls + room((24.4, 10.8, 29.0, 13.4), {}, height=4.0, sides=("north",), colour=(0.4, 0.4, 0.38))


def _platform() -> tuple[Solid, ...]:
    walls = room(
        PLATFORM,
        {"west": [(3.8, 6.2)], "north": [(39.0, 41.4)]},
        height=5.5,
        material="concrete",
        colour=(0.4, 0.4, 0.38),
    )
    train: tuple[Solid, ...] = (Solid("metal", (37.5, 1.4), (14.6, 2.4, 3.6), 0.0, 0.0, (0.1, 0.17, 0.3)),)
    for along in (33.0, 37.4, 41.8):
        train += (Solid("glass", (along, 2.63), (2.6, 0.06, 0.9), 1.5, 0.0, (0.12, 0.15, 0.17)),)
    for along in (35.2, 39.6):
        train += (Solid("door", (along, 2.63), (1.3, 0.06, 2.1), 0.25, 0.0, (0.5, 0.42, 0.08)),)
    solids = pillar((41.6, 6.4), 0.45, colour=(0.2, 0.26, 0.22)) + bench((43.9, 7.4), 1.5708)
    solids += panel("east", PLATFORM, 6.0, 3.0, 1.6, 1.6, "poster", (0.5, 0.4, 0.1))
    return walls + train + solids + box_at("metal", (36.4, 10.3), (1.6, 0.6, 1.3), (0.3, 0.31, 0.32))


PLACES: dict[str, tuple[float, float]] = {
    "street": (4.1, -6.0), "front": (4.1, -1.6), "hall in": (4.1, 1.5), "hall": (3.9, 3.8),
    "hall east": (10.2, 5.9),
    "hall gate": (10.9, 7.2), "counter a": (2.6, 8.1), "counter b": (4.8, 8.1), "machine a": (1.6, 6.4),
    "machine b": (1.6, 4.6), "hall bench": (5.9, 6.0), "hall north": (6.4, 7.0), "lobby": (16.0, 7.2),
    "north gate": (16.0, 15.0),
    "lobby south": (17.3, -2.1), "south gate": (17.3, -9.0), "passage in": (21.6, -2.0),
    "passage south": (22.2, 2.2),
    "passage": (22.2, 6.5), "passage north": (22.4, 10.6), "passage out": (23.4, 12.1), "ads west": (21.0, 6.4),
    "ads east": (23.5, 5.0), "turn": (28.0, 12.1), "ramp": (28.0, 5.0), "platform in": (31.4, 5.0),
    "platform west": (33.6, 5.2), "platform": (37.6, 5.4), "platform east": (40.2, 5.6),
    "north stairs": (40.2, 9.6),
    "stairs": (40.2, 12.4), "stairs up": (40.2, 18.0), "train a": (35.2, 3.6), "train b": (39.6, 3.6),
    "platform bench": (42.9, 7.4), "kiosk": (36.4, 9.1),
}  # fmt: skip
WAYS: tuple[tuple[str, str, float], ...] = (
    ("street", "front", 2.4), ("front", "hall in", 2.0), ("hall in", "hall", 2.4), ("hall in", "hall east", 2.2),
    ("counter b", "hall bench", 1.0), ("hall", "machine b", 1.4), ("hall", "machine a", 1.2),
    ("hall", "counter a", 1.6),
    ("hall", "counter b", 1.2), ("hall east", "hall gate", 1.6), ("hall gate", "lobby", 2.2),
    ("hall bench", "hall north", 1.2),
    ("counter b", "hall north", 1.2), ("hall north", "hall east", 1.3), ("lobby", "north gate", 3.0),
    ("lobby", "lobby south", 3.0), ("lobby south", "south gate", 3.0), ("lobby south", "passage in", 2.1),
    ("passage in", "passage south", 2.0), ("passage south", "passage", 3.2), ("passage", "passage north", 3.0),
    ("passage north", "passage out", 1.6), ("passage out", "turn", 1.9), ("passage south", "ads west", 1.4),
    ("ads west", "passage north", 1.4), ("passage south", "ads east", 1.4), ("ads east", "passage north", 1.4),
    ("turn", "ramp", 2.0), ("ramp", "platform in", 2.1), ("platform in", "platform west", 2.2),
    ("platform west", "platform", 2.8), ("platform", "platform east", 2.4), ("platform east", "north stairs", 1.9),
    ("north stairs", "stairs", 2.0), ("stairs", "stairs up", 2.4), ("platform west", "train a", 1.4),
    ("train a", "platform", 1.4), ("platform", "train b", 1.4), ("train b", "platform east", 1.2),
    ("north stairs", "platform bench", 1.2), ("platform west", "kiosk", 1.4), ("kiosk", "north stairs", 1.4),
)  # fmt: skip
ENTRIES = ("street", "north gate", "south gate", "stairs up")
STOPS = (
    "counter a", "counter b", "machine a", "machine b", "hall bench", "ads west", "ads east", "train a", "train b",
    "platform bench", "kiosk",
)  # fmt: skip


def station_site() -> Site:
    """The floor plan."""
    floors = (
        ground("tiles", TICKETS, (0.42, 0.37, 0.3)),
        ground("concrete", (-4.0, -12.0, 20.0, 0.0), (0.4, 0.4, 0.38)),
        ground("concrete", (12.0, 0.0, 20.0, 18.0), (0.4, 0.4, 0.38)),
        ground("tiles", PASSAGE, (0.3, 0.31, 0.32)),
        ground("concrete", (24.4, -4.0, 30.0, 14.0), (0.35, 0.35, 0.34)),
        ground("paving", PLATFORM, (0.42, 0.41, 0.39)),
        ground("concrete", (30.0, 11.0, 45.0, 20.0), (0.35, 0.35, 0.34)),
    )
    return Site(floors, _tickets() + _passage() + _platform(), PLACES, WAYS, ENTRIES, STOPS)


def _cameras() -> tuple[Camera, Camera, Camera]:
    tickets = corner_camera(
        "tickets", TICKETS, "se", height=3.2, down=24.0, field_of_view=66.0, clock=0.4,
        look=Look(exposure=0.95, warmth=0.35, noise=2.5, vignette=0.2, crf=27),
    )  # fmt: skip
    passage = Camera(
        "passage", (22.2, -3.7, 3.0), (22.2, 2.3, 0.75), 62.0, fps=10.0, clock=-0.3,
        look=Look(exposure=1.1, warmth=-0.25, saturation=0.85, contrast=0.92, noise=4.0, blur=0.8, crf=29),
    )  # fmt: skip
    platform = corner_camera(
        "platform", PLATFORM, "nw", height=3.6, down=24.0, field_of_view=66.0, fps=15.0, clock=0.15,
        look=Look(exposure=1.0, warmth=-0.05, noise=2.0, blur=0.6, crf=26),
    )  # fmt: skip
    return tickets, passage, platform


DROP = Scene(
    name="drop",
    summary="A station whose cameras lose frames, stop for seconds, and disagree about the time.",
    site=station_site(),
    cameras=_cameras(),
    seconds=50.0,
    people=14,
    dropped=0.08,
    gaps=(("tickets", 16.0, 20.5), ("platform", 30.0, 33.5)),
)
