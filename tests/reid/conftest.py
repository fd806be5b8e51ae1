"""What the tests of this folder share."""

from functools import cache

import pytest
import torch

from reid.choice import one_torch_thread
from reid.runtimes import OpenVinoRuntime, to_openvino
from tests.reid.osnet_filling import filled


@pytest.fixture(scope="package", autouse=True)
def _one_torch_thread():
    """Other tests run beside these."""
    with one_torch_thread():
        yield


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
