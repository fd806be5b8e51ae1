"""Sequences from clips and from the detection files of MOTChallenge.

Clips are read as the program reads them, with the detector and the settings of `benchmarks.streams`; every box of
score .1 or more is there and is embedded by every embedder of `benchmarks.looks`.
"""

from __future__ import annotations

import configparser
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.looks import build_embedders
from benchmarks.sequence import Embeddings, Rows, Sequence, Split, offsets
from benchmarks.streams import CLIPS, DATA, DETECTOR, ROOT
from pipeline.detectors.base import Detector
from pipeline.detectors.yolo import YoloSettings
from pipeline.errors import HandoffError
from pipeline.motfile import read_mot
from pipeline.sources import open_source
from pipeline.sources.base import CameraSettings
from reid.embedder import Embedder
from reid.tracklets import CameraId

RATES = {"PETS09-S2L1": 10.0}  # frames a second where seqinfo.ini does not say how fast the clip plays

_TOGETHER = 16  # frames whose boxes are embedded in one batch


@dataclass(slots=True)
class Reading:
    """What was found in a clip, frame by frame."""

    size: tuple[int, int]
    times: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    dets: list[Rows] = field(default_factory=list)
    looks: dict[str, list[npt.NDArray[np.float16]]] = field(default_factory=dict)

    @property
    def embeddings(self) -> Embeddings:
        """All rows by embedder."""
        return {name: np.concatenate(rows) for name, rows in self.looks.items()}


@cache
def _models() -> tuple[Detector, dict[str, Embedder]]:
    """Loaded once for all clips."""
    return YoloSettings(weights=str(DETECTOR)).build(), dict(build_embedders())


def read_clip(path: Path) -> Reading:
    """Detect and embed in every frame of a clip.

    Raises:
        SourceError: if the clip cannot be read.
        WeightsError: if weights are absent.
    """
    detector, embedders = _models()
    source = open_source(CameraSettings(name=CameraId("clip"), source=str(path)), ROOT, reconnect=0)
    reading = Reading((source.info.width, source.info.height), looks={name: [] for name in embedders})
    try:
        frames = source.frames()
        while some := list(islice(frames, _TOGETHER)):
            found = [detector.detect([frame])[0] for frame in some]
            reading.times += [frame.time for frame in some]
            reading.counts += [len(each) for each in found]
            reading.dets += [np.column_stack([each.boxes, each.scores]).astype(np.float32) for each in found]
            images, boxes = [frame.image for frame in some], [each.boxes for each in found]
            for name, embedder in embedders.items():
                reading.looks[name] += [rows.astype(np.float16) for rows in embedder.embed(images, boxes)]
    finally:
        source.close()
    return reading


def sequence_of(name: str, split: Split, reading: Reading, gt: Rows) -> Sequence:
    """What was found in a clip, with its truth (G, 7)."""
    times, off = np.array(reading.times), offsets(reading.counts)
    return Sequence(name, split, times, off, np.concatenate(reading.dets), reading.embeddings, gt, reading.size)


def clip_sequence(name: str, split: Split) -> Sequence:
    """A clip of `benchmarks.streams.CLIPS`."""
    clip = CLIPS[name]
    return sequence_of(name, split, read_clip(DATA / clip.source), read_truth(DATA / str(clip.truth)))


def mot15_sequence(name: str, split: Split, folder: str) -> Sequence:
    """The public Faster R-CNN detections of a MOT15 sequence, for motion alone.

    Their scores are probabilities from .5 to 1 and taken as they are.

    Args:
        name: of the sequence.
        split: of the sequence.
        folder: below mot/ of the data.

    Raises:
        HandoffError: if a file is missing or wrong, or a score is not in [0, 1].
    """
    home = DATA / "mot" / folder
    info = configparser.ConfigParser()
    info.read(home / "seqinfo.ini", encoding="utf-8")
    about = info["Sequence"]
    rows, count = read_mot(home / "det/det.txt"), int(about["seqLength"])
    rate = RATES.get(folder, float(about["frameRate"]))
    if not ((rows.score >= 0) & (rows.score <= 1)).all():
        raise HandoffError(f"{home}/det/det.txt: scores from {rows.score.min()} to {rows.score.max()}, not 0 to 1")
    order = np.lexsort((-rows.score, rows.frame))
    rows = rows.select(order)
    return Sequence(
        name=name,
        split=split,
        times=np.arange(count) / rate,
        off=np.searchsorted(rows.frame, np.arange(1, count + 2)),
        dets=np.column_stack([rows.xyxy, rows.score]).astype(np.float32),
        embeddings={},
        gt=read_truth(home / "gt/gt.txt"),
        size=(int(about["imWidth"]), int(about["imHeight"])),
    )


def read_truth(path: Path) -> Rows:
    """(G, 7) of the pedestrians who count in a MOT file; their visibility is unknown: 1.

    Raises:
        TruthError: if the file is missing or wrong.
    """
    rows = read_mot(path)
    rows = rows.select((rows.score != 0) & rows.pedestrian)
    return np.column_stack([rows.frame, rows.id, rows.xyxy, np.ones(len(rows))]).astype(np.float32)
