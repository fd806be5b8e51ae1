"""Clips, cams.yaml and truth of a small scene: complete, consistent, and the same each time."""

import csv
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline import config
from pipeline.motfile import read_mot

pytestmark = pytest.mark.usefixtures("opengl")
ROOT = Path(__file__).resolve().parents[2]
_RECORD = """
import sys
from pathlib import Path
from tests.world.conftest import two_rooms
from world.record import record
record(two_rooms(), 1, Path(sys.argv[1]))
"""


def recorded(scene, seed, folder):
    from world.record import record

    record(scene, seed, folder)
    return folder


@pytest.fixture(scope="module")
def clips(rooms, opengl, tmp_path_factory):
    return recorded(rooms, 1, tmp_path_factory.mktemp("clips") / "one")


@pytest.fixture(scope="module")
def lossy(rooms):
    """Twelve seconds at five frames a second, with losses; long enough to walk from view to view."""
    cameras = tuple(
        replace(camera, fps=5.0, clock=clock) for camera, clock in zip(rooms.cameras, (0, 0.4), strict=True)
    )
    return replace(rooms, cameras=cameras, seconds=12.0, dropped=0.15, gaps=(("east", 4.0, 6.5),))


@pytest.fixture(scope="module")
def lossy_clips(lossy, opengl, tmp_path_factory):
    return recorded(lossy, 2, tmp_path_factory.mktemp("lossy") / "clips")


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def clip_times(path):
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def test_all_files_are_there(rooms, clips):
    names = [camera.name for camera in rooms.cameras]
    truth = [f"truth/{name}.txt" for name in names] + [f"truth/details/{name}.csv" for name in names]
    tables = ["truth/transits.csv", "truth/trajectories.csv"]
    assert set(contents(clips)) == {"cams.yaml", *(f"{name}.mp4" for name in names), *truth, *tables}


def test_the_same_seed_gives_the_same_bytes(rooms, clips, tmp_path):
    assert contents(recorded(rooms, 1, tmp_path / "again")) == contents(clips)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_threads_do_not_change_a_byte(threads, clips, tmp_path):
    names = ("LP_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, threads)
    subprocess.run(
        [sys.executable, "-c", _RECORD, str(tmp_path / "clips")],
        check=True,
        timeout=120,
        cwd=ROOT,
        env=environment,
    )
    assert contents(tmp_path / "clips") == contents(clips)


def test_another_seed_gives_another_recording(rooms, clips, tmp_path):
    one, other = contents(clips), contents(recorded(replace(rooms, seconds=2.0), 2, tmp_path / "other"))
    assert all(one[name] != other[name] for name in one if name.endswith((".mp4", "trajectories.csv")))


@pytest.mark.parametrize("kind", ["plain", "lossy"])
def test_the_program_reads_cams_yaml(kind, rooms, lossy, request):
    folder = request.getfixturevalue("clips" if kind == "plain" else "lossy_clips")
    scene = rooms if kind == "plain" else lossy
    loaded = config.load(folder / "cams.yaml", "recorded").config
    assert [camera.name for camera in loaded.cameras] == [camera.name for camera in scene.cameras]
    starts = [camera.start for camera in loaded.cameras if camera.start is not None]
    assert np.diff(starts) == pytest.approx(scene.cameras[1].clock - scene.cameras[0].clock)
    names = {camera.name for camera in scene.cameras}
    assert all({link.origin, link.to} <= names for link in loaded.links)


@pytest.mark.parametrize("folder", ["clips", "lossy_clips"])
def test_truth_belongs_to_the_frames_of_the_clip(folder, rooms, request):
    folder = request.getfixturevalue(folder)
    for camera in rooms.cameras:
        rows = read_mot(folder / "truth" / f"{camera.name}.txt")
        times = clip_times(folder / f"{camera.name}.mp4")
        details = table(folder / "truth" / "details" / f"{camera.name}.csv")
        assert len(rows) == len(details) > 0
        assert rows.frame.min() >= 1
        assert rows.frame.max() <= len(times)
        assert rows.pedestrian.all()
        assert set(rows.id) <= set(range(1, rooms.people + 1))
        for frame, person, row in zip(rows.frame, rows.id, details, strict=True):
            assert (int(row["frame"]), int(row["person"])) == (frame, person)
            assert times[frame - 1] == pytest.approx(float(row["time"]), abs=0.002)


def test_lost_frames_make_the_times_jump(lossy, lossy_clips):
    for number, camera in enumerate(lossy.cameras):
        from world.record import frame_times

        times = clip_times(lossy_clips / f"{camera.name}.mp4")
        kept = frame_times(lossy, camera, np.random.default_rng([2, 2, number]))
        assert times == pytest.approx(kept, abs=1e-3)
        assert times[0] == 0
        steps = np.diff(times) * camera.fps
        assert steps == pytest.approx(np.rint(steps), abs=0.01)
        assert steps.max() > 1.5  # some frame is lost
    assert not any(4.0 <= time < 6.5 for time in times)
    assert np.diff(times).max() >= 2.5


def test_transits_lie_within_their_links(lossy_clips):
    links = {
        (link.origin, link.to): link for link in config.load(lossy_clips / "cams.yaml", "recorded").config.links
    }
    transits = table(lossy_clips / "truth" / "transits.csv")
    assert transits
    for transit in transits:
        shortest, longest = links[transit["from"], transit["to"]].seconds
        assert shortest <= float(transit["seconds"]) <= longest
        assert float(transit["appeared"]) - float(transit["left"]) == pytest.approx(
            float(transit["seconds"]), abs=0.002
        )


@pytest.mark.parametrize("folder", ["clips", "lossy_clips"])
def test_a_number_is_the_same_person_in_all_cameras(folder, rooms, request):
    """Where a person's trajectory says, the cameras see the person."""
    folder = request.getfixturevalue(folder)
    ways: dict[str, list[list[float]]] = {}
    for row in table(folder / "truth" / "trajectories.csv"):
        ways.setdefault(row["person"], []).append([float(row[name]) for name in ("time", "x", "y")])
    for camera in rooms.cameras:
        for row in table(folder / "truth" / "details" / f"{camera.name}.csv")[::7]:
            way = np.array(ways[row["person"]])
            x, y = (np.interp(float(row["time"]), way[:, 0], way[:, column]) for column in (1, 2))
            (across, down), depth = camera.project(np.array([x, y, 0.9]))
            left, top, right, bottom = (float(row[side]) for side in ("left", "top", "right", "bottom"))
            assert left <= across <= right
            assert top <= down <= bottom
            assert float(row["depth"]) == pytest.approx(float(depth), abs=0.6)


def test_a_box_counts_where_the_person_can_be_found(clips, rooms):
    for camera in rooms.cameras:
        rows = read_mot(clips / "truth" / f"{camera.name}.txt")
        details = table(clips / "truth" / "details" / f"{camera.name}.csv")
        for counts, height, row in zip(rows.score, rows.height, details, strict=True):
            assert 0 < float(row["visibility"]) <= 1
            if abs(height - 24) > 0.01 and abs(float(row["visibility"]) - 0.25) > 0.001:
                assert counts == (height >= 24 and float(row["visibility"]) >= 0.25)
