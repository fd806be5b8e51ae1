"""A scene with its people in it, at any moment of its time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from world.camera import Camera
from world.cast import Cast, draw_cast
from world.lighting import light_at
from world.renderer import Posed, Renderer
from world.routes import walk_through
from world.site import Light, Scene
from world.trajectory import Trajectory, moment_of
from world.view import View

_FINE_FROM = 150  # pixels of height from which on a person is drawn with all triangles
_MARGIN = 1.5  # metres beside the picture within which people still throw their shadows into it


class Stage:
    """Draws one scene. `close` it, or use it in a `with`.

    Attributes:
        scene: what is drawn.
        cast: who is in it.
        trajectories: where they walk.
        views: one for each camera.
    """

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene = scene
        self.cast: Cast = draw_cast(
            scene.people, seed, lookalikes=scene.lookalikes, uniforms=scene.uniforms, common=scene.common
        )
        self.trajectories: Sequence[Trajectory] = walk_through(scene, seed)
        self._renderer = Renderer(scene.site, self.cast.figures, self.cast.outfits)
        self.views = [View(self._renderer, camera) for camera in scene.cameras]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the renderer back."""
        self._renderer.close()

    def light(self, time: float) -> Light:
        """The light at a time in seconds."""
        return light_at(self.scene.site.lights, time)

    def posed(self, time: float, camera: Camera) -> list[Posed]:
        """Everybody in or near the picture of a camera at a time in seconds, ready to be drawn."""
        moment = moment_of(self.trajectories, time)
        if not len(moment.people):
            return []
        middles = np.concatenate([moment.places, np.full((len(moment.people), 1), 0.9)], 1)
        pixels, depth = camera.project(middles)
        reach = camera.focal * _MARGIN / np.maximum(depth, 0.1)
        outside = np.maximum(-pixels, pixels - np.asarray(camera.size)).max(1)
        near = (depth > 0.2) & (outside < reach)
        if not near.any():
            return []
        transforms = self.cast.motion.pose(moment)
        return [
            self._renderer.pose(
                int(moment.people[index]),
                transforms[index],
                coarse=bool(camera.focal * 1.7 / depth[index] < _FINE_FROM),
            )
            for index in np.flatnonzero(near)
        ]
