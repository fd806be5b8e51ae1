"""Every scene is a possible installation: closed views, free ways, and people whom several cameras see."""

from collections import defaultdict
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from world.clearance import Clearance
from world.routes import people_in_two_views, walk_through
from world.scenes import SCENES
from world.sight import Sighting, hits, shares_ground, views_of, visible

CASES = [(name, camera) for name, scene in SCENES.items() for camera in scene.cameras]
IDS = [f"{name}-{camera.name}" for name, camera in CASES]


@cache
def seen(name: str) -> tuple[Sighting, ...]:
    scene = SCENES[name]
    if name != "demo":
        scene = replace(scene, people=13, seconds=min(scene.seconds, 40.0))
    return tuple(views_of(scene, walk_through(scene, seed=1)))


def test_names_are_keys():
    assert all(name == scene.name for name, scene in SCENES.items())
    assert {"demo", "mall", "campus", "lookalikes", "lowfps", "drop", "overlap", "crowd"} <= set(SCENES)


@pytest.mark.parametrize("name", SCENES)
def test_names_within_a_scene_fit(name):
    scene = SCENES[name]
    cameras = [camera.name for camera in scene.cameras]
    assert len(set(cameras)) == len(cameras)
    assert {camera for pair in scene.overlapping for camera in pair} <= set(cameras)
    assert {camera for camera, *_ in scene.gaps} <= set(cameras)
    assert {*scene.site.entries, *scene.site.stops} <= set(scene.site.places)
    assert {place for one, other, _ in scene.site.ways for place in (one, other)} == set(scene.site.places)


@pytest.mark.parametrize("name", SCENES)
def test_ways_are_free(name):
    site = SCENES[name].site
    clearance = Clearance(site)
    for one, other, width in site.ways:
        share = np.linspace(0.0, 1.0, 60)[:, None]
        line = np.asarray(site.places[one]) * (1 - share) + np.asarray(site.places[other]) * share
        assert clearance.at(line).min() >= min(0.45, width / 2 - 0.05), (one, other)


@pytest.mark.parametrize(("name", "camera"), CASES, ids=IDS)
def test_no_view_ends_in_the_void(name, camera):
    site = SCENES[name].site
    u, v = np.meshgrid(np.linspace(0, camera.size[0], 17), np.linspace(0, camera.size[1], 10))
    ahead = np.stack([u - camera.size[0] / 2, v - camera.size[1] / 2, np.full_like(u, camera.focal)], -1)
    rays = ahead.reshape(-1, 3) / camera.focal @ camera.axes()
    origin = np.asarray(camera.place)
    down = rays[:, 2] < -1e-3
    length = np.where(down, -camera.place[2] / np.where(down, rays[:, 2], -1.0), 200.0)
    ends = origin + length[:, None] * rays
    closed = hits(origin, origin + 0.999 * (ends - origin), site.solids)
    for floor in site.floors:
        left, lower, right, upper = floor.corners
        closed |= (
            down & (ends[:, 0] >= left) & (ends[:, 0] <= right) & (ends[:, 1] >= lower) & (ends[:, 1] <= upper)
        )
    assert closed.all(), rays[~closed][:3]


@pytest.mark.parametrize("name", SCENES)
def test_entries_lie_out_of_view(name):
    scene = SCENES[name]
    entries = np.array([scene.site.places[entry] for entry in scene.site.entries])
    around = (entries[:, None] + [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]).reshape(-1, 2)
    for camera in scene.cameras:
        assert not visible(camera, around, scene.site.solids).any(), camera.name


@pytest.mark.parametrize("name", SCENES)
def test_only_overlapping_views_share_ground(name):
    scene = SCENES[name]
    corners = np.array([floor.corners for floor in scene.site.floors])
    (x0, y0), (x1, y1) = corners[:, :2].min(0), corners[:, 2:].max(0)
    ground = np.stack(np.meshgrid(np.arange(x0, x1, 0.4), np.arange(y0, y1, 0.4)), -1).reshape(-1, 2)
    masks = {camera.name: visible(camera, ground, scene.site.solids) for camera in scene.cameras}
    for one, other in combinations(masks, 2):
        assert (masks[one] & masks[other]).any() == shares_ground(scene, one, other), (one, other)


@pytest.mark.parametrize("name", SCENES)
def test_nobody_is_in_two_places(name):
    by_person = defaultdict(list)
    for view in seen(name):
        by_person[view.person].append(view)
    for views in by_person.values():
        for one, other in combinations(views, 2):
            if not shares_ground(SCENES[name], one.camera, other.camera):
                assert one.camera == other.camera or one.end < other.start or other.end < one.start


@pytest.mark.parametrize("name", SCENES)
def test_people_are_seen_by_several_cameras(name):
    assert people_in_two_views(seen(name)) >= (12 if name == "demo" else 0.7 * 13)


@pytest.mark.parametrize("camera", [camera.name for camera in SCENES["demo"].cameras])
def test_no_view_of_the_demo_is_empty_for_long(camera):
    times = np.arange(0.0, SCENES["demo"].seconds, 0.5)
    views = [view for view in seen("demo") if view.camera == camera]
    count = np.array([sum(view.start <= time <= view.end for view in views) for time in times])
    assert 1.5 <= count.mean() <= 6.0
    assert np.mean(count == 0) < 0.15
