"""What the linker reads and writes: `Tracklet`, `Link`, and the ids."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, NewType, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

CameraId = NewType("CameraId", str)
IdentityId = NewType("IdentityId", int)


class TrackView(Protocol):
    """What the linker needs of a tracker's track; `trackers.Track` has this shape (reid does not import it)."""

    @property
    def id(self) -> int:
        """Unique within its camera."""

    @property
    def box(self) -> FloatArray:
        """(4,) x1 y1 x2 y2 in pixels."""

    @property
    def score(self) -> float:
        """Of the last detection, in [0, 1]."""

    @property
    def state(self) -> Any:
        """An enum member whose value is "confirmed", "lost" or "ended"."""

    @property
    def embedding(self) -> FloatArray | None:
        """(D,) unit vector of this frame's detection, if there is one."""


class TrackletKey(NamedTuple):
    """A track of one camera: the unit that gets an identity.

    Attributes:
        camera: its name.
        track: unique within its camera and run.
        run: 0 is the present run; another number is the id of an earlier one in the identity store.
    """

    camera: CameraId
    track: int
    run: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Tracklet:
    """One track of one camera, summed up: small plain data that can leave the machine that saw it.

    Attributes:
        key: camera and track id.
        start: time of the first observation [s].
        end: time of the last observation so far [s].
        entry_box: (4,) first box, x1 y1 x2 y2 in pixels.
        exit_box: (4,) last box.
        mean: (D,) quality-weighted mean embedding, unit length; None when nothing was embedded.
        exemplars: (K, D) a few diverse embeddings, unit rows.
        count: observations.
        quality: summed quality of the embeddings behind ``mean``; 1.0 is one sharp unoccluded view.
        doubles: tracks of the same camera and run that may show this person at the same moment; see
            `reid.doubles`.
    """

    key: TrackletKey
    start: float
    end: float
    entry_box: FloatArray
    exit_box: FloatArray
    mean: FloatArray | None
    exemplars: FloatArray
    count: int
    quality: float
    doubles: frozenset[int] = frozenset()


class LinkKind(Enum):
    """What a decision of the linker changes."""

    LINK = "link"  # the tracklet gets its first identity
    MERGE = "merge"  # every tracklet of `previous` becomes `identity`
    SPLIT = "split"  # this tracklet alone leaves `previous` for `identity`


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A decision of the linker, with its evidence.

    Attributes:
        key: the tracklet that was decided on (for a merge: the one that brought it about).
        identity: the identity it has from now on.
        kind: see `LinkKind`.
        time: when it was decided [s].
        previous: the identity before, for merge and split.
        distance: cosine distance to the identity; None for a new identity without a candidate.
        runner_up: cosine distance to the second-best allowed identity; None when there was none.
        transit: seconds from the identity's last sighting before this tracklet to its start; None for a new one.
        likelihood_ratio: how many times likelier the evidence is under this decision than under its alternative
            (somebody new for a link or merge, the likeliest known person for a new identity or a split).
        reason: one sentence for people.
        probability: that the decision is right, all candidates considered.
        looks: what the appearance says for the identity compared with [nats]; way: what place and time say.
        rival: the identity that came second; for a new one, the likeliest.
    """

    key: TrackletKey
    identity: IdentityId
    kind: LinkKind
    time: float
    previous: IdentityId | None
    distance: float | None
    runner_up: float | None
    transit: float | None
    likelihood_ratio: float | None
    reason: str
    probability: float | None = None
    looks: float | None = None
    way: float | None = None
    rival: IdentityId | None = None
