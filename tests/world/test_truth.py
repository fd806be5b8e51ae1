"""Boxes and visibility against people drawn six times as large as the camera sees them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.world.masks import FINER, bent_by_opencv, box_of, depths, overlap, straight_window
from world.camera import Camera
from world.site import Solid
from world.trajectory import Activity, Trajectory

pytestmark = pytest.mark.usefixtures("opengl")
TALL = 24.0  # pixels
IDEAL = Camera("watch", (0.0, 0.0, 2.5), (8.0, 0.0, 0.9), 70.0, (320, 180))


def standing(places, facing=np.pi):
    """A trajectory for each place where somebody stands."""
    times = np.arange(0, 2.0, 0.04)
    count = len(times)
    return [
        Trajectory(
            person,
            times,
            np.tile(np.asarray(place, float), (count, 1)),
            np.full(count, facing),
            np.zeros(count),
            np.full(count, Activity.STAND, np.int8),
        )
        for person, place in enumerate(places)
    ]


@pytest.fixture
def seen_at(rooms, monkeypatch):
    """Truth about people who stand at given places before `IDEAL`, by person."""
    from world import stage

    def truth(*places, solids=(), camera=IDEAL):
        site = replace(rooms.site, solids=tuple(solids))
        scene = replace(rooms, site=site, cameras=(camera,), people=len(places), lookalikes=0)
        monkeypatch.setattr(stage, "walk_through", lambda scene, seed: standing(places))
        with stage.Stage(scene, 1) as drawn:
            posed = drawn.posed(1.0, camera)
            drawn.views[0].draw(posed, drawn.light(1.0))
            return {seen.person: seen for seen in drawn.views[0].truth(posed)}

    return truth


def compared(renderer, view, posed, seen):
    """IoU of the box, the true visibility, and boxes of what shows: without specks, and with them (or None)."""
    camera = view.camera
    one = next(one for one in posed if one.person == seen.person)
    window = straight_window(camera, one)
    alone = depths(renderer, camera, window, [one], site=False)
    together = depths(renderer, camera, window, posed, site=True)
    mask = alone < 1
    shows = mask & (alone <= together + 1e-6)
    whole, most = box_of(camera, window, mask), box_of(camera, window, shows, clip=True)
    speck = np.ones((2 * FINER, 2 * FINER), np.uint8)
    least = box_of(camera, window, cv2.morphologyEx(shows.astype(np.uint8), cv2.MORPH_OPEN, speck), clip=True)
    rows, columns = np.nonzero(shows)
    middles = np.array([window.left, window.top]) + (np.stack([columns, rows], -1) + 0.5) / FINER
    pixels = bent_by_opencv(camera, middles) if len(middles) else middles
    share = ((pixels >= 0) & (pixels < camera.size)).all(1).sum() / mask.sum()
    assert whole is not None
    box = overlap(np.array(seen.box), whole)
    return box, share, least, most


def assert_between(seen, least, most):
    """A box of what shows reaches as far as what cannot be missed, and no farther than anything that shows."""
    outwards = np.array([-1, -1, 1, 1])
    sides = np.tile(np.subtract(seen.box[2:], seen.box[:2]), 2)
    allowed = 1.0 + sides / 128  # pixels: it is found on a raster of 64 by 128 for everybody
    assert ((np.array(seen.visible_box) - most) * outwards <= allowed).all()
    if least is not None:
        assert ((np.array(seen.visible_box) - least) * outwards >= -allowed).all()


@pytest.mark.parametrize("lens", ["rooms", "bent_rooms"])
def test_boxes_and_visibility_are_those_of_large_masks(lens, request):
    from world.stage import Stage

    judged, hidden, fine = 0, 0, 0
    # A camera that is nearer and wider sees people cut by the edges and, close up, with all their triangles.
    scene = replace(request.getfixturevalue(lens), people=8)
    close = replace(scene.cameras[0], name="close", place=(7.0, 3.0, 1.9), target=(4.0, 3.5, 1.0), size=(640, 360))
    with Stage(replace(scene, cameras=(*scene.cameras, close)), 1) as stage:
        for view in stage.views:
            for time in (2.0, 3.5):
                posed = stage.posed(time, view.camera)
                view.draw(posed, stage.light(time))
                for seen in view.truth(posed):
                    if seen.box[3] - seen.box[1] < TALL or seen.box[3] - seen.box[1] > 600:
                        continue
                    box, share, least, most = compared(stage._renderer, view, posed, seen)
                    assert box >= 0.97
                    assert seen.visibility == pytest.approx(share, abs=0.03)
                    if most is not None and seen.visibility > 0:
                        assert_between(seen, least, most)
                    judged += 1
                    hidden += share < 0.9
                    fine += seen.box[3] - seen.box[1] > 160
    assert judged >= 12
    assert hidden >= 5
    assert fine >= 1


def test_one_right_behind_another_is_hardly_seen(seen_at):
    seen = seen_at((5.0, 0.0), (6.0, 0.0), (6.0, 2.0))
    assert seen[0].visibility > 0.97
    assert seen[1].visibility < 0.3
    assert seen[2].visibility > 0.97
    assert seen[1].depth > seen[0].depth


def test_a_solid_hides_what_is_behind(seen_at):
    wall = Solid("plaster", (4.0, 0.0), (0.2, 1.6, 3.0))
    counter = Solid("wood", (5.0, 2.0), (0.2, 1.6, 1.1))
    seen = seen_at((6.0, 0.0), (6.0, 2.4), solids=(wall, counter))
    assert 0 not in seen or seen[0].visibility == 0
    assert 0.2 < seen[1].visibility < 0.8
    assert seen[1].visible_box[3] < seen[1].box[3] - 10  # the legs are hidden
    assert seen[1].visible_box[1] == pytest.approx(seen[1].box[1], abs=1)


@pytest.mark.parametrize("distortion", [0.0, -0.1, 0.1])
def test_nobody_is_seen_outside_the_picture(seen_at, distortion):
    camera = replace(IDEAL, distortion=distortion)
    seen = seen_at((6.0, 0.0), (5.0, 5.5), (-3.0, 0.0), (1.0, 30.0), camera=camera)
    assert seen[0].visibility > 0.97
    assert all(seen[person].visibility == 0 for person in seen if person > 0)


@pytest.mark.parametrize("distortion", [0.0, -0.1])
def test_the_edge_of_the_picture_cuts(seen_at, distortion):
    camera = replace(IDEAL, distortion=distortion)
    aside, height = 1.0, 0.9
    while camera.project(np.array([6.0, aside, height]))[0][0] > 0:
        aside += 0.01
    seen = seen_at((6.0, aside), camera=camera)[0]
    assert 0.2 < seen.visibility < 0.8
    assert seen.box[0] < -3
    assert seen.visible_box[0] == pytest.approx(0, abs=0.5)
