"""Weights and images that are the same everywhere, without a random generator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from reid.osnet import OSNet, create_osnet

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def noise(shape: tuple[int, ...], phase: float) -> Floats:
    """Values evenly spread over [-1, 1] that look random: the far decimals of a sine."""
    decimals = np.sin(np.arange(int(np.prod(shape))) * 12.9898 + phase * 78.233) * 43758.5453
    values: Floats = (2 * (decimals - np.floor(decimals)) - 1).reshape(shape).astype(np.float32)
    return values


def fill(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights for a state dict, by key and shape: convolutions keep the variance, norms are near the identity."""
    filled = {}
    for place, key in enumerate(sorted(state)):
        shape = tuple(state[key].shape)
        values = noise(shape, place)
        if len(shape) > 1:
            values = values * np.float32(np.sqrt(4.0 / np.prod(shape[1:])))
        elif key.endswith(("running_var", "weight")):
            values = 1.0 + 0.3 * values
        else:
            values = 0.2 * values
        filled[key] = state[key] if key.endswith("num_batches_tracked") else torch.from_numpy(values)
    return filled


def filled(name: str) -> OSNet:
    """A network in eval mode with such weights."""
    network = create_osnet(name).eval()
    network.load_state_dict(fill(network.state_dict()))
    return network


def images() -> torch.Tensor:
    """(2, 3, 256, 128) in [-1, 1]."""
    return torch.from_numpy(noise((2, 3, 256, 128), 0.5))
