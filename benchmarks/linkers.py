"""Our linkers and the baselines on the very same recorded tracklets.

    python -m benchmarks.linkers --split tune --clips FOLDER
    python -m benchmarks.linkers --scene 'crops-*' --linker 'ours*' --set linker.false_link_rate=0.01
    python -m benchmarks.linkers --split tune --choose

Mean over the seeds with the 95 % interval of Student's t. "way": how much of the way from nearest neighbour with
the oracle's threshold to perfect links is gone, the interval by leaving out one seed at a time; "way, excl.": from
nearest neighbour where nobody is in two places at once. It is that of global IDF1, for crops of F1 of pairs.
"false": false links and all links to known identities in the final labels; "as decided": the same of the decisions
as they were made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.linker_baselines import THRESHOLDS, Rule, average_linkage, openvino_rule
from benchmarks.linker_contest import CEILING, EXCLUSIVE, NEAREST, Outcome, Task, kind_of, run_site
from benchmarks.linker_inputs import CACHE, Places, Recipe, chosen, load
from benchmarks.linker_scores import LinkErrors
from benchmarks.site import interval
from benchmarks.site_capture import BOXES
from benchmarks.site_tracklets import site_tracklets
from benchmarks.streams import DETECTOR
from pipeline.errors import HandoffError

ALL = "all scenes"
_COARSE = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4)  # of a rule that takes seconds a site
Key = tuple[str, str, str, str]  # scene, boxes, embedder, reading


@dataclass(frozen=True, slots=True)
class Summary:
    """A line of the table: a linker over the seeds of a scene; means with half the 95 % interval.

    Attributes:
        seeds: how many.
        tracklets: mean number.
        way: from nearest neighbour to the ceiling; so is way_exclusive.
        final: summed over the seeds; so is decided.
    """

    scene: str
    boxes: str
    embedder: str
    reading: str
    linker: str
    seeds: int
    tracklets: float
    idf1: tuple[float, float | None]
    precision: tuple[float, float | None]
    recall: tuple[float, float | None]
    f1: tuple[float, float | None]
    way: tuple[float, float | None]
    way_exclusive: tuple[float, float | None]
    final: LinkErrors
    decided: LinkErrors | None
    threshold: float | None
    seconds: float


@click.command()
@click.option("--scene", "scenes", multiple=True, help="Name or pattern; repeatable; all without it.")
@click.option("--split", type=click.Choice(("report", "tune")), help="Both without it.")
@click.option("--boxes", multiple=True, type=click.Choice(BOXES), help="Both without it.")
@click.option("--embedder", "embedders", multiple=True, help="Repeatable; all without it.")
@click.option("--linker", "patterns", multiple=True, help="Name or pattern; repeatable; all without it.")
@click.option("--set", "changes", multiple=True, help="A setting of ours, as for a run: linker.interval=2.")
@click.option("--clips", type=click.Path(path_type=Path), help="Holds SCENE-SEED/clips; CACHE/world without it.")
@click.option("--render/--no-render", default=False, help="Render scenes that are missing; minutes each.")
@click.option("--cached", is_flag=True, help="Only sites that are in the cache.")
@click.option("--detector", type=click.Path(path_type=Path), default=DETECTOR, show_default=True)
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, show_default=True)
@click.option("--choose", is_flag=True, help="Print the best fixed thresholds on these sites instead.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(
    scenes: tuple[str, ...],
    split: str | None,
    boxes: tuple[str, ...],
    embedders: tuple[str, ...],
    patterns: tuple[str, ...],
    changes: tuple[str, ...],
    clips: Path | None,
    render: bool,
    cached: bool,
    detector: Path,
    cache: Path,
    choose: bool,
    json_file: Path | None,
) -> None:
    """Print the scores of each linker on each scene, and over all scenes."""
    places = Places(cache, clips or cache / "world", render, detector)
    console, outcomes = Console(width=210), []
    try:
        recipes = chosen(scenes, split, boxes, embedders)
        if cached:
            recipes = [recipe for recipe in recipes if (cache / f"{recipe.name}.npz").exists()]
        if choose:
            console.print(_chosen_table(recipes, places))
            return
        for recipe in recipes:
            site = load(recipe, places)
            if site is not None:
                found = list(run_site(recipe, site, patterns, changes))
                console.log(recipe.name, *(f"{100 * one.score:.1f}" for one in found))
                outcomes += found
    except HandoffError as error:
        raise click.ClickException(str(error)) from None
    if not outcomes:
        raise click.ClickException(f"--clips {places.clips}: nothing is rendered there; add --render")
    summaries = summarise(outcomes)
    if json_file is not None:
        json_file.write_text(json.dumps(to_dict(outcomes, summaries), indent=1) + "\n", encoding="utf-8")
    console.print(table(summaries))


def summarise(outcomes: Sequence[Outcome]) -> list[Summary]:
    """One line for each scene and linker, then one over the scenes that share boxes and embedder."""
    keys = list(dict.fromkeys(map(_key, outcomes)))
    found = []
    for key in keys:
        found += _of_group(key, [one for one in outcomes if _key(one) == key])
    for boxes, embedder, reading in dict.fromkeys(key[1:] for key in keys):
        scenes = [key for key in keys if key[1:] == (boxes, embedder, reading)]
        if len(scenes) > 1 and boxes in BOXES:
            own = [one for one in outcomes if _key(one) in scenes]
            found += _of_group((ALL, boxes, embedder, reading), _whole_seeds(own, len(scenes)))
    return found


def ratio_interval(above: Sequence[float], below: Sequence[float]) -> tuple[float, float | None]:
    """Ratio of two sums, and half its 95 % interval by the jackknife (None for less than three values).

    Not a number where the lower sum is zero.
    """
    from scipy.special import stdtrit

    ups, downs = np.array(above), np.array(below)
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = float(np.divide(ups.sum(), downs.sum())) if downs.sum() > 0 else float("nan")
        if len(ups) < 3:
            return whole, None
        without = (ups.sum() - ups) / (downs.sum() - downs)
    count = len(ups)
    error = float(np.sqrt((count - 1) / count * np.square(without - without.mean()).sum()))
    return whole, float(stdtrit(count - 1, 0.975)) * error


def to_dict(outcomes: Iterable[Outcome], summaries: Iterable[Summary]) -> dict[str, Any]:
    """Plain data for JSON."""
    return {"sites": [asdict(one) for one in outcomes], "table": [asdict(one) for one in summaries]}


def table(summaries: Iterable[Summary]) -> Table:
    """Rates in percent."""
    made = Table(title="Rates in %; mean over seeds ± half of the 95 % interval", box=None)
    for heading in ("scene", "linker"):
        made.add_column(heading, no_wrap=True)
    for heading in ("seeds", "IDF1", "pairs P", "R", "F1", "way", "way, excl.", "false", "as decided", "at", "s"):
        made.add_column(heading, justify="right", no_wrap=True)
    before = None
    for one in summaries:
        now = (one.scene, one.boxes, one.embedder, one.reading)
        if before not in {None, now}:
            made.add_section()
            made.add_row()
        shown = f"{one.scene}, {one.boxes}, {one.embedder}" + (
            "" if one.reading == "people" else f", {one.reading}"
        )
        rates = [_rate(each) for each in (one.idf1, one.precision, one.recall, one.f1, one.way, one.way_exclusive)]
        errors = ["" if each is None else f"{each.false}/{each.links}" for each in (one.final, one.decided)]
        at = "" if one.threshold is None else f"{one.threshold:.2f}"
        made.add_row(
            shown if now != before else "", one.linker, str(one.seeds), *rates, *errors, at, f"{one.seconds:.1f}"
        )
        before = now
    return made


def _key(one: Outcome) -> Key:
    return one.recipe.scene, one.recipe.boxes, one.recipe.embedder, one.reading


def _whole_seeds(outcomes: Sequence[Outcome], scenes: int) -> list[Outcome]:
    """Those of seeds that every scene has."""
    of_seed: dict[int, set[str]] = {}
    for one in outcomes:
        of_seed.setdefault(one.recipe.seed, set()).add(one.recipe.scene)
    return [one for one in outcomes if len(of_seed[one.recipe.seed]) == scenes]


def _of_group(key: Key, outcomes: Sequence[Outcome]) -> list[Summary]:
    """A line for each linker; of several scenes the means seed by seed."""
    found = []
    for linker in dict.fromkeys(one.linker for one in outcomes):
        own = [one for one in outcomes if one.linker == linker]
        decided = [one.decided for one in own if one.decided is not None]
        thresholds = [one.threshold for one in own if one.threshold is not None]
        ups, downs = _gaps(own, outcomes, NEAREST)
        fair_ups, fair_downs = _gaps(own, outcomes, EXCLUSIVE)
        found.append(
            Summary(
                *key,
                linker,
                seeds=len({one.recipe.seed for one in own}),
                tracklets=float(np.mean([one.tracklets for one in own])),
                idf1=interval(_by_seed(own, "idf1")),
                precision=interval(_by_seed(own, "precision")),
                recall=interval(_by_seed(own, "recall")),
                f1=interval(_by_seed(own, "f1")),
                way=ratio_interval(ups, downs),
                way_exclusive=ratio_interval(fair_ups, fair_downs),
                final=_sum([one.final for one in own]),
                decided=_sum(decided) if decided else None,
                threshold=float(np.mean(thresholds)) if thresholds else None,
                seconds=float(np.mean([one.seconds for one in own])),
            )
        )
    return found


def _gaps(own: Sequence[Outcome], outcomes: Sequence[Outcome], start: str) -> tuple[list[float], list[float]]:
    """For each seed, mean over its scenes: how far the linker is above the start, and how far the ceiling is."""
    base = {one.recipe: one.score for one in outcomes if one.linker == start}
    top = {one.recipe: one.score for one in outcomes if one.linker == CEILING}
    seeds = sorted({one.recipe.seed for one in own})
    ups, downs = [], []
    for seed in seeds:
        mine = [one for one in own if one.recipe.seed == seed]
        ups.append(float(np.mean([one.score - base[one.recipe] for one in mine])))
        downs.append(float(np.mean([top[one.recipe] - base[one.recipe] for one in mine])))
    return ups, downs


def _by_seed(own: Sequence[Outcome], name: str) -> list[float]:
    seeds = sorted({one.recipe.seed for one in own})
    return [float(np.mean([getattr(one, name) for one in own if one.recipe.seed == seed])) for seed in seeds]


def _sum(errors: Sequence[LinkErrors]) -> LinkErrors:
    return LinkErrors(sum(one.links for one in errors), sum(one.false for one in errors))


def _rate(value: tuple[float, float | None]) -> str:
    mean, half = value
    if np.isnan(mean):
        return "-"
    return f"{100 * mean:.1f}" if half is None else f"{100 * mean:.1f} ± {100 * half:.1f}"


def _chosen_table(recipes: Sequence[Recipe], places: Places) -> Table:
    """The threshold of each rule with the best mean score, for each kind of sites."""
    if any(recipe.split != "tune" for recipe in recipes):
        raise click.UsageError("--choose wants --split tune: nothing is chosen on what is reported")
    rules: dict[str, tuple[Rule, Iterable[float]]] = {
        "average linkage": (average_linkage, THRESHOLDS),
        "OpenVINO rule": (openvino_rule, _COARSE),
    }
    scores: dict[tuple[str, str, str], dict[float, list[float]]] = {}
    for recipe in recipes:
        site = load(recipe, places)
        if site is None:
            continue
        task = Task(recipe, site, site_tracklets(site))
        for name, (rule, thresholds) in rules.items():
            of_rule = scores.setdefault((*kind_of(recipe), name), {})
            for threshold in map(float, thresholds):
                score = task.score(task.tracklets, rule(task.tracklets, threshold))
                of_rule.setdefault(threshold, []).append(score)
    made = Table("sites", "embedder", "rule", "number", "threshold", "mean score", box=None)
    for (domain, embedder, name), tried in scores.items():
        best = max(tried, key=lambda threshold: (np.mean(tried[threshold]), -threshold))
        count, mean = len(tried[best]), f"{100 * np.mean(tried[best]):.1f}"
        made.add_row(domain, embedder, name, str(count), f"{best:.2f}", mean)
    return made


if __name__ == "__main__":
    main()
