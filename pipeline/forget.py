"""Erases a person from a store and from the folders of all runs that the store knows, and looks for them again."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline.erase_video import Sightings, erase_from_video
from pipeline.errors import OutputError
from pipeline.motfile import read_mot
from pipeline.sinks.base import writing
from pipeline.sinks.identities import LOG, TABLE
from pipeline.sinks.mot import IDENTITIES, TRACKS
from pipeline.sources.address import is_live
from reid.store_forget import without
from reid.store_reading import StoredRun
from reid.tracklets import TrackletKey

RECORDING = "recording"


@dataclass(frozen=True, slots=True)
class Removal:
    """What of a person is in a file: ``count`` of ``what``."""

    file: Path
    what: str
    count: int


@dataclass(frozen=True, slots=True)
class Traced:
    """A person in one run.

    Attributes:
        numbers: every identity that they have had.
        tracks: camera and track of the run.
    """

    numbers: frozenset[int]
    tracks: frozenset[tuple[str, int]]

    def owns(self, camera: str, track: int) -> bool:
        """Whether a track is theirs."""
        return (camera, track) in self.tracks


def folders_of(store: Path, runs: Sequence[StoredRun]) -> tuple[dict[Path, int], list[str]]:
    """The folders that still hold a run of the store, each with the run's id, and what was left out and why."""
    latest = {run.folder: run for run in runs}
    if runs and (store.parent / "run.yaml").is_file():  # the folder may have been moved, with the store in it
        latest[store.parent.resolve()] = runs[-1]
    found, notes = {}, []
    for folder, run in latest.items():
        record = folder / "run.yaml"
        if not record.is_file():
            notes.append(f"{folder}: not there any more; whoever has a copy must erase in it")
        elif hashlib.sha256(record.read_bytes()).hexdigest() != run.config:
            notes.append(f"{folder}: holds another run now")
        else:
            found[folder] = run.id
    return found, notes


def traced(folder: Path, run: int, numbers: frozenset[int], tracklets: Iterable[TrackletKey]) -> Traced:
    """Who is meant in a run's folder, also by tracks that the store has removed by age.

    Raises:
        OutputError: if the folder holds something that nobody can be erased from.
    """
    forget_in_recording(folder)
    tracks = {(str(key.camera), key.track) for key in tracklets if key.run == run}
    tracks |= {track for track, identity in _final_identities(folder / LOG).items() if identity in numbers}
    if (folder / TABLE).is_file():
        tracks |= {(row["camera"], int(row["track"])) for row in _table(folder) if int(row["identity"]) in numbers}
    return Traced(numbers, frozenset(tracks))


def forget_in_recording(folder: Path) -> None:
    """Refuse a run with a recording: its format has no way yet to take a person out.

    Raises:
        OutputError: if there is one.
    """
    if (folder / RECORDING).exists():
        raise OutputError(
            f"{folder / RECORDING}: nobody can be erased from a recording yet; delete that folder, then try again"
        )


def look(folder: Path, who: Traced) -> list[Removal]:
    """What there is of a person in the files of a run, videos left out (a picture does not tell who is in it)."""
    found = [
        Removal(
            folder / LOG, "lines", sum(1 for entry in _entries(folder / LOG) if _changed(entry, who) != entry)
        ),
        Removal(folder / TABLE, "rows", sum(_in_table(row, who) for row in _table(folder))),
    ]
    for path, test in _row_files(folder, who):
        found.append(Removal(path, "rows", sum(test(line) for line in _lines(path))))
    return [removal for removal in found if removal.count]


def erase(folder: Path, who: Traced) -> list[Removal]:
    """Erase a person from all files of a run. May be repeated after an interruption; returns what was removed.

    Raises:
        OutputError: if a file cannot be read or written.
    """
    removed = _erase_videos(folder, who)  # first: they need the rows
    removed += look(folder, who)
    for path, test in _row_files(folder, who):
        _rewrite(path, (line for line in _lines(path) if not test(line)))
    if (folder / TABLE).is_file():
        header, *_ = _lines(folder / TABLE)
        kept = [row for row in _table(folder) if not _in_table(row, who)]
        _rewrite(folder / TABLE, [header, *(",".join(row.values()) + "\n" for row in kept)])
    erase_log(folder, who)
    return removed


def erase_log(folder: Path, who: Traced) -> None:
    """Take a person out of a run's log: their lines go, and their numbers in the lines of others."""
    if (folder / LOG).is_file():
        entries = (_changed(entry, who) for entry in _entries(folder / LOG))
        _rewrite(folder / LOG, (json.dumps(entry) + "\n" for entry in entries if entry is not None))


def videos_of(folder: Path, who: Traced) -> list[Path]:
    """The videos that show a person."""
    return sorted({folder / f"{camera}.mp4" for camera, _ in who.tracks if (folder / f"{camera}.mp4").is_file()})


def _erase_videos(folder: Path, who: Traced) -> list[Removal]:
    removed = []
    record = yaml.safe_load((folder / "run.yaml").read_text(encoding="utf-8"))
    trails = [sink.get("trail", 2.0) for sink in record["sinks"] if sink["type"] == "video"]
    cameras = {str(camera["name"]): camera for camera in record["cameras"]}
    for path in videos_of(folder, who):
        camera = cameras[path.stem]
        dropped = _dropped(folder, path.stem)
        if dropped is None and is_live(camera["source"]):
            path.unlink()  # nobody knows which row belongs to which picture
            removed.append(Removal(path, "deleted: the run was killed, so pictures cannot be told", 1))
            continue
        tracks = _sightings(folder, path.stem, who, camera.get("roi"))
        changed = erase_from_video(path, tracks, trail=max(trails, default=0.0), dropped=dropped or 0)
        removed.append(Removal(path, "frames with grey", changed))
    return removed


def _dropped(folder: Path, camera: str) -> int | None:
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        return int(summary["cameras"][camera]["dropped"])
    except (OSError, ValueError, KeyError):
        return None


def _sightings(folder: Path, camera: str, who: Traced, roi: Sequence[float] | None) -> list[Sightings]:
    rows = read_mot(folder / TRACKS / f"{camera}.txt", OutputError)
    x, y = (roi[0], roi[1]) if roi else (0.0, 0.0)
    found = []
    for track in sorted({track for name, track in who.tracks if name == camera}):
        own = rows.select(np.flatnonzero(rows.id == track))
        if len(own):
            order = np.argsort(own.frame, kind="stable")
            found.append(Sightings(own.frame[order], own.xyxy[order] - (x, y, x, y)))
    return found


def _row_files(folder: Path, who: Traced) -> Iterator[tuple[Path, Callable[[str], bool]]]:
    """MOT files, and whether one of their lines is the person's."""
    for path in sorted((folder / IDENTITIES).glob("*.txt")):
        yield path, lambda line: _id_of(line) in who.numbers
    for path in sorted((folder / TRACKS).glob("*.txt")):
        yield path, lambda line, camera=path.stem: who.owns(camera, _id_of(line))  # type: ignore[misc]


def _id_of(line: str) -> int:
    return int(line.split(",", 2)[1])


def _changed(entry: dict[str, Any], who: Traced) -> Any:
    """A line of the log without the person; None where it is theirs."""
    if who.owns(entry["camera"], entry["track"]):
        return None
    return without(entry, who.numbers)


def _final_identities(log: Path) -> dict[tuple[str, int], int]:
    """Replays a log, also that of a run that was killed."""
    found: dict[tuple[str, int], int] = {}
    for entry in _entries(log):
        if entry["event"] == "merge":
            found |= {track: entry["identity"] for track, old in found.items() if old == entry["previous"]}
        elif entry["event"] in {"link", "split"}:
            found[entry["camera"], entry["track"]] = entry["identity"]
    return found


def _in_table(row: dict[str, str], who: Traced) -> bool:
    return int(row["identity"]) in who.numbers or who.owns(row["camera"], int(row["track"]))


def _entries(log: Path) -> Iterator[dict[str, Any]]:
    for line in _lines(log):
        if line.endswith("\n"):  # the last one of a killed run may be broken off
            yield json.loads(line)


def _table(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(_lines(folder / TABLE)))


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    with writing(path), path.open(encoding="utf-8", newline="") as file:
        return list(file)


def _rewrite(path: Path, lines: Iterable[str]) -> None:
    """Replace a file at once: after an interruption it is either the old or the new one."""
    part = path.with_name(f".{path.name}.part")
    with writing(part):
        with part.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
