"""Configuration: every fault at once, with file, line, key, rule, value and remedy."""

from __future__ import annotations

import math
import textwrap

import pytest
import yaml

from pipeline import config
from pipeline.errors import ConfigError


def write(folder, text, name="cams.yaml"):
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return path


GOOD = """\
cameras:
  - name: left
    source: left.mp4
  - name: right
    source: right.mp4
links:
  - {from: left, to: right, seconds: [4, 40]}
"""


def faults(folder, text, preset="recorded", **rest):
    path = write(folder, text)
    with pytest.raises(ConfigError) as caught:
        config.load(path, preset, **rest)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_the_documented_example(tmp_path):
    loaded = config.load(write(tmp_path, GOOD), "recorded")
    assert [camera.name for camera in loaded.config.cameras] == ["left", "right"]
    assert loaded.config.links[0].seconds == (4, 40)
    assert loaded.config.tracker.type == "evidence"
    assert loaded.folder == tmp_path


CASES = [
    (
        "a number out of range",
        "cameras:\n  - name: a\n    source: a.mp4\n    fps: -1\n",
        ["cams.yaml:4: cameras[0].fps: must be greater than 0 (got -1)"],
    ),
    (
        "an unknown key, with the nearest valid one",
        "cameras:\n  - name: a\n    sorce: a.mp4\n",
        [
            "cams.yaml:2: cameras[0].source: is missing",
            "cams.yaml:3: cameras[0].sorce: unknown key; did you mean 'source'?",
        ],
    ),
    (
        "a camera name twice",
        "cameras:\n  - {name: a, source: 1.mp4}\n  - {name: A, source: 2.mp4}\n",
        [
            (
                "cams.yaml:3: cameras[1].name: 'A' is taken by cameras[0]; "
                "names must differ, also without regard to case"
            )
        ],
    ),
    (
        "links to an unknown camera",
        "cameras:\n  - {name: entrance, source: 1.mp4}\nlinks:\n  - {from: entrance, to: entrence}\n",
        ["cams.yaml:4: links[0].to: no camera is called 'entrence'; did you mean 'entrance'?"],
    ),
    (
        "a link to itself",
        "cameras:\n  - {name: a, source: 1.mp4}\nlinks:\n  - {from: a, to: a}\n",
        ["cams.yaml:4: links[0]: must join two cameras; people can always come back to the same one"],
    ),
    (
        "files that share no clock",
        "cameras:\n  - {name: a, source: 1.mp4, start: 2026-03-01T09:00:00Z}\n  - {name: b, source: 2.mp4}\n",
        [
            (
                "cams.yaml:3: cameras[1].start: is missing, but cameras[0] has one; "
                "files need it to share a clock with the others"
            )
        ],
    ),
    (
        "a file beside a live camera, without its clock",
        "cameras:\n  - {name: a, source: a.mp4}\n  - {name: b, source: 'rtsp://10.0.0.7/x'}\n",
        [
            (
                "cams.yaml:2: cameras[0].start: is missing, but cameras[1] is live; "
                "files need it to share a clock with the others"
            )
        ],
    ),
    (
        "no cameras",
        "cameras: []\n",
        ["cams.yaml:1: cameras: List should have at least 1 item after validation, not 0 (got [])"],
    ),
    ("no list at all", "links: []\n", ["cams.yaml:1: cameras: is missing"]),
    (
        "processing settings in cams.yaml",
        "tracker: {type: deepsort}\ncameras:\n  - {name: a, source: 1.mp4}\n",
        ["cams.yaml:1: tracker: unknown key; settings of the processing go into a preset (--config) or --set"],
    ),
    (
        "a key twice",
        "cameras:\n  - {name: a, source: 1.mp4}\ncameras: []\n",
        ["cams.yaml:3: cameras: stands here a second time; the first is in line 1"],
    ),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_faults_are_named(tmp_path, text, expected):
    assert sorted(faults(tmp_path, text)) == sorted(expected)


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "con\n", "a:b", "ends."])
def test_a_name_that_is_no_file_name_is_refused(tmp_path, name):
    text = yaml.safe_dump({"cameras": [{"name": name, "source": "a.mp4"}]})
    assert "cameras[0].name" in faults(tmp_path, text)[0]


def test_all_faults_come_at_once_whatever_their_kind(tmp_path):
    text = """\
    cameras:
      - name: a
        source: 1.mp4
        fps: fast
        roi: [10, 0, 5, 100]
      - name: a
        source: 2.mp4
    links:
      - {from: a, to: b, seconds: [9, 1]}
    """
    found = faults(tmp_path, text, changes=["tracker.max_age=-2", "detector.foldr=x"])
    text = "\n".join(found)
    for key in (
        "cams.yaml:4: cameras[0].fps",
        "cams.yaml:5: cameras[0].roi",
        "cams.yaml:6: cameras[1].name",
        "cams.yaml:9: links[0].to",
        "cams.yaml:9: links[0].seconds",
        "--set tracker.max_age=-2: tracker.max_age: must be greater than 0 (got -2)",
        "--set detector.foldr=x: detector.foldr: unknown key; did you mean 'folder'?",
    ):
        assert key in text
    assert len(found) == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cameras: [\n", "cams.yaml:2: not valid YAML"),
        ("- a\n- b\n", "cams.yaml:1: must be a mapping"),
        ("", "cams.yaml:1: must be a mapping"),
        ("just text\n", "cams.yaml:1: must be a mapping"),
        ("cameras:\n\t- name: a\n", "cams.yaml:2: not valid YAML: a tab; indent with spaces"),
        ("cameras: 'a\n", "cams.yaml:2: not valid YAML: a quote that is not closed"),
        ("cameras: [a\n", "cams.yaml:2: not valid YAML: a [ that is not closed"),
        ("cameras: a: b\n", "cams.yaml:1: not valid YAML: a second ': ' in one line"),
        ("cameras:\n  - name: a\n fps: 2\n", "cams.yaml:3: not valid YAML: the indentation does not fit"),
    ],
)
def test_what_is_no_configuration_at_all(tmp_path, text, message):
    assert faults(tmp_path, text)[0].startswith(message)


def test_a_missing_file_a_folder_and_a_video_as_cams_yaml(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        config.load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        config.load(tmp_path)
    (tmp_path / "v.mp4").write_bytes(b"\x00\x00\x00\x20ftypisom\xff\xfe\x80")
    with pytest.raises(ConfigError, match="not a text file"):
        config.load(tmp_path / "v.mp4")


class TestSet:
    @pytest.fixture
    def cams(self, tmp_path):
        return write(tmp_path, GOOD)

    def test_values_are_yaml(self, cams):
        loaded = config.load(cams, "recorded", ["tracker.max_age=2.5", "linker.false_link_rate=0.02"]).config
        assert loaded.tracker.max_age == 2.5
        assert loaded.linker.false_link_rate == 0.02

    def test_another_type_drops_the_settings_of_the_old_one(self, cams):
        loaded = config.load(cams, "recorded", ["tracker.gallery=5", "tracker.type=bytetrack"]).config
        assert loaded.tracker.type == "bytetrack"

    def test_sinks_are_found_by_their_type_and_cameras_by_their_name(self, cams):
        loaded = config.load(cams, "recorded", ["sinks.video.crf=30", "cameras.right.fps=5"]).config
        assert next(sink for sink in loaded.sinks if sink.type == "video").crf == 30
        assert loaded.cameras[1].fps == 5

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ("tracker", "must be section.key=value"),
            ("trakcer.max_age=2", "trakcer: unknown key; did you mean 'tracker'?"),
            ("tracker.type=magic", "unknown type 'magic'; valid are: bytetrack, deepsort, evidence"),
            ("tracker.max_age.x=2", "--set tracker.max_age.x=2"),
            ("sinks.vidoe.crf=3", "no entry 'vidoe' in the list; did you mean 'video'?"),
        ],
    )
    def test_faults_name_the_change(self, cams, change, message):
        with pytest.raises(ConfigError) as caught:
            config.load(cams, "recorded", [change])
        assert message in str(caught.value)

    def test_show_adds_the_window_once(self, cams):
        loaded = config.load(cams, "recorded", show=True).config
        assert [sink.type for sink in loaded.sinks].count("window") == 1


@pytest.mark.parametrize("preset", ["default", "cpu", "gpu", "accurate", "recorded"])
def test_every_preset_is_valid(tmp_path, preset):
    loaded = config.load(write(tmp_path, GOOD), preset)
    assert {sink.type for sink in loaded.config.sinks} == {"video", "identities", "mot", "store"}
    assert config.load_processing(preset).tracker == loaded.config.tracker


def test_an_unknown_preset_names_the_valid_ones(tmp_path):
    assert "did you mean 'default'" in faults(tmp_path, GOOD, preset="defualt")[0]


def test_a_preset_may_be_a_file_and_must_not_hold_cameras(tmp_path):
    mine = write(tmp_path, (config.PRESETS / "recorded.yaml").read_text() + "cameras: []\n", "mine.yaml")
    assert "a preset holds processing settings only" in faults(tmp_path, GOOD, preset=str(mine))[0]


def test_start_is_a_date_or_seconds(tmp_path):
    text = "cameras:\n  - {name: a, source: a.mp4, start: %s}\n"
    for value, seconds in (
        ("2026-03-01T09:00:00Z", 1772355600),
        ("2026-03-01 10:00:00+01:00", 1772355600),
        ("2026-03-01", 1772323200),
        ("12.5", 12.5),
        ("null", None),
    ):
        assert config.load(write(tmp_path, text % value), "recorded").config.cameras[0].start == seconds


@pytest.mark.parametrize("value", ["9:00", "12:30:00", "true", "2026-13-01", "2026-02-30 09:00:00", "[1]", "noon"])
def test_a_start_that_is_no_time(tmp_path, value):
    """YAML on its own reads 9:00 as the number 540."""
    (fault,) = faults(tmp_path, f"cameras:\n  - name: a\n    source: a.mp4\n    start: {value}\n")
    assert fault.startswith("cams.yaml:4: cameras[0].start: must be a date and time, as in 2026-03-01T09:00:00Z")


@pytest.mark.parametrize("value", ["true", "''", "-1", "1.5", "[a]", ""])
def test_a_source_that_is_no_place(tmp_path, value):
    (fault,) = faults(tmp_path, f"cameras:\n  - name: a\n    source: {value}\n")
    assert fault.startswith("cams.yaml:3: cameras[0].source: must be a path, a URL, or the number of a webcam")


def test_a_link_twice(tmp_path):
    text = GOOD + "  - {from: right, to: left}\n  - {from: left, to: right, seconds: [1, 2]}\n"
    found = faults(tmp_path, text)
    assert len(found) == 1
    assert "links[2]: has the same cameras as links[0]; keep one of the two" in found[0]


def test_a_configuration_survives_being_written_and_read(tmp_path):
    text = GOOD + "  - {from: right, to: left, overlap: true}\n"
    first = config.load(write(tmp_path, text), "recorded", ["tracker.max_age=3", "linker.expiry=7"])
    record = {**config.dump(first.config, first.folder), "environment": {}, "weights": {}}
    assert record["cameras"][0]["source"] == str(tmp_path / "left.mp4")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    second = config.load(write(elsewhere, yaml.safe_dump(record), "run.yaml")).config
    assert second.links[1].seconds == (0, math.inf)
    same = first.config.model_copy(update={"cameras": second.cameras})
    assert same.model_dump(exclude={"detector"}) == second.model_dump(exclude={"detector"})
    assert config.dump(second, elsewhere) == config.dump(first.config, first.folder)


def test_a_record_of_paths_keeps_its_variables(tmp_path, monkeypatch):
    monkeypatch.setenv("WHICH", "7")
    monkeypatch.setenv("HOME", "/home/me")
    text = "cameras:\n  - {name: a, source: '~/g.mp4'}\n  - {name: b, source: 'clips/${WHICH}.mp4'}\n"
    loaded = config.load(write(tmp_path, text), "recorded")
    sources = [camera["source"] for camera in config.dump(loaded.config, loaded.folder)["cameras"]]
    assert sources == ["/home/me/g.mp4", str(tmp_path / "clips/${WHICH}.mp4")]


def test_credentials_are_in_no_message(tmp_path):
    url = "rtsp://admin:hunter2@10.0.0.7/s?token=hunter2"
    entries = f"  - {{name: a, source: ['{url}']}}\n  - {{name: b, source: x, start: '{url}', fps: 'p {url}'}}\n"
    changes = [f"cameras.b.source={url}", f"cameras.b.roi={url}", f"cameras.b.fpss={url}"]
    found = "\n".join(faults(tmp_path, "cameras:\n" + entries, changes=changes))
    assert "--set cameras.b.roi=rtsp://***@10.0.0.7/s?token=***: cameras[1].roi" in found
    for bad in (f"cameras.c.source={url}", url):
        found += faults(tmp_path, GOOD, changes=[bad])[0]
    assert found.count("***@10.0.0.7") == 8
    assert "hunter2" not in found


@pytest.mark.parametrize("start", [".nan", ".inf"])
def test_a_start_that_is_never(tmp_path, start):
    text = f"cameras:\n  - {{name: a, source: a.mp4, start: {start}}}\n"
    assert "cameras[0].start: must be a finite number" in faults(tmp_path, text)[0]


def test_a_change_that_looks_like_a_date_but_is_none(tmp_path):
    found = faults(tmp_path, GOOD, changes=["cameras.left.start=2026-13-01"])
    assert "cameras[0].start: must be a date and time" in found[0]


def test_a_name_that_is_too_long_for_a_file(tmp_path):
    text = f"cameras:\n  - {{name: {'a' * 101}, source: a.mp4}}\n"
    assert "cameras[0].name: String should have at most 100 characters" in faults(tmp_path, text)[0]


def test_an_empty_preset_and_one_that_cannot_be_read(tmp_path):
    empty = str(write(tmp_path, "", "empty.yaml"))
    assert faults(tmp_path, GOOD, preset=empty)[0].startswith("empty.yaml:1: must be a mapping of: detector")
    with pytest.raises(ConfigError, match=r"empty\.yaml:1: must be a mapping"):
        config.load_processing(empty)
    assert "cannot be read: File name too long" in faults(tmp_path, GOOD, preset="n" * 300 + ".yaml")[0]


def test_a_value_that_contains_itself(tmp_path):
    text = "cameras: &all\n  - {name: a, source: a.mp4}\n  - *all\n"
    assert "cams.yaml: a value contains itself" in faults(tmp_path, text)[0]


FILE_AND_VARIABLE = "cameras:\n  - {name: a, source: a.mp4}\n  - {name: b, source: '${GATE_URL}'}\n"


def test_a_variable_decides_what_shares_a_clock(tmp_path, monkeypatch):
    monkeypatch.setenv("GATE_URL", "rtsp://10.0.0.7/x")
    assert "cameras[0].start: is missing, but cameras[1] is live" in faults(tmp_path, FILE_AND_VARIABLE)[0]
    monkeypatch.setenv("GATE_URL", "b.mp4")
    config.load(write(tmp_path, FILE_AND_VARIABLE), "recorded")
    monkeypatch.delenv("GATE_URL")
    config.load(write(tmp_path, FILE_AND_VARIABLE.replace("a.mp4}", "a.mp4, start: 3}")), "recorded")
