"""What CUDA computes must be what the CPU computes; skipped where there is no device."""

import numpy as np
import pytest
import torch

from reid.choice import choose_runtime, measure_runtimes
from reid.cuda_graphs import CudaGraphRuntime
from reid.osnet import ARCHITECTURES, create_osnet
from reid.parity import check_parity, gate_crops
from reid.runtimes import TorchRuntime

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def random_network(name):
    torch.manual_seed(0)
    return create_osnet(name).eval()


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_half_precision_passes_the_gate_in_every_architecture(name):
    network = random_network(name)
    reference = TorchRuntime(network, "cpu").embed(gate_crops(64))
    for runtime in (TorchRuntime(network, "cuda"), CudaGraphRuntime(network, "f16", 64)):
        parity = check_parity(runtime, reference)
        assert parity.passed, (runtime.name, parity)


@pytest.fixture(scope="module")
def graphs():
    return CudaGraphRuntime(random_network("osnet_x0_25"), "f32", 24)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8, 9, 23, 24, 25, 60])
def test_graphs_equal_torch_at_every_batch_size(graphs, count):
    """Filled-up batches, exact ones, and ones that are split."""
    crops = gate_crops(60)[:count]
    wanted = TorchRuntime(random_network("osnet_x0_25"), "cpu").embed(crops)
    rows = graphs.embed(crops)
    assert rows.shape == (count, 512)
    np.testing.assert_allclose(rows, wanted, atol=2e-3)


def test_what_filled_a_batch_before_does_not_matter(graphs):
    """All graphs share memory: neither another size nor other crops may leave a trace."""
    crops = gate_crops(40)
    first = graphs.embed(crops[:5])
    kept = first.copy()
    for count in (24, 1, 8, 3):
        graphs.embed(crops[16 : 16 + count])
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(graphs.embed(crops[:5]), kept)


def test_graphs_take_crops_that_do_not_lie_together(graphs):
    crops = gate_crops(12)
    np.testing.assert_array_equal(graphs.embed(crops[::2]), graphs.embed(np.ascontiguousarray(crops[::2])))


def test_cuda_is_chosen_by_itself():
    choice = choose_runtime(random_network("osnet_x0_25"), "auto", "auto", "auto", 16)
    assert "CUDA" in choice.runtime.name
    assert choice.runtime.name.endswith("f16")
    assert choice.parity is not None
    assert choice.parity.passed
    rows = choice.runtime.embed(gate_crops(5))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)


def test_both_ways_to_launch_are_measured():
    names = [measured.name for measured in measure_runtimes(random_network("osnet_x0_25"), 16)]
    assert {"CUDA graphs f16", "torch CUDA f16", "CUDA graphs f32", "torch CUDA f32"} <= set(names)
