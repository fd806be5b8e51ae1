"""`run.py reid evaluate`: tables, files, and what it says when it cannot."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from pipeline.errors import ConfigError, DataError, OutputError, WeightsError
from pipeline.reid_evaluate import evaluate
from tests.reid.training.colour_network import write_model
from tests.reid.training.people import write_people


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("weights") / "colours.xml")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("people"), people=5, cameras=2, images=2)


def run(*arguments):
    result = CliRunner().invoke(evaluate, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_row_for_each_network_and_set(weights, people, tmp_path):
    (tmp_path / "second").mkdir()
    other = write_model(tmp_path / "second" / "colours.xml")
    out = run("--weights", weights, "--weights", other, "--data", people, "--data", f"{people}:1-3", "--flip")
    for words in (
        "rank-1",
        "rank-20",
        "mAP",
        "left out",
        "second/colours, flip",
        f"{weights.parent.name}/colours",
    ):
        assert words in out, words
    assert out.count("from 1") == 4
    assert "OpenVINO" in out


def test_scores_and_pictures_as_files(weights, people, tmp_path):
    json_file, plots = tmp_path / "scores.json", tmp_path / "plots"
    out = run(
        *("--weights", weights, "--data", people, "--rerank", "--k1", 4, "--k2", 2, "--query", "mean"),
        *("--json", json_file, "--plots", plots, "--queries", 2, "--choose", "random"),
    )
    written = json.loads(json_file.read_text())
    assert len(written["networks"][0]["sha256"]) == 64
    plain, reranked = written["results"]
    assert plain["queries"] == 10
    assert reranked["protocol"]["rerank"]["k1"] == 4
    pictures = sorted(path.name for path in plots.iterdir())
    assert pictures[:2] == ["cmc.png", "distances.png"]
    assert len([name for name in pictures if name.startswith("ranked_")]) == 2
    assert all(name in out for name in pictures)


def test_a_query_by_its_name(weights, people, tmp_path):
    name = sorted(people.iterdir())[0].name
    run("--weights", weights, "--data", people, "--plots", tmp_path, "--show", name)
    assert [path.name for path in tmp_path.glob("ranked_*")]
    with pytest.raises(DataError, match="no query"):
        run("--weights", weights, "--data", people, "--plots", tmp_path, "--show", "nobody.png")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["--weights", "{weights}", "--data", "{tmp}/absent"], DataError, "no such folder"),
        (["--weights", "absent.pth", "--data", "{people}"], WeightsError, "absent.pth: not found"),
        (["--weights", "{weights}", "--data", "{people}", "--json", "{tmp}/no/a.json"], OutputError, "create it"),
        (["--weights", "{weights}", "--data", "{people}", "--plots", "{weights}"], OutputError, "move away"),
        (["--weights", "{weights}", "--data", "{people}", "--show", "a.png"], ConfigError, "without --plots"),
    ],
)
def test_what_is_wrong_is_said_with_the_remedy(weights, people, tmp_path, arguments, error, words):
    filled = [text.format(weights=weights, people=people, tmp=tmp_path) for text in arguments]
    with pytest.raises(error, match=words):
        run(*filled)


def test_a_size_that_is_none_is_refused(weights, people):
    result = CliRunner().invoke(evaluate, ["--weights", weights, "--data", people, "--size", "9x9"])
    assert result.exit_code == 2
    assert "'9x9' is no size: give height and width in pixels, like 128x64" in result.output
