"""Two days of a site of 20 cameras and 50,000 people: does a linker stay as small, as fast and as right?

    python -m benchmarks.linker_soak --hours 48

Feeds simulated tracklets (`benchmarks.simulated_site`) to the default preset's linker as fast as it takes them.
For each part it prints: milliseconds a tracklet and the longest `update`; resident memory of the process (with the
simulation and the bookkeeping of two hours) and size of the linker's own state; identities remembered; precision:
links to known identities that are right; recall: tracklets of people seen before that were linked to them.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass, replace
from typing import Protocol

import click
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.recorded_site import View
from benchmarks.simulated_site import Call, Plan, SimulatedSite, key_of, site_equal_error
from pipeline.config import load_processing
from reid.tracklets import CameraId, IdentityId, Link, LinkKind, TrackletKey

_KEPT = 7200.0  # s that the bookkeeping remembers an identity after its last link


class SoakLinker(Protocol):
    """What is measured."""

    def update(self, camera: CameraId, time: float, tracks: list[View]) -> list[Link]:
        """See `reid.linker.Linker`."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the run.

    Attributes:
        hours: simulated so far.
        tracklets: of this part.
        milliseconds: of the linker a tracklet.
        longest: milliseconds of the longest `update`.
        resident: MiB of the process.
        state: MiB of the pickled linker; None where it cannot be pickled.
        identities: remembered; None where the linker does not say.
        precision: of links to known identities.
        recall: of tracklets of people who were seen before.
    """

    hours: float
    tracklets: int
    milliseconds: float
    longest: float
    resident: float
    state: float | None
    identities: int | None
    precision: float
    recall: float


class Ledger:
    """Counts right and wrong links as they are made; remembers an identity `_KEPT` seconds after its last link."""

    def __init__(self) -> None:
        self._person_of: dict[TrackletKey, int] = {}
        self._last_seen: dict[int, float] = {}  # of people
        self._members: dict[IdentityId, dict[TrackletKey, int]] = {}
        self._identity_of: dict[TrackletKey, IdentityId] = {}
        self._linked: dict[IdentityId, float] = {}
        self.links = self.right = self.expected = 0

    def see(self, call: Call) -> bool:
        """Take a call's track before the linker does; whether it is a new tracklet."""
        key, person = key_of(call), call.people[0]
        new = key not in self._person_of
        if new:
            self._person_of[key] = person
            self.expected += person in self._last_seen
        self._last_seen[person] = call.time
        return new

    def take(self, links: Iterable[Link]) -> None:
        """Score decisions, in the order in which they were made."""
        for link in links:
            moved = self._moved(link)
            earlier = self._members.setdefault(link.identity, {})
            if earlier and link.kind is LinkKind.LINK:
                person = self._person_of.get(link.key)
                self.links += 1
                self.right += 2 * sum(other == person for other in earlier.values()) > len(earlier)
            earlier |= moved
            self._identity_of |= dict.fromkeys(moved, link.identity)
            self._linked[link.identity] = link.time

    def forget(self, now: float) -> None:
        """Drop what is old, and begin to count anew."""
        for identity in [one for one, last in self._linked.items() if now - last > _KEPT]:
            del self._linked[identity]
            for key in self._members.pop(identity):
                self._identity_of.pop(key, None)
                self._person_of.pop(key, None)
        for person in [one for one, last in self._last_seen.items() if now - last > _KEPT]:
            del self._last_seen[person]
        self.links = self.right = self.expected = 0

    def _moved(self, link: Link) -> dict[TrackletKey, int]:
        """Whom the decision moves, taken out of where they were."""
        if link.kind is LinkKind.MERGE and link.previous is not None:
            self._linked.pop(link.previous, None)
            return self._members.pop(link.previous, {})
        before = self._identity_of.get(link.key)
        if before is not None:
            self._members.get(before, {}).pop(link.key, None)
        person = self._person_of.get(link.key)
        return {} if person is None else {link.key: person}


def soak(linker: SoakLinker, calls: Iterable[Call], hours: float, parts: int) -> Iterator[Part]:
    """Feed a linker; one row for each part of the simulated hours."""
    ledger, process = Ledger(), psutil.Process()
    taken, tracklets, part = list[float](), 0, 1
    for call in calls:
        if call.time >= 3600 * hours * part / parts:
            yield _part(hours * part / parts, tracklets, taken, process, linker, ledger)
            ledger.forget(call.time)
            taken, tracklets, part = [], 0, part + 1
            if part > parts:
                return
        tracklets += ledger.see(call)
        started = time.perf_counter()
        links = linker.update(call.camera, call.time, call.views)
        taken.append(time.perf_counter() - started)
        ledger.take(links)
    if taken:
        yield _part(hours * part / parts, tracklets, taken, process, linker, ledger)


def _part(
    hours: float,
    tracklets: int,
    taken: list[float],
    process: psutil.Process,
    linker: SoakLinker,
    ledger: Ledger,
) -> Part:
    spent = np.array(taken)
    return Part(
        hours=hours,
        tracklets=tracklets,
        milliseconds=1e3 * float(spent.sum()) / max(tracklets, 1),
        longest=1e3 * float(spent.max()),
        resident=process.memory_info().rss / 2**20,
        state=_state(linker),
        identities=len(linker) if isinstance(linker, Sized) else None,
        precision=ledger.right / ledger.links if ledger.links else 1.0,
        recall=ledger.right / ledger.expected if ledger.expected else 1.0,
    )


def _state(linker: SoakLinker) -> float | None:
    try:
        return len(pickle.dumps(linker)) / 2**20
    except (pickle.PicklingError, TypeError, AttributeError):  # holds a store or a lock
        return None


@click.command()
@click.option("--hours", type=float, default=48.0, show_default=True, help="Simulated hours to run.")
@click.option("--parts", type=int, default=24, show_default=True, help="Rows of the table.")
@click.option("--people", type=int, default=50_000, show_default=True, help="In two days.")
@click.option("--dimension", type=int, default=512, show_default=True, help="Of the embeddings.")
@click.option("--set", "changes", multiple=True, help="A setting, as for a run: linker.expiry=600.")
def main(hours: float, parts: int, people: int, dimension: int, changes: tuple[str, ...]) -> None:
    """Run and print how the linker fares."""
    plan = Plan(people=people, dimension=dimension)
    error, share = site_equal_error(SimulatedSite(replace(plan, seed=0)))
    console = Console(width=120)
    console.print(
        f"equal error of tracklets across cameras {100 * error:.1f} %, same person at {share:.2f} of others"
    )
    table = Table("hours", "tracklets", "ms a tracklet", "longest ms", "process, MiB", "linker, MiB", box=None)
    for heading in ("identities", "precision", "recall"):
        table.add_column(heading)
    linker = load_processing("default", changes).linker.build(())
    for row in soak(linker, SimulatedSite(plan).calls(), hours, parts):
        state = "-" if row.state is None else f"{row.state:.1f}"
        known = "-" if row.identities is None else str(row.identities)
        cells = (f"{row.hours:.2f}", str(row.tracklets), f"{row.milliseconds:.2f}", f"{row.longest:.0f}")
        rates = (f"{100 * row.precision:.1f}", f"{100 * row.recall:.1f}")
        table.add_row(*cells, f"{row.resident:.0f}", state, known, *rates)
        console.log(*cells, f"{row.resident:.0f} MiB", state, known, *rates)
    console.print(table)


if __name__ == "__main__":
    main()
