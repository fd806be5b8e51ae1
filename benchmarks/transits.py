"""Transit windows that a linker learns, against the truth: of rendered scenes and of the simulated site.

    python -m benchmarks.transits --clips FOLDER --scene mall --seed 1
    python -m benchmarks.transits --simulated 2

Neither is told the links of the cameras. Prints precision and recall of the ordered pairs of cameras between which
people go (a pair counts as true from --least transits on), and the relative error of the medians of those found.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.linker_inputs import CACHE, SCENE_EMBEDDERS, SCENES, SEEDS, Places, Recipe, load
from benchmarks.linker_scores import PairScores
from benchmarks.simulated_site import Plan, SimulatedSite
from benchmarks.site_capture import BOXES, PERFECT
from pipeline.config import load_processing
from pipeline.errors import HandoffError, TruthError
from reid.evidence_linker import EvidenceLinker
from reid.tracklets import CameraId

Pair = tuple[CameraId, CameraId]  # from, to


@dataclass(frozen=True, slots=True)
class TransitScores(PairScores):
    """Of ordered pairs of cameras.

    Attributes:
        found: learned pairs.
        true: pairs that there are.
        right: both.
        errors: of the right pairs, learned median over true median, minus 1.
    """

    errors: Mapping[Pair, float]

    @property
    def median_error(self) -> float:
        """Median of the errors' sizes; not a number where no pair is right."""
        return float(np.median(np.abs(list(self.errors.values())))) if self.errors else float("nan")


def score_transits(learned: Mapping[Pair, float], truth: Mapping[Pair, float]) -> TransitScores:
    """Compare median seconds of pairs."""
    right = sorted(set(learned) & set(truth))
    errors = {pair: learned[pair] / truth[pair] - 1 for pair in right if truth[pair] > 0}
    return TransitScores(len(learned), len(truth), len(right), errors)


def true_transits(path: Path, least: int = 1) -> dict[Pair, float]:
    """Median seconds of each pair that ``transits.csv`` of a rendered scene has often enough.

    Coming back to the same camera is no pair; times below zero, where views overlap, count as they are.

    Raises:
        TruthError: if the file cannot be read; says to render again.
    """
    seconds: dict[Pair, list[float]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["from"] != row["to"]:
                    pair = CameraId(row["from"]), CameraId(row["to"])
                    seconds.setdefault(pair, []).append(float(row["seconds"]))
    except (OSError, KeyError, ValueError) as error:
        raise TruthError(f"{path}: not the transits of a rendered scene ({error}); render it again") from None
    return {pair: float(np.median(each)) for pair, each in seconds.items() if len(each) >= least}


def learned_transits(linker: EvidenceLinker) -> dict[Pair, float]:
    """Median seconds of each pair of cameras that a linker takes for a way."""
    return {(link.origin, link.to): link.median for link in linker.learning.transits.learned()}


@click.command()
@click.option("--scene", "scenes", multiple=True, type=click.Choice(SCENES), help="Repeatable; all without it.")
@click.option("--seed", "seeds", multiple=True, type=int, default=(1, 2, 3), show_default=True)
@click.option("--boxes", type=click.Choice(BOXES), default=PERFECT, show_default=True)
@click.option("--embedder", type=click.Choice(SCENE_EMBEDDERS), default="msmt17", show_default=True)
@click.option("--least", type=int, default=1, show_default=True, help="Transits that make a pair.")
@click.option("--simulated", type=float, help="Hours of the simulated site instead of scenes.")
@click.option("--set", "changes", multiple=True, help="A setting, as for a run.")
@click.option("--clips", type=click.Path(path_type=Path), help="Holds SCENE-SEED/clips; CACHE/world without it.")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, show_default=True)
def main(
    scenes: tuple[str, ...],
    seeds: tuple[int, ...],
    boxes: str,
    embedder: str,
    least: int,
    simulated: float | None,
    changes: tuple[str, ...],
    clips: Path | None,
    cache: Path,
) -> None:
    """Print what was learned of each site."""
    places = Places(cache, clips or cache / "world")
    table = Table("site", "pairs", "learned", "precision", "recall", "median error", "worst", box=None)
    try:
        if simulated is not None:
            table.add_row(f"simulated, {simulated:g} h", *_cells(_simulated(simulated, changes)))
        else:
            for scene in scenes or SCENES:
                for seed in seeds:
                    recipe = Recipe(scene, seed, boxes, embedder, SEEDS.get(seed, "tune"))
                    scores = _rendered(recipe, places, least, changes)
                    if scores is not None:
                        table.add_row(f"{scene}, seed {seed}", *_cells(scores))
    except HandoffError as error:
        raise click.ClickException(str(error)) from None
    Console(width=100).print(table)


def _rendered(recipe: Recipe, places: Places, least: int, changes: Iterable[str]) -> TransitScores | None:
    site = load(recipe, places)
    if site is None:
        return None
    linker = load_processing("default", tuple(changes)).linker.build(site.without_times())
    for camera, time, views in site.calls():
        linker.update(camera, time, views)
    linker.finish()
    truth = places.clips / f"{recipe.scene}-{recipe.seed}" / "clips/truth/transits.csv"
    return score_transits(learned_transits(linker), true_transits(truth, least))


def _simulated(hours: float, changes: Iterable[str]) -> TransitScores:
    site = SimulatedSite(Plan())
    linker = load_processing("default", tuple(changes)).linker.build(())
    for call in site.calls():
        if call.time > 3600 * hours:
            break
        linker.update(call.camera, call.time, call.views)
    return score_transits(learned_transits(linker), site.transits())


def _cells(scores: TransitScores) -> list[str]:
    worst = max(map(abs, scores.errors.values()), default=float("nan"))
    rates = (scores.precision, scores.recall, scores.median_error, worst)
    return [str(scores.true), str(scores.found), *(f"{100 * rate:.1f} %" for rate in rates)]


if __name__ == "__main__":
    main()
