"""The training loop: epochs of steps, validations, checkpoints from which it goes on exactly."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reid.crops import Image
from reid.errors import DataError
from reid.tracklets import FloatArray
from reid.training.batches import Reader, identity_batches, random_batches
from reid.training.data import CropSet, Labels
from reid.training.evaluate import SearchSet, score
from reid.training.history import Epoch, History
from reid.training.model import Model
from reid.training.schedule import rate_share
from reid.training.settings import TrainSettings

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

CHECKPOINT, HISTORY = "checkpoint.pt", "history.json"
_MOST_THREADS = 8
_LOOK = 10  # steps between two looks at the loss, for which a GPU has to wait


@dataclass(slots=True, eq=False)
class _Progress:
    """Where the training is.

    Attributes:
        epoch: running, from 0.
        step: of the epoch, the next one.
        loss: sum over the epoch's steps, on the device.
        right: pictures classified rightly in the epoch, on the device.
        seen: pictures of the epoch.
        seconds: of the epoch so far.
    """

    epoch: int = 0
    step: int = 0
    loss: Tensor | float = 0.0
    right: Tensor | int = 0
    seen: int = 0
    seconds: float = 0.0


class _Shown:
    """The weights that count, as a network that is scored; see `reid.training.embedding.Network`."""

    def __init__(self, model: Model, epoch: int, size: tuple[int, int]) -> None:
        self.name, self.description, self.size = f"epoch {epoch}", model.precision, size
        self._model = model

    def embed(self, batch: Image) -> FloatArray:
        """(N, *size, 3) uint8 BGR -> (N, 512) float32 unit rows."""
        return self._model.embed(lambda first, last: batch[first:last], len(batch))


class Training:
    """Trains one network.

    Args:
        settings: of everything.
        crops: to learn from; identities from 0 as `reid.training.data.merge` numbers them.
        validation: scored every few epochs; None does without, and without stopping early.
        folder: for checkpoint, history and weights; must exist.
        device: "cpu" or "cuda".

    Raises:
        DataError: if the set is too small, or the folder holds the checkpoint of another training.
        WeightsError: if the checkpoint to start from does not fit.
    """

    def __init__(
        self, settings: TrainSettings, crops: CropSet, validation: SearchSet | None, folder: Path, device: str
    ) -> None:
        _check(settings, crops, validation)
        self.settings = settings
        self.crops = crops
        self.history = History()
        self.model = Model(settings, crops.people, device)
        self._validation = validation
        self._folder = folder
        self._progress = _Progress()
        self._about = _about(settings, crops, validation)
        self._restore()

    @property
    def speed(self) -> float:
        """Images a second of the running epoch."""
        return self._progress.seen / max(self._progress.seconds, 1e-9)

    @property
    def resumed(self) -> str:
        """Where it goes on, in words; empty for a fresh start."""
        progress = self._progress
        if self._stalled() or progress.epoch == self.settings.epochs:
            return f"is complete after epoch {progress.epoch}"
        if progress.epoch or progress.step:
            return f"goes on at epoch {progress.epoch + 1}, step {progress.step + 1}"
        return ""

    def run(
        self,
        on_step: Callable[[int, int, float], None],
        on_epoch: Callable[[Epoch], None],
        stop: Callable[[], bool],
    ) -> History:
        """Train to the end, or until asked to stop; either way the checkpoint is written.

        Args:
            on_step: called after each step with its number from 1, the epoch's steps and the mean loss so far
                (nan when it is not looked at, which would make a GPU wait).
            on_epoch: called after each epoch.
            stop: asked after each step.

        Raises:
            DataError: if a picture cannot be read.
            WeightsError: if the training diverged, so that it cannot be validated.
        """
        settings = self.settings
        reader = Reader(self.crops, settings.augment, settings.seed, reading_threads(settings))
        try:
            while self._progress.epoch < settings.epochs and not self._stalled():
                if not self._one_epoch(reader, on_step, stop):
                    break
                on_epoch(self.history.epochs[-1])
        finally:
            reader.close()
        return self.history

    def _one_epoch(
        self, reader: Reader, on_step: Callable[[int, int, float], None], stop: Callable[[], bool]
    ) -> bool:
        """The rest of the running epoch; False if it was stopped before its end."""
        progress, settings = self._progress, self.settings
        batches = self._batches(progress.epoch)
        before, saved = progress.seconds, time.monotonic()
        started, rate = saved, 0.0
        for batch in reader.read(batches, progress.epoch, progress.step, settings.size(progress.epoch)):
            rate = self._rate(progress.epoch + progress.step / len(batches))
            loss, right = self.model.step(batch, rate, frozen=progress.epoch < settings.frozen_epochs)
            progress.loss = progress.loss + loss
            progress.right = progress.right + right
            progress.seen += len(batch.labels)
            progress.step += 1
            now = time.monotonic()
            progress.seconds = before + now - started
            ended = progress.step == len(batches)
            looked_at = ended or progress.step % _LOOK == 0
            on_step(progress.step, len(batches), float(progress.loss) / progress.step if looked_at else math.nan)
            if not ended and stop():
                self._save()
                return False
            if not ended and now - saved > 60.0 * settings.checkpoint_minutes:
                self._save()
                saved = time.monotonic()
        self._end_epoch(rate)
        return True

    def _end_epoch(self, rate: float) -> None:
        progress, settings = self._progress, self.settings
        loss, accuracy = float(progress.loss) / progress.step, float(progress.right) / progress.seen
        record = Epoch(progress.epoch + 1, loss, accuracy, rate)
        last = record.number == settings.epochs
        if self._validation is not None and (last or record.number % settings.validate_every == 0):
            shown = _Shown(self.model, record.number, settings.size(progress.epoch))
            rank1, mean_ap = score(shown, self._validation)
            record = replace(record, rank1=rank1, mean_ap=mean_ap)
        self.history.epochs.append(record)
        self.history.images_per_second.append(round(progress.seen / max(progress.seconds, 1e-9), 1))
        self._progress = _Progress(record.number)
        if self.history.best in (None, record):
            self._write_weights("best.pth" if record.mean_ap is not None else "last.pth")
        if last:
            self._write_weights("last.pth")
        self.history.write(self._folder / HISTORY, self._about)
        self._save()

    def _batches(self, epoch: int) -> list[Labels]:
        settings = self.settings
        rng = np.random.default_rng((settings.seed, epoch))
        if settings.sampler == "random":
            return random_batches(len(self.crops), settings.batch, rng)
        people = settings.batch // settings.images
        return identity_batches(self.crops, people, settings.images, rng)

    def _rate(self, epoch: float) -> float:
        settings = self.settings
        return settings.rate * rate_share(settings.schedule, epoch, settings.epochs, self.history.validation)

    def _stalled(self) -> bool:
        """Whether the last validations were no better than the one before them."""
        scores, patience = self.history.validation, self.settings.patience
        return bool(patience) and len(scores) > patience and max(scores[-patience:]) <= max(scores[:-patience])

    def _write_weights(self, name: str) -> None:
        import torch

        path = self._folder / name
        torch.save({"state_dict": self.model.weights(), "architecture": self.settings.architecture}, path)

    def _save(self) -> None:
        """Replace the checkpoint in one go: a kill while it is written leaves the old one."""
        import torch

        progress = self._progress
        state = {
            "about": self._about,
            "history": self.history.to_dict(),
            "model": self.model.state(),
            "progress": [
                progress.epoch,
                progress.step,
                float(progress.loss),
                int(progress.right),
                progress.seen,
                progress.seconds,
            ],
        }
        part = self._folder / (CHECKPOINT + ".part")
        torch.save(state, part)
        part.replace(self._folder / CHECKPOINT)

    def _restore(self) -> None:
        import torch

        path = self._folder / CHECKPOINT
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            about, history, model = state["about"], state["history"], state["model"]
        except Exception as error:
            raise DataError(
                f"{path}: not a checkpoint that can be read ({error}); remove it to start anew"
            ) from error
        changed = [key for key, value in self._about.items() if about.get(key) != value]
        if changed:
            raise DataError(
                f"{path}: checkpoint of another training ({', '.join(changed)} differ); repeat the settings and "
                "data of the first start, or choose another --output"
            )
        self.model.restore(model)
        self.history = History.from_dict(history)
        epoch, step, loss, right, seen, seconds = state["progress"]
        self._progress = _Progress(epoch, step, loss, right, seen, seconds)


def reading_threads(settings: TrainSettings) -> int:
    """As configured, else one for each core but one."""
    return settings.threads or max(1, min(_MOST_THREADS, (os.cpu_count() or 2) - 1))


def _about(settings: TrainSettings, crops: CropSet, validation: SearchSet | None) -> dict[str, Any]:
    """What has to be the same for a continuation; threads and the times of checkpoints need not."""
    free = {"threads", "checkpoint_minutes"}
    plain = json.loads(settings.model_dump_json(exclude=free))
    about = {"settings": plain, "training": str(crops)}
    if validation is not None:
        about["validation"] = str(validation)
    return about


def _check(settings: TrainSettings, crops: CropSet, validation: SearchSet | None) -> None:
    if crops.people < 2:
        raise DataError(f"{crops.name}: shows {crops.people} person; training needs at least two")
    if len(crops) < settings.batch:
        raise DataError(
            f"{crops.name}: {len(crops)} pictures do not fill a batch of {settings.batch}; "
            "give more pictures, or --set batch=N"
        )
    if validation is None and (settings.patience or settings.schedule.course == "plateau"):
        raise DataError("patience and the plateau course need a validation set: give --validate FOLDER")
