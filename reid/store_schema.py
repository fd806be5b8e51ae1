"""The tables of the identity store, and how tracklets lie in them; docs/store.md describes them for users."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from reid.tracklets import CameraId, FloatArray, Link, Tracklet, TrackletKey

VERSION = 1
APPLICATION = 0x48616E64  # marks the file as ours; see PRAGMA application_id

_BOX = ("left", "top", "right", "bottom")
_BOXES = [f"{end}_{side}" for end in ("entry", "exit") for side in _BOX]

SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    started REAL NOT NULL, finished REAL,
    folder TEXT NOT NULL, config TEXT NOT NULL, embedder TEXT NOT NULL);
CREATE TABLE identities (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs (id));
CREATE TABLE merged (
    previous INTEGER PRIMARY KEY,
    identity INTEGER NOT NULL REFERENCES identities (id) ON DELETE CASCADE);
CREATE INDEX merged_identity ON merged (identity);
CREATE TABLE tracklets (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id), camera TEXT NOT NULL, track INTEGER NOT NULL,
    identity INTEGER NOT NULL REFERENCES identities (id),
    start_time REAL NOT NULL, end_time REAL NOT NULL,
    {", ".join(f"{name} REAL NOT NULL" for name in _BOXES)},
    count INTEGER NOT NULL, quality REAL NOT NULL,
    UNIQUE (run, camera, track));
CREATE INDEX tracklets_identity ON tracklets (identity, start_time);
CREATE INDEX tracklets_end ON tracklets (end_time);
CREATE TABLE embeddings (
    tracklet INTEGER PRIMARY KEY REFERENCES tracklets (id) ON DELETE CASCADE,
    dimension INTEGER NOT NULL, mean BLOB NOT NULL, exemplars BLOB NOT NULL);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id), time REAL NOT NULL, kind TEXT NOT NULL,
    tracklet_run INTEGER NOT NULL, camera TEXT NOT NULL, track INTEGER NOT NULL,
    identity INTEGER, previous INTEGER, evidence TEXT NOT NULL);
CREATE INDEX events_identity ON events (identity);
CREATE INDEX events_time ON events (time);
CREATE TABLE learned (
    embedder TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (embedder, kind)) WITHOUT ROWID;

CREATE VIEW people AS
    SELECT identity, min(start_time) AS first_seen, max(end_time) AS last_seen,
        group_concat(DISTINCT camera) AS cameras, count(*) AS tracklets
    FROM tracklets GROUP BY identity;
CREATE VIEW routes AS
    SELECT identity, camera, start_time, end_time, run, track FROM tracklets
    ORDER BY identity, start_time, end_time, camera;
CREATE VIEW transits AS
    SELECT identity, camera AS from_camera, lead(camera) OVER walk AS to_camera,
        end_time AS left_at, lead(start_time) OVER walk - end_time AS seconds
    FROM tracklets WINDOW walk AS (PARTITION BY identity ORDER BY start_time, end_time, camera);
"""  # noqa: S608 - our own names

_COLUMNS = ("run", "camera", "track", "identity", "start_time", "end_time", *_BOXES, "count", "quality")
PUT_TRACKLET = f"""
    INSERT INTO tracklets ({", ".join(_COLUMNS)}) VALUES ({", ".join("?" * len(_COLUMNS))})
    ON CONFLICT (run, camera, track) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in ("start_time", "end_time", *_BOXES, "count", "quality"))}
    RETURNING id
"""  # noqa: S608 - our own names; the identity of a known tracklet is changed by decisions only
PUT_EMBEDDINGS = "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?)"
READ_TRACKLETS = f"""
    SELECT t.identity, t.run, t.camera, t.track, t.start_time, t.end_time,
        {", ".join(f"t.{name}" for name in _BOXES)}, t.count, t.quality, e.dimension, e.mean, e.exemplars
    FROM tracklets t LEFT JOIN embeddings e ON e.tracklet = t.id
"""  # noqa: S608 - our own names


def tracklet_row(tracklet: Tracklet, run: int, identity: int) -> tuple[Any, ...]:
    """The values of `PUT_TRACKLET`."""
    key = tracklet.key
    boxes = [float(value) for value in (*tracklet.entry_box, *tracklet.exit_box)]
    times = (float(tracklet.start), float(tracklet.end))
    return (run, key.camera, key.track, identity, *times, *boxes, tracklet.count, float(tracklet.quality))


def embedding_row(tracklet: Tracklet, id_: int) -> tuple[Any, ...] | None:
    """The values of `PUT_EMBEDDINGS`; None for a tracklet without appearance."""
    if tracklet.mean is None:
        return None
    return id_, len(tracklet.mean), to_blob(tracklet.mean), to_blob(tracklet.exemplars)


def to_blob(rows: FloatArray) -> bytes:
    """Little-endian float16, row by row."""
    return rows.astype("<f2").tobytes()


def from_blob(blob: bytes, dimension: int) -> FloatArray:
    """Unit rows (K, D); the rounding to float16 is normalised away."""
    rows = np.frombuffer(blob, "<f2").reshape(-1, dimension).astype(np.float32)
    unit: FloatArray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


def read_tracklets(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, Tracklet]]:
    """Identity and tracklet of each row of `READ_TRACKLETS`."""
    for identity, run, camera, track, start, end, *rest in rows:
        boxes = np.array(rest[:8], np.float32)
        count, quality, dimension, mean, exemplars = rest[8:]
        yield (
            identity,
            Tracklet(
                TrackletKey(CameraId(camera), track, run),
                start,
                end,
                boxes[:4],
                boxes[4:],
                None if mean is None else from_blob(mean, dimension)[0],
                np.zeros((0, 0), np.float32) if mean is None else from_blob(exemplars, dimension),
                count,
                quality,
            ),
        )


def evidence_of(link: Link) -> str:
    """What a decision rests on, as JSON: every field of `Link` that has no column of its own."""
    columns = {"key", "identity", "kind", "time", "previous"}
    values = {field.name: getattr(link, field.name) for field in fields(link) if field.name not in columns}
    return json.dumps(values, default=str)
