"""The network, its optimiser and one step of training: everything that torch does."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from reid.crops import Image
from reid.errors import WeightsError
from reid.tracklets import FloatArray
from reid.training.batches import Batch
from reid.training.losses import batch_hard_triplet, contrastive
from reid.training.settings import TrainSettings

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from reid.osnet import OSNet

_EMBED_BATCH = 64


class Model:
    """An OSNet that learns.

    Args:
        settings: of the training.
        people: classes.
        device: "cpu" or "cuda".

    Attributes:
        network: the one that is trained.
        shown: the one to validate and to save: the average of the weights where they are averaged.
        precision: of the forward pass, chosen.

    Raises:
        WeightsError: if the checkpoint to start from does not fit.
    """

    def __init__(self, settings: TrainSettings, people: int, device: str) -> None:
        import torch

        from reid.osnet import IMAGENET_MEAN, IMAGENET_STD

        self._settings = settings
        self._device = torch.device(device)
        self._mean, self._std = (
            torch.tensor(colour, device=self._device).view(1, 3, 1, 1) * 255.0
            for colour in (IMAGENET_MEAN, IMAGENET_STD)
        )
        torch.manual_seed(settings.seed)
        self.network = _network(settings, people).to(self._device)
        _channels_last(self.network)
        self._average = copy.deepcopy(self.network).eval() if settings.average else None
        self._optimiser = _optimiser(settings, self.network)
        self.precision = _precision(settings, self._device)
        self._scaler = torch.amp.GradScaler(device, enabled=self.precision == "f16")
        self._steps = 0
        self._frozen = False

    @property
    def shown(self) -> OSNet:
        """The network whose weights count."""
        return self.network if self._average is None else self._average

    def step(self, batch: Batch, rate: float, *, frozen: bool) -> tuple[Tensor, Tensor]:
        """One step of the optimiser.

        Args:
            batch: what to learn from.
            rate: learning rate.
            frozen: whether the classifier alone learns.

        Returns:
            () loss, and () how many pictures were classified rightly, before the step.
        """
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._freeze(frozen)
        labels = self._to_device(batch.labels)
        with self._autocast():
            logits, features = self.network(self._normalised(batch.images))
        loss = self._loss(logits.float(), features, labels)
        self._optimiser.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if self._settings.clip:
            import torch

            self._scaler.unscale_(self._optimiser)
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self._settings.clip)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._steps += 1
        self._follow()
        return loss.detach(), (logits.detach().argmax(1) == labels).sum()

    def embed(self, pictures: Callable[[int, int], Image], count: int) -> FloatArray:
        """Unit features of ``count`` pictures by the weights that count.

        Args:
            pictures: gives (N, H, W, 3) uint8 BGR from one index to another one.
            count: of all.

        Returns:
            (count, 512) float32.
        """
        import torch

        rows = []
        network = self.shown.eval()
        with torch.inference_mode():
            for start in range(0, count, _EMBED_BATCH):
                images = self._normalised(pictures(start, min(start + _EMBED_BATCH, count)))
                with self._autocast():
                    features = network(images)
                rows.append(torch.nn.functional.normalize(features.float(), dim=1).cpu().numpy())
        self._learn()
        return np.concatenate(rows)

    def state(self) -> dict[str, Any]:
        """Everything an exact continuation needs."""
        return {
            "network": self.network.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "steps": self._steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.network.load_state_dict(state["network"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        self._steps = state["steps"]

    def weights(self) -> dict[str, Tensor]:
        """State dict of the weights that count, without the classifier."""
        state = self.shown.state_dict()
        return {key: value.detach().cpu().clone() for key, value in state.items() if "classifier" not in key}

    def _loss(self, logits: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        from torch.nn.functional import cross_entropy

        settings = self._settings
        losses = []
        if "softmax" in settings.loss:
            losses.append(cross_entropy(logits, labels, label_smoothing=settings.label_smoothing))
        weight = settings.metric_weight if losses else 1.0
        if "triplet" in settings.loss:
            losses.append(weight * batch_hard_triplet(features, labels, settings.margin))
        if "contrastive" in settings.loss:
            losses.append(weight * contrastive(features, labels, settings.temperature))
        return sum(losses[1:], losses[0])

    def _normalised(self, images: Image) -> Tensor:
        """(B, H, W, 3) uint8 BGR to (B, 3, H, W) as the network wants it, on the device, channels last."""
        import torch

        raw = self._to_device(images).permute(0, 3, 1, 2).flip(1).float()
        return ((raw - self._mean) / self._std).contiguous(memory_format=torch.channels_last)

    def _to_device(self, array: Any) -> Tensor:
        import torch

        tensor = torch.from_numpy(array)
        if self._device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self._device, non_blocking=True)

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        import torch

        if self.precision == "f32":
            return contextlib.nullcontext()
        kind = torch.bfloat16 if self.precision == "bf16" else torch.float16
        return torch.autocast(self._device.type, kind)

    def _freeze(self, frozen: bool) -> None:
        """A frozen base keeps its running statistics too."""
        if frozen != self._frozen:
            self._frozen = frozen
            self.network.requires_grad_(requires_grad=not frozen)
            if self.network.classifier is not None:
                self.network.classifier.requires_grad_(requires_grad=True)
            self._learn()

    def _learn(self) -> None:
        """Training mode; a frozen base stays in that of testing, apart from giving logits."""
        self.network.train(not self._frozen)
        self.network.training = True

    def _follow(self) -> None:
        """Move the average; in its first steps it follows faster, so that it forgets the random start."""
        if self._average is not None:
            decay = min(self._settings.average, (1 + self._steps) / (10 + self._steps))
            move_average(self._average, self.network, decay)


def move_average(average: nn.Module, network: nn.Module, kept: float) -> None:
    """Move an exponential moving average of weights and running statistics towards those of a network.

    Args:
        average: changed in place; a copy of the network, with the same names. Counts are not averaged but copied.
        network: what it follows.
        kept: share of itself that the average keeps, 0 to 1.
    """
    import torch

    new = network.state_dict()
    with torch.no_grad():
        for name, mean in average.state_dict().items():
            if mean.dtype.is_floating_point:
                mean.lerp_(new[name], 1.0 - kept)
            else:
                mean.copy_(new[name])


def _channels_last(network: nn.Module) -> None:
    """Convolutions are faster so, on CPUs and with tensor cores."""
    import torch

    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def _network(settings: TrainSettings, people: int) -> OSNet:
    from reid.osnet import create_osnet
    from reid.weights import find_weights, load_osnet

    network = create_osnet(settings.architecture, people)
    if settings.weights is not None:
        path = find_weights(settings.weights, setting="weights")
        if path.is_dir():
            raise WeightsError(f"{path}: a folder; weights: needs the checkpoint file to start from")
        start, _ = load_osnet(path, settings.architecture)
        network.load_state_dict(start.state_dict(), strict=False)
    return network.train()


def _optimiser(settings: TrainSettings, network: nn.Module) -> torch.optim.Optimizer:
    import torch

    parameters, rate, decay = list(network.parameters()), settings.rate, settings.weight_decay
    if settings.optimiser == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=0.9, weight_decay=decay)
    if settings.optimiser == "adamw":
        return torch.optim.AdamW(parameters, rate, weight_decay=decay, fused=True)
    return torch.optim.Adam(parameters, rate, weight_decay=decay, amsgrad=True, fused=True)


def _precision(settings: TrainSettings, device: torch.device) -> str:
    import torch

    if settings.precision != "auto":
        return settings.precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "f16"
    return "bf16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "f32"
