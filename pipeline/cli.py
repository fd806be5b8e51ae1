"""The command line: `run` by default and the sub-commands. Prints; decides nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text

from pipeline.errors import HandoffError
from pipeline.jsonfile import check_json, write_json
from pipeline.links_command import links
from pipeline.reid_evaluate import evaluate as score
from pipeline.reid_export import export
from pipeline.reid_train import train
from pipeline.relink_command import correct, relink
from pipeline.signals import INTERRUPTED, Signals
from pipeline.store_commands import find, forget, identities, route

FAILED, USAGE, CAMERA_FAILED = 1, 2, 3  # and INTERRUPTED

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
        _print_error(str(error))
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        errors.print("interrupted")
        return INTERRUPTED
    except Exception as error:
        log.debug("unexpected error", exc_info=True)
        if isinstance(error, OSError) and error.filename is not None:
            from pipeline.sources.address import redact

            _print_error(redact(f"{error.filename}: {error.strerror}; look at this path and its rights"))
            return USAGE
        _print_error(
            f"this is a fault of the program: {error!r}\n"
            "Please report it with the output of the same command and --verbose."
        )
        return FAILED
    return code if isinstance(code, int) else 0


@click.group(invoke_without_command=True, help=_HELP)
@click.option("--sources", type=click.Path(path_type=Path), help="cams.yaml, or the run.yaml of an earlier run.")
@click.option("--config", "preset", help="Preset in configs/, or a YAML file.  [default: default]")
@click.option(
    "--set", "changes", multiple=True, metavar="SECTION.KEY=VALUE", help="Change one setting; repeatable."
)
@click.option("--output", type=click.Path(path_type=Path), help="Folder of the run. Default: runs/DATE-TIME.")
@click.option("--overwrite", is_flag=True, help="Replace the run that the folder holds.")
@click.option("--record", is_flag=True, help="Also write recording/, from which `replay` decides again.")
@click.option("--show", is_flag=True, help="Preview window for each camera; q ends the run.")
@click.option("--verbose", is_flag=True, help="Log what is chosen and why, and full traces of faults.")
@click.pass_context
def cli(
    context: click.Context,
    sources: Path | None,
    preset: str | None,
    changes: tuple[str, ...],
    output: Path | None,
    overwrite: bool,
    record: bool,
    show: bool,
    verbose: bool,
) -> int:
    """Run the pipeline, unless a sub-command is given."""
    _log_to(errors, verbose=verbose)
    if context.invoked_subcommand is not None:
        _refuse_misplaced(context)
        return 0
    if sources is None:
        raise click.UsageError("--sources is missing: give a cams.yaml that lists the cameras (docs/tutorial.md)")
    from pipeline import config

    loaded = config.load(sources, preset, changes, show=show, record=record)
    return _run(loaded, output or _new_folder(), overwrite=overwrite)


def _refuse_misplaced(context: click.Context) -> None:
    """Options of a run before a sub-command would be ignored without a word."""
    given = [
        option.opts[0]
        for option in cli.params
        if context.get_parameter_source(str(option.name)) is click.core.ParameterSource.COMMANDLINE
        and option.name != "verbose"
    ]
    if given:
        name = context.invoked_subcommand
        raise click.UsageError(
            f"{', '.join(given)} before {name} has no effect; put options behind it: {name} --help"
        )


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

    check_json(json_file)
    evaluation = scoring.evaluate_run(run, truth, people)
    console.print(scoring.evaluation_tables(evaluation))
    if json_file is not None:
        write_json(json_file, evaluation.to_dict())
    return 0


@cli.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--config", "preset", help="Take tracker and linker of this preset, or YAML file.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Change tracker, linker or links; repeatable.",
)
@click.option("--track", is_flag=True, help="Run the trackers again even with the settings of the run.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder of the new run. Default: runs/DATE-TIME.")
@click.option("--overwrite", is_flag=True, help="Replace the run that the folder holds.")
def replay(
    run: Path, preset: str | None, changes: tuple[str, ...], track: bool, output: Path | None, overwrite: bool
) -> int:
    """Track and link a recorded run again with other settings: no video, no model."""
    from pipeline import replay as replaying

    summary = replaying.run(run, output or _new_folder(), preset, changes, track=track, overwrite=overwrite)
    for line in replaying.lines_of(summary):
        console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)
    return 0


@cli.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("identity", type=click.IntRange(min=1))
@click.option("--track", metavar="CAMERA/TRACK", help="Only the decisions about this track, as in entrance/12.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for the two files. Default: the run's.")
def why(run: Path, identity: int, track: str | None, output: Path | None) -> int:
    """Show why tracks have this identity: evidence, rivals and crops side by side (HTML and PNG)."""
    from pipeline import why as explaining
    from pipeline.why import table

    explained = explaining.explain(run, identity, output or run, table.track_of(track))
    table.show(explained, console)
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


cli.add_command(links)
cli.add_command(relink)
cli.add_command(correct)


@cli.group()
def reid() -> None:
    """Train the network that tells people apart, score it, export it."""


for command in (train, score, export):
    reid.add_command(command)
for command in (identities, route, find, forget):
    cli.add_command(command)


@cli.group()
def benchmark() -> None:
    """Measure the program."""


@benchmark.command()
@click.option(
    "--scene",
    "scenes",
    multiple=True,
    default=("demo", "lookalikes", "overlap"),
    show_default=True,
    help="Rendered scene; repeatable. python -m world list shows all.",
)
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(min=1), help="Seeds 1 to this number.")
@click.option("--seconds", type=click.FloatRange(min=1), help="Cut longer scenes to this length.")
@click.option("--detector-weights", "detector", help="Run with this YOLO too, not only with perfect boxes.")
@click.option("--embedder-weights", "embedder", help="OSNet checkpoint.  [default: colour stripes]")
@click.option("--config", "preset", help="Preset.  [default: default with --embedder-weights, else recorded]")
@click.option(
    "--set", "changes", multiple=True, metavar="SECTION.KEY=VALUE", help="Change one setting; repeatable."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("runs/benchmark_site"),
    show_default=True,
    help="Folder for clips, which are used again, and runs.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write the scores to this file.")
def site(json_file: Path | None, **options: Any) -> int:
    """Run and score rendered sites with exact truth: HOTA, IDF1 and MOTA with intervals over seeds."""
    from benchmarks import site as sites

    check_json(json_file)
    plan = sites.Plan(**options)
    rows = sites.rows_of(sites.measure(plan))
    console.print(sites.table(rows))
    if json_file is not None:
        write_json(json_file, sites.to_dict(plan, rows))
    return 0


def _run(loaded: Any, output: Path, *, overwrite: bool) -> int:
    """Build, run, summarise."""
    stop = threading.Event()
    with Signals(stop) as signals:
        from pipeline.build import build
        from pipeline.progress import meter
        from pipeline.summary import print_summary, summarise

        run = build(loaded, output, stop, overwrite=overwrite)
        try:
            started = time.perf_counter()
            signals.running(lambda: run.ticks.closed)  # then the ends of the tracks are written
            run.sinks.append(meter(run.cameras, errors))
            run.runner.run(run.ticks)
        finally:
            signals.closing()
            run.close()
        summary = summarise(run, time.perf_counter() - started, interrupted=signals.received)
        print_summary(summary, output, console)
    if signals.received:
        return INTERRUPTED
    return CAMERA_FAILED if summary["failed"] else 0


def _new_folder() -> Path:
    return Path("runs") / time.strftime("%Y%m%d-%H%M%S")


def _print_error(message: str) -> None:
    errors.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)


def _log_to(target: Console, *, verbose: bool) -> None:
    handler: logging.Handler = logging.StreamHandler()
    if target.is_terminal:
        handler = RichHandler(console=target, show_path=False, show_time=verbose, markup=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler], force=True)
    level = logging.DEBUG if verbose else logging.INFO
    for package in ("handoff", "pipeline", "reid", "trackers"):
        logging.getLogger(package).setLevel(level)
