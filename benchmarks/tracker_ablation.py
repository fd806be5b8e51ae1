"""What each part of the evidence tracker earns: the defaults against one change each, on tuning sequences.

    python -m benchmarks.tracker_ablation
    python -m benchmarks.tracker_ablation --variant defaults --variant 'memory*' --sequence 'world-*'

prints a table in Markdown: means over the sequences with embeddings, and over those for motion alone. Boxes are
embedded where the tracker asks for it, as in the program; the last column is their share. The sequences come from
`benchmarks.sequences`; of the rendered scenes those of seeds 0 to 2 are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import click
import numpy as np
import numpy.typing as npt
from rich.console import Console

from benchmarks.sequence import Sequence
from benchmarks.sequences import CACHE, SEQUENCES, load
from pipeline.errors import HandoffError
from pipeline.scores import Annotations, score
from trackers import EvidenceSettings, TrackState, evidence, kernels, kernels_numpy
from trackers.kalman import ASPECT_MEASURED, ASPECT_STEP

PATTERNS = (*(f"world-*-{seed}-*" for seed in range(3)), "mot17-02", "numbers-tune-*")
MOTION_ONLY = ("mot15-adl-rundle-6", "mot15-kitti-13")

Float = npt.NDArray[np.float64]


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """The attribute is another one inside the block."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def paper_aspect() -> AbstractContextManager[None]:
    """The noise of the aspect ratio is that of the DeepSORT paper."""
    return replaced(evidence, "_ASPECT_NOISE", (ASPECT_STEP, ASPECT_MEASURED))


@contextmanager
def plain_iou() -> Iterator[None]:
    """Overlap is IoU, without the second factor; by the NumPy form of the pairs, into which it can be put."""
    names = {name: getattr(kernels, name) for name in dir(kernels)}
    with (
        replaced(kernels_numpy, "overlaps", _iou),
        replaced(evidence, "kernels", SimpleNamespace(**{**names, "pairs": kernels_numpy.pairs})),
    ):
        yield


def _iou(tracks: Float, pads: Float, boxes: Float) -> Float:
    """(R, C) IoU of xyxy boxes, both enlarged by the track's pad (R,)."""
    enlarge = pads[:, None] * np.array([-1.0, -1.0, 1.0, 1.0])
    a, b = (tracks + enlarge)[:, None], boxes[None] + enlarge[:, None]
    side = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None)
    shared = np.prod(side, axis=2)
    areas = np.prod(a[..., 2:] - a[..., :2], axis=2) + np.prod(b[..., 2:] - b[..., :2], axis=2)
    result: Float = shared / (areas - shared)
    return result


@dataclass(frozen=True, slots=True)
class Variant:
    """One change of the defaults.

    Attributes:
        changes: settings.
        patch: what else is different while it runs.
        all_embedded: every box has its embedding, asked for or not.
    """

    changes: Mapping[str, float] = field(default_factory=dict)
    patch: Callable[[], AbstractContextManager[None]] = nullcontext
    all_embedded: bool = False


VARIANTS = {
    "defaults": Variant(),
    "low_score=0.4: no second round": Variant({"low_score": 0.4}),
    "low_overlap=0.15": Variant({"low_overlap": 0.15}),
    "max_appearance=0: motion alone": Variant({"max_appearance": 0}),
    "max_age=1": Variant({"max_age": 1}),
    "exit_age=5": Variant({"exit_age": 5}),
    "n_init=3": Variant({"n_init": 3}),
    "min_overlap=0.05": Variant({"min_overlap": 0.05}),
    "min_overlap=0.35": Variant({"min_overlap": 0.35}),
    "overlap_weight=6": Variant({"overlap_weight": 6}),
    "overlap_weight=24": Variant({"overlap_weight": 24}),
    "memory=0.2": Variant({"memory": 0.2}),
    "memory=10": Variant({"memory": 10}),
    "embed_interval=0: every confident box": Variant({"embed_interval": 0}),
    "embed_interval=1": Variant({"embed_interval": 1}),
    "embed_interval=4": Variant({"embed_interval": 4}),
    "every box embedded, asked for or not": Variant(all_embedded=True),
    "noise of the aspect ratio from the paper": Variant(patch=paper_aspect),
    "plain IoU": Variant(patch=plain_iou),
}


class Result(NamedTuple):
    """Of one sequence.

    Attributes:
        hota: in [0, 1].
        idf1: in [0, 1].
        switches: how many.
        embedded: share of its boxes that came with an embedding.
    """

    hota: float
    idf1: float
    switches: float
    embedded: float


def embedder_of(sequence: Sequence) -> str | None:
    """Whose embeddings are taken; None for motion alone."""
    return next((name for name in ("msmt17", "synthetic") if name in sequence.embeddings), None)


def track(sequence: Sequence, settings: EvidenceSettings, *, all_embedded: bool = False) -> tuple[Float, float]:
    """Track one sequence.

    Returns:
        (N, 6) frame from 1, id, x1, y1, x2, y2 of the tracks that are seen; share of the boxes that were embedded.
    """
    tracker, rows, embedded = settings.build(), [], 0
    for frame, (time, found) in enumerate(sequence.frames(embedder_of(sequence)), start=1):
        given = found
        if found.embeddings is not None and not all_embedded:
            wanted = tracker.wants_embedding(found, time)
            given = found.with_embeddings(wanted, found.embeddings[wanted])
        embedded += 0 if given.embedded is None else int(given.embedded.sum())
        tracks = tracker.update(given, time)
        rows += [[frame, t.id, *t.box] for t in tracks if t.state is TrackState.CONFIRMED]
    return np.array(rows, np.float64).reshape(-1, 6), embedded / max(1, len(sequence.dets))


def as_annotations(rows: Float) -> Annotations:
    """Rows of `track` as the scoring takes them."""
    boxes = np.concatenate([rows[:, 2:4], rows[:, 4:6] - rows[:, 2:4]], axis=1)
    return Annotations(rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), boxes)


def measure(sequence: Sequence, variant: Variant) -> Result:
    """Track a sequence with one change and score it."""
    with variant.patch():
        settings = EvidenceSettings(**variant.changes)
        rows, embedded = track(sequence, settings, all_embedded=variant.all_embedded)
    scores = score(sequence.truth(), as_annotations(rows))
    return Result(scores.hota, scores.idf1, scores.switches, embedded)


def line(name: str, seen: list[Result], motion: list[Result]) -> str:
    """One row of the table."""
    cells = [name]
    for results in (seen, motion):
        if not results:
            cells += ["", "", ""]
            continue
        hota, idf1, switches, _ = np.mean(np.array(results), axis=0)
        cells += [f"{100 * hota:.1f}", f"{100 * idf1:.1f}", f"{switches * len(results):.0f}"]
    share = np.mean([result.embedded for result in seen]) if seen else 0.0
    return f"| {' | '.join([*cells, f'{100 * share:.0f} %'])} |"


@click.command()
@click.option("--variant", "variants", multiple=True, default=("*",), help="Pattern; repeatable.")
@click.option("--sequence", "patterns", multiple=True, default=(*PATTERNS, *MOTION_ONLY), help="Repeatable.")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, show_default=True)
def main(variants: tuple[str, ...], patterns: tuple[str, ...], cache: Path) -> None:
    """Print mean HOTA and IDF1, the sum of switches, and the share of boxes that were embedded."""
    console = Console(stderr=True)
    names = [
        name
        for name, recipe in SEQUENCES.items()
        if recipe.split == "tune" and any(fnmatchcase(name, each) for each in patterns)
    ]
    try:
        sequences = [load(name, cache) for name in names]
    except HandoffError as error:
        raise click.ClickException(str(error)) from None
    seen = [sequence for sequence in sequences if embedder_of(sequence)]
    motion = [sequence for sequence in sequences if not embedder_of(sequence)]
    kinds = (f"{len(seen)} with appearance", f"{len(motion)} without")
    cells = [cell for kind in kinds for cell in (f"HOTA, {kind}", "IDF1", "switches")]
    click.echo(f"| | {' | '.join(cells)} | embedded |")
    click.echo("|---|---|---|---|---|---|---|---|")
    for name, variant in VARIANTS.items():
        if any(fnmatchcase(name, pattern) for pattern in variants):
            console.log(name)
            click.echo(line(name, *([measure(each, variant) for each in group] for group in (seen, motion))))


if __name__ == "__main__":
    main()
