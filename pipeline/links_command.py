"""`run.py links`: the camera links that runs have learned, printed, plotted, written as YAML."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

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
    "--min-transits", default=5, show_default=True, type=click.IntRange(min=2), help="That a link needs."
)
@click.option(
    "--margin",
    default=0.5,
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
    from pipeline import links as learning
    from pipeline import links_yaml

    learned = learning.learn(runs, min_transits)
    console.print(learning.table(learned))
    for line in learning.notes(learned):
        console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)
    text = links_yaml.section(learned, margin)
    if yaml_file is not None:
        links_yaml.write(yaml_file, text, overwrite=overwrite)
    if into is not None:
        named = {camera for way in learned.links for camera in (way.origin, way.to)}
        named |= {camera for pair in learned.overlapping for camera in pair}
        backup = links_yaml.put_into(into, text, sorted(named), overwrite=overwrite)
        console.print(f"links put into {into}; as it was: {backup}", markup=False, soft_wrap=True)
    if plot is not None:
        from pipeline.links_plot import draw

        draw(learned, plot)
    return 0
