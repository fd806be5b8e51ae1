"""The evaluation as a whole, on people whose clothes are of one colour each."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from reid.errors import DataError
from reid.training.data import read_crops
from reid.training.embedding import embed_crops
from reid.training.evaluate import (
    Options,
    choose_queries,
    evaluate,
    named_queries,
    read_search_set,
    score,
    search_each,
)
from reid.training.ranking import rank
from reid.training.rerank import RerankSettings
from tests.reid.training.colour_network import Colours
from tests.reid.training.people import write_people


class Noise(Colours):
    """Random rows, always the same: some queries do well and some do not."""

    name = "noise"

    def embed(self, batch):
        return (
            np.random.default_rng(int(batch.astype(np.int64).sum()))
            .normal(size=(len(batch), 8))
            .astype(np.float32)
        )


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("flat"), people=8, cameras=3, images=2)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """query/ with one picture a person and camera, bounding_box_test/ with more, junk and a distractor."""
    folder = tmp_path_factory.mktemp("market")
    write_people(folder / "query", people=6, images=1)
    gallery = write_people(folder / "bounding_box_test", people=6, images=4, seed=1)
    write_people(gallery, people=1, first=0, images=2)
    shutil.copy(next(gallery.glob("0001_c2*")), gallery / "-1_c2s1_000001_00.png")
    return folder


def test_a_folder_of_crops_is_searched_camera_against_the_others(flat):
    data = read_search_set(flat)
    assert data.rule == "camera"
    assert data.query is data.gallery
    (result,) = evaluate(Colours(), data)
    assert result.ranking.counted == 8 * 3 * 2
    assert result.ranking.left_out == 0
    assert result.ranking.cmc(1) > 0.9
    rows = embed_crops(Colours(), data.query)
    again = rank(lambda chosen: 1 - rows[chosen] @ rows.T, data.query, data.gallery, "camera")
    np.testing.assert_array_equal(result.ranking.first, again.first)


def test_market_folders_keep_other_people_of_the_querys_camera(market):
    data = read_search_set(market)
    assert data.rule == "person"
    assert (len(data.query), len(data.gallery)) == (12, 6 * 2 * 4 + 4)  # the distractor stays, junk does not
    (result,) = evaluate(Colours(), data)
    assert result.ranking.counted == 12
    assert result.ranking.cmc(1) > 0.9
    assert read_search_set(market, "camera").rule == "camera"


@pytest.mark.parametrize("name", ["flat", "market"])
def test_rank_1_and_map_alone_are_those_of_the_evaluation(name, request):
    data = read_search_set(request.getfixturevalue(name))
    (whole,) = evaluate(Noise(), data)
    assert score(Noise(), data) == (whole.ranking.cmc(1), whole.ranking.mean_ap)


def test_crops_by_themselves_are_searched_like_their_folder(flat):
    alone, folder = search_each(read_crops(flat)), read_search_set(flat)
    assert str(alone) == str(folder)
    assert str(folder).endswith("each camera against the others")
    assert alone.rule == folder.rule
    assert alone.query is alone.gallery


def test_some_people_of_a_folder(flat):
    (result,) = evaluate(Colours(), read_search_set(f"{flat}:3-5"))
    assert result.ranking.counted == 3 * 3 * 2
    assert result.data.name.endswith(":3-5")


def test_camera_pairs_are_rankings_among_one_cameras_pictures(flat):
    (result,) = evaluate(Noise(), read_search_set(flat))
    assert sorted(result.pairs) == [(a, b) for a in (1, 2, 3) for b in (1, 2, 3) if a != b]
    data = result.data
    mine, theirs = data.query.select(data.query.cameras == 2), data.query.select(data.query.cameras == 3)
    places = np.flatnonzero(data.query.cameras == 2), np.flatnonzero(data.query.cameras == 3)
    alone = rank(lambda chosen: result.distances(places[0][chosen])[:, places[1]], mine, theirs, "camera")
    np.testing.assert_array_equal(result.pairs[2, 3].first, alone.first)
    np.testing.assert_allclose(result.pairs[2, 3].precision, alone.precision)


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_multiple_queries_are_one_for_each_person_and_camera(flat, market, pooling):
    (result,) = evaluate(Colours(), read_search_set(flat), Options(pooling))
    assert result.ranking.counted == 8 * 3
    (result,) = evaluate(Colours(), read_search_set(market), Options(pooling))
    assert result.ranking.counted == 12
    assert f"multiple queries, {pooling}" in result.label


def test_multiple_queries_pool_every_picture_of_the_person_in_the_camera(market):
    (single,) = evaluate(Colours(), read_search_set(market))
    (pooled,) = evaluate(Colours(), read_search_set(market), Options("mean"))
    data = single.data
    rows = np.concatenate([embed_crops(Colours(), data.query), embed_crops(Colours(), data.gallery)])
    people = np.concatenate([data.query.identities, data.gallery.identities])
    cameras = np.concatenate([data.query.cameras, data.gallery.cameras])
    person, camera = pooled.data.query.identities[3], pooled.data.query.cameras[3]
    mean = rows[(people == person) & (cameras == camera)].mean(axis=0)
    assert ((people == person) & (cameras == camera)).sum() == 5
    wanted = 1 - rows[len(data.query) :] @ (mean / np.linalg.norm(mean))
    np.testing.assert_allclose(pooled.distances(np.array([3]))[0], wanted, atol=1e-5)


def test_boxes_drawn_by_hand_are_pooled_where_there_are_some(market, tmp_path):
    for name in ("query", "bounding_box_test"):
        (tmp_path / name).symlink_to(market / name)
    write_people(tmp_path / "gt_bbox", people=6, images=7)
    data = read_search_set(tmp_path)
    assert len(data.more) == 6 * 2 * 7
    (result,) = evaluate(Colours(), data, Options("mean"))
    assert result.ranking.counted == 12


def test_re_ranking_is_a_second_result(flat):
    plain, nearer = evaluate(Colours(), read_search_set(flat), Options(rerank=RerankSettings(k1=5, k2=2)))
    assert (plain.reranked, nearer.reranked) == (False, True)
    assert nearer.label == "colours, re-ranked"
    assert nearer.ranking.mean_ap >= plain.ranking.mean_ap
    assert nearer.to_dict()["protocol"]["rerank"] == {"k1": 5, "k2": 2, "weight": 0.3}
    assert plain.to_dict()["protocol"]["rerank"] is None


def test_the_scores_as_plain_data(flat):
    (result,) = evaluate(Noise(), read_search_set(flat))
    told = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert told["mAP"] == result.ranking.mean_ap
    assert told["rank5"] == result.ranking.cmc(5)
    assert len(told["camera_pairs"]) == 6
    assert 0 < told["distances"]["equal_error"] < 1


def test_queries_to_look_at(flat):
    (result,) = evaluate(Noise(), read_search_set(flat))
    precision = result.ranking.precision
    worst, best = choose_queries(result, 3, "worst"), choose_queries(result, 3, "best")
    assert precision[worst].max() <= np.sort(precision)[2]
    assert precision[best].min() >= np.sort(precision)[-3]
    drawn = choose_queries(result, 5, "random", seed=3)
    assert drawn.tolist() == choose_queries(result, 5, "random", seed=3).tolist()
    assert drawn.tolist() != choose_queries(result, 5, "random", seed=4).tolist()
    name = result.data.query.paths[7].name
    assert named_queries(result, [name]).tolist() == [7]
    with pytest.raises(DataError, match=r"other\.png: no query of .* has this file name"):
        named_queries(result, ["other.png"])


def test_what_cannot_be_searched_is_named(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read_search_set(tmp_path / "absent")
    with pytest.raises(DataError, match="all pictures are of camera 1"):
        read_search_set(write_people(tmp_path / "one", people=2, cameras=1))
    with pytest.raises(DataError, match="one: all pictures are of camera 1"):
        search_each(read_crops(tmp_path / "one"))
    strangers = tmp_path / "strangers"
    write_people(strangers, people=2)
    for path in strangers.glob("0001_c1*"):
        path.unlink()
    for path in strangers.glob("0002_c2*"):
        path.unlink()
    with pytest.raises(DataError, match="nobody is seen by two cameras"):
        read_search_set(strangers)
    with pytest.raises(DataError, match="its identities go from 1 to 2"):
        read_search_set(f"{write_people(tmp_path / 'two', people=2)}:7-9")
