"""Our linkers on recorded sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.recorded_site import RecordedSite
from benchmarks.site_tracklets import Labels, SiteTracklets
from pipeline.config import load_processing
from reid.identity_map import IdentityMap
from reid.topology import CameraLink
from reid.tracklets import Link


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """What a linker decided on a site.

    Attributes:
        labels: (T,) final identity of each tracklet; one that got none is alone.
        links: every decision, as it was made.
    """

    labels: Labels
    links: tuple[Link, ...]


def online(
    site: RecordedSite, tracklets: SiteTracklets, links: Sequence[CameraLink], changes: Sequence[str] = ()
) -> Decided:
    """Feed the default preset's linker as the program does.

    Args:
        site: recorded.
        tracklets: of that site.
        links: of cams.yaml, or what is left of them.
        changes: of settings, as for a run.
    """
    linker = load_processing("default", tuple(changes)).linker.build(links)
    made: list[Link] = []
    for camera, time, views in site.calls():
        made += linker.update(camera, time, views)
    made += linker.finish()
    identities = IdentityMap()
    for link in made:
        identities.apply(link)
    found = [identities.get(key) for key in tracklets.keys]
    alone = max((int(each) for each in found if each is not None), default=0) + 1
    labels = [alone + i if each is None else int(each) for i, each in enumerate(found)]
    return Decided(np.array(labels, np.int64), tuple(made))


def offline(site: RecordedSite) -> Labels:
    """All tracklets of a finished run decided together, in the order of `site_tracklets`.

    Raises:
        NotImplementedError: always: there is no clustering of a finished run yet.
    """
    raise NotImplementedError(f"{site.name}: there is no offline linker yet")
