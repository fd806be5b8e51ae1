"""What is exported is what torch computes, whoever reads it, and nothing else is written."""

import importlib.util
import sys
from functools import cache

import numpy as np
import pytest

from reid import export as exporting
from reid import exported as reading
from reid.embedder import OsnetSettings
from reid.errors import HandoffError, WeightsError
from reid.export import SUFFIX, export_osnet
from reid.exported import read_exported
from reid.parity import Parity, gate_crops
from reid.runtimes import TorchRuntime
from reid.weights import sha256_of

NEEDS_ONNX = pytest.mark.skipif(not importlib.util.find_spec("onnx"), reason="onnx is not installed")
IMAGE = np.random.default_rng(3).integers(0, 256, (300, 400, 3), np.uint8)
BOXES = np.array([[10, 10, 90, 250], [100, 20, 210, 290], [0, 0, 60, 130]], np.float32)


@pytest.fixture(scope="module", autouse=True)
def _prepared(network, openvino_model):
    """The dear parts of an export done once, and fewer crops of the gate: twelve show as much here."""
    rows = TorchRuntime(network, "cpu").embed(gate_crops(12))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "reference_rows", lambda _: rows)
        patch.setattr(exporting, "to_openvino", lambda _: openvino_model.clone())
        for module in (exporting, reading):
            patch.setattr(module, "GATE_CROPS", len(rows))
        yield


@pytest.fixture(scope="module")
def exported(checkpoint_file, tmp_path_factory):
    """What `export_osnet` gives for a format and a precision, each written once into a folder of its own."""

    @cache
    def written(form, precision):
        target = tmp_path_factory.mktemp("export") / f"osnet{SUFFIX[form]}"
        return export_osnet(checkpoint_file, target, form=form, precision=precision)

    return written


@pytest.mark.parametrize(
    ("form", "precision"),
    [
        ("openvino", "f32"),
        ("openvino", "f16"),
        pytest.param("onnx", "f32", marks=NEEDS_ONNX),
        pytest.param("onnx", "f16", marks=NEEDS_ONNX),
    ],
)
def test_an_export_is_an_embedder_like_its_checkpoint(checkpoint_file, exported, form, precision):
    done = exported(form, precision)
    target = done.files[0]
    assert done.parity.passed, done.parity
    assert target.suffix == SUFFIX[form]
    assert sorted(done.files) == sorted(target.parent.iterdir())
    assert done.sha256 == sha256_of(target)
    read = read_exported(target)
    assert (read.precision, read.checkpoint_sha256) == (precision, sha256_of(checkpoint_file))
    wanted = OsnetSettings(weights=str(checkpoint_file), runtime="torch", device="cpu").build()
    embedder = OsnetSettings(weights=str(target), precision="f32").build()
    assert embedder.architecture == "osnet_x0_25"
    assert embedder.parity is not None
    assert embedder.parity.passed
    given = embedder.embed([IMAGE], [BOXES])[0]
    assert (given * wanted.embed([IMAGE], [BOXES])[0]).sum(axis=1).min() > 0.999


def test_half_precision_halves_the_file(exported):
    sizes = [exported("openvino", precision).files[1].stat().st_size for precision in ("f16", "f32")]
    assert sizes[0] < 0.55 * sizes[1]


def test_other_programs_can_read_the_onnx_file(exported, network):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    target = exported("onnx", "f32").files[0]
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    crops = gate_crops(7)
    wanted = TorchRuntime(network, "cpu").embed(crops)
    for batch in (crops, crops[:1], crops[:2]):
        np.testing.assert_allclose(session.run(None, {"crops": batch})[0], wanted[: len(batch)], atol=1e-4)


def test_what_does_not_agree_is_not_written(checkpoint_file, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "check_parity", lambda *_: Parity(0.99, 7, 3))
    target = tmp_path / "osnet.xml"
    target.write_text("older")
    with pytest.raises(HandoffError, match=r"not written.*cosine 0\.99000 at batch 7, 3 ranks swapped"):
        export_osnet(checkpoint_file, target, form="openvino", precision="f32")
    assert [path.name for path in tmp_path.iterdir()] == ["osnet.xml"]
    assert target.read_text() == "older"


@pytest.mark.parametrize(
    ("name", "form", "precision", "message"),
    [
        ("osnet.onnx", "openvino", "f32", r"ends in \.xml"),
        ("osnet.xml", "onnx", "f32", r"ends in \.onnx"),
        ("osnet.onnx", "onnx", "int8", "--format openvino"),
    ],
)
def test_what_does_not_fit_together_is_an_error(checkpoint_file, tmp_path, name, form, precision, message):
    with pytest.raises(HandoffError, match=message):
        export_osnet(checkpoint_file, tmp_path / name, form=form, precision=precision)


def test_without_onnx_the_package_is_named(checkpoint_file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(HandoffError, match=r"requirements-export\.txt"):
        export_osnet(checkpoint_file, tmp_path / "osnet.onnx", form="onnx", precision="f32")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_checkpoint_is_an_error(tmp_path):
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"bad\.pth"):
        export_osnet(bad, tmp_path / "osnet.xml", form="openvino", precision="f32")
