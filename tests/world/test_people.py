"""Bodies, what they wear, and how their skin follows the joints."""

from dataclasses import fields
from typing import get_args

import numpy as np
import pytest

from world.accessories import COLUMNS, Part
from world.bodies import body_model, normals_of
from world.cast import draw_cast
from world.figure import skin
from world.outfit import PATTERNS, Bag, Hair, Hat, draw_outfit, in_uniform, lookalike_of
from world.skeleton import JOINTS

BODIES = np.array([0, 1, 7, 250, 999])
OWN = {"skin", "hair", "hair_colour", "bag", "bag_colour"}  # what two people in the same clothes need not share


@pytest.fixture(scope="module")
def cast():
    return draw_cast(16, seed=5, lookalikes=2)


def rest(bodies=BODIES):
    return body_model().vertices_and_joints(bodies, np.ones(len(bodies), np.float32))


def volume(vertices, faces):
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return float(np.einsum("fc,fc->", a, np.cross(b, c))) / 6


def test_bodies_have_the_shapes_that_they_say():
    model = body_model()
    vertices, joints = rest()
    assert vertices.shape == (len(BODIES), len(model.weights), 3)
    assert joints.shape == (len(BODIES), len(JOINTS), 3)
    assert model.faces.shape == (4 * len(model.coarse_faces), 3)
    assert model.arm.shape == model.leg.shape == model.head.shape == (len(model.weights),)
    assert set(np.unique(model.faces)) == set(range(len(model.weights)))


def test_bodies_are_as_large_as_people():
    vertices, _ = rest(np.arange(0, 1000, 10))
    statures = np.ptp(vertices[..., 2], axis=1)
    assert statures.min() > 1.0
    assert 1.55 < np.median(statures) < 1.8
    assert statures.max() < 2.15
    assert np.abs(vertices[..., 2].min(1)).max() < 0.02


def test_stature_is_a_factor():
    model = body_model()
    small, tall = (model.vertices_and_joints(np.array([3]), np.array([k], np.float32)) for k in (1.0, 1.1))
    for one, other in zip(small, tall, strict=True):
        assert other == pytest.approx(1.1 * one, abs=1e-5)


def test_weights_sum_to_one(cast):
    model = body_model()
    assert model.weights.shape == (len(model.weights), len(JOINTS))
    assert model.weights.sum(1) == pytest.approx(1, abs=1e-5)
    for figure in cast.figures:
        assert figure.weights.shape == (len(figure.vertices), COLUMNS)
        assert figure.weights.min() >= 0
        assert figure.weights.sum(1) == pytest.approx(1, abs=1e-5)


def test_normals_of_bodies_point_outwards():
    model = body_model()
    vertices, _ = rest()
    normals = normals_of(vertices, model.faces)
    assert np.linalg.norm(normals, axis=-1) == pytest.approx(1, abs=1e-3)
    for body, normal in zip(vertices, normals, strict=True):
        assert 0.015 < volume(body, model.faces) < 0.2  # cubic metres
        assert volume(body + 0.005 * normal, model.faces) > 1.02 * volume(body, model.faces)


def test_normals_of_bags_and_balls_point_outwards(cast):
    seen = set()
    for figure in cast.figures:
        for part in (Part.BAG, Part.PEAK, Part.HOOD):
            own = figure.coordinates[:, 3] == part
            if own.any():
                seen.add(part)
                away = figure.vertices[own] - figure.vertices[own].mean(0)
                assert np.mean((away * figure.normals[own]).sum(1) > 0) > 0.95
    assert Part.BAG in seen


def test_the_coarse_figure_is_a_prefix(cast):
    transforms = np.tile(np.eye(3, 4, dtype=np.float32), (len(JOINTS), 1, 1))
    for figure in cast.figures:
        assert figure.coarse_faces.max() < figure.coarse <= len(figure.vertices)
        assert figure.faces.max() < len(figure.vertices)
        fine, coarse = (skin(figure, transforms, coarse=which) for which in (False, True))
        for one, other in zip(fine, coarse, strict=True):
            assert len(other) == figure.coarse
            assert np.array_equal(one[: figure.coarse], other)


def test_skin_at_rest_is_the_figure_at_rest(cast):
    transforms = np.tile(np.eye(3, 4, dtype=np.float32), (len(JOINTS), 1, 1))
    for figure in cast.figures:
        vertices, normals = skin(figure, transforms, coarse=False)
        assert vertices == pytest.approx(figure.vertices, abs=1e-5)
        assert normals == pytest.approx(figure.normals, abs=1e-5)


def test_bags_in_hands_stay_upright(cast):
    roll = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0]], np.float32)  # a quarter turn about x
    transforms = np.tile(roll, (len(JOINTS), 1, 1))
    carrying = [
        figure
        for figure, outfit in zip(cast.figures, cast.outfits, strict=True)
        if outfit.bag in ("handbag", "suitcase", "shopping bag")
    ]
    assert carrying
    for figure in carrying:
        bag = figure.coordinates[:, 3] == Part.BAG
        vertices, _ = skin(figure, transforms, coarse=False)
        assert np.ptp(vertices[bag], axis=0) == pytest.approx(np.ptp(figure.vertices[bag], axis=0), abs=1e-4)


def test_the_seed_decides_the_cast(cast):
    same, other = draw_cast(16, seed=5, lookalikes=2), draw_cast(16, seed=6, lookalikes=2)
    assert same.outfits == cast.outfits
    assert cast.outfits != other.outfits
    for one, again in zip(cast.figures, same.figures, strict=True):
        assert np.array_equal(one.vertices, again.vertices)
    joints = [np.stack([figure.joints for figure in drawn.figures]) for drawn in (cast, other)]
    assert np.abs(joints[0] - joints[1]).max() > 1e-3


def test_lookalikes_wear_the_same_on_other_bodies(cast):
    for first in (0, 2):
        one, other = cast.outfits[first : first + 2]
        worn = [field.name for field in fields(one) if field.name not in OWN]
        assert all(getattr(one, name) == getattr(other, name) for name in worn)
        joints = [figure.joints for figure in cast.figures[first : first + 2]]
        assert np.abs(joints[0] - joints[1]).max() > 0.01
    assert cast.outfits[4].top != cast.outfits[5].top


def test_uniforms_are_alike():
    outfits = draw_cast(6, seed=2, uniforms=1.0).outfits
    assert len({(outfit.top, outfit.bottom, outfit.top_pattern, outfit.shoes) for outfit in outfits}) == 1
    assert len({outfit.skin for outfit in outfits}) > 1


def test_every_outfit_is_possible():
    generator = np.random.default_rng(0)
    drawn = [draw_outfit(generator, female=k % 2 == 0, age=float(generator.uniform(8, 75))) for k in range(300)]
    drawn += [in_uniform(outfit) for outfit in drawn[:10]]
    drawn += [lookalike_of(outfit, generator) for outfit in drawn[:10]]
    for outfit in drawn:
        colours = [getattr(outfit, field.name) for field in fields(outfit) if "Colour" in str(field.type)]
        assert len(colours) == 9
        assert all(0 < channel < 0.95 for colour in colours for channel in colour)
        assert {outfit.top_pattern, outfit.bottom_pattern} <= set(PATTERNS)
        assert outfit.hair in get_args(Hair)
        assert outfit.hat in get_args(Hat)
        assert outfit.bag in get_args(Bag)
        assert 0.3 <= outfit.sleeve <= 1
        assert 0.1 <= outfit.hem <= 0.25
        assert 0.01 <= outfit.thickness <= 0.05
        assert outfit.open_front == 0 or 0.03 <= outfit.open_front <= 0.09
        assert outfit.leg == 0 or 0.42 <= outfit.leg <= 1.02
        assert outfit.skirt == 0 or 0.3 <= outfit.skirt <= 0.75
        assert outfit.skirt > 0 or outfit.leg > 0
        assert 0.7 <= outfit.scale <= 1.4
        assert 0 <= outfit.seed < 1
    assert {outfit.hair for outfit in drawn} == set(get_args(Hair))
    assert {outfit.bag for outfit in drawn} == set(get_args(Bag))
