"""Tracklets and decisions to store."""

from __future__ import annotations

import numpy as np

from reid.store import IdentityStore, RunInfo
from reid.tracklets import CameraId, IdentityId, Link, LinkKind, Tracklet, TrackletKey

DIMENSION = 32


def look(person, dimension=DIMENSION):
    row = np.random.default_rng(person).normal(size=dimension).astype(np.float32)
    return row / np.linalg.norm(row)


def tracklet(track, person=None, *, camera="gate", start=0.0, end=None, run=0, exemplars=2, dimension=DIMENSION):
    """One that looks like a person; None has no appearance."""
    mean = None if person is None else look(person, dimension)
    rows = np.zeros((0, 0), np.float32)
    if person is not None:
        rows = np.resize(look(1000 * person + track, exemplars * dimension), (exemplars, dimension))
    box = np.array([track, 2, 30, 90], np.float32)
    key = TrackletKey(CameraId(camera), track, run)
    return Tracklet(key, start, start + 5 if end is None else end, box, box + 1, mean, rows, 40, 12.5)


def decision(track, identity, *, camera="gate", time=0.0, kind="link", previous=None, run=0):
    before = None if previous is None else IdentityId(previous)
    key = TrackletKey(CameraId(camera), track, run)
    return Link(key, IdentityId(identity), LinkKind(kind), time, before, 0.1, 0.4, 3.0, 9.0, "alike")


def opened(path, *, embedder="stripes", **bounds):
    return IdentityStore(path, RunInfo("runs/x", "digest", embedder), **bounds)


def identities_in(store_or_db):
    """Identity of each tracklet."""
    db = getattr(store_or_db, "_db", store_or_db)
    rows = db.execute("SELECT run, camera, track, identity FROM tracklets")
    return {(run, camera, track): identity for run, camera, track, identity in rows}
