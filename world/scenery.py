"""Floors and solids of a site as triangles."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from world.site import Colour, Floor, Site, Solid, SolidMaterial

FloatArray = NDArray[np.float32]
_SOLID = {
    "plain": 0, "plaster": 1, "brick": 2, "concrete": 3, "wood": 4, "metal": 5, "facade": 6, "shopfront": 7,
    "shelf": 8, "door": 9, "leaves": 10, "car": 11, "glass": 12, "lamp": 13, "poster": 14,
}  # fmt: skip
_FLOOR = {"tiles": 20, "concrete": 21, "asphalt": 22, "paving": 23, "carpet": 24, "grass": 25, "parquet": 26}

# The sides of a box: normal, then the two directions that span it, across first.
_SIDES = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
)
ROW = 13  # floats of a vertex: place 3, normal 3, surface 2, colour 3, material, seed


def triangles_of(site: Site) -> FloatArray:
    """(3 T, ROW): three rows a triangle."""
    rows: list[FloatArray] = []
    for floor in site.floors:
        rows.append(_floor(floor))
    for number, solid in enumerate(site.solids):
        boxes = _car(solid) if solid.material == "car" else [solid]
        rows += [_box(box, number) for box in boxes]
    return np.concatenate(rows).astype(np.float32)


def _floor(floor: Floor) -> FloatArray:
    left, lower, right, upper = floor.corners
    places = np.array([(left, lower, 0), (right, lower, 0), (right, upper, 0), (left, upper, 0)], np.float32)
    return _quad(places, (0, 0, 1), places[:, :2], floor.colour, _FLOOR[floor.material], 0)


def _box(solid: Solid, seed: int) -> FloatArray:
    cosine, sine = np.cos(solid.turn), np.sin(solid.turn)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    half = np.array(solid.size) / 2
    middle = np.array([*solid.centre, solid.base + half[2]])
    quads = []
    for normal, across, up in _SIDES:
        corners = [np.array(normal) + a * np.array(across) + b * np.array(up) for a, b in _AROUND]
        places = middle + np.array(corners) * half @ turn.T
        wide, tall = abs(np.dot(across, half)), abs(np.dot(up, half))
        low = solid.base if up == (0, 0, 1) else 0.0
        surface = np.array([((a + 1) * wide, (b + 1) * tall + low) for a, b in _AROUND])
        material = _material(solid, normal)
        quads.append(_quad(places, turn @ np.array(normal), surface, solid.colour, material, seed % 97))
    return np.concatenate(quads)


_AROUND = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def _material(solid: Solid, normal: tuple[int, int, int]) -> int:
    """Goods, windows and doors show at the sides only."""
    if normal[2] and solid.material in ("facade", "shopfront", "shelf", "door", "poster"):
        return _SOLID["plain"]
    return _SOLID[solid.material]


def _quad(
    places: FloatArray, normal: Iterable[float], surface: FloatArray, colour: Colour, material: int, seed: int
) -> FloatArray:
    rows = np.zeros((6, ROW), np.float32)
    order = [0, 1, 2, 0, 2, 3]
    rows[:, :3], rows[:, 3:6], rows[:, 6:8] = places[order], tuple(normal), surface[order]
    rows[:, 8:11], rows[:, 11], rows[:, 12] = colour, material, seed
    return rows


def _car(solid: Solid) -> list[Solid]:
    """A car that fills the box: body, cabin, windows, wheels, lights."""
    length, width, height = solid.size
    ahead = np.array([np.cos(solid.turn), np.sin(solid.turn)])
    left = np.array([-ahead[1], ahead[0]])

    def part(
        material: SolidMaterial,
        along: float,
        aside: float,
        size: tuple[float, float, float],
        base: float,
        colour: Colour,
    ) -> Solid:
        x, y = np.array(solid.centre) + ahead * along * length + left * aside * width
        whole = (size[0] * length, size[1] * width, size[2] * height)
        return Solid(material, (float(x), float(y)), whole, base * height, solid.turn, colour)

    dark, pane = (0.015, 0.015, 0.017), (0.02, 0.025, 0.03)
    paint = solid.colour
    parts = [
        part("plain", 0.0, 0.0, (1.0, 0.96, 0.3), 0.2, paint),
        part("plain", 0.02, 0.0, (0.92, 0.98, 0.18), 0.32, paint),
        part("plain", -0.05, 0.0, (0.56, 0.86, 0.46), 0.5, paint),
        part("glass", -0.05, 0.0, (0.5, 0.89, 0.3), 0.58, pane),
        part("glass", -0.05, 0.0, (0.6, 0.78, 0.28), 0.58, pane),
        part("plain", -0.05, 0.0, (0.5, 0.84, 0.08), 0.92, paint),
        part("plain", 0.0, 0.0, (0.9, 0.9, 0.14), 0.08, dark),
    ]
    for along in (-0.31, 0.31):
        for aside in (-0.45, 0.45):
            parts.append(part("plain", along, aside, (0.145, 0.13, 0.42), 0.0, dark))
            parts.append(part("metal", along, aside, (0.08, 0.135, 0.23), 0.1, (0.35, 0.35, 0.36)))
    for aside in (-0.36, 0.36):
        parts.append(part("plain", 0.499, aside, (0.01, 0.2, 0.09), 0.36, (0.8, 0.8, 0.75)))
        parts.append(part("plain", -0.499, aside, (0.01, 0.2, 0.09), 0.38, (0.35, 0.02, 0.02)))
    return parts
