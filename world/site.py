"""What a site is made of: floors, solids, light, cameras, and the ways that people can take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from world.camera import Camera

Colour = tuple[float, float, float]  # red, green, blue of a surface, linear, 0 to 1

SolidMaterial = Literal[
    "plain", "plaster", "brick", "concrete", "wood", "metal", "facade", "shopfront", "shelf", "door", "leaves",
    "car", "glass", "lamp", "poster",
]  # fmt: skip
FloorMaterial = Literal["tiles", "concrete", "asphalt", "paving", "carpet", "grass", "parquet"]


@dataclass(frozen=True, slots=True)
class Solid:
    """A box that stands somewhere: a wall, a pillar, a shelf, a bench, a parked car.

    Attributes:
        material: decides the pattern of its surface; a car is drawn as a car that fills the box.
        centre: x, y in metres.
        size: along its own x and y, and its height, in metres.
        base: height of its underside.
        turn: radians, about its centre.
        colour: of its surface.
    """

    material: SolidMaterial
    centre: tuple[float, float]
    size: tuple[float, float, float]
    base: float = 0.0
    turn: float = 0.0
    colour: Colour = (0.6, 0.6, 0.6)


@dataclass(frozen=True, slots=True)
class Floor:
    """A level piece of ground: left, lower, right, upper in metres."""

    material: FloorMaterial
    corners: tuple[float, float, float, float]
    colour: Colour = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Light:
    """The light at one time of the scene.

    Attributes:
        time: seconds since the scene began; between two entries it changes evenly.
        towards: direction to the sun or the strongest lamp; need not have length 1.
        direct: its colour and strength.
        sky: light from above and all around.
        ground: light thrown back by the ground.
        softness: 0: shadows with sharp edges (sun); 1: wide soft ones (many lamps, clouds).
    """

    time: float = 0.0
    towards: tuple[float, float, float] = (0.5, 0.3, 1.0)
    direct: Colour = (1.0, 0.99, 0.95)
    sky: Colour = (0.5, 0.52, 0.55)
    ground: Colour = (0.22, 0.21, 0.2)
    softness: float = 1.0


@dataclass(frozen=True, slots=True)
class Site:
    """A floor plan.

    Attributes:
        floors: what people walk on.
        solids: what they walk around, and what hides them.
        places: where ways meet, by name: x, y in metres.
        ways: pairs of names that a straight free line joins, with the width in metres that people may use.
        entries: names of places where people come and go.
        stops: names of places where people may stand for a while (a shelf, a counter, a bench).
        lights: at least one, in order of time.
    """

    floors: tuple[Floor, ...]
    solids: tuple[Solid, ...]
    places: dict[str, tuple[float, float]]
    ways: tuple[tuple[str, str, float], ...]
    entries: tuple[str, ...]
    stops: tuple[str, ...] = ()
    lights: tuple[Light, ...] = (Light(),)


@dataclass(frozen=True, slots=True)
class Scene:
    """A site with its cameras and the people who come.

    Attributes:
        name: for the command line.
        summary: a sentence.
        site: floor plan.
        cameras: in the order of all output.
        seconds: length of the clips.
        people: how many come.
        lookalikes: so many pairs of people wear the same clothes on other bodies.
        uniforms: share of people in one uniform.
        common: share of the others in plain dark clothes.
        running: share of people in a hurry.
        pairs: share of people who walk and talk in twos.
        overlapping: pairs of camera names whose views share ground.
        dropped: share of frames that are missing in the clips.
        gaps: (camera name, from second, to second) without any frame.
    """

    name: str
    summary: str
    site: Site
    cameras: tuple[Camera, ...]
    seconds: float = 40.0
    people: int = 12
    lookalikes: int = 1
    uniforms: float = 0.0
    common: float = 0.2
    running: float = 0.05
    pairs: float = 0.15
    overlapping: tuple[tuple[str, str], ...] = ()
    dropped: float = 0.0
    gaps: tuple[tuple[str, float, float], ...] = field(default=())
