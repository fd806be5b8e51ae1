"""The report on the machine: what is there, what is missing, what to do; never a crash."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from pipeline import doctor
from pipeline.errors import ConfigError
from reid.choice import Measured
from reid.embedder import OsnetSettings
from reid.parity import Parity


def subjects(findings):
    return {finding.subject: finding for finding in findings}


@pytest.fixture(scope="module")
def demo():
    return subjects(doctor.examine("recorded"))


def test_everything_is_looked_at(demo):
    wanted = {"python", "torch", "cuda", "openvino CPU", "video codecs", "display", "disk"}
    assert wanted <= set(demo)
    assert {"detector weights", "embedder weights", "embedder warm-up"} <= set(demo)


def test_what_is_well_has_no_remedy(demo):
    assert demo["python"].remedy == demo["video codecs"].remedy == demo["embedder warm-up"].remedy == ""


def test_parts_without_weights_say_so(demo):
    assert demo["detector weights"].state == "recorded needs none"


def test_warm_up_is_timed(demo):
    assert "ms for 8 crops" in demo["embedder warm-up"].state


@pytest.mark.parametrize("section", ["detector", "embedder"])
def test_missing_weights_are_named_with_what_to_do(section):
    changes = ["detector.weights=none.onnx", "embedder.weights=none.pth"]
    found = subjects(doctor.examine("cpu", changes))
    finding = found[f"{section} weights"]
    assert finding.state == "not found"
    assert f"{section}.weights" in finding.remedy
    assert f"{section} warm-up" not in found


def test_an_official_model_is_said_to_be_downloaded():
    found = subjects(doctor.examine("cpu", ["detector.weights=yolo_none.pt", "embedder.type=stripes"]))
    assert "downloads" in found["detector weights"].remedy


def test_weights_that_cannot_be_loaded_are_a_finding(tmp_path):
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"nothing")
    found = subjects(doctor.examine("recorded", ["embedder.type=osnet", f"embedder.weights={bad}"]))
    assert found["embedder weights"].remedy == ""
    assert found["embedder warm-up"].state == "not usable"
    assert str(bad) in found["embedder warm-up"].remedy


def test_every_runtime_of_the_embedder_is_told_with_speed_and_verdict(tmp_path, monkeypatch):
    class Part:
        runtime, description = "OpenVINO f32", "osnet_x0_25, OpenVINO f32"

        def embed(self, images, boxes):
            return [np.zeros((len(rows), 512), np.float32) for rows in boxes]

        def close(self):
            pass

    found = [
        Measured("OpenVINO bf16", 1200.4, Parity(0.998, 64, 12)),
        Measured("OpenVINO f32", 700.6, Parity(1.0, 7, 0)),
        Measured("torch CPU f32", 100.0, None),
    ]
    (tmp_path / "osnet.pth").touch()
    monkeypatch.setattr(OsnetSettings, "build", lambda _: Part())
    monkeypatch.setattr(doctor, "measure", lambda _: iter(found))
    changes = ["embedder.type=osnet", f"embedder.weights={tmp_path / 'osnet.pth'}"]
    told = subjects(doctor.examine("recorded", changes))
    assert told["embedder in OpenVINO bf16"].state == (
        "1200 crops a second; cosine 0.99800 at batch 64, 12 ranks swapped: does not pass"
    )
    assert told["embedder in OpenVINO f32"].state.endswith("0 ranks swapped: passes; this is used")
    assert told["embedder in torch CPU f32"].state == "100 crops a second; the reference"
    assert not any(finding.remedy for subject, finding in told.items() if subject.startswith("embedder in"))


def test_a_missing_codec_is_named(monkeypatch):
    import av

    monkeypatch.setattr(av, "codecs_available", {"h264", "hevc", "mjpeg"})
    assert "libx264" in next(doctor._codecs()).remedy


def test_a_full_disk_is_named(monkeypatch):
    usage = type("Usage", (), {"free": 1e8})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert "free some space" in next(doctor._disk()).remedy


def test_rival_packages_are_named(monkeypatch):
    monkeypatch.setattr(doctor, "version", lambda name: "1.0")
    assert [finding.remedy.partition(":")[0] for finding in doctor._packages()] == [
        "both install the same files"
    ] * 3


def test_a_check_that_breaks_becomes_a_finding(monkeypatch):
    def broken():
        raise ImportError("no torch")

    monkeypatch.setattr(doctor, "_torch", broken)
    found = subjects(doctor.examine("recorded"))
    assert any("no torch" in finding.state for finding in found.values())
    assert "disk" in found


def test_a_wrong_preset_is_an_error_like_in_a_run():
    with pytest.raises(ConfigError, match="did you mean 'cpu'"):
        doctor.examine("cpuu")


def test_the_table_shows_paths_whole_and_as_they_are():
    console = Console(width=80, record=True, file=io.StringIO())
    path = "/site/[bold]/" + "long/" * 30
    console.print(doctor.table([doctor.Finding("weights", path)]))
    assert path in "".join(part for line in console.export_text().splitlines()[1:] for part in line.split()[-1:])


def test_the_table_marks_what_is_wrong():
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(doctor.table([doctor.Finding("a", "fine"), doctor.Finding("b", "bad", "mend it")]))
    lines = console.export_text().splitlines()
    assert lines[1].startswith("ok")
    assert lines[2].startswith("x")
    assert "mend it" in lines[2]
