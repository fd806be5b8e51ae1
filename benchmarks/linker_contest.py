"""Every linker and baseline on a recorded site, scored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from benchmarks.linker_baselines import (
    average_linkage,
    exclusive_neighbour,
    hdbscan,
    nearest_neighbour,
    no_links,
    one_to_one,
    openvino_rule,
    oracle,
    perfect,
)
from benchmarks.linker_inputs import CROPS, TRUE, UNTIMED, Recipe
from benchmarks.linker_scores import LinkErrors, decision_errors, idf1, link_errors, pair_scores
from benchmarks.own_linkers import offline, online
from benchmarks.recorded_site import PEOPLE, RecordedSite
from benchmarks.site_tracklets import Labels, SiteTracklets, site_tracklets

NEAREST, EXCLUSIVE, CEILING = "nearest neighbour, oracle", "exclusive neighbour, oracle", "perfect links"
ONLINE, UNLINKED = "ours online", "ours online, no links given"
OFFLINE, OFFLINE_UNLINKED = "ours offline", "ours offline, no links given"

# Cosine distances that scored best on the split `tune` (`--choose`): of rendered sites, and of crops.
AVERAGE_LINKAGE = {("rendered", "msmt17"): 0.5, ("crops", "msmt17"): 0.24, ("crops", "intel0287"): 0.48}
OPENVINO_RULE = {("rendered", "msmt17"): 0.15}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A linker's scores on a site; rates from 0 to 1.

    Attributes:
        recipe: of the site.
        reading: who is one person in its truth.
        linker: name.
        idf1: global.
        precision: of pairs of tracklets; so are recall and f1.
        final: links to known identities in the final labels, in order of start.
        decided: the same of decisions as they were made; None where a linker makes none.
        threshold: None where there is none.
        seconds: to decide.
        tracklets: how many there were.
    """

    recipe: Recipe
    reading: str
    linker: str
    idf1: float
    precision: float
    recall: float
    f1: float
    final: LinkErrors
    decided: LinkErrors | None
    threshold: float | None
    seconds: float
    tracklets: int

    @property
    def score(self) -> float:
        """What counts: IDF1, or F1 of pairs for crops, whose boxes are not found by anybody."""
        return self.f1 if self.recipe.boxes == TRUE else self.idf1


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """What a contestant made of a site."""

    labels: Labels
    threshold: float | None = None
    decided: LinkErrors | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What a contestant is given.

    Attributes:
        recipe: of the site.
        site: recorded.
        tracklets: of the site.
        changes: of settings, for ours.
    """

    recipe: Recipe
    site: RecordedSite
    tracklets: SiteTracklets
    changes: tuple[str, ...] = ()

    def score(self, tracklets: SiteTracklets, labels: Labels) -> float:
        """What an oracle chooses by."""
        return pair_scores(tracklets, labels).f1 if self.recipe.boxes == TRUE else idf1(tracklets, labels)

    @property
    def kind(self) -> tuple[str, str]:
        """Which fixed threshold is used."""
        return kind_of(self.recipe)


def kind_of(recipe: Recipe) -> tuple[str, str]:
    """What thresholds are chosen for: the domain of the pictures and the embedder."""
    crops = recipe.scene.removesuffix(UNTIMED) in CROPS
    return "crops" if crops else "rendered", recipe.embedder


Contestant = Callable[[Task], Labelled | None]  # None: not there for this site


def _best(rule: Callable[[SiteTracklets, float], Labels]) -> Contestant:
    def run(task: Task) -> Labelled:
        found = oracle(task.tracklets, rule, task.score)
        return Labelled(found.labels, found.threshold)

    return run


def _fixed(rule: Callable[[SiteTracklets, float], Labels], thresholds: dict[tuple[str, str], float]) -> Contestant:
    def run(task: Task) -> Labelled | None:
        threshold = thresholds.get(task.kind)
        return None if threshold is None else Labelled(rule(task.tracklets, threshold), threshold)

    return run


def _plain(rule: Callable[[SiteTracklets], Labels]) -> Contestant:
    return lambda task: Labelled(rule(task.tracklets))


def _online(task: Task, *, given: bool) -> Labelled | None:
    links = task.site.links if given else task.site.without_times()
    if not given and links == task.site.links:
        return None  # there is nothing to leave out
    found = online(task.site, task.tracklets, links, task.changes)
    return Labelled(found.labels, decided=decision_errors(task.tracklets, found.links))


def _offline(task: Task, *, given: bool) -> Labelled | None:
    links = task.site.links if given else task.site.without_times()
    if not given and links == task.site.links:
        return None
    return Labelled(offline(task.site, task.tracklets, links, task.changes))


CONTESTANTS: dict[str, Contestant] = {
    "no links": _plain(no_links),
    NEAREST: _best(nearest_neighbour),
    EXCLUSIVE: _best(exclusive_neighbour),
    "OpenVINO rule": _fixed(openvino_rule, OPENVINO_RULE),
    "one to one, oracle": _best(one_to_one),
    "average linkage": _fixed(average_linkage, AVERAGE_LINKAGE),
    "average linkage, oracle": _best(average_linkage),
    "HDBSCAN": _plain(hdbscan),
    ONLINE: lambda task: _online(task, given=True),
    UNLINKED: lambda task: _online(task, given=False),
    OFFLINE: lambda task: _offline(task, given=True),
    OFFLINE_UNLINKED: lambda task: _offline(task, given=False),
    CEILING: _plain(perfect),
}
NEEDED = (NEAREST, EXCLUSIVE, CEILING)  # to say how far the others get


def run_site(
    recipe: Recipe, site: RecordedSite, patterns: Sequence[str] = (), changes: tuple[str, ...] = ()
) -> Iterator[Outcome]:
    """Score the contestants whose names fit, all without patterns, for each reading of the truth."""
    for reading in sorted(site.readings, key=lambda name: name != PEOPLE):
        task = Task(recipe, site, site_tracklets(site, reading), changes)
        for name, contestant in CONTESTANTS.items():
            if not patterns or name in NEEDED or any(fnmatchcase(name, each) for each in patterns):
                started = time.perf_counter()
                found = contestant(task)
                if found is not None:
                    yield _outcome(task, reading, name, found, time.perf_counter() - started)


def _outcome(task: Task, reading: str, name: str, found: Labelled, seconds: float) -> Outcome:
    tracklets, labels = task.tracklets, found.labels
    pairs = pair_scores(tracklets, labels)
    return Outcome(
        recipe=task.recipe,
        reading=reading,
        linker=name,
        idf1=idf1(tracklets, labels),
        precision=pairs.precision,
        recall=pairs.recall,
        f1=pairs.f1,
        final=link_errors(tracklets, labels),
        decided=found.decided,
        threshold=found.threshold,
        seconds=seconds,
        tracklets=len(tracklets),
    )
