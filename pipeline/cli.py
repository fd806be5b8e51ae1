"""The command line: `run` by default, `evaluate`, `doctor`. Prints; decides nothing."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

from pipeline.errors import HandoffError

FAILED, USAGE, CAMERA_FAILED, INTERRUPTED = 1, 2, 3, 130

_HELP = """Follow people across cameras: N streams in, annotated videos and an identity log out.

\b
python run.py --sources cams.yaml
python run.py --sources cams.yaml --config cpu --set tracker.max_age=2.0 --output runs/today
"""

console = Console()
errors = Console(stderr=True)
log = logging.getLogger("handoff")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 bug, 2 usage, 3 a camera failed, 130 interrupted."""
    try:
        code = cli.main(args=arguments, prog_name="run.py", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return USAGE
    except HandoffError as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True, highlight=False)
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        errors.print("interrupted")
        return INTERRUPTED
    except Exception:
        log.debug("unexpected error", exc_info=True)
        errors.print(
            f"[bold red]error:[/] this is a fault of the program: {escape(repr(sys.exception()))}\n"
            "Please report it with the output of the same command and --verbose.",
            soft_wrap=True,
        )
        return FAILED
    return code if isinstance(code, int) else 0


@click.group(invoke_without_command=True, help=_HELP)
@click.option("--sources", type=click.Path(path_type=Path), help="cams.yaml, or the run.yaml of an earlier run.")
@click.option(
    "--config", "preset", default="default", show_default=True, help="Preset in configs/, or a YAML file."
)
@click.option(
    "--set", "changes", multiple=True, metavar="SECTION.KEY=VALUE", help="Change one setting; repeatable."
)
@click.option("--output", type=click.Path(path_type=Path), help="Folder of the run. Default: runs/DATE-TIME.")
@click.option("--overwrite", is_flag=True, help="Replace the run that the folder holds.")
@click.option("--show", is_flag=True, help="Preview window for each camera; q ends the run.")
@click.option("--verbose", is_flag=True, help="Log what is chosen and why, and full traces of faults.")
@click.pass_context
def cli(
    context: click.Context,
    sources: Path | None,
    preset: str,
    changes: tuple[str, ...],
    output: Path | None,
    overwrite: bool,
    show: bool,
    verbose: bool,
) -> int:
    """Run the pipeline, unless a sub-command is given."""
    _log_to(errors, verbose=verbose)
    if context.invoked_subcommand is not None:
        return 0
    if sources is None:
        raise click.UsageError("--sources is missing: give a cams.yaml that lists the cameras (docs/tutorial.md)")
    from pipeline import config

    loaded = config.load(sources, preset, changes, show=show)
    return _run(loaded, output or Path("runs") / time.strftime("%Y%m%d-%H%M%S"), overwrite=overwrite)


@cli.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--truth", required=True, type=click.Path(path_type=Path), help="Folder of <camera>.txt, MOT rows.")
@click.option(
    "--people", type=click.Path(path_type=Path), help="CSV mot_id,person: truth ids that are one person."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write the scores to this file.")
def evaluate(run: Path, truth: Path, people: Path | None, json_file: Path | None) -> int:
    """Score a run against truth: HOTA, IDF1 and MOTA for each camera and for the whole site."""
    from pipeline import evaluate as scoring

    evaluation = scoring.evaluate_run(run, truth, people)
    console.print(scoring.evaluation_tables(evaluation))
    if json_file is not None:
        json_file.write_text(json.dumps(evaluation.to_dict(), indent=2) + "\n", encoding="utf-8")
    return 0


@cli.command()
@click.option(
    "--config", "preset", default="default", show_default=True, help="Preset whose weights are looked for."
)
@click.option(
    "--set", "changes", multiple=True, metavar="SECTION.KEY=VALUE", help="Change one setting; repeatable."
)
def doctor(preset: str, changes: tuple[str, ...]) -> int:
    """Check this machine: packages, devices, codecs, weights, speed; and say what to do about each problem."""
    from pipeline import doctor as checks

    findings = checks.examine(preset, changes)
    console.print(checks.table(findings))
    return USAGE if any(finding.remedy for finding in findings) else 0


def _run(loaded: Any, output: Path, *, overwrite: bool) -> int:
    """Build, run, summarise."""
    from pipeline.build import build
    from pipeline.progress import meter
    from pipeline.summary import print_summary, summarise

    stop = threading.Event()
    run = build(loaded, output, stop, overwrite=overwrite)
    run.sinks.append(meter(run.cameras, errors))
    started = time.perf_counter()
    try:
        with _stopping(stop) as signals:
            run.runner.run(run.ticks)
    finally:
        with _uninterrupted():
            run.close()
    interrupted = bool(signals)
    summary = summarise(run, time.perf_counter() - started, interrupted=interrupted)
    print_summary(summary, output, console)
    if interrupted:
        return INTERRUPTED
    return CAMERA_FAILED if summary["failed"] else 0


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM end the loop after the tick; a second one interrupts at once. Yields signals received."""
    received: list[int] = []

    def handle(number: int, _frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        stop.set()

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits while the files are finished."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _log_to(target: Console, *, verbose: bool) -> None:
    handler: logging.Handler = logging.StreamHandler()
    if target.is_terminal:
        handler = RichHandler(console=target, show_path=False, show_time=verbose, markup=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler], force=True)
    level = logging.DEBUG if verbose else logging.INFO
    for package in ("handoff", "pipeline", "reid", "trackers"):
        logging.getLogger(package).setLevel(level)
