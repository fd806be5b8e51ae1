"""What labels of tracklets are worth: global IDF1, pairs of tracklets, false links.

IDF1 is that of `run.py evaluate` (Ristani et al. 2016) on the MOT files that a run with these labels would write.
It needs only in how many frames each tracklet shows each person, so thousands of labellings take seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from benchmarks.recorded_site import Ints
from benchmarks.site_tracklets import Labels, SiteTracklets
from reid.tracklets import IdentityId, Link, LinkKind, TrackletKey


@dataclass(frozen=True, slots=True)
class PairScores:
    """Of all pairs of tracklets that show somebody, those with one label are found, those of one person true.

    Attributes:
        found: pairs with one label.
        true: pairs of one person.
        right: pairs that are both.
    """

    found: int
    true: int
    right: int

    @property
    def precision(self) -> float:
        """1 where nothing was found."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """1 where there is nothing to find."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        both = self.found + self.true
        return 2 * self.right / both if both else 1.0


@dataclass(frozen=True, slots=True)
class LinkErrors:
    """Links to an identity that was known before.

    Attributes:
        links: how many.
        false: those to an identity most of whose earlier tracklets show somebody else.
    """

    links: int
    false: int

    @property
    def rate(self) -> float:
        """Share of false links; 0 without links."""
        return self.false / self.links if self.links else 0.0


def idf1(tracklets: SiteTracklets, labels: Labels) -> float:
    """Global IDF1 from 0 to 1; 0 where the truth is empty. Of an identity's boxes in one frame, one counts."""
    names, group = np.unique(labels, return_inverse=True)
    group = group.reshape(-1)[tracklets.owner]  # of each box
    kept = np.zeros(len(group), bool)
    kept[np.unique(tracklets.frame * len(names) + group, return_index=True)[1]] = True
    rows, people = tracklets.shows[kept[tracklets.shows[:, 0]]].T
    counts = np.zeros((len(names), len(tracklets.people)), np.int64)
    np.add.at(counts, (group[rows], people), 1)
    best = linear_sum_assignment(counts, maximize=True)
    boxes = tracklets.truth_boxes + int(kept.sum())
    return 2 * float(counts[best].sum()) / boxes if tracklets.truth_boxes else 0.0


def pair_scores(tracklets: SiteTracklets, labels: Labels) -> PairScores:
    """Pairs of tracklets; those that show nobody are left out."""
    known = tracklets.person >= 0
    names = np.unique(labels[known], return_inverse=True)[1].reshape(-1)
    together = np.zeros((names.max(initial=-1) + 1, len(tracklets.people)), np.int64)
    np.add.at(together, (names, tracklets.person[known]), 1)
    return PairScores(_pairs(together.sum(axis=1)), _pairs(together.sum(axis=0)), _pairs(together))


def link_errors(tracklets: SiteTracklets, labels: Labels) -> LinkErrors:
    """Of final labels, tracklets taken by start; those that show nobody are neither links nor members."""
    history: dict[int, list[int]] = {}
    links = false = 0
    for label, person in zip(labels.tolist(), tracklets.person.tolist(), strict=True):
        if person < 0:
            continue
        earlier = history.setdefault(label, [])
        if earlier:
            links += 1
            false += _is_false(earlier, person)
        earlier.append(person)
    return LinkErrors(links, false)


def decision_errors(tracklets: SiteTracklets, links: Iterable[Link]) -> LinkErrors:
    """Of decisions as they were made: tracklets that got or changed to an identity that others had, and merges.

    A merge counts as one link, of the tracklet that brought it about, with the members of the two identities.
    """
    person_of = dict(zip(tracklets.keys, tracklets.person.tolist(), strict=True))
    members: dict[IdentityId, set[TrackletKey]] = {}
    count = false = 0
    for link in links:
        moved = members.pop(link.previous, set()) if _merges(link) and link.previous is not None else {link.key}
        _leave(members, moved)
        others = members.setdefault(link.identity, set())
        person = _of_most(person_of, moved)
        earlier = [person_of[key] for key in sorted(others) if person_of.get(key, -1) >= 0]
        if earlier and person >= 0:
            count += 1
            false += _is_false(earlier, person)
        others |= moved
    return LinkErrors(count, false)


def way(score: float, nearest: float, ceiling: float) -> float:
    """How much of the way from nearest neighbour to the ceiling a score has gone, 1 at the ceiling.

    Not a number where there is no way to go.
    """
    return (score - nearest) / (ceiling - nearest) if ceiling - nearest > 1e-9 else float("nan")


def _is_false(earlier: list[int], person: int) -> bool:
    return 2 * sum(other != person for other in earlier) > len(earlier)


def _merges(link: Link) -> bool:
    return link.kind is LinkKind.MERGE


def _leave(members: dict[IdentityId, set[TrackletKey]], moved: set[TrackletKey]) -> None:
    for group in members.values():
        group.difference_update(moved)


def _of_most(person_of: Mapping[TrackletKey, int], keys: set[TrackletKey]) -> int:
    """Whom most of the tracklets show, -1 where none shows anybody."""
    shown = [person for key in sorted(keys) if (person := person_of.get(key, -1)) >= 0]
    return max(sorted(set(shown)), key=shown.count) if shown else -1


def _pairs(counts: Ints) -> int:
    return int((counts * (counts - 1) // 2).sum())
