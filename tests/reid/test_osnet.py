"""Our OSNet against torchreid's and against the table of the paper."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from reid.osnet import ARCHITECTURES, EmbeddingNetwork, create_osnet
from tests.reid.osnet_filling import fill, images

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
NAMES = sorted(ARCHITECTURES.keys() - {"osnet_ibn_x0_25"})  # which torchreid does not have


@pytest.fixture(scope="module", params=NAMES)
def case(request):
    """An architecture's network with the weights of the golden file, and that file."""
    network = create_osnet(request.param).eval()
    network.load_state_dict(fill(network.state_dict()))
    return network, json.loads((GOLDEN / f"{request.param}.json").read_text())


def test_keys_and_shapes_are_those_of_torchreid(case):
    network, golden = case
    ours = {key: list(value.shape) for key, value in network.state_dict().items()}
    assert ours == golden["shapes"]


def test_features_are_those_of_torchreid(case):
    network, golden = case
    with torch.inference_mode():
        features = network(images())
    assert features.shape == (2, 512)
    np.testing.assert_allclose(features.norm(dim=1), golden["norms"], rtol=1e-4)
    np.testing.assert_allclose(features[:, :48], golden["features"], rtol=1e-3, atol=1e-3)


def test_embedding_network_is_normalisation_network_and_unit_length(case):
    network, _ = case
    crops = np.random.default_rng(0).integers(0, 256, (2, 256, 128, 3), np.uint8)
    rgb = crops[..., ::-1].astype(np.float64) / 255
    normalised = (rgb - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with torch.inference_mode():
        features = network(torch.from_numpy(normalised.transpose(0, 3, 1, 2)).float()).numpy()
        rows = EmbeddingNetwork(network)(torch.from_numpy(crops)).numpy()
    expected = features / np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(rows, expected, atol=2e-5)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("name", "parameters", "multiply_adds"),
    [  # ICCV 2019, the table of width multipliers; in millions
        ("osnet_x1_0", 2.2, 978.9),
        ("osnet_x0_75", 1.3, 571.8),
        ("osnet_x0_5", 0.6, 272.9),
        ("osnet_x0_25", 0.2, 82.3),
    ],
)
def test_size_is_that_of_the_paper(name, parameters, multiply_adds):
    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.inference_mode():
        network = create_osnet(name).eval()
        network(torch.zeros(1, 3, 256, 128))
    assert round(sum(value.numel() for value in network.parameters()) / 1e6, 1) == parameters
    assert round(counter.get_total_flops() / 2e6, 1) == multiply_adds  # a multiply-add is two operations


@pytest.mark.parametrize("name", ["osnet_x0_25", "osnet_ain_x0_25"])
def test_classifier_answers_in_training_only(name):
    network = create_osnet(name, num_classes=5)
    batch = images()[:, :, :64, :32]
    logits, features = network.train()(batch)
    assert logits.shape == (2, 5)
    assert features.shape == (2, 512)
    logits.sum().backward()
    assert all(value.grad is not None for value in network.parameters())
    with torch.inference_mode():
        assert network.eval()(batch).shape == (2, 512)
    assert create_osnet(name).train()(batch).shape == (2, 512)


def test_unknown_architecture_is_a_key_error():
    with pytest.raises(KeyError):
        create_osnet("osnet_x2_0")
