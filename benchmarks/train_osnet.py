"""Train the OSNet that ships, ``weights/osnet_x0_25.pth``: stage after stage, each from the weights before it.

    python -m world crops --identities 6000 --cameras 5 --images 4 --tested 0.02 --common 0.35 --seed 21 \
        --output runs/world_crops
    python -m benchmarks.train_osnet DATA/reid --output runs/osnet

DATA/reid holds folders of crops named like 0000_c1_00.jpg: cuhk03_p1/train_labeled and cuhk03_p1/train_detected
(people 0 to 742 of CUHK03's first pair of cameras) and cuhk01 (of whose people 1 to 485 are used). The same
command goes on where it was interrupted. Rendered people come first, who are many, then real ones, who are few;
only in the end at the full size, where a crop costs three times as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.streams import ROOT
from pipeline.cli import main as program

WEAKER = ("augment.brightness=0.3", "augment.contrast=0.3", "augment.gain=0", "augment.gamma=0", "augment.noise=0")


@dataclass(frozen=True)
class Stage:
    """A training.

    Attributes:
        real: whether it sees real people.
        rendered: people of the rendered ones; None is all of them, 0 none.
        epochs: over both.
        half: whether pictures are of half the size.
        changes: of the preset `domain`.
    """

    real: bool
    rendered: int | None
    epochs: int
    half: bool
    changes: tuple[str, ...]

    def arguments(self, data: Path, crops: Path) -> list[str]:
        """For `run.py reid train`."""
        sources = []
        if self.real:
            cuhk03 = data / "cuhk03_p1"
            sources += [f"{cuhk03 / 'train_labeled'}+{cuhk03 / 'train_detected'}", f"{data / 'cuhk01'}:1-485*3"]
        if self.rendered != 0:
            people = "" if self.rendered is None else f":1-{self.rendered}"
            sources.append(f"{crops / 'bounding_box_train'}{people}")
        epochs = f"epochs={self.epochs}", f"half_size_epochs={self.epochs if self.half else 0}"
        changes = [word for change in (*epochs, *self.changes) for word in ("--set", change)]
        return [word for source in sources for word in ("--train", source)] + changes


STAGES = (
    Stage(False, None, 2, True, (*WEAKER, "augment.saturation=0.4", "augment.far=0.4")),
    Stage(
        True,
        0,
        12,
        True,
        (
            *WEAKER,
            "augment.box_jitter=0.05",
            "augment.saturation=0.3",
            "augment.grey=0.05",
            "augment.far=0.3",
            "augment.compress=0.2",
            "rate=0.003",
            "average=0.995",
            "schedule.warmup=0.3",
        ),
    ),
    Stage(True, 700, 14, True, ("rate=0.003", "schedule.warmup=0.5")),
    Stage(True, 300, 7, False, ("rate=0.0015", "average=0.995", "schedule.warmup=0.3")),
)


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--crops", type=click.Path(path_type=Path), default=ROOT / "runs/world_crops", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs/osnet", show_default=True)
def main(data: Path, crops: Path, output: Path) -> None:
    """Train on DATA and on rendered crops; the weights are OUTPUT/4/last.pth in the end."""
    before: list[str] = []
    for number, stage in enumerate(STAGES, start=1):
        folder = output / str(number)
        command = ["reid", "train", "--config", "domain", "--output", str(folder)]
        code = program([*command, *stage.arguments(data, crops), *before])
        if code:
            raise SystemExit(code)
        before = ["--set", f"weights={folder / 'last.pth'}"]
    click.echo(f"{output / str(len(STAGES)) / 'last.pth'}: score it with run.py reid evaluate")


if __name__ == "__main__":
    main()
