"""How far every place of a site is from what people cannot step over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates

from world.site import Site, Solid
from world.trajectory import Array

Mask = NDArray[np.bool_]


class Clearance:
    """Distance in metres from any place to the nearest solid that people cannot step over."""

    CELL = 0.08

    def __init__(self, site: Site) -> None:
        corners = np.array(list(site.places.values()))
        self.low = corners.min(0) - 3.0
        shape = np.ceil((corners.max(0) + 3.0 - self.low) / self.CELL).astype(int)
        free = np.ones(tuple(shape), np.bool_)
        for solid in site.solids:
            if solid.base < 1.9 and solid.base + solid.size[2] > 0.15:
                self._block(free, solid)
        self.field = np.asarray(distance_transform_edt(free) * self.CELL - self.CELL / 2)

    def _block(self, free: Mask, solid: Solid) -> None:
        """Marks the cells of a solid as taken."""
        radius = float(np.hypot(*solid.size[:2])) / 2
        first = np.maximum(((np.asarray(solid.centre) - radius - self.low) / self.CELL).astype(int), 0)
        last = np.maximum(((np.asarray(solid.centre) + radius - self.low) / self.CELL).astype(int) + 2, 0)
        part = free[first[0] : last[0], first[1] : last[1]]
        cells = np.indices(part.shape).reshape(2, -1).T + first
        taken = inside(solid, self.low + (cells + 0.5) * self.CELL)
        part &= ~taken.reshape(part.shape)

    def at(self, places: Array) -> Array:
        """(...,) for places (..., 2)."""
        cells = (places.reshape(-1, 2) - self.low) / self.CELL - 0.5
        found = map_coordinates(self.field, cells.T, order=1, mode="nearest")
        return np.asarray(found).reshape(places.shape[:-1])

    def quick(self, places: Array) -> Array:
        """(...,) for places (..., 2), of the nearest cell."""
        cells = ((places - self.low) / self.CELL).astype(np.int64)
        x = np.clip(cells[..., 0], 0, self.field.shape[0] - 1)
        y = np.clip(cells[..., 1], 0, self.field.shape[1] - 1)
        return np.asarray(self.field[x, y])


def inside(solid: Solid, places: Array, margin: float = 0.0) -> Mask:
    """(N,): whether places (N, 2) lie within a solid's outline, widened by a margin in metres."""
    cos, sin = np.cos(solid.turn), np.sin(solid.turn)
    own = (places - solid.centre) @ np.array([[cos, -sin], [sin, cos]])
    return np.asarray((np.abs(own) <= np.asarray(solid.size[:2]) / 2 + margin).all(1))
