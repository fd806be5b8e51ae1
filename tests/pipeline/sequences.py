"""Made-up truths and results: rows of equal boxes, and random walks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pipeline.scores import Annotations, Sequence

Row = tuple[int, int, float]  # frame, id, left; every box is 100 x 100 at the top


def rows(given_rows: Iterable[Row]) -> Annotations:
    table = np.array(list(given_rows), dtype=np.float64).reshape(-1, 3)
    size = np.full(len(table), 100.0)
    boxes = np.stack([table[:, 2], np.zeros(len(table)), size, size], axis=1)
    return Annotations(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), boxes)


def walk(identity: int, frames: range, left: float = 0.0) -> list[Row]:
    return [(frame, identity, left) for frame in frames]


def two_cameras(left: int, right: int, id_right: int) -> dict[str, Sequence]:
    """Person 5 walks through both cameras, as 1 in the left result and as ``id_right`` in the right one."""
    return {
        "left": Sequence(rows(walk(5, range(1, left + 1))), rows(walk(1, range(1, left + 1)))),
        "right": Sequence(rows(walk(5, range(1, right + 1))), rows(walk(id_right, range(1, right + 1)))),
    }


def crowd(rng: np.random.Generator, people: int = 6, frames: int = 25) -> Sequence:
    """People who overlap and come and go; a result with misses, false boxes, noise and random changes of id."""
    truth: list[list[float]] = []
    result: list[list[float]] = []
    names = list(range(people))
    start = rng.uniform(0, 150, (people, 2))
    speed = rng.normal(0, 4, (people, 2))
    for frame in range(1, frames + 1):
        if rng.random() < 0.2:
            i, j = rng.integers(people, size=2)
            names[i], names[j] = names[j], names[i]
        if rng.random() < 0.1:
            names[rng.integers(people)] = max(names) + 1
        for person in range(people):
            box = [*(start[person] + frame * speed[person]), 40.0, 90.0]
            if rng.random() < 0.9:
                truth.append([frame, person, *box])
            if rng.random() < 0.85:
                result.append([frame, names[person], *(np.array(box) + rng.normal(0, 4, 4))])
        if rng.random() < 0.3:
            result.append([frame, 1000 + frame, *rng.uniform(0, 150, 2), 40.0, 90.0])
    return Sequence(from_table(truth), from_table(result))


def clear_view(rng: np.random.Generator, changes: float = 0.15, people: int = 5, frames: int = 30) -> Sequence:
    """People far from each other, so that no box can be taken for another's; each in view once, without a gap.

    Person 0 is seen and found in every frame, so that no frame is empty on one side.
    """
    truth: list[list[float]] = []
    result: list[list[float]] = []
    names = list(range(people))
    first = np.concatenate([[1], rng.integers(1, frames // 2, people - 1)])
    last = np.concatenate([[frames], rng.integers(frames // 2, frames + 1, people - 1)])
    for frame in range(1, frames + 1):
        if rng.random() < changes:
            i, j = rng.integers(people, size=2)
            names[i], names[j] = names[j], names[i]
        if rng.random() < changes:
            names[rng.integers(people)] = max(names) + 1
        for person in range(people):
            box = np.array([300.0 * person + frame, 0.0, 50.0, 120.0])
            seen = first[person] <= frame <= last[person]
            if seen:
                truth.append([frame, person, *box])
            if person == 0 or (seen and rng.random() < 0.75):
                far_off = 40.0 if person and rng.random() < 0.1 else 0.0
                result.append([frame, names[person], *(box + rng.normal(0, 2, 4) + [far_off, 0, 0, 0])])
        if rng.random() < 0.2:
            result.append([frame, float(rng.integers(1000, 1003)), -500.0, 0.0, 50.0, 120.0])
    return Sequence(from_table(truth), from_table(result))


def from_table(table: list[list[float]]) -> Annotations:
    array = np.array(table, dtype=np.float64).reshape(-1, 6)
    return Annotations(array[:, 0].astype(np.int64), array[:, 1].astype(np.int64), array[:, 2:])
