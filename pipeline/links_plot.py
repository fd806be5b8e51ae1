"""A picture of learned camera links: the cameras with arrows between them, and the transit times of each link."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.links import LearnedLinks, Way
from pipeline.sinks.base import writing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Float = npt.NDArray[np.float64]

_COLUMNS = 4  # of histograms
_BEND = 0.16  # of an arrow, by its length: there and back lie apart
_NODE = 0.15  # radius of a camera's dot; that of the circle of cameras is 1
_MANY = 8  # cameras from which dots shrink
_WIDEST = 7.0  # points, for a link that all take
_DPI = 110
_INK, _LINE, _DOT = "#222222", "#6991bb", "#e8eef5"


def draw(learned: LearnedLinks, path: Path) -> None:
    """Write a PNG.

    Raises:
        OutputError: if it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = math.ceil(len(learned.links) / _COLUMNS)
    height = max(6.5, 1.5 * rows, 0.9 * len(learned.cameras))
    figure = Figure(figsize=(min(height, 16.0) + 2.3 * _COLUMNS, height), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subfigures(1, 2, width_ratios=[min(height, 16.0), 2.3 * _COLUMNS], squeeze=False)[0]
    _draw_graph(left.subplots(), learned)
    cells = right.subplots(max(rows, 3), _COLUMNS, squeeze=False).ravel()
    limits = _limits(learned.links)
    for cell, way in zip(cells, learned.links, strict=False):
        _draw_times(cell, way, limits)
    for cell in cells[len(learned.links) :]:
        cell.set_axis_off()
    right.supxlabel("seconds out of view; shaded: 95% of the transits, line: median", fontsize=9)
    with writing(path):
        figure.savefig(path, dpi=_DPI, format="png")


def label_places(ways: list[Way], positions: dict[str, Float]) -> list[Float]:
    """Where on each arrow its label goes: the widest links first, as far from dots and other labels as can be.

    Returns:
        (2,) for each way.
    """
    taken = list(positions.values())
    places: dict[int, Float] = {}
    for index in sorted(range(len(ways)), key=lambda index: -ways[index].share):
        curve = arrow(positions[ways[index].origin], positions[ways[index].to], _dot(len(positions)))
        options = _along(curve, np.linspace(0.15, 0.7, 23))
        clear = np.min([_apart(options, other) for other in taken], axis=0)
        places[index] = options[int(clear.argmax())]
        taken.append(places[index])
    return [places[index] for index in range(len(ways))]


def camera_places(names: list[str]) -> dict[str, Float]:
    """Cameras on a circle (x, y), the first one on top, clockwise."""
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(names)) / len(names)
    return {name: np.array([np.cos(a), np.sin(a)]) for name, a in zip(names, angles, strict=True)}


def arrow(start: Float, end: Float, dot: float = _NODE) -> Float:
    """Control points (3, 2) of a quadratic curve that bends to the left, without its parts inside the dots."""
    way = end - start
    curve = np.stack([start, (start + end) / 2 + _BEND * np.array([-way[1], way[0]]), end])
    length = float(np.hypot(*way))
    first, last = dot / length * 1.05, 1 - dot / length * 1.15
    middle = _blend(_blend(curve[0], curve[1], first), _blend(curve[1], curve[2], first), last)
    return np.stack([_along(curve, np.array([first]))[0], middle, _along(curve, np.array([last]))[0]])


def _dot(cameras: int) -> float:
    """Radius that leaves arrows room between the dots."""
    return _NODE * min(1.0, _MANY / cameras)


def _draw_graph(axes: Axes, learned: LearnedLinks) -> None:
    from matplotlib.patches import Circle, FancyArrowPatch
    from matplotlib.path import Path as Curve

    positions = camera_places([str(camera) for camera in learned.cameras])
    dot = _dot(len(positions))
    for first, second in learned.overlapping:
        (x1, y1), (x2, y2) = positions[first], positions[second]
        axes.plot([x1, x2], [y1, y2], color="#999999", linestyle=":", linewidth=2, zorder=1)
    for way in learned.links:
        curve = arrow(positions[way.origin], positions[way.to], dot)
        width = 0.6 + (_WIDEST - 0.6) * way.share
        shape = Curve(curve.tolist(), [Curve.MOVETO, Curve.CURVE3, Curve.CURVE3])
        head = f"-|>,head_length={4 + width},head_width={2 + width / 1.8}"
        axes.add_patch(
            FancyArrowPatch(path=shape, arrowstyle=head, color=_LINE, linewidth=width, mutation_scale=1, zorder=2)
        )
    for name, (x, y) in positions.items():
        axes.add_patch(Circle((x, y), dot, facecolor=_DOT, edgecolor=_INK, zorder=3))
        size = 10 if len(name) < 8 else max(4.5, 80 / len(name))
        axes.text(x, y, name, ha="center", va="center", fontsize=size, color=_INK, zorder=4)
    box = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.9}
    for way, (x, y) in zip(learned.links, label_places(learned.links, positions), strict=True):
        axes.text(x, y, _seconds(way.median), ha="center", va="center", fontsize=8, color=_INK, bbox=box, zorder=5)
    axes.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
    axes.set_axis_off()
    dotted = "; dotted: the views overlap" if learned.overlapping else ""
    axes.set_title(f"median seconds; width: share of those who leave{dotted}", fontsize=10)


def _draw_times(axes: Axes, way: Way, limits: tuple[float, float]) -> None:
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, StrMethodFormatter

    edges = np.geomspace(*limits, 25)
    axes.axvspan(max(limits[0], way.window[0]), max(limits[0], way.window[1]), color="#dde7f2", zorder=0)
    axes.hist(np.clip(way.times, *limits), edges.tolist(), color=_LINE)
    axes.axvline(max(limits[0], way.median), color=_INK, linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    decades = [10.0**power for power in range(-1, 6) if limits[0] <= 10.0**power <= limits[1]]
    axes.xaxis.set_major_locator(FixedLocator(decades))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(NullLocator())
    axes.tick_params(labelsize=7)
    text = f"{way.origin} to {way.to}"
    size = 8 if len(text) < 24 else max(4.0, 192 / len(text))
    axes.set_title(f"{text}\n{way.transits} transits", fontsize=size)


def _limits(ways: list[Way]) -> tuple[float, float]:
    """Seconds that all histograms show: whole decades around nearly all times."""
    times = np.maximum(np.concatenate([way.times for way in ways]), 0.1)
    low, high = np.quantile(times, [0.01, 0.99])
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return 10.0**first, 10.0 ** max(last, first + 1)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds < 9.95 else f"{seconds:.0f}"


def _apart(points: Float, other: Float) -> Float:
    """Distances (N,) between places of labels, which are wider than high."""
    apart: Float = np.hypot((points[:, 0] - other[0]) / 1.4, points[:, 1] - other[1])
    return apart


def _blend(a: Float, b: Float, share: float) -> Float:
    return a + share * (b - a)


def _along(curve: Float, shares: Float) -> Float:
    """Points (N, 2) of a quadratic curve."""
    t = shares[:, None]
    points: Float = (1 - t) ** 2 * curve[0] + 2 * t * (1 - t) * curve[1] + t**2 * curve[2]
    return points
