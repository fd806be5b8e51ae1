"""`run.py links`: the camera links that runs have learned, printed, plotted, written as YAML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipeline.links import HELD, MIN_TRANSITS, LearnedLinks, learn
from pipeline.links_yaml import MARGIN, put_into, section, write

console = Console()


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "--yaml", "yaml_file", type=click.Path(path_type=Path), help="Write them to this file, as in cams.yaml."
)
@click.option("--into", type=click.Path(path_type=Path), help="Put them into this cams.yaml; keeps a copy of it.")
@click.option("--overwrite", is_flag=True, help="Replace the --yaml file, or the links that --into has.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw them into this PNG file.")
@click.option(
    "--min-transits",
    default=MIN_TRANSITS,
    show_default=True,
    type=click.IntRange(min=2),
    help="That a link needs.",
)
@click.option(
    "--margin",
    default=MARGIN,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Part by which the windows in YAML are widened.",
)
def links(
    runs: tuple[Path, ...],
    yaml_file: Path | None,
    into: Path | None,
    overwrite: bool,
    plot: Path | None,
    min_transits: int,
    margin: float,
) -> int:
    """Show the camera links that finished runs of one site tell of, and write them as YAML to edit and freeze."""
    learned = learn(runs, min_transits)
    console.print(table(learned))
    for line in notes(learned):
        console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)
    text = section(learned, margin)
    if yaml_file is not None:
        write(yaml_file, text, overwrite=overwrite)
    if into is not None:
        named = {camera for way in learned.links for camera in (way.origin, way.to)}
        named |= {camera for pair in learned.overlapping for camera in pair}
        backup = put_into(into, text, sorted(named), overwrite=overwrite)
        console.print(f"links put into {into}; as it was: {backup}", markup=False, soft_wrap=True)
    if plot is not None:
        from pipeline.links_plot import draw

        draw(learned, plot)
    return 0


def table(learned: LearnedLinks) -> Table:
    """The links for people."""
    shown = Table(title="Camera links", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("from", "to"):
        shown.add_column(name, no_wrap=True, overflow="ignore")
    for name in ("transits", "share", "median, s", f"{HELD:.0%}, s"):
        shown.add_column(name, justify="right")
    for name in ("left", "entered"):
        shown.add_column(name)
    for way in learned.links:
        low, high = way.window
        times = (f"{way.median:.1f}", f"{low:.1f}-{high:.1f}")
        shown.add_row(way.origin, way.to, str(way.transits), f"{way.share:.0%}", *times, way.leave, way.enter)
    return shown


def notes(learned: LearnedLinks) -> Iterator[str]:
    """What the table leaves out, a line each."""
    seen = sum(way.transits for way in learned.links)
    count = "1 link" if len(learned.links) == 1 else f"{len(learned.links)} links"
    yield f"{count}, {seen} of {learned.transits} transits; share: of those who went on to another camera"
    for doubt, ways in Counter(way.doubt for way in learned.doubtful).items():
        yield f"no link: {ways} {'pair' if ways == 1 else 'pairs'} with {doubt}"
