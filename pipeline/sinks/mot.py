"""Tracks and identities as MOTChallenge rows, the form that evaluation tools read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Literal, TextIO

from pydantic import BaseModel

from pipeline.errors import OutputError
from pipeline.frames import FrameResult
from pipeline.motfile import format_mot_row
from pipeline.sinks.base import SinkSite, writing
from reid.identity_map import IdentityMap
from reid.tracklets import CameraId, IdentityId, TrackletKey
from trackers.tracks import TrackState

TRACKS, IDENTITIES = "tracks", "mot"


class MotSettings(BaseModel, frozen=True, extra="forbid"):
    """tracks/<camera>.txt and mot/<camera>.txt."""

    type: Literal["mot"] = "mot"

    def build(self, site: SinkSite) -> MotSink:
        """A sink that writes into the output folder."""
        return MotSink(site.output, [camera.name for camera in site.cameras])


class MotSink:
    """Writes tracks/ as it goes and mot/ at the end, when the identity of every row is final.

    In mot/ an identity has one row a frame.

    Rows are in pixels of the source frame (the offset of `roi` added back). Memory: two numbers a track.
    """

    def __init__(self, output: Path, cameras: list[CameraId]) -> None:
        self._identity_folder = output / IDENTITIES
        self._identities = IdentityMap()
        for folder in (output / TRACKS, self._identity_folder):
            with writing(folder):
                folder.mkdir(exist_ok=True)
        with ExitStack() as opened:
            self._files = {
                camera: opened.enter_context(_open(output / TRACKS / f"{camera}.txt")) for camera in cameras
            }
            opened.pop_all()  # all are there: `close` closes them

    def write(self, result: FrameResult) -> None:
        """Write a row for every track that is seen in this frame."""
        for link in result.links:
            self._identities.apply(link)
        if result.frame is None:
            return
        file, (x, y) = self._files[result.camera], result.frame.offset
        rows = []
        for track in result.tracks:
            if track.state is TrackState.CONFIRMED:
                left, top, right, bottom = (float(value) for value in track.box)
                row = format_mot_row(
                    result.frame.index + 1, track.id, left + x, top + y, right - left, bottom - top, track.score
                )
                rows.append(row + "\n")
        with writing(Path(file.name)):
            file.writelines(rows)
            file.flush()

    def close(self) -> None:
        """Write mot/ from tracks/: the same rows, with identities instead of track ids."""
        errors = [error for camera in self._files if (error := self._finish(camera))]
        if errors:
            raise errors[0]

    def _finish(self, camera: CameraId) -> OutputError | None:
        """One camera's files; a fault is returned, so that the others are still written."""
        source, target = Path(self._files[camera].name), self._identity_folder / f"{camera}.txt"
        try:
            with writing(source):
                self._files[camera].close()
            with (
                writing(target),
                source.open(encoding="ascii") as rows,
                target.open("w", encoding="ascii", newline="\n") as out,
            ):
                for _, frame in groupby(rows, key=lambda row: row.partition(",")[0]):
                    out.writelines(self._once_each(camera, frame))
        except OutputError as error:
            return error
        return None

    def _once_each(self, camera: CameraId, rows: Iterable[str]) -> Iterator[str]:
        """Of the rows of a frame, the one of the highest score of each identity: some are found twice."""
        best: dict[IdentityId, tuple[float, int, str]] = {}
        for row in rows:
            frame, track, rest = row.split(",", 2)
            identity = self._identities.get(TrackletKey(camera, int(track)))
            if identity is not None:
                score = float(rest.split(",")[4])
                found = (-score, int(track), f"{frame},{identity},{rest}")
                best[identity] = min(best.get(identity, found), found)
        for _, _, row in best.values():
            yield row


def _open(path: Path) -> TextIO:
    with writing(path):
        return path.open("w", encoding="ascii", newline="\n")
