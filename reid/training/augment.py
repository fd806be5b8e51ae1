"""What is done to a crop before the network learns from it: random views of one person, all on uint8 BGR."""

from __future__ import annotations

import functools
from typing import Annotated, Any

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field

from reid.crops import Image

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Random = np.random.Generator

_SIDES = 0.3, 1 / 0.3  # height to width of an erased patch (Zhong et al., AAAI 2020, section 3)
_ERASE_TRIES = 20
_MUCH_SMALLER = 0.5  # of the pixels
_FARTHEST = 5.0  # times smaller than the picture is, when it is seen from far away
_COARSEST, _FINEST = 25, 90  # JPEG quality


class AugmentSettings(BaseModel, frozen=True, extra="forbid"):
    """Each is off at 0.

    Attributes:
        flip: probability of a mirrored picture.
        pad: pixels added on each side before a window of the old size is cut out (He et al., CVPR 2016), for a
            picture 128 pixels wide.
        box_jitter: standard deviation of each side of the crop, as a share of its size, like a detector's.
        brightness: factor drawn from 1 - x to 1 + x; so are contrast and saturation.
        contrast: see brightness.
        saturation: see brightness.
        hue: shift drawn from -x to x, as a share of the colour circle.
        grey: probability of a picture without colour.
        gain: factor of each colour channel, drawn from 1 - x to 1 + x: the colour of the light.
        gamma: exponent drawn from exp(-x) to exp(x): how a camera renders shadows.
        noise: standard deviation drawn from 0 to x, as a share of white: a sensor's.
        far: probability of a picture seen from farther away: made smaller, and large again.
        compress: probability of JPEG artefacts.
        erase: probability of random erasing (Zhong et al., AAAI 2020).
        erase_most: largest erased share of the picture.
    """

    flip: Share = 0.5
    pad: int = Field(0, ge=0, le=64)
    box_jitter: float = Field(0.05, ge=0.0, le=0.3)
    brightness: Share = 0.2
    contrast: Share = 0.15
    saturation: Share = 0.2
    hue: float = Field(0.02, ge=0.0, le=0.5)
    grey: Share = 0.0
    gain: Share = 0.0
    gamma: Share = 0.0
    noise: float = Field(0.0, ge=0.0, le=0.3)
    far: Share = 0.0
    compress: Share = 0.0
    erase: Share = 0.5
    erase_most: float = Field(0.3, gt=0.02, le=0.9)


def augment(image: Image, size: tuple[int, int], settings: AugmentSettings, rng: Random) -> Image:
    """One random view.

    Args:
        image: (H, W, 3) uint8 BGR, any size; not changed.
        size: height and width wanted.
        settings: what to do.
        rng: all randomness comes from here.

    Returns:
        (*size, 3) uint8 BGR, an array of its own.
    """
    view = _window(image, size, settings, rng)
    if rng.random() < settings.far:
        view = _seen_from_far(view, rng)
    if rng.random() < settings.compress:
        view = _compressed(view, rng)
    view = _coloured(view, settings, rng)
    if rng.random() < settings.erase:
        _erase(view, settings.erase_most, rng)
    return view


def resize(image: Image, size: tuple[int, int]) -> Image:
    """(H, W, 3) to (*size, 3)."""
    height, width = size
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _window(image: Image, size: tuple[int, int], settings: AugmentSettings, rng: Random) -> Image:
    """Jittered box, size, padding and mirror in one resampling."""
    tall, wide = image.shape[:2]
    height, width = size
    left, top, right, bottom = np.array([0.0, 0.0, wide, tall]) + settings.box_jitter * rng.standard_normal(
        4
    ) * np.array([wide, tall, wide, tall])
    right, bottom = max(right, left + wide / 2), max(bottom, top + tall / 2)
    across, down = width / (right - left), height / (bottom - top)
    pad = settings.pad * width / 128
    x, y = rng.uniform(-pad, pad, 2)
    matrix = np.array([[across, 0.0, -left * across + x], [0.0, down, -top * down + y]])
    if rng.random() < settings.flip:
        matrix[0] = -matrix[0]
        matrix[0, 2] += width
    if across * down < _MUCH_SMALLER:  # warpAffine does not average: shrink first
        small = max(2, round(wide * across)), max(2, round(tall * down))
        image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
        matrix[:, 0] *= wide / small[0]
        matrix[:, 1] *= tall / small[1]
    matrix[:, 2] += 0.5 * (matrix[:, 0] + matrix[:, 1]) - 0.5  # pixel centres
    return np.asarray(
        cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )


def _seen_from_far(image: Image, rng: Random) -> Image:
    height, width = image.shape[:2]
    less = rng.uniform(1.2, _FARTHEST)
    small = cv2.resize(
        image, (max(8, int(width / less)), max(16, int(height / less))), interpolation=cv2.INTER_AREA
    )
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _compressed(image: Image, rng: Random) -> Image:
    quality = int(rng.integers(_COARSEST, _FINEST))
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _coloured(image: Image, settings: AugmentSettings, rng: Random) -> Image:
    brightness, contrast, saturation = (
        1.0 + amount * rng.uniform(-1.0, 1.0)
        for amount in (settings.brightness, settings.contrast, settings.saturation)
    )
    hue = settings.hue * rng.uniform(-1.0, 1.0)
    saturation = 0.0 if rng.random() < settings.grey else saturation
    if hue or saturation != 1.0:
        image = _recoloured(image, hue, saturation)
    gains = brightness * (1.0 + settings.gain * rng.uniform(-1.0, 1.0, 3))
    power = np.exp(settings.gamma * rng.uniform(-1.0, 1.0))
    if contrast != 1.0 or power != 1.0 or (gains != 1.0).any():
        values = np.clip((np.arange(256.0) - 128.0) * contrast + 128.0, 0.0, 255.0)
        values = 255.0 * (values / 255.0)[:, None] ** power * gains
        image = np.asarray(cv2.LUT(image, np.clip(values, 0, 255).astype(np.uint8)[None]), np.uint8)
    if settings.noise:
        image = _noisy(image, 255.0 * settings.noise * rng.random(), rng)
    return image


def _noisy(image: Image, deviation: float, rng: Random) -> Image:
    """A window of one field, added in one call: noise drawn anew costs more than all else together."""
    height, width = image.shape[:2]
    top, left = rng.integers(0, _NOISE_MARGIN, 2)
    window = _noise_field(height, width)[top : top + height, left : left + width]
    share = deviation / _NOISE_DEVIATION
    return np.asarray(cv2.addWeighted(image, 1.0, window, share, -128.0 * share), np.uint8)


_NOISE_MARGIN = 64  # pixels that the window can move
_NOISE_DEVIATION = 32.0


@functools.lru_cache(maxsize=4)
def _noise_field(height: int, width: int) -> Image:
    shape = height + _NOISE_MARGIN, width + _NOISE_MARGIN, 3
    noise = 128.0 + _NOISE_DEVIATION * np.random.default_rng(0).standard_normal(shape)
    return np.asarray(np.clip(noise + 0.5, 0, 255), np.uint8)


def _recoloured(image: Image, hue: float, saturation: float) -> Image:
    """A rotation and scaling of the two colour axes of YUV: one matrix for all pixels."""
    angle = 2.0 * np.pi * hue
    turn: Any = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * saturation
    mixed = np.eye(3)
    mixed[1:, 1:] = turn
    matrix = np.linalg.inv(_TO_YUV) @ mixed @ _TO_YUV
    return np.asarray(cv2.transform(image, matrix), np.uint8)


_TO_YUV: npt.NDArray[np.float64] = np.array(
    [[0.114, 0.587, 0.299], [0.436, -0.28886, -0.14713], [-0.10001, -0.51499, 0.615]]  # BT.601, of B, G, R
)


def _erase(image: Image, most: float, rng: Random) -> None:
    """A patch of the crop's mean colour, in place."""
    height, width = image.shape[:2]
    for _ in range(_ERASE_TRIES):
        area = rng.uniform(0.02, most) * height * width
        ratio = np.exp(rng.uniform(*np.log(_SIDES)))
        tall, wide = round(np.sqrt(area * ratio)), round(np.sqrt(area / ratio))
        if 0 < tall < height and 0 < wide < width:
            top, left = rng.integers(0, height - tall), rng.integers(0, width - wide)
            image[top : top + tall, left : left + wide] = _ERASED
            return


_ERASED = (104, 116, 124)  # ImageNet's mean in BGR: zero after normalisation
