"""`run.py reid train`: what it is given, what it shows while it works, and what it leaves behind."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from pipeline.errors import ConfigError, DataError
from pipeline.faults import nearest
from pipeline.layers import Layers
from pipeline.signals import INTERRUPTED, Signals
from pipeline.sinks.base import writing
from pipeline.yamlfile import YamlFile
from reid.training.data import CropSet, hold_out, merge, read_crops

if TYPE_CHECKING:
    from reid.training.evaluate import SearchSet
    from reid.training.history import Epoch, History
    from reid.training.settings import TrainSettings
    from reid.training.train import Training

PRESETS = Path(__file__).resolve().parent.parent / "configs" / "reid"
_LOG_EVERY = 30.0  # seconds
_SHOWN = 12  # epochs in the table on a terminal
_BARS = "▁▂▃▄▅▆▇█"

log = logging.getLogger(__name__)


@click.command()
@click.option(
    "--train",
    "sources",
    multiple=True,
    required=True,
    metavar="FOLDER[:FIRST-LAST][*TIMES]",
    help="Crops to learn from, named like 0002_c1s1_000451_03.jpg, of the people FIRST to LAST, shown so many "
    "TIMES an epoch; repeatable, and each has people of its own. FOLDER+FOLDER shows the same people (labelled "
    "and detected boxes).",
)
@click.option(
    "--validate",
    "validated",
    metavar="FOLDER[:FIRST-LAST]",
    help="Other people, to score: a folder of crops, or one that holds query/ and bounding_box_test/.",
)
@click.option(
    "--hold-out",
    type=click.FloatRange(0, 0.9),
    default=0.0,
    show_default=True,
    help="Share of the training people to validate on instead.",
)
@click.option(
    "--config",
    "preset",
    default="default",
    show_default=True,
    help="Preset in configs/reid/, or a YAML file.",
)
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change one setting; repeatable.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the training; the same command goes on where it stopped.  [default: runs/reid/PRESET]",
)
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="Trains on it."
)
def train(
    sources: Sequence[str],
    validated: str | None,
    hold_out: float,
    preset: str,
    changes: Sequence[str],
    output: Path | None,
    device: str,
) -> int:
    """Train OSNet for re-identification on folders of crops."""
    from reid.training.train import Training

    stop = threading.Event()
    with Signals(stop) as signals:
        settings = load_settings(preset, changes)
        crops, validation = _data(sources, validated, hold_out)
        folder = output or Path("runs") / "reid" / Path(preset).stem
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        training = Training(settings, crops, validation, folder, _device(device))
        return _run(training, folder, Console(stderr=True), stop, signals)


def load_settings(preset: str, changes: Sequence[str] = ()) -> TrainSettings:
    """Settings of a training.

    Args:
        preset: name of a file in configs/reid/, or a path to a YAML file.
        changes: ``key=value`` each.

    Raises:
        ConfigError: with a line for every fault.
    """
    from reid.training.settings import TrainSettings

    layers = Layers()
    path = Path(preset) if preset.endswith((".yaml", ".yml")) else PRESETS / f"{preset}.yaml"
    if not path.exists():
        names = sorted(file.stem for file in PRESETS.glob("*.yaml"))
        raise ConfigError(f"--config {preset}: no such preset" + nearest(preset, names))
    layers.add(YamlFile(path), tuple(TrainSettings.model_fields))
    for change in changes:
        layers.change(change)
    return layers.checked(TrainSettings)


def _data(sources: Sequence[str], validated: str | None, share: float) -> tuple[CropSet, SearchSet | None]:
    from reid.training.evaluate import read_search_set, search_each

    if validated and share:
        raise ConfigError("--validate and --hold-out: give one of them")
    crops = merge([_read_source(source) for source in sources])
    if validated:
        return crops, read_search_set(validated)
    if not share:
        return crops, None
    kept, held = hold_out_people(crops, share)
    return kept, search_each(held)


def _read_source(source: str) -> CropSet:
    """One value of --train."""
    match = re.fullmatch(r"(.+)\*(\d+)", source)
    folders, times = (match[1], int(match[2])) if match and not Path(source).is_dir() else (source, 1)
    if times < 1:
        raise ConfigError(f"--train {source}: *{times} would show nothing; give *1 or more")
    names = [folders] if Path(folders).is_dir() else folders.split("+")
    return merge([read_crops(name) for name in names], same_people=True).repeat(times)


def hold_out_people(crops: CropSet, share: float) -> tuple[CropSet, CropSet]:
    """The set without some of its people, and those, each picture of theirs once."""
    kept, held = hold_out(crops, share)
    if len(held) == 0 or len(kept) == 0:
        raise DataError(f"--hold-out {share}: leaves nobody of {crops.people} people; give another share")
    return merge([kept]), held.once()


def _device(wanted: str) -> str:
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: torch sees no CUDA device; run.py doctor says what it sees")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def _run(training: Training, folder: Path, console: Console, stop: threading.Event, signals: Signals) -> int:
    """Train, draw the curves, say what came out; a second signal leaves the training at its last checkpoint."""
    from reid.training.curves import plot_curves

    settings = training.settings
    _say(console, f"training {settings.architecture} on {training.crops}")
    if training.resumed:
        _say(console, f"{folder}: {training.resumed}")
    screen = _Screen(training, console) if console.is_terminal else _Lines(training)
    with screen:
        signals.running()
        history = training.run(screen.step, screen.epoch, stop.is_set)
    signals.closing()
    if history.epochs:
        with writing(folder):
            plot_curves({settings.architecture: history}, folder / "curves.png", folder.name)
    if signals.received:
        _say(console, f"stopped; the same command goes on from {folder}")
        return INTERRUPTED
    _summary(history, folder, console)
    return 0


def _summary(history: History, folder: Path, console: Console) -> None:
    best = history.best
    name = "last.pth"
    if best is not None:
        name = "best.pth"
        scores = f"rank-1 {_percent(best.rank1)}, mAP {_percent(best.mean_ap)}"
        _say(console, f"best: epoch {best.number}, {scores}")
    _say(console, f"{folder / name}: use it with --set embedder.weights={folder / name}")
    _say(console, f"{folder / 'curves.png'} and history.json show how it went")


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


class _Lines:
    """A log line an epoch, and now and then inside one."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to restore."""

    def step(self, step: int, steps: int, loss: float) -> None:
        if time.monotonic() - self._said > _LOG_EVERY and not math.isnan(loss):
            self._said = time.monotonic()
            log.info("step %d of %d, loss %.3f, %.0f images a second", step, steps, loss, self._training.speed)

    def epoch(self, record: Epoch) -> None:
        self._said = time.monotonic()
        speed = self._training.history.images_per_second[-1]
        scores = f", rank-1 {_percent(record.rank1)}, mAP {_percent(record.mean_ap)}" if record.mean_ap else ""
        log.info(
            "epoch %d of %d: loss %.3f, accuracy %.1f%s, %.0f images a second",
            record.number,
            self._training.settings.epochs,
            record.loss,
            100 * record.accuracy,
            scores,
            speed,
        )


class _Screen:
    """Curves and a table that are drawn anew."""

    def __init__(self, training: Training, console: Console) -> None:
        self._training = training
        self._now = (0, 1, math.nan)
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._draw)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def step(self, step: int, steps: int, loss: float) -> None:
        self._now = (step, steps, self._now[2] if math.isnan(loss) else loss)

    def epoch(self, record: Epoch) -> None:
        self._now = (0, 1, record.loss)

    def _draw(self) -> RenderableType:
        training = self._training
        history, (step, steps, loss) = training.history, self._now
        table = Table(
            "epoch", "loss", "accuracy", "rate", "rank-1", "mAP", "images/s", box=None, header_style="bold"
        )
        rows = list(zip(history.epochs, history.images_per_second, strict=False))
        for record, speed in rows[-_SHOWN:]:
            table.add_row(
                str(record.number),
                f"{record.loss:.3f}",
                f"{100 * record.accuracy:.1f}",
                f"{record.rate:.2g}",
                _percent(record.rank1),
                _percent(record.mean_ap),
                f"{speed:.0f}",
            )
        done = len(history.epochs)
        line = Table.grid(padding=(0, 1))
        line.add_row(
            f"epoch {min(done + 1, training.settings.epochs)} of {training.settings.epochs}",
            ProgressBar(total=steps, completed=step, width=40),
            f"{step}/{steps}  loss {loss:.3f}  {training.speed:.0f} images/s",
        )
        curves = Table.grid(padding=(0, 1))
        curves.add_row("loss", sparkline([record.loss for record in history.epochs]))
        curves.add_row("mAP", sparkline(history.validation))
        return Group(table, curves, line)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def sparkline(values: Sequence[float], width: int = 60) -> str:
    """A curve of block characters, the last ``width`` values, from the least to the greatest."""
    values = values[-width:]
    if not values:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1))] for value in values)
