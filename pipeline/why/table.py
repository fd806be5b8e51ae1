"""The report on a terminal, and the track that the command line names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from pipeline.why.rows import NOBODY, Panel, Report, Row, percent
from reid.tracklets import CameraId, TrackletKey

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.why import Explained


def track_of(text: str | None) -> TrackletKey | None:
    """A track written as CAMERA/TRACK; click.UsageError if it is something else."""
    if text is None:
        return None
    camera, slash, number = text.rpartition("/")
    if not (slash and camera and number.isascii() and number.isdecimal()):
        raise click.UsageError(f"--track {text}: write camera and track, as in entrance/12")
    return TrackletKey(CameraId(camera), int(number))


def show(explained: Explained, console: Console) -> None:
    """Print the table, and where the page and the picture are."""
    report = explained.report
    for line in (f"{report.title}: {report.summary}", report.weakest):
        if line:
            console.print(Text(line))
    console.print(table_of(report))
    for path in (explained.page, explained.picture):
        console.print(Text(str(path)), soft_wrap=True)


def table_of(report: Report) -> Table:
    """A row for each track, merge and split."""
    table = Table(show_lines=True)
    for column in ("track", "seen", "decision", "evidence", "identity it got", "rival"):
        table.add_column(column)
    for row in report.rows:
        cells = (
            row.where,
            f"{row.span}\n{row.since}",
            f"{row.verdict}\n{row.reason}",
            _evidence(row),
            _panel(row.chosen, row.nobody),
            _panel(row.rival, "nobody"),
        )
        table.add_row(*(Text(cell) for cell in cells), style="yellow" if row.weakest else None)
    return table


def _evidence(row: Row) -> str:
    lines = [NOBODY if row.probability is None else f"probability {percent(row.probability)}"]
    if row.about:
        lines.append(f"for {row.about}:")
    for name, value in (("looks", row.looks), ("way", row.way)):
        if value is not None:
            lines.append(f"{name} {value:+.1f}")
    return "\n".join(lines)


def _panel(panel: Panel | None, nobody: str) -> str:
    if panel is None:
        return nobody
    distance = "" if panel.distance is None else f"\ndistance {panel.distance:.2f}"
    return f"{panel.title}\n{panel.where}{distance}"
