"""What every detector promises, checked on every detector; the recorded one; what both do to boxes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pipeline.detectors import Detector, DetectorSettings, RecordedSettings, YoloSettings
from pipeline.detectors.boxes import inside_image, suppress
from pipeline.detectors.recorded import RecordedDetector
from pipeline.errors import ConfigError
from pipeline.frames import Frame
from reid.tracklets import CameraId
from tests.pipeline.yolo_weights import assert_alike, export, frames_of, random_yolo, scene
from tests.shared_data import ABSENT, ROOT, SHARED
from trackers.tracks import Detections, FloatArray

SIZES = ((240, 320), (480, 640), (250, 320))  # all on a canvas of 256x320
FRAMES = [*frames_of(*(scene(*size, seed) for seed, size in enumerate(SIZES)))]

Build = Callable[[], Detector]


def write_rows(folder: Path) -> Path:
    """Fifty boxes a camera in frame 1, some of them partly or wholly outside of the picture."""
    random = np.random.default_rng(0)
    for frame in FRAMES:
        rows = random.uniform([1, -1, -60, -60, 5, 5, 0], [2, 0, 400, 300, 90, 90, 1], (50, 7))
        text = "\n".join(f"1,-1,{','.join(f'{value:.3f}' for value in row[2:])},-1,-1,-1" for row in rows)
        (folder / f"{frame.camera}.txt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Build]:
    """How to build each detector."""
    folder = tmp_path_factory.mktemp("weights")
    paths: dict[str, tuple[Path, Literal["auto", "torch"]]] = {
        "yolo11n.pt": (random_yolo("yolo11n"), "auto"),
        "yolo26n.pt": (random_yolo("yolo26n"), "torch"),
        "yolo26n OpenVINO": (export(random_yolo("yolo26n"), folder, "openvino", imgsz=320), "auto"),
        "yolo11n INT8 of COCO": (SHARED / "weights" / "detect" / "yolo11n_int8_openvino_model", "auto"),
    }
    recorded = RecordedSettings(type="recorded", folder=write_rows(tmp_path_factory.mktemp("recorded")))
    builds: dict[str, Build] = {
        name: YoloSettings(type="yolo", weights=str(path), image_size=320, runtime=runtime, half=False).build
        for name, (path, runtime) in paths.items()
        if path.exists()
    }
    return builds | {"recorded": recorded.build}


@pytest.fixture(
    scope="module",
    params=[
        "recorded",
        "yolo11n.pt",
        "yolo26n.pt",
        "yolo26n OpenVINO",
        pytest.param("yolo11n INT8 of COCO", marks=pytest.mark.shared),
    ],
)
def build(request: pytest.FixtureRequest, kinds: dict[str, Build]) -> Build:
    if request.param not in kinds:
        pytest.skip(ABSENT)
    return kinds[request.param]


@pytest.fixture(scope="module")
def detector(build: Build) -> Detector:
    return build()


def assert_equal(ours: Sequence[Detections], theirs: Sequence[Detections]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a.boxes, b.boxes)
        np.testing.assert_array_equal(a.scores, b.scores)


def assert_all_alike(ours: Sequence[Detections], theirs: Sequence[Detections]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        if len(a) or len(b):
            assert_alike(a, b.boxes, b.scores, pixels=0.1, score=2e-3)


def test_one_result_a_frame_inside_it_by_falling_score(detector: Detector) -> None:
    found = detector.detect(FRAMES)
    assert len(found) == len(FRAMES)
    for detections, frame in zip(found, FRAMES, strict=True):
        height, width = frame.image.shape[:2]
        assert detections.boxes.dtype == detections.scores.dtype == np.float32
        assert (detections.boxes >= 0).all()
        assert (detections.boxes <= [width, height, width, height]).all()
        assert (np.diff(detections.scores) <= 0).all()
        assert ((detections.scores > 0) & (detections.scores <= 1)).all()
        assert detections.embeddings is None


def test_the_scenes_give_boxes(detector: Detector, request: pytest.FixtureRequest) -> None:
    if "COCO" in request.node.name:
        pytest.skip("trained weights find nobody in patches of colour")
    assert all(len(found) > 5 for found in detector.detect(FRAMES))


def test_order_follows_the_frames(detector: Detector) -> None:
    assert_all_alike(detector.detect(FRAMES[::-1])[::-1], detector.detect(FRAMES))


def test_a_batch_gives_what_its_frames_give(detector: Detector) -> None:
    assert_all_alike([detector.detect([frame])[0] for frame in FRAMES], detector.detect(FRAMES))


def test_repeating_gives_the_same(detector: Detector, build: Build) -> None:
    first = detector.detect(FRAMES)
    detector.detect(FRAMES[:1])  # leaves other pictures in the buffers
    assert_equal(detector.detect(FRAMES), first)
    again = build()
    assert_equal(again.detect(FRAMES), first)
    again.close()
    again.close()


def test_frames_are_left_alone(detector: Detector) -> None:
    images = [frame.image.copy() for frame in FRAMES]
    detector.detect(FRAMES)
    assert all((frame.image == image).all() for frame, image in zip(FRAMES, images, strict=True))


def test_a_crop_of_a_larger_picture_is_a_frame(detector: Detector) -> None:
    padded = np.zeros((600, 800, 3), np.uint8)
    padded[60:300, 100:420] = FRAMES[0].image
    view = Frame(FRAMES[0].camera, 0, 0.0, padded[60:300, 100:420])
    assert_equal(detector.detect([view]), detector.detect([FRAMES[0]]))


def test_no_frames_no_detections(detector: Detector) -> None:
    assert detector.detect([]) == []


# --- recorded


def recorded(folder: Path, rows: str, **options: float) -> RecordedDetector:
    (folder / "gate.txt").write_text(rows)
    return RecordedSettings(type="recorded", folder=folder, **options).build()


def frame_at(index: int, offset: tuple[int, int] = (0, 0)) -> Frame:
    return Frame(CameraId("gate"), index, index / 10, np.zeros((100, 200, 3), np.uint8), offset)


def test_recorded_rows_belong_to_the_next_frame_number(tmp_path: Path) -> None:
    detector = recorded(tmp_path, "3,-1,10,20,30,40,.9\n1,-1,1,2,3,4,.8\n3,-1,11,20,30,40,.95\n")
    found = [detector.detect([frame_at(index)])[0] for index in range(4)]
    assert [len(detections) for detections in found] == [1, 0, 2, 0]
    assert found[2].boxes.tolist() == [[11, 20, 41, 60], [10, 20, 40, 60]]
    assert found[2].scores.tolist() == pytest.approx([0.95, 0.9])


def test_recorded_boxes_are_shifted_by_the_roi_and_clipped(tmp_path: Path) -> None:
    rows = "1,-1,290,40,50,30,.9\n1,-1,480,90,50,80,.8\n1,-1,0,0,100,100,.7\n1,-1,310,60,0,20,.6\n"
    found = recorded(tmp_path, rows).detect([frame_at(0, offset=(300, 50))])[0]
    assert found.boxes.tolist() == [[0, 0, 40, 20], [180, 40, 200, 100]]


def test_recorded_scores_have_a_threshold_and_end_at_one(tmp_path: Path) -> None:
    rows = "1,-1,0,0,9,9,95.5\n1,-1,10,0,9,9,.5\n1,-1,20,0,9,9,.49\n1,-1,30,0,9,9,-3\n"
    found = recorded(tmp_path, rows, confidence=0.5).detect([frame_at(0)])[0]
    assert found.scores.tolist() == [1.0, 0.5]


def test_recorded_truth_gives_counted_pedestrians_only(tmp_path: Path) -> None:
    rows = "1,1,0,0,9,9,1,1,.5\n1,2,10,0,9,9,0,1,.5\n1,3,20,0,9,9,1,3,.5\n"
    assert recorded(tmp_path, rows).detect([frame_at(0)])[0].boxes.tolist() == [[0, 0, 9, 9]]


def test_recorded_folder_and_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: no such folder .* detector\.folder"):
        RecordedSettings(type="recorded", folder=tmp_path / "nowhere").build()
    detector = RecordedSettings(type="recorded", folder=tmp_path).build()
    for look in (lambda: detector.detect([frame_at(0)]), lambda: detector.read([CameraId("gate")])):
        with pytest.raises(ConfigError, match=r"gate\.txt: no such file, so camera 'gate' has no recorded"):
            look()


def test_recorded_folder_that_cannot_be_looked_at(tmp_path: Path) -> None:
    for fault in ("n" * 300, "x/" * 5000):
        with pytest.raises(
            ConfigError, match=r"cannot be looked at: File name too long; correct detector\.folder"
        ):
            RecordedSettings(type="recorded", folder=tmp_path / fault).build()


def test_recorded_rows_can_be_read_before_the_first_frame(tmp_path: Path) -> None:
    detector = recorded(tmp_path, "1,-1,0,0,9,9,.9\n")
    detector.read([CameraId("gate")])
    (tmp_path / "gate.txt").unlink()
    assert len(detector.detect([frame_at(0)])[0]) == 1


def test_recorded_file_with_a_wrong_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gate\.txt:2: 6 to 10 columns wanted"):
        recorded(tmp_path, "1,-1,0,0,9,9,1\nperson\n").read([CameraId("gate")])


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason=ABSENT)
@pytest.mark.parametrize("sequence", ["PETS09-S2L1", "TUD-Stadtmitte", "ADL-Rundle-6", "KITTI-17"])
def test_published_detections(tmp_path: Path, sequence: str) -> None:
    """Both layouts: the benchmark's own folders, and one file a camera."""
    path = SHARED / "mot" / sequence / "det" / "det.txt"
    shutil.copy(path, tmp_path / f"{sequence}.txt")
    rows = [line.split(",") for line in path.read_text().splitlines()]
    for folder in (path.parents[2], tmp_path):
        detector = RecordedSettings(type="recorded", folder=folder, confidence=0.5).build()
        frames = (
            Frame(CameraId(sequence), index, 0.0, np.empty((1080, 1920, 3), np.uint8)) for index in range(100)
        )
        found = sum(len(detector.detect([frame])[0]) for frame in frames)
        assert found == sum(int(row[0]) <= 100 and float(row[6]) >= 0.5 for row in rows) > 20


# --- boxes


def suppress_by_definition(boxes: FloatArray, iou: float) -> list[int]:
    """Greedy suppression, box by box."""
    kept: list[int] = []
    for number, box in enumerate(boxes.astype(np.float64)):
        for other in kept:
            sides = np.minimum(box[2:], boxes[other, 2:]) - np.maximum(box[:2], boxes[other, :2])
            common = float(np.clip(sides, 0, None).prod())
            areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (box, boxes[other].astype(np.float64)))
            if common / (areas - common) > iou:
                break
        else:
            kept.append(number)
    return kept


@settings(deadline=None)
@given(st.integers(0, 60), st.sampled_from([0.3, 0.5, 0.7]), st.integers(0, 10**6))
def test_suppression_is_greedy_by_definition(count: int, iou: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    corners = random.uniform(0, 60, (count, 2))
    boxes = np.concatenate([corners, corners + random.uniform(5, 50, (count, 2))], axis=1).astype(np.float32)
    scores = np.sort(random.uniform(0.1, 1, count).astype(np.float32))[::-1]
    assert suppress(boxes, scores, iou).tolist() == suppress_by_definition(boxes, iou)


def test_equal_scores_are_ordered_by_position() -> None:
    boxes = np.array([[5, 0, 9, 9], [1, 4, 9, 9], [1, 3, 9, 9], [0, 0, 9, 9], [1, 3, 8, 9]], np.float32)
    scores = np.array([0.5, 0.5, 0.5, 0.4, 0.5], np.float32)
    for order in (np.arange(5), np.arange(5)[::-1]):
        found = inside_image(boxes[order], scores[order], (10, 10))
        assert found.boxes.tolist() == boxes[[4, 2, 1, 0, 3]].tolist()


def test_boxes_without_area_inside_the_image_are_dropped() -> None:
    boxes = [[-5, -5, 5, 5], [10, 0, 15, 5], [3, 3, 3, 9], [9, 9, 2, 2], [np.nan, 0, 5, 5], [-9, 2, 0, 9]]
    found = inside_image(np.array(boxes, np.float32), np.full(6, 0.5, np.float32), (10, 10))
    assert found.boxes.tolist() == [[0, 0, 5, 5]]


# --- settings


def test_the_union_tells_the_kinds_apart(tmp_path: Path) -> None:
    union: TypeAdapter[YoloSettings | RecordedSettings] = TypeAdapter(DetectorSettings)
    assert union.validate_python({"type": "yolo"}) == YoloSettings(type="yolo")
    assert isinstance(union.validate_python({"type": "recorded", "folder": tmp_path}), RecordedSettings)
    for wrong in ({"type": "yola"}, {"type": "recorded"}, {"type": "yolo", "folder": "x"}, {}):
        with pytest.raises(ValidationError):
            union.validate_python(wrong)


@pytest.mark.parametrize(
    "value",
    [
        {"image_size": 650},
        {"image_size": 0},
        {"confidence": 0},
        {"iou": 1.1},
        {"device": "tpu"},
        {"half": "no!"},
        {"runtime": "openvino", "device": "cuda"},
    ],
)
def test_yolo_settings_have_bounds(value: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        YoloSettings.model_validate({"type": "yolo"} | value)


def test_every_setting_is_described() -> None:
    for kind in (YoloSettings, RecordedSettings):
        assert all(field.description for field in kind.model_fields.values())


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, pipeline.detectors; "
        "print(sorted({'torch', 'ultralytics', 'openvino', 'cv2', 'torchvision'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "[]"
