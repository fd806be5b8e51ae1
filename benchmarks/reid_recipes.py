"""Trainings of different recipes on one set, in one picture and one table.

Train each with `run.py reid train`, its own --config and the same --train, --validate and epochs; then:

    python -m benchmarks.reid_recipes runs/reid/student runs/reid/default --picture docs/images/reid_recipes.png
"""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from reid.training.curves import plot_curves
from reid.training.history import History


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--picture", type=click.Path(path_type=Path), help="Also draw the curves into this PNG.")
def main(folders: tuple[Path, ...], picture: Path | None) -> None:
    """Compare the trainings in FOLDERS: each as `reid train` leaves it."""
    histories = {folder.name: _history(folder) for folder in folders}
    table = Table("training", "epochs", "loss", "rank-1", "mAP", "best rank-1", "best mAP", "images a second")
    for name, history in histories.items():
        last, best, speeds = history.epochs[-1], history.best, history.images_per_second
        scores = [last.rank1, last.mean_ap, best and best.rank1, best and best.mean_ap]
        speed = f"{sum(speeds) / len(speeds):.0f}"
        table.add_row(name, str(last.number), f"{last.loss:.3f}", *map(_percent, scores), speed)
    Console().print(table)
    if picture is not None:
        plot_curves(histories, picture)


def _history(folder: Path) -> History:
    path = folder / "history.json"
    try:
        history = History.from_dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise click.ClickException(
            f"{path}: not the history of a training ({error}); give the folder of one"
        ) from error
    if not history.epochs:
        raise click.ClickException(f"{path}: no epoch is complete; go on training")
    return history


def _percent(share: object) -> str:
    return "" if not isinstance(share, float) else f"{100 * share:.1f}"


if __name__ == "__main__":
    main()
