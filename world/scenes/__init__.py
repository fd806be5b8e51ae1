"""The scenes that can be rendered, by name."""

from __future__ import annotations

from world.scenes.campus import CAMPUS
from world.scenes.mall import MALL
from world.scenes.museum import CROWD, OVERLAP
from world.scenes.school import LOOKALIKES
from world.scenes.station import DROP
from world.scenes.street import DEMO, LOWFPS
from world.site import Scene

_ALL = (DEMO, MALL, CAMPUS, LOOKALIKES, LOWFPS, DROP, OVERLAP, CROWD)
SCENES: dict[str, Scene] = {scene.name: scene for scene in _ALL}
