"""A site as its linker sees it, with the truth, in a file: every linker decides on the very same tracks.

A file is an .npz without pickled objects; its arrays are the fields of `RecordedSite`, camera links as JSON, the
readings of the truth as ``truth_NAME``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.errors import HandoffError
from reid.topology import CameraLink
from reid.tracklets import CameraId, FloatArray
from trackers.tracks import TrackState

Split = Literal["tune", "report"]
Ints = npt.NDArray[np.int64]

PEOPLE = "people"  # the reading of the truth in which one number is one person
STATES = (TrackState.CONFIRMED, TrackState.LOST, TrackState.ENDED)
_READING = "truth_"
_ARRAYS = (
    *("call_camera", "call_time", "call_frame", "off", "track", "box", "score", "state", "row", "embeddings"),
    *("offset", "place_camera", "place_frame", "place_box"),
)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One track in one call of the linker; has the shape of `reid.tracklets.TrackView`."""

    id: int
    box: FloatArray
    score: float
    state: TrackState
    embedding: FloatArray | None


@dataclass(frozen=True, slots=True, eq=False)
class RecordedSite:
    """What a linker gets, call by call, and what is true; row i of the arrays of views is one track in one call.

    Attributes:
        name: unique among the sites.
        cameras: (C) names.
        links: of cams.yaml.
        call_camera: (K,) index of the camera.
        call_time: (K,) float64 s.
        call_frame: (K,) from 1; 0 where the camera is over and its last tracks end.
        off: (K + 1,) call k has the views off[k]:off[k + 1].
        track: (N,) id, unique within its camera.
        box: (N, 4) float32 x1 y1 x2 y2, px.
        score: (N,) float32.
        state: (N,) index into `STATES`.
        row: (N,) index into ``embeddings``, -1 where the view has none.
        embeddings: (E, D) float16 unit rows.
        offset: (C, 2) left and top of `roi` in the source frame, px.
        place_camera: (G,) index of the camera of each box of the truth.
        place_frame: (G,) from 1.
        place_box: (G, 4) float64 left, top, width, height, px of the source frame.
        readings: (G,) who is in each box of the truth, by the name of the reading; `PEOPLE` is always there.
    """

    name: str
    cameras: tuple[str, ...]
    links: tuple[CameraLink, ...]
    call_camera: Ints
    call_time: npt.NDArray[np.float64]
    call_frame: Ints
    off: Ints
    track: Ints
    box: FloatArray
    score: FloatArray
    state: Ints
    row: Ints
    embeddings: npt.NDArray[np.float16]
    offset: Ints
    place_camera: Ints
    place_frame: Ints
    place_box: npt.NDArray[np.float64]
    readings: Mapping[str, Ints]

    def __post_init__(self) -> None:
        """Check what a file can have wrong, once.

        Raises:
            ValueError: if lengths disagree or the people are missing; names the site.
        """
        views = {len(self.track), len(self.box), len(self.score), len(self.state), len(self.row)}
        places = {len(self.place_camera), len(self.place_frame), len(self.place_box)}
        places |= {len(ids) for ids in self.readings.values()}
        calls = {len(self.call_camera), len(self.call_time), len(self.call_frame), len(self.off) - 1}
        if len(calls) != 1 or views != {int(self.off[-1])} or len(places) != 1 or PEOPLE not in self.readings:
            raise ValueError(f"{self.name}: the arrays of calls, views or truth do not fit each other")
        if len(self.row) and int(self.row.max()) >= len(self.embeddings):
            raise ValueError(f"{self.name}: views refer to embeddings that are not there")

    def calls(self) -> Iterator[tuple[CameraId, float, list[View]]]:
        """What the linker's `update` is given, in order."""
        for k in range(len(self.call_time)):
            views = [self._view(i) for i in range(int(self.off[k]), int(self.off[k + 1]))]
            yield CameraId(self.cameras[self.call_camera[k]]), float(self.call_time[k]), views

    def call_of_view(self) -> Ints:
        """(N,) the call of each view."""
        return np.repeat(np.arange(len(self.call_time)), np.diff(self.off))

    def without_times(self) -> tuple[CameraLink, ...]:
        """Only what no linker can learn: which views overlap."""
        return tuple(link for link in self.links if link.overlap)

    def _view(self, i: int) -> View:
        row = int(self.row[i])
        embedding = None if row < 0 else unit(self.embeddings[row].astype(np.float32))
        state = STATES[int(self.state[i])]
        return View(int(self.track[i]), self.box[i], float(self.score[i]), state, embedding)


class SiteWriter:
    """Gathers a site call by call.

    Args:
        cameras: names, in the order of their numbers.
    """

    def __init__(self, cameras: Sequence[str]) -> None:
        self.cameras = tuple(cameras)
        self._number = {name: i for i, name in enumerate(self.cameras)}
        self._calls: list[tuple[int, float, int]] = []
        self._counts: list[int] = []
        self._views: list[tuple[int, float, int, int]] = []
        self._boxes: list[npt.ArrayLike] = []
        self._embeddings: list[npt.NDArray[np.float16]] = []

    def add(self, camera: str, time: float, frame: int, views: Sequence[View]) -> None:
        """Take one call of the linker; ``frame`` from 1, or 0 when the camera is over."""
        self._calls.append((self._number[camera], time, frame))
        self._counts.append(len(views))
        for view in views:
            row = -1
            if view.embedding is not None:
                row = len(self._embeddings)
                self._embeddings.append(view.embedding.astype(np.float16))
            self._views.append((view.id, view.score, STATES.index(view.state), row))
            self._boxes.append(view.box)

    def site(
        self,
        name: str,
        links: Sequence[CameraLink],
        places: tuple[Ints, Ints, npt.NDArray[np.float64]],
        readings: Mapping[str, Ints],
        offset: npt.ArrayLike | None = None,
    ) -> RecordedSite:
        """The whole; ``places`` are camera, frame and box of everybody in the truth."""
        calls = np.array(self._calls, np.float64).reshape(-1, 3)
        views = np.array(self._views, np.float64).reshape(-1, 4)
        width = len(self._embeddings[0]) if self._embeddings else 0
        nowhere = np.zeros((len(self.cameras), 2))
        return RecordedSite(
            name=name,
            cameras=self.cameras,
            links=tuple(links),
            call_camera=calls[:, 0].astype(np.int64),
            call_time=calls[:, 1],
            call_frame=calls[:, 2].astype(np.int64),
            off=np.concatenate([[0], np.cumsum(self._counts)]).astype(np.int64),
            track=views[:, 0].astype(np.int64),
            box=np.array(self._boxes, np.float32).reshape(-1, 4),
            score=views[:, 1].astype(np.float32),
            state=views[:, 2].astype(np.int64),
            row=views[:, 3].astype(np.int64),
            embeddings=np.array(self._embeddings, np.float16).reshape(-1, width),
            offset=np.asarray(nowhere if offset is None else offset, np.int64),
            place_camera=places[0],
            place_frame=places[1],
            place_box=places[2],
            readings=dict(readings),
        )


def write_site(site: RecordedSite, path: Path) -> None:
    """Write the file; a reader never sees half of it. The folder is made if it does not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, npt.ArrayLike] = {name: getattr(site, name) for name in _ARRAYS}
    arrays["cameras"] = np.array(site.cameras)
    arrays["links"] = np.array([link.model_dump_json(by_alias=True) for link in site.links], np.str_)
    arrays |= {f"{_READING}{name}": ids for name, ids in site.readings.items()}
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    unfinished.replace(path)


def read_site(path: Path) -> RecordedSite:
    """The site in a file, named after it.

    Raises:
        HandoffError: if it is not such a file; says to delete it.
    """
    try:
        with np.load(path) as arrays:
            return RecordedSite(
                name=path.stem,
                cameras=tuple(str(name) for name in arrays["cameras"]),
                links=tuple(_link(str(text)) for text in arrays["links"]),
                readings={
                    key.removeprefix(_READING): arrays[key] for key in arrays.files if key.startswith(_READING)
                },
                **{name: arrays[name] for name in _ARRAYS},
            )
    except (OSError, KeyError, ValueError) as error:
        raise HandoffError(f"{path}: not a recorded site ({error}); delete it, and it is made again") from None


def unit(row: FloatArray) -> FloatArray:
    """(..., D) rows of length one: what half precision rounded away is put back."""
    scaled: FloatArray = row / np.maximum(np.linalg.norm(row, axis=-1, keepdims=True), 1e-12)
    return scaled


def _link(text: str) -> CameraLink:
    values = json.loads(text)
    shortest, longest = values["seconds"]
    values["seconds"] = (shortest, np.inf if longest is None else longest)  # JSON has no infinity
    return CameraLink.model_validate(values)
