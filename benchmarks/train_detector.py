"""Train the person detector that ships, ``weights/person_yolo26n.pt``: pictures first, then the network.

    python -m benchmarks.train_detector render runs/detector/world --rounds 24
    python -m benchmarks.train_detector label runs/detector/clip --clip CLIP.mp4 --teacher yolo26m.pt
    python -m benchmarks.train_detector train runs/detector/world runs/detector/clip --output runs/detector/train
    python -m benchmarks.train_detector calibrate runs/detector/train/person_yolo26n.pt weights/person_yolo26n.pt

Network and loss are ultralytics': YOLO26n with one class, from random weights. The loop is ours: on a
CPU it trains on patches, in bfloat16 and channels last, several times as fast. Each command goes on where it was
interrupted, with the same result. ``render`` needs requirements-world.txt.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks import detector_frames
from benchmarks.detector_calibration import BEST_AT, best_score, shift_scores
from benchmarks.detector_training import Plan, Training
from pipeline.detectors.yolo import YoloSettings
from pipeline.errors import HandoffError
from reid.weights import sha256_of

SCENES = ("demo", "mall", "campus", "lookalikes", "drop", "overlap")
FIRST_SEED = 1000  # far from those that benchmarks, tests and the demo use
HELD_OUT_SEED = 900
_TEACHER_LOWEST = 0.15  # score below which the teacher's boxes are background


@click.group()
def cli() -> None:
    """Make pictures and train the person detector."""


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--rounds", default=24, show_default=True, help="Sites with people, each scene in turn.")
@click.option("--scene", "scenes", multiple=True, help="Repeatable. Default: one of each site.")
@click.option("--first-seed", default=FIRST_SEED, show_default=True, help="Of the first; the next has the next.")
@click.option("--views", default=16, show_default=True, help="Cameras in each.")
@click.option("--moments", default=3, show_default=True, help="Pictures of each camera.")
def render(folder: Path, rounds: int, scenes: tuple[str, ...], first_seed: int, views: int, moments: int) -> None:
    """Draw labelled pictures of the synthetic world."""
    _render(folder, scenes or SCENES, first_seed, rounds, views, moments)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--clip", "clips", multiple=True, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--teacher", required=True, help="As detector.weights: a detector that is good on such clips.")
@click.option("--every", default=4, show_default=True, help="Frames from one picture to the next.")
def label(folder: Path, clips: tuple[Path, ...], teacher: str, every: int) -> None:
    """Take pictures from real clips, with the boxes of another detector."""
    detector = YoloSettings(weights=teacher, confidence=_TEACHER_LOWEST).build()
    pictures = people = 0
    for clip in clips:
        for frame in detector_frames.teacher_frames(clip, detector, every):
            detector_frames.write(folder, frame)
            pictures, people = pictures + 1, people + len(frame.boxes)
    detector.close()
    print(f"{folder}: {pictures} pictures, {people} people")


@cli.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder of checkpoint and weights.")
@click.option("--start", type=click.Path(path_type=Path, exists=True), help="Weights to begin with; else random.")
@click.option("--steps", default=5400, show_default=True, help="Batches, each the work of 16 patches of 224 px.")
@click.option(
    "--share", "shares", multiple=True, type=float, help="Of each folder in the patches. Default: equal."
)
@click.option("--rate", default=0.002, show_default=True, help="Highest learning rate.")
@click.option("--seed", default=0, show_default=True, help="Of weights and patches.")
@click.option("--threads", default=2, show_default=True, help="Of torch; 1 where other programs want the cores.")
@click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda"]), show_default=True)
def train(
    folders: tuple[Path, ...],
    output: Path,
    start: Path | None,
    steps: int,
    shares: tuple[float, ...],
    rate: float,
    seed: int,
    threads: int,
    device: str,
) -> None:
    """Train, or go on training; writes person_yolo26n.pt into the output folder at the end."""
    if shares and len(shares) != len(folders):
        raise click.UsageError(f"--share: give one for each folder, {len(folders)}, or none")
    plan = Plan(steps=steps, rate=rate, seed=seed, threads=threads, device=device)
    sources = [detector_frames.read([folder]) for folder in folders]
    print(f"{sum(map(len, sources))} pictures, {sum(len(f.boxes) for s in sources for f in s)} people", flush=True)
    training = Training(plan, sources, shares or (1.0,) * len(folders), output, start)
    print(f"weights: {training.run()}")


@cli.command()
@click.argument("weights", type=click.Path(path_type=Path, exists=True))
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--pictures", type=click.Path(path_type=Path), help="Held-out pictures. Default: rendered beside them."
)
def calibrate(weights: Path, target: Path, pictures: Path | None) -> None:
    """Shift the scores so that 0.4 is the best threshold on pictures that were not trained on."""
    folder = pictures or weights.parent / "held-out"
    if pictures is None:
        _render(folder, SCENES, HELD_OUT_SEED, len(SCENES), 12, 1)
    score, f1 = best_score(weights, detector_frames.read([folder]))
    shift_scores(weights, score, target)
    print(f"{target}: best F1 {f1:.3f} was at {score:.2f} and is now at {BEST_AT}; sha256 {sha256_of(target)}")


def _render(folder: Path, scenes: Sequence[str], first_seed: int, rounds: int, views: int, moments: int) -> None:
    """Render what is not there yet."""
    for number in range(rounds):
        name, seed = scenes[number % len(scenes)], first_seed + number
        if len(list((folder / "labels").glob(f"{name}-{seed}-*.txt"))) == views * moments:
            continue
        started = time.perf_counter()
        for frame in detector_frames.rendered_frames(name, seed, views, moments):
            detector_frames.write(folder, frame)
        print(
            f"{name}, seed {seed}: {views * moments} pictures, {time.perf_counter() - started:.0f} s", flush=True
        )


if __name__ == "__main__":
    try:
        cli()
    except HandoffError as failure:
        sys.exit(f"error: {failure}")
