import json
from collections import Counter

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import linkers
from benchmarks.crop_sites import Arrivals, crop_site, crop_tracklets
from benchmarks.linker_contest import CEILING, CONTESTANTS, run_site
from benchmarks.linker_inputs import Places, Recipe, chosen, load, recipes
from benchmarks.recorded_site import read_site, write_site
from benchmarks.site_tracklets import site_tracklets
from pipeline.errors import HandoffError
from reid.topology import CameraLink
from tests.benchmarks.sites import look, site
from trackers.tracks import TrackState

PEOPLE = ("a", 0, 3, 1, 0), ("b", 6, 9, 1, 5), ("a", 7, 10, 2, 90), ("b", 14, 17, 2, 95), ("a", 15, 18, None, None)
LINKS = (CameraLink.model_validate({"from": "a", "to": "b", "seconds": [1, 20]}),)
FOREVER = (CameraLink.model_validate({"from": "a", "to": "b", "overlap": True}),)


@pytest.mark.parametrize("links", [LINKS, FOREVER, ()])
def test_a_site_in_a_file_stays_the_same(links, tmp_path):
    made = site(*PEOPLE, links=links)
    write_site(made, tmp_path / "site.npz")
    read = read_site(tmp_path / "site.npz")
    assert read.links == links
    for (camera, time, views), (camera2, time2, views2) in zip(made.calls(), read.calls(), strict=True):
        assert (camera, time) == (camera2, time2)
        assert [(v.id, v.state, v.score) for v in views] == [(v.id, v.state, v.score) for v in views2]
        for one, other in zip(views, views2, strict=True):
            np.testing.assert_array_equal(one.box, other.box)
            assert (one.embedding is None) == (other.embedding is None)
    np.testing.assert_array_equal(read.readings["people"], made.readings["people"])


def test_a_file_that_is_no_site_is_an_error(tmp_path):
    np.savez(tmp_path / "other.npz", times=np.arange(3))
    with pytest.raises(HandoffError, match=r"other\.npz: not a recorded site .* delete it"):
        read_site(tmp_path / "other.npz")


def test_tracklets_sum_up_what_was_seen():
    tracklets = site_tracklets(site(*PEOPLE))
    assert [key.camera for key in tracklets.keys] == ["a", "b", "a", "b", "a"]
    assert tracklets.start.tolist() == [0, 6, 7, 14, 15]
    assert tracklets.end.tolist() == [3, 9, 10, 17, 18]
    assert tracklets.frames.tolist() == [7] * 5
    np.testing.assert_allclose(tracklets.means[1], look(5), atol=1e-3)
    assert np.isinf(tracklets.distance[4]).all()
    np.testing.assert_array_equal(tracklets.distance, tracklets.distance.T)
    np.testing.assert_array_equal(tracklets.compatible, tracklets.compatible.T)
    assert not tracklets.compatible[1, 2]  # two cameras at once
    assert tracklets.truth_boxes == 28


def crops(people=6):
    rows = np.stack(
        [look(20 * person + 3 * camera) for person in range(people) for camera in (1, 2) for _ in "ab"]
    )
    identities = np.repeat(np.arange(people), 4)
    return crop_tracklets(identities, np.tile([1, 1, 2, 2], people), rows)


def test_crops_become_tracklets_that_a_linker_takes():
    made = crop_site("crops", crops(), Arrivals(), seed=1)
    tracklets = site_tracklets(made)
    assert len(tracklets) == 12
    assert Counter(tracklets.person.tolist()) == dict.fromkeys(range(6), 2)
    assert (tracklets.end - tracklets.start >= 1).all()  # the linker's min_duration
    assert all(len(times) >= 3 for times, _ in tracklets.views)  # and min_views
    assert (np.diff(made.call_time) >= 0).all()
    ended = [view for _, _, views in made.calls() for view in views if view.state is TrackState.ENDED]
    assert len(ended) == 12


def test_transit_times_of_crops_are_as_stated():
    many = crops(400)
    tracklets = site_tracklets(crop_site("crops", many, Arrivals(transit=30, spread=0.4), seed=2))
    gaps = []
    for person in range(400):
        first, second = np.flatnonzero(tracklets.person == person)
        gaps.append(np.log(tracklets.start[second] - tracklets.end[first]))
    assert np.median(gaps) == pytest.approx(np.log(30), abs=0.08)
    assert np.std(gaps) == pytest.approx(0.4, abs=0.05)
    assert 5 * 400 * 0.85 < tracklets.start.max() < 5 * 400 * 1.2


def test_without_times_nobody_is_there_with_others():
    tracklets = site_tracklets(crop_site("crops", crops(), Arrivals(times=False), seed=1))
    assert (tracklets.start[1:] > tracklets.end[:-1]).all()
    assert tracklets.person.tolist() != sorted(tracklets.person.tolist())


def test_crops_of_one_camera_are_an_error():
    with pytest.raises(HandoffError, match="nobody in two cameras"):
        crop_tracklets(np.arange(3), np.ones(3, np.int64), np.stack([look(0)] * 3))


def test_nothing_of_tune_is_reported():
    names = [recipe.name for recipe in recipes()]
    assert len(names) == len(set(names))
    tuned = {(r.scene, r.seed) for r in recipes() if r.split == "tune"}
    assert not tuned & {(r.scene, r.seed) for r in recipes() if r.split == "report"}
    assert {r.split for r in recipes() if r.scene.startswith(("pets", "crops-cuhk03"))} == {"report"}


def test_a_scene_that_there_is_not_is_an_error():
    with pytest.raises(HandoffError, match="no site fits; scenes are demo"):
        chosen(("nowhere",), None, (), ())


def test_what_is_not_rendered_is_left_out(tmp_path):
    assert load(Recipe("demo", 1, "perfect", "msmt17", "tune"), Places(tmp_path, tmp_path)) is None


def test_all_contestants_on_a_site():
    recipe = Recipe("demo", 1, "perfect", "msmt17", "tune")
    outcomes = {one.linker: one for one in run_site(recipe, site(*PEOPLE, links=LINKS))}
    assert set(outcomes) == set(CONTESTANTS)
    assert outcomes[CEILING].idf1 == max(one.idf1 for one in outcomes.values()) == pytest.approx(56 / 63)
    assert outcomes["no links"].f1 == 0
    assert outcomes["ours online"].f1 == outcomes["ours offline"].f1 == 1
    decided = outcomes["ours online"].decided
    assert decided is not None
    assert decided.links == 2


def test_the_table_over_seeds_and_scenes(tmp_path):
    for name in ("demo-1", "demo-2", "mall-1", "mall-2"):
        write_site(site(*PEOPLE, links=LINKS), tmp_path / f"{name}-perfect-msmt17.npz")
    arguments = ["--cached", "--cache", str(tmp_path), "--linker", "ours*", "--json", str(tmp_path / "found.json")]
    result = CliRunner().invoke(linkers.main, arguments, catch_exceptions=False)
    assert "all scenes, perfect, msmt17" in result.output
    rows = json.loads((tmp_path / "found.json").read_text())["table"]
    assert {row["scene"] for row in rows} == {"demo", "mall", "all scenes"}
    assert {row["seeds"] for row in rows} == {2}


def test_thresholds_are_not_chosen_on_what_is_reported(tmp_path):
    write_site(site(*PEOPLE), tmp_path / "demo-20-perfect-msmt17.npz")
    result = CliRunner().invoke(linkers.main, ["--cached", "--cache", str(tmp_path), "--choose"])
    assert result.exit_code == 2
    assert "nothing is chosen on what is reported" in result.output
