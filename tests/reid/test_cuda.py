"""What CUDA computes must be what the CPU computes; skipped where there is no device."""

import numpy as np
import pytest
import torch

from reid.osnet import ARCHITECTURES, create_osnet
from reid.parity import check_parity, gate_crops
from reid.runtimes import TorchRuntime, choose_runtime

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_half_precision_passes_the_gate_in_every_architecture(name):
    torch.manual_seed(0)
    network = create_osnet(name).eval()
    reference = TorchRuntime(network, "cpu").embed(gate_crops(64))
    parity = check_parity(TorchRuntime(network, "cuda"), reference)
    assert parity.passed, parity


def test_cuda_is_chosen_by_itself():
    torch.manual_seed(0)
    runtime, parity = choose_runtime(create_osnet("osnet_x0_25").eval(), "auto", "auto", "auto", 16)
    assert "CUDA f16" in runtime.description
    assert parity is not None
    assert parity.passed
    rows = runtime.embed(gate_crops(5))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
