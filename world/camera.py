"""A camera of the site: where it hangs, what its lens does, and how its pictures look."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Look:
    """What makes one camera's pictures differ from another's.

    Attributes:
        exposure: factor on the light.
        warmth: white balance; 0 neutral, positive redder, negative bluer; about -1 to 1.
        saturation: 0 grey, 1 as it is.
        contrast: 1 as it is; below, a veil of light.
        noise: standard deviation in 8-bit steps at middle grey.
        blur: standard deviation of the lens's blur in pixels.
        vignette: share of light lost in the corners.
        crf: quality of the H.264 stream; more is worse.
    """

    exposure: float = 1.0
    warmth: float = 0.0
    saturation: float = 1.0
    contrast: float = 1.0
    noise: float = 2.0
    blur: float = 0.5
    vignette: float = 0.1
    crf: int = 26


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a camera's picture: left, top, width, height in pixels of it."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera.

    Attributes:
        name: as in cams.yaml.
        place: of the lens, metres.
        target: a point in the middle of its picture, metres.
        field_of_view: horizontal, degrees.
        size: of the picture: width, height in pixels.
        fps: frames a second.
        clock: seconds by which its clock is ahead of the site's.
        distortion: of the lens (first radial coefficient, in units of half the width); negative: straight lines
            bulge outwards. Below -4/27 of the corner's squared distance no light would reach the corners.
        look: of its pictures.
    """

    name: str
    place: Point
    target: Point
    field_of_view: float = 70.0
    size: tuple[int, int] = (640, 360)
    fps: float = 12.5
    clock: float = 0.0
    distortion: float = 0.0
    look: Look = field(default_factory=Look)

    def __post_init__(self) -> None:
        corner = 1 + (self.size[1] / self.size[0]) ** 2  # squared distance from the middle, in half widths
        least = -4 / (27 * corner)
        if self.distortion < least:
            raise ValueError(
                f"camera {self.name}: distortion must be at least {least:.3f}, given {self.distortion}"
            )

    @property
    def focal(self) -> float:
        """In pixels."""
        return self.size[0] / 2 / float(np.tan(np.radians(self.field_of_view) / 2))

    def axes(self) -> Array:
        """(3, 3): rows are the camera's right, down and forward in the world."""
        forward = np.subtract(self.target, self.place)
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(forward, right), forward])

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixels (..., 2) of points (..., 3), the lens's bending included, and their depths (...) in metres.

        A point with a depth that is not positive lies behind the camera and its pixel means nothing.
        """
        local = (points - np.asarray(self.place)) @ self.axes().T
        depth = local[..., 2]
        flat = local[..., :2] / np.maximum(depth, 1e-6)[..., None]
        reach = self.focal / (self.size[0] / 2)  # from tangents to units of half the width
        radius = np.square(flat * reach).sum(-1, keepdims=True)
        return flat * self.bending(radius) * self.focal + np.asarray(self.size) / 2, depth

    def bending(self, radius: Array) -> Array:
        """Factor by which the lens moves points outwards, at squared distances from the middle in half widths.

        A negative coefficient would fold what is far beyond the picture back into it; from where that begins the
        factor stays.
        """
        if self.distortion < 0:
            radius = np.minimum(radius, -1 / (3 * self.distortion))
        return np.asarray(1 + self.distortion * radius)
