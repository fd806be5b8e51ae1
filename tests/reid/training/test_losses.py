import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reid.training.losses import batch_hard_triplet, contrastive


def plain(features, labels, margin):
    """Equation 5 of Hermans et al. with loops."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    terms = []
    for i, mine in enumerate(unit):
        same = [np.linalg.norm(mine - unit[j]) for j in range(len(unit)) if labels[j] == labels[i] and j != i]
        others = [np.linalg.norm(mine - unit[j]) for j in range(len(unit)) if labels[j] != labels[i]]
        if same and others:
            gap = max(same) - min(others)
            terms.append(max(0.0, gap + margin) if margin else np.log1p(np.exp(gap)))
    return np.mean(terms) if terms else 0.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3, 1.0]), st.integers(2, 12))
def test_it_is_the_plain_one(seed, margin, count):
    rng = np.random.default_rng(seed)
    features, labels = rng.normal(size=(count, 5)), rng.integers(0, 4, count)
    loss = batch_hard_triplet(torch.tensor(features, dtype=torch.float32), torch.tensor(labels), margin)
    assert float(loss) == pytest.approx(plain(features, labels, margin), abs=2e-4)


def test_people_alone_give_no_loss_but_a_gradient():
    features = torch.randn(3, 4, requires_grad=True)
    batch_hard_triplet(features, torch.arange(3), 0.3).backward()
    assert features.grad is not None
    assert torch.equal(features.grad, torch.zeros(3, 4))


def test_it_pulls_together_and_pushes_apart():
    features = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.9, 0.1], [0.0, 1.0]], requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1])
    optimiser = torch.optim.SGD([features], 0.5)
    before = batch_hard_triplet(features, labels, 0.3).item()
    for _ in range(50):
        optimiser.zero_grad()
        batch_hard_triplet(features, labels, 0.3).backward()
        optimiser.step()
    assert batch_hard_triplet(features, labels, 0.3).item() < 0.2 * before


def plain_contrast(features, labels, temperature):
    """Equation 2 of Khosla et al. with loops."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    terms = []
    for i, mine in enumerate(unit):
        others = [j for j in range(len(unit)) if j != i]
        whole = sum(np.exp(mine @ unit[j] / temperature) for j in others)
        same = [j for j in others if labels[j] == labels[i]]
        if same:
            terms.append(-np.mean([mine @ unit[j] / temperature - np.log(whole) for j in same]))
    return np.mean(terms) if terms else 0.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.05, 0.1, 1.0]), st.integers(2, 12))
def test_the_contrast_is_the_plain_one(seed, temperature, count):
    rng = np.random.default_rng(seed)
    features, labels = rng.normal(size=(count, 5)), rng.integers(0, 4, count)
    loss = contrastive(torch.tensor(features, dtype=torch.float32), torch.tensor(labels), temperature)
    assert loss.item() == pytest.approx(plain_contrast(features, labels, temperature), rel=1e-4, abs=1e-4)


def test_the_contrast_of_people_alone_is_nothing():
    features = torch.randn(3, 4, requires_grad=True)
    loss = contrastive(features, torch.arange(3), 0.1)
    loss.backward()
    assert loss.item() == 0.0
    assert features.grad is not None
    assert torch.equal(features.grad, torch.zeros(3, 4))
