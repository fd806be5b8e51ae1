"""Which pictures make up each batch of an epoch, and the threads that read them ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from reid.crops import Image
from reid.pictures import read_picture
from reid.training.augment import AugmentSettings, augment, resize
from reid.training.data import CropSet, Labels

_AHEAD = 4  # batches read before they are wanted: at 64 crops of 256x128, 25 MB


def random_batches(count: int, size: int, rng: np.random.Generator) -> list[Labels]:
    """Every picture once, in random order; a last batch that is not full is left out, unless it is the only one.

    Args:
        count: pictures.
        size: of a batch.
        rng: of the order.
    """
    order = rng.permutation(count)
    whole = max(count - count % size, min(count, size))
    return [order[start : start + size] for start in range(0, whole, size)]


def identity_batches(crops: CropSet, people: int, images: int, rng: np.random.Generator) -> list[Labels]:
    """P x K batches (Hermans et al. 2017): ``people`` groups of ``images`` pictures, each group of one person.

    A batch holds people of one source: those of another one differ in so much else that nothing is learned from
    telling them apart. Where a source has too few for a batch, all of it is one.

    Every picture is used at least once an epoch, apart from those of a last batch that is not full; who has fewer
    than ``images`` pictures is shown again.

    Args:
        crops: the training set.
        people: P.
        images: K.
        rng: of everything.
    """
    batches: list[Labels] = []
    for source in np.unique(crops.sources):
        mine = np.flatnonzero(crops.sources == source)
        batches.extend(mine[batch] for batch in _one_source(crops.identities[mine], people, images, rng))
    return [batches[place] for place in rng.permutation(len(batches))]


def _one_source(labels: Labels, people: int, images: int, rng: np.random.Generator) -> list[Labels]:
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=labels[order][:1] - 1))
    groups: list[Labels] = []
    for mine in np.split(order, starts[1:]):
        missing = -len(mine) % images
        more = rng.choice(mine, missing, replace=missing > len(mine))
        groups.extend(np.concatenate([rng.permutation(mine), more]).reshape(-1, images))
    shuffled = [groups[place] for place in rng.permutation(len(groups))]
    whole = max(len(shuffled) - len(shuffled) % people, min(len(shuffled), people))
    return [np.concatenate(shuffled[start : start + people]) for start in range(0, whole, people)]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one step learns from.

    Attributes:
        images: (B, H, W, 3) uint8 BGR.
        labels: (B,) int64 from 0.
    """

    images: Image
    labels: Labels


class Reader:
    """Reads and augments batches with threads, ahead of use; the same seed gives the same pictures.

    Pacing: at most `_AHEAD` batches wait, so memory is bounded by them. Decoding and resampling release the GIL.

    Args:
        crops: the training set; identities are labels from 0.
        augmentation: what is done to each picture.
        seed: of all randomness; a picture's view depends on it, the epoch and the place in the epoch alone.
        threads: that read.
    """

    def __init__(self, crops: CropSet, augmentation: AugmentSettings, seed: int, threads: int) -> None:
        self._crops = crops
        self._augmentation = augmentation
        self._seed = seed
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="crops")
        self._opencv_threads = cv2.getNumThreads()
        cv2.setNumThreads(1)  # a crop is too small to share; OpenCV's own threads would only hold up torch's

    def read(self, batches: Sequence[Labels], epoch: int, first: int, size: tuple[int, int]) -> Iterator[Batch]:
        """The batches of an epoch from number ``first`` on.

        Args:
            batches: indices of the pictures of each.
            epoch: its number, for the randomness.
            first: batches to skip, after an interruption.
            size: height and width of the pictures.

        Raises:
            DataError: if a picture cannot be read.
        """
        waiting: deque[tuple[Labels, list[Future[Image]]]] = deque()
        starts = np.cumsum([0, *map(len, batches)])
        try:
            for number in range(first, len(batches) + _AHEAD):
                if number < len(batches):
                    chosen = batches[number]
                    keys = enumerate(chosen, int(starts[number]))
                    waiting.append(
                        (chosen, [self._pool.submit(self._view, int(i), epoch, place, size) for place, i in keys])
                    )
                if number - first >= _AHEAD - 1 and waiting:
                    chosen, views = waiting.popleft()
                    yield Batch(np.stack([view.result() for view in views]), self._crops.identities[chosen])
            while waiting:
                chosen, views = waiting.popleft()
                yield Batch(np.stack([view.result() for view in views]), self._crops.identities[chosen])
        finally:
            for _, views in waiting:
                for view in views:
                    view.cancel()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(self._opencv_threads)

    def _view(self, index: int, epoch: int, place: int, size: tuple[int, int]) -> Image:
        rng = np.random.default_rng((self._seed, epoch, place))
        return augment(read_picture(self._crops.paths[index]), size, self._augmentation, rng)


def read_resized(crops: CropSet, chosen: npt.NDArray[np.int64], size: tuple[int, int]) -> Image:
    """(N, *size, 3) uint8 BGR pictures as they are.

    Raises:
        DataError: if one cannot be read.
    """
    return np.stack([resize(read_picture(crops.paths[index]), size) for index in chosen])
