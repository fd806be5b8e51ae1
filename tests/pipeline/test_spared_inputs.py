"""What a run reads is never overwritten or deleted, and an older run only goes when the new one can begin."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import runfolder
from pipeline.errors import OutputError
from tests.conftest import Outcome


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Place:
    """A folder with copies of two clips' detections and runs in `run`."""

    def __init__(self, cli: Callable[..., Outcome], folder: Path, site: Path) -> None:
        self._cli, self.folder, self._site = cli, folder, site
        self.output, self.detections = folder / "run", folder / "detections"
        shutil.copytree(site / "detections", self.detections)

    def clip(self, target: Path) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(self._site / "yard.mp4", target))

    def run(self, cameras: dict[str, Any], *more: object, detections: Path | None = None) -> Outcome:
        cams = self.folder / "cams.yaml"
        entries = [{"name": name, "source": str(source)} for name, source in cameras.items()]
        cams.write_text(yaml.safe_dump({"cameras": entries}), encoding="utf-8")
        change = f"detector.folder={detections or self.detections}"
        return self._cli(
            "--sources", cams, "--config", "recorded", "--set", change, "--output", self.output, *more
        )

    def refuses(self, cameras: dict[str, Any], *more: object, words: str, detections: Path | None = None) -> None:
        """The run is refused with these words and nothing at all is touched."""
        (self.folder / "cams.yaml").unlink(missing_ok=True)
        before = contents(self.folder)
        result = self.run(cameras, *more, detections=detections)
        (self.folder / "cams.yaml").unlink()
        assert (result.code, words in result.err) == (2, True), result.err
        assert contents(self.folder) == before


@pytest.fixture
def place(cli, tmp_path, small) -> Place:
    return Place(cli, tmp_path, small.folder)


@pytest.mark.parametrize("source", ["~/run/yard.mp4", "${VIDEOS}/yard.mp4", "run/../run/yard.mp4", "link.mp4"])
def test_a_source_is_spared_however_it_is_written(place, source, monkeypatch):
    monkeypatch.setenv("HOME", str(place.folder))
    monkeypatch.setenv("VIDEOS", str(place.output))
    clip = place.clip(place.output / "yard.mp4")
    (place.folder / "link.mp4").symlink_to(clip)
    place.refuses({"yard": source}, words="the run would overwrite its own source")


def test_a_source_among_the_files_of_the_old_run_is_spared(place):
    clip = place.clip(place.folder / "yard.mp4")
    assert place.run({"gate": clip}).code == 0
    source = place.output / "gate.mp4"
    place.refuses(
        {"yard": source}, "--overwrite", words=f"--overwrite would delete the run's own source {source};"
    )


@pytest.mark.parametrize("folder", ["tracks", "mot"])
def test_recorded_detections_among_the_results_are_spared(place, folder):
    clip = place.clip(place.folder / "yard.mp4")
    assert place.run({"yard": clip}).code == 0
    words = f"would overwrite its own recorded detections {place.output / folder}; choose another --output"
    place.refuses({"yard": clip}, "--overwrite", words=words, detections=place.output / folder)
    (place.output / "run.yaml").unlink()
    place.refuses({"yard": clip}, words=words, detections=place.output / folder)


def test_weights_among_the_results_are_spared(tmp_path):
    weights = tmp_path / "tracks" / "osnet.pth"
    weights.parent.mkdir()
    weights.touch()
    with pytest.raises(OutputError, match="would overwrite its own embedder weights"):
        runfolder.prepare(tmp_path, ["a"], [runfolder.Input("embedder weights", weights)], overwrite=True)


@pytest.mark.parametrize(("rows", "words"), [(None, "no such file"), ("1,-1,10,10,20\n", "yard.txt:1: 6 to 10")])
def test_an_old_run_survives_detections_that_are_missing_or_wrong(place, rows, words):
    clip = place.clip(place.folder / "yard.mp4")
    assert place.run({"yard": clip}).code == 0
    recorded = place.detections / "yard.txt"
    recorded.unlink() if rows is None else recorded.write_text(rows)
    place.refuses({"yard": clip}, "--overwrite", words=words)


def test_a_record_that_names_files_elsewhere_deletes_nothing_there(place):
    clip, other = place.clip(place.folder / "yard.mp4"), place.clip(place.folder / "other.mp4")
    place.output.mkdir()
    (place.output / "run.yaml").write_text("cameras: [{name: ../other}]")
    assert place.run({"yard": clip}, "--overwrite").code == 0
    assert other.exists()


def test_an_output_whose_name_is_too_long(tmp_path):
    with pytest.raises(OutputError, match="cannot be written: File name too long; choose another --output"):
        runfolder.prepare(tmp_path / ("n" * 300), ["a"], [], overwrite=False)


@pytest.mark.parametrize(
    "write",
    [lambda folder: runfolder.write_record(folder, {}, {}), lambda folder: runfolder.write_summary(folder, {})],
)
def test_a_full_disk_is_told(tmp_path, monkeypatch, write):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="cannot be written: No space left on device; free some space"):
        write(tmp_path)


@pytest.mark.parametrize("mine", ["yard.mp4", "summary.json", "tracks/notes.txt"])
def test_files_of_somebody_else_are_spared(place, mine):
    clip = place.clip(place.folder / "clip.mp4")
    (place.output / mine).parent.mkdir(parents=True)
    (place.output / mine).write_text("mine")
    words = f"would overwrite {Path(mine).parts[0]}, which no run there has written; move that away"
    place.refuses({"yard": clip}, words=words)
    place.refuses({"yard": clip}, "--overwrite", words=words)


def test_other_files_in_the_folder_do_not_matter(place):
    clip = place.clip(place.folder / "clip.mp4")
    place.output.mkdir()
    (place.output / "notes.txt").write_text("mine")
    assert place.run({"yard": clip}).code == 0
    assert (place.output / "notes.txt").read_text() == "mine"


def test_a_new_camera_does_not_replace_what_the_old_run_did_not_write(place):
    clip = place.clip(place.folder / "clip.mp4")
    assert place.run({"yard": clip}).code == 0
    (place.output / "gate.mp4").write_text("mine")
    place.refuses({"gate": clip}, "--overwrite", words="would overwrite gate.mp4, which no run there has written")


@pytest.mark.parametrize("text", ["jobs: [train]\n", "- a\n", "cameras: [\n", ""])
def test_a_run_yaml_of_another_program_is_spared(place, text):
    clip = place.clip(place.folder / "clip.mp4")
    place.output.mkdir()
    (place.output / "run.yaml").write_text(text)
    place.refuses(
        {"yard": clip}, "--overwrite", words="run.yaml: not the record of a run, so nothing here is replaced"
    )


def test_the_output_is_looked_at_before_models_are_loaded(cli, small, tmp_path):
    assert cli(*small.run, "--output", tmp_path / "run").code == 0
    changes = ["--set", "embedder.type=osnet", "--set", "embedder.weights=none.pth"]
    assert "holds a run already" in cli(*small.run, *changes, "--output", tmp_path / "run").err
    assert "none.pth: not found" in cli(*small.run, *changes, "--output", tmp_path / "other").err
    assert not (tmp_path / "other").exists()
