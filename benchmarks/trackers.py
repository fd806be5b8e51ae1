"""Our trackers and the peers on the very same detections and embeddings, all at their defaults.

    benchmarks/peers/install.sh VENVS
    python -m benchmarks.trackers --cache SEQUENCES --peers-folder VENVS

Camera-motion compensation is off everywhere, because no pictures are read; nearly all of the cameras stand still.
Peers that take every box as it is get those of a score of .4 and more. None is told the frame rate, because none
asks for it in its documented use. Each tracker runs on one thread in a process of its own, and only its update()
is timed.
"""

from __future__ import annotations

import fnmatch
import json
import re
import typing
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

import click
from rich.console import Console
from rich.table import Table

from benchmarks.contestants import own, peers
from benchmarks.sequences import GROUPS, SEQUENCES
from benchmarks.streams import ROOT
from benchmarks.tracker_runs import Cache, Contestant, Outcome, Plan, RunFailedError, read_sequence

RATES = ("hota", "det_a", "ass_a", "idf1", "mota")
COSTS = {"ms": "{:.2f}", "ms_p95": "{:.2f}", "cpu_ms": "{:.2f}", "mib": "{:.1f}"}
Row = dict[str, typing.Any]


def group_of(sequence: str) -> str:
    """One of `GROUPS`; a sequence that the table does not know counts as real."""
    return SEQUENCES[sequence].group if sequence in SEQUENCES else "real"


def split_of(sequence: str) -> str:
    """What is chosen on a sequence of `tune` is reported on those of `report`."""
    return SEQUENCES[sequence].split if sequence in SEQUENCES else "tune"


@click.command()
@click.option("--sequence", "names", multiple=True, help="Name or pattern, such as 'world-*'; all without it.")
@click.option("--group", "groups", multiple=True, type=click.Choice(GROUPS), help="All without it.")
@click.option("--split", type=click.Choice(("report", "tune")), help="Both without it.")
@click.option(
    "--embedder", "embedders", multiple=True, default=("msmt17",), show_default=True, help="NAME or none."
)
@click.option("--tracker", "ours", multiple=True, help="Type of ours, also as type:key=value,... or none.")
@click.option("--peer", "peer_names", multiple=True, help="All that are installed without it.")
@click.option("--peers-folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--repeat",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Rounds; from 2 on nothing kept is used.",
)
@click.option(
    "--seconds", type=float, default=600.0, show_default=True, help="Longest run of a tracker on a sequence."
)
@click.option(
    "--cache", "folder", type=click.Path(path_type=Path), default=ROOT / "runs/sequences", show_default=True
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(
    names: tuple[str, ...],
    groups: tuple[str, ...],
    split: str | None,
    embedders: tuple[str, ...],
    ours: tuple[str, ...],
    peer_names: tuple[str, ...],
    peers_folder: Path | None,
    repeat: int,
    seconds: float,
    folder: Path,
    json_file: Path | None,
) -> None:
    """Print the scores and the cost of each tracker, for each sequence and in the mean of each group."""
    contestants = chosen(ours, peers_folder, peer_names)
    files = sequence_files(folder, names, groups, split)
    plan = Plan(Cache(folder / "results"), repeat, seconds)
    rows: list[Row] = []
    for file in files:
        recording = read_sequence(file)
        for embedder in recording.embedders_for(embedders):
            for outcome in plan.outcomes(contestants, recording, embedder):
                if isinstance(outcome, RunFailedError):
                    click.echo(str(outcome), err=True)
                else:
                    rows.append(row_of(outcome, plan.cache))
            if json_file is not None:
                json_file.write_text(json.dumps(rows, indent=1), "utf-8")
    Console(width=140).print(table([*rows, *means(rows)]))


def chosen(ours: Sequence[str], peers_folder: Path | None, peer_names: Sequence[str]) -> list[Contestant]:
    """Ours first; raises `click.UsageError` for names that there are not."""
    return [*([] if tuple(ours) == ("none",) else own(ours)), *peers(peers_folder, peer_names)]


def sequence_files(
    folder: Path, names: Sequence[str], groups: Sequence[str] = (), split: str | None = None
) -> list[Path]:
    """The files of a folder that are asked for, real ones first.

    Raises:
        click.UsageError: if there is none.
    """
    files = [
        file
        for file in folder.glob("*.npz")
        if (not names or any(fnmatch.fnmatchcase(file.stem, name) for name in names))
        and (not groups or group_of(file.stem) in groups)
        and (split is None or split_of(file.stem) == split)
    ]
    if not files:
        raise click.UsageError(f"--cache {folder}: there is no such sequence")
    return sorted(files, key=lambda file: (GROUPS.index(group_of(file.stem)), _natural(file.stem)))


def _natural(name: str) -> list[tuple[int, str]]:
    """So that 50 comes before 100."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def row_of(outcome: Outcome, cache: Cache) -> Row:
    """One line: all scores (rates from 0 to 1), milliseconds a frame, MiB."""
    (first, *_) = outcome.results
    return {
        "sequence": outcome.recording.name,
        "group": group_of(outcome.recording.name),
        "embedder": outcome.embedder,
        "tracker": outcome.contestant.name,
        **asdict(cache.scores(outcome.recording, first)),
        "ms": outcome.wall(50),
        "ms_p95": outcome.wall(95),
        "cpu_ms": outcome.cpu(50),
        "cpu_ms_p95": outcome.cpu(95),
        "mib": outcome.memory,
        "runs": len(outcome.results),
    }


def means(rows: Iterable[Row]) -> list[Row]:
    """For each group and embedder with several sequences, the mean of each tracker that ran on all of them.

    Rates and costs are means over the sequences, switches are summed.
    """
    by_kind: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in rows:
        by_kind.setdefault((row["group"], row["embedder"]), {}).setdefault(row["tracker"], []).append(row)
    found = []
    for (group, embedder), by_tracker in by_kind.items():
        count = len({row["sequence"] for of_tracker in by_tracker.values() for row in of_tracker})
        for tracker, of_tracker in by_tracker.items():
            if len(of_tracker) == count > 1:
                mean = {key: fmean(row[key] for row in of_tracker) for key in (*RATES, *COSTS)}
                switches = sum(row["switches"] for row in of_tracker)
                name = f"mean of {count} {group}"
                found.append(
                    {"sequence": name, "embedder": embedder, "tracker": tracker, "switches": switches, **mean}
                )
    return found


def table(rows: Iterable[Row]) -> Table:
    """Rates in percent."""
    made = Table("sequence", "embedder", "tracker")
    for heading in ("HOTA", "DetA", "AssA", "IDF1", "MOTA", "switches", "ms", "p95", "cpu ms", "MiB"):
        made.add_column(heading, justify="right")
    before = None
    for row in rows:
        now = (row["sequence"], row["embedder"])
        if before not in {None, now}:
            made.add_section()
        shown = now if now != before else ("", "")
        costs = [form.format(row[key]) for key, form in COSTS.items()]
        rates = [f"{100 * row[key]:.1f}" for key in RATES]
        made.add_row(*shown, row["tracker"], *rates, str(row["switches"]), *costs)
        before = now
    return made


if __name__ == "__main__":
    main()
