"""The pictures, patches and steps that the shipped detector is trained with."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from benchmarks import detector_frames, detector_training
from benchmarks.detector_calibration import BEST_AT, best_score, shift_scores
from benchmarks.detector_frames import Labelled, read, rendered_frames, teacher_frames, varied, without, write
from benchmarks.detector_patches import _cut, _mosaic, inside, patch, whole
from benchmarks.detector_training import Plan, Training, collated
from benchmarks.rendered import find_scene
from benchmarks.train_detector import cli
from pipeline.detectors import YoloSettings
from pipeline.detectors.yolo_outputs import Head
from pipeline.errors import ConfigError, HandoffError, SourceError
from tests.pipeline.rendering import needs_renderer
from tests.pipeline.yolo_weights import frames_of
from trackers.boxes import iou_matrix
from trackers.tracks import Detections

FRAMES = ((360, 640), (576, 768), (200, 300))


def ellipses(seed: int, size: tuple[int, int]) -> Labelled:
    """A dark picture with three bright ellipses that fill their boxes, apart from each other."""
    rng = np.random.default_rng(seed)
    height, width = size
    image, boxes = np.zeros((height, width, 3), np.uint8), []
    for column in range(3):
        half = rng.uniform((12, 30), (24, 60)) * height / 360
        middle = np.array([(column + 0.5) / 3 * width, rng.uniform(0.3, 0.7) * height])
        centre, axes = (int(v) for v in middle), (int(v) for v in half)
        cv2.ellipse(image, tuple(centre), tuple(axes), 0, 0, 360, (255, 255, 255), -1)
        low, high = middle.astype(int) - half.astype(int), middle.astype(int) + half.astype(int) + 1
        boxes.append([*low, *high])
    return Labelled(f"ellipses-{seed}", image, np.array(boxes, np.float32))


@pytest.fixture(scope="module")
def frames() -> list[Labelled]:
    return [ellipses(seed, FRAMES[seed % 3]) for seed in range(6)]


def bright_boxes(image: np.ndarray) -> np.ndarray:
    """Boxes around what is bright, but for specks."""
    count, _, rows, _ = cv2.connectedComponentsWithStats((image[..., 0] > 170).astype(np.uint8))
    boxes = [[left, top, left + width, top + height] for left, top, width, height, _ in rows[1:count].tolist()]
    return np.array(boxes, float).reshape(-1, 4)


@pytest.mark.parametrize(
    "make", [lambda f, rng: _cut(f[int(rng.integers(6))], 224, rng), lambda f, rng: whole(f, (384, 640), rng)]
)
def test_boxes_go_where_the_pixels_go(frames, make, monkeypatch):
    monkeypatch.setattr("benchmarks.detector_patches.photographed", lambda image, _: image)
    rng, matched = np.random.default_rng(0), []
    for _ in range(40):
        image, boxes = make(frames, rng)
        height, width = image.shape[:2]
        clear = ((boxes[:, :2] > 1) & (boxes[:, 2:] < (width - 1, height - 1))).all(1)
        if clear.any():
            matched += iou_matrix(boxes[clear], bright_boxes(image)).max(1).tolist()
    assert len(matched) > 25
    assert min(matched) > 0.8
    assert np.mean(matched) > 0.92


def test_a_mosaic_keeps_boxes_in_their_quarters(frames):
    rng = np.random.default_rng(1)
    for _ in range(20):
        image, boxes = _mosaic(frames, 224, rng)
        assert image.shape == (224, 224, 3)
        for left, top, right, bottom in boxes.astype(int):
            assert image[top:bottom, left:right].max() > 170
            assert 0 <= left < right <= 224
            assert 0 <= top < bottom <= 224


def test_little_of_a_box_is_no_person():
    boxes = np.array([[0, 0, 40, 80], [-35, 0, 5, 80], [0, -75, 40, 5], [200, 0, 240, 80]], np.float32)
    np.testing.assert_array_equal(inside(boxes, (0, 0, 220, 220)), [[0, 0, 40, 80], [200, 0, 220, 80]])


def test_the_same_seed_gives_the_same_patch(frames):
    first, again, other = (patch(frames, 192, np.random.default_rng([3, n])) for n in (0, 0, 1))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()


def test_pictures_are_read_as_they_were_written(tmp_path, frames):
    empty = Labelled("nobody", frames[0].image, np.empty((0, 4), np.float32))
    for frame in (frames[1], empty):
        write(tmp_path, frame)
    ours, nobody = read([tmp_path])
    assert (ours.name, nobody.name, nobody.boxes.shape) == (frames[1].name, "nobody", (0, 4))
    np.testing.assert_allclose(ours.boxes, frames[1].boxes, atol=0.01)
    assert np.abs(ours.image.astype(int) - frames[1].image).mean() < 2


def test_pictures_that_are_missing(tmp_path, frames):
    with pytest.raises(SourceError, match=r"no labels/\*\.txt; make pictures first"):
        read([tmp_path])
    write(tmp_path, frames[0])
    (tmp_path / "images" / f"{frames[0].name}.jpg").unlink()
    with pytest.raises(SourceError, match=r"ellipses-0\.jpg: cannot be read; delete .*ellipses-0\.txt"):
        read([tmp_path])


def test_what_a_teacher_doubts_is_grey_outside_of_what_it_knows():
    image = np.full((100, 100, 3), 200, np.uint8)
    unsure, kept = np.array([[10, 10, 60, 60]], np.float32), np.array([[40, 40, 80, 80]], np.float32)
    painted = without(image, unsure, kept)
    assert (painted[10:40, 10:40] == 114).all()
    assert (painted[41:80, 41:80] == 200).all()
    assert (image == 200).all()


class Teacher:
    """Is sure of one box, and doubts another."""

    def detect(self, frames):
        boxes = np.array([[20, 20, 60, 120], [100, 20, 140, 120]], np.float32)
        return [Detections(boxes, np.array([0.8, 0.3], np.float32)) for _ in frames]

    def close(self):
        """Nothing to release."""


def test_a_clip_is_labelled_by_a_teacher():
    clip = Path(__file__).parents[2] / "demo_videos" / "hall.mp4"
    found = list(teacher_frames(clip, Teacher(), every=100))
    assert [frame.name for frame in found] == [f"hall-{number:05d}" for number in range(0, 500, 100)]
    assert all(frame.boxes.tolist() == [[20, 20, 60, 120]] for frame in found)
    assert (found[0].image[20:120, 100:140] == 114).all()
    with pytest.raises(SourceError, match=r"absent\.mp4: cannot be read as a video"):
        list(teacher_frames(Path("absent.mp4"), Teacher(), every=1))


def test_a_scene_is_varied_by_its_seed():
    scene = find_scene("demo")
    one, again, other = (varied(scene, np.random.default_rng(seed), 7) for seed in (1, 1, 2))
    assert one == again
    assert (one.cameras, one.site.lights) != (other.cameras, other.site.lights)
    assert [camera.name for camera in one.cameras] == [f"view{number}" for number in range(7)]
    assert len({camera.place for camera in one.cameras}) == 7


@needs_renderer
def test_rendered_pictures_show_people_in_their_boxes(monkeypatch):
    few = lambda scene, rng, views: dataclasses.replace(varied(scene, rng, views), people=6, pairs=0.0)  # noqa: E731
    monkeypatch.setattr(detector_frames, "varied", few)
    made = list(rendered_frames("demo", 5, 2, 2))
    assert len({frame.name for frame in made}) == 4
    boxes = np.concatenate([frame.boxes for frame in made])
    assert 0 < len(boxes) <= 24
    for frame in made:
        height, width = frame.image.shape[:2]
        assert (frame.boxes >= -0.5).all()
        assert (frame.boxes <= np.array([width, height] * 2) + 0.5).all()
    with pytest.raises(HandoffError, match="there is no such scene"):
        next(rendered_frames("moon", 1, 1, 1))


def test_boxes_of_a_batch_are_shares_of_its_pictures():
    boxes = [np.array([[10, 20, 30, 60]], np.float32), np.empty((0, 4), np.float32)]
    batch = collated([(np.zeros((100, 200, 3), np.uint8), rows) for rows in boxes])
    np.testing.assert_allclose(batch["bboxes"], [[0.1, 0.4, 0.1, 0.4]])
    assert batch["img"].shape == (2, 100, 200, 3)
    assert batch["batch_idx"].tolist() == [0]


@pytest.fixture
def small_steps(monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.setattr(detector_training, "_SIZES", ((64, 2),))
    monkeypatch.setattr(detector_training, "_CANVASES", ((64, 96),))
    monkeypatch.setattr(detector_training, "_WHOLES", 2)
    monkeypatch.setattr(detector_training, "_SAVED_EACH", 2)
    monkeypatch.setattr(detector_training, "_WHOLE_FROM", 0.5)
    yield
    torch.set_num_threads(threads)


class InterruptedTestError(Exception):
    """Stands for Ctrl-C."""


def test_an_interrupted_training_goes_on_to_the_same_weights(tmp_path, frames, small_steps, monkeypatch):
    """Through the change from patches to whole pictures."""
    plan = Plan(steps=4, warm_up=2, threads=1, device="cpu")
    through = Training(plan, [frames], (1.0,), tmp_path / "through").run()

    stopping = Training(plan, [frames], (1.0,), tmp_path / "stopped")
    train, steps = stopping._train, iter(range(3))

    def train_until_stopped(batch):
        if next(steps, None) is None:
            raise InterruptedTestError
        return train(batch)

    monkeypatch.setattr(stopping, "_train", train_until_stopped)
    with pytest.raises(InterruptedTestError):
        stopping.run()
    resumed = Training(plan, [frames], (1.0,), tmp_path / "stopped")
    assert resumed._step == 2
    again = resumed.run()
    ours, theirs = (torch.load(path, weights_only=False)["model"].state_dict() for path in (through, again))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert torch.load(tmp_path / "stopped" / "checkpoint.pt", weights_only=True)["step"] == 4

    detector = YoloSettings(weights=str(again), runtime="torch", image_size=160, device="cpu").build()
    assert (detector._runtime.head, again.stat().st_size < 12e6) == (Head.DENSE, True)
    assert len(detector.detect(frames_of(frames[0].image))) == 1

    with pytest.raises(ConfigError, match=r"checkpoint\.pt: of another training .* choose another --output"):
        Training(dataclasses.replace(plan, seed=1), [frames], (1.0,), tmp_path / "stopped")


def test_calibration_shifts_scores_and_keeps_their_order(tmp_path, frames, small_steps):
    raw = Training(Plan(steps=1, threads=1, device="cpu"), [frames], (1.0,), tmp_path).export(tmp_path / "raw.pt")
    canvas = np.stack([whole(frames, (128, 128), np.random.default_rng(0))[0]])
    before = _scores(raw, canvas)
    score = float(np.median(before))
    after = _scores(shift_scores(raw, score, tmp_path / "shifted.pt"), canvas)
    assert np.median(after) == pytest.approx(BEST_AT, abs=0.01)
    odds = np.log(after / (1 - after)) - np.log(before / (1 - before))
    np.testing.assert_allclose(odds, odds.mean(), atol=0.02)


def test_the_best_score_is_that_of_the_highest_f1(monkeypatch, frames):
    monkeypatch.setattr(YoloSettings, "build", lambda _: Teacher())
    known = Labelled("known", frames[0].image, np.array([[20, 20, 60, 120]], np.float32))
    score, f1 = best_score(Path("any.pt"), [known, known])
    assert 0.3 < score <= 0.8
    assert f1 == pytest.approx(1.0)


def _scores(weights: Path, canvas: np.ndarray) -> np.ndarray:
    runtime = YoloSettings(weights=str(weights), runtime="torch", device="cpu").build()._runtime
    return np.asarray(runtime.run(canvas)[0, 4], float)


def test_a_step_lowers_the_loss(tmp_path, frames, small_steps):
    training = Training(Plan(steps=100, warm_up=1, threads=1, device="cpu"), [frames], (1.0,), tmp_path)
    batch = training._batch(0)
    losses = [training._train(batch).sum() for _ in range(8)]
    assert np.mean(losses[-2:]) < 0.9 * np.mean(losses[:2])


def test_the_command_wants_a_share_for_each_folder(tmp_path):
    from click.testing import CliRunner

    words = ["train", str(tmp_path), "--share", "1", "--share", "2", "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2
    assert "--share: give one for each folder, 1, or none" in result.output
