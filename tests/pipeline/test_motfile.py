"""MOT rows: reading every layout there is, refusing what is wrong with file and line, writing."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError, TruthError
from pipeline.motfile import NO_CLASS, format_mot_row, read_mot
from tests.shared_data import SHARED, needs_shared


def written(folder: Path, text: str) -> Path:
    path = folder / "camera.txt"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "score", "category"),
    [
        ("3,7,10,20,30,40", 1.0, NO_CLASS),
        ("3,7,10,20,30,40,0.5", 0.5, NO_CLASS),
        ("3,7,10,20,30,40,0,2", 0.0, 2),
        ("3,7,10,20,30,40,1,1,0.86014", 1.0, 1),  # MOT16: class, visibility
        ("3,7,10,20,30,40,0.5,-4.155,-7.359,0", 0.5, NO_CLASS),  # MOT15: a position in the world
        ("3 7 10 20 30 40 0.5 -1 -1 -1", 0.5, NO_CLASS),
        ("3\t7\t10\t20\t30\t40\t0.5", 0.5, NO_CLASS),
        (" 3 , 7.0, 1e1, 20.0, 30, 40, .5 ", 0.5, NO_CLASS),
    ],
)
def test_every_layout(tmp_path: Path, line: str, score: float, category: int) -> None:
    rows = read_mot(written(tmp_path, line + "\n"))
    assert (rows.frame.tolist(), rows.id.tolist()) == ([3], [7])
    assert rows.xyxy.tolist() == [[10, 20, 40, 60]]
    assert (rows.score.tolist(), rows.category.tolist()) == ([score], [category])
    assert rows.pedestrian.tolist() == [category in (1, NO_CLASS)]


def test_order_is_kept_and_empty_lines_are_skipped(tmp_path: Path) -> None:
    rows = read_mot(written(tmp_path, "\ufeff2,1,0,0,1,1\n\n1,2,0,0,1,1\r\n  \n2,3,0,0,1,1"))
    assert rows.id.tolist() == [1, 2, 3]
    assert rows.select(rows.frame == 2).id.tolist() == [1, 3]


def test_empty_file_has_no_rows(tmp_path: Path) -> None:
    rows = read_mot(written(tmp_path, ""))
    assert len(rows) == 0
    assert rows.xyxy.shape == (0, 4)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("1,2,3,4,5", "6 to 10 columns wanted (frame, id, left, top, width, height, ...), got 5"),
        ("1,2,3,4,5,6,7,8,9,10,11", "6 to 10 columns wanted (frame, id, left, top, width, height, ...), got 11"),
        ("0,2,3,4,5,6", "frame: must be at least 1 (got 0)"),
        ("1.5,2,3,4,5,6", "frame: must be a whole number (got 1.5)"),
        ("1,me,3,4,5,6", "id: must be a number (got 'me')"),
        ("1,2,3,nan,5,6", "top: must be a number (got 'nan')"),
        ("1,2,3,4,,6", "width: must be a number (got '')"),
        ("1,2,3,4,5,6,inf", "score: must be a number (got 'inf')"),
        ("frame,id,left,top,width,height", "frame: must be a number (got 'frame')"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, fault: str) -> None:
    path = written(tmp_path, f"1,1,0,0,1,1\n\n{line}\n")
    with pytest.raises(TruthError) as caught:
        read_mot(path)
    assert str(caught.value) == f"{path}:3: {fault}"


def test_the_caller_chooses_the_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"camera\.txt:1: "):
        read_mot(written(tmp_path, "x"), error=ConfigError)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match=r"none\.txt: cannot be read \(No such file"):
        read_mot(tmp_path / "none.txt")
    (tmp_path / "video.txt").write_bytes(b"\x00\x00\xff\xfe\xba")
    with pytest.raises(TruthError, match=r"video\.txt: not a text file"):
        read_mot(tmp_path / "video.txt")


def test_a_row_is_written_as_mot_wants_it() -> None:
    assert format_mot_row(3, 7, 10, 20.126, 30.0, 40.5, 0.98765) == "3,7,10.00,20.13,30.00,40.50,0.9877,-1,-1,-1"
    assert format_mot_row(1, 1, -0.001, 0.1, 1, 1, 1) == "1,1,0.00,0.10,1.00,1.00,1.0000,-1,-1,-1"


@settings(deadline=None)
@given(
    frame=st.integers(1, 10**6),
    track=st.integers(1, 10**6),
    box=st.tuples(*[st.floats(-1e4, 1e4)] * 4),
    score=st.floats(0, 1),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    frame: int,
    track: int,
    box: tuple[float, float, float, float],
    score: float,
) -> None:
    row = format_mot_row(frame, track, *box, score)
    rows = read_mot(written(tmp_path_factory.getbasetemp(), row))
    assert (rows.frame[0], rows.id[0]) == (frame, track)
    np.testing.assert_allclose([rows.left[0], rows.top[0], rows.width[0], rows.height[0]], box, atol=0.00501)
    assert rows.score[0] == pytest.approx(score, abs=0.0000501)
    assert "-0.00" not in row


@pytest.mark.shared
@needs_shared
def test_published_files_are_read_whole() -> None:
    paths = sorted([*SHARED.glob("mot/*/gt/gt.txt"), *SHARED.glob("mot/*/det/det.txt")])
    assert len(paths) >= 10
    for path in paths:
        rows = read_mot(path)
        assert len(rows) == len(path.read_text().splitlines())
        assert rows.frame.min() >= 1
        assert (rows.width > 0).all()
