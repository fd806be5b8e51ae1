"""Parts of a step of training."""

from __future__ import annotations

import copy

import torch
from torch import nn

from reid.training.model import move_average


def test_an_average_keeps_its_share_of_weights_and_statistics_and_copies_counts():
    average = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    before = copy.deepcopy(average.state_dict())
    network = copy.deepcopy(average)
    with torch.no_grad():
        for value in network.state_dict().values():
            value.add_(5)
    move_average(average, network, 0.8)
    for name, value in average.state_dict().items():
        if value.dtype.is_floating_point:
            torch.testing.assert_close(value, before[name] + 1)
    assert average.state_dict()["1.num_batches_tracked"] == 5
