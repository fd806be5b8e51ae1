"""A dressed person as meshes at rest, and all of them in a pose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from world.accessories import CARRIED, COLUMNS, Part, pieces_of
from world.bodies import BodyModel, body_model, normals_of
from world.outfit import Outfit
from world.skeleton import INDEX, JOINTS, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """One person at rest, dressed.

    The vertices are those of the coarse body, then of the accessories, then the rest of the fine body, so that the
    first `coarse` ones, with `coarse_faces`, are the whole person with fewer triangles.

    Attributes:
        vertices: (V, 3) metres.
        normals: (V, 3) unit.
        weights: (V, COLUMNS).
        coordinates: (V, 4): arm, leg and head of the body model (accessories: `along` first), and the part.
        faces: (F, 3).
        coarse_faces: (G, 3).
        coarse: number of vertices of the coarse figure.
        joints: (J, 3).
        head: (4,) middle x and z of the head's joint, and the size of the head, and the stature.
    """

    vertices: FloatArray
    normals: FloatArray
    weights: FloatArray
    coordinates: FloatArray
    faces: NDArray[np.int32]
    coarse_faces: NDArray[np.int32]
    coarse: int
    joints: FloatArray
    head: FloatArray


def dress(bodies: NDArray[np.int64], stature: FloatArray, outfits: Sequence[Outfit]) -> list[Figure]:
    """Figures of people: bodies (N,) of the bank, factors (N,) on their size, and what they wear."""
    model = body_model()
    vertices, joints = model.vertices_and_joints(bodies, stature)
    normals = normals_of(vertices, model.faces)
    return [
        _figure(model, vertices[index], normals[index], joints[index], outfit)
        for index, outfit in enumerate(outfits)
    ]


def skin(figure: Figure, transforms: FloatArray, *, coarse: bool) -> tuple[FloatArray, FloatArray]:
    """Vertices (V, 3) and normals (V, 3) in the world.

    Args:
        figure: at rest.
        transforms: (J, 3, 4) of its joints.
        coarse: only the first `figure.coarse` vertices.
    """
    count = figure.coarse if coarse else len(figure.vertices)
    blended = (figure.weights[:count] @ _with_hands(figure, transforms).reshape(COLUMNS, 12)).reshape(-1, 3, 4)
    turned = blended[:, :, :3]
    vertices = np.einsum("vij,vj->vi", turned, figure.vertices[:count]) + blended[:, :, 3]
    return vertices, np.einsum("vij,vj->vi", turned, figure.normals[:count])


def _with_hands(figure: Figure, transforms: FloatArray) -> FloatArray:
    """(COLUMNS, 3, 4): what hangs from a hand moves with it but stays upright, turned as the pelvis."""
    pelvis = transforms[INDEX["pelvis"], :, :3]
    ahead = np.arctan2(pelvis[1, 0], pelvis[0, 0])
    turn = np.array([[np.cos(ahead), -np.sin(ahead), 0], [np.sin(ahead), np.cos(ahead), 0], [0, 0, 1]], np.float32)
    result = np.empty((COLUMNS, 3, 4), np.float32)
    result[: len(JOINTS)] = transforms
    for column, hand in ((CARRIED, "hand.L"), (CARRIED + 1, "hand.R")):
        rest = figure.joints[INDEX[hand]]
        there = transforms[INDEX[hand], :, :3] @ rest + transforms[INDEX[hand], :, 3]
        result[column, :, :3] = turn
        result[column, :, 3] = there - turn @ rest
    return result


def _figure(
    model: BodyModel, vertices: FloatArray, normals: FloatArray, joints: FloatArray, outfit: Outfit
) -> Figure:
    dressed = vertices + normals * _thickness(model, vertices, joints, outfit)[:, None]
    pieces = pieces_of(outfit, dressed, joints, model.leg)
    body = np.concatenate([model.weights, np.zeros((len(vertices), 2), np.float32)], 1)
    coordinates = np.stack([model.arm, model.leg, model.head, np.full(len(vertices), Part.BODY, np.float32)], -1)
    cut = model.coarse
    blocks = [(dressed[:cut], body[:cut], coordinates[:cut], normals[:cut])]
    coarse_faces, count = [model.coarse_faces], cut
    for piece in pieces:
        column = np.zeros((len(piece.vertices), 4), np.float32)
        column[:, 0], column[:, 3] = piece.along, piece.part
        blocks.append((piece.vertices, piece.weights, column, normals_of(piece.vertices[None], piece.faces)[0]))
        coarse_faces += [piece.faces + count, piece.faces[:, ::-1] + count]  # both sides show
        count += len(piece.vertices)
    blocks.append((dressed[cut:], body[cut:], coordinates[cut:], normals[cut:]))
    fine = np.where(model.faces < cut, model.faces, model.faces + count - cut)
    faces = np.concatenate([fine, *coarse_faces[1:]])
    base = joints[INDEX["head"]]
    head = np.array([base[0], base[2], vertices[:, 2].max() - base[2], vertices[:, 2].max()], np.float32)
    return Figure(
        vertices=np.concatenate([block[0] for block in blocks]),
        weights=np.concatenate([block[1] for block in blocks]),
        coordinates=np.concatenate([block[2] for block in blocks]),
        normals=np.concatenate([block[3] for block in blocks]),
        faces=faces.astype(np.int32),
        coarse_faces=np.concatenate(coarse_faces).astype(np.int32),
        coarse=count,
        joints=joints,
        head=head,
    )


def _thickness(model: BodyModel, vertices: FloatArray, joints: FloatArray, outfit: Outfit) -> FloatArray:
    """(V,) metres of cloth, hair and shoe on each vertex of the body."""
    arm, leg, head = model.arm, model.leg, model.head
    trunk = (arm < 0.02) & (leg < 0.03) & (head < 0.5)
    sleeved = (arm >= 0.02) & (arm < outfit.sleeve)
    result = np.where(trunk | sleeved, outfit.thickness, 0.0)
    result = np.where(sleeved, outfit.thickness * 0.6, result)
    legs = (leg > 0.0) & (leg < min(outfit.leg, 0.97)) & (arm < 0.02)
    result = np.where(legs, np.maximum(result, 0.006 + outfit.looseness * np.clip(leg * 2, 0.4, 1)), result)
    result = np.where(leg > 0.99, 0.008, result)
    size = vertices[:, 2].max() - joints[INDEX["head"], 2]
    local = (vertices - joints[INDEX["head"]]) / size
    hairline = np.interp(local[:, 0], [-0.35, 0.5], [0.1, 0.8])
    volume = {"bald": 0.0, "short": 0.012, "bob": 0.022, "long": 0.02, "tied": 0.012, "bun": 0.012}[outfit.hair]
    volume = max(volume, 0.02 if outfit.hat in ("beanie", "cap") else 0.0)
    return np.where(head > 0.8, volume * np.clip((local[:, 2] - hairline) * 5, 0, 1), result).astype(np.float32)
