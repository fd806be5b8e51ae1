"""Exact search over many vectors: blocks of float16 beside one plain product in float32.

    python -m benchmarks.search

Milliseconds for a batch of queries of 512 numbers and their nearest ten (median of repeats), and the memory of
each way: the rows, and what is allocated while it searches. The plain way keeps
float32 and sorts the whole product.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import click
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from reid.search import top_k

Found = npt.NDArray[np.int64]
Rows = npt.NDArray[np.float32]

DIMENSION, NEAREST = 512, 10


def plain(queries: Rows, rows: Rows) -> Found:
    """One product, then the greatest of each row."""
    products = queries @ rows.T
    nearest = np.argpartition(-products, NEAREST, axis=1)[:, :NEAREST]
    order = np.argsort(-np.take_along_axis(products, nearest, axis=1), axis=1, kind="stable")
    found: Found = np.take_along_axis(nearest, order, axis=1)
    return found


def timed(search: Callable[[], Found], repeats: int) -> tuple[float, float, Found]:
    """Median milliseconds, and the most that was allocated on the way [MB]; and what was found."""
    found = search()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        search()
        times.append(time.perf_counter() - start)
    tracemalloc.start()
    search()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return 1000 * float(np.median(times)), most / 1e6, found


@click.command()
@click.option("--batch", default=50, show_default=True, help="Queries at once.")
@click.option("--largest", default=1_000_000, show_default=True, help="Most rows.")
def main(batch: int, largest: int) -> None:
    """Measure from a thousand rows on, ten times as many each."""
    rng = np.random.default_rng(0)
    table = Table("rows", "way", "ms", "ms a query", "rows, MB", "working, MB", "same")
    count = 1000
    while count <= largest:
        rows = np.empty((count, DIMENSION), np.float16)
        for start in range(0, count, 10_000):
            part = rng.normal(size=(min(10_000, count - start), DIMENSION)).astype(np.float32)
            rows[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
        queries = rows[rng.integers(0, count, batch)].astype(np.float32)
        queries += 0.03 * rng.normal(size=queries.shape).astype(np.float32)
        single = rows.astype(np.float32)
        repeats = max(3, 100_000 // count)
        ways: dict[str, tuple[Rows | npt.NDArray[np.float16], Callable[[], Found]]] = {
            "plain float32": (single, lambda q=queries, r=single: plain(q, r)),  # type: ignore[misc]
            "blocks, float32": (single, lambda q=queries, r=single: top_k(q, r, NEAREST)[0]),  # type: ignore[misc]
            "blocks, float16": (rows, lambda q=queries, r=rows: top_k(q, r, NEAREST)[0]),  # type: ignore[misc]
        }
        wanted = None
        for name, (stored, search) in ways.items():
            milliseconds, working, found = timed(search, repeats)
            wanted = found if wanted is None else wanted
            same = f"{(found == wanted).mean():.4f}"
            numbers = f"{milliseconds:.2f}", f"{milliseconds / batch:.3f}", f"{stored.nbytes / 1e6:.0f}"
            table.add_row(f"{count:,}", name, *numbers, f"{working:.1f}", same)
        count *= 10
    Console().print(table)


if __name__ == "__main__":
    main()
