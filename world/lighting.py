"""The light of a site at any time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from world.site import Light

Triple = tuple[float, float, float]

STEP = 5.0  # seconds for which the light is taken to stay; the background is drawn anew after each


def light_at(lights: Sequence[Light], time: float) -> Light:
    """The light of the step that a time in seconds falls into, between the two entries around it."""
    moment = np.floor(time / STEP) * STEP
    times = [light.time for light in lights]
    after = int(np.searchsorted(times, moment, "right"))
    if after in (0, len(lights)):
        return lights[min(after, len(lights) - 1)]
    first, second = lights[after - 1], lights[after]
    share = float((moment - first.time) / (second.time - first.time))
    return Light(
        time=float(moment),
        towards=_between(first.towards, second.towards, share),
        direct=_between(first.direct, second.direct, share),
        sky=_between(first.sky, second.sky, share),
        ground=_between(first.ground, second.ground, share),
        softness=first.softness + (second.softness - first.softness) * share,
    )


def _between(a: Triple, b: Triple, share: float) -> Triple:
    x, y, z = (float(one + (other - one) * share) for one, other in zip(a, b, strict=True))
    return x, y, z
