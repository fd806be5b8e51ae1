"""Our linkers on recorded sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.recorded_site import RecordedSite
from benchmarks.site_tracklets import Labels, SiteTracklets
from pipeline.config import load_processing
from reid.clustering import cluster
from reid.doubles import Doubles
from reid.identity_map import IdentityMap
from reid.topology import CameraLink, Topology
from reid.tracklet_builder import TrackletBuilder, observation_qualities
from reid.tracklets import CameraId, Link, TrackletKey


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


def offline(
    site: RecordedSite, tracklets: SiteTracklets, links: Sequence[CameraLink], changes: Sequence[str] = ()
) -> Labels:
    """All tracklets decided together, as `run.py relink` does; labels in the order of ``tracklets``."""
    settings = load_processing("default", tuple(changes)).linker
    builders: dict[TrackletKey, TrackletBuilder] = {}
    doubles: dict[CameraId, Doubles] = {}
    for camera, time, views in site.calls():
        seen = [view for view in views if view.state.value == "confirmed"]
        if seen:
            doubles.setdefault(camera, Doubles()).see([view.id for view in seen], np.stack([v.box for v in seen]))
        for view, quality in zip(seen, observation_qualities(seen), strict=True):
            key = TrackletKey(camera, int(view.id))
            if key not in builders:
                builders[key] = TrackletBuilder(key, settings.exemplars)
            builders[key].observe(view, time, float(quality))
    topology = Topology(links, settings.clock_tolerance)
    ready = [builder.tracklet(doubles[key.camera].of(key.track)) for key, builder in builders.items()]
    found = cluster(ready, topology, settings.false_link_rate)
    label = {tracklet.key: int(own) for tracklet, own in zip(found.tracklets, found.labels, strict=True)}
    return np.array([label[key] for key in tracklets.keys], np.int64)
