"""The command line: what it prints, and its exit codes."""

import sys

import pytest

from tests.conftest import Outcome
from world import cli as module
from world.cli import main
from world.scenes import SCENES


@pytest.fixture
def world(capsys):
    """`python -m world` in this process."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return Outcome(code, printed.out, printed.err)

    return run


@pytest.fixture
def two_rooms(rooms, monkeypatch):
    """Makes the small scene one that the command line knows."""
    monkeypatch.setitem(SCENES, "rooms", rooms)


def squeezed(text):
    return " ".join(text.split())


def test_list_names_every_scene(world):
    outcome = world("list")
    assert outcome.code == 0
    assert all(name in outcome.out for name in SCENES)


@pytest.mark.parametrize("command", [["render", "mal"], ["crops", "--scene", "mal"]])
def test_an_unknown_scene_is_refused(world, command, tmp_path):
    outcome = world(*command, "--output", tmp_path / "clips")
    assert outcome.code == 2
    assert "there is no scene 'mal'" in outcome.err
    assert all(name in outcome.err for name in SCENES)
    assert not (tmp_path / "clips").exists()


def test_clips_are_not_replaced_unasked(world, tmp_path):
    (tmp_path / "cams.yaml").write_text("cameras: []\n")
    outcome = world("render", "demo", "--output", tmp_path)
    assert outcome.code == 2
    assert "holds clips already" in outcome.err
    assert "--overwrite" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["cams.yaml"]


@pytest.mark.parametrize("command", [["render", "demo"], ["crops"]])
def test_a_missing_renderer_says_what_to_install(world, command, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("world.")]:
        if name in ("world.record", "world.crops", "world.stage", "world.view", "world.renderer"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "moderngl", None)
    outcome = world(*command, "--output", tmp_path / "clips")
    assert outcome.code == 2
    assert "moderngl is not installed" in squeezed(outcome.err)
    assert "requirements-world.txt" in outcome.err


@pytest.mark.usefixtures("opengl", "two_rooms")
class TestRendering:
    def test_render_writes_clips(self, world, tmp_path):
        (tmp_path / "clips").mkdir()
        (tmp_path / "clips" / "cams.yaml").write_text("cameras: []\n")
        outcome = world("render", "rooms", "--seconds", 1, "--output", tmp_path / "clips", "--overwrite")
        assert outcome.code == 0
        assert "22 frames" in squeezed(outcome.out)
        assert {"cams.yaml", "west.mp4", "east.mp4", "truth"} == {
            path.name for path in (tmp_path / "clips").iterdir()
        }

    def test_crops_writes_pictures(self, world, tmp_path):
        options = ["--scene", "rooms", "--scene", "rooms", "--cameras", 2, "--identities", 2, "--images", 2]
        outcome = world("crops", *options, "--output", tmp_path)
        assert outcome.code == 0
        assert "8 crops of 2 people" in squeezed(outcome.out)
        assert len(list(tmp_path.rglob("*.jpg"))) == 8

    def test_too_many_cameras_are_refused(self, world, tmp_path):
        outcome = world("crops", "--scene", "rooms", "--cameras", 3, "--output", tmp_path)
        assert outcome.code == 2
        assert "the scenes have 2 cameras, 3 are wanted" in outcome.err

    def test_no_opengl_says_what_to_install(self, world, tmp_path, monkeypatch):
        import moderngl

        def refused(**_):
            raise RuntimeError("eglInitialize failed (0x3001)")

        monkeypatch.setattr(moderngl, "create_context", refused)
        outcome = world("render", "rooms", "--output", tmp_path / "clips")
        assert outcome.code == 2
        assert "eglInitialize failed" in outcome.err
        assert "libegl1" in outcome.err

    def test_an_output_that_is_a_file_is_refused(self, world, tmp_path):
        (tmp_path / "file").write_text("")
        outcome = world("render", "rooms", "--output", tmp_path / "file")
        assert outcome.code == 2
        assert "file" in outcome.err

    def test_interrupting_ends_with_130(self, world, tmp_path, monkeypatch):
        from world import record

        def interrupted(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(record, "frame_times", interrupted)
        outcome = world("render", "rooms", "--output", tmp_path / "clips")
        assert outcome.code == 130
        assert "interrupted" in outcome.err
        assert not (tmp_path / "clips" / "cams.yaml").exists()


def test_the_module_is_named_in_the_help(world):
    outcome = world("--help")
    assert outcome.code == 0
    assert "python -m world" in outcome.out
    assert module.USAGE == 2
