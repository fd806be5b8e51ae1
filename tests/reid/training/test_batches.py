from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid.errors import DataError
from reid.training.augment import AugmentSettings
from reid.training.batches import Reader, identity_batches, random_batches
from reid.training.data import CropSet, merge, read_crops
from tests.reid.training.people import write_people

OFF = AugmentSettings(flip=0, box_jitter=0, brightness=0, contrast=0, saturation=0, hue=0, erase=0)


@given(st.integers(1, 200), st.integers(1, 70), st.integers(0, 9))
def test_random_batches_show_each_picture_once_at_most(count, size, seed):
    batches = random_batches(count, size, np.random.default_rng(seed))
    seen = np.concatenate(batches)
    assert len(set(seen)) == len(seen)
    assert len(seen) == (count - count % size or count)


def crop_set(labels, sources=None):
    labels = np.asarray(labels, np.int64)
    sources = np.zeros_like(labels) if sources is None else np.asarray(sources, np.int64)
    return CropSet("", tuple(Path(str(i)) for i in range(len(labels))), labels, labels * 0, sources)


@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=30), st.integers(2, 5), st.integers(2, 5), st.integers(0, 9)
)
def test_identity_batches_are_groups_of_one_person(pictures, people, images, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(pictures)), pictures))
    batches = identity_batches(crop_set(labels), people, images, np.random.default_rng(seed))
    groups = np.concatenate(batches).reshape(-1, images)
    assert (labels[groups] == labels[groups][:, :1]).all()
    whole = sum(-(-count // images) for count in pictures)
    assert len(groups) == (whole - whole % people or whole)
    if len(groups) == whole:
        assert set(groups.ravel()) == set(range(len(labels)))


def test_a_batch_holds_people_of_one_source():
    labels = np.repeat(np.arange(30), 4)
    sources = (labels >= 20).astype(int)
    batches = identity_batches(crop_set(labels, sources), 4, 2, np.random.default_rng(1))
    assert [len(np.unique(sources[batch])) for batch in batches] == [1] * 15
    assert len({int(sources[batch][0]) for batch in batches[:5]}) == 2  # in random order


def test_the_order_depends_on_the_seed_alone():
    one, same, other = (random_batches(50, 8, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.fixture
def crops(tmp_path):
    return merge([read_crops(write_people(tmp_path / "d", 8))])


def views(crops, augmentation=None, epoch=0, first=0, threads=2, batch=8):
    reader = Reader(crops, augmentation or AugmentSettings(), 3, threads)
    try:
        batches = random_batches(len(crops), batch, np.random.default_rng(1))
        return list(reader.read(batches, epoch, first, (64, 32)))
    finally:
        reader.close()


@pytest.mark.parametrize("first", [0, 1, 4, 5, 6])
def test_an_epoch_goes_on_where_it_was_left(crops, first):
    whole, rest = views(crops), views(crops, first=first, threads=1)
    assert len(whole) == 6
    assert len(rest) == 6 - first
    for a, b in zip(whole[first:], rest, strict=True):
        assert np.array_equal(a.images, b.images)
        assert np.array_equal(a.labels, b.labels)


def test_the_next_epoch_shows_other_views(crops):
    assert not np.array_equal(views(crops)[0].images, views(crops, epoch=1)[0].images)


def test_labels_belong_to_pictures(crops):
    first: dict[int, Any] = {}
    for batch in views(crops, OFF):
        for image, label in zip(batch.images, batch.labels, strict=True):
            colour = image[:32].mean((0, 1))
            assert np.abs(colour - first.setdefault(label, colour)).max() < 60


def test_a_broken_picture_is_named(crops):
    crops.paths[3].write_bytes(b"not a picture")
    with pytest.raises(DataError, match=f"{crops.paths[3].name}: not a picture"):
        views(crops)
    crops.paths[3].unlink()
    with pytest.raises(DataError, match=f"{crops.paths[3].name}: No such file"):
        views(crops)


def test_opencv_gets_its_threads_back(tmp_path):
    before = cv2.getNumThreads()
    reader = Reader(read_crops(write_people(tmp_path / "people", 2)), AugmentSettings(), 3, 1)
    assert cv2.getNumThreads() == 1
    reader.close()
    assert cv2.getNumThreads() == before
