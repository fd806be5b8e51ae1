"""`run.py evaluate`: score the folder of a run against the truth, per camera and over all cameras.

Truth is a folder of ``<camera>.txt`` whose ids are the same in all cameras; its files say which cameras are
scored. The run's ``tracks/<camera>.txt`` (ids of one camera) are scored per camera, its ``mot/<camera>.txt``
(identities) per camera and, one camera after another, globally: only there a person with two identities is a
mistake.

MOT rows are ``frame, id, left, top, width, height`` and up to four more columns:

| columns | after the first six | which rows of the truth count |
|---|---|---|
| 6 | | all |
| 7 | flag | flag not 0 |
| 8, 9 (MOT16, MOT17, MOT20) | flag, class, visibility | flag not 0; class 1 (pedestrian) or below 1 (unknown) |
| 10 (MOT15, and our own rows) | flag or score, world x, y, z | flag not 0, as TrackEval does for MOT15 |

There are no ignore regions: a result box on somebody the truth does not count is a false positive. (TrackEval's
MOT17 preprocessing first removes result boxes on distractors, so scores on such a truth can be lower than the
benchmark's.)
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import TruthError
from pipeline.motfile import PEDESTRIAN, read_mot
from pipeline.scores import Annotations, Scores, Sequence, score, score_global

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_MOT_ROWS = "MOT rows (frame, id, left, top, width, height, ...)"


@dataclass(frozen=True, slots=True)
class CameraScores:
    """Scores of one camera.

    Attributes:
        tracks: of the ids in ``tracks/``.
        identities: of the ids in ``mot/``.
    """

    tracks: Scores
    identities: Scores


@dataclass(frozen=True, slots=True)
class Reading:
    """All scores under one reading of who is one person in the truth.

    Attributes:
        name: "ids of the truth", or "people of FILE".
        cameras: scores of each camera, by name.
        all_cameras: scores of the identities over all cameras one after another.
    """

    name: str
    cameras: Mapping[str, CameraScores]
    all_cameras: Scores


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `evaluate_run` found.

    Attributes:
        run: the folder that was scored.
        truth: the folder it was scored against.
        readings: one; with a people file two, the truth's own ids first.
        notes: what was left out, in sentences.
    """

    run: Path
    truth: Path
    readings: tuple[Reading, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: rates from 0 to 1, None where the truth holds no box."""
        return {
            "run": str(self.run),
            "truth": str(self.truth),
            "readings": [
                {
                    "ids": reading.name,
                    "cameras": {
                        name: {"tracks": c.tracks.to_dict(), "identities": c.identities.to_dict()}
                        for name, c in reading.cameras.items()
                    },
                    "all_cameras": {"identities": reading.all_cameras.to_dict()},
                }
                for reading in self.readings
            ],
            "notes": list(self.notes),
        }


def evaluate_run(run: Path, truth: Path, people: Path | None = None) -> Evaluation:
    """Score a run.

    Args:
        run: the output folder of a run, with ``tracks/`` and ``mot/``.
        truth: a folder of ``<camera>.txt``.
        people: a CSV ``mot_id,person`` that says which ids of the truth are one person, for a truth that gives
            somebody who comes back a new id. Both readings are scored.

    Raises:
        TruthError: if a folder, a file or a row is missing or cannot be scored.
    """
    truths = _read_truth(truth)
    tracks = _read_results(run, "tracks", truths)
    identities = _read_results(run, "mot", truths)
    readings = [_score_reading("ids of the truth", truths, tracks, identities)]
    if people is not None:
        persons = _read_people(people)
        merged = {name: _merge_people(a, persons, truth / f"{name}.txt", people) for name, a in truths.items()}
        readings.append(_score_reading(f"people of {people.name}", merged, tracks, identities))
    extra = sorted({p.stem for p in _mot_files(run / "mot")} - set(truths))
    notes = tuple(f"camera {name}: not scored, there is no {truth / name}.txt" for name in extra)
    return Evaluation(run, truth, tuple(readings), notes)


def evaluation_tables(evaluation: Evaluation) -> RenderableType:
    """One table for each reading and the notes, for a rich console; rates in percent."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for reading in evaluation.readings:
        parts += [_table(reading), ""]
    parts += [Text(f"note: {note}") for note in evaluation.notes]
    return Group(*parts)


def _score_reading(
    name: str,
    truths: Mapping[str, Annotations],
    tracks: Mapping[str, Annotations],
    identities: Mapping[str, Annotations],
) -> Reading:
    cameras = {c: CameraScores(score(t, tracks[c]), score(t, identities[c])) for c, t in truths.items()}
    return Reading(name, cameras, score_global({c: Sequence(t, identities[c]) for c, t in truths.items()}))


def _table(reading: Reading) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    title = Text(f"Scored against the {reading.name}; rates in %")
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("camera", overflow="fold")
    table.add_column("scored", no_wrap=True)
    for column in ("HOTA", "DetA", "AssA", "IDF1", "IDP", "IDR", "MOTA"):
        table.add_column(column, justify="right", no_wrap=True, min_width=len("100.0"))
    for column in ("IDSW", "Frag", "GT\nids", "ids"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, scores in reading.cameras.items():
        table.add_row(Text(name), "tracks", *_cells(scores.tracks))
        table.add_row("", "identities", *_cells(scores.identities))
    table.add_row("all cameras", "identities", *_cells(reading.all_cameras), style="bold")
    return table


def _cells(s: Scores) -> list[str]:
    rates = (s.hota, s.det_a, s.ass_a, s.idf1, s.idp, s.idr, s.mota)
    percents = [f"{100 * rate:.1f}" if s.defined else "-" for rate in rates]
    return percents + [str(n) for n in (s.switches, s.fragments, s.truth_ids, s.result_ids)]


def _mot_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*.txt") if p.is_file())


def _read_truth(folder: Path) -> dict[str, Annotations]:
    if not folder.is_dir():
        raise TruthError(f"{folder}: not a folder; --truth wants a folder with one <camera>.txt for each camera")
    files = _mot_files(folder)
    if not files:
        raise TruthError(f"{folder}: holds no <camera>.txt; put one file of {_MOT_ROWS} there for each camera")
    truths = {path.stem: _read_annotations(path, truth=True) for path in files}
    if not any(len(a) for a in truths.values()):
        raise TruthError(f"{folder}: no row counts (flag 0, or a class other than {PEDESTRIAN}: pedestrian)")
    return truths


def _read_results(run: Path, kind: str, cameras: Mapping[str, Annotations]) -> dict[str, Annotations]:
    """The files of ``run/kind`` for the cameras that have a truth."""
    folder = run / kind
    if not folder.is_dir():
        raise TruthError(f"{run}: holds no {kind}/, so it is not the output folder of a run (run.py --output DIR)")
    found = {path.stem: path for path in _mot_files(folder)}
    for name in cameras:
        if name not in found:
            raise TruthError(
                f"camera {name} has a truth, but {folder / name}.txt does not exist; {folder} holds "
                f"{', '.join(found) or 'no camera'}: rename the truth's file, or remove it to leave the camera out"
            )
    return {name: _read_annotations(found[name], truth=False) for name in cameras}


def _read_annotations(path: Path, *, truth: bool) -> Annotations:
    """Read MOT rows; of a truth only those that count (see the table at the top)."""
    rows = read_mot(path)
    index = np.flatnonzero((rows.score != 0) & (rows.category <= PEDESTRIAN)) if truth else np.arange(len(rows))
    rows = rows.select(index)
    annotations = Annotations(
        rows.frame, rows.id, np.stack([rows.left, rows.top, rows.width, rows.height], axis=1)
    )
    faults = (
        (np.flatnonzero(rows.id < 0), "ids must not be negative; a file of detections does not say who is who"),
        (np.flatnonzero((annotations.boxes[:, 2:] <= 0).any(axis=1)), "width and height must be greater than 0"),
        (annotations.repeated(), "this id has a box in this frame already; remove or renumber one of the rows"),
    )
    for wrong, message in faults:
        if len(wrong):
            row = int(wrong[0])
            line = _line_numbers(path)[index[row]]
            raise TruthError(f"{path}:{line}: frame {rows.frame[row]}, id {rows.id[row]}: {message}")
    return annotations


def _line_numbers(path: Path) -> list[int]:
    """The line, from 1, of each row that `read_mot` returns: it skips empty lines."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return [number for number, line in enumerate(lines, start=1) if line.strip()]


def _read_people(path: Path) -> dict[int, str]:
    """The person of each id of the truth."""
    persons: dict[int, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if [field.strip() for field in header] != ["mot_id", "person"]:
                raise TruthError(f"{path}:1: the header must be mot_id,person (got {','.join(header)})")
            for row in reader:
                if row:
                    _add_person(persons, row, f"{path}:{reader.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TruthError(f"{path}: cannot be read as CSV with the header mot_id,person ({error})") from None
    return persons


def _add_person(persons: dict[int, str], row: list[str], where: str) -> None:
    if len(row) != 2 or not row[0].strip().isdecimal() or not row[1].strip():
        raise TruthError(f"{where}: wanted an id and a person, as in 12,3 (got {','.join(row)})")
    mot_id = int(row[0])
    if mot_id in persons:
        raise TruthError(f"{where}: id {mot_id} is listed already, as person {persons[mot_id]}; keep one row")
    persons[mot_id] = row[1].strip()


def _merge_people(truth: Annotations, persons: Mapping[int, str], file: Path, people: Path) -> Annotations:
    """The truth with people in place of its ids."""
    ids, inverse = np.unique(truth.ids, return_inverse=True)
    unknown = [str(i) for i in ids if int(i) not in persons]
    if unknown:
        raise TruthError(f"{people}: no person for id {', '.join(unknown)} of {file}; add a row for each")
    numbers = {person: number for number, person in enumerate(sorted(set(persons.values())), start=1)}
    new_ids = np.array([numbers[persons[int(i)]] for i in ids], dtype=np.int64)
    merged = replace(truth, ids=new_ids[inverse])
    if len(repeated := merged.repeated()):
        row = repeated[0]
        both = (merged.frames == merged.frames[row]) & (merged.ids == merged.ids[row])
        person = persons[int(truth.ids[row])]
        raise TruthError(
            f"{file}: ids {' and '.join(str(i) for i in sorted(truth.ids[both]))} are both in frame "
            f"{merged.frames[row]}, so they cannot be one person ({person} in {people}); correct {people.name}"
        )
    return merged
