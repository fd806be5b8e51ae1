"""Runtimes against torch in single precision."""

import os
import subprocess
import sys

import numpy as np
import pytest

from reid.parity import check_parity, gate_crops
from reid.runtimes import OpenVinoRuntime, TorchRuntime, to_openvino
from tests.reid.osnet_filling import filled
from tests.shared_data import ROOT


@pytest.fixture(scope="module")
def reference(network):
    return TorchRuntime(network, "cpu").embed(gate_crops(24))


@pytest.fixture(scope="module")
def openvino_f32(compiled):
    return compiled("f32")


def test_runtimes_tell_what_they_are(openvino_f32, network):
    assert (openvino_f32.name, openvino_f32.dimension) == ("OpenVINO f32", 512)
    torch_cpu = TorchRuntime(network, "cpu")
    assert (torch_cpu.name, torch_cpu.dimension) == ("torch CPU f32", 512)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 9, 17, 24])
def test_openvino_equals_torch_at_every_batch_size(openvino_f32, reference, count):
    rows = openvino_f32.embed(gate_crops(24)[:count])
    assert rows.shape == (count, 512)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, reference[:count], atol=1e-5)


def test_openvino_takes_crops_that_do_not_lie_together(openvino_f32, reference):
    np.testing.assert_allclose(openvino_f32.embed(gate_crops(24)[::2]), reference[::2], atol=1e-5)


def test_results_are_the_callers_to_keep(openvino_f32):
    crops = gate_crops(12)
    first = openvino_f32.embed(crops[:6])
    kept = first.copy()
    openvino_f32.embed(crops[6:])
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("name", ["osnet_ibn_x1_0", "osnet_ain_x0_25"])
def test_networks_with_instance_norm_convert(name):
    network = filled(name)
    rows = TorchRuntime(network, "cpu").embed(gate_crops(8))
    assert check_parity(OpenVinoRuntime(to_openvino(network), "f32"), rows).passed


_SIGNAL_AFTER_A_RUNTIME_ENDED_ELSEWHERE = """
import signal, threading
import torch
from reid.osnet import create_osnet
from reid.runtimes import OpenVinoRuntime, to_openvino
box = [OpenVinoRuntime(to_openvino(create_osnet("osnet_x0_25").eval()), "f32")]
thread = threading.Thread(target=box.clear)
thread.start()
thread.join()
signal.signal(signal.SIGTERM, lambda *_: print("handled"))
signal.raise_signal(signal.SIGTERM)
"""


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_signal_after_another_thread_ended_a_runtime():
    command = [sys.executable, "-c", _SIGNAL_AFTER_A_RUNTIME_ENDED_ELSEWHERE]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout) == (0, "handled\n"), result.stderr
