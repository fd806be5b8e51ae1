"""Milliseconds a frame of update(): ours and the peers in turn, on synthetic crowds of rising size.

python -m benchmarks.tracker_speed --cache SEQUENCES --peers-folder VENVS
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.streams import ROOT
from benchmarks.tracker_runs import Cache, Plan, RunFailedError, read_sequence
from benchmarks.trackers import Row, chosen, row_of, sequence_files

CROWDS = "numbers-[0-9]*"


@click.command()
@click.option("--sequence", "names", multiple=True, default=(CROWDS,), show_default=True, help="Name or pattern.")
@click.option("--tracker", "ours", multiple=True, help="Type of ours, also as type:key=value,... or none.")
@click.option("--peer", "peer_names", multiple=True, help="All that are installed without it.")
@click.option("--peers-folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--repeat", type=click.IntRange(2), default=3, show_default=True, help="Rounds.")
@click.option(
    "--seconds", type=float, default=180.0, show_default=True, help="Longest run of a tracker on a sequence."
)
@click.option("--clock", type=click.Choice(("wall", "cpu")), default="wall", show_default=True)
@click.option(
    "--cache", "folder", type=click.Path(path_type=Path), default=ROOT / "runs/sequences", show_default=True
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(
    names: tuple[str, ...],
    ours: tuple[str, ...],
    peer_names: tuple[str, ...],
    peers_folder: Path | None,
    repeat: int,
    seconds: float,
    clock: str,
    folder: Path,
    json_file: Path | None,
) -> None:
    """Print the median of a frame, of which the median over the rounds; a tracker that takes too long has none."""
    contestants = chosen(ours, peers_folder, peer_names)
    plan = Plan(Cache(folder / "results"), repeat, seconds)
    recordings = [read_sequence(file) for file in sequence_files(folder, names)]
    rows: list[Row] = []
    for recording in recordings:
        for embedder in recording.embedders_for(()):
            for outcome in plan.outcomes(contestants, recording, embedder):
                if isinstance(outcome, RunFailedError):
                    click.echo(str(outcome), err=True)
                else:
                    rows.append(row_of(outcome, plan.cache))
        if json_file is not None:
            json_file.write_text(json.dumps(rows, indent=1), "utf-8")
    key = {"wall": "ms", "cpu": "cpu_ms"}[clock]
    order = [contestant.name for contestant in contestants]
    Console(width=110).print(table(rows, order, [recording.name for recording in recordings], key))


def table(rows: Sequence[Row], trackers: Sequence[str], sequences: Sequence[str], key: str) -> Table:
    """A line for each tracker, a column for each sequence."""
    values = {(row["tracker"], row["sequence"]): f"{row[key]:.3g}" for row in rows}
    made = Table("tracker")
    for sequence in sequences:
        made.add_column(sequence, justify="right")
    for tracker in trackers:
        cells = [values.get((tracker, sequence), "-") for sequence in sequences]
        if set(cells) != {"-"}:
            made.add_row(tracker, *cells)
    return made


if __name__ == "__main__":
    main()
