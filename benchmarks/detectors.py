"""How well detectors find people: the shipped one beside others, on the demo's clips and a real one, in one run.

    python -m benchmarks.detectors
    python -m benchmarks.detectors --weights yolo26n.pt --weights runs/mine.pt --every 5

Average precision at IoU .5 on demo_videos/ and on PETS09-S2L1, recall and precision from a confidence of .25 and
of .4; time a frame of the demo, letterbox included, one frame at a time, the detectors taking turns. The real clip
and the peers are not part of the repository: HANDOFF_DATA names their folder.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import click
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.clip_frames import frames_of
from benchmarks.detection_scores import Tally
from benchmarks.streams import DATA, ROOT
from pipeline.detectors.base import Detector
from pipeline.detectors.boxes import inside_image
from pipeline.detectors.yolo import YoloSettings
from pipeline.frames import Frame, Image
from pipeline.motfile import read_mot
from reid.openvino_import import import_openvino, openvino_core
from trackers.tracks import Detections

SHIPPED = "person_yolo26n.pt"
YOLO11N = DATA / "weights/detect/yolo11n_int8_openvino_model"
ADAS = DATA / "weights/omz/pedestrian-detection-adas-0002/pedestrian-detection-adas-0002.xml"
DEMO = ROOT / "demo_videos"
PETS = DATA / "mot/PETS09-S2L1"
CONFIDENCES = 0.25, 0.4  # where recall and precision are taken: ultralytics' threshold, and DeepSORT's
_LOWEST = 0.01  # of the detections that the average precision sees


class AdasDetector:
    """Intel's pedestrian-detection-adas-0002, an SSD on MobileNet; a `pipeline.detectors.base.Detector`."""

    def __init__(self, graph: Path) -> None:
        model = openvino_core().read_model(graph)
        _, _, height, width = model.input(0).shape
        self._size = int(width), int(height)
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": import_openvino().Type.f32}
        self._request = openvino_core().compile_model(model, "CPU", hints).create_infer_request()

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """See `pipeline.detectors.base.Detector`; one frame after the other."""
        return [self._detect(frame.image) for frame in frames]

    def close(self) -> None:
        """See `pipeline.detectors.base.Detector`."""

    def _detect(self, image: Image) -> Detections:
        picture = cv2.resize(image, self._size).transpose(2, 0, 1)[None].astype(np.float32)
        rows = np.asarray(self._request.infer(picture)[0], np.float32).reshape(-1, 7)
        rows = rows[(rows[:, 0] >= 0) & (rows[:, 2] >= _LOWEST)]  # picture, class, score, box as shares
        height, width = image.shape[:2]
        boxes = rows[:, 3:] * np.array([width, height, width, height], np.float32)
        return inside_image(boxes, rows[:, 2], (height, width))


@click.command()
@click.option("--weights", multiple=True, default=(SHIPPED,), show_default=True, help="As detector.weights.")
@click.option("--size", default=640, show_default=True, help="detector.image_size of the weights.")
@click.option("--iou", default=0.7, show_default=True, help="detector.iou of the weights.")
@click.option("--every", default=1, show_default=True, help="Take every so many-th frame.")
@click.option("--peers/--no-peers", default=True, show_default=True, help="Beside YOLO11n INT8 and Intel's SSD.")
def main(weights: tuple[str, ...], size: int, iou: float, every: int, peers: bool) -> None:
    """Print a table, a row for each detector."""
    detectors: dict[str, Detector] = {
        Path(one).name: YoloSettings(weights=one, confidence=_LOWEST, image_size=size, iou=iou).build()
        for one in weights
    }
    if peers and YOLO11N.exists():
        detectors["YOLO11n INT8"] = YoloSettings(weights=str(YOLO11N), confidence=_LOWEST).build()
    if peers and ADAS.exists():
        detectors["adas-0002"] = AdasDetector(ADAS)
    demo, times = _demo(detectors, every)
    real = _scored(detectors, PETS / "vtest.avi", PETS / "gt/gt.txt", every)[0] if PETS.exists() else None
    console = Console(width=130)
    console.print(_table(demo, real, times))
    console.print(f"every {every}. frame; R / P: recall / precision from that confidence; median time")
    for detector in detectors.values():
        detector.close()


def _demo(detectors: dict[str, Detector], every: int) -> tuple[dict[str, Tally], dict[str, list[float]]]:
    """All clips of the demo together."""
    tallies = {name: Tally() for name in detectors}
    times: dict[str, list[float]] = {name: [] for name in detectors}
    for clip in sorted(DEMO.glob("*.mp4")):
        found, spent = _scored(detectors, clip, DEMO / "truth" / f"{clip.stem}.txt", every)
        for name in detectors:
            tallies[name].extend(found[name])
            times[name] += spent[name]
    return tallies, times


def _scored(
    detectors: dict[str, Detector], clip: Path, truth: Path, every: int
) -> tuple[dict[str, Tally], dict[str, list[float]]]:
    """What each detector found in a clip, and the seconds it took for each frame."""
    rows = read_mot(truth)
    rows = rows.select(rows.pedestrian)
    tallies = {name: Tally() for name in detectors}
    times: dict[str, list[float]] = {name: [] for name in detectors}
    for frame in frames_of(clip, every):
        own = rows.frame == frame.index + 1
        boxes, counts = rows.xyxy[own], rows.score[own] > 0
        for name, detector in detectors.items():
            started = time.perf_counter()
            found = detector.detect([frame])[0]
            times[name].append(time.perf_counter() - started)
            tallies[name].add(found, boxes, counts)
    return tallies, times


def _table(demo: dict[str, Tally], real: dict[str, Tally] | None, times: dict[str, list[float]]) -> Table:
    rates = [f"R / P at {confidence:g}" for confidence in CONFIDENCES]
    table = Table("detector", "demo AP50", *rates, "PETS09-S2L1 AP50", *rates, "ms a frame")
    for name, tally in demo.items():
        cells = _cells(tally)
        cells += ["clip not here", "", ""] if real is None else _cells(real[name])
        table.add_row(name, *cells, f"{1000 * statistics.median(times[name]):.1f}")
    return table


def _cells(tally: Tally) -> list[str]:
    rates = (tally.recall_precision(confidence) for confidence in CONFIDENCES)
    return [
        f"{tally.average_precision():.3f}",
        *(f"{recall:.3f} / {precision:.3f}" for recall, precision in rates),
    ]


if __name__ == "__main__":
    main()
