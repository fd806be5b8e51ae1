"""`run.py reid evaluate`: what it is given, what it prints, and the files it leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from pipeline.errors import ConfigError
from pipeline.jsonfile import check_json, write_json
from pipeline.sinks.base import writing

if TYPE_CHECKING:
    from reid.training.embedding import Network
    from reid.training.embedding import Progress as Tell
    from reid.training.evaluate import Evaluation, Options
    from reid.training.ranking import Ranking

_HELP = """Score re-ID weights on folders of crops: CMC and mAP, a row for each network and set.

\b
run.py reid evaluate --weights osnet_x0_25_msmt17.pth --data market1501
run.py reid evaluate --weights A.pth --weights B.xml --data cuhk01:486-971 --rerank --plots runs/plots
"""
_WIDTH = 160  # of the tables in a file or a pipe
_SMALLEST = 32  # pixels: OSNet halves a picture four times, and 2 x 2 places are to be left
_MOST_CAMERAS = 12  # that a table of camera pairs has room for


class _Size(click.ParamType["tuple[int, int]"]):
    """128x64 to (128, 64)."""

    name = "size"

    def convert(
        self, value: Any, _parameter: click.Parameter | None, _context: click.Context | None
    ) -> tuple[int, int]:
        """See click.ParamType."""
        match = re.fullmatch(r"(\d+)x(\d+)", str(value))
        height, width = map(int, match.groups()) if match else (0, 0)
        if height < _SMALLEST or width < _SMALLEST:
            self.fail(f"{value!r} is no size: give height and width in pixels, like 128x64")
        return height, width


@click.command(help=_HELP)
@click.option(
    "--weights",
    "files",
    multiple=True,
    required=True,
    metavar="FILE",
    help="Checkpoint (.pth), or re-ID model (.xml, .onnx); repeatable.",
)
@click.option(
    "--data",
    "sources",
    multiple=True,
    required=True,
    metavar="FOLDER[:FIRST-LAST]",
    help="Folder with query/ and bounding_box_test/, or folder of crops named like 0002_c1s1_000451_03.jpg, "
    "with people FIRST to LAST; repeatable.",
)
@click.option(
    "--query",
    "pooling",
    type=click.Choice(["single", "mean", "max"]),
    default="single",
    show_default=True,
    help="Each query picture by itself, or all of a person in a camera as one query.",
)
@click.option(
    "--ignore",
    "ignored",
    type=click.Choice(["auto", "person", "camera"]),
    default="auto",
    show_default=True,
    help="Gallery pictures of the query's camera that do not count: of the same person (Market-1501), or all "
    "(each camera against the others). auto: the first where there is a query/, else the second.",
)
@click.option("--flip", is_flag=True, help="Average the embeddings of each picture and its mirror image.")
@click.option("--rerank", "reranked", is_flag=True, help="Also score after k-reciprocal re-ranking.")
@click.option("--k1", type=click.IntRange(min=1), default=20, show_default=True, help="Of the re-ranking.")
@click.option("--k2", type=click.IntRange(min=1), default=6, show_default=True, help="Of the re-ranking.")
@click.option(
    "--lambda",
    "weight",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="Share of the original distance in the re-ranked one.",
)
@click.option("--plots", type=click.Path(path_type=Path), help="Folder for pictures of the results.")
@click.option(
    "--queries",
    "shown",
    type=click.IntRange(1, 30),
    default=5,
    show_default=True,
    help="Queries in the picture of ranked results.",
)
@click.option(
    "--choose",
    type=click.Choice(["worst", "best", "random"]),
    default="worst",
    show_default=True,
    help="Which queries: by average precision, or drawn.",
)
@click.option("--show", "named", multiple=True, metavar="NAME", help="Query by its file name instead; repeatable.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of the drawn queries.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write the scores to this file.")
@click.option(
    "--precision",
    type=click.Choice(["f32", "f16", "bf16"]),
    default="f32",
    show_default=True,
    help="Of the arithmetic; bf16 moves scores by some tenths of a point.",
)
@click.option(
    "--size",
    type=_Size(),
    metavar="HxW",
    help="Height and width of the pictures for checkpoints, as they were trained.  [default: 256x128]",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="auto: CUDA where there is a device.",
)
def evaluate(files: Sequence[str], sources: Sequence[str], json_file: Path | None, **choices: Any) -> int:
    """Print the tables and write the files that are asked for."""
    from reid.training import evaluate as scoring

    plots: Path | None = choices["plots"]
    if choices["named"] and plots is None:
        raise ConfigError("--show has no effect without --plots: give the folder for the pictures")
    check_json(json_file)
    if plots is not None:
        with writing(plots):
            plots.mkdir(parents=True, exist_ok=True)
    sets = [scoring.read_search_set(source, choices["ignored"]) for source in sources]
    options = _options(choices)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    with _progress() as tell:
        from reid.training.embedding import load_network

        how = choices["precision"], choices["device"], choices["size"]
        networks = [load_network(weights, *how) for weights in files]
        _name_apart(networks, files)
        results = [
            result
            for data in sets
            for network in networks
            for result in scoring.evaluate(network, data, options, tell)
        ]
    console.print(scores_table(results))
    for result in results:
        console.print(pairs_table(result))
    console.print(Text("\n".join(f"{network.name}: {network.description}" for network in networks)))
    if plots is not None:
        for path in _draw(results, plots, choices):
            console.print(Text(str(path)), soft_wrap=True)
    if json_file is not None:
        write_json(json_file, _to_dict(files, networks, results))
    return 0


def _name_apart(networks: Sequence[Network], files: Sequence[str]) -> None:
    """Trainings all call their weights the same; the folder tells them apart."""
    names = [network.name for network in networks]
    for network, file in zip(networks, files, strict=True):
        if names.count(network.name) > 1:
            network.name = f"{Path(file).absolute().parent.name}/{Path(file).stem}"


def _options(choices: dict[str, Any]) -> Options:
    from reid.training.evaluate import Options
    from reid.training.rerank import RerankSettings

    again = None
    if choices["reranked"]:
        again = RerankSettings(k1=choices["k1"], k2=choices["k2"], weight=choices["weight"])
    return Options(choices["pooling"], choices["flip"], again)


def scores_table(results: Sequence[Evaluation]) -> Table:
    """CMC and mAP in percent, a row each."""
    from reid.training.ranking import RANKS

    table = Table(box=None)
    for name in ("set", "network"):
        table.add_column(name, overflow="fold")
    for name in ("queries", "left out", "gallery", *(f"rank-{rank}" for rank in RANKS), "mAP"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        ranking = result.ranking
        table.add_row(
            result.data.name,
            result.label,
            str(ranking.counted),
            str(ranking.left_out),
            str(len(result.data.gallery)),
            *(_percent(ranking.cmc(rank)) for rank in RANKS),
            _percent(ranking.mean_ap),
        )
    return table


def pairs_table(result: Evaluation) -> RenderableType:
    """Rank-1 and mAP of the queries of one camera (rows) among the gallery pictures of another (columns)."""
    cameras = sorted({camera for pair in result.pairs for camera in pair})
    title = Text(f"\n{result.label} on {result.data.name}: rank-1 / mAP from camera (row) to camera (column)")
    if len(cameras) > _MOST_CAMERAS:
        return Group(title, Text(f"{len(cameras)} cameras, too many for a table: see --json"))
    table = Table("", *(f"to {camera}" for camera in cameras), box=None)
    for mine in cameras:
        cells = [_cell(result.pairs.get((mine, other))) for other in cameras]
        if any(cells):
            table.add_row(f"from {mine}", *cells)
    return Group(title, table)


def _cell(ranking: Ranking | None) -> str:
    return "" if ranking is None else f"{_percent(ranking.cmc(1))} / {_percent(ranking.mean_ap)}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _draw(results: Sequence[Evaluation], folder: Path, choices: dict[str, Any]) -> Iterator[Path]:
    """Write all pictures; (their paths)."""
    from reid.training.evaluate import choose_queries, named_queries
    from reid.training.report import plot_cmc, plot_distances, plot_ranked

    for number, result in enumerate(results, 1):
        if choices["named"]:
            queries = named_queries(result, choices["named"])
        else:
            queries = choose_queries(result, choices["shown"], choices["choose"], choices["seed"])
        stem = re.sub(r"[^\w.-]+", "_", f"{number}_{result.data.name}_{result.label}")
        path = folder / f"ranked_{stem}.png"
        with writing(path):
            plot_ranked(result, queries, path)
        yield path
    for name, plot in (("cmc.png", plot_cmc), ("distances.png", plot_distances)):
        with writing(folder / name):
            plot(results, folder / name)
        yield folder / name


def _to_dict(files: Sequence[str], networks: Sequence[Network], results: Sequence[Evaluation]) -> dict[str, Any]:
    """What was scored, with the weights' hashes, and all scores."""
    from reid.weights import find_weights, sha256_of

    return {
        "networks": [
            {
                "name": network.name,
                "description": network.description,
                "file": str(file),
                "sha256": sha256_of(find_weights(file, setting="--weights")),
            }
            for file, network in zip(files, networks, strict=True)
        ],
        "results": [result.to_dict() for result in results],
    }


@contextmanager
def _progress() -> Iterator[Tell]:
    """Bars on a terminal, silence elsewhere: the table is the result."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(task: str, done: int, total: int) -> None:
            if task not in tasks:
                tasks[task] = bars.add_task(task, total=total)
            bars.update(tasks[task], completed=done)

        yield tell
