"""The embedders whose rows the sequences carry, from weak to strong, behind the program's own interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.streams import DATA, EMBEDDER
from reid.crops import CropBatch, Image
from reid.embedder import Embedder, OsnetSettings, StripesSettings
from reid.tracklets import FloatArray
from reid.training.embedding import load_network, unit_rows

INTEL = DATA / "weights/omz/person-reidentification-retail-0287/person-reidentification-retail-0287.xml"
NAMES = ("msmt17", "intel0287", "histogram", "shipped")


class PicturesEmbedder:
    """A re-identification model of others (BGR from 0 to 255), in single precision; see `Embedder`."""

    def __init__(self, weights: str) -> None:
        self._network, self._crops = load_network(weights), CropBatch()
        self.batches = 0
        self.dimension = self._network.embed(np.zeros((1, *self._network.size, 3), np.uint8)).shape[1]

    def embed(self, images: Sequence[Image], boxes: Sequence[FloatArray]) -> list[FloatArray]:
        """See `Embedder.embed`."""
        crops = self._crops.fill(images, boxes)
        rows = np.zeros((0, self.dimension), np.float32)
        if len(crops):
            rows = unit_rows(self._network.embed(crops))
            self.batches += 1
        return np.split(rows, np.cumsum([len(part) for part in boxes])[:-1])

    def close(self) -> None:
        """Nothing to release but memory, which goes with the object."""


def build_embedders() -> Mapping[str, Embedder]:
    """Every embedder of `NAMES`.

    Raises:
        WeightsError: if weights are absent; names the file.
    """
    return {
        "msmt17": OsnetSettings(weights=str(EMBEDDER)).build(),
        "intel0287": PicturesEmbedder(str(INTEL)),
        "histogram": StripesSettings().build(),
        "shipped": OsnetSettings().build(),
    }
