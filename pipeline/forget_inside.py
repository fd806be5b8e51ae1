"""Runs that lie inside the folder of a run and were decided from its recording, such as ``relinked``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline import corrections
from pipeline.errors import OutputError
from pipeline.forget import Traced, by_tracks, entries_of, final_identities, record_of
from pipeline.motfile import read_mot
from pipeline.sinks.mot import TRACKS

Key = tuple[str, int]  # camera and track


def inside(folder: Path, who: Traced, known: Collection[Path]) -> tuple[dict[Path, Traced], list[str]]:
    """The person in runs that were decided from a run's recording, and what was left out and why.

    Identities have other numbers there; tracks are the same.

    Args:
        folder: of the run.
        who: the person in it.
        known: folders of all runs that are looked through anyway.

    Raises:
        HandoffError: if the tracks of such a run are others, so that nobody can tell which are the person's.
    """
    found: dict[Path, Traced] = {}
    notes = []
    for record in sorted(folder.rglob("run.yaml"), reverse=True):
        run = record.parent
        if run in known or next(parent for parent in run.parents if parent in known) != folder or not who.tracks:
            continue
        if _has_same_tracks(folder, run):
            traced = by_tracks(run, _own_numbers(run, who), who.tracks)
            found[run] = replace(traced, trail=max(who.trail, traced.trail))
        elif _is_of_its_own(folder, run):
            notes.append(f"{run}: is another run, not looked into; ask its own store")
        else:
            raise OutputError(
                f"{run}: its tracks are not those of {folder} (another tracker made them), so that nobody can "
                "tell who is who; delete that folder, then try again"
            )
    return found, notes


def same_person(folder: Path, who: Traced) -> list[str]:
    """Notes about others whom a correction says to be this person too: the store has them under other numbers."""
    identities = final_identities(folder)
    notes = []
    for each in corrections.read(folder):
        if isinstance(each, corrections.Merge):
            keys: set[Key] = {(str(key.camera), key.track) for key in map(corrections.key_of, each.tracks)}
            others = {str(identities[key]) for key in keys - who.tracks if key in identities}
            if keys & who.tracks and others:
                notes.append(
                    f"{folder / corrections.CORRECTIONS}: says that identity {', '.join(sorted(others))} is the "
                    "same person; the store does not, and they stay: forget them too if that is true"
                )
    return notes


def _has_same_tracks(folder: Path, run: Path) -> bool:
    """Whether a run took its tracks from another one, of which it has all or, after an interruption, some."""
    if record_of(folder).get("tracker") != record_of(run).get("tracker"):
        return False
    for of in (_starts, _first_rows):  # a run need not have both a log and rows
        mine, theirs = of(run), of(folder)
        if mine and theirs:
            return mine <= theirs
    return False


def _is_of_its_own(folder: Path, run: Path) -> bool:
    """Whether a run can have nothing of the other: it has a store, or other cameras."""
    here, there = record_of(folder), record_of(run)
    names = [{str(camera["name"]) for camera in record.get("cameras", ())} for record in (here, there)]
    return names[0].isdisjoint(names[1]) or any(sink["type"] == "store" for sink in there.get("sinks", ()))


def _starts(folder: Path) -> set[tuple[Key, float]]:
    return {((e["camera"], e["track"]), e["time"]) for e in entries_of(folder) if e["event"] == "start"}


def _first_rows(folder: Path) -> set[tuple[Key, float]]:
    """Each track with its first frame, from tracks/."""
    found: set[tuple[Key, float]] = set()
    for path in sorted((folder / TRACKS).glob("*.txt")):
        rows = read_mot(path)
        ids, first = np.unique(rows.id, return_index=True)
        found |= {((path.stem, int(track)), float(rows.frame[row])) for track, row in zip(ids, first, strict=True)}
    return found


def _own_numbers(run: Path, who: Traced) -> frozenset[int]:
    """The identities that the person had there at any time, and nobody else."""
    had: dict[int, set[Key]] = defaultdict(set)
    now: dict[Key, int] = {}
    for entry in entries_of(run):
        if entry["event"] == "merge":
            moved = [key for key, old in now.items() if old == entry["previous"]]
        else:
            moved = [(entry["camera"], entry["track"])] if entry["event"] in {"link", "split"} else []
        for key in moved:
            now[key] = entry["identity"]
            had[entry["identity"]].add(key)
    return frozenset(number for number, keys in had.items() if keys <= who.tracks)
