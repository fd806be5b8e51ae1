"""OSNet, the omni-scale network for person re-identification.

Zhou et al., "Omni-Scale Feature Learning for Person Re-Identification", ICCV 2019 (osnet_x*), with instance
normalisation after Pan et al., ECCV 2018 (osnet_ibn_x*) or placed by architecture search: Zhou et al., "Learning
Generalisable Omni-Scale Representations for Person Re-Identification", TPAMI 2021 (osnet_ain_x*).

Modules are named as in torchreid, so that its published checkpoints load strictly. This is the only module of the
package that imports torch when it is imported itself; everybody else imports it inside a function.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

import torch
from torch import Tensor, nn

FEATURE_DIMENSION: Final = 512
IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)  # RGB, of values in [0, 1]
IMAGENET_STD: Final = (0.229, 0.224, 0.225)

_STREAMS: Final = 4  # T of equation 2: receptive fields 3, 5, 7 and 9
_BOTTLENECK: Final = 4  # a block's inner channels are a quarter of its outer ones
_GATE_REDUCTION: Final = 16  # hidden units of the aggregation gate (ICCV 2019, section 3.2)
_STAGE_CHANNELS: Final = (64, 256, 384, 512)  # stem and the three stages at width 1.0 (ICCV 2019, table 1)


class Norm(Enum):
    """Where a block normalises each instance by itself."""

    NONE = "none"
    INSIDE = "inside"  # on the residual branch (TPAMI 2021, OSNet-AIN)
    OUTSIDE = "outside"  # after the sum with the shortcut (ECCV 2018, IBN-Net-b)


class ConvNorm(nn.Module):
    """Convolution without bias; then, unless switched off, batch or instance normalisation and ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        norm: type[nn.BatchNorm2d] | type[nn.InstanceNorm2d] | None = nn.BatchNorm2d,
        relu: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.bn = nn.Identity() if norm is None else norm(outputs, affine=True)
        self.relu = nn.ReLU(inplace=True) if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        out: Tensor = self.relu(self.bn(self.conv(x)))
        return out


class LightConv(nn.Module):
    """Lite 3x3: a linear 1x1 convolution, then a depthwise 3x3 one (ICCV 2019, section 3.1 and figure 3b)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        out: Tensor = self.relu(self.bn(self.conv2(self.conv1(x))))
        return out


class LightConvStream(nn.Module):
    """``depth`` lite 3x3 layers, one after another; the form and the names of the ain family."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.layers = _light_convs(channels, depth)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        out: Tensor = self.layers(x)
        return out


class AggregationGate(nn.Module):
    """Weighs the channels of one stream by its own content; all streams share it (ICCV 2019, equation 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // _GATE_REDUCTION, 1)
        self.fc2 = nn.Conv2d(channels // _GATE_REDUCTION, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        pooled = x.mean(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(pooled))))


class OmniScaleBlock(nn.Module, ABC):
    """The bottleneck of figure 4 (ICCV 2019): streams of growing receptive field, fused by one shared gate.

    Subclasses differ in what the streams are called and in which `Norm` they are used with.
    """

    def __init__(self, inputs: int, outputs: int, norm: Norm) -> None:
        super().__init__()
        inner = outputs // _BOTTLENECK
        self.conv1 = ConvNorm(inputs, inner)
        self._add_streams(inner)
        self.gate = AggregationGate(inner)
        # An instance norm on the residual branch takes the place of the batch norm there.
        self.conv3 = ConvNorm(inner, outputs, norm=None if norm is Norm.INSIDE else nn.BatchNorm2d, relu=False)
        self.downsample = ConvNorm(inputs, outputs, relu=False) if inputs != outputs else None
        self.IN = None if norm is Norm.NONE else nn.InstanceNorm2d(outputs, affine=True)
        self.norm = norm

    @abstractmethod
    def _add_streams(self, channels: int) -> None:
        """Register the four streams under the names of the family's checkpoints."""

    @abstractmethod
    def _streams(self) -> Iterable[nn.Module]:
        """The four streams, from the smallest receptive field to the largest."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        reduced = self.conv1(x)
        first, *others = self._streams()
        fused = self.gate(first(reduced))
        for stream in others:
            fused = fused + self.gate(stream(reduced))
        residual = self.conv3(fused)
        if self.IN is not None and self.norm is Norm.INSIDE:
            residual = self.IN(residual)
        total = residual + (x if self.downsample is None else self.downsample(x))
        if self.IN is not None and self.norm is Norm.OUTSIDE:
            total = self.IN(total)
        return torch.relu(total)


class OSBlock(OmniScaleBlock):
    """The block of osnet_x* and osnet_ibn_x*: streams ``conv2a`` to ``conv2d``."""

    def _add_streams(self, channels: int) -> None:
        self.conv2a = LightConv(channels)
        self.conv2b = _light_convs(channels, 2)
        self.conv2c = _light_convs(channels, 3)
        self.conv2d = _light_convs(channels, 4)

    def _streams(self) -> Iterable[nn.Module]:
        return (self.conv2a, self.conv2b, self.conv2c, self.conv2d)


class OSBlockAin(OmniScaleBlock):
    """The block of osnet_ain_x*: streams ``conv2.0`` to ``conv2.3``."""

    def _add_streams(self, channels: int) -> None:
        self.conv2 = nn.ModuleList(LightConvStream(channels, depth) for depth in range(1, _STREAMS + 1))

    def _streams(self) -> Iterable[nn.Module]:
        return self.conv2


def _light_convs(channels: int, depth: int) -> nn.Sequential:
    return nn.Sequential(*(LightConv(channels) for _ in range(depth)))


@dataclass(frozen=True, slots=True)
class Architecture:
    """What distinguishes one network of the family.

    Attributes:
        width: multiplies all channel counts.
        norms: of the two blocks of each of the three stages.
        stem_norm: whether the first convolution normalises by instance.
        ain: names and form of the ain family.
    """

    width: float
    norms: tuple[tuple[Norm, Norm], tuple[Norm, Norm], tuple[Norm, Norm]]
    stem_norm: bool
    ain: bool

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Of the stem and the three stages."""
        stem, second, third, fourth = (int(channels * self.width) for channels in _STAGE_CHANNELS)
        return stem, second, third, fourth


def _plain(width: float) -> Architecture:
    return Architecture(width, ((Norm.NONE, Norm.NONE),) * 3, stem_norm=False, ain=False)


def _ibn(width: float) -> Architecture:
    """Instance normalisation after the blocks of the first stage alone, as in the early stages of IBN-Net."""
    first, later = (Norm.OUTSIDE, Norm.OUTSIDE), (Norm.NONE, Norm.NONE)
    return Architecture(width, (first, later, later), stem_norm=True, ain=False)


def _ain(width: float) -> Architecture:
    """The placement that the architecture search of TPAMI 2021 found best."""
    norms = ((Norm.INSIDE, Norm.INSIDE), (Norm.NONE, Norm.INSIDE), (Norm.INSIDE, Norm.NONE))
    return Architecture(width, norms, stem_norm=True, ain=True)


ARCHITECTURES: Final[dict[str, Architecture]] = {
    "osnet_x1_0": _plain(1.0),
    "osnet_x0_75": _plain(0.75),
    "osnet_x0_5": _plain(0.5),
    "osnet_x0_25": _plain(0.25),
    "osnet_ibn_x1_0": _ibn(1.0),
    "osnet_ibn_x0_25": _ibn(0.25),
    "osnet_ain_x1_0": _ain(1.0),
    "osnet_ain_x0_75": _ain(0.75),
    "osnet_ain_x0_5": _ain(0.5),
    "osnet_ain_x0_25": _ain(0.25),
}


class OSNet(nn.Module):
    """The network of table 1 (ICCV 2019).

    Args:
        architecture: one of `ARCHITECTURES`.
        num_classes: identities to classify in training; 0 leaves the classifier out.
    """

    def __init__(self, architecture: Architecture, num_classes: int = 0) -> None:
        super().__init__()
        stem, second, third, fourth = architecture.channels
        self.conv1 = ConvNorm(
            3, stem, 7, stride=2, norm=nn.InstanceNorm2d if architecture.stem_norm else nn.BatchNorm2d
        )
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2 = _stage(architecture, 0, stem, second)
        self.conv3 = _stage(architecture, 1, second, third)
        self.conv4 = _stage(architecture, 2, third, fourth)
        # The plain family counts a transition as the last layer of its stage, the ain family by itself.
        self.pool2: nn.Module = nn.Identity()
        self.pool3: nn.Module = nn.Identity()
        if architecture.ain:
            self.pool2, self.pool3 = _transition(second), _transition(third)
        else:
            self.conv2.append(_transition(second))
            self.conv3.append(_transition(third))
        self.conv5 = ConvNorm(fourth, fourth)
        self.fc = nn.Sequential(
            nn.Linear(fourth, FEATURE_DIMENSION), nn.BatchNorm1d(FEATURE_DIMENSION), nn.ReLU(inplace=True)
        )
        self.classifier = nn.Linear(FEATURE_DIMENSION, num_classes) if num_classes else None
        self._initialise()

    def _initialise(self) -> None:
        """He et al. 2015 for convolutions, small normal weights for linear layers; norms start as the identity."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Features of normalised RGB images.

        Args:
            images: (B, 3, 256, 128) float, RGB, ImageNet mean and standard deviation.

        Returns:
            (B, 512) features, not of unit length. While training with a classifier: (B, num_classes) logits, and
            the features.
        """
        x = self.maxpool(self.conv1(images))
        x = self.pool2(self.conv2(x))
        x = self.pool3(self.conv3(x))
        x = self.conv5(self.conv4(x))
        features: Tensor = self.fc(x.mean(dim=(2, 3)))
        if self.training and self.classifier is not None:
            return self.classifier(features), features
        return features


def _stage(architecture: Architecture, stage: int, inputs: int, outputs: int) -> nn.Sequential:
    block = OSBlockAin if architecture.ain else OSBlock
    first, second = architecture.norms[stage]
    return nn.Sequential(block(inputs, outputs, first), block(outputs, outputs, second))


def _transition(channels: int) -> nn.Sequential:
    """Halves height and width between stages."""
    return nn.Sequential(ConvNorm(channels, channels), nn.AvgPool2d(2, stride=2))


def create_osnet(name: str, num_classes: int = 0) -> OSNet:
    """A network with fresh weights.

    Args:
        name: a key of `ARCHITECTURES`.
        num_classes: identities to classify in training; 0 leaves the classifier out.

    Raises:
        KeyError: if there is no such architecture.
    """
    return OSNet(ARCHITECTURES[name], num_classes)


class EmbeddingNetwork(nn.Module):
    """OSNet with everything around it that a runtime needs: a crop goes in as it lies in the video frame.

    BGR order and the division by the standard deviation move into the first convolution's weights. The mean is
    subtracted before, because that convolution's zero padding stands for it. Channels stay last in memory.

    Args:
        network: a trained OSNet; copied, not changed.
    """

    def __init__(self, network: OSNet) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        kernel = self.network.conv1.conv.weight
        kernel.copy_((kernel / (255.0 * torch.tensor(IMAGENET_STD)).view(1, 3, 1, 1)).flip(1))
        self.mean: Tensor
        self.register_buffer("mean", 255.0 * torch.tensor(IMAGENET_MEAN).flip(0))

    def forward(self, crops: Tensor) -> Tensor:
        """(B, 256, 128, 3) uint8 BGR to (B, 512) float32 unit rows."""
        centred = (crops.float() - self.mean.float()).permute(0, 3, 1, 2)
        features = self.network(centred.to(self.network.conv1.conv.weight.dtype))
        return nn.functional.normalize(features.float(), dim=1)
