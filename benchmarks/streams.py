"""Detections and embeddings of the measured clips, computed once and replayed to every tracker and linker.

The measured clips (`CLIPS`) are not part of the repository: HANDOFF_DATA names their folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.truth import LEFT_END, RIGHT_START
from pipeline.detectors.yolo import YoloSettings
from pipeline.sources import open_source
from pipeline.sources.base import CameraSettings
from reid.embedder import OsnetSettings
from reid.tracklets import CameraId
from trackers import Detections

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HANDOFF_DATA", ROOT.parent / "shared" / "data"))
DETECTOR = DATA / "weights/detect/yolo11n_int8_openvino_model"
EMBEDDER = DATA / "weights/reid/osnet_x0_25_msmt17.pth"

PETS = "mot/PETS09-S2L1/vtest.avi"


@dataclass(frozen=True, slots=True)
class Clip:
    """A video, the part of the picture that is used, and its truth, all below `DATA`."""

    source: str
    roi: tuple[int, int, int, int] | None = None
    truth: str | None = None


CLIPS = {
    "pets": Clip(PETS, truth="mot/PETS09-S2L1/gt/gt.txt"),
    "stadtmitte": Clip("mot/TUD-Stadtmitte/TUD-Stadtmitte.mp4", truth="mot/TUD-Stadtmitte/gt/gt.txt"),
    "left": Clip(PETS, roi=(0, 0, LEFT_END, 576)),
    "right": Clip(PETS, roi=(RIGHT_START, 0, 768, 576)),
    "intel": Clip("clips/intel_one-by-one-person-detection.mp4"),
}


def camera_of(name: str) -> dict[str, object]:
    """A clip as an entry of cams.yaml."""
    clip = CLIPS[name]
    camera: dict[str, object] = {"name": name, "source": str(DATA / clip.source)}
    return {**camera, "roi": list(clip.roi)} if clip.roi else camera


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """What trackers get of one clip; row i of the arrays is one box, those of frame f are first[f]:first[f + 1].

    Attributes:
        times: (F,) s.
        first: (F + 1,) int64.
        boxes: (N, 4) float32 xyxy, px of the picture that the camera delivers.
        scores: (N,) float32.
        embeddings: (N, D) float32 unit rows.
        offset: of `roi` in the source frame, px.
    """

    times: npt.NDArray[np.float64]
    first: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    embeddings: npt.NDArray[np.float32]
    offset: npt.NDArray[np.int64]

    def frames(self) -> Iterator[tuple[float, Detections]]:
        """Time and detections of each frame."""
        for time, start, end in zip(self.times, self.first[:-1], self.first[1:], strict=True):
            rows = slice(int(start), int(end))
            embedded = np.ones(end - start, bool)
            yield float(time), Detections(self.boxes[rows], self.scores[rows], self.embeddings[rows], embedded)


def stream(name: str, cache: Path) -> Stream:
    """The stream of a clip, from the cache or computed with `DETECTOR` and `EMBEDDER` (every box is embedded)."""
    file = cache / f"{name}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(file, allow_pickle=False, **_compute(CLIPS[name]))
    with np.load(file) as arrays:
        return Stream(**arrays)


def _compute(clip: Clip) -> dict[str, npt.NDArray[np.generic]]:
    settings = CameraSettings(name=CameraId("clip"), source=str(DATA / clip.source), roi=clip.roi)
    source = open_source(settings, ROOT, reconnect=0)
    detector = YoloSettings(weights=str(DETECTOR)).build()
    embedder = OsnetSettings(weights=str(EMBEDDER)).build()
    times, counts, boxes, scores, rows = [], [0], [], [], []
    for frame in source.frames():
        found = detector.detect([frame])[0]
        times.append(frame.time)
        counts.append(len(found))
        boxes.append(found.boxes)
        scores.append(found.scores)
        rows.append(embedder.embed([frame.image], [found.boxes])[0])
    source.close()
    return {
        "times": np.array(times),
        "first": np.cumsum(counts),
        "boxes": np.concatenate(boxes),
        "scores": np.concatenate(scores),
        "embeddings": np.concatenate(rows),
        "offset": np.array(clip.roi[:2] if clip.roi else (0, 0)),
    }
