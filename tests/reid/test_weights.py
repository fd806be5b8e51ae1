"""Finding, checking and loading of checkpoints."""

import hashlib

import pytest
import torch

from reid import weights
from reid.errors import WeightsError
from reid.osnet import ARCHITECTURES, create_osnet
from reid.weights import find_weights, load_osnet, sha256_of
from tests.shared_data import SHARED, needs_shared

SETTING = "embedder.weights"


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "model.pth"
    torch.save(create_osnet("osnet_x0_25", num_classes=9).state_dict(), path)
    return path


@pytest.mark.parametrize("name", ["osnet_ibn_x0_25", "osnet_ain_x0_25"])
def test_instance_normalisation_is_found_out_from_the_file(tmp_path, name):
    torch.save(create_osnet(name).state_dict(), tmp_path / "a.pth")
    assert load_osnet(tmp_path / "a.pth")[1] == name


def test_a_file_is_found_here_or_beside_the_program(tmp_path, monkeypatch):
    program, here = tmp_path / "program", tmp_path / "here"
    for folder in (program / "weights", here):
        folder.mkdir(parents=True)
    monkeypatch.setattr(weights, "ROOT", program)
    monkeypatch.chdir(here)
    (program / "weights/a.pth").touch()
    for name in ("a.pth", "weights/a.pth", str(program / "weights/a.pth")):
        assert find_weights(name, setting=SETTING) == program / "weights/a.pth"
    (here / "a.pth").touch()
    assert find_weights("a.pth", setting=SETTING) == here / "a.pth"


def test_an_absent_file_names_the_places_and_the_setting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError) as caught:
        find_weights("none.pth", setting=SETTING)
    for part in ("none.pth", str(tmp_path / "none.pth"), str(weights.ROOT / "none.pth"), SETTING):
        assert part in str(caught.value)


@pytest.mark.parametrize("name", ["n" * 300, "~nobody-has-this-name/a.pth", "a\0b"])
def test_a_path_that_cannot_be(name):
    with pytest.raises(WeightsError, match="not found"):
        find_weights(name, setting=SETTING)


def test_sha256(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"weights")
    assert sha256_of(path) == hashlib.sha256(b"weights").hexdigest()


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_every_architecture_is_recognised(name, tmp_path):
    original = create_osnet(name, num_classes=3)
    torch.save(original.state_dict(), tmp_path / "model.pth")
    network, found = load_osnet(tmp_path / "model.pth")
    assert found == name
    assert not network.training
    assert network.classifier is None
    wanted = original.state_dict()
    assert all(torch.equal(value, wanted[key]) for key, value in network.state_dict().items())


def test_wrapped_and_prefixed_states_are_read(checkpoint, tmp_path):
    state = torch.load(checkpoint, weights_only=True)
    wrapped = tmp_path / "wrapped.pth"
    torch.save({"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}, wrapped)
    network, name = load_osnet(wrapped, "osnet_x0_25")
    assert name == "osnet_x0_25"
    assert torch.equal(network.state_dict()["fc.0.weight"], state["fc.0.weight"])


def test_another_architecture_names_both(checkpoint):
    with pytest.raises(WeightsError, match=r"osnet_x0_25.*osnet_x1_0") as caught:
        load_osnet(checkpoint, "osnet_x1_0")
    assert str(checkpoint) in str(caught.value)


def _cut(path, state):
    torch.save(state, path)
    path.write_bytes(path.read_bytes()[:20_000])


def _without_layer(path, state):
    torch.save({key: value for key, value in state.items() if not key.startswith("conv4.1")}, path)


def _other_network(path, _):
    torch.save(torch.nn.Linear(3, 3).state_dict(), path)


def _not_finite(path, state):
    state["fc.0.weight"][0, 0] = float("nan")
    torch.save(state, path)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path, _: path.write_text("not found\n"), "not a readable checkpoint"),
        (lambda path, _: path.write_bytes(b""), "not a readable checkpoint"),
        (lambda path, _: path.mkdir(), "cannot be read: Is a directory"),
        (_cut, "not a readable checkpoint"),
        (lambda path, _: torch.save([1, 2], path), "dict of tensors"),
        (_other_network, "not the weights of an OSNet"),
        (_without_layer, r"does not fit.*conv4\.1"),
        (_not_finite, "not finite"),
    ],
)
def test_files_that_are_no_osnet_checkpoint(write, message, checkpoint, tmp_path):
    path = tmp_path / "bad.pth"
    write(path, torch.load(checkpoint, weights_only=True))
    with pytest.raises(WeightsError, match=message) as caught:
        load_osnet(path)
    assert str(path) in str(caught.value)


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("data", ["msmt17", "market1501"])
def test_published_checkpoints_load(data):
    path = SHARED / f"weights/reid/osnet_x0_25_{data}.pth"
    network, name = load_osnet(path)
    assert name == "osnet_x0_25"
    stored = torch.load(path, weights_only=True)
    assert {key for key in stored if not key.startswith("classifier.")} == set(network.state_dict())
