"""What the tests of this folder share."""

import pytest
import torch


@pytest.fixture(scope="package", autouse=True)
def _one_torch_thread():
    """Torch's threads wait for each other busily, which is slow where other tests run beside these."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
