"""How well `run.py links` finds links: simulated runs of a known graph with wrong links, or rendered sites.

python -m benchmarks.learned_links
python -m benchmarks.learned_links --rendered runs/mall --truth mall/truth/transits.csv
"""

from __future__ import annotations

import csv
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from pipeline.errors import RunError
from pipeline.links import MIN_TRANSITS, LearnedLinks, Way, learn
from pipeline.links_yaml import MARGIN, window
from pipeline.motfile import format_mot_row

Pair = tuple[str, str]

CAMERAS = ("gate", "hall", "stairs", "office", "canteen", "yard")
LINKS = (  # median seconds, spread of the logarithm, weight among the ways from a camera
    ("gate", "hall", 8.0, 0.25, 3),
    ("gate", "yard", 25.0, 0.3, 1),
    ("hall", "gate", 9.0, 0.25, 2),
    ("hall", "stairs", 4.0, 0.3, 2),
    ("hall", "canteen", 15.0, 0.4, 1),
    ("stairs", "hall", 5.0, 0.3, 1),
    ("stairs", "office", 12.0, 0.35, 2),
    ("office", "stairs", 14.0, 0.35, 3),
    ("office", "canteen", 60.0, 0.5, 1),
    ("canteen", "yard", 6.0, 0.25, 1),
    ("canteen", "office", 50.0, 0.5, 1),
    ("yard", "gate", 30.0, 0.4, 2),
    ("yard", "canteen", 7.0, 0.25, 1),
)
_AWAY = 0.15  # of those who leave a view leave the site
_ARRIVALS = 20.0  # s between two people, on average
_SIDES = ((20.0, 300.0), (620.0, 300.0), (320.0, 60.0), (320.0, 460.0))


@dataclass(slots=True)
class Visit:
    """A person in one view, with the sides entered and left."""

    camera: str
    start: float
    end: float
    entry: int
    leave: int
    person: int


@dataclass(frozen=True, slots=True)
class Score:
    """Of the pairs and times that were learned.

    Attributes:
        found, right, real: pairs learned, those of them that are links, links that there are.
        often: links that were walked at least as often as a link needs; caught: those of them that are learned.
        errors: relative, of the medians of the pairs that are links.
        held: share of the true transits of a link that its window in YAML allows, of each of them.
    """

    found: int
    right: int
    real: int
    often: int
    caught: int
    errors: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)


def walks(transits: int, rng: np.random.Generator) -> tuple[list[list[Visit]], dict[Pair, list[float]]]:
    """People until links have been walked so often on average; and the times of all transits."""
    people: list[list[Visit]] = []
    times: dict[Pair, list[float]] = {(origin, to): [] for origin, to, *_ in LINKS}
    clock = 0.0
    while np.mean([len(each) for each in times.values()]) < transits:
        clock += rng.exponential(_ARRIVALS)
        camera, now, entry = str(rng.choice(CAMERAS)), clock, int(rng.integers(4))
        person: list[Visit] = []
        while True:
            ways = [link for link in LINKS if link[0] == camera]
            weights = np.array([link[4] for link in ways], float)
            _, to, median, spread, _ = ways[int(rng.choice(len(ways), p=weights / weights.sum()))]
            side = CAMERAS.index(to) % 4
            end = now + 2 + rng.exponential(8.0)
            person.append(Visit(camera, now, end, entry, side, len(people)))
            if rng.random() < _AWAY:
                break
            gap = float(median * np.exp(spread * rng.normal()))
            times[camera, to].append(gap)
            entry = CAMERAS.index(camera) % 4
            camera, now = to, end + gap
        people.append(person)
    return people, times


def linked(people: Sequence[Sequence[Visit]], wrong: float, rng: np.random.Generator) -> list[list[Visit]]:
    """The identities of a linker that takes a share of links wrongly: from there on, two people change places."""
    identities = [list(person) for person in people]
    wanted = wrong * sum(len(person) - 1 for person in people)
    while _wrong_links(identities) < wanted:
        one = int(rng.integers(len(identities)))
        other = int(np.clip(one + rng.integers(-60, 61), 0, len(identities) - 1))  # of about the same hour
        mine, theirs = identities[one], identities[other]
        cuts = [
            (here, there)
            for here in range(1, len(mine))
            for there in range(1, len(theirs))
            if one != other
            and theirs[there].start > mine[here - 1].end
            and theirs[there - 1].end < mine[here].start
        ]
        if cuts:
            here, there = cuts[int(rng.integers(len(cuts)))]
            identities[one], identities[other] = mine[:here] + theirs[there:], theirs[:there] + mine[here:]
    return identities


def _wrong_links(identities: Sequence[Sequence[Visit]]) -> int:
    return sum(a.person != b.person for visits in identities for a, b in pairwise(visits))


def write_run(folder: Path, identities: Sequence[Sequence[Visit]], rng: np.random.Generator) -> None:
    """What `run.py links` reads: run.yaml, identities.csv and tracks/."""
    (folder / "tracks").mkdir(parents=True)
    cameras = [{"name": name, "source": f"{name}.mp4"} for name in CAMERAS]
    (folder / "run.yaml").write_text(yaml.safe_dump({"cameras": cameras, "links": []}), encoding="utf-8")
    tracks: dict[str, list[str]] = {name: [] for name in CAMERAS}
    rows = []
    for number, visits in enumerate(identities, start=1):
        for visit in visits:
            track = len(tracks[visit.camera]) // 2 + 1
            for frame, side in ((visit.start, visit.entry), (visit.end, visit.leave)):
                x, y = np.array(_SIDES[side]) + rng.normal(0, 8, 2)
                row = format_mot_row(int(frame * 10) + 1, track, x - 20, y - 90, 40, 90, 0.9)
                tracks[visit.camera].append(row)
            sure = 1.0 - 0.2 * rng.random() ** 2
            rows.append(
                (number, visit.camera, track, round(visit.start, 3), round(visit.end, 3), 20, round(sure, 4))
            )
    with (folder / "identities.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["identity", "camera", "track", "start", "end", "frames", "confidence"])
        writer.writerows(rows)
    for name, lines in tracks.items():
        (folder / "tracks" / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def score(links: Sequence[Way], truth: dict[Pair, list[float]], min_transits: int) -> Score:
    """Learned links against the times of all true transits."""
    real = {pair: times for pair, times in truth.items() if times}
    right = [way for way in links if (way.origin, way.to) in real]
    often = {pair for pair, times in real.items() if len(times) >= min_transits}
    caught = sum((way.origin, way.to) in often for way in right)
    result = Score(len(links), len(right), len(real), len(often), caught)
    for way in right:
        times = np.array(real[way.origin, way.to])
        low, high = window(way, MARGIN)
        result.errors.append(abs(way.median / float(np.median(times)) - 1))
        result.held.append(float(((times >= low) & (times <= high)).mean()))
    return result


def simulate(folder: Path, transits: int, wrong: float, seed: int) -> Score:
    """One simulated run, learned and scored."""
    rng = np.random.default_rng(seed)
    people, times = walks(transits, rng)
    write_run(folder, linked(people, wrong, rng), rng)
    return score(_learned([folder], MIN_TRANSITS), times, MIN_TRANSITS)


def read_truth(paths: Sequence[Path]) -> dict[Pair, list[float]]:
    """Times of the transits of every pair, from the transits.csv of rendered scenes."""
    times: defaultdict[Pair, list[float]] = defaultdict(list)
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                times[row["from"], row["to"]].append(float(row["seconds"]))
    return {pair: each for pair, each in times.items() if pair[0] != pair[1]}


def _learned(runs: Sequence[Path], min_transits: int) -> list[Way]:
    try:
        learned: LearnedLinks = learn(runs, min_transits)
    except RunError as error:
        if "no link can be learned" not in str(error):
            raise
        return []
    return learned.links


def _row(shown: Table, label: str, scores: Sequence[Score]) -> None:
    names = ("found", "right", "real", "often", "caught")
    found, right, real, often, caught = (sum(getattr(each, name) for each in scores) for name in names)
    errors = [error for each in scores for error in each.errors]
    held = [share for each in scores for share in each.held]
    shown.add_row(
        label,
        f"{right} / {real}",
        f"{right / found:.2f}" if found else "",
        f"{right / real:.2f}",
        f"{caught / often:.2f}" if often else "",
        f"{100 * np.median(errors):.1f}" if errors else "",
        f"{100 * max(errors):.1f}" if errors else "",
        f"{100 * np.mean(held):.1f}" if held else "",
    )


@click.command()
@click.option("--seeds", default=10, show_default=True, type=click.IntRange(min=1))
@click.option("--rendered", "runs", multiple=True, type=click.Path(path_type=Path), help="Run of a rendered site.")
@click.option("--truth", multiple=True, type=click.Path(path_type=Path), help="Its truth/transits.csv.")
@click.option("--min-transits", default=5, show_default=True, type=click.IntRange(min=2))
def main(seeds: int, runs: tuple[Path, ...], truth: tuple[Path, ...], min_transits: int) -> None:
    """Print precision and recall of pairs, and the errors of their medians."""
    shown = Table("site")
    for name in (
        "pairs",
        "precision",
        "recall",
        "of those walked enough",
        "median error, %",
        "worst, %",
        "transits in window, %",
    ):
        shown.add_column(name, justify="right")
    if runs:
        _row(shown, f"{len(runs)} runs", [score(_learned(runs, min_transits), read_truth(truth), min_transits)])
        Console(width=130).print(shown)
        return
    for transits, wrong in ((200, 0.0), (200, 0.05), (200, 0.1), (200, 0.2), (50, 0.05), (20, 0.05), (10, 0.05)):
        with tempfile.TemporaryDirectory() as folder:
            results = [simulate(Path(folder) / str(seed), transits, wrong, seed) for seed in range(seeds)]
        _row(shown, f"{transits} transits a link, {wrong:.0%} wrong", results)
    Console(width=130).print(shown)


if __name__ == "__main__":
    main()
