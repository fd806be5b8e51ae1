"""Erases a person from the folders of runs, and looks for them again."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline import corrections
from pipeline.erase_video import Sightings, erase_from_video
from pipeline.errors import OutputError
from pipeline.forget_recording import RecordedPerson
from pipeline.motfile import read_mot
from pipeline.sinks.base import writing
from pipeline.sinks.identities import LOG, TABLE
from pipeline.sinks.mot import IDENTITIES, TRACKS
from pipeline.sources.address import is_live
from reid.store_forget import without
from reid.store_reading import StoredRun
from reid.tracklets import TrackletKey

_TRAIL = 2.0  # seconds, where the record of a run does not tell


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
        numbers: every identity that they have had, and nobody else.
        tracks: camera and track of the run.
        rows: camera, frame and box of their rows in tracks/, as they stand there.
        trail: length of the trails in videos [s].
        recorded: the person in the run's recording, if there is one.
    """

    numbers: frozenset[int]
    tracks: frozenset[tuple[str, int]]
    rows: frozenset[tuple[str, ...]] = frozenset()
    trail: float = 0.0
    recorded: RecordedPerson | None = None

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
        HandoffError: if the folder holds something that nobody can be erased from.
    """
    tracks = {(str(key.camera), key.track) for key in tracklets if key.run == run}
    tracks |= {track for track, identity in final_identities(folder).items() if identity in numbers}
    if (folder / TABLE).is_file():
        tracks |= {(row["camera"], int(row["track"])) for row in _table(folder) if int(row["identity"]) in numbers}
    return by_tracks(folder, numbers, frozenset(tracks))


def by_tracks(folder: Path, numbers: frozenset[int], tracks: frozenset[tuple[str, int]]) -> Traced:
    """A person in a run's folder whose tracks are known; arguments as in `Traced`, errors as in `traced`."""
    who = Traced(numbers, tracks)
    corrections.read(folder)  # what cannot be read is found out before anything is erased
    rows = frozenset(
        (path.stem, *_box_of(line))
        for path, test in _row_files(folder, who)
        if path.parent.name == TRACKS
        for line in _lines(path)
        if test(line)
    )
    trails = [sink.get("trail", _TRAIL) for sink in record_of(folder).get("sinks", ()) if sink["type"] == "video"]
    recorded = RecordedPerson(folder, tracks) if tracks and RecordedPerson.is_in(folder) else None
    return replace(who, rows=rows, trail=max(trails, default=_TRAIL), recorded=recorded)


def look(folder: Path, who: Traced) -> list[Removal]:
    """What there is of a person in the files of a run, videos left out (a picture does not tell who is in it)."""
    found = [
        Removal(folder / LOG, "lines", sum(1 for entry in entries_of(folder) if _changed(entry, who) != entry)),
        Removal(folder / TABLE, "rows", sum(_in_table(row, who) for row in _table(folder))),
    ]
    said = corrections.read(folder)
    changed = sum(corrections.without([each], who.tracks) != [each] for each in said)
    found.append(Removal(folder / corrections.CORRECTIONS, "entries", changed))
    found += [Removal(path, "pages of `why`", 1) for path in _pages(folder, who)]
    if who.recorded is not None:
        found += [Removal(who.recorded.path, what, count) for what, count in who.recorded.found().items()]
    for path, test in _row_files(folder, who):
        found.append(Removal(path, "rows", sum(test(line) for line in _lines(path))))
    return [removal for removal in found if removal.count]


def erase(folder: Path, who: Traced) -> list[Removal]:
    """Erase a person from all files of a run. May be repeated after an interruption; returns what was removed.

    Raises:
        HandoffError: if a file cannot be read or written.
    """
    removed = _erase_videos(folder, who)  # first: they need the rows
    removed += look(folder, who)
    for path in _pages(folder, who):
        for file in (path, path.with_suffix(".png")):
            file.unlink(missing_ok=True)
    if who.recorded is not None:
        who.recorded.erase()
    said = corrections.read(folder)
    if (kept := corrections.without(said, who.tracks)) != said:
        corrections.write(folder, kept)
    for path, test in _row_files(folder, who):
        _rewrite(path, (line for line in _lines(path) if not test(line)))
    if (folder / TABLE).is_file():
        header, *_ = _lines(folder / TABLE)
        rows = [row for row in _table(folder) if not _in_table(row, who)]
        _rewrite(folder / TABLE, [header, *(",".join(row.values()) + "\n" for row in rows)])
    erase_log(folder, who)  # last: it tells which tracks are theirs
    return removed


def erase_log(folder: Path, who: Traced) -> None:
    """Take a person out of a run's log: their lines go, and their numbers in the lines of others."""
    if (folder / LOG).is_file():
        entries = (_changed(entry, who) for entry in entries_of(folder))
        _rewrite(folder / LOG, (json.dumps(entry) + "\n" for entry in entries if entry is not None))


def videos_of(folder: Path, who: Traced) -> list[Path]:
    """The videos that show a person."""
    return sorted({folder / f"{camera}.mp4" for camera, _ in who.tracks if (folder / f"{camera}.mp4").is_file()})


def _erase_videos(folder: Path, who: Traced) -> list[Removal]:
    removed = []
    cameras = {str(camera["name"]): camera for camera in record_of(folder)["cameras"]}
    for path in videos_of(folder, who):
        camera = cameras[path.stem]
        dropped = _dropped(folder, path.stem)
        if dropped is None and is_live(camera["source"]):
            path.unlink()  # nobody knows which row belongs to which picture
            removed.append(Removal(path, "deleted: the run was killed, so pictures cannot be told", 1))
            continue
        tracks = _sightings(folder, path.stem, who, camera.get("roi"))
        changed = erase_from_video(path, tracks, trail=who.trail, dropped=dropped or 0)
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
        yield (
            path,
            lambda line, camera=path.stem: (  # type: ignore[misc]
                _id_of(line) in who.numbers or (camera, *_box_of(line)) in who.rows
            ),
        )
    for path in sorted((folder / TRACKS).glob("*.txt")):
        yield path, lambda line, camera=path.stem: who.owns(camera, _id_of(line))  # type: ignore[misc]


def _id_of(line: str) -> int:
    return int(line.split(",", 2)[1])


def _box_of(line: str) -> tuple[str, ...]:
    """Frame and box of a MOT row."""
    frame, _, *box = line.split(",", 6)[:6]
    return frame, *box


def _pages(folder: Path, who: Traced) -> list[Path]:
    """What `run.py why` wrote that shows a track of the person, or may; the page of each page and picture."""
    if not who.tracks:
        return []
    names = "|".join(re.escape(escape(f"{camera} t{track}")) for camera, track in sorted(who.tracks))
    shown = re.compile(rf"(?:{names})(?!\d)")
    found = []
    for path in sorted({path.with_suffix(".html") for path in folder.glob("why_*.*")}):
        written = [file for file in (path, path.with_suffix(".png")) if file.is_file()]
        if written and path.stem.removeprefix("why_").isdecimal():
            with writing(path):
                if path not in written or shown.search(path.read_text(encoding="utf-8")):
                    found.append(path)
    return found


def _changed(entry: dict[str, Any], who: Traced) -> Any:
    """A line of the log without the person; None where it is theirs."""
    if who.owns(entry["camera"], entry["track"]):
        return None
    return without(entry, who.numbers)


def final_identities(folder: Path) -> dict[tuple[str, int], int]:
    """Identity of each track of a run by its log, also of a run that was killed."""
    found: dict[tuple[str, int], int] = {}
    for entry in entries_of(folder):
        if entry["event"] == "merge":
            found |= {track: entry["identity"] for track, old in found.items() if old == entry["previous"]}
        elif entry["event"] in {"link", "split"}:
            found[entry["camera"], entry["track"]] = entry["identity"]
    return found


def _in_table(row: dict[str, str], who: Traced) -> bool:
    return int(row["identity"]) in who.numbers or who.owns(row["camera"], int(row["track"]))


def entries_of(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of a run's log."""
    for line in _lines(folder / LOG):
        if line.endswith("\n"):  # the last one of a killed run may be broken off
            yield json.loads(line)


def record_of(folder: Path) -> dict[str, Any]:
    """The run.yaml of a folder.

    Raises:
        OutputError: if it is none.
    """
    path = folder / "run.yaml"
    try:
        record = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError, yaml.YAMLError):
        record = None
    if not isinstance(record, dict):
        raise OutputError(f"{path}: cannot be read; restore it, or remove that folder yourself")
    return record


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
