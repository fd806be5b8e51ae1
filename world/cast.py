"""The people of a scene: bodies, clothes and manners, drawn from one seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from world.accessories import Part
from world.bodies import body_model
from world.figure import Figure, dress
from world.motion import Hands, Manner, Motion, draw_manner, measured
from world.outfit import Outfit, draw_outfit, in_common_clothes, in_uniform, lookalike_of
from world.skeleton import JOINTS


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """N people.

    Attributes:
        figures: at rest and dressed.
        outfits: what they wear.
        motion: how they move.
    """

    figures: list[Figure]
    outfits: list[Outfit]
    motion: Motion


def draw_cast(count: int, seed: int, *, lookalikes: int = 0, uniforms: float = 0.0, common: float = 0.0) -> Cast:
    """People at random.

    Args:
        count: how many.
        seed: the same gives the same people.
        lookalikes: so many pairs wear the same clothes: people 0 and 1, 2 and 3 and so on.
        uniforms: share of the others who wear the uniform of the site.
        common: share of the rest in plain dark clothes.
    """
    generator = np.random.default_rng([seed, 1])
    model = body_model()
    bank = len(model.female)
    bodies = generator.choice(bank, count, replace=count > bank)
    stature = generator.normal(1.0, 0.02, count).clip(0.94, 1.06).astype(np.float32)
    outfits: list[Outfit] = []
    for person, body in enumerate(bodies):
        outfit = draw_outfit(generator, female=bool(model.female[body]), age=float(model.age[body]))
        if person < 2 * lookalikes and person % 2:
            outfit = lookalike_of(outfits[person - 1], generator)
        elif person >= 2 * lookalikes and generator.random() < uniforms:
            outfit = in_uniform(outfit)
        elif person >= 2 * lookalikes and generator.random() < common:
            outfit = in_common_clothes(outfit, generator)
        outfits.append(outfit)
    figures = dress(bodies, stature, outfits)
    manners = [draw_manner(generator, **_hands(outfit)) for outfit in outfits]
    return Cast(figures, outfits, _motion(figures, manners))


def _motion(figures: Sequence[Figure], manners: Sequence[Manner]) -> Motion:
    rows = []
    for figure in figures:
        body = figure.coordinates[:, 3] == Part.BODY  # bags do not keep the arms away
        rows.append(measured(figure.vertices[body], figure.joints, figure.weights[body, : len(JOINTS)]))
    soles, hips = (np.stack(column) for column in zip(*rows, strict=True))
    return Motion(np.stack([figure.joints for figure in figures]), manners, soles, hips)


def _hands(outfit: Outfit) -> dict[str, Hands]:
    """Who carries something does not swing that arm."""
    side = "L" if outfit.seed < 0.5 else "R"
    if outfit.bag in ("handbag", "shopping bag", "suitcase"):
        return {"hands": "carry.L" if side == "L" else "carry.R"}
    return {}
