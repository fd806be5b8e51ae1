import numpy as np
import pytest

from reid.errors import DataError
from reid.training.data import hold_out, merge, read_crops
from tests.reid.training.people import write_people


def touch(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_names_of_market_and_cuhk(tmp_path):
    folder = touch(
        tmp_path / "d", "0002_c1s1_000451_03.jpg", "0486_c2_03.JPG", "1500_c12s1_000001_00.png", "note.txt"
    )
    crops = read_crops(folder)
    assert crops.identities.tolist() == [2, 486, 1500]
    assert crops.cameras.tolist() == [1, 2, 12]
    assert [path.name for path in crops.paths] == sorted(path.name for path in crops.paths)
    assert crops.people == 3


def test_junk_is_left_out_and_distractors_are_kept(tmp_path):
    crops = read_crops(touch(tmp_path / "d", "-1_c1s1_000001_00.jpg", "0000_c1s1_000001_00.jpg"))
    assert crops.identities.tolist() == [0]


def test_a_range_of_identities(tmp_path):
    folder = touch(tmp_path / "d", *(f"{person:04d}_c1_01.jpg" for person in range(1, 10)))
    assert read_crops(f"{folder}:3-5").identities.tolist() == [3, 4, 5]
    with pytest.raises(DataError, match=r":20-30: no pictures; its identities go from 1 to 9"):
        read_crops(f"{folder}:20-30")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "no pictures; give a folder of .jpg or .png files"),
        (("a.jpg", "0001_c1_1.jpg"), "1 of 2 names do not begin with identity and camera.*a.jpg; rename"),
    ],
)
def test_a_folder_that_cannot_be_used(tmp_path, names, words):
    with pytest.raises(DataError, match=words):
        read_crops(touch(tmp_path / "d", *names))


def test_the_folder_above_is_given(tmp_path):
    touch(tmp_path / "market")
    touch(tmp_path / "market" / "query", "0001_c1_1.jpg")
    with pytest.raises(DataError, match="give one of the folders in it: query"):
        read_crops(tmp_path / "market")


def test_an_absent_folder(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such folder; give a folder of crops"):
        read_crops(tmp_path / "nowhere")


def test_merged_sets_keep_people_and_cameras_apart(tmp_path):
    one = read_crops(touch(tmp_path / "a", "0005_c1_1.jpg", "0009_c2_1.jpg"))
    two = read_crops(touch(tmp_path / "b", "0005_c1_1.jpg"))
    apart = merge([one, two])
    assert apart.identities.tolist() == [0, 1, 2]
    assert len(np.unique(apart.cameras)) == 3
    assert apart.sources.tolist() == [0, 0, 1]
    together = merge([one, two], same_people=True)
    assert together.identities.tolist() == [0, 1, 0]
    assert together.cameras.tolist() == [1, 2, 1]
    assert together.sources.tolist() == [0, 0, 0]


def test_repeated_pictures_once_again(tmp_path):
    crops = read_crops(write_people(tmp_path / "d", 3, images=1))
    assert crops.repeat(3).once().paths == crops.paths
    assert crops.repeat(3).once().identities.tolist() == crops.identities.tolist()


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_held_out_people_are_in_one_set_only(tmp_path, share):
    crops = read_crops(write_people(tmp_path / "d", 20, images=1))
    kept, held = hold_out(crops, share)
    assert held.people == round(20 * share)
    assert not set(kept.identities) & set(held.identities)
    assert len(kept) + len(held) == len(crops)
