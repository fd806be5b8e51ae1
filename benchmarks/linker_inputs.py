"""The recorded sites on which linkers are tuned and compared, made once and kept in a folder.

    python -m benchmarks.linker_inputs --clips FOLDER --split tune
    python -m benchmarks.linker_inputs --scene 'crops-*'

FOLDER/SCENE-SEED/clips holds rendered scenes; those that are missing are rendered with --render. Prints what each
site holds. Settings are chosen on the split `tune`; `report` is for scores: seeds 20 to 29 of the scenes,
PETS09-S2L1, people of CUHK01 and CUHK03 on whom nothing was chosen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.crop_sites import Arrivals, CropTracklet, crop_site, crop_tracklets
from benchmarks.looks import INTEL
from benchmarks.recorded_site import RecordedSite, Split, read_site, write_site
from benchmarks.rendered import MARK, find_scene, render
from benchmarks.site_capture import BOXES, DETECTED, scene_site, split_site
from benchmarks.streams import DATA, DETECTOR, EMBEDDER, ROOT
from pipeline.errors import HandoffError

CACHE = ROOT / "runs/linkers"
SCENES = ("demo", "mall", "lookalikes", "lowfps", "drop")
SEEDS: dict[int, Split] = {**dict.fromkeys((1, 2, 3, 4), "tune"), **dict.fromkeys(range(20, 30), "report")}
SCENE_EMBEDDERS = ("msmt17", "shipped")
PETS = "pets-split"
CROPS: dict[str, tuple[str, Split]] = {  # pictures below the folder of data
    "crops-cuhk01-train": ("reid/cuhk01:1-485", "tune"),
    "crops-cuhk01": ("reid/cuhk01:486-971", "report"),
    "crops-cuhk03": ("reid/cuhk03_p1/val", "report"),
}
CROP_EMBEDDERS = {"msmt17": EMBEDDER, "intel0287": INTEL}
UNTIMED = "-untimed"
TRUE = "true"  # boxes of crops: nobody had to find them


@dataclass(frozen=True, slots=True)
class Recipe:
    """One site, by what it is made from.

    Attributes:
        scene: name; sites of one scene, boxes and embedder are averaged.
        seed: of the scene or of the arrivals.
        boxes: perfect, detected, or true for crops.
        embedder: name.
        split: whether settings may be chosen on it, or scores reported.
    """

    scene: str
    seed: int
    boxes: str
    embedder: str
    split: Split

    @property
    def name(self) -> str:
        """Of the site and its file."""
        return f"{self.scene}-{self.seed}-{self.boxes}-{self.embedder}"


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are.

    Attributes:
        cache: for the sites.
        clips: holds SCENE-SEED/clips.
        render: whether to render what is missing there.
        detector: weights for detected boxes.
    """

    cache: Path = CACHE
    clips: Path = CACHE / "world"
    render: bool = False
    detector: Path = DETECTOR


def recipes() -> Iterator[Recipe]:
    """Every site that there can be."""
    for boxes in BOXES:
        for embedder in SCENE_EMBEDDERS:
            for scene in SCENES:
                for seed, split in SEEDS.items():
                    yield Recipe(scene, seed, boxes, embedder, split)
    for embedder in SCENE_EMBEDDERS:
        yield Recipe(PETS, 0, DETECTED, embedder, "report")
    for name, (_, split) in CROPS.items():
        for embedder in CROP_EMBEDDERS:
            for variant in (name, f"{name}{UNTIMED}"):
                for seed in (seed for seed, of in SEEDS.items() if of == split):
                    yield Recipe(variant, seed, TRUE, embedder, split)


def chosen(
    scenes: tuple[str, ...], split: str | None, boxes: tuple[str, ...], embedders: tuple[str, ...]
) -> list[Recipe]:
    """The sites that fit; patterns such as 'crops-*' are scenes too, nothing given means all.

    Raises:
        HandoffError: if none fits.
    """
    found = [
        recipe
        for recipe in recipes()
        if (not scenes or any(fnmatchcase(recipe.scene, scene) for scene in scenes))
        and (split is None or recipe.split == split)
        and (not boxes or recipe.boxes in (*boxes, TRUE))
        and (not embedders or recipe.embedder in embedders)
    ]
    if not found:
        names = ", ".join(dict.fromkeys(recipe.scene for recipe in recipes()))
        raise HandoffError(f"--scene, --split, --boxes, --embedder: no site fits; scenes are {names}")
    return found


def load(recipe: Recipe, places: Places) -> RecordedSite | None:
    """A site, from the cache or made; None where its clips are not rendered and may not be.

    Raises:
        HandoffError: if what it is made from is missing.
    """
    path = places.cache / f"{recipe.name}.npz"
    if not path.exists():
        made = _make(recipe, places)
        if made is None:
            return None
        write_site(made, path)
    return read_site(path)


def _make(recipe: Recipe, places: Places) -> RecordedSite | None:
    work = places.cache / "work" / re.sub("[^a-z0-9-]", "", f"{recipe.scene}-{recipe.seed}")
    if recipe.scene.removesuffix(UNTIMED) in CROPS:
        source = CROPS[recipe.scene.removesuffix(UNTIMED)][0]
        arrivals = Arrivals(times=not recipe.scene.endswith(UNTIMED))
        return crop_site(recipe.name, _crops(source, recipe.embedder), arrivals, recipe.seed)
    work.mkdir(parents=True, exist_ok=True)
    if recipe.scene == PETS:
        return split_site(recipe.name, recipe.embedder, work, places.detector)
    clips = places.clips / f"{recipe.scene}-{recipe.seed}" / "clips"
    if places.render:
        render(find_scene(recipe.scene), recipe.seed, clips)
    if not (clips / MARK).exists():
        return None
    return scene_site(recipe.name, clips, recipe.boxes, recipe.embedder, work, places.detector)


@lru_cache(maxsize=2)
def _crops(source: str, embedder: str) -> list[CropTracklet]:
    from reid.training.data import read_crops
    from reid.training.embedding import embed_crops, load_network

    crops = read_crops(f"{DATA}/{source}")
    rows = embed_crops(load_network(str(CROP_EMBEDDERS[embedder])), crops)
    return crop_tracklets(crops.identities, crops.cameras, rows)


@click.command()
@click.option("--scene", "scenes", multiple=True, help="Name or pattern; repeatable; all without it.")
@click.option("--split", type=click.Choice(("report", "tune")), help="Both without it.")
@click.option("--boxes", multiple=True, type=click.Choice(BOXES), help="Both without it.")
@click.option("--embedder", "embedders", multiple=True, help="Repeatable; all without it.")
@click.option("--clips", type=click.Path(path_type=Path), help="Holds SCENE-SEED/clips; CACHE/world without it.")
@click.option("--render/--no-render", default=False, help="Render scenes that are missing; minutes each.")
@click.option("--detector", type=click.Path(path_type=Path), default=DETECTOR, show_default=True)
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, show_default=True)
def main(
    scenes: tuple[str, ...],
    split: str | None,
    boxes: tuple[str, ...],
    embedders: tuple[str, ...],
    clips: Path | None,
    render: bool,
    detector: Path,
    cache: Path,
) -> None:
    """Make sites and print what they hold."""
    from benchmarks.site_tracklets import site_tracklets

    places = replace(Places(), cache=cache, clips=clips or cache / "world", render=render, detector=detector)
    console = Console(width=110)
    table = Table("site", "split", "cameras", "seconds", "tracklets", "views embedded", "people", box=None)
    try:
        for recipe in chosen(scenes, split, boxes, embedders):
            site = load(recipe, places)
            if site is None:
                console.log(f"{recipe.name}: not rendered, left out")
                continue
            held = site_tracklets(site)
            seconds = f"{site.call_time[-1] - site.call_time[0]:.0f}"
            counts = (len(held), len(site.embeddings), len(held.people))
            table.add_row(recipe.name, recipe.split, str(len(site.cameras)), seconds, *map(str, counts))
            console.log(recipe.name, *counts)
    except HandoffError as error:
        raise click.ClickException(str(error)) from None
    console.print(table)


if __name__ == "__main__":
    main()
