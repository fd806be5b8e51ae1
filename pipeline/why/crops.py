"""Small pictures of tracks: from the recording where it has them, else cut out of the cameras' videos."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from pipeline.errors import RunError, SourceError
from pipeline.frames import CameraInfo
from pipeline.motfile import MotRows, read_mot
from pipeline.recording import Recording
from pipeline.recordingfile import file_of
from pipeline.runfolder import RECORD
from pipeline.sinks.crops import jpeg_of
from pipeline.sources import CameraSettings, open_source
from pipeline.sources.address import is_live, is_undecided
from pipeline.sources.roi import offset
from pipeline.yamlfile import YamlFile
from reid.tracklet_builder import view_qualities
from reid.tracklets import TrackletKey

MOST = 4  # pictures of a track
HOW = "record with crops: --set 'sinks=[{type: identities}, {type: mot}, {type: recording, crops: true}]'"
_BORDER = 0.01  # of the picture's size: a box that comes closer to its edge is cut off

log = logging.getLogger(__name__)

Index = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Crops:
    """Of one track: JPEGs in the order of time, or why there are none."""

    jpegs: tuple[bytes, ...]
    missing: str = ""


def collect(run: Path, tracks: Collection[TrackletKey]) -> dict[TrackletKey, Crops]:
    """Up to `MOST` pictures of each track, spread over it, where it is seen best.

    A video is decoded from its beginning to the last picture that is needed; a live camera is not asked.

    Raises:
        RunError: if run.yaml or a file in tracks/ cannot be read.
        RecordingError: if there is a recording, but damaged.
    """
    found = _recorded(run, tracks)
    open_ones = sorted(set(tracks) - set(found))
    if open_ones:
        cameras = _cameras(run)
        for name, keys in groupby(open_ones, key=lambda key: key.camera):
            found |= _of_camera(run, cameras.get(name), name, list(keys))
    return found


def spread(qualities: npt.NDArray[np.floating], most: int = MOST) -> list[int]:
    """The place of the best of each of ``most`` equal parts of a track, in order.

    >>> spread(np.array([0.1, 0.9, 0.2, 0.3]), most=2)
    [1, 3]
    """
    parts = np.array_split(np.arange(len(qualities)), most)
    return [int(part[np.argmax(qualities[part])]) for part in parts if len(part)]


def _recorded(run: Path, tracks: Iterable[TrackletKey]) -> dict[TrackletKey, Crops]:
    if not file_of(run).is_file():
        return {}
    found = {}
    with Recording(run) as recording:
        known = {camera.name for camera in recording.cameras}
        for key in tracks:
            kept = recording.crops(key.camera, key.track) if key.camera in known else []
            sizes = [float((crop.box[2] - crop.box[0]) * (crop.box[3] - crop.box[1])) for crop in kept]
            if kept:
                found[key] = Crops(tuple(kept[place].jpeg for place in spread(np.array(sizes))))
    return found


def _cameras(run: Path) -> Mapping[str, CameraSettings]:
    """The cameras as run.yaml has them."""
    path = run / RECORD
    if not path.is_file():
        raise RunError(f"{path}: there is none, and it tells where the videos are; give the folder of a run")
    data = YamlFile(path).data
    try:
        cameras = [CameraSettings.model_validate(camera) for camera in data["cameras"]]
    except (ValidationError, KeyError, TypeError):
        raise RunError(f"{path}: not the record of a run; restore the file") from None
    return {camera.name: camera for camera in cameras}


def _of_camera(
    run: Path, settings: CameraSettings | None, name: str, tracks: list[TrackletKey]
) -> dict[TrackletKey, Crops]:
    def without(why: str) -> dict[TrackletKey, Crops]:
        return {key: Crops((), why) for key in tracks}

    path = run / "tracks" / f"{name}.txt"
    if settings is None:
        return without(f"camera {name} is not in run.yaml")
    if not path.is_file():
        return without(f"no tracks/{name}.txt: the sink mot writes it")
    if is_live(settings.source) or is_undecided(settings.source):
        return without(f"camera {name} is no file; {HOW}")
    rows = read_mot(path, RunError)
    try:
        return _cut(settings, run, rows, tracks)
    except SourceError as error:
        return without(f"{error}; or {HOW}")


def _cut(
    settings: CameraSettings, run: Path, rows: MotRows, tracks: list[TrackletKey]
) -> dict[TrackletKey, Crops]:
    """Read a source up to the last frame that is needed."""
    pictures: dict[TrackletKey, list[bytes]] = {key: [] for key in tracks}
    with closing(open_source(settings, run.resolve(), reconnect=0)) as source:
        wanted = _wanted(rows, tracks, source.info, offset(settings.roi))
        latest = max(wanted, default=-1)
        log.info("camera %s: reading %d frames for pictures", settings.name, latest + 1)
        try:
            for frame in source.frames() if wanted else ():
                for key, box in wanted.get(frame.index, ()):
                    jpeg = jpeg_of(frame.image, box)
                    if jpeg is not None:
                        pictures[key].append(jpeg)
                if frame.index >= latest:
                    break
        except SourceError as error:
            log.warning("%s", error)
    return {
        key: Crops(tuple(jpegs), "" if jpegs else f"no picture of it in {settings.name}")
        for key, jpegs in pictures.items()
    }


def _wanted(
    rows: MotRows, tracks: Iterable[TrackletKey], info: CameraInfo, corner: tuple[int, int]
) -> dict[int, list[tuple[TrackletKey, npt.NDArray[np.float32]]]]:
    """Frame index to the tracks that are cut out of it, with their boxes in pixels of the delivered frame."""
    boxes = (rows.xyxy - np.array([*corner, *corner])).astype(np.float32)
    qualities = _qualities(rows, boxes, info)
    wanted: dict[int, list[tuple[TrackletKey, npt.NDArray[np.float32]]]] = {}
    for key in tracks:
        places = np.flatnonzero(rows.id == key.track)
        places = places[np.argsort(rows.frame[places], kind="stable")]
        for place in places[spread(qualities[places])] if len(places) else ():
            wanted.setdefault(int(rows.frame[place]) - 1, []).append((key, boxes[place]))
    return wanted


def _qualities(rows: MotRows, boxes: npt.NDArray[np.float32], info: CameraInfo) -> npt.NDArray[np.float64]:
    """(N,) score, times what nobody covers, times the height; a tenth where the edge of the picture cuts."""
    qualities = np.zeros(len(rows))
    order: Index = np.argsort(rows.frame, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(rows.frame[order])) + 1):
        if len(places):
            qualities[places] = view_qualities(boxes[places], rows.score[places])
    size = np.array([info.width, info.height])
    cut = (boxes[:, :2] < _BORDER * size).any(axis=1) | (boxes[:, 2:] > (1 - _BORDER) * size).any(axis=1)
    return np.asarray(qualities * (boxes[:, 3] - boxes[:, 1]) * np.where(cut, 0.1, 1.0))
