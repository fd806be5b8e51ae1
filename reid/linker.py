"""The settings of the linker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from reid.evidence_linker import EvidenceLinker
from reid.topology import CameraLink, Topology


class EvidenceLinkerSettings(BaseModel, frozen=True, extra="forbid"):
    """Looks, transit times and places weighed as one likelihood; its scales are learned from the site."""

    type: Literal["evidence"] = "evidence"
    false_link_rate: float = Field(
        0.15,
        gt=0,
        lt=0.5,
        description="Expected share of wrong links; fewer means more people with two identities.",
    )
    interval: float = Field(1.0, gt=0, description="Seconds between decisions.")
    min_duration: float = Field(1.0, ge=0, description="Seconds a track must have been seen before it is linked.")
    min_views: int = Field(3, ge=1, description="Embedded views a track must have before it is linked.")
    patience: float = Field(
        2.0, ge=0, description="Seconds more that a decision may wait while it is neither clear nor hopeless."
    )
    exemplars: int = Field(5, ge=1, description="Diverse embeddings kept of each track, beside their mean.")
    switch_likelihood_ratio: float = Field(
        3.0, ge=1, description="How many times likelier another identity must be for a track to change over."
    )
    split_likelihood_ratio: float = Field(
        0.2, gt=0, description="An ended track whose final evidence is below this ratio leaves its identity."
    )
    clock_tolerance: float = Field(
        0.5,
        ge=0,
        description="Seconds by which two cameras' clocks may disagree: how long one person may be in both.",
    )
    expiry: float = Field(3600.0, gt=0, description="Seconds after which an unseen identity is forgotten.")
    max_identities: int = Field(2000, ge=1, description="Identities remembered; the longest unseen are forgotten.")
    max_tracklets: int = Field(20, ge=1, description="Tracks remembered for each identity.")

    def build(self, links: Sequence[CameraLink]) -> EvidenceLinker:
        """A linker for all cameras of a site."""
        return EvidenceLinker(self, Topology(links, self.clock_tolerance))
