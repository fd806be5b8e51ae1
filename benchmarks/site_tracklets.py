"""The tracklets of a recorded site and whom each shows: baselines decide on them, labels are scored with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.recorded_site import PEOPLE, STATES, Ints, RecordedSite, View, unit
from pipeline.scores import iou_ltwh
from reid.tracklet_builder import observation_qualities
from reid.tracklets import CameraId, FloatArray, TrackletKey
from trackers.tracks import TrackState

MATCH = 0.5  # IoU from which a box shows somebody, as in IDF1
CLOCK_TOLERANCE = 0.5  # s that clocks may disagree: the linker's default
_DIGITS = 2  # of MOT files, which runs are scored from

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]  # (T,) tracklets with equal labels are one identity


@dataclass(frozen=True, slots=True, eq=False)
class SiteTracklets:
    """Struct of arrays over the T tracklets of a site, by start; the D embeddings are those of its embedder.

    Attributes:
        keys: (T) camera and track.
        camera: (T,) index.
        start: (T,) first time seen, s.
        end: (T,) last time seen.
        frames: (T,) boxes.
        means: (T, D) unit mean of the embeddings, weighted as the linker weighs them; zero without any.
        views: (T) times (V,) and rows (V, D) of the embedded views.
        distance: (T, T) cosine distance of the means; inf where one has none.
        compatible: (T, T) whether time allows that both are one person; a tracklet with itself is False.
        people: (P,) ids of the truth.
        matched: (T, P) frames in which a tracklet's box shows a person.
        person: (T,) index of whom at least half of the frames show, or -1.
        truth_boxes: in all cameras.
        shared: (S, 3) pairs of tracklets, and in how many frames both are seen.
        hidden: (H, 4) pairs of tracklets, a person, and in how many frames only the box shows this person that is
            left out if both are one identity: that of the lower score.
    """

    keys: tuple[TrackletKey, ...]
    camera: Ints
    start: Floats
    end: Floats
    frames: Ints
    means: FloatArray
    views: tuple[tuple[Floats, FloatArray], ...]
    distance: Floats
    compatible: npt.NDArray[np.bool_]
    people: Ints
    matched: Ints
    person: Ints
    truth_boxes: int
    shared: Ints
    hidden: Ints

    def __len__(self) -> int:
        return len(self.keys)


def site_tracklets(site: RecordedSite, reading: str = PEOPLE) -> SiteTracklets:
    """Sum up a site; only boxes that were seen count, as in a run's MOT files.

    Args:
        site: recorded.
        reading: who is one person in its truth.
    """
    seen = np.flatnonzero(site.state == STATES.index(TrackState.CONFIRMED))
    call = site.call_of_view()[seen]
    camera, time = site.call_camera[call], site.call_time[call]
    pairs, which = np.unique(np.stack([camera, site.track[seen]], axis=1), axis=0, return_inverse=True)
    count = len(pairs)
    start, end = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(start, which, time)
    np.maximum.at(end, which, time)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], start))
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count)
    which, pairs, start, end = rank[which], pairs[order], start[order], end[order]
    frames = np.bincount(which, minlength=count)
    people, matched, twice = _matched(site, seen, which, count, site.readings[reading])
    means, views = _looks(site, seen, which, count)
    return SiteTracklets(
        keys=tuple(TrackletKey(CameraId(site.cameras[c]), int(t)) for c, t in pairs),
        camera=pairs[:, 0],
        start=start,
        end=end,
        frames=frames,
        means=means,
        views=views,
        distance=_distances(means),
        compatible=_compatible(site, pairs[:, 0], start, end),
        people=people,
        matched=matched,
        person=_persons(matched, frames),
        truth_boxes=len(site.place_frame),
        shared=twice.shared(),
        hidden=twice.hidden(),
    )


def _persons(matched: Ints, frames: Ints) -> Ints:
    if not matched.size:
        return np.full(len(frames), -1, np.int64)
    best = matched.argmax(axis=1)
    clear = 2 * matched[np.arange(len(matched)), best] >= frames
    return np.where(clear, best, -1)


class _Twice:
    """Counts of frames in which two tracklets of a camera are seen, and of what would be left out of them."""

    def __init__(self) -> None:
        self._shared: Counter[tuple[int, int]] = Counter()
        self._hidden: Counter[tuple[int, int, int]] = Counter()

    def add(self, tracklets: Ints, scores: FloatArray, shown: Mapping[int, Sequence[int]]) -> None:
        """A frame with tracklets (N,), their scores (N,), and whom they show: row, people."""
        order = np.lexsort((np.arange(len(scores)), -scores)).tolist()  # of equal scores, the older track stays
        for place, kept in enumerate(order):
            for out in order[place + 1 :]:
                i, j = sorted((int(tracklets[kept]), int(tracklets[out])))
                self._shared[i, j] += 1
                for person in shown.get(out, ()):
                    self._hidden[i, j, person] += 1

    def shared(self) -> Ints:
        """As `SiteTracklets.shared`."""
        return np.array([(*pair, frames) for pair, frames in self._shared.items()], np.int64).reshape(-1, 3)

    def hidden(self) -> Ints:
        """As `SiteTracklets.hidden`."""
        return np.array([(*key, frames) for key, frames in self._hidden.items()], np.int64).reshape(-1, 4)


def _matched(site: RecordedSite, seen: Ints, which: Ints, count: int, ids: Ints) -> tuple[Ints, Ints, _Twice]:
    """People (P,), in how many frames each tracklet shows each (T, P), and who is seen at the same moment."""
    people, person = np.unique(ids, return_inverse=True)
    matched = np.zeros((count, len(people)), np.int64)
    call = site.call_of_view()[seen]
    boxes = _ltwh(site.box[seen], site.offset[site.call_camera[call]])
    frame_of = np.stack([site.call_camera[call], site.call_frame[call]], axis=1)
    truth_of = np.stack([site.place_camera, site.place_frame], axis=1)
    mine, theirs, twice = _groups(frame_of), _groups(truth_of), _Twice()
    scores, tracks = site.score[seen], site.track[seen]
    for frame, unsorted in mine.items():
        views = unsorted[np.argsort(tracks[unsorted])]
        places = theirs.get(frame, np.zeros(0, np.int64))
        shows = iou_ltwh(boxes[views], site.place_box[places]) >= MATCH
        rows, columns = np.nonzero(shows)
        np.add.at(matched, (which[views[rows]], person[places[columns]]), 1)
        shown: dict[int, list[int]] = {}
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            shown.setdefault(row, []).append(int(person[places[column]]))
        twice.add(which[views], scores[views], shown)
    return people, matched, twice


def _groups(keys: Ints) -> dict[tuple[int, int], Ints]:
    """The rows of each pair."""
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    cuts = np.flatnonzero((np.diff(keys[order], axis=0) != 0).any(axis=1)) + 1
    return {(int(keys[g[0], 0]), int(keys[g[0], 1])): g for g in np.split(order, cuts) if len(g)}


def _ltwh(xyxy: FloatArray, offset: Ints) -> Floats:
    """Rounded as MOT files are, so that scores are those of a run."""
    corners = xyxy.astype(np.float64)
    found: Floats = np.concatenate([corners[:, :2] + offset, corners[:, 2:] - corners[:, :2]], axis=1)
    return np.round(found, _DIGITS)


def _looks(
    site: RecordedSite, seen: Ints, which: Ints, count: int
) -> tuple[FloatArray, tuple[tuple[Floats, FloatArray], ...]]:
    quality = _qualities(site)[seen]
    embedded = site.row[seen] >= 0
    dimension = site.embeddings.shape[1]
    rows = unit(site.embeddings[site.row[seen[embedded]]].astype(np.float32))
    owners, weights = which[embedded], quality[embedded]
    sums = np.zeros((count, dimension))
    np.add.at(sums, owners, weights[:, None] * rows.astype(np.float64))
    times = site.call_time[site.call_of_view()[seen[embedded]]]
    views = tuple((times[owners == t], rows[owners == t]) for t in range(count))
    return unit(sums.astype(np.float32)), views


def _qualities(site: RecordedSite) -> FloatArray:
    """(N,) of each view, among those seen in the same frame."""
    found = np.zeros(len(site.track), np.float32)
    for start, end in zip(site.off[:-1].tolist(), site.off[1:].tolist(), strict=True):
        seen = [i for i in range(start, end) if STATES[int(site.state[i])] is TrackState.CONFIRMED]
        found[seen] = observation_qualities(_boxes(site, seen))
    return found


def _boxes(site: RecordedSite, rows: Sequence[int]) -> list[View]:
    return [View(0, site.box[i], float(site.score[i]), TrackState.CONFIRMED, None) for i in rows]


def _distances(means: FloatArray) -> Floats:
    wide = means.astype(np.float64)
    found: Floats = 1 - wide @ wide.T
    found = (found + found.T) / 2  # products may differ in the last digit
    blank = ~means.any(axis=1)
    found[blank] = found[:, blank] = np.inf
    return np.maximum(found, 0.0)


def _compatible(site: RecordedSite, camera: Ints, start: Floats, end: Floats) -> npt.NDArray[np.bool_]:
    """One person is in one view at a time, but for the clocks' tolerance and for views that overlap."""
    first_ends = np.where(start[:, None] < start[None], end[:, None], end[None])
    together = start[:, None] == start[None]
    first_ends = np.where(together, np.maximum(end[:, None], end[None]), first_ends)
    gap = np.maximum(start[:, None], start[None]) - first_ends
    same = camera[:, None] == camera[None]
    allowed = np.where(same, gap > 0, gap >= -CLOCK_TOLERANCE)
    names = {name: number for number, name in enumerate(site.cameras)}
    for link in site.links:
        if link.overlap and link.origin in names and link.to in names:
            a, b = names[link.origin], names[link.to]
            allowed |= ((camera[:, None] == a) & (camera[None] == b)) | (
                (camera[:, None] == b) & (camera[None] == a)
            )
    np.fill_diagonal(allowed, val=False)
    found: npt.NDArray[np.bool_] = allowed
    return found
