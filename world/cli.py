"""The command line of the synthetic world: list, render, crops, pictures."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from world.errors import WorldError
from world.scenes import SCENES
from world.site import Scene

USAGE, INTERRUPTED = 2, 130

console = Console()
errors = Console(stderr=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 2 something is to be corrected, 130 interrupted."""
    try:
        cli.main(args=arguments, prog_name="python -m world", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return USAGE
    except (WorldError, OSError) as error:
        click.ClickException(str(error)).show()
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        errors.print("interrupted; what was being written is incomplete")
        return INTERRUPTED
    return 0


class _SceneType(click.ParamType[Scene]):
    """The name of a scene."""

    name = "scene"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Scene:
        if isinstance(value, Scene):
            return value
        if str(value) not in SCENES:
            self.fail(f"there is no scene '{value}'; there are: {', '.join(SCENES)}", param, ctx)
        return SCENES[str(value)]


@click.group()
def cli() -> None:
    """A synthetic site with several cameras, and the exact truth about it."""


@cli.command(name="list")
def list_scenes() -> None:
    """What can be rendered."""
    table = Table("scene", "cameras", "people", "seconds", "what", box=None, pad_edge=False)
    for name, scene in SCENES.items():
        table.add_row(name, str(len(scene.cameras)), str(scene.people), f"{scene.seconds:g}", scene.summary)
    console.print(table)
    console.print("A frame of each: docs/images/scenes.jpg", style="dim")


@cli.command()
@click.argument("scene", type=_SceneType())
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Of people, ways and noise."
)
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="Folder for clips, cams.yaml and truth."
)
@click.option("--seconds", type=click.FloatRange(min=1), help="Length, where the scene's own is too long.")
@click.option("--overwrite", is_flag=True, help="Replace clips that are there.")
def render(scene: Scene, seed: int, output: Path, seconds: float | None, overwrite: bool) -> None:
    """Render the clips of a scene, with cams.yaml and truth/."""
    if (output / "cams.yaml").exists() and not overwrite:
        raise click.UsageError(f"{output}: holds clips already; choose another --output, or add --overwrite")
    with _installed():
        from world.record import record

    if seconds is not None:
        scene = replace(scene, seconds=seconds)
    started = time.perf_counter()
    with _progress() as bars:
        tasks: dict[str, TaskID] = {}

        def told(camera: str, done: int, total: int) -> None:
            if camera not in tasks:
                tasks[camera] = bars.add_task(camera, total=total)
            bars.update(tasks[camera], completed=done)

        record(scene, seed, output, told)
        frames = int(sum(task.completed for task in bars.tasks))
    spent = time.perf_counter() - started
    console.print(f"{output}: {frames} frames in {spent:.1f} s, {frames / spent:.1f} a second; {output}/cams.yaml")


@cli.command()
@click.option("--identities", default=200, show_default=True, type=click.IntRange(min=2), help="People.")
@click.option("--first", default=0, show_default=True, type=click.IntRange(min=0), help="Number of the first one.")
@click.option("--cameras", default=4, show_default=True, type=click.IntRange(min=2), help="That see each of them.")
@click.option("--images", default=4, show_default=True, type=click.IntRange(min=1), help="Of each in each camera.")
@click.option("--tested", default=0.5, show_default=True, type=click.FloatRange(0, 1), help="Share for testing.")
@click.option(
    "--common", default=0.5, show_default=True, type=click.FloatRange(0, 1), help="Share in plain dark clothes."
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Of everything.")
@click.option(
    "--scene", "scenes", multiple=True, type=_SceneType(), help="Whose cameras; repeatable. Default: all."
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder, as Market-1501's.")
def crops(
    identities: int,
    first: int,
    cameras: int,
    images: int,
    tested: float,
    common: float,
    seed: int,
    scenes: tuple[Scene, ...],
    output: Path,
) -> None:
    """Cut-outs of people for re-identification, in folders like those of Market-1501."""
    with _installed():
        from world.crops import crops_of, write_market

    chosen = {scene.name: scene for scene in scenes} or SCENES
    people = range(first, first + identities)
    first_tested = first + round(identities * (1 - tested))
    started = time.perf_counter()
    with _progress() as bars:
        task = bars.add_task("crops", total=identities * cameras * images)
        found = crops_of(list(chosen.values()), people, cameras, images, seed, common=common)
        count = write_market(found, output, first_tested=first_tested, told=lambda: bars.advance(task))
    spent = time.perf_counter() - started
    console.print(f"{output}: {count} crops of {identities} people in {spent:.1f} s, {count / spent:.0f} a second")


@cli.command()
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Of everything.")
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="Folder; that of the docs: docs/images."
)
def pictures(seed: int, output: Path) -> None:
    """A frame of each scene, fifty people, and the same people in several cameras."""
    with _installed():
        from world.pictures import write_pictures

    write_pictures(output, seed, lambda path: console.print(str(path)))


@contextmanager
def _installed() -> Iterator[None]:
    """What is missing is said in a sentence."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"the package {error.name} is not installed; pip install -r requirements-world.txt"
        ) from None


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=errors, disable=not sys.stderr.isatty(), transient=True)
