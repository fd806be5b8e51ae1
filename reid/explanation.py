"""Puts a decision of the linker into words and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reid.calibration import ratio
from reid.matching import Match
from reid.tracklets import IdentityId, Link, LinkKind, Tracklet


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a decision rests on; ``against`` when it was made against ``match``."""

    match: Match | None
    runner_up: Match | None = None
    transit: float | None = None
    against: bool = False


def link(
    tracklet: Tracklet,
    identity: IdentityId,
    kind: LinkKind,
    time: float,
    reason: str,
    evidence: Evidence,
    previous: IdentityId | None = None,
) -> Link:
    """A decision with its evidence."""
    match, runner_up = evidence.match, evidence.runner_up
    sign = -1 if evidence.against else 1
    probability = None if match is None else match.probability
    if probability is not None and evidence.against:
        probability = 1 - probability
    return Link(
        key=tracklet.key,
        identity=identity,
        kind=kind,
        time=time,
        previous=previous,
        distance=None if match is None else match.distance,
        runner_up=None if runner_up is None else runner_up.distance,
        transit=evidence.transit,
        likelihood_ratio=None if match is None else ratio(sign * match.log_odds),
        reason=reason,
        probability=probability,
        looks=None if match is None else match.appearance,
        way=None if match is None else match.way,
        rival=_rival(evidence),
    )


def _rival(evidence: Evidence) -> IdentityId | None:
    rival = evidence.match if evidence.against else evidence.runner_up
    return None if rival is None else rival.identity.id


def joined(match: Match, runner_up: Match | None) -> str:
    """Why a tracklet was linked."""
    reason = f"looks like identity {match.identity.id}"
    if match.way > 1:
        reason = f"{reason}, who is expected here now"
    if runner_up is not None:
        reason += f"; the next best, {runner_up.identity.id}, is at {runner_up.distance:.3f}"
    return reason


def new(tracklet: Tracklet, candidates: Sequence[Match], needed: float) -> str:
    """Why a tracklet got a new identity."""
    if tracklet.mean is None:
        return "new: no view of it was embedded"
    if not candidates:
        return "new: nobody known can be here now"
    nearest = candidates[0]
    if nearest.log_odds <= 0:
        return f"new: the most alike, identity {nearest.identity.id}, is too different"
    return (
        f"new: the likeliest, identity {nearest.identity.id}, is so with a probability of "
        f"{nearest.probability:.2f}, and {needed:.2f} is needed"
    )
