"""What our linkers are compared with: functions from recorded tracklets to labels.

All get what no online linker has: a tracklet's embeddings as a whole when it starts (but for the OpenVINO rule,
which sees what there is so far), and a threshold chosen on this very site where it says "oracle".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.site_tracklets import Floats, Labels, SiteTracklets
from pipeline.errors import HandoffError
from reid.tracklets import FloatArray

THRESHOLDS = np.round(np.arange(0.02, 1.0, 0.01), 2)
_NEVER = 1e9  # distance of those who cannot be one person; finite, as scipy wants

Rule = Callable[[SiteTracklets, float], Labels]
Score = Callable[[SiteTracklets, Labels], float]


class Oracle(NamedTuple):
    """The best that a rule can do on a site, and with which threshold."""

    labels: Labels
    threshold: float
    score: float


def oracle(tracklets: SiteTracklets, rule: Rule, score: Score, thresholds: Iterable[float] = THRESHOLDS) -> Oracle:
    """Try every threshold on this very site; of equal ones the lowest."""
    tried = [(rule(tracklets, float(each)), float(each)) for each in thresholds]
    scored = [Oracle(labels, threshold, score(tracklets, labels)) for labels, threshold in tried]
    return max(scored, key=lambda one: (one.score, -one.threshold))


def no_links(tracklets: SiteTracklets) -> Labels:
    """Every tracklet is somebody else."""
    return np.arange(len(tracklets))


def perfect(tracklets: SiteTracklets) -> Labels:
    """Every tracklet gets whom most of its frames show: the ceiling of all linkers (those of nobody are alone)."""
    alone = len(tracklets.people) + np.arange(len(tracklets))
    if not tracklets.matched.size:
        return alone
    return np.where(tracklets.matched.any(axis=1), tracklets.matched.argmax(axis=1), alone)


def nearest_neighbour(tracklets: SiteTracklets, threshold: float, *, exclusive: bool = False) -> Labels:
    """By start: the identity that has the nearest of all earlier tracklets, if it is near enough; else a new one.

    Args:
        tracklets: of a site.
        threshold: largest cosine distance of a link.
        exclusive: identities that are somewhere else at that time are left out.
    """
    labels = np.zeros(len(tracklets), np.int64)
    groups = 0
    for i in range(len(tracklets)):
        known = labels[:i]
        near = tracklets.distance[i, :i].copy()
        if exclusive:
            taken = np.unique(known[~tracklets.compatible[i, :i]])
            near[np.isin(known, taken)] = np.inf
        best = int(near.argmin()) if i else -1
        if i and near[best] <= threshold:
            labels[i] = known[best]
        else:
            labels[i], groups = groups, groups + 1
    return labels


def exclusive_neighbour(tracklets: SiteTracklets, threshold: float) -> Labels:
    """`nearest_neighbour` where nobody is in two places at once."""
    return nearest_neighbour(tracklets, threshold, exclusive=True)


def one_to_one(tracklets: SiteTracklets, threshold: float) -> Labels:
    """Nearest pairs first: each tracklet gets one that follows it and one that it follows, at most."""
    upper = np.triu(tracklets.compatible & (tracklets.distance <= threshold), 1)
    earlier, later = np.nonzero(upper)  # tracklets are in order of start
    order = np.argsort(tracklets.distance[earlier, later], kind="stable")
    labels = np.arange(len(tracklets))
    has_next, has_previous = np.zeros(len(labels), bool), np.zeros(len(labels), bool)
    for a, b in zip(earlier[order].tolist(), later[order].tolist(), strict=True):
        if has_next[a] or has_previous[b] or labels[a] == labels[b]:
            continue
        ours, theirs = labels == labels[a], labels == labels[b]
        if tracklets.compatible[np.ix_(ours, theirs)].all():
            has_next[a] = has_previous[b] = True
            labels[theirs] = labels[a]
    return labels


def average_linkage(tracklets: SiteTracklets, threshold: float) -> Labels:
    """Offline: the nearest two clusters become one, by mean distance; never where two overlap in time."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(tracklets) < 2:
        return no_links(tracklets)
    possible = tracklets.compatible & np.isfinite(tracklets.distance)
    apart = np.where(possible, tracklets.distance, _NEVER)
    tree = linkage(apart[np.triu_indices(len(apart), 1)], method="average")
    return fcluster(tree, threshold, criterion="distance").astype(np.int64)


def hdbscan(tracklets: SiteTracklets) -> Labels:
    """Offline: density clusters of two and more (Campello et al. 2013), who cannot be one person far apart.

    Raises:
        HandoffError: if scikit-learn is not installed.
    """
    try:
        from sklearn.cluster import HDBSCAN
    except ModuleNotFoundError:
        raise HandoffError("HDBSCAN is scikit-learn's: pip install -r requirements-dev.txt") from None

    if len(tracklets) < 3:
        return no_links(tracklets)
    possible = tracklets.compatible & np.isfinite(tracklets.distance)
    apart = np.where(possible, tracklets.distance, 2.0)  # the largest cosine distance
    np.fill_diagonal(apart, 0.0)
    found = HDBSCAN(min_cluster_size=2, min_samples=1, metric="precomputed", copy=True).fit(apart).labels_
    return np.where(found >= 0, found, len(tracklets) + np.arange(len(tracklets)))


def openvino_rule(
    tracklets: SiteTracklets,
    threshold: float = 0.4,
    *,
    window: float = 1.0,
    remembered: float = 100.0,
    centres: int = 10,
) -> Labels:
    """The rule of OpenVINO's multi-camera demo: in every window, merge the globally closest live tracks.

    Pairs of different cameras, and of one camera where they do not overlap, are merged as long as the closest is
    near enough. The distance is the smaller one of the means' and of the nearest two cluster centres'.

    Args:
        tracklets: of a site.
        threshold: largest cosine distance; the same for all sites.
        window: seconds between two rounds.
        remembered: seconds that a track stays live after it was seen last.
        centres: most clusters of a track's views; a further view moves the nearest one.
    """
    labels = np.arange(len(tracklets))
    if not len(tracklets):
        return labels
    looks = [Look(centres) for _ in range(len(tracklets))]
    taken = np.zeros(len(tracklets), np.int64)
    for now in np.arange(tracklets.start[0] + window, tracklets.end.max() + window, window):
        for i in np.flatnonzero(tracklets.start <= now):
            times, rows = tracklets.views[i]
            while taken[i] < len(times) and times[taken[i]] <= now:
                looks[i].add(rows[taken[i]])
                taken[i] += 1
        ended = now - tracklets.end > remembered
        live = [int(i) for i in np.flatnonzero((tracklets.start <= now) & ~ended) if looks[i].count]
        _merge_closest(tracklets, labels, live, look_distances([looks[i] for i in live]), threshold)
    return labels


class Look:
    """A track's running mean and cluster centres.

    Args:
        centres: at most so many.
    """

    def __init__(self, centres: int) -> None:
        self._most = centres
        self.count = 0
        self.mean: FloatArray | None = None
        self.centres: list[FloatArray] = []
        self._sizes: list[int] = []

    def add(self, row: FloatArray) -> None:
        """Take one view, a unit row (D,)."""
        self.count += 1
        if self.mean is None:
            self.mean = row.copy()
        else:
            self.mean += (row - self.mean) / self.count
        if len(self.centres) < self._most:
            self.centres.append(row.copy())
            self._sizes.append(1)
            return
        nearest = int(np.argmax(np.stack(self.centres) @ row))
        self._sizes[nearest] += 1
        self.centres[nearest] += (row - self.centres[nearest]) / self._sizes[nearest]


def look_distances(looks: list[Look]) -> Floats:
    """(L, L) the smaller one of the distance of the means and that of the nearest two centres."""
    if not looks:
        return np.zeros((0, 0))
    means = _unit(np.stack([look.mean for look in looks if look.mean is not None]))
    rows = _unit(np.concatenate([np.stack(look.centres) for look in looks]))
    starts = np.concatenate([[0], np.cumsum([len(look.centres) for look in looks])[:-1]])
    by_centre = np.maximum.reduceat(np.maximum.reduceat(rows @ rows.T, starts, axis=0), starts, axis=1)
    found: Floats = 1 - np.maximum(means @ means.T, by_centre)
    return found


def _merge_closest(
    tracklets: SiteTracklets, labels: Labels, live: list[int], distance: Floats, threshold: float
) -> None:
    """Give ``labels`` of the closest live pairs to each other, in place."""
    rows, columns = np.nonzero(np.triu(distance <= threshold, 1))
    order = np.argsort(distance[rows, columns], kind="stable")
    for a, b in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        ours, theirs = labels == labels[live[a]], labels == labels[live[b]]
        if labels[live[a]] == labels[live[b]] or not _apart(tracklets, ours, theirs):
            continue
        labels[ours | theirs] = min(labels[live[a]], labels[live[b]])


def _apart(tracklets: SiteTracklets, ours: npt.NDArray[np.bool_], theirs: npt.NDArray[np.bool_]) -> bool:
    """Whether no two of one camera are there at the same time."""
    same = tracklets.camera[ours][:, None] == tracklets.camera[theirs][None]
    return bool((tracklets.compatible[np.ix_(ours, theirs)] | ~same).all())


def _unit(rows: npt.NDArray[np.floating]) -> Floats:
    wide = rows.astype(np.float64)
    found: Floats = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    return found
