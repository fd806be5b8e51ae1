"""`run.py why` on a run: pictures of tracks from its recording or its videos, the two files, what is missing."""

from __future__ import annotations

import re
import shutil

import cv2
import numpy as np
import pytest
import yaml

from pipeline.motfile import read_mot
from pipeline.sinks.crops import jpeg_of
from pipeline.why import crops, explain
from pipeline.why.picture import WIDTH, decoded
from tests.pipeline.test_why import Page, key, write_log

SINKS = "sinks=[{type: identities}, {type: mot}, {type: recording, crops: true}]"


@pytest.fixture(scope="module")
def recorded(small, tmp_path_factory):
    """A run with crops."""
    from pipeline.cli import main

    output = tmp_path_factory.mktemp("why") / "run"
    assert main([str(argument) for argument in (*small.run, "--set", SINKS, "--output", output)]) == 0
    return output


def without_recording(recorded, tmp_path):
    return shutil.copytree(recorded, tmp_path / "plain", ignore=shutil.ignore_patterns("recording"))


def test_the_command_writes_both_files_and_prints_the_table(cli, recorded, tmp_path):
    outcome = cli("why", recorded, 1, "--output", tmp_path / "new")
    assert outcome.code == 0, outcome.err
    assert "Why identity 1" in outcome.out
    assert "nobody known" in re.sub(r"[\s│]+", " ", outcome.out)
    page = Page((tmp_path / "new/why_1.html").read_text())
    assert len(page.addresses) >= 1
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert decoded((tmp_path / "new/why_1.png").read_bytes()).shape[1] == WIDTH
    assert f"{tmp_path / 'new/why_1.png'}" in outcome.out
    assert "reading" not in outcome.err  # no video where the recording has crops


def frames_of(path):
    video = cv2.VideoCapture(str(path))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    return frames


def shown_in(jpegs, frames, rows):
    """The frame of each picture: where the box of a track looks most like it, if it does."""
    found = []
    for jpeg in jpegs:
        differences = {}
        for row, box in zip(rows.frame.tolist(), rows.xyxy.astype(np.float32), strict=True):
            here = decoded(jpeg_of(frames[row - 1], box) or b"?")
            if here.shape == decoded(jpeg).shape:
                differences[row] = np.abs(here.astype(int) - decoded(jpeg)).mean()
        best = min(differences, key=differences.__getitem__, default=None)
        if best is not None and differences[best] < 3:
            found.append(best)
    return found


@pytest.mark.parametrize("corner", [(0, 0), (40, 10)])
def test_pictures_from_the_video_are_those_of_the_boxes(recorded, small, tmp_path, corner):
    """Boxes in tracks/ are of the whole source picture; with `roi`, the frames that are read are smaller."""
    run = without_recording(recorded, tmp_path)
    settings = yaml.safe_load((run / "run.yaml").read_text())
    frames = frames_of(small.folder / "gate.mp4")
    settings["cameras"][0]["roi"] = [*corner, frames[0].shape[1], frames[0].shape[0]]
    (run / "run.yaml").write_text(yaml.safe_dump(settings))
    jpegs = crops.collect(run, [key("gate", 1)])[key("gate", 1)].jpegs
    rows = read_mot(run / "tracks/gate.txt")
    places = shown_in(jpegs, frames, rows.select(rows.id == 1))
    assert len(places) == len(jpegs) == crops.MOST
    assert places == sorted(set(places))


@pytest.mark.parametrize(
    ("source", "why"),
    [("gone.mp4", "no such file"), ("rtsp://host/1", "is no file; record with crops"), (0, "record with crops")],
)
def test_without_a_source_a_card_says_how_to_get_pictures(recorded, tmp_path, source, why):
    run = without_recording(recorded, tmp_path)
    settings = yaml.safe_load((run / "run.yaml").read_text())
    settings["cameras"][0]["source"] = source
    (run / "run.yaml").write_text(yaml.safe_dump(settings))
    explained = explain(run, 1, tmp_path)
    text = " ".join(Page(explained.page.read_text()).texts)
    assert why in text
    assert "crops: true" in text


def test_without_mot_files_there_are_no_pictures_but_all_else(recorded, tmp_path):
    run = without_recording(recorded, tmp_path)
    shutil.rmtree(run / "tracks")
    assert "the sink mot writes it" in explain(run, 1, tmp_path).page.read_text()


def test_errors_of_the_command(cli, recorded, tmp_path):
    plain = without_recording(recorded, tmp_path)
    (plain / "identities.jsonl").unlink()
    (tmp_path / "bare").mkdir()
    write_log(tmp_path / "bare")
    faults = [
        ((tmp_path / "none", 1), "no such folder"),
        ((plain, 1), "sink {type: identities}"),
        ((recorded, 99), "there is no identity 99; it has 1"),
        ((recorded, 1, "--track", "gate"), "--track gate: write camera and track"),
        ((recorded, 1, "--track", "roof/1"), "roof/1 is no track of identity 1"),
        ((tmp_path / "bare", 1), "run.yaml: there is none"),
        ((recorded, 1, "--output", recorded / "run.yaml"), "cannot be written"),
    ]
    for arguments, message in faults:
        outcome = cli("why", *arguments)
        assert outcome.code == 2
        assert message in outcome.err
