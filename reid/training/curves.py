"""Pictures of how trainings went."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path

from reid.training.history import History

_LINES = "C0", "C1", "C2", "C3", "C4"


def plot_curves(histories: Mapping[str, History], path: Path, title: str = "") -> None:
    """Loss, accuracy on the training set, and validation, by epoch.

    Args:
        histories: at least one, by name.
        path: PNG to write.
        title: above all.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    loss, accuracy, validation = figure.subplots(1, 3)
    for (name, history), colour in zip(histories.items(), cycle(_LINES), strict=False):
        epochs = [epoch.number for epoch in history.epochs]
        loss.plot(epochs, [epoch.loss for epoch in history.epochs], colour, label=name)
        accuracy.plot(epochs, [100 * epoch.accuracy for epoch in history.epochs], colour, label=name)
        scored = [epoch for epoch in history.epochs if epoch.mean_ap is not None]
        numbers = [epoch.number for epoch in scored]
        marks = "." if len(scored) < 40 else None
        validation.plot(
            numbers, [100 * (epoch.rank1 or 0) for epoch in scored], colour, marker=marks, label=f"{name}: rank-1"
        )
        validation.plot(
            numbers,
            [100 * (epoch.mean_ap or 0) for epoch in scored],
            colour,
            marker=marks,
            linestyle="--",
            label=f"{name}: mAP",
        )
    for axes, text in (
        (loss, "loss"),
        (accuracy, "training set, classified rightly, %"),
        (validation, "validation, %"),
    ):
        axes.set(xlabel="epoch", title=text)
        axes.grid(alpha=0.3)
        if axes.lines and axes.lines[0].get_xdata().size:
            axes.legend(fontsize="small")
    accuracy.set_ylim(0, 100)
    if title:
        figure.suptitle(title)
    figure.savefig(path, dpi=100)
