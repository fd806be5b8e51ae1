"""Kills a run with SIGKILL at random moments, again and again, and looks what its identity store has kept.

    python -m benchmarks.kill --times 100

A child process feeds linker and store with drawn people who walk over three cameras, twenty times faster than real
time, and writes down what it is about to store and what it has stored. It is killed; the store is compared with
what was written down; the next child goes on from the store, with new track numbers as a new run has them. Some
kills come while the store is being opened, some are aimed into the midst of a write. Counted are tracklets that
are lost, that have another identity than was stored, or that nobody stored; people with two identities and
identities of two people, over all runs; and by how much the last stored time was behind.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from pipeline.frames import FrameResult
from pipeline.sinks.base import SinkSite
from pipeline.sinks.store import StoreSettings
from reid.linker import EvidenceLinkerSettings
from reid.store_file import connect
from reid.tracklets import CameraId
from trackers.tracks import Track, TrackId, TrackState

ROOT = Path(__file__).resolve().parent.parent
CAMERAS = [CameraId(name) for name in ("gate", "yard", "hall")]
PEOPLE, RATE, SPEED = 12, 5, 20  # frames a second of the cameras, and how much faster than those they come
_OPENING = 0.2  # share of the kills that come while the store is being opened, or before
_AIMED = 0.4  # share of the others that are aimed into a write
_VISIT, _ROUND = 8.0, 15.0  # seconds in a view, and from one view to the next

Key = tuple[int, str, int]  # run, camera, track


def where(person: int, now: float) -> CameraId | None:
    """The view that a person is in."""
    turn, since = divmod(now + 1.7 * person, _ROUND)
    return CAMERAS[(int(turn) + person) % len(CAMERAS)] if since < _VISIT else None


class Walkers:
    """The tracks of all cameras, numbered from 1 as a tracker does that has just been started."""

    def __init__(self) -> None:
        self._looks = np.random.default_rng(0).normal(size=(PEOPLE, 128))
        self._noise = np.random.default_rng()
        self._numbers: dict[int, tuple[CameraId, int]] = {}  # of those in view
        self._next = dict.fromkeys(CAMERAS, 1)
        self.person: dict[tuple[str, int], int] = {}

    def tracks(self, camera: CameraId, now: float) -> list[Track]:
        """What the tracker of a camera would report."""
        found = []
        for person in range(PEOPLE):
            here = where(person, now) == camera
            known = self._numbers.get(person)
            if here and (known is None or known[0] != camera):
                self._numbers[person] = known = camera, self._next[camera]
                self.person[known] = person
                self._next[camera] += 1
            if known is not None and known[0] == camera:
                found.append(self._track(person, known[1], TrackState.CONFIRMED if here else TrackState.ENDED))
                if not here:
                    del self._numbers[person]
        return sorted(found, key=lambda track: track.id)

    def _track(self, person: int, number: int, state: TrackState) -> Track:
        look = self._looks[person] + 0.3 * self._noise.normal(size=self._looks.shape[1])
        box = np.array([50 * person, 0, 50 * person + 40, 100], np.float32)
        unit = (look / np.linalg.norm(look)).astype(np.float32)
        embedding = unit if state is TrackState.CONFIRMED else None
        return Track(TrackId(number), box, np.zeros(2, np.float32), 0.9, state, embedding)


def feed(store: Path, start: float) -> None:
    """What the child does until it is killed."""
    sink = StoreSettings(path=str(store)).build(SinkSite(store.parent, (), threading.Event(), "drawn"))
    linker = EvidenceLinkerSettings().build([])
    sink.connect(linker, 2000, 20)
    walkers, began, step = Walkers(), time.monotonic(), 0
    _say(run=sink.store.run)
    while True:
        now = start + step / RATE
        time.sleep(max(0.0, began + step / RATE / SPEED - time.monotonic()))
        for camera in CAMERAS:
            tracks = walkers.tracks(camera, now)
            links = linker.update(camera, now, tracks)
            tracklets = linker.take_changed()
            if links or tracklets:
                _say(
                    links=[(*link.key, link.kind.value, link.identity, link.previous) for link in links],
                    tracklets=[(t.key.camera, t.key.track, walkers.person[t.key[:2]], t.end) for t in tracklets],
                )
            sink.write(FrameResult(camera, now, None, tracks, {}, links, tracklets=tracklets))
            if links or tracklets:
                _say(done=now)
        _say(fed=now)
        step += 1


def _say(**words: Any) -> None:
    print(json.dumps(words), flush=True)


@dataclass(slots=True)
class Findings:
    """What a series of kills has shown; lists name what is wrong."""

    kills: int = 0
    within: int = 0  # kills that came within a write
    tracklets: int = 0
    lost: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    behind: list[float] = field(default_factory=list)  # seconds of the cameras from the last stored to the kill

    @property
    def faults(self) -> list[str]:
        """All that is wrong."""
        late = [f"{seconds:.2f} s behind" for seconds in self.behind if seconds > 1 + 2 / RATE]
        return [*self.lost, *self.changed, *self.doubled, *late]


@dataclass(slots=True)
class Expected:
    """What the store must hold by what the children have written down."""

    stored: dict[Key, int] = field(default_factory=dict)  # identity
    ends: dict[Key, float] = field(default_factory=dict)
    people: dict[Key, int] = field(default_factory=dict)
    owners: dict[int, set[int]] = field(default_factory=dict)  # people of each identity, promised ones included
    _decided: dict[Key, int] = field(default_factory=dict)

    def take(self, run: int, entry: dict[str, Any]) -> None:
        """Apply one write."""
        for camera, track, earlier, kind, identity, previous in entry["links"]:
            key = (earlier or run, camera, track)
            if kind == "merge":
                for identities in (self.stored, self._decided):
                    identities |= {k: identity for k, value in identities.items() if value == previous}
            else:
                self._decided[key] = identity
                if key in self.stored:
                    self.stored[key] = identity
        for camera, track, person, end in entry["tracklets"]:
            key = (run, camera, track)
            self.stored.setdefault(key, self._decided[key])
            self.ends[key], self.people[key] = end, person
            self.owners.setdefault(self._decided[key], set()).add(person)


def kill_again(store: Path, times: int, seed: int = 0) -> Iterator[Findings]:
    """Kill a run ``times`` times; yields what is found so far after each."""
    rng = np.random.default_rng(seed)
    expected, findings, now = Expected(), Findings(), 1e9
    for _ in range(times):
        opening = findings.kills > 0 and rng.random() < _OPENING
        aimed = rng.random() < _AIMED
        lines = _killed(store, now, float(rng.uniform(0.0, 1.2)), opening=opening, aimed=aimed and not opening)
        now = _compare(store, lines, expected, findings, now) + float(rng.uniform(0.2, 6.0))
        findings.kills += 1
        yield findings


def _killed(store: Path, start: float, seconds: float, *, opening: bool, aimed: bool) -> list[dict[str, Any]]:
    """Run a child, kill it so many seconds after its start (opening), or of feeding; what it wrote down.

    With ``aimed`` it is killed after that at the next moment at which it has announced a write, but not its end.
    """
    notes = store.with_suffix(".notes")
    command = [sys.executable, "-m", "benchmarks.kill", "--child", str(store), "--start", str(start)]
    with notes.open("w") as out, subprocess.Popen(command, cwd=ROOT, stdout=out) as child:
        deadline = time.monotonic() + 120
        while not opening and not notes.stat().st_size and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(seconds)
        while aimed and not _is_writing(notes) and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.0002)
        if child.poll() is not None:
            raise RuntimeError(f"the child ended by itself, with code {child.returncode}")
        child.kill()
    return [json.loads(line) for line in notes.read_text().splitlines() if line.endswith("}")]


def _is_writing(notes: Path) -> bool:
    """Whether the last line announces a write."""
    with notes.open("rb") as file:
        file.seek(-min(20_000, notes.stat().st_size), 2)
        return file.read().rpartition(b"\n")[0].rpartition(b"\n")[2].startswith(b'{"links"')


def _compare(
    store: Path, lines: list[dict[str, Any]], expected: Expected, findings: Findings, start: float
) -> float:
    """Hold the store against what was written down; returns the time of the cameras at the kill."""
    run = lines[0]["run"] if lines else 0  # killed before it had opened the store
    writes = [line for line in lines if "links" in line]
    finished = sum("done" in line for line in lines)
    for entry in writes[:finished]:
        expected.take(run, entry)
    before, ends = dict(expected.stored), dict(expected.ends)
    for entry in writes[finished:]:  # at most one, whose end nobody heard of
        expected.take(run, entry)
    with closing(connect(store, write=False)) as db:
        rows = db.execute("SELECT run, camera, track, identity, end_time FROM tracklets").fetchall()
    found = {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}
    findings.tracklets = len(found)
    findings.within += len(writes) > finished
    findings.lost += [f"{key} is gone" for key in before if key not in found]
    late = [key for key in before if key in found and found[key][1] < ends[key]]
    findings.lost += [f"{key} ends at {found[key][1]}, but {ends[key]} was stored" for key in late]
    for key, (identity, _) in found.items():
        if identity not in {before.get(key), expected.stored.get(key)}:
            findings.changed.append(f"{key} has {identity}")
    findings.doubled = [
        f"identity {one} is {len(who)} people" for one, who in expected.owners.items() if len(who) > 1
    ]
    people: dict[int, set[int]] = {}
    for key, (identity, _) in found.items():
        people.setdefault(expected.people[key], set()).add(identity)
    findings.doubled += [f"person {who} has {len(ids)} identities" for who, ids in people.items() if len(ids) > 1]
    fed = max((line["fed"] for line in lines if "fed" in line), default=start)
    findings.behind.append(fed - max((line["done"] for line in lines if "done" in line), default=start))
    expected.stored = {key: identity for key, (identity, _) in found.items()}
    expected.ends |= {key: end for key, (_, end) in found.items()}  # without what was only promised
    return float(fed)


@click.command()
@click.option("--times", default=100, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
@click.option("--child", type=click.Path(path_type=Path), hidden=True)
@click.option("--start", type=float, default=0.0, hidden=True)
def main(times: int, seed: int, child: Path | None, start: float) -> None:
    """Kill a run many times and print what its store has kept."""
    if child is not None:
        feed(child, start)
    with TemporaryDirectory() as folder:
        for findings in kill_again(Path(folder) / "identities.db", times, seed):
            print(f"{findings.kills} kills, {findings.tracklets} tracklets", end="\r", file=sys.stderr)
    table = Table("kills", "in a write", "tracklets", "lost", "changed", "doubled", "behind, s: median", "most")
    behind = np.array(findings.behind)
    wrong = [len(faults) for faults in (findings.lost, findings.changed, findings.doubled)]
    counts = (findings.kills, findings.within, findings.tracklets, *wrong)
    table.add_row(*map(str, counts), f"{np.median(behind):.2f}", f"{behind.max():.2f}")
    Console().print(table)
    for fault in findings.faults:
        print(fault)
    sys.exit(bool(findings.faults))


if __name__ == "__main__":
    main()
