"""What a training went through, as JSON: one record an epoch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training set.

    Attributes:
        number: from 1.
        loss: mean over its steps.
        accuracy: share of pictures whose most likely class is right, before the step.
        rate: learning rate of its last step.
        rank1: of the validation set; None where it was not validated.
        mean_ap: mAP of the validation set; None where it was not validated.
    """

    number: int
    loss: float
    accuracy: float
    rate: float
    rank1: float | None = None
    mean_ap: float | None = None


@dataclass(slots=True)
class History:
    """Of a training.

    Attributes:
        epochs: equal for the same settings, data and machine, interrupted or not.
        images_per_second: of each epoch, validation not counted; depends on the hour.
    """

    epochs: list[Epoch] = field(default_factory=list)
    images_per_second: list[float] = field(default_factory=list)

    @property
    def best(self) -> Epoch | None:
        """The first epoch with the highest validation mAP."""
        validated = [epoch for epoch in self.epochs if epoch.mean_ap is not None]
        return max(validated, key=lambda epoch: epoch.mean_ap or 0.0, default=None)

    @property
    def validation(self) -> list[float]:
        """The mAP of each validation."""
        return [epoch.mean_ap for epoch in self.epochs if epoch.mean_ap is not None]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"epochs": [asdict(epoch) for epoch in self.epochs], "images_per_second": self.images_per_second}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> History:
        """The inverse of `to_dict`."""
        return cls([Epoch(**epoch) for epoch in data["epochs"]], list(data["images_per_second"]))

    def write(self, path: Path, about: dict[str, Any]) -> None:
        """Write JSON: ``about`` and the records."""
        path.write_text(json.dumps({**about, **self.to_dict()}, indent=1) + "\n", encoding="utf-8")
