"""The learning rate over a training, as a share of the configured one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field


class ScheduleSettings(BaseModel, frozen=True, extra="forbid"):
    """Warm-up, and then one of four courses.

    Attributes:
        course: "cosine" down to ``floor`` at the end (Loshchilov and Hutter, ICLR 2017), "step" by ``decay`` at
            each of ``steps``, "plateau" by ``decay`` when validation did not improve, or "constant".
        warmup: epochs in which the rate rises from a hundredth.
        floor: share of the rate at the end of a cosine.
        steps: shares of all epochs after which a step comes.
        decay: factor of a step.
        patience: epochs without a better validation mAP before a step of "plateau".
    """

    course: Literal["cosine", "step", "plateau", "constant"] = "cosine"
    warmup: float = Field(1.0, ge=0.0)
    floor: float = Field(0.01, ge=0.0, le=1.0)
    steps: tuple[float, ...] = (0.43, 0.64, 0.86)
    decay: float = Field(0.1, gt=0.0, lt=1.0)
    patience: int = Field(5, ge=1)


def rate_share(settings: ScheduleSettings, epoch: float, epochs: int, validation: Sequence[float] = ()) -> float:
    """Share of the configured rate.

    Args:
        settings: the course.
        epoch: passed so far, with its fraction.
        epochs: of the whole training.
        validation: mAP after each epoch that was validated, for "plateau".
    """
    if epoch < settings.warmup:
        return max(0.01, epoch / settings.warmup)
    if settings.course == "cosine":
        through = (epoch - settings.warmup) / max(epochs - settings.warmup, 1e-9)
        return settings.floor + (1.0 - settings.floor) * 0.5 * (1.0 + math.cos(math.pi * min(through, 1.0)))
    if settings.course == "step":
        return float(settings.decay ** sum(epoch >= share * epochs for share in settings.steps))
    if settings.course == "plateau":
        return float(settings.decay ** _stalls(validation, settings.patience))
    return 1.0


def _stalls(scores: Sequence[float], patience: int) -> int:
    """How often ``patience`` scores in a row were no better than the best before them."""
    best, waited, stalls = -math.inf, 0, 0
    for score in scores:
        if score > best:
            best, waited = score, 0
        else:
            waited += 1
        if waited == patience:
            stalls, waited = stalls + 1, 0
    return stalls
