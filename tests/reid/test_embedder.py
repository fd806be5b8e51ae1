"""What every embedder must do, and what each does by itself."""

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from reid.embedder import EmbedderSettings, OsnetSettings, StripesSettings
from reid.errors import WeightsError
from reid.osnet import create_osnet
from tests.reid.osnet_filling import fill

RNG = np.random.default_rng(11)
IMAGES = [RNG.integers(0, 256, (180, 240, 3), np.uint8), RNG.integers(0, 256, (90, 120, 3), np.uint8)]
BOXES = [
    np.array([[10, 10, 50, 120], [60, 5, 110, 170], [0, 0, 240, 180]], np.float32),
    np.array([[5, 5, 40, 85], [50, 10, 90, 80]], np.float32),
]
NONE = np.zeros((0, 4), np.float32)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "osnet.pth"
    torch.save(fill(create_osnet("osnet_x0_25", num_classes=4).state_dict()), path)
    return path


@pytest.fixture(scope="module", params=["osnet", "stripes"])
def embedder(request, checkpoint):
    every: dict[str, OsnetSettings | StripesSettings] = {
        "osnet": OsnetSettings(weights=str(checkpoint), device="cpu", batch=16),
        "stripes": StripesSettings(),
    }
    embedder = every[request.param].build()
    yield embedder
    embedder.close()
    embedder.close()


def test_rows_are_of_unit_length_and_of_the_dimension_that_is_told(embedder):
    rows = embedder.embed(IMAGES, BOXES)
    assert [row.shape for row in rows] == [(3, embedder.dimension), (2, embedder.dimension)]
    assert all(row.dtype == np.float32 for row in rows)
    np.testing.assert_allclose(np.linalg.norm(np.concatenate(rows), axis=1), 1, atol=1e-5)


def test_the_same_input_gives_the_same_output(embedder):
    first, second = embedder.embed(IMAGES, BOXES), embedder.embed(IMAGES, BOXES)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_rows_belong_to_their_boxes_whatever_comes_with_them(embedder):
    together = embedder.embed(IMAGES, BOXES)
    for image, boxes, rows in zip(IMAGES, BOXES, together, strict=True):
        for box, row in zip(boxes, rows, strict=True):
            alone = embedder.embed([image], [box[None]])[0][0]
            assert float(alone @ row) > 0.9999
    turned = embedder.embed(IMAGES[::-1], [BOXES[1], BOXES[0][::-1]])
    np.testing.assert_allclose(turned[0], together[1], atol=1e-4)
    np.testing.assert_allclose(turned[1], together[0][::-1], atol=1e-4)


def test_different_looks_give_different_rows(embedder):
    rows = np.concatenate(embedder.embed(IMAGES, BOXES))
    assert np.unique(rows, axis=0).shape == rows.shape


def test_empty_input(embedder):
    before = embedder.batches
    assert embedder.embed([], []) == []
    rows = embedder.embed(IMAGES, [NONE, NONE])
    assert [row.shape for row in rows] == [(0, embedder.dimension)] * 2
    assert embedder.batches == before


def test_an_image_without_boxes_between_others(embedder):
    rows = embedder.embed([IMAGES[0], IMAGES[1], IMAGES[1]], [BOXES[0], NONE, BOXES[1]])
    assert [len(row) for row in rows] == [3, 0, 2]
    np.testing.assert_allclose(rows[2], embedder.embed(IMAGES, BOXES)[1], atol=1e-4)


def test_boxes_outside_of_the_image(embedder):
    boxes = np.array([[-90, -90, -10, -10], [500, 500, 600, 600], [-20, -20, 30, 60]], np.float32)
    rows = embedder.embed(IMAGES[:1], [boxes])[0]
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_all_crops_of_a_tick_are_one_batch(embedder):
    before = embedder.batches
    embedder.embed(IMAGES, BOXES)
    assert embedder.batches == before + 1


def test_osnet_splits_what_is_more_than_its_batch(checkpoint):
    embedder = OsnetSettings(weights=str(checkpoint), device="cpu", runtime="torch", batch=2).build()
    rows = embedder.embed(IMAGES, BOXES)
    assert embedder.batches == 3
    whole = OsnetSettings(weights=str(checkpoint), device="cpu", runtime="torch").build().embed(IMAGES, BOXES)
    for one, other in zip(rows, whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_osnet_tells_what_it_runs(checkpoint):
    embedder = OsnetSettings(weights=str(checkpoint), device="cpu").build()
    assert embedder.architecture == "osnet_x0_25"
    assert "OpenVINO" in embedder.description
    assert embedder.parity is not None
    assert embedder.parity.passed


def test_osnet_without_its_weights(tmp_path, checkpoint):
    with pytest.raises(WeightsError, match=r"embedder\.weights"):
        OsnetSettings(weights=str(tmp_path / "none.pth")).build()
    with pytest.raises(WeightsError, match=r"osnet_x0_25.*osnet_ain_x1_0"):
        OsnetSettings(weights=str(checkpoint), architecture="osnet_ain_x1_0").build()


def test_stripes_tell_clothes_apart_and_not_sizes():
    scene = np.full((200, 300, 3), 90, np.uint8)
    for left, top, bottom in ((10, (200, 30, 30), (20, 20, 20)), (60, (30, 30, 220), (200, 200, 40))):
        scene[20:80, left : left + 40] = top
        scene[80:160, left : left + 40] = bottom
    scene[100:130, 200:220], scene[130:170, 200:220] = (200, 30, 30), (20, 20, 20)
    boxes = np.array([[10, 20, 50, 160], [60, 20, 100, 160], [200, 100, 220, 170]], np.float32)
    first, other, first_but_small = StripesSettings().build().embed([scene], [boxes])[0]
    assert first @ first_but_small > 0.95
    assert first @ other < 0.8


@pytest.mark.parametrize(("stripes", "bins"), [(1, 2), (6, 8), (32, 32)])
def test_stripes_settings_decide_the_dimension(stripes, bins):
    embedder = StripesSettings(stripes=stripes, bins=bins).build()
    assert embedder.dimension == 3 * stripes * bins
    assert embedder.embed(IMAGES, BOXES)[0].shape == (3, embedder.dimension)


def test_the_union_chooses_by_type():
    adapter = TypeAdapter(EmbedderSettings)
    assert isinstance(adapter.validate_python({"type": "stripes"}), StripesSettings)
    assert isinstance(adapter.validate_python({"type": "osnet", "weights": "a.pth"}), OsnetSettings)


@pytest.mark.parametrize(
    "settings",
    [
        {"type": "osnet", "weights": 5},
        {"type": "osnet", "weights": "a.pth", "batch": 0},
        {"type": "osnet", "weights": "a.pth", "precision": "int4"},
        {"type": "osnet", "weights": "a.pth", "runtime": "onnx"},
        {"type": "stripes", "stripes": 0},
        {"type": "stripes", "colour": "red"},
        {"type": "nothing"},
    ],
)
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ValidationError):
        TypeAdapter(EmbedderSettings).validate_python(settings)
