"""Embeddings of real people, lent to the people of a truth that has no pictures.

Everybody gets the crops of one identity from one camera, changes slowly from crop to crop, and looks partly like
whoever covers part of them. Two kinds of noise are added, a slow and a fast one, both with the covariance of the
looks of different people, because that is the direction in which real embeddings err; the fast one grows with what
is hidden. Things that are nobody look like a mixture of identities that nobody else has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.sequence import Rows, unit
from pipeline.errors import HandoffError
from reid.crops import Image
from reid.embedder import Embedder

CROPS = 5  # of one identity in one camera
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LookNoise:
    """How looks change.

    Attributes:
        hold: seconds for which somebody looks like one crop before turning into the next.
        turn: share of this time that turning into the next one takes.
        slow: size of the slow noise, as a share of the distance of different people; so is fast.
        settle: seconds in which the slow noise changes.
        fast: size of the noise that is new in every frame; twice as large for somebody who is wholly hidden.
        mixed: people a nobody is mixed of.
    """

    hold: float = 2.5
    turn: float = 0.5
    slow: float = 0.3
    settle: float = 1.0
    fast: float = 0.2
    mixed: int = 3


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Whose looks are wanted in one frame.

    Attributes:
        who: (K,) index of a person or, from the number of people on, of a nobody.
        by: (K,) index of who covers most of them; themselves where nobody does.
        covered: (K,) share of them that is covered by that one.
        visible: (K,) share of them that can be seen.
    """

    who: Ints
    by: Ints
    covered: Floats
    visible: Floats


class BorrowedLooks:
    """Looks of people 0 to ``people`` - 1 and of nobodies after them, frame by frame, in the order of time.

    Args:
        tables: (I, CROPS, D) float32 unit rows of I identities by embedder.
        people: how many are in the sequence.
        nobodies: how many things.
        rng: draws who lends to whom, and the noise.
        noise: how looks change.

    Raises:
        ValueError: if there are too few identities.
    """

    def __init__(
        self,
        tables: Mapping[str, npt.NDArray[np.float32]],
        people: int,
        nobodies: int,
        rng: np.random.Generator,
        noise: LookNoise | None = None,
    ) -> None:
        identities = len(next(iter(tables.values())))
        self._noise, self._rng = noise or LookNoise(), rng
        if identities < people + self._noise.mixed:
            raise ValueError(f"{people} people and the mixtures need more than {identities} identities")
        order = rng.permutation(identities)
        lenders, others = order[:people], order[people:]
        blends = [rng.choice(others, self._noise.mixed, replace=False) for _ in range(nobodies)]
        self._rows = {name: _lent(table, lenders, blends) for name, table in tables.items()}
        means = {name: table[:, 0] - table[:, 0].mean(axis=0) for name, table in tables.items()}
        self._spread = {name: rows / np.sqrt(identities) for name, rows in means.items()}
        self._phase = rng.uniform(0, 2 * CROPS, people + nobodies)
        self._slow = rng.normal(size=(people + nobodies, identities)).astype(np.float32)
        self._time = 0.0

    def embed(self, asked: Asked, time: float) -> dict[str, Rows]:
        """(K, D) unit rows by embedder of who is asked for at a time in seconds, not before the last one."""
        noise = self._noise
        keep = np.float32(np.exp((self._time - time) / noise.settle))
        fresh = self._rng.standard_normal(self._slow.shape, np.float32)
        self._slow = keep * self._slow + np.sqrt(1 - keep**2) * fresh
        self._time = time
        strength = noise.fast * (2 - asked.visible)[:, None].astype(np.float32)
        weights = noise.slow * self._slow[asked.who]
        weights += strength * self._rng.standard_normal(weights.shape, np.float32)
        share = asked.covered[:, None].astype(np.float32)
        result = {}
        for name, rows in self._rows.items():
            own, other = self._at(rows, asked.who, time), self._at(rows, asked.by, time)
            result[name] = unit((1 - share) * own + share * other + weights @ self._spread[name])
        return result

    def _at(self, rows: npt.NDArray[np.float32], who: Ints, time: float) -> Rows:
        """(K, D) looks without noise; the crops are gone through to and fro."""
        noise = self._noise
        place = self._phase[who] + time / noise.hold
        step = np.clip((place % 1 - (1 - noise.turn)) / noise.turn, 0, 1)[:, None].astype(np.float32)
        first, second = (_to_and_fro(np.floor(place).astype(np.int64) + ahead) for ahead in (0, 1))
        return unit((1 - step) * rows[who, first] + step * rows[who, second])


def read_crops(folder: Path, camera: int, start: int, end: int) -> list[list[Image]]:
    """`CROPS` pictures of each identity from ``start`` to ``end`` - 1; some occur twice where there are fewer.

    Args:
        folder: files named IIII_cC_NN.jpg, of identity, camera and number.
        camera: C.
        start: first identity.
        end: behind the last one.

    Raises:
        HandoffError: if there is none, or one cannot be read.
    """
    found: dict[int, list[Path]] = defaultdict(list)
    for path in sorted(folder.glob(f"????_c{camera}_*.jpg")):
        if start <= int(path.name[:4]) < end:
            found[int(path.name[:4])].append(path)
    if not found:
        raise HandoffError(f"{folder}: no crops; set HANDOFF_DATA to the folder of real videos and weights")
    return [[_read(paths[index % len(paths)]) for index in range(CROPS)] for paths in found.values()]


def embed_crops(crops: list[list[Image]], embedder: Embedder) -> npt.NDArray[np.float32]:
    """(I, CROPS, D) unit rows of the crops of I identities."""
    images = [image for of_identity in crops for image in of_identity]
    whole = [np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32) for image in images]
    rows = unit(np.concatenate(embedder.embed(images, whole)))
    return rows.reshape(len(crops), CROPS, -1)


def _read(path: Path) -> Image:
    image = cv2.imread(str(path))
    if image is None:
        raise HandoffError(f"{path}: cannot be read as a picture")
    return np.asarray(image, np.uint8)


def _lent(table: npt.NDArray[np.float32], lenders: Ints, blends: list[Ints]) -> npt.NDArray[np.float32]:
    """(people + nobodies, CROPS, D) unit rows."""
    parts = [table[lenders]]
    if blends:
        parts.append(np.stack([table[blend].mean(axis=0) for blend in blends]))
    rows = np.concatenate(parts)
    return unit(rows.reshape(-1, rows.shape[2])).reshape(rows.shape)


def _to_and_fro(step: Ints) -> Ints:
    """0, 1, 2, 3, 4, 3, 2, 1, 0, 1 ..."""
    place = step % (2 * (CROPS - 1))
    return np.minimum(place, 2 * (CROPS - 1) - place)
