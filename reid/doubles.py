"""Which tracks of one camera may be one person found twice.

People who are seen at the same moment are certainly different, but for one case: a detector may find somebody
twice, and a tracker hand a person over to a new track while the old one still holds on for a moment. Then the two
boxes lie on each other for as long as both are seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reid.tracklets import FloatArray, Tracklet

_LYING = 0.7  # share of the smaller box that lies in the other, on average over the frames with both


class Doubles:
    """Watches one camera. Memory: the tracks not yet forgotten, and the pairs of them that began on each other."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._pairs: dict[tuple[int, int], tuple[int, float]] = {}  # frames with both, summed shares

    def see(self, tracks: Sequence[int], boxes: FloatArray) -> None:
        """Take in the tracks (N,) that are seen in a frame and their boxes (N, 4), x1 y1 x2 y2."""
        if not self._known.issuperset(tracks):
            fresh = [i for i, track in enumerate(tracks) if track not in self._known]
            self._known.update(tracks)
            lying = shares_within(boxes[fresh], boxes)
            lying[np.arange(len(fresh)), fresh] = 0.0
            for row, column in np.argwhere(lying >= _LYING).tolist():
                self._pairs[_pair(tracks[fresh[row]], tracks[column])] = (0, 0.0)
        if self._pairs:
            self._add(tracks, boxes)

    def _add(self, tracks: Sequence[int], boxes: FloatArray) -> None:
        places = {track: i for i, track in enumerate(tracks)}
        both = [pair for pair in self._pairs if pair[0] in places and pair[1] in places]
        if not both:
            return
        one, two = np.array([(places[a], places[b]) for a, b in both]).T
        for pair, share in zip(both, _shares(boxes[one], boxes[two]).tolist(), strict=True):
            frames, total = self._pairs[pair]
            self._pairs[pair] = (frames + 1, total + share)

    def of(self, track: int) -> frozenset[int]:
        """The tracks that this one may be a double of."""
        return frozenset(
            b if a == track else a
            for (a, b), (frames, total) in self._pairs.items()
            if track in (a, b) and total >= _LYING * frames
        )

    def forget(self, track: int) -> None:
        """A track is over and decided on."""
        self._known.discard(track)
        for pair in [pair for pair in self._pairs if track in pair]:
            del self._pairs[pair]


def has_better(tracklet: Tracklet, due: Sequence[Tracklet]) -> bool:
    """Whether a better tracklet that may show the same person at the same moment is decided on first."""
    return any(
        other.key.camera == tracklet.key.camera
        and other.key.track in tracklet.doubles
        and (other.quality, other.key) > (tracklet.quality, tracklet.key)
        for other in due
    )


def shares_within(a: FloatArray, b: FloatArray) -> npt.NDArray[np.float64]:
    """(N, M) share of the smaller of two boxes, of (N, 4) and (M, 4) x1 y1 x2 y2, that lies in the larger."""
    return _shares(a[:, None], b[None])


def _shares(a: FloatArray, b: FloatArray) -> npt.NDArray[np.float64]:
    """The same of boxes (..., 4) and (..., 4), one by one."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    smaller = np.minimum(*((boxes[..., 2:] - boxes[..., :2]).prod(axis=-1) for boxes in (a, b)))
    result: npt.NDArray[np.float64] = np.maximum(sides, 0).prod(axis=-1) / np.maximum(smaller, 1e-9)
    return result


def _pair(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a <= b else (b, a)
