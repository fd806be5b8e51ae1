"""What the training minimises: classification of the training people, and distances in a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def batch_hard_triplet(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """For each picture, its farthest one of the same person against its nearest of another one.

    Hermans et al., "In Defense of the Triplet Loss for Person Re-Identification", 2017, equation 5, on unit
    vectors, so that distances lie between 0 and 2.

    Args:
        features: (B, D), of any length but zero.
        labels: (B,) identity of each.
        margin: by which the other one has to be farther away; 0 takes the soft margin log(1 + exp(x)).

    Returns:
        () mean over the pictures that have both; 0 where none has.
    """
    import torch
    from torch.nn import functional as F

    unit = F.normalize(features.float(), dim=1)
    distance = (2.0 - 2.0 * unit @ unit.T).clamp(min=1e-12).sqrt()
    same = labels[:, None] == labels[None, :]
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    usable = (same & ~itself).any(1) & (~same).any(1)
    farthest = distance.masked_fill(~same | itself, -1.0).amax(1)
    nearest = distance.masked_fill(same, 3.0).amin(1)
    gap = (farthest - nearest)[usable]
    if len(gap) == 0:
        return features.sum() * 0.0
    return F.relu(gap + margin).mean() if margin else F.softplus(gap).mean()


def contrastive(features: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """For each picture, the others of its person against all of the batch.

    Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, equation 2. All pictures pull, not the hardest
    alone, so that it learns from the first step on where batch-hard triplets collapse to one point.

    Args:
        features: (B, D), of any length but zero.
        labels: (B,) identity of each.
        temperature: by which cosines are divided.

    Returns:
        () mean over the pictures that have another one of their person; 0 where none has.
    """
    import torch
    from torch.nn import functional as F

    unit = F.normalize(features.float(), dim=1)
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    similar = (unit @ unit.T / temperature).masked_fill(itself, -torch.inf)
    mine = (labels[:, None] == labels[None, :]) & ~itself
    chance = (similar - similar.logsumexp(1, keepdim=True)).masked_fill(~mine, 0.0)
    count = mine.sum(1)
    if not bool(count.any()):
        return features.sum() * 0.0
    return -(chance.sum(1)[count > 0] / count[count > 0]).mean()
