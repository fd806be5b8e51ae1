from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks.truth import write_split_truth
from pipeline.errors import TruthError
from pipeline.evaluate import Evaluation, evaluate_run, evaluation_tables
from pipeline.scores import Annotations
from tests.pipeline.sequences import Row, crowd, walk
from tests.shared_data import SHARED, needs_shared

TEN = range(1, 11)


def write_rows(path: Path, rows: Iterable[Row], tail: str = "1,-1,-1,-1") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{frame},{i},{left},0,100,100,{tail}\n" for frame, i, left in rows))


def write_annotations(path: Path, a: Annotations, flags: Iterable[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{frame},{i},{','.join(map(repr, box))},{flag},-1,-1,-1\n"
        for frame, i, box, flag in zip(a.frames, a.ids, a.boxes.tolist(), flags, strict=True)
    ]
    path.write_text("".join(lines))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Person 5 in two cameras and 6 in the left one; the result is right but for a new identity on the right."""
    for folder, left, right in (("truth", (5, 6), 5), ("run/tracks", (1, 2), 1), ("run/mot", (1, 2), 3)):
        write_rows(tmp_path / folder / "left.txt", walk(left[0], TEN) + walk(left[1], TEN, 500))
        write_rows(tmp_path / folder / "right.txt", walk(right, TEN))
    return tmp_path


def evaluate(site: Path, people: str | None = None) -> Evaluation:
    if people is None:
        return evaluate_run(site / "run", site / "truth")
    (site / "people.csv").write_text(people)
    return evaluate_run(site / "run", site / "truth", site / "people.csv")


def rendered(evaluation: Evaluation, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(evaluation_tables(evaluation))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_new_identity_in_the_second_camera_shows_in_the_global_row_only(site: Path) -> None:
    evaluation = evaluate(site)
    (reading,) = evaluation.readings
    assert list(reading.cameras) == ["left", "right"]
    for camera in reading.cameras.values():
        for scores in (camera.tracks, camera.identities):
            assert (scores.hota, scores.idf1, scores.mota, scores.switches) == pytest.approx((1, 1, 1, 0))
    everywhere = reading.all_cameras
    assert (everywhere.idf1, everywhere.switches) == pytest.approx((20 / 30, 1))
    assert (everywhere.truth_ids, everywhere.result_ids, everywhere.truth_boxes) == (2, 3, 30)
    assert evaluation.notes == ()


def test_two_tracks_with_one_identity_cost_the_tracks_only(site: Path) -> None:
    write_rows(site / "run/tracks/right.txt", walk(1, range(1, 6)) + walk(2, range(6, 11)))
    camera = evaluate(site).readings[0].cameras["right"]
    assert (camera.tracks.idf1, camera.tracks.switches) == pytest.approx((0.5, 1))
    assert (camera.identities.idf1, camera.identities.switches) == pytest.approx((1.0, 0))


def test_people_give_a_second_reading(site: Path) -> None:
    """The truth calls the person on the right 7, the people file says 7 is 5."""
    write_rows(site / "truth/right.txt", walk(7, TEN))
    write_rows(site / "run/mot/right.txt", walk(1, TEN))
    by_id, by_person = evaluate(site, "mot_id,person\n5,anna\n6,ben\n7,anna\n8,cleo\n").readings
    assert (by_id.name, by_person.name) == ("ids of the truth", "people of people.csv")
    assert (by_id.all_cameras.idf1, by_id.all_cameras.truth_ids) == pytest.approx((20 / 30, 3))
    assert (by_person.all_cameras.idf1, by_person.all_cameras.truth_ids) == pytest.approx((1, 2))


def test_a_result_without_truth_is_noted_and_not_scored(site: Path) -> None:
    alone = evaluate(site).readings
    for kind in ("tracks", "mot"):
        write_rows(site / "run" / kind / "hall.txt", walk(1, TEN))
    evaluation = evaluate(site)
    assert evaluation.readings == alone
    assert evaluation.notes == (f"camera hall: not scored, there is no {site / 'truth' / 'hall.txt'}",)
    assert "note: camera hall" in rendered(evaluation, 200)


def test_the_table_fits_a_terminal_of_80_columns(site: Path) -> None:
    text = rendered(evaluate(site), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "Scored against the ids of the truth; rates in %" in text
    table = {tuple(line.split()[:2]): line.split()[2:] for line in text.splitlines() if line.strip()}
    assert table["left", "tracks"] == ["100.0"] * 7 + ["0", "0", "2", "2"]
    assert table["right", "tracks"] == ["100.0"] * 7 + ["0", "0", "1", "1"]
    # HOTA: 20 boxes with an association of 1/2 and 10 with 1; one switch among 30 boxes.
    wanted = ["81.6", "100.0", "66.7", "66.7", "66.7", "66.7", "96.7", "1", "0", "2", "3"]
    assert table["all", "identities"] == wanted


def test_a_camera_in_which_nobody_walks_has_no_rates(site: Path) -> None:
    (site / "truth/right.txt").write_text("")
    evaluation = evaluate(site)
    lines = [line.split() for line in rendered(evaluation, 100).splitlines()]
    assert ["right", "tracks", *"-------", "0", "0", "0", "1"] in lines
    plain = evaluation.to_dict()["readings"][0]["cameras"]["right"]["tracks"]
    assert plain["hota"] is None
    assert plain["false_positives"] == 10
    assert evaluation.readings[0].all_cameras.idp == pytest.approx(20 / 30)


def test_the_dictionary_is_json(site: Path) -> None:
    evaluation = evaluate(site, "mot_id,person\n5,1\n6,2\n")
    plain = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert plain == evaluation.to_dict()
    assert [reading["ids"] for reading in plain["readings"]] == ["ids of the truth", "people of people.csv"]
    assert plain["readings"][0]["all_cameras"]["identities"]["idf1"] == pytest.approx(2 / 3)
    assert plain["readings"][0]["cameras"]["left"]["tracks"]["truth_boxes"] == 20


@pytest.mark.parametrize(
    ("tail", "counts"),
    [
        ("1", True),
        ("0", False),
        ("1,1", True),  # flag, class
        ("1,7", False),
        ("1,-1", True),  # no class stated
        ("1,1,0.25", True),  # flag, class, visibility: MOT16, MOT17
        ("1,7,1", False),
        ("0,1,1", False),
        ("1,-1,-1,-1", True),  # flag, world coordinates: MOT15
        ("1,7,-3.5,0", True),
        ("1,-4.1554,-7.3591,0", True),
        ("0,1,1,0", False),
    ],
)
def test_which_rows_of_the_truth_count(site: Path, tail: str, counts: bool) -> None:
    path = site / "truth/left.txt"
    pad = tail.count(",") * ",1"  # the other rows: flag 1, class 1
    write_rows(path, walk(5, TEN), "1" + pad)
    with path.open("a") as file:
        file.write(f"3,6,500,0,100,100,{tail}\n")
    scores = evaluate(site).readings[0].cameras["left"].tracks
    assert (scores.truth_ids, scores.truth_boxes) == ((2, 11) if counts else (1, 10))


def test_six_columns_are_enough(site: Path) -> None:
    path = site / "truth/right.txt"
    path.write_text("".join(f"{frame},5,0,0,100,100\n" for frame in TEN))
    assert evaluate(site).readings[0].cameras["right"].tracks.mota == 1.0


def test_a_result_box_counts_whatever_its_score(site: Path) -> None:
    write_rows(site / "run/mot/right.txt", walk(1, TEN), "0.0000,-1,-1,-1")
    assert evaluate(site).readings[0].cameras["right"].identities.result_boxes == 10


def test_scores_are_those_of_trackeval_reading_the_same_files(tmp_path: Path) -> None:
    """The whole way of TrackEval's MOT15 benchmark, with rows of the truth that do not count."""
    from trackeval import datasets, metrics

    rng = np.random.default_rng(3)
    truth, result = crowd(rng, frames=60)
    write_annotations(tmp_path / "truth/hall.txt", truth, rng.choice([0, 1], len(truth), p=[0.1, 0.9]))
    for kind in ("tracks", "mot"):
        write_annotations(tmp_path / "run" / kind / "hall.txt", result, [1] * len(result))

    dataset = datasets.MotChallenge2DBox(
        {
            "GT_FOLDER": str(tmp_path / "truth"),
            "GT_LOC_FORMAT": "{gt_folder}/{seq}.txt",
            "TRACKERS_FOLDER": str(tmp_path / "run"),
            "TRACKERS_TO_EVAL": ["mot"],
            "TRACKER_SUB_FOLDER": "",
            "SEQ_INFO": {"hall": 60},
            "SKIP_SPLIT_FOL": True,
            "BENCHMARK": "MOT15",
            "PRINT_CONFIG": False,
        }
    )
    data = dataset.get_preprocessed_seq_data(dataset.get_raw_seq_data("mot", "hall"), "pedestrian")
    hota = metrics.HOTA().eval_sequence(data)
    clear = metrics.CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    identity = metrics.Identity({"PRINT_CONFIG": False}).eval_sequence(data)

    ours = evaluate_run(tmp_path / "run", tmp_path / "truth").readings[0].all_cameras
    assert ours.truth_boxes < len(truth)
    assert (ours.hota, ours.det_a, ours.ass_a, ours.loc_a) == pytest.approx(
        tuple(np.mean(hota[name]) for name in ("HOTA", "DetA", "AssA", "LocA")), abs=1e-12
    )
    assert (ours.mota, ours.switches, ours.fragments) == (clear["MOTA"], clear["IDSW"], clear["Frag"])
    assert (ours.idf1, ours.idp, ours.idr) == tuple(identity[name] for name in ("IDF1", "IDP", "IDR"))


# What cannot be scored


def refused(site: Path, people: str | None = None) -> str:
    with pytest.raises(TruthError) as caught:
        evaluate(site, people)
    return str(caught.value)


def test_no_truth_folder(site: Path) -> None:
    with pytest.raises(TruthError, match=r"nowhere: not a folder; --truth wants a folder with one <camera>\.txt"):
        evaluate_run(site / "run", site / "nowhere")


def test_an_empty_truth_folder(site: Path) -> None:
    (site / "none").mkdir()
    with pytest.raises(TruthError, match=r"none: holds no <camera>\.txt; put one file of MOT rows"):
        evaluate_run(site / "run", site / "none")


def test_a_truth_of_which_no_row_counts(site: Path) -> None:
    for camera in ("left", "right"):
        write_rows(site / "truth" / f"{camera}.txt", walk(5, TEN), "0,-1,-1,-1")
    assert "truth: no row counts" in refused(site)


@pytest.mark.parametrize("kind", ["tracks", "mot"])
def test_a_folder_that_is_no_run(site: Path, kind: str) -> None:
    (site / "run" / kind).rename(site / "elsewhere")
    assert f"run: holds no {kind}/, so it is not the output folder of a run" in refused(site)


@pytest.mark.parametrize("kind", ["tracks", "mot"])
def test_a_truth_for_a_camera_the_run_does_not_know(site: Path, kind: str) -> None:
    (site / "run" / kind / "right.txt").unlink()
    message = refused(site)
    assert message.startswith(f"camera right has a truth, but {site / 'run' / kind / 'right.txt'} does not exist")
    assert "holds left: rename the truth's file, or remove it" in message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("4,5,0,0,100", "6 to 10 columns"),
        ("four,5,0,0,100,100", "frame"),
        ("0,5,0,0,100,100", "frame"),
        ("4,5,nan,0,100,100", "left"),
        ("4,-1,0,0,100,100", "frame 4, id -1: ids must not be negative"),
        ("4,5,0,0,0,100", "frame 4, id 5: width and height must be greater than 0"),
        ("1,5,9,9,100,100", "frame 1, id 5: this id has a box in this frame already; remove or renumber"),
    ],
)
def test_a_wrong_line_is_named(site: Path, line: str, message: str) -> None:
    """Line 2 is empty, line 3 does not count; neither may shift the number."""
    (site / "truth/left.txt").write_text(f"1,5,0,0,100,100\n\n9,5,0,0,100,100,0\n{line}\n")
    assert f"{site / 'truth/left.txt'}:4: {message}" in refused(site)


def test_an_identity_twice_in_a_frame_of_the_result(site: Path) -> None:
    write_rows(site / "run/mot/left.txt", [(1, 1, 0.0), (2, 1, 0.0), (2, 1, 500.0)])
    assert "run/mot/left.txt:3: frame 2, id 1: this id has a box in this frame already" in refused(site)


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ("id,name\n5,1\n", "people.csv:1: the header must be mot_id,person (got id,name)"),
        ("", "people.csv:1: the header must be mot_id,person"),
        ("mot_id,person\n5,1\nsix,2\n", "people.csv:3: wanted an id and a person, as in 12,3 (got six,2)"),
        ("mot_id,person\n5,\n", "people.csv:2: wanted an id and a person"),
        ("mot_id,person\n5,1\n6,2\n5,2\n", "people.csv:4: id 5 is listed already, as person 1; keep one row"),
        ("mot_id,person\n5,1\n", "people.csv: no person for id 6 of "),
        ("mot_id,person\n5,1\n6,1\n", "left.txt: ids 5 and 6 are both in frame 1, so they cannot be one person"),
    ],
)
def test_people_that_cannot_be(site: Path, people: str, message: str) -> None:
    assert message in refused(site, people)


def test_no_people_file(site: Path) -> None:
    with pytest.raises(TruthError, match=r"nobody\.csv: cannot be read as CSV"):
        evaluate_run(site / "run", site / "truth", site / "nobody.csv")


# Real data


def read_table(path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.loadtxt(path, delimiter=",", ndmin=2)


@needs_shared
def test_the_truth_of_pets_against_itself(tmp_path: Path) -> None:
    source = (SHARED / "mot/PETS09-S2L1/gt/gt.txt").read_text()
    counted = [line for line in source.splitlines(keepends=True) if line.split(",")[6] != "0"]
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth/pets.txt").write_text(source)
    for kind in ("tracks", "mot"):
        (tmp_path / "run" / kind).mkdir(parents=True)
        (tmp_path / "run" / kind / "pets.txt").write_text("".join(counted))
    reading = evaluate_run(tmp_path / "run", tmp_path / "truth").readings[0]
    for scores in (reading.cameras["pets"].tracks, reading.cameras["pets"].identities, reading.all_cameras):
        values = (scores.hota, scores.det_a, scores.ass_a, scores.loc_a, scores.idf1, scores.mota)
        assert values == pytest.approx((1.0,) * 6)
        assert (scores.switches, scores.misses, scores.false_positives) == (0, 0, 0)
        assert (scores.truth_ids, scores.result_ids, scores.truth_boxes) == (19, 19, 4476)


@needs_shared
def test_the_truth_of_the_virtual_split(tmp_path: Path) -> None:
    write_split_truth(SHARED, tmp_path / "truth")
    table = read_table(SHARED / "mot/PETS09-S2L1/gt/gt.txt")
    left = table[table[:, 2] + table[:, 4] < 330]
    right = table[table[:, 2] > 440]
    assert (len(left), len(right)) == (1118, 2460)
    assert np.array_equal(read_table(tmp_path / "truth/left.txt"), left)
    assert np.array_equal(read_table(tmp_path / "truth/right.txt"), right)
    assert (tmp_path / "truth/people.csv").read_bytes() == (SHARED / "mot/PETS09-S2L1/people.csv").read_bytes()


@needs_shared
def test_both_readings_of_the_virtual_split(tmp_path: Path) -> None:
    """A result that knows the truth's 19 ids is right by ids, and has lost those who come back by people."""
    write_split_truth(SHARED, tmp_path / "truth")
    for kind in ("tracks", "mot"):
        for camera in ("left", "right"):
            table = read_table(tmp_path / "truth" / f"{camera}.txt")
            boxes = table[table[:, 6] != 0]
            found = Annotations(boxes[:, 0].astype(np.int64), boxes[:, 1].astype(np.int64), boxes[:, 2:6])
            write_annotations(tmp_path / "run" / kind / f"{camera}.txt", found, [1] * len(found))
    people = tmp_path / "truth/people.csv"
    by_id, by_person = evaluate_run(tmp_path / "run", tmp_path / "truth", people).readings
    assert (by_id.all_cameras.hota, by_id.all_cameras.idf1, by_id.all_cameras.mota) == pytest.approx((1, 1, 1))
    assert (by_id.all_cameras.truth_ids, by_person.all_cameras.truth_ids) == (19, 10)
    assert by_person.all_cameras.det_a == pytest.approx(1)
    assert by_person.all_cameras.truth_boxes == 1113 + 2291
    # Every person keeps the boxes of the one id that has most of them.
    persons = dict(np.loadtxt(people, delimiter=",", skiprows=1, dtype=int).tolist())
    counts: dict[int, list[int]] = {}
    table = np.vstack([read_table(tmp_path / "run/mot" / f"{camera}.txt") for camera in ("left", "right")])
    for mot_id, count in zip(*np.unique(table[:, 1].astype(int), return_counts=True), strict=True):
        counts.setdefault(persons[int(mot_id)], []).append(int(count))
    assert by_person.all_cameras.idf1 == pytest.approx(sum(map(max, counts.values())) / len(table))
