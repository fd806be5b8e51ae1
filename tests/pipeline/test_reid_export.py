"""`run.py reid export`: what it takes, writes, says and refuses."""

import pytest
import torch
from click.testing import CliRunner

from pipeline.errors import HandoffError, OutputError, WeightsError
from pipeline.reid_export import export
from reid import export as exporting
from reid.export import Export
from reid.osnet import create_osnet
from reid.parity import Parity

GOOD, ROUGH = Parity(0.99999, 7, 0), Parity(0.93, 64, 400)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "osnet.pth"
    torch.save(create_osnet("osnet_x0_25").state_dict(), path)
    return path


def run(*arguments):
    result = CliRunner().invoke(export, [str(each) for each in arguments], standalone_mode=True)
    if isinstance(result.exception, HandoffError):
        raise result.exception
    return result


@pytest.fixture
def converted(monkeypatch):
    """What the command asks for; nothing is converted."""
    asked: dict[str, object] = {}

    def fake(checkpoint, target, *, form, precision, calibration):
        asked.update(target=target, form=form, precision=precision, calibration=calibration)
        target.write_bytes(b"model")
        rough = precision == "int8"
        real = ROUGH if calibration else None
        return Export((target,), "abc", "osnet_x0_25", precision, ROUGH if rough else GOOD, real)

    monkeypatch.setattr(exporting, "export_osnet", fake)
    return asked


def test_what_was_written_is_said_and_how_to_use_it(checkpoint, tmp_path, converted):
    target = tmp_path / "osnet.xml"
    result = run(checkpoint, "--precision", "f16", "--output", target)
    assert result.exit_code == 0, result.output
    assert (converted["target"], converted["precision"]) == (target, "f16")
    assert "osnet_x0_25 in f16, 0.0 MB, sha256 abc" in result.output
    assert "against torch f32, drawn crops: cosine 0.99999 at batch 7, 0 ranks swapped" in result.output
    assert f"--set embedder.weights={target}" in result.output
    assert "warning" not in result.output


@pytest.mark.parametrize(("form", "suffix"), [("openvino", ".xml"), ("onnx", ".onnx")])
def test_the_file_lies_beside_the_checkpoint_by_default(checkpoint, converted, form, suffix):
    result = run(checkpoint, "--format", form, "--precision", "f16", "--overwrite")
    assert result.exit_code == 0, result.output
    assert converted["target"] == checkpoint.with_name(f"osnet-f16{suffix}")
    assert (converted["form"], converted["calibration"]) == (form, None)


def test_what_fails_the_gate_is_said(checkpoint, tmp_path, converted):
    result = run(checkpoint, "--precision", "int8", "--output", tmp_path / "a.xml")
    assert "warning: this does not pass the parity gate" in result.output
    assert "cosine 0.93000 at batch 64, 400 ranks swapped" in result.output


@pytest.mark.parametrize("there", ["a.xml", "a.bin"])
def test_nothing_is_replaced_unasked(checkpoint, tmp_path, converted, there):
    (tmp_path / there).write_text("older")
    arguments = [checkpoint, "--output", tmp_path / "a.xml"]
    with pytest.raises(OutputError, match=rf"{there}: exists already.*--overwrite"):
        run(*arguments)
    assert converted == {}
    assert run(*arguments, "--overwrite").exit_code == 0


def test_mistakes_are_named_before_anything_is_converted(checkpoint, tmp_path, converted):
    with pytest.raises(OutputError, match=r"there is no folder .*none.*--output"):
        run(checkpoint, "--output", tmp_path / "none" / "a.xml")
    with pytest.raises(WeightsError, match=r"none\.pth: not found"):
        run("none.pth", "--output", tmp_path / "a.xml")
    with pytest.raises(HandoffError, match="no such folder"):
        run(checkpoint, "--precision", "int8", "--calibrate", tmp_path / "none", "--output", tmp_path / "a.xml")
    refused = run(checkpoint, "--calibrate", tmp_path, "--output", tmp_path / "a.xml")
    assert refused.exit_code == 2
    assert "--calibrate finds the ranges of int8" in refused.output
    assert converted == {}
