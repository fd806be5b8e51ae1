"""The ladder of recorded batch sizes; what the graphs compute is in test_cuda.py."""

import pytest
import torch

from reid.cuda_graphs import LARGEST, CudaGraphRuntime, graph_sizes
from reid.errors import HandoffError


@pytest.mark.parametrize("largest", [1, 2, 3, 5, 7, 8, 64, 100, LARGEST])
def test_every_batch_has_a_size_and_little_is_filled_up(largest):
    sizes = graph_sizes(largest)
    assert sizes == sorted(set(sizes))
    assert (sizes[0], sizes[-1]) == (1, largest)
    for count in range(1, largest + 1):
        size = min(each for each in sizes if each >= count)
        assert size <= max(1.5 * count, count + 1)


def test_few_graphs_are_recorded():
    assert graph_sizes(64) == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
    assert len(graph_sizes(LARGEST)) == 16


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without CUDA")
def test_without_a_device_it_is_an_error_with_a_remedy(network):
    with pytest.raises(HandoffError, match=r"embedder\.device=cpu"):
        CudaGraphRuntime(network, "f16", 8)
