"""What the tests of this folder share."""

from functools import cache

import pytest
import torch

from reid.runtimes import OpenVinoRuntime, to_openvino
from tests.reid.osnet_filling import filled


@pytest.fixture(scope="package", autouse=True)
def _one_torch_thread():
    """Torch's threads wait for each other busily, which is slow where other tests run beside these."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def network():
    """The small OSNet with weights of no training; not to be changed."""
    return filled("osnet_x0_25")


@pytest.fixture(scope="session")
def openvino_model(network):
    """The same, converted; not to be changed."""
    return to_openvino(network)


@pytest.fixture(scope="session")
def compiled(openvino_model):
    """The same, compiled in each precision once."""
    return cache(lambda precision: OpenVinoRuntime(openvino_model, precision))


@pytest.fixture(scope="session")
def checkpoint_file(network, tmp_path_factory):
    """The same as a file."""
    path = tmp_path_factory.mktemp("checkpoint") / "osnet.pth"
    torch.save(network.state_dict(), path)
    return path
