import numpy as np
import pytest

from benchmarks.linker_baselines import (
    Look,
    average_linkage,
    exclusive_neighbour,
    hdbscan,
    look_distances,
    nearest_neighbour,
    no_links,
    one_to_one,
    openvino_rule,
    oracle,
    perfect,
)
from benchmarks.linker_scores import idf1
from benchmarks.site_tracklets import site_tracklets
from reid.topology import CameraLink
from tests.benchmarks.sites import look, site

RULES = [nearest_neighbour, exclusive_neighbour, one_to_one, average_linkage, openvino_rule]
NEAR = 1 - np.cos(np.radians(25))


def partition(labels):
    """Which tracklets are together, whatever the labels are."""
    return sorted(sorted(np.flatnonzero(labels == each).tolist()) for each in np.unique(labels))


def labelled(rule, *tracklets, at=NEAR, **options):
    return partition(rule(site_tracklets(site(*tracklets, **options)), at))


@pytest.mark.parametrize("rule", RULES)
def test_alike_is_linked_and_different_is_not(rule):
    people = ("a", 0, 2, 1, 0), ("a", 4, 6, 2, 90), ("b", 8, 10, 1, 10), ("b", 12, 14, 2, 80)
    assert labelled(rule, *people) == [[0, 2], [1, 3]]


@pytest.mark.parametrize("rule", RULES)
def test_without_an_embedding_nothing_is_linked(rule):
    assert labelled(rule, ("a", 0, 2, 1, None), ("b", 4, 6, 1, None), ("a", 8, 9, 2, 0)) == [[0], [1], [2]]


@pytest.mark.parametrize(("rule", "together"), [(nearest_neighbour, True), *((rule, False) for rule in RULES[1:])])
def test_two_at_once_in_one_camera_are_two(rule, together):
    assert labelled(rule, ("a", 0, 4, 1, 0), ("a", 1, 5, 2, 5)) == ([[0, 1]] if together else [[0], [1]])


@pytest.mark.parametrize("rule", RULES[1:4])
def test_two_at_once_in_two_cameras_are_one_where_the_views_overlap(rule):
    both = ("a", 0, 4, 1, 0), ("b", 1, 5, 1, 5)
    assert labelled(rule, *both) == [[0], [1]]
    overlap = CameraLink.model_validate({"from": "a", "to": "b", "overlap": True})
    assert labelled(rule, *both, links=(overlap,)) == [[0, 1]]


def test_nearest_neighbour_asks_all_members():
    chain = ("a", 0, 1, 1, 0), ("a", 3, 4, 1, 18), ("a", 6, 7, 1, 40)
    assert labelled(nearest_neighbour, *chain) == [[0, 1, 2]]
    assert labelled(average_linkage, *chain) == [[0, 1], [2]]  # 31 degrees on average is too far


def test_exclusive_goes_on_to_the_next_best():
    people = ("a", 0, 1, 1, 0), ("a", 3, 4, 2, 20), ("a", 6, 9, 1, 4), ("a", 7, 8, 2, 8)
    assert labelled(nearest_neighbour, *people, at=0.02) == [[0, 2, 3], [1]]
    assert labelled(exclusive_neighbour, *people, at=0.03) == [[0, 2], [1, 3]]


def test_one_to_one_gives_each_one_that_follows():
    found = labelled(one_to_one, ("a", 0, 1, 1, 0), ("b", 3, 6, 2, 12), ("b", 5, 9, 1, 2))
    assert found == [[0, 2], [1]]


def test_average_linkage_is_that_of_scipy_where_all_is_possible():
    from scipy.cluster.hierarchy import fcluster, linkage

    angles = np.random.default_rng(3).uniform(0, 180, 12)
    tracklets = site_tracklets(site(*(("a", 4 * i, 4 * i + 1, 1, angle) for i, angle in enumerate(angles))))
    rows = np.stack([look(angle) for angle in angles])
    tree = linkage((1 - rows @ rows.T)[np.triu_indices(12, 1)], "average")
    for threshold in (0.02, 0.1, 0.3):
        expected = partition(fcluster(tree, threshold, "distance"))
        assert partition(average_linkage(tracklets, threshold)) == expected


def test_hdbscan_finds_dense_groups():
    people = [("a", 4 * i, 4 * i + 1, i % 2, 90 * (i % 2) + i) for i in range(8)]
    assert partition(hdbscan(site_tracklets(site(*people)))) == [[0, 2, 4, 6], [1, 3, 5, 7]]


def test_the_openvino_rule_forgets_who_is_long_gone():
    gone = ("a", 0, 2, 1, 0), ("b", 200, 202, 1, 0)
    assert labelled(openvino_rule, *gone) == [[0], [1]]
    back = ("a", 0, 2, 1, 0), ("b", 60, 62, 1, 0)
    assert labelled(openvino_rule, *back) == [[0, 1]]


def test_a_look_has_few_centres():
    one, other = Look(2), Look(2)
    for angle in (0, 90, 80):
        one.add(look(angle))
    other.add(look(85))
    assert len(one.centres) == 2
    np.testing.assert_allclose(one.centres[1], (look(90) + look(80)) / 2, atol=1e-6)
    assert look_distances([one, other])[0, 1] == pytest.approx(0, abs=1e-6)
    assert look_distances([]).shape == (0, 0)


def test_perfect_links_are_the_ceiling_and_no_links_the_floor():
    tracklets = site_tracklets(
        site(("a", 0, 2, 1, 0), ("b", 4, 6, 1, 90), ("b", 8, 10, 2, 90), ("a", 9, 11, None, 0))
    )
    assert partition(perfect(tracklets)) == [[0, 1], [2], [3]]
    assert partition(no_links(tracklets)) == [[0], [1], [2], [3]]
    assert idf1(tracklets, perfect(tracklets)) == pytest.approx(2 * 15 / (15 + 20))


def test_the_oracle_takes_the_lowest_of_the_best():
    tracklets = site_tracklets(site(("a", 0, 2, 1, 0), ("b", 4, 6, 1, 20), ("b", 8, 10, 2, 80)))
    found = oracle(tracklets, nearest_neighbour, idf1)
    assert partition(found.labels) == [[0, 1], [2]]
    assert found.score == 1
    assert found.threshold == pytest.approx(0.07)  # 1 - cos 20 degrees is .0603
