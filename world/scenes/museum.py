"""A museum: one gallery seen from two opposite corners, and a foyer apart."""

from __future__ import annotations

from dataclasses import replace

from world.blocks import bench, box_at, corner_camera, ground, panel, room
from world.camera import Look
from world.site import Scene, Site, Solid

GALLERY = (0.0, 0.0, 15.0, 11.0)
SOUTH = (0.5, -3.4, 9.0, -0.1)  # the lobby behind the gallery's southern door; one leaves it sideways, unseen
NORTH = (6.5, 11.1, 14.5, 14.4)
FOYER = (22.0, -8.0, 34.0, 2.5)
WHITE = (0.66, 0.65, 0.62)


def _gallery() -> tuple[Solid, ...]:
    walls = room(GALLERY, {"south": [(3.0, 5.4)], "north": [(10.2, 12.6)]}, colour=WHITE)
    pictures = (
        ("north", 3.0, 2.2, (0.3, 0.12, 0.06)), ("north", 7.6, 1.4, (0.1, 0.2, 0.28)),
        ("east", 4.0, 2.4, (0.45, 0.35, 0.1)),
        ("east", 8.0, 1.6, (0.15, 0.1, 0.2)), ("south", 8.6, 2.4, (0.12, 0.25, 0.14)),
        ("south", 12.0, 1.6, (0.5, 0.2, 0.15)),
        ("west", 3.4, 1.8, (0.4, 0.4, 0.42)), ("west", 7.4, 2.4, (0.08, 0.1, 0.2)),
    )  # fmt: skip
    for side, along, width, colour in pictures:
        walls += panel(side, GALLERY, along, width, 1.5, 1.0, "poster", colour)  # type: ignore[arg-type]
    plinth = box_at("plain", (7.5, 5.5), (1.0, 1.0, 1.1), (0.6, 0.6, 0.6))
    lobbies = room(SOUTH, {"east": [(-2.9, -0.7)]}, sides=("south", "west", "east"), colour=(0.4, 0.42, 0.45))
    lobbies += room(NORTH, {"west": [(11.7, 13.9)]}, sides=("north", "west", "east"), colour=(0.45, 0.36, 0.3))
    return walls + plinth + bench((4.2, 8.1)) + bench((10.6, 3.4)) + lobbies


def _foyer() -> tuple[Solid, ...]:
    walls = room(
        FOYER, {"west": [(-4.4, -2.0)], "north": [(29.4, 31.8)]}, colour=(0.5, 0.42, 0.36),
        special={"south": ("wood", (0.3, 0.19, 0.11))},
    )  # fmt: skip
    desk = box_at("wood", (28.4, -6.9), (3.6, 0.8, 1.1), (0.42, 0.3, 0.18))
    shelves = panel("east", FOYER, -2.6, 3.0, 1.6, 1.2, "poster", (0.5, 0.42, 0.16))
    shelves += panel("south", FOYER, 28.4, 3.0, 1.0, 1.8, "poster", (0.1, 0.12, 0.14))
    lockers = (Solid("metal", (33.5, -6.3), (0.6, 2.2, 1.9), 0.0, 0.0, (0.25, 0.3, 0.33)),)
    return walls + desk + shelves + lockers + bench((26.2, 1.7)) + bench((32.8, 0.4), 1.5708)


PLACES: dict[str, tuple[float, float]] = {
    "yard": (15.0, -9.0), "walk": (15.0, -2.4), "lobby south out": (10.4, -1.8), "lobby south": (4.2, -1.8),
    "gallery south": (4.2, 1.5), "gallery west": (3.6, 4.8), "gallery north-west": (6.6, 8.6),
    "gallery south-east": (7.2, 2.6), "gallery east": (11.2, 5.8), "gallery north": (11.4, 9.4),
    "lobby north": (11.4, 12.8), "lobby north out": (5.2, 12.8), "garden": (-3.0, 12.8),
    "picture a": (3.0, 9.6), "picture b": (7.6, 9.8), "picture c": (13.5, 4.0), "picture d": (13.4, 8.0),
    "picture e": (8.6, 1.3), "picture f": (1.3, 7.2), "statue": (6.1, 5.5),
    "foyer gate": (20.4, -3.2), "foyer in": (23.6, -3.2), "foyer": (27.6, -3.0), "foyer north": (30.6, -0.6),
    "foyer out": (30.6, 4.2), "street": (30.6, 9.0), "desk a": (27.6, -5.8), "desk b": (29.4, -5.8),
    "lockers": (32.3, -6.2), "foyer bench": (31.9, -2.6),
}  # fmt: skip
WAYS: tuple[tuple[str, str, float], ...] = (
    ("yard", "walk", 3.0), ("walk", "lobby south out", 2.4), ("lobby south out", "lobby south", 1.9),
    ("lobby south", "gallery south", 2.0), ("gallery south", "gallery west", 2.2),
    ("gallery west", "gallery north-west", 1.2), ("gallery south", "gallery south-east", 2.2),
    ("gallery south-east", "gallery east", 1.8), ("gallery east", "gallery north", 2.4),
    ("gallery north-west", "gallery north", 2.2), ("gallery north", "lobby north", 2.0),
    ("lobby north", "lobby north out", 1.9), ("lobby north out", "garden", 2.6),
    ("gallery west", "picture f", 1.4),
    ("picture f", "picture a", 1.2), ("picture a", "gallery north-west", 1.2),
    ("gallery north-west", "picture b", 1.4),
    ("picture b", "gallery north", 1.2), ("gallery east", "picture c", 1.4), ("gallery east", "picture d", 1.4),
    ("picture d", "gallery north", 1.2), ("gallery south-east", "picture e", 1.2), ("gallery west", "statue", 1.4),
    ("walk", "foyer gate", 2.4), ("foyer gate", "foyer in", 2.1), ("foyer in", "foyer", 2.6),
    ("foyer", "foyer north", 2.4), ("foyer north", "foyer out", 2.1), ("foyer out", "street", 2.6),
    ("foyer", "desk a", 1.4), ("foyer", "desk b", 1.4), ("desk b", "lockers", 1.2), ("foyer", "foyer bench", 1.4),
    ("foyer bench", "foyer north", 1.4), ("lockers", "foyer bench", 1.2),
)  # fmt: skip
ENTRIES = ("yard", "garden", "street")
STOPS = (
    "picture a", "picture b", "picture c", "picture d", "picture e", "picture f", "statue", "desk a", "desk b",
    "lockers", "foyer bench",
)  # fmt: skip


def museum_site() -> Site:
    """The floor plan."""
    floors = (
        ground("parquet", GALLERY, (0.38, 0.26, 0.15)),
        ground("tiles", (-6.0, -12.0, 22.0, 0.0), (0.46, 0.44, 0.41)),
        ground("tiles", (-6.0, 11.0, 22.0, 18.0), (0.46, 0.44, 0.41)),
        ground("carpet", FOYER, (0.2, 0.1, 0.1)),
        ground("paving", (22.0, 2.5, 36.0, 14.0), (0.4, 0.39, 0.37)),
    )
    return Site(floors, _gallery() + _foyer(), PLACES, WAYS, ENTRIES, STOPS)


OVERLAP = Scene(
    name="overlap",
    summary="A museum gallery seen from two opposite corners, and its foyer.",
    site=museum_site(),
    cameras=(
        corner_camera(
            "gallery west", GALLERY, "sw", height=3.4, down=24.0, swing=-6.0, field_of_view=68.0,
            look=Look(exposure=1.0, warmth=0.25, noise=1.5, crf=25),
        ),
        corner_camera(
            "gallery east", GALLERY, "ne", height=3.2, down=24.0, swing=-6.0, field_of_view=66.0, fps=10.0,
            look=Look(exposure=0.85, warmth=-0.3, saturation=0.85, noise=3.5, blur=0.9, vignette=0.2, crf=29),
        ),
        corner_camera(
            "foyer", FOYER, "nw", height=3.2, down=24.0, field_of_view=66.0,
            look=Look(exposure=1.1, warmth=0.1, contrast=0.93, noise=2.5, blur=0.6, crf=27),
        ),
    ),
    seconds=45.0,
    people=14,
    overlapping=(("gallery west", "gallery east"),),
)  # fmt: skip

CROWD = replace(
    OVERLAP,
    name="crowd",
    summary="A full house: a hundred people in the two views of the museum gallery.",
    cameras=(replace(OVERLAP.cameras[0], name="west"), replace(OVERLAP.cameras[1], name="east")),
    seconds=20.0,
    people=100,
    lookalikes=5,
    overlapping=(("west", "east"),),
)
