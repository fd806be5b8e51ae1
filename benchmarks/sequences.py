"""The sequences on which trackers are tuned and compared, made once and kept in a folder.

    python -m benchmarks.sequences --group world
    python -m benchmarks.sequences --name pets --name 'mot15-*'
    python -m benchmarks.sequences --group numbers --from FOLDER

prints what each holds. Settings are chosen on the split `tune`; `report` is for scores. The groups: `real` clips;
`mot15`, detections of MOTChallenge without pictures, for motion alone; `world`, rendered scenes; `mot17`,
simulated detections of real crowds; `synthetic`, drawn crowds; `numbers`, streams made elsewhere, which `--from`
takes in: the files synth_N.npz of FOLDER as numbers-N, and those of its folders S as numbers-tune-N-S.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from itertools import product
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.filmed_sequences import clip_sequence, mot15_sequence
from benchmarks.imported_sequences import imported_sequence
from benchmarks.rendered_sequences import PARTS, Part, rendered_sequence
from benchmarks.sequence import Sequence, Split, read_sequence, write_sequence
from benchmarks.simulated_sequences import mot17_sequence
from benchmarks.sparse_sequences import every, interrupted
from benchmarks.streams import ROOT
from benchmarks.synthetic_sequences import Crowd, synthetic_sequence
from pipeline.errors import HandoffError

CACHE = ROOT / "runs/sequences"
GROUPS = ("real", "mot15", "world", "mot17", "synthetic", "numbers", "sparse")

Make = Callable[[str, Split, Path], Sequence]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a sequence is made.

    Attributes:
        group: one of `GROUPS`.
        split: whether settings may be chosen on it, or scores reported.
        make: takes name, split and cache folder.
    """

    group: str
    split: Split
    make: Make


REAL = ("pets", "stadtmitte")
MOT15: dict[str, Split] = {
    "ADL-Rundle-6": "tune",
    "KITTI-13": "tune",
    "ADL-Rundle-8": "report",
    "Venice-2": "report",
    "KITTI-17": "report",
    "PETS09-S2L1": "report",
    "TUD-Stadtmitte": "report",
}
MOT17: dict[str, tuple[Split, str]] = {  # and who lends the looks
    "02": ("tune", "first"),
    "04": ("report", "second"),
    "09": ("report", "second"),
}
CROWDS = {  # people: size of the picture, heights of people at the horizon and in front
    10: ((1920, 1080), (140, 420)),
    50: ((1920, 1080), (90, 300)),
    100: ((1920, 1080), (70, 220)),
    200: ((2560, 1440), (70, 220)),
    500: ((3840, 2160), (70, 200)),
}
CROWD_FRAMES = 300
CROWD_SEEDS: dict[int, Split] = {0: "tune", 1: "tune", 20: "report"}
NUMBERS, NUMBERS_TUNE = (10, 50, 100, 200, 500), ((50, 100), (0, 1, 2))

SPARSE: dict[str, tuple[int, ...]] = {  # of each n frames one
    "pets": (1, 2, 3, 5),
    "world-mall-20-atrium": (1, 2, 3, 5),
    "world-lookalikes-20-atrium": (1, 2, 3, 5),
}
GAP = {"pets": (30.0, 20.0)}  # seconds at which frames begin to lack, and for how many


def _recorded() -> Iterator[tuple[str, Recipe]]:
    """From data of others."""
    for name in REAL:
        yield name, Recipe("real", "report", _clip)
    for folder, split in MOT15.items():
        yield f"mot15-{folder.lower()}", Recipe("mot15", split, partial(_detected, folder))
    for number, (split, half) in MOT17.items():
        yield f"mot17-{number}", Recipe("mot17", split, partial(_simulated, number, half))
    for people in NUMBERS:
        yield f"numbers-{people}", Recipe("numbers", "report", _elsewhere)
    for people, seed in product(*NUMBERS_TUNE):
        yield f"numbers-tune-{people}-{seed}", Recipe("numbers", "tune", _elsewhere)


def _made() -> Iterator[tuple[str, Recipe]]:
    """From seeds."""
    for part in PARTS:
        for (seed, split), camera in product(part.seeds.items(), part.cameras):
            make = partial(_rendered, part, seed, camera)
            yield f"world-{part.scene}-{seed}-{camera}", Recipe("world", split, make)
    for people, (seed, split) in product(CROWDS, CROWD_SEEDS.items()):
        yield f"synthetic-{people}-{seed}", Recipe("synthetic", split, partial(_drawn, people, seed))


def _worn() -> Iterator[tuple[str, Recipe]]:
    """From other sequences, with frames left out."""
    for source, steps in SPARSE.items():
        for step in steps:
            yield f"sparse-{source}-{step}", Recipe("sparse", "report", partial(_every, source, step))
    for source, (start, seconds) in GAP.items():
        yield f"sparse-{source}-gap", Recipe("sparse", "report", partial(_interrupted, source, start, seconds))


def _every(source: str, step: int, name: str, split: Split, cache: Path) -> Sequence:
    return every(name, split, load(source, cache), step)


def _interrupted(source: str, start: float, seconds: float, name: str, split: Split, cache: Path) -> Sequence:
    return interrupted(name, split, load(source, cache), start, seconds)


def _clip(name: str, split: Split, _: Path) -> Sequence:
    return clip_sequence(name, split)


def _detected(folder: str, name: str, split: Split, _: Path) -> Sequence:
    return mot15_sequence(name, split, folder)


def _rendered(part: Part, seed: int, camera: str, name: str, split: Split, cache: Path) -> Sequence:
    return rendered_sequence(name, split, part, seed, camera, cache / "clips")


def _simulated(number: str, half: str, name: str, split: Split, _: Path) -> Sequence:
    return mot17_sequence(name, split, number, half, seed=int(number))


def _drawn(people: int, seed: int, name: str, split: Split, _: Path) -> Sequence:
    size, heights = CROWDS[people]
    return synthetic_sequence(name, split, Crowd(people, seed, size=size, heights=heights), CROWD_FRAMES)


def _elsewhere(name: str, _split: Split, cache: Path) -> Sequence:
    raise HandoffError(f"{name} is made elsewhere and not in {cache}: take it in with --from FOLDER")


SEQUENCES: dict[str, Recipe] = dict([*_recorded(), *_made(), *_worn()])


def load(name: str, cache: Path = CACHE) -> Sequence:
    """A sequence of `SEQUENCES`, from the cache or made.

    Raises:
        HandoffError: if there is none of that name, or what it is made from is missing.
    """
    if name not in SEQUENCES:
        raise HandoffError(f"there is no sequence '{name}'; there are: {', '.join(SEQUENCES)}")
    recipe, path = SEQUENCES[name], cache / f"{name}.npz"
    if not path.exists():
        write_sequence(recipe.make(name, recipe.split, cache), path)
    return read_sequence(path, recipe.split)


def take_in(folder: Path, cache: Path) -> list[str]:
    """Convert the streams of a folder, see the file's docstring; the names of those that are there.

    Raises:
        HandoffError: if one is not right.
    """
    taken = []
    for name, recipe in SEQUENCES.items():
        if recipe.group != "numbers":
            continue
        people, _, seed = name.removeprefix("numbers-").removeprefix("tune-").partition("-")
        source = folder / seed / f"synth_{people}.npz"
        if source.exists():
            write_sequence(imported_sequence(name, recipe.split, source), cache / f"{name}.npz")
            taken.append(name)
    return taken


def chosen(groups: tuple[str, ...], names: tuple[str, ...]) -> list[str]:
    """The names of all sequences in the groups, and of those that match a pattern; all without either.

    Raises:
        HandoffError: if a pattern fits none.
    """
    for pattern in names:
        if not any(fnmatchcase(name, pattern) for name in SEQUENCES):
            raise HandoffError(f"--name {pattern}: fits none of {', '.join(SEQUENCES)}")
    return [
        name
        for name, recipe in SEQUENCES.items()
        if not (groups or names) or recipe.group in groups or any(fnmatchcase(name, each) for each in names)
    ]


@click.command()
@click.option("--group", "groups", multiple=True, type=click.Choice(GROUPS), help="Repeatable.")
@click.option("--name", "names", multiple=True, help="Repeatable; 'world-*-0-*' names several.")
@click.option("--from", "source", type=click.Path(exists=True, path_type=Path), help="Take in streams, see above.")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, show_default=True)
def main(groups: tuple[str, ...], names: tuple[str, ...], source: Path | None, cache: Path) -> None:
    """Make sequences and print what they hold; the boxes at a score of .4 and an IoU of .5."""
    columns = ("sequence", "split", "frames", "boxes a frame", "recall", "precision", "people")
    table, console = Table(*columns, box=None), Console(width=110)
    try:
        if source is not None:
            console.log(f"taken in: {', '.join(take_in(source, cache))}")
        for name in chosen(groups, names):
            sequence = load(name, cache)
            held = sequence.quality()
            rates = (f"{100 * rate:.1f}" for rate in (held.recall, held.precision))
            table.add_row(name, sequence.split, str(held.frames), f"{held.boxes:.1f}", *rates, str(held.people))
            console.log(name, f"{held.frames} frames")
    except HandoffError as error:
        raise click.ClickException(str(error)) from None
    console.print(table)


if __name__ == "__main__":
    main()
