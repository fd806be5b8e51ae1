import cv2
import numpy as np
import pytest

from reid.training.augment import AugmentSettings, augment, resize

OFF = {
    "flip": 0, "box_jitter": 0, "brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, "erase": 0,
}  # fmt: skip


@pytest.fixture
def image():
    rng = np.random.default_rng(0)
    return cv2.resize(rng.integers(0, 256, (20, 10, 3), dtype=np.uint8), (60, 160))


def view(image, size=(256, 128), seed=0, **changes):
    return augment(image, size, AugmentSettings(**{**OFF, **changes}), np.random.default_rng(seed))


def test_without_changes_it_is_the_picture(image):
    near = np.abs(view(image).astype(int) - resize(image, (256, 128)))
    assert near.max() <= 2


def test_a_small_picture_of_a_large_one_is_averaged():
    stripes = np.zeros((512, 256, 3), np.uint8)
    stripes[::2] = 255
    assert np.abs(view(stripes, (64, 32)).astype(int) - 128).max() < 10


def test_mirror(image):
    near = np.abs(view(image, flip=1).astype(int) - resize(image, (256, 128))[:, ::-1])
    assert near.max() <= 2


def test_the_picture_given_is_not_changed(image):
    before = image.copy()
    for seed in range(5):
        augment(
            image,
            (128, 64),
            AugmentSettings(far=1, compress=1, grey=0.5, erase=1, pad=10),
            np.random.default_rng(seed),
        )
    assert np.array_equal(image, before)


@pytest.mark.parametrize("change", [{"box_jitter": 0.1}, {"pad": 10}, {"far": 1}, {"compress": 1}, {"erase": 1}])
def test_each_change_changes(image, change):
    assert np.abs(view(image, **change).astype(int) - view(image)).max() > 8


def test_padding_moves_by_its_pixels_at_most():
    dot = np.zeros((256, 128, 3), np.uint8)
    dot[128, 64] = 255
    moved = [np.argwhere(view(dot, seed=seed, pad=10)[..., 0] > 60)[0] - (128, 64) for seed in range(40)]
    assert 5 < np.abs(moved).max() <= 10


def test_grey_has_no_colour(image):
    grey = view(image, grey=1).astype(int)
    assert np.ptp(grey, axis=2).max() <= 2


def test_light_of_another_colour_scales_each_channel(image):
    plain, seen = np.maximum(view(image), 1), []
    for seed in range(20):
        changed = view(image, seed=seed, gain=0.2).astype(float) / plain
        seen.append(np.median(changed.reshape(-1, 3)[(plain > 60).all(axis=2).ravel()], axis=0))
    assert 0.75 < np.min(seen) < 0.9
    assert np.ptp(seen, axis=1).mean() > 0.1


def test_gamma_keeps_black_and_white_and_the_order_of_greys():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 128, axis=1).repeat(3, axis=2)
    changed = np.stack([view(ramp, seed=seed, gamma=0.5)[:, 64, 0] for seed in range(20)]).astype(int)
    assert (changed[:, 0] == 0).all()
    assert (changed[:, -1] >= 254).all()
    assert (np.diff(changed, axis=1) >= 0).all()
    assert changed[:, 128].min() < 100
    assert changed[:, 128].max() > 150


def test_noise_has_no_mean_and_at_most_its_deviation():
    grey = np.full((256, 128, 3), 120, np.uint8)
    found = [view(grey, seed=seed, noise=0.1).astype(float) - 120 for seed in range(20)]
    assert max(abs(noise.mean()) for noise in found) < 0.5
    assert 15 < max(noise.std() for noise in found) < 26.5


def test_brightness_keeps_the_hue(image):
    changed = [
        view(image, seed=seed, brightness=0.3).astype(float) / np.maximum(view(image), 1) for seed in range(20)
    ]
    factors = [np.median(ratio[view(image).max(2) < 180]) for ratio in changed]
    assert min(factors) < 0.85
    assert max(factors) > 1.15
    assert all(0.68 < factor < 1.32 for factor in factors)


def test_hue_turns_without_making_it_darker(image):
    turned = view(image, hue=0.5, seed=2)
    assert np.abs(turned.astype(int) - view(image)).max() > 20
    light = [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).mean() for picture in (turned, view(image))]
    assert light[0] == pytest.approx(light[1], abs=12)


def test_erasing_leaves_most_of_the_picture(image):
    for seed in range(30):
        changed = (view(image, seed=seed, erase=1, erase_most=0.3) != view(image)).any(2).mean()
        assert 0.01 < changed < 0.33
