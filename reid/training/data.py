"""Labelled crops of people in folders: the naming of Market-1501, of CUHK and of `python -m world crops`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from reid.errors import DataError
from reid.pictures import SUFFIXES

Labels = npt.NDArray[np.int64]

# 0002_c1s1_000451_03.jpg (Market-1501), 0486_c2_03.jpg (CUHK, world); -1 is junk, which detectors produced.
_NAME: Final = re.compile(r"(-?\d+)_c(\d+)(?!\d)")
_JUNK: Final = -1
_SHOWN: Final = 3  # names in a message


@dataclass(frozen=True, slots=True, eq=False)
class CropSet:
    """Pictures and who they show.

    Attributes:
        name: of the set, for tables and messages.
        paths: (N) files.
        identities: (N,) int64 number of the person, as in the file's name.
        cameras: (N,) int64 number of the camera.
        sources: (N,) int64 number of the set in a merged one; people of one look alike in light and sharpness.
    """

    name: str
    paths: tuple[Path, ...]
    identities: Labels
    cameras: Labels
    sources: Labels

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def people(self) -> int:
        """Different identities."""
        return len(np.unique(self.identities))

    def select(self, chosen: npt.NDArray[np.bool_] | Labels, name: str | None = None) -> CropSet:
        """The pictures of a mask (N,) or of indices."""
        places = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        paths = tuple(self.paths[place] for place in places)
        labels = self.identities[places], self.cameras[places], self.sources[places]
        return CropSet(name or self.name, paths, *labels)

    def repeat(self, times: int) -> CropSet:
        """The set with every picture so many times."""
        if times == 1:
            return self
        return self.select(np.tile(np.arange(len(self)), times), f"{self.name}*{times}")

    def once(self) -> CropSet:
        """The set with every picture once, whatever it was repeated."""
        _, firsts = np.unique([str(path) for path in self.paths], return_index=True)
        return self.select(np.sort(firsts))

    def __str__(self) -> str:
        cameras = len(np.unique(self.cameras))
        return f"{self.name}: {len(self)} pictures, {self.people} people, {cameras} cameras"


def read_crops(source: str | Path) -> CropSet:
    """The pictures of one folder, sorted by name; junk (identity -1) is left out.

    Args:
        source: a folder, or FOLDER:FIRST-LAST for the identities of that range, both included.

    Raises:
        DataError: if there is no such folder, no picture in it, a name without identity and camera, or nobody
            in the range.
    """
    folder, wanted = _split(source)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give a folder of crops named like 0002_c1s1_000451_03.jpg")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    found = [_NAME.match(path.name) for path in paths]
    strange = [path.name for path, match in zip(paths, found, strict=True) if match is None]
    if strange:
        raise DataError(
            f"{folder}: {len(strange)} of {len(paths)} names do not begin with identity and camera, like "
            f"0002_c1s1_000451_03.jpg: {', '.join(strange[:_SHOWN])}; rename or remove them"
        )
    pairs = [(int(match[1]), int(match[2])) for match in found if match is not None]
    labels = np.array(pairs, np.int64).reshape(-1, 2)
    kept = labels[:, 0] != _JUNK
    if wanted is not None:
        kept &= (labels[:, 0] >= wanted[0]) & (labels[:, 0] <= wanted[1])
    if not kept.any():
        raise DataError(f"{source}: no pictures; {_remedy(folder, labels)}")
    everything = CropSet(_short_name(folder, wanted), tuple(paths), labels[:, 0], labels[:, 1], labels[:, 1] * 0)
    return everything.select(kept)


def merge(sets: Sequence[CropSet], *, same_people: bool = False) -> CropSet:
    """Several sets as one for training: people numbered from 0 in a row, cameras kept apart.

    Args:
        sets: at least one.
        same_people: whether a number means the same person in all sets (labelled and detected boxes of one data
            set); else each set has people and cameras of its own.
    """
    name = " + ".join(crops.name for crops in sets)
    identities, cameras, sources = [], [], []
    first_identity = first_camera = 0
    for number, crops in enumerate(sets):
        sources.append(np.full(len(crops), 0 if same_people else number, np.int64))
        identities.append(crops.identities + first_identity)
        cameras.append(crops.cameras + first_camera)
        if not same_people:
            first_identity = int(identities[-1].max()) + 1
            first_camera = int(cameras[-1].max()) + 1
    paths = tuple(path for crops in sets for path in crops.paths)
    _, labels = np.unique(np.concatenate(identities), return_inverse=True)
    return CropSet(name, paths, labels.astype(np.int64), np.concatenate(cameras), np.concatenate(sources))


def hold_out(crops: CropSet, share: float) -> tuple[CropSet, CropSet]:
    """The set without some of its people, and those: spread evenly over the numbers.

    Args:
        crops: of many people.
        share: of the people, to hold out.
    """
    people = np.unique(crops.identities)
    places = np.arange(len(people))
    chosen = people[np.floor((places + 1) * share) > np.floor(places * share)]
    held = np.isin(crops.identities, chosen)
    return crops.select(~held), crops.select(held, f"{crops.name}, held out")


def _split(source: str | Path) -> tuple[Path, tuple[int, int] | None]:
    match = re.fullmatch(r"(.+):(\d+)-(\d+)", str(source))
    if match is None or Path(source).is_dir():
        return Path(source), None
    return Path(match[1]), (int(match[2]), int(match[3]))


def _short_name(folder: Path, wanted: tuple[int, int] | None) -> str:
    name = "/".join(folder.absolute().parts[-2:])
    return name if wanted is None else f"{name}:{wanted[0]}-{wanted[1]}"


def _remedy(folder: Path, labels: Labels) -> str:
    if len(labels):
        return f"its identities go from {labels[:, 0].min()} to {labels[:, 0].max()}"
    inside = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if inside:
        return f"give one of the folders in it: {', '.join(inside[:8])}"
    return "give a folder of .jpg or .png files"
