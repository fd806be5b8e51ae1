"""`run.py identities`, `route`, `find` and `forget`: questions to an identity store, and erasing a person."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline import forget as forgetting
from pipeline.drawing import clock
from pipeline.errors import HandoffError, OutputError, StoreError
from pipeline.faults import nearest
from pipeline.forget_inside import inside, same_person
from reid.store_file import size_of
from reid.store_forget import Forgetting, Traces
from reid.store_reading import StoredRun, StoreReader

_PATH = click.Path(path_type=Path)
_ABOUT = "PATH is an identity store (identities.db) or the folder of a run."

console = Console()


@click.command(epilog=_ABOUT)
@click.argument("path", type=_PATH)
@click.option("--camera", help="Only people whom this camera has seen.")
@click.option(
    "--since", help="Only people seen since then: 2026-03-01T09:00:00Z, or seconds of the cameras' clock."
)
def identities(path: Path, camera: str | None, since: str | None) -> int:
    """List the people in a store: when, where and how often each was seen."""
    with StoreReader(store_of(path)) as store:
        if camera is not None and camera not in (cameras := store.cameras()):
            raise StoreError(f"{store.path}: no camera is called '{camera}'{nearest(camera, cameras)}")
        people = store.people(camera, None if since is None else _seconds(since))
    table = Table("identity", "first seen", "last seen", "cameras", "tracklets", box=None, pad_edge=False)
    for person in people:
        times = clock(person.first), clock(person.last)
        table.add_row(str(person.identity), *times, Text(", ".join(person.cameras)), str(person.tracklets))
    console.print(table)
    console.print(f"{len(people)} people", highlight=False)
    return 0


@click.command(epilog=_ABOUT)
@click.argument("path", type=_PATH)
@click.argument("identity", type=int)
def route(path: Path, identity: int) -> int:
    """Print where a person was, over all cameras and runs, in order of time."""
    with StoreReader(store_of(path)) as store:
        present = store.present(identity)
        visits = store.route(present)
    if present != identity:
        console.print(f"identity {identity} is part of {present} now", highlight=False)
    table = Table("camera", "from", "to", "seconds", "away before", "run", "track", box=None, pad_edge=False)
    left = None
    for visit in visits:
        away = "" if left is None else f"{visit.start - left:.1f}"
        seen = clock(visit.start), clock(visit.end), f"{visit.end - visit.start:.1f}", away
        table.add_row(Text(visit.key.camera), *seen, str(visit.key.run), str(visit.key.track))
        left = visit.end if left is None else max(left, visit.end)
    console.print(table)
    return 0


@click.command(epilog=_ABOUT)
@click.argument("path", type=_PATH)
@click.argument("image", type=_PATH)
@click.option("--top", default=5, show_default=True, type=click.IntRange(min=1), help="People that are listed.")
def find(path: Path, image: Path, top: int) -> int:
    """Find a person by a picture that shows them alone, from head to foot."""
    from reid.pictures import read_picture

    picture = read_picture(image)
    with StoreReader(store_of(path)) as store:
        embedder, mark = _embedder(path, store)
        height, width = picture.shape[:2]
        (query,) = embedder.embed([picture], [np.array([[0, 0, width, height]], np.float32)])
        embedder.close()
        (alike,) = store.alike(query, mark, top)
        people = {person.identity: person for person in store.people()}
    table = Table("identity", "distance", "first seen", "last seen", "cameras", box=None, pad_edge=False)
    for identity, distance in alike:
        person = people[identity]
        times = clock(person.first), clock(person.last)
        table.add_row(str(identity), f"{distance:.3f}", *times, Text(", ".join(person.cameras)))
    console.print(table)
    console.print("distance: cosine, of the best view; somebody is always nearest, also to a stranger")
    return 0


@click.command(epilog=_ABOUT)
@click.argument("path", type=_PATH)
@click.argument("identity", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
def forget(path: Path, identity: int, yes: bool, dry_run: bool) -> int:
    """Erase a person from a store and from all runs that it knows, and prove it by searching again."""
    with StoreReader(store_of(path)) as store:
        present, runs = store.present(identity), store.runs()
    with Forgetting(store.path, present) as person:
        folders, notes = forgetting.folders_of(store.path, runs)
        traced: dict[Path, forgetting.Traced] = {}
        for folder, run in folders.items():
            who = forgetting.traced(folder, run, person.numbers, person.tracklets)
            within, more = inside(folder, who, folders)
            traced |= {**within, folder: who}  # those within first: the folder's files tell who is who in them
            notes += [*more, *same_person(folder, who)]
        before = person.traces()
        _print_plan(store.path, before, traced)
        for note in notes:
            console.print(Text(f"note: {note}"), soft_wrap=True)
        if dry_run:
            return 0
        if not yes:
            click.confirm(f"Erase identity {present}? This cannot be undone", abort=True)
        size = size_of(store.path)
        removed = [removal for folder, who in traced.items() for removal in forgetting.erase(folder, who)]
        person.erase()
        after = person.traces()
        left = [removal for folder, who in traced.items() for removal in forgetting.look(folder, who)]
        _print_proof(store.path, before, after, removed, left)
        console.print(
            f"{store.path}: {size} bytes before, {size_of(store.path)} now", highlight=False, soft_wrap=True
        )
    if left or not after.none:
        raise StoreError(f"{store.path}: not everything of identity {present} is gone; see the table above")
    return 0


def store_of(path: Path) -> Path:
    """The store that a path means: itself, or that of the run whose folder it is.

    Raises:
        OutputError: if the folder holds no run, or a run without a store.
    """
    if not path.is_dir():
        return path
    for sink in _record(path).get("sinks", ()):
        if sink.get("type") == "store":
            return path / str(sink.get("path", "identities.db"))
    raise OutputError(f"{path}: this run was made without the sink `store`; add {{type: store}} to its sinks")


def _record(folder: Path) -> dict[str, Any]:
    try:
        record = yaml.safe_load((folder / "run.yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise OutputError(
            f"{folder}: holds no run.yaml that can be read; name an identities.db, or a run"
        ) from error
    return record if isinstance(record, dict) else {}


def _embedder(path: Path, store: StoreReader) -> tuple[Any, str]:
    """The embedder of a run, and its mark; that of the last run where a store is named.

    Raises:
        HandoffError: if no run is there any more, or its embedder is not the one that filled the store.
    """
    from pipeline import config
    from pipeline.build import embedder_mark, fingerprints

    folders = [path] if path.is_dir() else [run.folder for run in reversed(store.runs())]
    folder = next((folder for folder in folders if (folder / "run.yaml").is_file()), None)
    if folder is None:
        raise StoreError(f"{store.path}: no folder of a run that it knows is there; name one: it has the embedder")
    loaded = config.load(folder / "run.yaml").config
    embedder = loaded.embedder.build()
    mark = embedder_mark(loaded, fingerprints(loaded))
    marks = {run.embedder for run in store.runs() if _is_same(run, folder)}
    if mark not in marks:
        embedder.close()
        raise HandoffError(
            f"{folder}: its embedder is not what filled the store (weights have changed); restore {marks or 'it'}"
        )
    return embedder, mark


def _is_same(run: StoredRun, folder: Path) -> bool:
    return run.folder == folder.resolve() or not run.folder.exists()


def _seconds(text: str) -> float:
    """A time on the cameras' clock."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no time; wanted is 2026-03-01T09:00:00Z, or seconds", param_hint="--since"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _print_plan(store: Path, before: Traces, traced: dict[Path, forgetting.Traced]) -> None:
    table = Table("where", "what", box=None, pad_edge=False)
    table.add_row(Text(str(store)), Text(_words(before)))
    for folder, who in traced.items():
        for removal in forgetting.look(folder, who):
            table.add_row(Text(str(removal.file)), f"{removal.count} {removal.what}")
        for video in forgetting.videos_of(folder, who):
            table.add_row(Text(str(video)), "is encoded again with grey in the person's place")
    console.print(table)


def _print_proof(
    store: Path,
    before: Traces,
    after: Traces,
    removed: list[forgetting.Removal],
    left: list[forgetting.Removal],
) -> None:
    table = Table("where", "removed", "found again", box=None, pad_edge=False)
    table.add_row(Text(str(store)), Text(_words(before)), "nothing" if after.none else Text(_words(after)))
    still = {(removal.file, removal.what): removal for removal in left}
    for removal in removed:
        again = still.get((removal.file, removal.what))
        words = (
            "not searched" if removal.file.suffix == ".mp4" else "nothing" if again is None else str(again.count)
        )
        table.add_row(Text(str(removal.file)), f"{removal.count} {removal.what}", words)
    console.print(table)


def _words(traces: Traces) -> str:
    rows = ", ".join(f"{count} {name}" for name, count in traces.rows.items() if count)
    return f"{rows or 'no rows'}; {traces.pieces} pieces of embeddings in the file's bytes"
