"""Run A: one recorded video read as two cameras that share no view, by run.py, scored per camera and globally.

    python -m benchmarks.virtual_split --output runs/virtual_split

The settings are those of the default preset, but for the weights and `detector.iou`, which is the usual 0.7. Runs
twice, the second time from the first one's run.yaml, and says whether identity log and MOT files are the same byte
for byte.
"""

from __future__ import annotations

import filecmp
import subprocess
import sys
from pathlib import Path

import click
import yaml

from benchmarks.streams import DATA, DETECTOR, EMBEDDER, ROOT, camera_of
from benchmarks.truth import write_split_truth


@click.command()
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs/virtual_split", show_default=True)
@click.option("--set", "changes", multiple=True, help="Passed on to run.py.")
@click.option("--repeat/--no-repeat", default=True, show_default=True)
def main(output: Path, changes: tuple[str, ...], repeat: bool) -> None:
    """Run, score, repeat, compare."""
    write_split_truth(DATA, output / "truth")
    cameras = [camera_of(name) for name in ("left", "right")]
    sources = output / "cams.yaml"
    sources.write_text(yaml.safe_dump({"cameras": cameras}, sort_keys=False), encoding="utf-8")
    weights = (f"detector.weights={DETECTOR}", "detector.iou=0.7", f"embedder.weights={EMBEDDER}")
    arguments = [word for change in (*weights, *changes) for word in ("--set", change)]
    first = output / "run"
    _program("--sources", sources, *arguments, "--output", first, "--overwrite")
    people = output / "truth/people.csv"
    _program("evaluate", first, "--truth", output / "truth", "--people", people, "--json", output / "scores.json")
    if repeat:
        second = output / "repeat"
        _program("--sources", first / "run.yaml", "--output", second, "--overwrite")
        click.echo(
            f"repeat from run.yaml: {_differences(first, second) or 'identity log and MOT files identical'}"
        )


def _program(*arguments: object) -> None:
    """Run run.py; its output goes where ours goes."""
    subprocess.run([sys.executable, ROOT / "run.py", *map(str, arguments)], check=True)


def _differences(first: Path, second: Path) -> str:
    """Names of the result files that differ."""
    names = ["identities.jsonl"]
    names += sorted(str(path.relative_to(first)) for path in (*first.glob("tracks/*"), *first.glob("mot/*")))
    _, different, missing = filecmp.cmpfiles(first, second, names, shallow=False)
    return ", ".join([*different, *missing])


if __name__ == "__main__":
    main()
