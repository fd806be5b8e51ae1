"""Bodies at rest: one mesh for all, a shape for each person, and what every vertex of it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from world.skeleton import INDEX, JOINTS, FloatArray

_ASSET = Path(__file__).resolve().parent / "assets" / "bodies.npz"


@dataclass(frozen=True, slots=True, eq=False)
class BodyModel:
    """What all bodies share, on a mesh whose every triangle was split into four (Loop, 1987).

    The first `coarse` vertices alone, with `coarse_faces`, are the same body with a quarter of the triangles.

    Attributes:
        faces: (F, 3) indices of vertices, anticlockwise seen from outside.
        coarse_faces: (F / 4, 3).
        coarse: number of coarse vertices.
        weights: (V, J) share of each joint in each vertex; rows sum to 1.
        arm: (V,) how far down the arm: 0 off it and at the shoulder, 1 at the wrist, 1.3 at the finger tips.
        leg: (V,) how far down: -1 at the neck, 0 at the hip, 1 at the ankle, above 1 the foot.
        head: (V,) share of the head and neck.
        female: (N,) of each body of the bank.
        age: (N,) years.
    """

    faces: NDArray[np.int32]
    coarse_faces: NDArray[np.int32]
    coarse: int
    weights: FloatArray
    arm: FloatArray
    leg: FloatArray
    head: FloatArray
    female: NDArray[np.bool_]
    age: FloatArray
    _refinement: tuple[NDArray[np.int32], FloatArray]
    _mean: FloatArray
    _shapes: FloatArray
    _coefficients: FloatArray

    def vertices_and_joints(self, bodies: NDArray[np.int64], stature: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Shapes (N, V, 3) and joints (N, J, 3) in metres.

        Args:
            bodies: (N,) indices into the bank.
            stature: (N,) factors on the whole body, about 1.
        """
        points = self._mean + np.einsum("nk,kvc->nvc", self._coefficients[bodies], self._shapes)
        points = (points * stature[:, None, None]).astype(np.float32)
        vertices, joints = points[:, : -len(JOINTS)], points[:, -len(JOINTS) :]
        return self.refined(vertices), joints

    def refined(self, values: FloatArray) -> FloatArray:
        """(N, V, C) on the fine mesh from (N, coarse, C) on the coarse one."""
        indices, shares = self._refinement
        return np.asarray(np.einsum("vs,nvsc->nvc", shares, values[:, indices]), np.float32)


@cache
def body_model() -> BodyModel:
    """The model of the project."""
    with np.load(_ASSET) as data:
        mean = np.concatenate([data["mean"], data["joint_mean"]]).astype(np.float32)
        shapes = np.concatenate([data["shapes"], data["joint_shapes"]], 1).astype(np.float32)
        coarse_faces = data["faces"].astype(np.int32)
        weights = data["weights"].astype(np.float32)
        count = len(data["mean"])
        indices, shares, faces = _loop_refinement(coarse_faces, count)
        joints = data["joint_mean"]
        arm, leg = _arm(data["mean"], joints, weights), _leg(data["mean"], joints, weights)

        def refined(values: FloatArray) -> FloatArray:
            return np.asarray(np.einsum("vs,vs...->v...", shares, values[indices]), np.float32)

        fine = refined(weights)
        return BodyModel(
            faces=faces,
            coarse_faces=coarse_faces,
            coarse=count,
            weights=fine / fine.sum(1, keepdims=True),
            arm=refined(arm),
            leg=refined(leg),
            head=refined(weights[:, INDEX["head"]] + weights[:, INDEX["neck"]]),
            female=data["female"],
            age=data["age"],
            _refinement=(indices, shares),
            _mean=mean,
            _shapes=shapes,
            _coefficients=data["coefficients"],
        )


def normals_of(vertices: FloatArray, faces: NDArray[np.int32]) -> FloatArray:
    """(N, V, 3) unit normals, of (N, V, 3) vertices, weighted by the areas around."""
    corners = vertices[:, faces]
    across = np.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        for body in range(len(vertices)):
            for axis in range(3):
                normals[body, :, axis] += np.bincount(
                    faces[:, corner], across[body, :, axis], minlength=vertices.shape[1]
                )
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9), np.float32)


def _arm(mean: FloatArray, joints: FloatArray, weights: FloatArray) -> FloatArray:
    result = np.zeros(len(mean), np.float32)
    for side in "LR":
        shoulder, elbow, wrist = (joints[INDEX[f"{name}.{side}"]] for name in ("upper arm", "forearm", "hand"))
        upper, lower = np.linalg.norm(elbow - shoulder), np.linalg.norm(wrist - elbow)
        along_upper = (mean - shoulder) @ (elbow - shoulder) / upper
        along_lower = upper + (mean - elbow) @ (wrist - elbow) / lower
        chain = [INDEX[f"{name}.{side}"] for name in ("upper arm", "forearm", "hand")]
        share = weights[:, chain]
        along = np.where(share[:, 0] > share[:, 1:].sum(1), along_upper, along_lower) / (upper + lower)
        result = np.where(share.sum(1) > 0.3, np.maximum(along, 0), result).astype(np.float32)
    return result


def _leg(mean: FloatArray, joints: FloatArray, weights: FloatArray) -> FloatArray:
    hip, ankle, neck = (joints[INDEX[name], 2] for name in ("thigh.L", "foot.L", "neck"))
    down = (hip - mean[:, 2]) / (hip - ankle)
    up = (hip - mean[:, 2]) / (neck - hip)
    result = np.where(mean[:, 2] > hip, up, down)
    of_arm = sum(weights[:, INDEX[f"{name}.{side}"]] for name in ("forearm", "hand") for side in "LR")
    return np.where(of_arm > 0.3, -0.5, result).astype(np.float32)  # hands hang as low as the hips


def _loop_refinement(
    faces: NDArray[np.int32], count: int
) -> tuple[NDArray[np.int32], FloatArray, NDArray[np.int32]]:
    """Fine vertices as sums of coarse ones: indices (V, S), shares (V, S); and the fine faces (F, 3)."""
    opposite: dict[tuple[int, int], list[int]] = {}
    for face in faces.tolist():
        for corner in range(3):
            a, b, c = face[corner], face[(corner + 1) % 3], face[(corner + 2) % 3]
            opposite.setdefault((min(a, b), max(a, b)), []).append(c)
    edges = {edge: count + number for number, edge in enumerate(opposite)}
    around: list[set[int]] = [set() for _ in range(count)]
    border: list[set[int]] = [set() for _ in range(count)]
    for (a, b), tips in opposite.items():
        around[a].add(b)
        around[b].add(a)
        if len(tips) == 1:
            border[a].add(b)
            border[b].add(a)
    rows = [_moved(vertex, sorted(border[vertex] or around[vertex]), border[vertex]) for vertex in range(count)]
    for (a, b), tips in opposite.items():
        inner = len(tips) == 2
        rows.append({a: 3 / 8, b: 3 / 8, tips[0]: 1 / 8, tips[1]: 1 / 8} if inner else {a: 0.5, b: 0.5})
    width = max(len(row) for row in rows)
    indices = np.zeros((len(rows), width), np.int32)
    shares = np.zeros((len(rows), width), np.float32)
    for number, row in enumerate(rows):
        indices[number, : len(row)] = list(row)
        shares[number, : len(row)] = list(row.values())
    fine = []
    for a, b, c in faces.tolist():
        ab, bc, ca = (edges[min(p, q), max(p, q)] for p, q in ((a, b), (b, c), (c, a)))
        fine += [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return indices, shares, np.array(fine, np.int32)


def _moved(vertex: int, neighbours: list[int], border: set[int]) -> dict[int, float]:
    """Loop's rule for an old vertex, with Warren's weights; half as strong, which keeps fingers and noses."""
    if not neighbours:
        return {vertex: 1.0}
    inner = 3 / 16 if len(neighbours) == 3 else 3 / 8 / len(neighbours)
    share = (1 / 8 if border else inner) / 2
    return {vertex: 1 - share * len(neighbours), **dict.fromkeys(neighbours, share)}
