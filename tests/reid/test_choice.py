"""The choice among runtimes: the fastest that passes the gate, and what was asked for by name with its numbers."""

import copy
import logging
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from reid import choice
from reid.choice import Candidate, choose_for_export, choose_runtime, measure_runtimes, one_torch_thread
from reid.errors import HandoffError
from reid.exported import ExportedModel
from reid.parity import MIN_COSINE, Parity, check_parity, gate_crops
from reid.runtimes import OpenVinoRuntime, TorchRuntime, precisions_of_cpu
from reid.weights import load_osnet
from tests.shared_data import SHARED, needs_shared

NO_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without CUDA")
CROPS = gate_crops(12)
ROUGH, WRONG = Parity(0.998, 7, 12), Parity(0.3, 7, 900)


@pytest.fixture(scope="module")
def rows(network):
    return TorchRuntime(network, "cpu").embed(CROPS)


@pytest.fixture(autouse=True)
def _prepared(rows, openvino_model, compiled, monkeypatch):
    """The dear parts of a choice - reference, conversion, compilation - done once for all tests."""
    monkeypatch.setattr(choice, "reference_rows", lambda _: rows)
    monkeypatch.setattr(choice, "to_openvino", lambda _: openvino_model)
    monkeypatch.setattr(
        choice, "OpenVinoRuntime", lambda _, precision, label=None: named(compiled(precision), label)
    )


def named(runtime, label):
    """The compiled runtime under the name that it has where a precision has a label."""
    other = copy.copy(runtime)
    if label is not None:
        other.name = f"OpenVINO {label}"
    return other


@pytest.fixture
def exported(openvino_model, rows, tmp_path):
    return ExportedModel(tmp_path / "osnet.xml", openvino_model, "osnet_x0_25", "f32", rows)


class Fake:
    """A runtime that takes a while and gives what it is told to."""

    dimension = 512

    def __init__(self, name, rows, seconds=0.0):
        self.name = self.description = name
        self.rows, self.seconds = rows, seconds

    def embed(self, batch):
        time.sleep(self.seconds)
        return self.rows[[int(np.flatnonzero((crop == CROPS).all(axis=(1, 2, 3)))[0]) for crop in batch]]


@NO_CUDA
def test_openvino_is_chosen_on_a_cpu_and_only_through_the_gate(network, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    lower = precisions_of_cpu()[:-1]  # all but f32

    def gate(runtime, rows, max_batch):
        parity = check_parity(runtime, rows, max_batch)
        return parity if runtime.name.endswith("f32") else ROUGH

    monkeypatch.setattr(choice, "check_parity", gate)
    chosen = choose_runtime(network, "auto", "auto", "auto", 16)
    assert chosen.runtime.name == "OpenVINO f32"
    assert chosen.rejected == tuple(f"not {each}: {ROUGH}" for each in lower)
    assert chosen.parity is not None
    assert chosen.parity.passed
    assert chosen.runtime.description in caplog.text
    assert {record.levelname for record in caplog.records} == {"INFO"}


@NO_CUDA
def test_torch_is_used_with_a_warning_when_nothing_passes(network, monkeypatch, caplog):
    monkeypatch.setattr(choice, "check_parity", lambda *_: ROUGH)
    chosen = choose_runtime(network, "auto", "auto", "auto", 8)
    assert chosen.parity is None
    assert chosen.runtime.name == "torch CPU f32"
    assert "several times slower" in caplog.text
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == ["WARNING"]


@NO_CUDA
def test_a_precision_asked_for_is_used_with_its_numbers_though_it_fails(network, monkeypatch, caplog):
    monkeypatch.setattr(choice, "check_parity", lambda *_: ROUGH)
    monkeypatch.setattr(choice, "precisions_of_cpu", lambda: ["bf16", "f32"])
    chosen = choose_runtime(network, "auto", "auto", "bf16", 8)
    assert chosen.runtime.name == "OpenVINO bf16"
    assert chosen.parity == ROUGH
    assert "cosine 0.99800 at batch 7, 12 ranks swapped" in caplog.text
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == ["WARNING"]


@NO_CUDA
@pytest.mark.parametrize(
    ("precision", "parity"), [("auto", WRONG), ("bf16", WRONG), ("f32", WRONG), ("f32", ROUGH)]
)
def test_what_no_rounding_explains_is_never_used(network, monkeypatch, precision, parity):
    monkeypatch.setattr(choice, "precisions_of_cpu", lambda: ["bf16", "f32"])
    monkeypatch.setattr(choice, "check_parity", lambda *_: parity)
    with pytest.raises(HandoffError, match=rf"{parity}.*embedder\.runtime=torch"):
        choose_runtime(network, "openvino", "cpu", precision, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("auto", "cuda", "auto"), "sees no CUDA device", marks=NO_CUDA),
        pytest.param(("torch", "cuda", "f16"), "sees no CUDA device", marks=NO_CUDA),
        (("openvino", "cuda", "auto"), r"embedder\.device=cpu"),
        (("torch", "cpu", "f16"), r"embedder\.precision"),
        (("auto", "auto", "int8"), r"reid export --precision int8"),
    ],
)
def test_what_cannot_be_had_is_an_error_with_a_remedy(network, arguments, message):
    name, device, precision = arguments
    with pytest.raises(HandoffError, match=message):
        choose_runtime(network, name, device, precision, 8)


def test_a_precision_the_cpu_does_not_compute_in_is_an_error(network, exported, monkeypatch):
    monkeypatch.setattr(choice, "precisions_of_cpu", lambda: ["f32"])
    with pytest.raises(HandoffError, match=r"precision is f16.*has f32"):
        choose_runtime(network, "openvino", "cpu", "f16", 8)
    with pytest.raises(HandoffError, match=r"precision is bf16.*has f32"):
        choose_for_export(exported, "auto", "auto", "bf16", 8)


def test_torch_on_the_cpu_can_be_asked_for(network, rows):
    chosen = choose_runtime(network, "torch", "cpu", "auto", 8)
    assert chosen.parity is None
    assert chosen.runtime.name == "torch CPU f32"
    np.testing.assert_allclose(chosen.runtime.embed(gate_crops(8)), rows[:8], atol=1e-6)


def test_of_two_of_one_precision_the_faster_is_measured(rows):
    group = [Candidate("f16", lambda: Fake("slow", rows, 0.004)), Candidate("f16", lambda: Fake("fast", rows))]
    better = [[Candidate("int4", lambda: Fake("wrong", rows[::-1]))], group, [Candidate("f32", pytest.fail)]]
    chosen = choice._first_that_passes(better, rows, len(rows), forced=False)
    assert chosen.runtime.name == "fast"
    assert [text.partition(":")[0] for text in chosen.rejected] == ["not int4"]
    assert choice._first_that_passes([group[:1]], rows, len(rows), forced=False).runtime.name == "slow"


def test_an_export_is_held_to_the_rows_in_it(exported, rows):
    chosen = choose_for_export(exported, "auto", "auto", "f32", 16)
    assert chosen.runtime.name == "OpenVINO f32"
    assert chosen.parity is not None
    assert chosen.parity.passed
    with pytest.raises(HandoffError, match=r"osnet\.xml: does not give the rows.*export it again"):
        choose_for_export(replace(exported, rows=np.roll(rows, 1, axis=0)), "auto", "auto", "f32", 16)


def test_an_export_without_rows_is_held_to_itself(exported):
    chosen = choose_for_export(replace(exported, rows=None, precision="unknown"), "auto", "auto", "f32", 16)
    assert chosen.parity is not None
    assert chosen.parity.passed


@pytest.mark.parametrize(
    ("stored", "arguments", "message"),
    [
        ("f32", ("torch", "auto", "auto"), r"embedder\.runtime=auto"),
        ("f32", ("auto", "cuda", "auto"), r"embedder\.device=auto"),
        ("f32", ("auto", "auto", "int8"), "not quantised"),
        ("int8", ("auto", "auto", "f32"), "quantised to int8"),
    ],
)
def test_what_an_export_cannot_do_is_an_error_with_a_remedy(exported, stored, arguments, message):
    name, device, precision = arguments
    with pytest.raises(HandoffError, match=message):
        choose_for_export(replace(exported, precision=stored), name, device, precision, 16)


@pytest.mark.parametrize("precision", ["auto", "int8"])
def test_what_is_quantised_is_used_with_its_numbers(exported, monkeypatch, caplog, precision):
    monkeypatch.setattr(choice, "check_parity", lambda *_: ROUGH)
    chosen = choose_for_export(replace(exported, precision="int8"), "auto", "auto", precision, 16)
    assert chosen.runtime.name == "OpenVINO int8"
    assert "cosine 0.99800" in caplog.text


@NO_CUDA
def test_every_runtime_is_measured_and_the_reference_comes_last(network, exported, monkeypatch):
    monkeypatch.setattr(choice, "_TIMED_CALLS", 1)
    found = list(measure_runtimes(network, 8))
    wanted = [f"OpenVINO {each}" for each in precisions_of_cpu()]
    assert [each.name for each in found] == [*wanted, "torch CPU f32"]
    assert all(each.crops_per_second > 0 for each in found)
    assert found[-1].parity is None
    assert found[-2].parity is not None
    assert found[-2].parity.passed
    assert [each.name for each in measure_runtimes(replace(exported, precision="int8"), 8)] == ["OpenVINO int8"]


def test_torch_gets_its_threads_back():
    before = torch.get_num_threads()
    with one_torch_thread():
        during = torch.get_num_threads()
    assert (during, torch.get_num_threads()) == (1, before)


def real_crops(count):
    """Crops of different people and of both cameras, spread over the folder."""
    paths = sorted((SHARED / "reid/cuhk03_p1/train_detected").glob("*.jpg"))
    paths = paths[:: len(paths) // count][:count]
    images = [cv2.imread(str(path)) for path in paths]
    return np.stack([cv2.resize(image, (128, 256)) for image in images if image is not None])


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("data", ["msmt17", "market1501"])
def test_the_chosen_runtime_equals_torch_on_real_crops(data, monkeypatch):
    monkeypatch.undo()  # these networks have rows of their own
    network, _ = load_osnet(SHARED / f"weights/reid/osnet_x0_25_{data}.pth")
    crops = real_crops(64)
    expected = TorchRuntime(network, "cpu").embed(crops)
    chosen = choose_runtime(network, "openvino", "cpu", "auto", 64)
    assert isinstance(chosen.runtime, OpenVinoRuntime)
    for batch in (1, 7, 64):
        for start in range(0, 64 - batch + 1, batch):
            part = slice(start, start + batch)
            assert (chosen.runtime.embed(crops[part]) * expected[part]).sum(axis=1).min() > MIN_COSINE
