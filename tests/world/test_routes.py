"""People walk as people can: apart from each other and from walls, smoothly, and the same for the same seed."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from world.clearance import inside
from world.routes import walk_through
from world.scenes import SCENES
from world.sight import Sighting, links_of, transits_of, views_of
from world.trajectory import Activity, Trajectory, moment_of

FEW = replace(SCENES["mall"], people=20, seconds=20.0, pairs=0.5)
WALKED = {"demo": SCENES["demo"], "mall": FEW}


@cache
def walked(name: str) -> tuple[Trajectory, ...]:
    return tuple(walk_through(WALKED[name], seed=3))


@pytest.mark.parametrize("name", WALKED)
def test_nobody_walks_through_another(name):
    for time in np.arange(0.0, WALKED[name].seconds, 0.2):
        moment = moment_of(walked(name), time)
        gaps = np.linalg.norm(moment.places[:, None] - moment.places[None], axis=-1)
        np.fill_diagonal(gaps, 9.0)
        assert gaps.min(initial=9.0) >= 0.45
        assert len(set(moment.people.tolist())) == len(moment.people)


@pytest.mark.parametrize("name", WALKED)
def test_nobody_walks_through_a_solid(name):
    places = np.concatenate([trajectory.places for trajectory in walked(name)])
    for solid in WALKED[name].site.solids:
        if solid.base < 1.8 and solid.base + solid.size[2] > 0.2:
            assert not inside(solid, places, margin=0.2).any(), solid


@pytest.mark.parametrize("name", WALKED)
def test_motion_is_smooth(name):
    for trajectory in walked(name):
        assert np.diff(trajectory.times) == pytest.approx(0.04)
        steps = np.hypot(*np.diff(trajectory.places, axis=0).T)
        assert np.diff(trajectory.travelled) == pytest.approx(steps)
        assert steps.max() / 0.04 <= 3.5
        assert np.abs(np.diff(trajectory.headings)).max() / 0.04 <= np.radians(150)
        assert np.abs(np.diff(steps)).max() / 0.04**2 <= 10.0


@pytest.mark.parametrize("name", WALKED)
def test_bodies_face_where_they_go(name):
    for trajectory in walked(name):
        steps = np.diff(trajectory.places, axis=0)
        fast = np.hypot(*steps.T) > 0.02
        off = np.arctan2(steps[fast, 1], steps[fast, 0]) - trajectory.headings[:-1][fast]
        assert np.mean(np.cos(off) > 0.8) > 0.97


def test_people_stand_and_talk():
    done = np.concatenate([trajectory.activities for trajectory in (*walked("demo"), *walked("mall"))])
    assert {Activity.WALK, Activity.STAND, Activity.TALK} <= {Activity(value) for value in np.unique(done)}


@pytest.mark.parametrize("name", WALKED)
def test_visits_of_one_person_follow_each_other(name):
    for before, after in pairwise(walked(name)):
        assert before.person < after.person or before.times[-1] < after.times[0]


def test_the_seed_decides():
    one, same, other = walked("demo"), walk_through(SCENES["demo"], seed=3), walk_through(SCENES["demo"], seed=1)
    assert [trajectory.person for trajectory in one] == [trajectory.person for trajectory in same]
    assert all(np.array_equal(a.places, b.places) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a.places, b.places) for a, b in zip(one, other, strict=False))


@pytest.mark.parametrize("name", WALKED)
def test_links_contain_every_transit(name):
    views = views_of(WALKED[name], walked(name))
    links = {(link.source, link.target): link for link in links_of(WALKED[name], views)}
    transits = transits_of(views)
    assert transits
    for before, after in transits:
        link = links[before.camera, after.camera]
        assert link.shortest <= max(0.0, after.start - before.end) <= link.longest
    assert sum(link.walks for link in links.values()) == len(transits)


def test_overlapping_views_link_in_both_directions_without_delay():
    scene = SCENES["overlap"]
    one, other, _ = (camera.name for camera in scene.cameras)
    links = links_of(
        scene, [Sighting(one, 0, 1.0, 5.0), Sighting(other, 0, 4.0, 9.0), Sighting(one, 0, 9.5, 12.0)]
    )
    assert [(link.source, link.target, link.shortest, link.overlapping) for link in links] == [
        (one, other, 0.0, True),
        (other, one, 0.0, True),
    ]
