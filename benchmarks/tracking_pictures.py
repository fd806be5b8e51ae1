"""The pictures of docs/tracking.md and docs/tracking_failures.md, from rendered sequences of the tuning split.

    python -m benchmarks.tracking_pictures
    python -m benchmarks.tracking_pictures --only twins --cache runs/sequences

The sequences and their clips are made by `benchmarks.sequences`. A box is a track with its id; a letter stands at
the feet of a person of the truth.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from PIL import Image

from benchmarks.sequences import CACHE
from benchmarks.streams import ROOT
from benchmarks.tracking_moments import Float, Looks, Moment, Shot, looks_of, shots, worth_at
from pipeline.errors import HandoffError
from trackers import kernels_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURES = ROOT / "docs/images"
CROSSING = Moment("world-lookalikes-0-food", (140, 151, 157, 168), (5, 14))
CROSSING_FRAME, CROSSING_IDS = 157, (4, 5)
FAILURES = {
    "twins": Moment("world-lookalikes-2-entrance", (152, 158, 162, 170), (7, 8)),
    "one_box": Moment("world-crowd-0-east", (29, 30, 31, 32), (45, 20)),
    "spare_box": Moment("world-lookalikes-0-atrium", (40, 44, 45, 50), (10, 1)),
    "low_rate": Moment("world-lowfps-0-street", (65, 66, 67, 68), (13, 14, 15)),
    "too_long": Moment("world-drop-0-passage", (38, 60, 80, 90), (5,)),
}
LOOKS = (
    ("world-mall-0-atrium", "msmt17", "mall, OSNet"),
    ("world-mall-0-atrium", "histogram", "mall, colour histogram"),
    ("world-lookalikes-0-atrium", "msmt17", "people dressed alike, OSNet"),
)
COLOURS = ("#ff9f1c", "#2ec4b6", "#e83f6f", "#7f7fff", "#b8e62e", "#f2e94e")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in inches, drawn without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a PNG of 256 colours, a third of the size of the full one."""
    memory = BytesIO()
    figure.savefig(memory, dpi=100, format="png")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(memory).convert("RGB").quantize(256).save(path, optimize=True)


def show(axes: Axes, shot: Shot, colours: dict[int, str]) -> None:
    """One frame with the boxes of its tracks; those that have a colour are drawn strongly."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import AbstractPathEffect, withStroke

    height, width = shot.image.shape[:2]
    outline: list[AbstractPathEffect] = [withStroke(linewidth=2.5, foreground="black")]
    axes.imshow(shot.image, interpolation="bicubic")
    axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
    axes.set_title(f"{shot.time:.2f} s", fontsize=11)
    for id_, x1, y1, x2, y2 in shot.tracks:
        colour = colours.get(int(id_))
        style: dict[str, Any] = {"linewidth": 2.2 if colour else 0.8, "edgecolor": colour or "white"}
        axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, clip_on=True, **style))
        if colour and x2 > 0 and x1 < width:
            x, y = np.clip(x1, 1, width - 12), max(y1, 11.0)
            above = axes.text(x, y - 1, str(int(id_)), color=colour, fontsize=13, fontweight="bold", va="bottom")
            above.set_path_effects(outline)
            above.set_clip_on(True)
    for letter, (x, y, _) in shot.people.items():
        if 0 < x < width:
            under = axes.text(x, min(y, height - 2), letter, color="white", fontsize=13, ha="center", va="bottom")
            under.set_path_effects(outline)


def strip(moment: Moment, cache: Path, path: Path, ids: tuple[int, ...] = ()) -> None:
    """Draw a moment: its frames side by side; the tracks near its people have colours."""
    taken = shots(moment, cache)
    colours = dict(zip(ids or ids_near(taken), COLOURS, strict=False))
    height, width = taken[0].image.shape[:2]
    each = 3.4
    figure = new_figure(each * len(taken), each * height / width + 0.35)
    for axes, shot in zip(np.atleast_1d(figure.subplots(1, len(taken))), taken, strict=True):
        show(axes, shot, colours)
    save(figure, path)


def ids_near(taken: list[Shot]) -> list[int]:
    """Ids of the tracks whose boxes stand where the people of a moment stand, by first frame."""
    found: list[int] = []
    for shot in taken:
        for x, y, _ in shot.people.values():
            for id_, x1, y1, x2, y2 in shot.tracks:
                height = y2 - y1
                at = abs((x1 + x2) / 2 - x) < 0.15 * height and abs(y2 - y) < 0.2 * height
                if at and int(id_) not in found:
                    found.append(int(id_))
    return found


def crossing(cache: Path, path: Path) -> None:
    """Two people who cross, above; what spoke for each pair when the hidden one came back, below."""
    taken = shots(CROSSING, cache)
    worth = worth_at(CROSSING, CROSSING_FRAME, CROSSING_IDS, cache)
    height, width = taken[0].image.shape[:2]
    tall = 11.5 / len(taken) * height / width + 0.35
    figure = new_figure(11.5, tall + 2.1)
    grid = figure.add_gridspec(2, 1, height_ratios=[tall, 2.1])
    above, below = (figure.add_subfigure(grid[row]) for row in range(2))
    colours = dict(zip(CROSSING_IDS, COLOURS, strict=False))
    for axes, shot in zip(above.subplots(1, len(taken)), taken, strict=True):
        show(axes, shot, colours)
    tables = {"place": worth.place, "looks": worth.looks, "both: what is maximised": worth.place + worth.looks}
    for axes, (title, table) in zip(below.subplots(1, 3), tables.items(), strict=True):
        matrix(axes, table, [f"track {each}" for each in worth.ids], [f"box of {each}" for each in worth.people])
        axes.set_title(title, fontsize=11)
    below.supylabel(f"nats at {taken[2].time:.2f} s", fontsize=11)
    save(figure, path)


def matrix(axes: Axes, table: Float, rows: list[str], columns: list[str]) -> None:
    """A table of evidence with its numbers."""
    axes.imshow(np.clip(table, -15, 15), cmap="RdYlGn", vmin=-18, vmax=18, aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    for (row, column), value in np.ndenumerate(table):
        text = f"{value:+.1f}" if np.isfinite(value) else "too far"
        axes.text(column, row, text, ha="center", va="center", fontsize=13)


def distances(cache: Path, path: Path) -> None:
    """Histograms of cosine distances by truth, and the line that the tracker learned without it."""
    figure = new_figure(11.5, 3.6)
    for axes, (name, embedder, title) in zip(figure.subplots(1, len(LOOKS)), LOOKS, strict=True):
        _histograms(axes, looks_of(name, embedder, cache))
        axes.set_title(title, fontsize=11)
    save(figure, path)


def _histograms(axes: Axes, looks: Looks) -> None:
    slope, middle, limit = looks.line
    right = float(np.quantile(looks.different, 0.998))
    bins = np.linspace(0, right, 50)
    for values, colour, label in ((looks.same, "C0", "same person"), (looks.different, "C1", "different people")):
        axes.hist(values, bins.tolist(), density=True, alpha=0.6, color=colour, label=label)
    axes.set(xlim=(0, right), xlabel="cosine distance", yticks=[])
    axes.margins(y=0.35)
    axes.axvline(middle, color="black", linewidth=0.8, linestyle=":")
    nats = axes.twinx()
    apart = np.linspace(0, right, 300)
    nats.plot(apart, np.clip(slope * (middle - apart), -limit, limit), "k", label="learned: nats")
    nats.set(ylim=(-1.1 * limit, 1.9 * limit), yticks=[-limit, 0, limit])
    handles = [*axes.get_legend_handles_labels()[0], *nats.get_legend_handles_labels()[0]]
    nats.legend(handles=handles, fontsize=8.5, loc="upper right", ncols=1, framealpha=1)


def overlaps(path: Path) -> None:
    """Three pairs of boxes with their IoU and their height-modulated overlap."""
    from matplotlib.patches import Rectangle

    pairs = {
        "beside": ((0, 0, 40, 100), (13.3, 0, 53.3, 100)),
        "behind: smaller, higher up": ((0, 0, 40, 100), (3, -22, 33, 58)),
        "apart at 5 frames a second": ((0, 0, 40, 100), (44, 0, 84, 100)),
    }
    figure = new_figure(8.6, 3.0)
    for axes, (title, (track, box)) in zip(figure.subplots(1, 3), pairs.items(), strict=True):
        pad = 8.0 if "second" in title else 0.0
        for (x1, y1, x2, y2), colour in ((track, "C0"), (box, "C1")):
            axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=2))
            wide, high = x2 - x1 + 2 * pad, y2 - y1 + 2 * pad
            axes.add_patch(
                Rectangle(
                    (x1 - pad, y1 - pad), wide, high, fill=False, edgecolor=colour, linestyle=":", linewidth=1.2
                )
            )
        both = np.array([track, box], np.float64)
        value = float(kernels_numpy.overlaps(both[:1], np.array([pad]), both[1:])[0, 0])
        size, extent = _shares(both, pad)
        axes.set(xlim=(-30, 112), ylim=(118, -34), xticks=[], yticks=[], aspect="equal")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(f"IoU {size:.2f} x heights {extent:.2f} = {value:.2f}", fontsize=10)
    save(figure, path)


def _shares(boxes: Float, pad: float) -> tuple[float, float]:
    """IoU of two enlarged boxes (2, 4), and of their vertical extents."""
    a, b = boxes + pad * np.array([-1.0, -1.0, 1.0, 1.0])
    width, height = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    areas = [float(np.prod(each[2:] - each[:2])) for each in (a, b)]
    extent = max(a[3], b[3]) - min(a[1], b[1])
    return float(width * height / (sum(areas) - width * height)), float(height / extent)


@click.command()
@click.option("--only", help="Part of the name of the pictures to make.", default="")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), default=PICTURES, show_default=True)
def main(only: str, cache: Path, output: Path) -> None:
    """Draw the pictures."""
    try:
        for name, draw in {
            "crossing": lambda path: crossing(cache, path),
            "distances": lambda path: distances(cache, path),
            "overlap": overlaps,
            **{f"failure_{name}": _drawer(moment, cache) for name, moment in FAILURES.items()},
        }.items():
            if only in name:
                draw(output / f"tracking_{name}.png")
    except HandoffError as error:
        raise click.ClickException(str(error)) from None


def _drawer(moment: Moment, cache: Path) -> Any:
    return lambda path: strip(moment, cache, path)


if __name__ == "__main__":
    main()
