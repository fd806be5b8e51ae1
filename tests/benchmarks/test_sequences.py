"""The file format of sequences, their table, and what each is taken from."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import sequences
from benchmarks.imported_sequences import imported_sequence
from benchmarks.occlusion import occlusion_of
from benchmarks.rendered_sequences import PARTS, scene_of
from benchmarks.sequence import Sequence, read_sequence, write_sequence
from benchmarks.sequences import SEQUENCES, chosen, load, take_in
from benchmarks.synthetic_sequences import Crowd, synthetic_sequence
from pipeline.errors import HandoffError
from tests.shared_data import SHARED


@pytest.fixture(scope="module")
def small() -> Sequence:
    return synthetic_sequence("small", "tune", Crowd(8, seed=3, dimension=16), 20)


def test_a_file_gives_back_what_was_written(small, tmp_path):
    write_sequence(small, tmp_path / "folder" / "small.npz")
    again = read_sequence(tmp_path / "folder" / "small.npz", "tune")
    assert (again.name, again.split, again.size) == ("small", "tune", small.size)
    for one, other in zip(small.frames("synthetic"), again.frames("synthetic"), strict=True):
        assert one[0] == other[0]
        assert np.array_equal(one[1].boxes, other[1].boxes)
        assert np.array_equal(one[1].scores, other[1].scores)
        assert one[1].embeddings is not None
        assert other[1].embeddings is not None
        assert np.array_equal(one[1].embeddings, other[1].embeddings)
    assert np.array_equal(again.gt, small.gt)
    assert list(tmp_path.rglob("*.part")) == []


def test_frames_without_an_embedder_have_no_embeddings(small):
    assert all(found.embeddings is None for _, found in small.frames(None))
    with pytest.raises(KeyError):
        next(small.frames("nobody"))


def test_truth_is_left_top_width_height(small):
    truth = small.truth()
    assert len(truth.repeated()) == 0
    assert truth.frames.min() == 1
    assert np.allclose(truth.boxes[:, 2:], small.gt[:, 4:6] - small.gt[:, 2:4])


def test_perfect_boxes_are_found_to_be_so(small):
    order = np.argsort(small.gt[:, 0], kind="stable")
    rows = small.gt[order]
    dets = np.column_stack([rows[:, 2:6], np.full(len(rows), 0.9)]).astype(np.float32)
    off = np.searchsorted(rows[:, 0], np.arange(1, len(small.times) + 2))
    quality = replace(small, dets=dets, off=off, embeddings={}).quality()
    assert (quality.recall, quality.precision, quality.frames) == (1.0, 1.0, 20)


@pytest.mark.parametrize("change", [{"off": np.zeros(21, np.int64)}, {"times": np.zeros(20)}])
def test_arrays_that_do_not_fit_are_refused(small, change):
    with pytest.raises(ValueError, match="small: "):
        replace(small, **change)


def test_nothing_is_tuned_on_what_is_reported():
    splits = {name: recipe.split for name, recipe in SEQUENCES.items()}
    assert {splits[name] for name in ("pets", "stadtmitte", "mot15-venice-2", "mot17-04", "numbers-50")} == {
        "report"
    }
    for name, split in splits.items():
        if name.startswith("world-"):
            _, scene, seed, _ = name.split("-")
            twins = {splits[other] for other in splits if other.startswith(f"world-{scene}-{seed}-")}
            assert twins == {split}


def test_the_parts_are_of_their_scenes():
    for part in PARTS:
        assert {camera.name for camera in scene_of(part).cameras} == set(part.cameras)


def test_patterns_choose(small):
    assert chosen((), ("world-drop-0-*",)) == ["world-drop-0-passage", "world-drop-0-platform"]
    assert chosen(("real",), ()) == ["pets", "stadtmitte"]
    assert len(chosen((), ())) == len(SEQUENCES)
    with pytest.raises(HandoffError, match="fits none"):
        chosen((), ("petz",))


def test_streams_made_elsewhere_are_taken_in(small, tmp_path):
    arrays = {"off": small.off, "dets": small.dets, "gt": small.gt, "W": 1920, "H": 1080}
    for folder in (tmp_path, tmp_path / "2"):
        folder.mkdir(exist_ok=True)
        np.savez(folder / "synth_50.npz", emb_synthetic=small.embeddings["synthetic"], **arrays)
    cache = tmp_path / "cache"
    assert take_in(tmp_path, cache) == ["numbers-50", "numbers-tune-50-2"]
    taken = load("numbers-50", cache)
    assert np.array_equal(taken.times, np.arange(20) / 25)
    assert np.array_equal(taken.embeddings["synthetic"], small.embeddings["synthetic"])
    assert taken.split == "report"
    with pytest.raises(HandoffError, match="--from"):
        load("numbers-100", cache)
    (tmp_path / "synth_100.npz").write_bytes(b"nothing")
    with pytest.raises(HandoffError, match="synth_100"):
        imported_sequence("x", "tune", tmp_path / "synth_100.npz")


def test_the_command_prints_a_row_a_sequence(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sequences.CROWDS, 10, ((640, 360), (60, 150)))
    monkeypatch.setattr(sequences, "CROWD_FRAMES", 10)
    outcome = CliRunner().invoke(sequences.main, ["--name", "synthetic-10-*", "--cache", str(tmp_path)])
    assert outcome.exit_code == 0, outcome.output
    assert all(outcome.output.count(f"synthetic-10-{seed}") == 2 for seed in (1, 20))
    assert {path.stem for path in tmp_path.glob("*.npz")} == {f"synthetic-10-{seed}" for seed in (0, 1, 20)}
    outcome = CliRunner().invoke(sequences.main, ["--name", "numbers-10", "--cache", str(tmp_path)])
    assert outcome.exit_code == 1
    assert "--from" in outcome.output


def test_no_such_sequence(tmp_path):
    with pytest.raises(HandoffError, match="no sequence 'petz'"):
        load("petz", tmp_path)


def test_who_stands_lower_hides_others():
    boxes = np.array([[0, 0, 10, 20], [5, 0, 15, 30], [100, 0, 110, 20]], np.float64)
    hiding = occlusion_of(boxes)
    assert hiding.by.tolist() == [1, 1, 2]
    assert hiding.most.tolist() == [0.5, 0.0, 0.0]
    assert len(occlusion_of(np.zeros((0, 4))).by) == 0


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "mot/KITTI-17").is_dir(), reason="set HANDOFF_DATA to the folder of real videos")
def test_detections_of_motchallenge(tmp_path):
    sequence = load("mot15-kitti-17", tmp_path)
    quality = sequence.quality()
    assert (quality.frames, quality.people) == (145, 9)
    assert quality.recall > 0.7
    assert np.allclose(np.diff(sequence.times), 0.1)
    assert sum(len(found) for _, found in islice(sequence.frames(None), 145)) == 592
