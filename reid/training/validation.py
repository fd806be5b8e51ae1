"""People the training never sees, and how well they are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reid.tracklets import FloatArray
from reid.training.batches import read_resized
from reid.training.data import CropSet, read_crops
from reid.training.model import Model
from reid.training.ranking import rank1_and_map


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """A set to validate on; pictures of one person and camera do not count as matches.

    Attributes:
        query: looked for.
        gallery: looked in.
    """

    query: CropSet
    gallery: CropSet

    def __str__(self) -> str:
        return f"query {self.query}; gallery {self.gallery}"

    def score(self, model: Model, size: tuple[int, int]) -> tuple[float, float]:
        """Rank-1 and mAP of a model at an input size, both from 0 to 1."""
        query = features_of(model, self.query, size)
        gallery = query if self.gallery is self.query else features_of(model, self.gallery, size)
        return rank1_and_map(query, self.query, gallery, self.gallery)


def read_validation(source: str) -> Validation:
    """A folder that holds query/ and bounding_box_test/ as Market-1501 does, or one of crops, each looked for.

    Args:
        source: as for `read_crops`.

    Raises:
        DataError: if it is neither, or nobody is in two cameras.
    """
    folder = Path(source)
    if (folder / "query").is_dir() and (folder / "bounding_box_test").is_dir():
        return Validation(read_crops(folder / "query"), read_crops(folder / "bounding_box_test"))
    crops = read_crops(source)
    return Validation(crops, crops)


def features_of(model: Model, crops: CropSet, size: tuple[int, int]) -> FloatArray:
    """(N, 512) unit features."""
    return model.embed(lambda first, last: read_resized(crops, np.arange(first, last), size), len(crops))
