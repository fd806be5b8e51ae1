"""The training of a small YOLO on patches: network and loss are ultralytics', the loop is made for few CPU cores.

What it takes from the literature: AdamW with decoupled decay (Loshchilov and Hutter 2019), warm-up and a cosine
schedule (2017), an exponential moving average of the weights, mosaics (Bochkovskiy et al. 2020).
"""

from __future__ import annotations

import copy
import math
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detector_frames import Labelled
from benchmarks.detector_patches import patch, whole
from pipeline.detectors.yolo_runtimes import torch_device, ultralytics_imported
from pipeline.errors import ConfigError
from reid.training.model import move_average
from reid.training.schedule import ScheduleSettings, rate_share

NAME = "person_yolo26n.pt"
_SIZES = ((192, 22), (224, 16), (256, 12), (288, 10))  # side of the patches and how many make a batch
_CANVASES = ((384, 640), (480, 640), (512, 640))  # whole pictures: height, width
_WHOLES = 4  # of them in a batch
_WHOLE_FROM = 0.85  # of the steps; before, patches only
_WAITING = 4  # batches that are made ahead, about 10 MB each
_SAVED_EACH = 200  # steps
_LAST_RATE = 0.02  # as a share of the highest
_CLIPPED = 10.0  # norm of the gradient of one picture

Batch = dict[
    str, Any
]  # img (B, 3, H, W), and for each box batch_idx (N,), cls (N, 1), bboxes (N, 4) x y w h shares


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings of a training.

    Attributes:
        steps: batches.
        rate: the highest learning rate.
        warm_up: steps until that is reached.
        decay: of weights, not of biases and batch norms.
        average: share of the moving average that each step keeps, once there are many.
        seed: of the first weights and of the patches.
        threads: of torch.
        device: auto, cpu or cuda.
    """

    steps: int = 4000
    rate: float = 0.002
    warm_up: int = 200
    decay: float = 0.02
    average: float = 0.998
    seed: int = 0
    threads: int = 2
    device: str = "auto"


class Training:
    """One training, with its checkpoint in a folder.

    Args:
        plan: settings.
        sources: groups of pictures.
        shares: of each group in the patches.
        output: folder; a checkpoint in it is gone on from.
        start: weights to begin with, of a training like this; None: random ones.

    Raises:
        ConfigError: if the checkpoint in the folder is of another plan (steps, threads and device may differ), or
            the device is not there.
    """

    def __init__(
        self,
        plan: Plan,
        sources: Sequence[Sequence[Labelled]],
        shares: Sequence[float],
        output: Path,
        start: Path | None = None,
    ) -> None:
        import torch

        torch.set_num_threads(plan.threads)
        self._torch, self._plan, self._sources, self._output = torch, plan, sources, output
        self._shares = np.array(shares) / sum(shares)
        self._device = torch_device(plan.device)
        torch.manual_seed(plan.seed)
        self._model: Any = new_network().to(self._device, memory_format=torch.channels_last)
        if start is not None:
            self._model.load_state_dict(load_checkpoint(start)["model"].float().state_dict())
        self._average: Any = copy.deepcopy(self._model).requires_grad_(False)
        self._optimizer = torch.optim.AdamW(self._groups(), lr=plan.rate, betas=(0.9, 0.99))
        self._step = 0
        self._checkpoint = output / "checkpoint.pt"
        output.mkdir(parents=True, exist_ok=True)
        if self._checkpoint.exists():
            self._resume()

    def run(self) -> Path:
        """Train to the end; gives the file of the weights, in float16 and without what only training needs."""
        started, first, sums = time.perf_counter(), self._step, np.zeros(3)
        for batch in self._batches():
            sums = 0.98 * sums + 0.02 * self._train(batch)
            self._step += 1
            if self._step % 50 == 0:
                spent = (time.perf_counter() - started) / (self._step - first)
                mean = sums / (1 - 0.98 ** (self._step - first))
                print(
                    f"step {self._step}/{self._plan.steps}: box {mean[0]:.3f}, class {mean[1]:.3f}, "
                    f"l1 {mean[2]:.3f}; {spent:.2f} s a step",
                    flush=True,
                )
            if self._step % _SAVED_EACH == 0:
                self._save()
        self._save()
        return self.export(self._output / NAME)

    def export(self, path: Path) -> Path:
        """Write the averaged weights as an ultralytics checkpoint."""
        model = copy.deepcopy(self._average).cpu().half().eval()
        model.criterion = None
        model.args = dict(vars(model.args))
        checkpoint = {"model": model, "ema": None, "epoch": -1, "train_args": {}, "plan": asdict(self._plan)}
        self._torch.save(checkpoint, path)
        return path

    def _train(self, batch: Batch) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """One step; gives the parts of the loss: box, class, distances."""
        torch = self._torch
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        images = torch.from_numpy(batch["img"]).to(self._device).permute(0, 3, 1, 2).flip(1)
        images = images.float().div_(255).to(memory_format=torch.channels_last)
        boxes = {key: value.to(self._device) for key, value in batch.items() if key != "img"}
        self._model.train()
        with torch.autocast(self._device.type, torch.bfloat16):
            predicted = self._model(images)
        predicted = _in_float32(predicted)
        loss, parts = self._model.loss(boxes | {"img": images}, predicted)
        self._optimizer.zero_grad(set_to_none=True)
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), _CLIPPED * len(images))
        self._optimizer.step()
        self._follow()
        return np.array([float(part) for part in parts.values()])

    def _follow(self) -> None:
        """Move the average towards the weights; quickly at first."""
        kept = self._plan.average * (1 - math.exp(-(self._step + 1) / 300))
        move_average(self._average, self._model, kept)

    def _rate(self) -> float:
        """Of the step; the schedule counts steps here, not epochs."""
        schedule = ScheduleSettings(course="cosine", warmup=self._plan.warm_up, floor=_LAST_RATE)
        return self._plan.rate * rate_share(schedule, self._step, self._plan.steps)

    def _groups(self) -> list[dict[str, Any]]:
        decayed = [value for value in self._model.parameters() if value.ndim > 1]
        free = [value for value in self._model.parameters() if value.ndim <= 1]
        return [{"params": decayed, "weight_decay": self._plan.decay}, {"params": free, "weight_decay": 0.0}]

    def _batches(self) -> Iterator[Batch]:
        """The batches from here to the last, made by a thread beside; at most `_WAITING` wait."""
        made: queue.Queue[Batch | BaseException | None] = queue.Queue(_WAITING)
        stopped = threading.Event()

        def make() -> None:
            try:
                for step in range(self._step, self._plan.steps):
                    if stopped.is_set():
                        return
                    made.put(self._batch(step))
                made.put(None)
            except BaseException as error:
                made.put(error)

        thread = threading.Thread(target=make, name="patches", daemon=True)
        thread.start()
        try:
            while (batch := made.get()) is not None:
                if isinstance(batch, BaseException):
                    raise batch
                yield batch
        finally:
            stopped.set()
            while thread.is_alive():  # it may wait for room
                while not made.empty():
                    made.get()
                thread.join(0.05)

    def _batch(self, step: int) -> Batch:
        """The batch of a step, the same whenever it is made."""
        rng = np.random.default_rng([self._plan.seed, step])
        if step >= _WHOLE_FROM * self._plan.steps:
            canvas = _CANVASES[int(rng.integers(len(_CANVASES)))]
            pairs = [whole(self._source(rng), canvas, rng) for _ in range(_WHOLES)]
        else:
            size, count = _SIZES[int(rng.integers(len(_SIZES)))]
            pairs = [patch(self._source(rng), size, rng) for _ in range(count)]
        return collated(pairs)

    def _source(self, rng: np.random.Generator) -> Sequence[Labelled]:
        return self._sources[int(rng.choice(len(self._sources), p=self._shares))]

    def _save(self) -> None:
        """Replace the checkpoint, whole or not at all."""
        state = {
            "plan": asdict(self._plan),
            "step": self._step,
            "model": self._model.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        part = self._checkpoint.with_suffix(".part")
        self._torch.save(state, part)
        part.replace(self._checkpoint)

    def _resume(self) -> None:
        state = self._torch.load(self._checkpoint, map_location=self._device, weights_only=True)
        free = dict.fromkeys(("steps", "threads", "device"))  # what may change on the way
        mine, its = (plan | free for plan in (asdict(self._plan), state["plan"]))
        if mine != its:
            raise ConfigError(
                f"{self._checkpoint}: of another training ({its}); choose another --output or delete it"
            )
        self._step = state["step"]
        self._model.load_state_dict(state["model"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])


def new_network() -> Any:
    """YOLO26n for people, with random weights and its first head only, whose boxes have to be suppressed.

    The other, which needs no suppression, makes a step a fifth more work, and came out less good where it was
    added for the last quarter of a training: docs/detector.md.
    """
    with ultralytics_imported():
        from ultralytics.cfg import get_cfg
        from ultralytics.nn.tasks import DetectionModel, yaml_model_load
    layout: dict[str, Any] = yaml_model_load("yolo26n.yaml")  # type: ignore[no-untyped-call]
    model: Any = DetectionModel({**layout, "end2end": False}, nc=1, verbose=False)  # type: ignore[no-untyped-call]
    model.names = {0: "person"}
    model.args = get_cfg()
    return model


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What ultralytics saved, or `Training.export`; no code of the file is run."""
    with ultralytics_imported():
        from ultralytics.nn.tasks import torch_safe_load
    checkpoint, _ = torch_safe_load(str(path.resolve()), safe_only=True)  # type: ignore[no-untyped-call]
    return dict(checkpoint)


def collated(pairs: Sequence[tuple[Any, Any]]) -> Batch:
    """Pictures (H, W, 3) of one size with their boxes x1 y1 x2 y2, as a batch."""
    import torch

    height, width = pairs[0][0].shape[:2]
    boxes = np.concatenate([boxes for _, boxes in pairs])
    whose = np.repeat(np.arange(len(pairs)), [len(boxes) for _, boxes in pairs])
    middles, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    rows = np.concatenate([middles, sizes], 1) / np.array([width, height, width, height])
    return {
        "img": np.stack([image for image, _ in pairs]),
        "batch_idx": torch.from_numpy(whose.astype(np.float32)),
        "cls": torch.zeros(len(boxes), 1),
        "bboxes": torch.from_numpy(rows.astype(np.float32)),
    }


def _in_float32(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_float32(one) for key, one in value.items()}
    return [_in_float32(one) for one in value] if isinstance(value, list) else value.float()
