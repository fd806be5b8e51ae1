"""Calibration: which pictures are taken, and a quantised network that still gives rows of unit length."""

import contextlib
import io
import sys

import cv2
import numpy as np
import pytest

from reid import export as exporting
from reid.embedder import OsnetSettings
from reid.errors import DataError, HandoffError
from reid.export import export_osnet
from reid.parity import gate_crops
from reid.quantize import calibration_crops, quantize
from reid.runtimes import OpenVinoRuntime


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """150 pictures in two folders; the colour of each is its number."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(150):
        place = folder / f"c{number // 75}"
        place.mkdir(exist_ok=True)
        cv2.imwrite(str(place / f"{number:03}.png"), np.full((8, 4, 3), number, np.uint8))
    (folder / "list.txt").write_text("no picture")
    return folder


def numbers(crops):
    assert crops.shape[1:] == (256, 128, 3)
    assert crops.dtype == np.uint8
    return crops[:, 0, 0, 0].tolist()


def test_all_pictures_of_a_small_folder_are_used_for_one_thing_each(folder):
    calibration, others = calibration_crops(folder)
    assert sorted(numbers(calibration) + numbers(others)) == list(range(150))
    assert len(others) == 37


def test_pictures_are_spread_over_a_large_folder(folder):
    calibration, others = calibration_crops(folder, count=20)
    used = numbers(calibration) + numbers(others)
    assert len(set(used)) == len(used) == 84
    assert min(used) == 0
    assert max(used) == 149
    assert np.diff(sorted(used)).max() <= 2


def test_the_same_pictures_each_time(folder):
    np.testing.assert_array_equal(calibration_crops(folder, count=20)[0], calibration_crops(folder, count=20)[0])


def test_a_folder_that_cannot_be_used_is_named_with_the_remedy(folder, tmp_path):
    with pytest.raises(DataError, match=r"none: no such folder.*--calibrate"):
        calibration_crops(tmp_path / "none")
    with pytest.raises(DataError, match="75 pictures, at least 128"):
        calibration_crops(folder / "c0")
    for number in range(130):
        (tmp_path / f"{number}.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"0\.png: not a picture"):
        calibration_crops(tmp_path)


def test_without_nncf_the_package_is_named(openvino_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(HandoffError, match=r"requirements-export\.txt"):
        quantize(openvino_model, gate_crops(4))


@pytest.fixture(scope="module")
def quantised(openvino_model):
    pytest.importorskip("nncf")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        model = quantize(openvino_model, gate_crops(16))
    assert said.getvalue() == ""  # NNCF draws bars if it is let
    return model


def test_a_quantised_network_computes_in_8_bits_and_keeps_unit_length(openvino_model, quantised):
    kinds = [node.get_type_name() for node in quantised.get_ops()]
    assert kinds.count("FakeQuantize") > 100
    assert "FakeQuantize" not in [node.get_type_name() for node in openvino_model.get_ops()]
    crops = gate_crops(24)
    rows = OpenVinoRuntime(quantised, "f32", "int8").embed(crops)
    exact = OpenVinoRuntime(openvino_model, "f32").embed(crops)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    cosines = (rows * exact).sum(axis=1)
    assert cosines.mean() > 0.9
    assert cosines.min() < 0.99999


def test_int8_is_exported_with_its_numbers_and_runs_without_nncf(
    checkpoint_file, openvino_model, quantised, tmp_path, monkeypatch, caplog
):
    crops = gate_crops(24)
    given: list[tuple[object, np.ndarray]] = []

    def prepared(model, used):
        given.append((model, used))
        return quantised.clone()

    monkeypatch.setattr(exporting, "to_openvino", lambda _: openvino_model)
    monkeypatch.setattr(exporting, "quantize", prepared)
    target = tmp_path / "osnet.xml"
    done = export_osnet(
        checkpoint_file, target, form="openvino", precision="int8", calibration=(crops[:16], crops[16:])
    )
    assert given[0][0] is openvino_model
    np.testing.assert_array_equal(given[0][1], crops[:16])
    assert not done.parity.broken
    assert done.real is not None
    assert done.real.cosine < 1
    monkeypatch.setitem(sys.modules, "nncf", None)
    embedder = OsnetSettings(weights=str(target)).build()
    assert embedder.runtime == "OpenVINO int8"
    image, boxes = np.full((300, 100, 3), 90, np.uint8), np.array([[0, 0, 90, 280]], np.float32)
    np.testing.assert_allclose(np.linalg.norm(embedder.embed([image], [boxes])[0], axis=1), 1, atol=1e-5)
    assert embedder.parity is not None
    assert ("docs/runtimes.md" in caplog.text) == (not embedder.parity.passed)
