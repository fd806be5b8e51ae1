"""The space in which tracklets of different cameras are compared: the site's own, learned without labels.

Light, lens and height of a camera move all embeddings of it the same way; pose and occlusion move those of one
person in directions that are much the same for everybody. Neither says who somebody is. So the mean of the camera
is taken off each embedding, and the directions in which views of one track differ count less (within-class
covariance normalisation, Hatch et al. 2006, with the tracks for classes).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reid.tracklets import CameraId, Tracklet

Float32 = npt.NDArray[np.float32]
Float = npt.NDArray[np.float64]

_CAMERA_PRIOR = 20.0  # tracklets for which the mean of all cameras counts in that of one
_SITE_PRIOR = 1.0  # tracklets for which no bias at all counts in the mean of all
_ROUND = 0.8  # share of the within-track scatter that is taken for the same in all directions
_RANK = 64  # directions of it that are told apart
_SCATTER_PRIOR = 100.0  # views for which a scatter alike in all directions counts
_MOST = 5000.0  # tracklets that count; the older ones fade
_GROWTH = 1.25  # by which the tracklets must have become more for the space to be fitted again


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """A linear map of embeddings, with unit rows before and after; the same for all of a camera.

    Attributes:
        version: a new one is a new space; rows of different versions cannot be compared.
        site: (D,) mean over the cameras.
        cameras: (D,) mean of each camera.
        directions: (D, R) orthonormal; the part of an embedding along each is multiplied by ``gains``, the rest by
        1. gains: (R,).
    """

    version: int
    site: Float32
    cameras: dict[CameraId, Float32]
    directions: Float32
    gains: Float32

    def rows(self, camera: CameraId, embeddings: Float32) -> Float32:
        """(N, D) embeddings of one camera -> (N, D) unit rows that can be compared over cameras by cosine."""
        centred = embeddings - self.cameras.get(camera, self.site)
        along = centred @ self.directions
        mapped = centred + (along * (self.gains - 1)) @ self.directions.T
        norms = np.linalg.norm(mapped, axis=1, keepdims=True)
        result: Float32 = (mapped / np.maximum(norms, 1e-9)).astype(np.float32)
        return result

    def row(self, tracklet: Tracklet) -> Float32 | None:
        """(D,) of a tracklet's mean; None without appearance."""
        if tracklet.mean is None:
            return None
        one: Float32 = self.rows(tracklet.key.camera, tracklet.mean[None])[0]
        return one


class SpaceLearner:
    """Learns the space from tracklets, all alike and without knowing who is who. Memory: D x D numbers."""

    def __init__(self) -> None:
        self._count = 0.0
        self._fitted_at = 0.0
        self._sums: dict[CameraId, Float] = {}
        self._counts: dict[CameraId, float] = {}
        self._scatter: Float = np.zeros((0, 0))
        self._views = 0.0
        self._space: Space | None = None

    def add(self, tracklets: Iterable[Tracklet]) -> None:
        """Take in tracklets; those without appearance say nothing."""
        for tracklet in tracklets:
            if tracklet.mean is None:
                continue
            self._start(len(tracklet.mean))
            camera = tracklet.key.camera
            self._counts[camera] = self._counts.get(camera, 0.0) + 1
            self._sums[camera] = self._sums.get(camera, 0.0) + tracklet.mean.astype(np.float64)
            self._count += 1
            if len(tracklet.exemplars) > 1:
                spread = (tracklet.exemplars - tracklet.exemplars.mean(axis=0)).astype(np.float64)
                self._scatter += spread.T @ spread
                self._views += len(spread) - 1
        if self._count > _MOST:
            self._fade(_MOST / 2 / self._count)

    def space(self) -> Space | None:
        """The present space; a new version only after a good many more tracklets. None before any appearance."""
        if self._count > 0 and (self._space is None or self._count >= _GROWTH * self._fitted_at):
            self._space = self._fit(0 if self._space is None else self._space.version + 1)
            self._fitted_at = self._count
        return self._space

    def state(self) -> dict[str, Any]:
        """What `restore` takes; JSON-able. Of the scatter, the directions that a space tells apart."""
        values, vectors = np.linalg.eigh(self._scatter) if len(self._scatter) else (np.zeros(0), np.zeros((0, 0)))
        kept = slice(max(0, len(values) - _RANK), None)
        rest = values[: kept.start]
        return {
            "sums": {str(camera): _text(total) for camera, total in self._sums.items()},
            "counts": {str(camera): count for camera, count in self._counts.items()},
            "scatter": {
                "directions": _text(vectors[:, kept].T),
                "values": _text(values[kept]),
                "rest": float(rest.mean()) if len(rest) else 0.0,
            },
            "views": self._views,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier run."""
        self._sums = {CameraId(camera): _numbers(total) for camera, total in state["sums"].items()}
        self._counts = {CameraId(camera): float(count) for camera, count in state["counts"].items()}
        values, rest = _numbers(state["scatter"]["values"]), float(state["scatter"]["rest"])
        directions = _numbers(state["scatter"]["directions"]).reshape(len(values), -1)
        self._scatter = directions.T @ np.diag(values - rest) @ directions + rest * np.eye(directions.shape[1])
        self._views = float(state["views"])
        self._count, self._space = sum(self._counts.values()), None

    def _start(self, dimension: int) -> None:
        """Forget all that was learned with another embedder."""
        if len(self._scatter) == dimension:
            return
        self._count = self._fitted_at = self._views = 0.0
        self._sums, self._counts = {}, {}
        self._scatter = np.zeros((dimension, dimension))

    def _fade(self, share: float) -> None:
        self._count *= share
        self._views *= share
        self._scatter *= share
        self._fitted_at = min(self._fitted_at, self._count)
        for camera in self._sums:
            self._sums[camera] *= share
            self._counts[camera] *= share

    def _fit(self, version: int) -> Space:
        site = sum(self._sums.values()) / (self._count + _SITE_PRIOR)
        cameras = {
            camera: ((total + _CAMERA_PRIOR * site) / (self._counts[camera] + _CAMERA_PRIOR)).astype(np.float32)
            for camera, total in self._sums.items()
        }
        directions, gains = self._whitening()
        return Space(version, np.asarray(site, np.float32), cameras, directions, gains)

    def _whitening(self) -> tuple[Float32, Float32]:
        """Directions in which one person's views differ most, and how much less they count than the others."""
        dimension = len(self._scatter)
        if self._views < 1:
            return np.zeros((dimension, 0), np.float32), np.zeros(0, np.float32)
        values, vectors = np.linalg.eigh(self._scatter / self._views)
        average = float(values.mean())
        uneven = (1 - _ROUND) * self._views / (self._views + _SCATTER_PRIOR)
        rounded = 1 + uneven * (values / max(average, 1e-12) - 1)
        kept = np.argsort(rounded)[::-1][:_RANK]
        rest = np.delete(rounded, kept)
        gains = np.sqrt((rest.mean() if len(rest) else 1.0) / rounded[kept])
        return np.ascontiguousarray(vectors[:, kept], np.float32), gains.astype(np.float32)


def _text(numbers: npt.ArrayLike) -> str:
    """Numbers as text, in single precision."""
    return b64encode(np.ascontiguousarray(numbers, "<f4").tobytes()).decode("ascii")


def _numbers(text: str) -> Float:
    """The other way round, flat."""
    return np.frombuffer(b64decode(text), "<f4").astype(np.float64)


def rows_of(space: Space, tracklets: Sequence[Tracklet]) -> Float32:
    """(N, D) rows of tracklets that all have an appearance, by one product a camera."""
    means = [tracklet.mean for tracklet in tracklets if tracklet.mean is not None]
    if len(means) != len(tracklets):
        raise ValueError("a tracklet without embeddings has no appearance")
    stacked = np.stack(means)
    result = np.empty_like(stacked, dtype=np.float32)
    cameras = np.array([tracklet.key.camera for tracklet in tracklets])
    for camera in np.unique(cameras):
        result[cameras == camera] = space.rows(CameraId(str(camera)), stacked[cameras == camera])
    return result
