import json

import numpy as np
import pytest
import torch

from reid.errors import DataError, WeightsError
from reid.training.curves import plot_curves
from reid.training.data import merge, read_crops
from reid.training.embedding import load_network
from reid.training.evaluate import evaluate, search_each
from reid.training.settings import TrainSettings
from reid.training.train import Training
from reid.weights import load_osnet
from tests.reid.training.people import write_people

SMALL = {
    "epochs": 2, "batch": 12, "height": 64, "width": 32, "validate_every": 1, "rate": 1e-3,
    "schedule": {"warmup": 0.5}, "threads": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    train = merge([read_crops(write_people(folder / "train", 8))])
    held = read_crops(write_people(folder / "held", 6, images=1, first=100))
    return train, search_each(held)


def training_of(people, folder, **changes):
    crops, validation = people
    return Training(TrainSettings(**{**SMALL, **changes}), crops, validation, folder, "cpu")


def train(people, folder, stop_after=None, **changes):
    """Epochs as plain data; interrupted after so many steps."""
    folder.mkdir(exist_ok=True)
    training = training_of(people, folder, **changes)
    steps = []
    history = training.run(
        lambda step, _steps, _loss: steps.append(step), lambda _: None, lambda: len(steps) == stop_after
    )
    return history.to_dict()["epochs"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "sampler": "identity",
            "images": 2,
            "loss": "softmax+triplet",
            "average": 0.9,
            "half_size_epochs": 1,
            "height": 128,
            "width": 64,
        },
        {"optimiser": "sgd", "schedule": {"course": "plateau", "warmup": 0, "patience": 1}, "frozen_epochs": 1},
        {
            "architecture": "osnet_ain_x0_25",
            "optimiser": "adamw",
            "precision": "f32",
            "clip": 0.0,
            "sampler": "identity",
            "images": 3,
            "loss": "contrastive",
        },
    ],
    ids=["default", "triplets, average, two sizes", "sgd, plateau, frozen", "ain, adamw"],
)
def test_an_interrupted_training_goes_on_bit_by_bit(people, tmp_path, changes):
    whole = train(people, tmp_path / "whole", **changes)
    for stop in (2, 3):  # in the middle of an epoch, each time
        train(people, tmp_path / "parts", stop_after=stop, **changes)
    assert train(people, tmp_path / "parts", **changes) == whole
    first, second = (torch.load(tmp_path / name / "last.pth")["state_dict"] for name in ("whole", "parts"))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_it_learns(people, tmp_path):
    epochs = train(people, tmp_path / "t", epochs=12, validate_every=4, precision="f32", rate=3e-3)
    assert epochs[-1]["loss"] < 0.8 * epochs[0]["loss"]
    assert epochs[-1]["accuracy"] > 0.4
    assert epochs[-1]["mean_ap"] is not None
    assert epochs[0]["mean_ap"] is None


def test_what_it_leaves_behind(people, tmp_path):
    epochs = train(people, tmp_path / "t", average=0.9)
    network, architecture = load_osnet(tmp_path / "t" / "best.pth")
    assert architecture == "osnet_x0_25"
    assert network.classifier is None
    written = json.loads((tmp_path / "t" / "history.json").read_text())
    assert written["epochs"] == epochs
    assert len(written["images_per_second"]) == len(epochs)
    assert written["settings"]["average"] == 0.9
    history = training_of(people, tmp_path / "t", average=0.9).history
    plot_curves({"a": history, "b": history}, tmp_path / "curves.png", "both")
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_a_frozen_base_does_not_move(people, tmp_path):
    first = training_of(people, tmp_path).model.weights()
    train(people, tmp_path, epochs=1, frozen_epochs=1)
    last = torch.load(tmp_path / "last.pth")["state_dict"]
    assert all(torch.equal(first[key], last[key]) for key in first)


def test_it_starts_from_weights(people, tmp_path):
    train(people, tmp_path / "first", epochs=1)
    start = str(tmp_path / "first" / "last.pth")
    (tmp_path / "second").mkdir()
    training = training_of(people, tmp_path / "second", weights=start)
    begun, ended = training.model.weights(), torch.load(start)["state_dict"]
    assert all(torch.equal(begun[key], ended[key]) for key in ended)
    with pytest.raises(WeightsError, match="weights of osnet_x0_25"):
        training_of(people, tmp_path / "third", architecture="osnet_x0_5", weights=start)


def test_it_ends_when_validation_stalls(people, tmp_path):
    epochs = train(people, tmp_path, epochs=40, patience=2, rate=1e-12, precision="f32")
    assert len(epochs) < 10


def test_a_checkpoint_of_another_training_is_refused(people, tmp_path):
    train(people, tmp_path, epochs=1)
    with pytest.raises(DataError, match=r"checkpoint of another training \(settings differ\)"):
        train(people, tmp_path, epochs=1, rate=0.1)
    (tmp_path / "checkpoint.pt").write_bytes(b"broken")
    with pytest.raises(DataError, match="not a checkpoint that can be read"):
        train(people, tmp_path, epochs=1)


def test_other_threads_and_times_are_the_same_training(people, tmp_path):
    whole = train(people, tmp_path / "one")
    assert train(people, tmp_path / "two", threads=3, checkpoint_minutes=1e-6) == whole


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch": 64}, "48 pictures do not fill a batch of 64"),
        ({"patience": 2, "validation": None}, "need a validation set"),
    ],
)
def test_what_cannot_work_is_said_before(people, tmp_path, changes, words):
    validation = changes.pop("validation", people[1])
    with pytest.raises(DataError, match=words):
        train((people[0], validation), tmp_path, **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": "resnet50"}, "architecture: resnet50: choose one of osnet_x1_0"),
        ({"loss": "contrastive"}, "contrastive needs pictures of one person"),
        ({"sampler": "identity", "images": 5}, "no multiple of images"),
        ({"half_size_epochs": 9}, "more than epochs"),
    ],
)
def test_settings_that_contradict(changes, words):
    with pytest.raises(ValueError, match=words):
        TrainSettings(**{**SMALL, **changes})


def test_validation_gives_the_numbers_of_the_evaluation(people, tmp_path):
    """Of the same weights at the same size, but for rounding."""
    (epoch,) = train(people, tmp_path, epochs=1, height=256, width=128, precision="f32")
    (scored,) = evaluate(load_network(str(tmp_path / "best.pth"), device="cpu"), people[1])
    assert scored.data.rule == "camera"
    assert (epoch["rank1"], epoch["mean_ap"]) == pytest.approx((scored.ranking.cmc(1), scored.ranking.mean_ap))


def test_a_diverged_training_is_said(people, tmp_path, monkeypatch):
    training = training_of(people, tmp_path)
    monkeypatch.setattr(training.model, "embed", lambda _, count: np.full((count, 512), np.nan, np.float32))
    with pytest.raises(WeightsError, match=r"epoch 1: the embedding of .* not finite.*lower rate"):
        training.run(lambda *_: None, lambda _: None, lambda: False)
