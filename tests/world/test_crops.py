"""Cut-outs for re-ID: folders, names, and that each shows its person."""

import re
from itertools import combinations

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("opengl")
PEOPLE, CAMERAS, IMAGES = range(4, 12), 2, 3
NAME = re.compile(r"(\d{4})_c(\d)s1_(\d{6})_00\.jpg")


def crops_of(scene, people, **options):
    from world.crops import crops_of

    return crops_of([scene], people, options.get("cameras", CAMERAS), options.get("images", IMAGES), seed=3)


@pytest.fixture(scope="module")
def crops(rooms, opengl):
    return {(crop.person, crop.camera, crop.number): crop.image for crop in crops_of(rooms, PEOPLE)}


@pytest.fixture(scope="module")
def folder(rooms, opengl, tmp_path_factory):
    from world.crops import write_market

    output, told = tmp_path_factory.mktemp("market"), []
    count = write_market(crops_of(rooms, PEOPLE), output, first_tested=8, told=lambda: told.append(1))
    assert count == len(told) == len(PEOPLE) * CAMERAS * IMAGES
    return output


def test_everybody_is_there_in_every_camera(crops):
    assert sorted(crops) == [(p, c, i) for p in PEOPLE for c in range(CAMERAS) for i in range(IMAGES)]


def test_folders_are_those_of_market(folder):
    found: dict[str, list[tuple[int, ...]]] = {}
    for path in folder.rglob("*.jpg"):
        name = NAME.fullmatch(path.name)
        assert name, path.name
        found.setdefault(path.parent.name, []).append(tuple(int(group) for group in name.groups()))
    trained, queries, tested = (found[name] for name in ("bounding_box_train", "query", "bounding_box_test"))
    assert set(found) == {"bounding_box_train", "query", "bounding_box_test"}
    assert {person for person, _, _ in trained} == {5, 6, 7, 8}
    assert {person for person, _, _ in queries} == {person for person, _, _ in tested} == {9, 10, 11, 12}
    assert sorted(queries) == [(person, camera, 1) for person in (9, 10, 11, 12) for camera in (1, 2)]
    assert len(tested) == 4 * CAMERAS * (IMAGES - 1)
    assert len(trained) == 4 * CAMERAS * IMAGES


def test_the_same_seed_gives_the_same_bytes(rooms, folder, tmp_path):
    from world.crops import write_market

    write_market(crops_of(rooms, PEOPLE), tmp_path, first_tested=8, told=lambda: None)
    for path in sorted(folder.rglob("*.jpg")):
        assert (tmp_path / path.relative_to(folder)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("people", [range(9, 10), range(49, 51), range(6, 12)])
def test_a_person_is_the_same_whoever_else_is_wanted(rooms, crops, people):
    for crop in crops_of(rooms, people):
        key = crop.person, crop.camera, crop.number
        if key in crops:
            assert np.array_equal(crop.image, crops[key])
        assert crop.person in people


def test_sizes_are_those_of_people(crops):
    for image in crops.values():
        height, width = image.shape[:2]
        assert image.dtype == np.uint8
        assert 24 <= height <= 180
        assert 16 <= width <= 320
        assert 0.9 < height / width < 6
    heights = [image.shape[0] for image in crops.values()]
    assert np.median(heights) > 50


def test_each_crop_shows_its_person(rooms, crops, monkeypatch):
    """Without people the same cut-outs are walls and floors: the middle differs, the upper corners hardly do."""
    from world import renderer

    monkeypatch.setattr(renderer.Renderer, "draw_people", lambda *_: None)
    empty = {(crop.person, crop.camera, crop.number): crop.image for crop in crops_of(rooms, PEOPLE)}
    for key, image in crops.items():
        changed = np.abs(image.astype(int) - empty[key].astype(int)).max(-1) > 12
        height, width = changed.shape
        assert changed.mean() > 0.2, key
        middle = changed[height // 6 : -height // 6, width // 3 : -(width // 3)]
        assert middle.mean() > 0.5, key


def test_people_look_different(crops):
    """Colours of one person in two pictures of a camera are more alike than those of two people."""
    shown = {
        (person, number): cv2.resize(crops[person, 0, number], (16, 32)).astype(float)
        for person in PEOPLE
        for number in (0, 1)
    }
    own = [np.abs(shown[person, 0] - shown[person, 1]).mean() for person in PEOPLE]
    others = [np.abs(shown[a, 0] - shown[b, 1]).mean() for a, b in combinations(PEOPLE, 2)]
    assert np.median(own) < 0.8 * np.median(others)


def test_more_cameras_than_there_are_is_an_error(rooms):
    from world.errors import SceneError

    with pytest.raises(SceneError, match="the scenes have 2 cameras, 3 are wanted; name more scenes"):
        next(crops_of(rooms, PEOPLE, cameras=3))
