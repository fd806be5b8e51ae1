"""Pictures of results: what is framed in which colour."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from reid.training.evaluate import choose_queries, evaluate, read_search_set
from reid.training.report import plot_cmc, plot_distances, plot_ranked
from tests.reid.training.colour_network import Colours
from tests.reid.training.people import write_people

GREEN, RED = (61, 128, 21), (38, 38, 220)  # BGR


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = write_people(tmp_path_factory.mktemp("people"), people=4, cameras=2, images=2)
    return evaluate(Colours(), read_search_set(folder))[0]


def read(path):
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(picture)


def pixels(path, colour):
    return int(np.equal(read(path), colour).all(axis=2).sum())


def test_right_is_framed_green_and_wrong_red(result, tmp_path):
    queries = choose_queries(result, 2, "best")
    assert result.ranking.precision[queries].tolist() == [1.0, 1.0]  # the first two of four are right
    plot_ranked(result, queries, tmp_path / "two.png", shown=2)
    assert pixels(tmp_path / "two.png", GREEN) > 2000
    assert pixels(tmp_path / "two.png", RED) == 0
    plot_ranked(result, queries, tmp_path / "four.png", shown=4)
    assert pixels(tmp_path / "four.png", RED) > 1000


def test_the_nearest_match_is_shown_where_all_shown_are_wrong(tmp_path):
    class Backwards(Colours):
        def embed(self, batch):
            rows = super().embed(batch)
            rows[::2] *= -1
            return rows

    folder = write_people(tmp_path / "people", people=4, cameras=2, images=1)
    (result,) = evaluate(Backwards(), read_search_set(folder))
    (worst,) = choose_queries(result, 1)
    assert result.ranking.first[worst] >= 1
    plot_ranked(result, np.array([worst]), tmp_path / "worst.png", shown=1)
    assert pixels(tmp_path / "worst.png", GREEN) > 500
    assert pixels(tmp_path / "worst.png", RED) > 500


def test_curves_and_histograms(result, tmp_path):
    plot_cmc([result, result], tmp_path / "cmc.png")
    plot_distances([result, result], tmp_path / "distances.png")
    for name in ("cmc.png", "distances.png"):
        assert len(np.unique(read(tmp_path / name))) > 50
