"""The tracklets of a recorded site and whom each shows: baselines decide on them, labels are scored with them."""

from __future__ import annotations

from collections.abc import Sequence
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
        frame: (V,) number of the frame of each box, rising over the cameras; in a frame the highest score first.
        owner: (V,) tracklet of each box.
        shows: (M, 2) boxes and the people that they show.
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
    frame: Ints
    owner: Ints
    shows: Ints

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
    people, frame, owner, shows = _boxes_of(site, seen, which, site.readings[reading])
    matched = np.zeros((count, len(people)), np.int64)
    np.add.at(matched, (owner[shows[:, 0]], shows[:, 1]), 1)
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
        frame=frame,
        owner=owner,
        shows=shows,
    )


def _persons(matched: Ints, frames: Ints) -> Ints:
    if not matched.size:
        return np.full(len(frames), -1, np.int64)
    best = matched.argmax(axis=1)
    clear = 2 * matched[np.arange(len(matched)), best] >= frames
    return np.where(clear, best, -1)


def _boxes_of(site: RecordedSite, seen: Ints, which: Ints, ids: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """People (P,), and of each box its frame (V,), its tracklet (V,) and whom it shows (M, 2)."""
    people, person = np.unique(ids, return_inverse=True)
    call = site.call_of_view()[seen]
    boxes = _ltwh(site.box[seen], site.offset[site.call_camera[call]])
    frame_of = np.stack([site.call_camera[call], site.call_frame[call]], axis=1)
    truth_of = np.stack([site.place_camera, site.place_frame], axis=1)
    theirs, scores, tracks = _groups(truth_of), site.score[seen], site.track[seen]
    frames, owners, shows, count = [], [], [], 0
    for number, (frame, unsorted) in enumerate(_groups(frame_of).items()):
        views = unsorted[np.lexsort((tracks[unsorted], -scores[unsorted]))]  # as mot/ of a run chooses
        places = theirs.get(frame, np.zeros(0, np.int64))
        rows, columns = np.nonzero(iou_ltwh(boxes[views], site.place_box[places]) >= MATCH)
        shows.append(np.stack([rows + count, person[places[columns]]], axis=1))
        frames.append(np.full(len(views), number))
        owners.append(which[views])
        count += len(views)
    nothing = np.zeros(0, np.int64)
    return (
        people,
        np.concatenate([nothing, *frames]),
        np.concatenate([nothing, *owners]),
        np.concatenate([nothing.reshape(0, 2), *shows]),
    )


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
