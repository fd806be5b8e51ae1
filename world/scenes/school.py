"""Three halls of a school, where many people dress alike."""

from __future__ import annotations

from dataclasses import replace

from world.camera import Look
from world.scenes.mall import HALLS, camera_of, mall_site
from world.site import Scene

_BY_NAME = {hall.name: hall for hall in HALLS}
SCHOOL = (
    replace(_BY_NAME["atrium"], walls=(0.6, 0.52, 0.36), floor=("carpet", (0.16, 0.2, 0.26)), size=(640, 360)),
    replace(
        _BY_NAME["food"], walls=(0.42, 0.52, 0.46), floor=("tiles", (0.5, 0.5, 0.46)),
        look=Look(exposure=1.0, warmth=-0.2, noise=3.0, blur=0.7, crf=28),
    ),
    replace(
        _BY_NAME["entrance"], walls=(0.5, 0.27, 0.2), floor=("paving", (0.42, 0.4, 0.38)), size=(640, 360),
        look=Look(exposure=0.9, warmth=0.3, contrast=0.95, noise=2.0, crf=26),
    ),
)  # fmt: skip

LOOKALIKES = Scene(
    name="lookalikes",
    summary="Three halls of a school: five pairs in the same clothes, a third of the others in uniform.",
    site=mall_site(SCHOOL),
    cameras=tuple(camera_of(hall) for hall in SCHOOL),
    seconds=45.0,
    people=14,
    lookalikes=5,
    uniforms=0.3,
)
