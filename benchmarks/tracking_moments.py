"""Moments of rendered sequences for pictures: frames with the boxes of tracks, and what spoke for each pair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.clip_frames import frames_of
from benchmarks.sequence import Sequence
from benchmarks.sequences import load
from benchmarks.tracker_ablation import track
from trackers import Detections, EvidenceSettings, kernels_numpy
from trackers.boxes import iou_matrix
from trackers.evidence import EvidenceTracker
from trackers.kalman import CHI2_95_4DOF

Float = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

EMBEDDER = "msmt17"
_MARGIN = 0.35  # around the people of a moment, in heights of the tallest


@dataclass(frozen=True, slots=True)
class Moment:
    """Some frames of a sequence in which some people matter.

    Attributes:
        sequence: its name, world-SCENE-SEED-CAMERA.
        frames: from 1.
        people: ids of the truth; A is the first, B the second.
    """

    sequence: str
    frames: tuple[int, ...]
    people: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One frame of a moment, cut out.

    Attributes:
        time: s.
        image: (H, W, 3) RGB.
        tracks: (K, 5) id, x1, y1, x2, y2 in pixels of ``image``.
        people: centre x, feet y and visibility of each of the moment's people that is in the picture, by letter.
    """

    time: float
    image: Image
    tracks: Float
    people: dict[str, tuple[float, float, float]]


def shots(moment: Moment, cache: Path) -> list[Shot]:
    """The frames of a moment, cut out alike, with the tracks of the default settings.

    Raises:
        HandoffError: if the sequence or its clip cannot be had.
    """
    sequence = load(moment.sequence, cache)
    rows, _ = track(sequence, EvidenceSettings())
    _, scene, seed, camera = moment.sequence.split("-")
    clip = cache / "clips" / f"{scene}-{seed}" / f"{camera}.mp4"
    images = {frame.index + 1: frame.image for frame in frames_of(clip, 1) if frame.index + 1 in moment.frames}
    left, top, right, bottom = _window(sequence, moment)
    corner = np.array([left, top])
    result = []
    for frame in moment.frames:
        here = rows[rows[:, 0] == frame, 1:]
        here[:, 1:] -= np.tile(corner, 2)
        seen = {}
        for letter, person in zip("ABCDEF", moment.people, strict=False):
            for truth in sequence.gt[(sequence.gt[:, 0] == frame) & (sequence.gt[:, 1] == person)]:
                x, y = (truth[2] + truth[4]) / 2 - left, truth[5] - top
                seen[letter] = (float(x), float(y), float(truth[6]))
        picture = images[frame][top:bottom, left:right, ::-1]
        result.append(Shot(float(sequence.times[frame - 1]), picture, here, seen))
    return result


def _window(sequence: Sequence, moment: Moment) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is cut out."""
    rows = sequence.gt[np.isin(sequence.gt[:, 0], moment.frames) & np.isin(sequence.gt[:, 1], moment.people)]
    margin = _MARGIN * float(np.max(rows[:, 5] - rows[:, 3]))
    low, high = rows[:, 2:4].min(axis=0) - margin, rows[:, 4:6].max(axis=0) + margin
    left, top = np.maximum(low, 0).astype(int)
    right, bottom = np.minimum(high, sequence.size).astype(int)
    return int(left), int(top), int(right), int(bottom)


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """What speaks for the pairs of tracks and detections just before an update, in nats.

    Attributes:
        ids: (R,) of tracks.
        people: letters of the detections.
        place: (R, C); minus infinite where a pair is too far away.
        looks: (R, C), zero where a detection was not embedded.
    """

    ids: npt.NDArray[np.int64]
    people: list[str]
    place: Float
    looks: Float


def replayed(sequence: Sequence, embedder: str = EMBEDDER) -> Iterator[tuple[int, float, Detections, Any]]:
    """Frame from 1, time, detections with the embeddings that were asked for, the tracker before its update."""
    tracker = EvidenceSettings().build()
    for frame, (time, found) in enumerate(sequence.frames(embedder), start=1):
        wanted, looks = tracker.wants_embedding(found, time), found.embeddings
        given = found if looks is None else found.with_embeddings(wanted, looks[wanted])
        yield frame, time, given, tracker
        tracker.update(given, time)


def worth_at(moment: Moment, frame: int, ids: tuple[int, ...], cache: Path) -> Worth:
    """The evidence between tracks and the boxes of the moment's people, as the first round weighs it."""
    sequence = load(moment.sequence, cache)
    for number, time, found, tracker in replayed(sequence):
        if number == frame:
            return _worth(sequence, moment, frame, found, tracker, time, ids)
    raise ValueError(f"{moment.sequence} has no frame {frame}")


def _worth(
    sequence: Sequence,
    moment: Moment,
    frame: int,
    found: Detections,
    tracker: EvidenceTracker,
    time: float,
    ids: tuple[int, ...],
) -> Worth:
    truth = sequence.gt[sequence.gt[:, 0] == frame]
    overlap = iou_matrix(truth[:, 2:6], found.boxes) * (found.scores >= EvidenceSettings().high_score)
    people = {int(row[1]): int(np.argmax(overlap[n])) for n, row in enumerate(truth) if overlap[n].max() > 0.5}
    letters = {letter: person for letter, person in zip("ABCDEF", moment.people, strict=False) if person in people}
    columns = np.array([people[person] for person in letters.values()], np.int64)
    tracks, looks, settings = tracker._tracks, tracker._looks, EvidenceSettings()
    rows = np.array([np.flatnonzero(tracks.ids == each)[0] for each in ids])
    motion, pads = tracks.ahead(time)
    place, both = (
        kernels_numpy.evidence(
            motion,
            rows,
            pads[rows],
            found.boxes.astype(np.float64),
            columns,
            looks.means,
            looks.known,
            found.embeddings if found.embeddings is not None else np.zeros((len(found), 0), np.float32),
            found.embedded if found.embedded is not None else np.zeros(len(found), bool),
            line,
            settings.overlap_weight,
            settings.min_overlap,
            CHI2_95_4DOF,
        )
        for line in (np.zeros(3), tracker._scale.line())
    )
    far = -settings.overlap_weight * settings.min_overlap  # no overlap at all
    place = np.where(np.isfinite(both) & ~np.isfinite(place), far, place)
    near = np.isfinite(both)
    return Worth(
        np.array(ids), list(letters), place, np.subtract(both, place, out=np.zeros_like(both), where=near)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Cosine distances of tracks to detections that were told by the truth, and what the tracker learned.

    Attributes:
        same: (S,) of one person.
        different: (D,) of two people in the same frame.
        line: (3,) slope, middle, limit at the end.
    """

    same: Float
    different: Float
    line: Float


def looks_of(name: str, embedder: str, cache: Path) -> Looks:
    """Distances between what tracks looked like before each frame and the embedded boxes of it."""
    sequence = load(name, cache)
    same: list[float] = []
    different: list[float] = []
    owner: dict[int, int] = {}  # person of the truth that a track was last on
    line = np.zeros(3)
    for frame, _, found, tracker in replayed(sequence, embedder):
        truth = sequence.gt[sequence.gt[:, 0] == frame]
        owner.update(_owners(tracker, sequence.gt[sequence.gt[:, 0] == frame - 1]))
        line = tracker._scale.line()
        overlap = iou_matrix(truth[:, 2:6], found.boxes)
        if found.embeddings is None or found.embedded is None or len(truth) == 0:
            continue
        for n in np.flatnonzero(found.embedded & (found.scores >= 0.4)):
            person = int(truth[np.argmax(overlap[:, n]), 1])
            if overlap[:, n].max() < 0.5:
                continue
            for row in np.flatnonzero(tracker._looks.known):
                if (id_ := int(tracker._tracks.ids[row])) in owner:
                    apart = 1 - float(tracker._looks.means[row] @ found.embeddings[n])
                    (same if owner[id_] == person else different).append(apart)
    return Looks(np.array(same), np.array(different), line)


def _owners(tracker: EvidenceTracker, truth: npt.NDArray[np.float32]) -> dict[int, int]:
    """Whom each track that was seen in the last frame was on."""
    rows = np.flatnonzero((tracker._tracks.ids > 0) & (tracker._tracks.matched >= 0))
    if len(rows) == 0 or len(truth) == 0:
        return {}
    overlap = iou_matrix(tracker._tracks.boxes()[rows], truth[:, 2:6])
    return {
        int(tracker._tracks.ids[row]): int(truth[np.argmax(overlap[n]), 1])
        for n, row in enumerate(rows)
        if overlap[n].max() > 0.5
    }
