"""Reading exported models: ours with the note they carry, others as far as they are embedders of pictures."""

import json

import numpy as np
import openvino
import pytest
from openvino import opset13

from reid import export as exporting
from reid.errors import WeightsError
from reid.exported import NOTE, is_export, read_exported
from reid.parity import gate_crops
from reid.runtimes import OpenVinoRuntime
from tests.reid.training.colour_network import write_model
from tests.shared_data import SHARED, needs_shared

HEIGHT, WIDTH = 256, 128


@pytest.fixture(scope="module")
def ours(checkpoint_file, openvino_model, tmp_path_factory):
    target = tmp_path_factory.mktemp("export") / "osnet.xml"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "to_openvino", lambda _: openvino_model.clone())
        exporting.export_osnet(checkpoint_file, target, form="openvino", precision="f32")
    return target


def copied(path, folder):
    for suffix in (".xml", ".bin"):
        (folder / f"osnet{suffix}").write_bytes(path.with_suffix(suffix).read_bytes())
    return folder / "osnet.xml"


def embedder(height=HEIGHT, width=WIDTH, channels=3, flat=True):
    """Colour sums of the quarters of a picture, as a model of another program could give them."""
    picture = opset13.parameter([1, channels, height, width], np.float32)
    pooled = opset13.adaptive_avg_pool(picture, opset13.constant(np.array([2, 2])))
    rows = opset13.reshape(pooled, opset13.constant(np.array([0, -1])), special_zero=True) if flat else pooled
    return openvino.Model([rows], [picture], "pools")


def saved(model, folder):
    openvino.save_model(model, folder / "pools.xml")
    return folder / "pools.xml"


@pytest.mark.parametrize(("name", "answer"), [("a.xml", True), ("a.ONNX", True), ("a.pth", False), ("xml", False)])
def test_exports_are_known_by_their_suffix(tmp_path, name, answer):
    assert is_export(tmp_path / name) == answer


def test_ours_says_what_it_is_and_what_it_must_give(ours, network):
    exported = read_exported(ours)
    assert (exported.architecture, exported.precision) == ("osnet_x0_25", "f32")
    assert exported.rows is not None
    rows = OpenVinoRuntime(exported.model, "f32").embed(gate_crops(8))
    assert (rows * exported.rows[:8]).sum(axis=1).min() > 0.99999
    assert exported.reference_rows() is exported.rows


def test_the_sha256_of_the_xml_covers_the_bin(ours, tmp_path):
    path = copied(ours, tmp_path)
    content = bytearray(path.with_suffix(".bin").read_bytes())
    content[len(content) // 2] ^= 1
    path.with_suffix(".bin").write_bytes(content)
    with pytest.raises(WeightsError, match=r"osnet\.bin is not the file it was written with.*reid export"):
        read_exported(path)


@pytest.mark.parametrize("fault", ["no bin", "cut", "rubbish"])
def test_a_file_that_cannot_be_read_is_named_with_what_to_do(ours, tmp_path, fault):
    path = copied(ours, tmp_path)
    if fault == "no bin":
        path.with_suffix(".bin").unlink()
    else:
        text = path.read_bytes()
        path.write_bytes(text[: len(text) // 2] if fault == "cut" else b"nothing")
    with pytest.raises(WeightsError, match=r"osnet\.xml: OpenVINO cannot read it.*osnet\.bin.*reid export"):
        read_exported(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda note: json.dumps(note | {"gate": "0" * 16}), "another version"),
        (lambda note: json.dumps({key: note[key] for key in note if key != "rows"}), "note of this program"),
        (lambda _: "not JSON", "note of this program"),
    ],
    ids=["gate", "incomplete", "unreadable"],
)
def test_a_note_that_does_not_fit_is_an_error(ours, tmp_path, change, message):
    path = copied(ours, tmp_path)
    model = openvino.Core().read_model(path)
    note = json.loads(model.get_rt_info([NOTE]).astype(str))
    model.set_rt_info(change(note), [NOTE])
    openvino.save_model(model, tmp_path / "changed.xml", compress_to_fp16=False)
    with pytest.raises(WeightsError, match=message):
        read_exported(tmp_path / "changed.xml")


def test_another_programs_embedder_takes_bgr_crops_and_gives_unit_rows(tmp_path, caplog):
    exported = read_exported(saved(embedder(), tmp_path))
    assert "BGR pictures with values from 0 to 255" in caplog.text
    assert (exported.architecture, exported.precision, exported.rows) == ("pools", "unknown", None)
    crops = gate_crops(6)
    quarters = crops.reshape(6, 2, 128, 2, 64, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2).reshape(6, -1)
    wanted = quarters / np.linalg.norm(quarters, axis=1, keepdims=True)
    runtime = OpenVinoRuntime(exported.model, "f32")
    assert runtime.dimension == 12
    np.testing.assert_allclose(runtime.embed(crops), wanted, atol=1e-4)
    np.testing.assert_allclose(exported.reference_rows()[:6], wanted, atol=1e-4)


def test_another_programs_embedder_may_take_colours_last_and_one_crop_at_a_time(tmp_path):
    exported = read_exported(write_model(tmp_path / "colours.xml", (1, HEIGHT, WIDTH, 3), fixed=(1, 3)))
    crops = gate_crops(6)
    wanted = crops.mean(axis=(1, 2)) - 128
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(OpenVinoRuntime(exported.model, "f32").embed(crops), wanted, atol=1e-3)


@pytest.mark.parametrize(
    "model",
    [embedder(height=128), embedder(channels=1), embedder(flat=False)],
    ids=["size", "channels", "map"],
)
def test_what_is_no_embedder_of_crops_is_an_error(tmp_path, model):
    with pytest.raises(WeightsError, match=r"not an embedder.*256, 128"):
        read_exported(saved(model, tmp_path))


@needs_shared
@pytest.mark.shared
def test_a_model_of_open_model_zoo_can_be_read():
    name = "person-reidentification-retail-0288"
    exported = read_exported(SHARED / "weights/omz" / name / f"{name}.xml")
    runtime = OpenVinoRuntime(exported.model, "f32")
    rows = runtime.embed(gate_crops(9))
    assert rows.shape == (9, 256)
    singly = np.concatenate([runtime.embed(crop[None]) for crop in gate_crops(9)])
    np.testing.assert_allclose(rows, singly, atol=1e-4)
