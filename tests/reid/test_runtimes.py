"""Runtimes against torch in single precision, and the choice among them."""

import logging
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from reid import runtimes
from reid.errors import HandoffError
from reid.osnet import create_osnet
from reid.parity import MIN_COSINE, Parity, check_parity, gate_crops
from reid.runtimes import OpenVinoRuntime, TorchRuntime, choose_runtime, precisions_of_cpu, to_openvino
from reid.weights import load_osnet
from tests.reid.osnet_filling import fill
from tests.shared_data import ROOT, SHARED, needs_shared

NO_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without CUDA")


def filled(name):
    network = create_osnet(name).eval()
    network.load_state_dict(fill(network.state_dict()))
    return network


@pytest.fixture(scope="module")
def network():
    return filled("osnet_x0_25")


@pytest.fixture(scope="module")
def reference(network):
    return TorchRuntime(network, "cpu").embed(gate_crops(24))


@pytest.fixture(scope="module")
def openvino_f32(network):
    return OpenVinoRuntime(to_openvino(network), "f32")


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


@NO_CUDA
def test_openvino_is_chosen_on_a_cpu_and_only_through_the_gate(network, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    there = precisions_of_cpu()
    rejected = there[:-1]  # all but f32

    def gate(runtime, rows, max_batch):
        parity = check_parity(runtime, rows, max_batch)
        lower = not runtime.description.endswith("f32")
        return Parity(0.9, 7, 0) if lower else parity

    monkeypatch.setattr(runtimes, "check_parity", gate)
    runtime, parity = choose_runtime(network, "auto", "auto", "auto", 16)
    assert "OpenVINO" in runtime.description
    assert "f32" in runtime.description
    assert all(f"not {each}: cosine 0.90000 at batch 7" in runtime.description for each in rejected)
    assert parity is not None
    assert parity.passed
    assert runtime.description in caplog.text


@NO_CUDA
def test_torch_is_used_with_a_warning_when_nothing_passes(network, monkeypatch, caplog):
    monkeypatch.setattr(runtimes, "check_parity", lambda *_: Parity(0.5, 1, 3))
    runtime, parity = choose_runtime(network, "auto", "auto", "auto", 8)
    assert parity is None
    assert runtime.description.startswith("torch")
    assert "several times slower" in caplog.text
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == ["WARNING"]


@NO_CUDA
def test_what_was_asked_for_by_name_is_not_replaced_in_silence(network, monkeypatch):
    monkeypatch.setattr(runtimes, "check_parity", lambda *_: Parity(0.5, 1, 3))
    with pytest.raises(HandoffError, match=r"f32.*cosine 0\.50000.*embedder\.runtime=torch"):
        choose_runtime(network, "openvino", "cpu", "f32", 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("auto", "cuda", "auto"), "sees no CUDA device", marks=NO_CUDA),
        pytest.param(("torch", "cuda", "f16"), "sees no CUDA device", marks=NO_CUDA),
        (("openvino", "cuda", "auto"), "embedder.device=cpu"),
        (("torch", "cpu", "f16"), "embedder.precision"),
    ],
)
def test_what_cannot_be_had_is_an_error_with_a_remedy(network, arguments, message):
    name, device, precision = arguments
    with pytest.raises(HandoffError, match=message):
        choose_runtime(network, name, device, precision, 8)


def test_a_precision_the_cpu_does_not_compute_in_is_an_error(network, monkeypatch):
    monkeypatch.setattr(runtimes, "precisions_of_cpu", lambda: ["f32"])
    with pytest.raises(HandoffError, match=r"precision is f16.*has f32"):
        choose_runtime(network, "openvino", "cpu", "f16", 8)


def test_torch_on_the_cpu_can_be_asked_for(network, reference):
    runtime, parity = choose_runtime(network, "torch", "cpu", "auto", 8)
    assert parity is None
    assert "CPU f32" in runtime.description
    np.testing.assert_allclose(runtime.embed(gate_crops(24)), reference, atol=1e-6)


def real_crops(count):
    """Crops of different people and of both cameras, spread over the folder."""
    paths = sorted((SHARED / "reid/cuhk03_p1/train_detected").glob("*.jpg"))
    paths = paths[:: len(paths) // count][:count]
    images = [cv2.imread(str(path)) for path in paths]
    return np.stack([cv2.resize(image, (128, 256)) for image in images if image is not None])


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("data", ["msmt17", "market1501"])
def test_the_chosen_runtime_equals_torch_on_real_crops(data):
    network, _ = load_osnet(SHARED / f"weights/reid/osnet_x0_25_{data}.pth")
    crops = real_crops(64)
    expected = TorchRuntime(network, "cpu").embed(crops)
    runtime, parity = choose_runtime(network, "openvino", "cpu", "auto", 64)
    assert parity is not None
    for batch in (1, 7, 64):
        for start in range(0, 64 - batch + 1, batch):
            part = slice(start, start + batch)
            assert (runtime.embed(crops[part]) * expected[part]).sum(axis=1).min() > MIN_COSINE


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
