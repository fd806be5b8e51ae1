"""What the files of one run must say of each other."""

from __future__ import annotations

import csv
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import numpy as np

from pipeline.motfile import read_mot

Row = tuple[int, float, float, float, float]  # frame, left, top, width, height


def log_of(run: Path) -> list[dict[str, Any]]:
    """The entries of identities.jsonl; every line must be complete."""
    text = (run / "identities.jsonl").read_text(encoding="utf-8")
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def table_of(run: Path) -> list[dict[str, str]]:
    with (run / "identities.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rows_of(path: Path) -> dict[Row, int]:
    """Id of each row; no row may stand there twice."""
    rows = read_mot(path)
    table = np.stack([rows.frame, rows.left, rows.top, rows.width, rows.height], axis=1).tolist()
    ids = {(int(row[0]), *row[1:]): int(name) for row, name in zip(table, rows.id, strict=True)}
    assert len(ids) == len(rows)
    return ids


def assert_files_agree(run: Path, cameras: list[str]) -> None:
    """tracks/, mot/, the log and the table tell one story, and every track in the log has come to its end."""
    log = log_of(run)
    started = [(entry["camera"], entry["track"]) for entry in log if entry["event"] == "start"]
    ended = [(entry["camera"], entry["track"]) for entry in log if entry["event"] == "end"]
    assert sorted(started) == sorted(ended)
    assert len(set(started)) == len(started)

    table = {(row["camera"], int(row["track"])): row for row in table_of(run)}
    assert set(table) <= set(ended)
    for camera in cameras:
        tracks, identities = rows_of(run / "tracks" / f"{camera}.txt"), rows_of(run / "mot" / f"{camera}.txt")
        seen = Counter(tracks.values())
        assert set(seen) == {track for of, track in started if of == camera}
        expected = {
            row: int(table[camera, track]["identity"]) for row, track in tracks.items() if (camera, track) in table
        }
        assert identities.items() <= expected.items()
        once = {(row[0], identity) for row, identity in expected.items()}  # who is found twice in a frame has one
        assert sorted((row[0], identity) for row, identity in identities.items()) == sorted(once)
        for (of, track), row in table.items():
            if of == camera:
                assert int(row["frames"]) == seen[track]
                assert float(row["start"]) <= float(row["end"])
                assert 0 <= float(row["confidence"]) <= 1


def frames_in(video: Path) -> list[float]:
    """Seconds of every frame that can be decoded, however the file ends."""
    times: list[float] = []
    with av.open(video) as container, suppress(av.FFmpegError):
        times.extend(float(frame.time or 0.0) for frame in container.decode(video=0))  # keeps those before
    return times
