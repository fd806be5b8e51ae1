"""Everything that can be set about a training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from reid.training.augment import AugmentSettings
from reid.training.schedule import ScheduleSettings


class TrainSettings(BaseModel, frozen=True, extra="forbid"):
    """One training.

    Attributes:
        architecture: a key of `reid.osnet.ARCHITECTURES`.
        weights: checkpoint to start from; fresh weights when None.
        epochs: passes over the training set.
        half_size_epochs: of these, the first ones that see pictures of half the height and width, at a third of
            the cost.
        height: of the input, pixels.
        width: of the input, pixels.
        sampler: "random" pictures, or "identity": batches of ``batch / images`` people with ``images`` pictures.
        batch: pictures of a step.
        images: K of the identity sampler.
        loss: "softmax" is classification with label smoothing; "triplet" is batch-hard; "contrastive" weighs each
            picture of a batch against all others; or the sum of the first and one of the others.
        label_smoothing: share of the target that all classes share (Szegedy et al., CVPR 2016).
        margin: of the triplets, between unit vectors; 0 is the soft margin.
        temperature: of the contrastive loss.
        metric_weight: of triplets or contrast in the sum.
        optimiser: "amsgrad" (Reddi et al., ICLR 2018), "adamw" or "sgd" with momentum .9.
        rate: learning rate at its highest.
        weight_decay: as the optimiser understands it.
        schedule: of the learning rate.
        frozen_epochs: first epochs in which only the classifier learns; for fine-tuning.
        clip: largest norm of the gradient; 0 does not clip.
        average: decay of the exponential moving average of the weights, which is validated and saved; 0 is off.
        precision: of the forward pass; "auto" takes bf16 or f16 where the device has them.
        augment: of the pictures.
        validate_every: epochs between validations.
        patience: validations without a better mAP before the training ends early; 0 goes to the end.
        checkpoint_minutes: between two checkpoints inside an epoch.
        threads: that read pictures; None is one for each core but one, at most eight.
        seed: of everything.
    """

    architecture: str = "osnet_x0_25"
    weights: str | None = None
    epochs: int = Field(60, ge=1)
    half_size_epochs: int = Field(0, ge=0)
    height: int = Field(256, ge=64, multiple_of=16)
    width: int = Field(128, ge=32, multiple_of=16)
    sampler: Literal["random", "identity"] = "random"
    batch: int = Field(64, ge=2)
    images: int = Field(4, ge=2)
    loss: Literal["softmax", "triplet", "contrastive", "softmax+triplet", "softmax+contrastive"] = "softmax"
    label_smoothing: float = Field(0.1, ge=0.0, lt=1.0)
    margin: float = Field(0.3, ge=0.0, le=2.0)
    temperature: float = Field(0.1, ge=0.01, le=1.0)
    metric_weight: float = Field(1.0, gt=0.0)
    optimiser: Literal["amsgrad", "adamw", "sgd"] = "amsgrad"
    rate: float = Field(0.0015, gt=0.0)
    weight_decay: float = Field(5e-4, ge=0.0)
    schedule: ScheduleSettings = ScheduleSettings()
    frozen_epochs: int = Field(0, ge=0)
    clip: float = Field(5.0, ge=0.0)
    average: float = Field(0.0, ge=0.0, lt=1.0)
    precision: Literal["auto", "f32", "bf16", "f16"] = "auto"
    augment: AugmentSettings = AugmentSettings()
    validate_every: int = Field(5, ge=1)
    patience: int = Field(0, ge=0)
    checkpoint_minutes: Annotated[float, Field(gt=0.0)] = 5.0
    threads: int | None = Field(None, ge=1, le=64)
    seed: int = Field(1, ge=0)

    @model_validator(mode="after")
    def _fits(self) -> TrainSettings:
        from reid.osnet import ARCHITECTURES

        if self.architecture not in ARCHITECTURES:
            raise ValueError(f"architecture: {self.architecture}: choose one of {', '.join(ARCHITECTURES)}")
        if self.sampler == "identity" and self.batch % self.images:
            raise ValueError(f"batch: {self.batch} is no multiple of images: {self.images}")
        if self.loss != "softmax" and self.sampler != "identity":
            raise ValueError(f"sampler: {self.loss} needs pictures of one person in a batch: set it to identity")
        if self.half_size_epochs > self.epochs:
            raise ValueError(f"half_size_epochs: {self.half_size_epochs} is more than epochs: {self.epochs}")
        return self

    def size(self, epoch: int) -> tuple[int, int]:
        """Height and width of the pictures of an epoch, counted from 0."""
        if epoch < self.half_size_epochs:
            return self.height // 2, self.width // 2
        return self.height, self.width
