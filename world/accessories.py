"""What people wear beyond the body's own surface: skirts and coat tails, long hair, bags, the peak of a cap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from world.outfit import Outfit
from world.skeleton import INDEX, JOINTS, FloatArray

Floats = NDArray[np.floating]

CARRIED = len(JOINTS)  # column of what hangs upright from the left hand; the next one: from the right
COLUMNS = len(JOINTS) + 2


class Part(IntEnum):
    """What a vertex belongs to; the shader colours by it."""

    BODY = 0
    HAIR = 1
    SKIRT = 2
    BAG = 3
    PEAK = 4
    HOOD = 5
    TAIL = 6


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A mesh at rest that moves with the joints.

    Attributes:
        part: what it is.
        vertices: (V, 3) metres, in the axes of the body.
        faces: (F, 3) of its own vertices.
        weights: (V, COLUMNS) shares of the joints, and of what hangs from the hands.
        along: (V,) 0 at its upper end to 1 at its lower one.
    """

    part: Part
    vertices: FloatArray
    faces: NDArray[np.int32]
    weights: FloatArray
    along: FloatArray


def pieces_of(outfit: Outfit, vertices: FloatArray, joints: FloatArray, leg: FloatArray) -> list[Piece]:
    """Everything that one person wears on top.

    Args:
        outfit: of the person.
        vertices: (V, 3) body in its clothes, at rest.
        joints: (J, 3).
        leg: (V,) of the body model.
    """
    pieces = []
    if outfit.skirt > 0:
        pieces.append(_tube(Part.SKIRT, outfit.skirt, outfit.scale, vertices, joints, leg))
    if not outfit.skirt_of_top:
        pieces.append(_tube(Part.TAIL, outfit.hem, 0.6 * outfit.scale, vertices, joints, leg))
    pieces += _hair(outfit, vertices, joints)
    pieces += _bag(outfit, vertices, joints)
    if outfit.hat == "cap":
        pieces.append(_peak(vertices, joints))
    if outfit.hat == "hood":
        pieces.append(_hood(vertices, joints))
    return pieces


def _grid(rows: int, columns: int, *, closed: bool) -> NDArray[np.int32]:
    """(F, 3) faces of a grid of vertices, row by row; closed: the last column joins the first."""
    faces = []
    for row in range(rows - 1):
        for column in range(columns if closed else columns - 1):
            following = (column + 1) % columns
            a, b = row * columns + column, row * columns + following
            c, d = a + columns, b + columns
            faces += [(a, c, b), (b, c, d)]
    return np.array(faces, np.int32)


def _weighted(shares: Mapping[str, Floats | float], count: int) -> FloatArray:
    weights = np.zeros((count, COLUMNS), np.float32)
    for joint, share in shares.items():
        weights[:, INDEX[joint]] = share
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def _tube(
    part: Part, end: float, flared: float, vertices: FloatArray, joints: FloatArray, leg: FloatArray
) -> Piece:
    """A skirt, or the part of a top below the waist; its sides follow the legs, its middle both of them.

    Args:
        part: what it is.
        end: of it, as `BodyModel.leg`.
        flared: how much wider it gets downwards; 1 is usual.
        vertices: (V, 3) of the body in its clothes.
        joints: (J, 3).
        leg: (V,) of the body model.
    """
    rows, columns = (7, 20) if part == Part.SKIRT else (4, 20)
    hip, ankle = joints[INDEX["thigh.L"], 2], joints[INDEX["foot.L"], 2]
    outer = 0.004 if part == Part.SKIRT else 0.012
    top, hem = hip + (0.06 if part == Part.SKIRT else 0.13), hip - end * (hip - ankle)
    near = np.abs(vertices[:, 2] - top) < 0.06
    near &= leg < 0
    near &= np.abs(vertices[:, 1]) < 0.27
    waist = vertices[near] if near.sum() > 5 else vertices
    middle = (waist[:, 0].max() + waist[:, 0].min()) / 2
    half = np.array([np.ptp(waist[:, 0]), np.ptp(waist[:, 1])]) / 2 + (0.008 if part == Part.SKIRT else 0.002)
    hips = vertices[(np.abs(vertices[:, 2] - hip + 0.03) < 0.11) & (leg > -0.35) & (np.abs(vertices[:, 1]) < 0.3)]
    wide = np.maximum(half, np.array([np.ptp(hips[:, 0]), np.ptp(hips[:, 1])]) / 2 + outer + 0.006)
    along = np.repeat(np.linspace(0, 1, rows), columns)
    angle = np.tile(np.linspace(0, 2 * np.pi, columns, endpoint=False), rows)
    drop = along * (top - hem)
    to_hips = np.clip(drop / 0.1, 0, 1)[:, None]
    flare = 1 + 0.16 * flared * np.clip(drop - 0.16, 0, None)[:, None] / 0.5
    radii = (half * (1 - to_hips) + wide * to_hips) * flare
    cosine, sine = (
        np.sign(turn) * np.abs(turn) ** 0.8 for turn in (np.cos(angle), np.sin(angle))
    )  # hips are no ellipse
    points = np.stack([middle + radii[:, 0] * cosine, radii[:, 1] * sine, top - drop], -1)
    left = np.clip(0.5 + 0.9 * np.sin(angle), 0, 1)
    thigh = np.clip(drop / 0.3, 0, 0.85)
    shares = {"pelvis": 1 - thigh, "thigh.L": thigh * left, "thigh.R": thigh * (1 - left)}
    faces = _grid(rows, columns, closed=True)
    return Piece(
        part,
        points.astype(np.float32),
        faces[:, ::-1],
        _weighted(shares, len(points)),
        along.astype(np.float32),
    )


def _head(vertices: FloatArray, joints: FloatArray) -> tuple[FloatArray, float]:
    """Middle and radius of the skull."""
    base = joints[INDEX["head"]]
    size = float(vertices[:, 2].max() - base[2])
    return base + np.array([0.0, 0.0, 0.55 * size], np.float32), 0.55 * size


def _hair(outfit: Outfit, vertices: FloatArray, joints: FloatArray) -> list[Piece]:
    """Hair that leaves the skull; short hair is painted on it."""
    middle, radius = _head(vertices, joints)
    if outfit.hair in ("bun", "tied"):
        behind = middle + np.array([-1.0 * radius, 0, 0.35 * radius], np.float32)
        knot = _ball(Part.HAIR, behind, (0.38 * radius, 0.38 * radius, 0.36 * radius), {"head": 1.0})
        if outfit.hair == "bun":
            return [knot]
        tail = behind + np.array([-0.12 * radius, 0, -0.9 * radius], np.float32)
        return [knot, _ball(Part.HAIR, tail, (0.22 * radius, 0.26 * radius, radius), {"head": 0.7, "chest": 0.3})]
    if outfit.hair not in ("bob", "long"):
        return []
    rows, columns = 8, 13
    length = (1.45 if outfit.hair == "bob" else 2.7 + outfit.scale * 0.7) * radius
    along = np.repeat(np.linspace(0, 1, rows), columns)
    angle = np.tile(np.radians(np.linspace(68, 292, columns)), rows)
    height = 0.75 * radius - along * length
    skull = np.sqrt(np.clip(1 - (np.clip(height, 0, None) / radius) ** 2, 0.1, 1))
    wide = radius * skull * (1.0 + 0.12 * np.sin(np.pi * along)) + 0.014
    back = np.where(np.cos(angle) < 0, 1.0 + 0.25 * along, 0.9)
    points = middle + np.stack([wide * 1.08 * np.cos(angle) * back, wide * 0.86 * np.sin(angle), height], -1)
    low = np.clip((0.2 * radius - height) / (1.6 * radius), 0, 0.75)
    weights = _weighted({"head": 1 - low, "chest": low}, len(points))
    faces = _grid(rows, columns, closed=False)
    return [Piece(Part.HAIR, points.astype(np.float32), faces[:, ::-1], weights, along.astype(np.float32))]


def _bag(outfit: Outfit, vertices: FloatArray, joints: FloatArray) -> list[Piece]:
    if outfit.bag == "none":
        return []
    size = 0.85 + 0.2 * outfit.scale
    chest, pelvis = joints[INDEX["chest"]], joints[INDEX["pelvis"]]
    if outfit.bag == "backpack":
        near = (np.abs(vertices[:, 2] - chest[2] - 0.08) < 0.1) & (np.abs(vertices[:, 1]) < 0.15)
        back = vertices[near, 0].min()
        half = np.array([0.085, 0.15, 0.22]) * size
        middle = np.array([back - half[0] * 0.8, 0, chest[2] + 0.05])
        return [_box(Part.BAG, middle, half, {"chest": 1.0})]
    side = 1 if outfit.seed < 0.5 else -1
    if outfit.bag == "shoulder bag":
        near = (np.abs(vertices[:, 2] - pelvis[2]) < 0.08) & (np.abs(vertices[:, 1]) < 0.3)
        half = np.array([0.15, 0.055, 0.12]) * size
        wide = vertices[near, 1].max() if near.any() else 0.18
        middle = np.array([-0.03, side * (wide + half[1]), pelvis[2] - 0.06])
        return [_box(Part.BAG, middle, half, {"pelvis": 1.0})]
    half, drop = {
        "handbag": (np.array([0.15, 0.05, 0.11]), 0.22),
        "shopping bag": (np.array([0.16, 0.06, 0.2]), 0.3),
        "suitcase": (np.array([0.12, 0.2, 0.3]), 0.36),
    }[outfit.bag]
    hand = joints[INDEX["hand.L" if side > 0 else "hand.R"]]
    box = _box(Part.BAG, hand + np.array([0, 0, -drop]), half * size, {"head": 1.0})
    weights = np.zeros_like(box.weights)
    weights[:, CARRIED + (side < 0)] = 1
    return [Piece(box.part, box.vertices, box.faces, weights, box.along)]


def _peak(vertices: FloatArray, joints: FloatArray) -> Piece:
    middle, radius = _head(vertices, joints)
    place = middle + np.array([1.15 * radius, 0, 0.42 * radius], np.float32)
    return _ball(Part.PEAK, place, (0.62 * radius, 0.62 * radius, 0.1 * radius), {"head": 1.0})


def _hood(vertices: FloatArray, joints: FloatArray) -> Piece:
    middle, radius = _head(vertices, joints)
    place = middle + np.array([-0.22 * radius, 0, 0.1 * radius], np.float32)
    return _ball(Part.HOOD, place, (1.12 * radius, 1.02 * radius, 1.3 * radius), {"head": 1.0})


def _ball(part: Part, middle: Floats, half: tuple[float, float, float], shares: Mapping[str, float]) -> Piece:
    return _rounded(part, middle, np.array(half), shares, 1.0)


def _box(part: Part, middle: Floats, half: Floats, shares: Mapping[str, float]) -> Piece:
    return _rounded(part, middle, half, shares, 0.35)


def _rounded(part: Part, middle: Floats, half: Floats, shares: Mapping[str, float], power: float) -> Piece:
    """A superellipsoid (Barr, 1981): a ball with power 1, nearly a box with a small one."""
    rows, columns = 8, 14
    latitude = np.repeat(np.linspace(np.pi / 2, -np.pi / 2, rows), columns)
    longitude = np.tile(np.linspace(-np.pi, np.pi, columns, endpoint=False), rows)

    def rounded(values: Floats) -> Floats:
        return np.asarray(np.sign(values) * np.abs(values) ** power)

    level = rounded(np.cos(latitude))
    points = np.stack(
        [level * rounded(np.cos(longitude)), level * rounded(np.sin(longitude)), rounded(np.sin(latitude))], -1
    )
    count = rows * columns
    faces = _grid(rows, columns, closed=True)
    along = np.repeat(np.linspace(0, 1, rows), columns).astype(np.float32)
    return Piece(part, (middle + points * half).astype(np.float32), faces, _weighted(shares, count), along)
