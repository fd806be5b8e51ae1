"""Pictures of an evaluation: ranked results, distances of same and different people, CMC curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reid.crops import Image
from reid.training.data import CropSet, Labels
from reid.training.evaluate import Evaluation
from reid.training.ranking import block_of
from reid.training.separation import BINS, FARTHEST

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RIGHT, _WRONG, _QUERY = "#15803d", "#dc2626", "#404040"  # frames: green, red, dark grey
_SAME, _DIFFERENT = "#15803d", "#6b7280"  # histograms
_PICTURE: Final = 2.0, 1.0  # height and width of a shown picture, in units of its cell
_SHOWN: Final = 10  # nearest pictures of a query
_CURVE: Final = 20  # ranks of the CMC curve
_FEWEST_BARS: Final = 20  # of a histogram
_BARS: Final = 100
_DPI: Final = 110


def plot_ranked(evaluation: Evaluation, queries: Labels, path: Path, shown: int = _SHOWN) -> None:
    """A row for each query: itself, the nearest of the gallery, and the nearest match where it is not among them.

    Right ones are framed green with a full line, wrong ones red with a broken line. Pictures that do not count
    for the query are not shown.

    Args:
        evaluation: whose results.
        queries: indices.
        path: PNG to write.
        shown: gallery pictures of a row.

    Raises:
        DataError: if a picture cannot be read.
    """
    block = block_of(
        queries, evaluation.distances, evaluation.data.query, evaluation.data.gallery, evaluation.data.rule
    )
    figure = _figure(1.15 * (shown + 2.6), 2.9 * len(queries) + 0.6)
    if (engine := figure.get_layout_engine()) is not None:
        engine.set(hspace=0.05)  # type: ignore[call-arg]  # else captions touch the next row
    columns = [*[1.0] * (shown + 1), 0.25, 1.0]
    grid = figure.subplots(len(queries), len(columns), squeeze=False, gridspec_kw={"width_ratios": columns})
    for axes in grid.flat:
        axes.set_axis_off()
    for row, (place, cells) in enumerate(zip(queries, grid, strict=True)):
        _query_cell(cells[0], evaluation, int(place))
        order = np.argsort(block.distances[row], kind="stable")
        order = order[~block.ignored[row, order]]
        chosen = [(cells[1 + rank], rank) for rank in range(min(shown, len(order)))]
        first = int(np.argmax(block.same[row, order]))
        if first >= shown:
            chosen.append((cells[-1], first))
        for axes, rank in chosen:
            index = int(order[rank])
            right = bool(block.same[row, index])
            colour = _RIGHT if right else _WRONG
            _picture(axes, evaluation.data.gallery, index, colour, broken=not right)
            axes.set_title(f"rank {rank + 1}", fontsize=8, color=colour)
            _caption(axes, evaluation.data.gallery, index, f"distance {block.distances[row, index]:.3f}")
    figure.suptitle(f"{evaluation.label}\n{evaluation.data.name}", fontsize=10)
    figure.savefig(path, dpi=_DPI)


def plot_distances(evaluations: Sequence[Evaluation], path: Path) -> None:
    """Histograms of the distances of same and of different people, each scaled to its own largest bar.

    Args:
        evaluations: a panel each.
        path: PNG to write.
    """
    figure = _figure(8.0, 3.1 * len(evaluations))
    panels = figure.subplots(len(evaluations), 1, squeeze=False)[:, 0]
    for axes, evaluation in zip(panels, evaluations, strict=True):
        _histogram(axes, evaluation)
    figure.savefig(path, dpi=_DPI)


def plot_cmc(evaluations: Sequence[Evaluation], path: Path) -> None:
    """CMC curves up to rank 20, a line each; broken where it is re-ranked.

    Args:
        evaluations: of one or of several sets and networks.
        path: PNG to write.
    """
    figure = _figure(7.5, 4.6 + 0.22 * len(evaluations))
    axes = figure.subplots()
    ranks = np.arange(1, _CURVE + 1)
    colour = -1
    for evaluation in evaluations:
        colour += not evaluation.reranked  # a re-ranked one follows its own plain one
        ranking = evaluation.ranking
        scores = f"{100 * ranking.cmc(1):.1f} / {100 * ranking.mean_ap:.1f}"
        label = f"{scores}  {evaluation.label} on {evaluation.data.name}"
        shares = [100 * ranking.cmc(int(rank)) for rank in ranks]
        style = "--" if evaluation.reranked else "-"
        axes.plot(ranks, shares, color=f"C{max(colour, 0) % 10}", linestyle=style, marker=".", label=label)
    axes.set(xlabel="rank", ylabel="queries with a match among the nearest, %", xlim=(0.5, _CURVE + 0.5))
    axes.set_ylim(top=100.5)
    axes.set_xticks([1, 5, 10, 15, 20])
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower left", fontsize="small", title="rank-1 / mAP, %", alignment="left")
    figure.savefig(path, dpi=_DPI)


def _figure(width: float, height: float) -> Figure:
    """A figure of its own, in inches: pyplot's shared state stays out of it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _query_cell(axes: Axes, evaluation: Evaluation, place: int) -> None:
    query = evaluation.data.query
    _picture(axes, query, place, _QUERY, broken=False)
    axes.set_title("query", fontsize=8, color=_QUERY)
    _caption(axes, query, place, f"AP {evaluation.ranking.precision[place]:.3f}")


def _caption(axes: Axes, crops: CropSet, index: int, last: str) -> None:
    text = f"identity {crops.identities[index]}\ncamera {crops.cameras[index]}\n{last}"
    axes.text(0.5, -0.04, text, transform=axes.transAxes, ha="center", va="top", fontsize=7)


def _picture(axes: Axes, crops: CropSet, index: int, colour: str, *, broken: bool) -> None:
    """A picture of whatever size in a frame of one size."""
    from matplotlib.patches import Rectangle

    from reid.pictures import read_picture

    picture: Image = read_picture(crops.paths[index])[:, :, ::-1]
    height, width = _PICTURE
    axes.imshow(picture, extent=(0, width, 0, height), interpolation="bilinear", aspect="equal")
    frame = Rectangle(
        (0, 0), width, height, fill=False, edgecolor=colour, linewidth=3, linestyle="--" if broken else "-"
    )
    frame.set_clip_on(False)
    axes.add_patch(frame)


def _histogram(axes: Axes, evaluation: Evaluation) -> None:
    separation = evaluation.separation
    edges = np.linspace(0, FARTHEST, BINS + 1)
    seen = np.flatnonzero(separation.same + separation.different)
    first, end = int(seen[0]), int(seen[-1]) + 1
    shown = slice(first, end)
    bars_wanted = int(np.clip(2 * np.sqrt(separation.same.sum()), _FEWEST_BARS, _BARS))
    joined = -(-(end - first) // bars_wanted)  # bins to a bar
    bars: list[tuple[Any, str, str]] = [
        (separation.different, _DIFFERENT, "different people"),
        (separation.same, _SAME, "same person"),
    ]
    for counts, colour, label in bars:
        heights = np.add.reduceat(counts[shown], np.arange(0, end - first, joined))
        left = edges[:-1][shown][::joined]
        width = joined * FARTHEST / BINS
        axes.bar(
            left,
            heights / max(1, heights.max()),
            width,
            align="edge",
            color=colour,
            alpha=0.55,
            label=f"{label}: {counts.sum():,} pairs",
        )
    threshold, error = separation.equal_error
    if np.isfinite(threshold):
        label = f"equal error {100 * error:.1f} % at {threshold:.3f}"
        axes.axvline(threshold, color="black", linestyle="--", linewidth=1, label=label)
    axes.set(xlabel="distance", ylabel="pairs (largest bar = 1)", ylim=(0, 1.05))
    title = f"{evaluation.label} on {evaluation.data.name}, d' = {separation.d_prime:.2f}"
    axes.set_title(title, fontsize=9, pad=24)
    axes.legend(fontsize=7.5, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
