"""`run.py relink` and `run.py correct`: decide a recorded run again, and with a person's word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from pipeline import corrections
from pipeline import relink as relinking
from pipeline.errors import RunError
from pipeline.sinks.identities import LOG, identities_of

console = Console()
_SET = click.option(
    "--set", "changes", multiple=True, metavar="SECTION.KEY=VALUE", help="Change linker or links; repeatable."
)
_OUTPUT = click.option(
    "--output", type=click.Path(path_type=Path), help="Folder of the new run. Default: RUN/relinked."
)
_RENDER = click.option(
    "--render", is_flag=True, help="Draw the videos again, with the final identities throughout."
)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@_SET
@_OUTPUT
@_RENDER
@click.option("--overwrite", is_flag=True, help="Replace the run that the folder holds.")
def relink(run: Path, changes: tuple[str, ...], output: Path | None, render: bool, overwrite: bool) -> int:
    """Decide a recorded run again, all tracks at once, and print what became different."""
    _relink(run, changes, output, render=render, overwrite=overwrite or output is None)
    return 0


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--merge", "merges", nargs=2, type=int, multiple=True, metavar="A B", help="A and B are one person.")
@click.option(
    "--split", "splits", multiple=True, metavar="ID@CAMERA/TRACK", help="This track is not the person of ID."
)
@click.option("--undo", is_flag=True, help="Take the latest correction back.")
@click.option("--list", "listed", is_flag=True, help="Only print the corrections.")
@_SET
@_OUTPUT
@_RENDER
def correct(
    run: Path,
    merges: tuple[tuple[int, int], ...],
    splits: tuple[str, ...],
    undo: bool,
    listed: bool,
    changes: tuple[str, ...],
    output: Path | None,
    render: bool,
) -> int:
    """Tell the linker what you know of a run, and decide it again; numbers are those of the latest decision."""
    relinking.check_folder(run)
    said = corrections.read(run)
    if undo and not said:
        raise RunError(f"{run / corrections.CORRECTIONS}: there is no correction to take back")
    if undo:
        console.print(f"taken back: {said[-1].said}", markup=False, highlight=False)
        said = said[:-1]
    if merges or splits:
        numbers = _numbers(run)
        said += [corrections.merge(a, b, numbers) for a, b in merges]
        said += [corrections.split(word, numbers) for word in splits]
        corrections.check(said)
    elif not undo and not listed:
        raise click.UsageError("say --merge A B, --split ID@CAMERA/TRACK, --undo or --list")
    for each in said:
        console.print(f"correction: {each.said}", markup=False, highlight=False)
    if listed:
        return 0
    earlier = corrections.read(run)
    corrections.write(run, said)
    try:
        _relink(run, changes, output, render=render, overwrite=True)
    except BaseException:
        corrections.write(run, earlier)  # nothing was decided with it
        raise
    return 0


def _numbers(run: Path) -> relinking.Identities:
    """The identities as they were shown last: those of RUN/relinked, if there is one."""
    latest = relinking.default_output(run) / LOG
    log = latest if latest.exists() else run / LOG
    if not log.exists():
        raise RunError(f"{log}: is missing; only a run with the sink {{type: identities}} can be corrected")
    return identities_of(log)


def _relink(run: Path, changes: Sequence[str], output: Path | None, *, render: bool, overwrite: bool) -> None:
    relinking.check_folder(run)
    outcome = relinking.run(
        run, output or relinking.default_output(run), changes, render=render, overwrite=overwrite
    )
    for line in relinking.lines_of(outcome):
        console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)
