"""The JSON file that `--json` names."""

from __future__ import annotations

import json

import pytest

from pipeline.errors import OutputError
from pipeline.jsonfile import check_json, write_json


def test_plain_data_comes_back(tmp_path):
    data = {"rows": [{"hota": 0.5, "camera": "Süd"}], "none": None}
    write_json(tmp_path / "scores.json", data)
    text = (tmp_path / "scores.json").read_text("utf-8")
    assert json.loads(text) == data
    assert text.endswith("}\n")


def test_a_missing_folder_is_known_before_the_work(tmp_path):
    check_json(None)
    check_json(tmp_path / "scores.json")
    with pytest.raises(
        OutputError, match=r"scores\.json: there is no folder .*absent; create it, or correct --json"
    ):
        check_json(tmp_path / "absent" / "scores.json")


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    with pytest.raises(OutputError, match=r"cannot be written: .*move away what stands there"):
        write_json(tmp_path, {})
