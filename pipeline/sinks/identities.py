"""The identity log (identities.jsonl, as it happens) and the final table (identities.csv)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from pipeline.frames import FrameResult
from pipeline.sinks.base import SinkSite, writing
from reid.identity_map import IdentityMap
from reid.tracklets import CameraId, IdentityId, Link, LinkKind, TrackletKey
from trackers.tracks import TrackId, TrackState

LOG, TABLE = "identities.jsonl", "identities.csv"


class IdentitiesSettings(BaseModel, frozen=True, extra="forbid"):
    """identities.jsonl and identities.csv."""

    type: Literal["identities"] = "identities"

    def build(self, site: SinkSite) -> IdentitiesSink:
        """A sink that writes into the output folder."""
        return IdentitiesSink(site.output)


@dataclass(slots=True)
class _Life:
    """One live track: when it began, and how often it was seen."""

    start: float
    end: float
    frames: int = 0


class IdentitiesSink:
    """Appends one JSON object a line, flushed at once; makes the table from the log when the run ends.

    Events, each with time [s], camera, track and identity (null while undecided): `start` when a track is
    confirmed; `link`, `merge`, `split` with the evidence; `end` with start, end and frames. Memory: live tracks.
    """

    def __init__(self, output: Path) -> None:
        self._path = output / LOG
        with writing(self._path):
            self._file = self._path.open("w", encoding="utf-8", newline="\n")
        self._live: dict[TrackletKey, _Life] = {}

    def write(self, result: FrameResult) -> None:
        """Log what began, was decided, or ended."""
        for track in result.tracks:
            key = TrackletKey(result.camera, track.id)
            if track.state is TrackState.CONFIRMED:
                if key not in self._live:
                    self._live[key] = _Life(result.time, result.time)
                    self._log("start", result.time, key, None)
                self._live[key].end = result.time
                self._live[key].frames += 1
        for link in result.links:
            if link.key.run and link.kind is not LinkKind.MERGE:
                continue  # about a track of an earlier run, whose log is closed; the store has it
            unnamed: dict[str, Any] = {"track": None} if link.key.run else {}
            self._log(link.kind.value, link.time, link.key, link.identity, **unnamed, **_evidence(link))
        for track in result.tracks:
            key = TrackletKey(result.camera, track.id)
            if track.state is TrackState.ENDED and key in self._live:
                life = self._live.pop(key)
                identity = result.identities.get(TrackId(track.id))
                details = {"start": round(life.start, 3), "end": round(life.end, 3), "frames": life.frames}
                self._log("end", result.time, key, identity, **details)

    def close(self) -> None:
        """Close the log and write the table."""
        with writing(self._path):
            self._file.close()
        table = self._path.parent / TABLE
        with writing(table), table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["identity", "camera", "track", "start", "end", "frames", "confidence"])
            writer.writerows(identity_table(self._path))

    def _log(self, event: str, time: float, key: TrackletKey, identity: IdentityId | None, **details: Any) -> None:
        entry = {
            "event": event,
            "time": round(time, 3),
            "camera": key.camera,
            "track": key.track,
            "identity": identity,
        }
        with writing(self._path):
            self._file.write(json.dumps(entry | details) + "\n")
            self._file.flush()


def identity_table(log: Path) -> list[tuple[int, str, int, float, float, int, float]]:
    """Replay a log: identity, camera, track, start, end, frames, confidence of each ended track, sorted.

    Confidence is the probability of the track's last decision.
    """
    identities, confidence = IdentityMap(), dict[TrackletKey, float]()
    ends: dict[TrackletKey, dict[str, Any]] = {}
    for entry in _entries(log):
        key = TrackletKey(CameraId(entry["camera"]), entry["track"])
        if entry["event"] == "end":
            ends[key] = entry
        elif entry["event"] != "start":
            identities.apply(_link(key, entry))
            probability = entry["evidence"]["probability"]
            confidence[key] = 1.0 if probability is None else probability
    rows = [
        (identity, key.camera, key.track, end["start"], end["end"], end["frames"], round(confidence[key], 4))
        for key, end in ends.items()
        if (identity := identities.get(key)) is not None
    ]
    return sorted(rows, key=lambda row: (row[0], row[3], row[1], row[2]))


def identities_of(log: Path) -> dict[TrackletKey, IdentityId]:
    """The identity that each track of a log has in the end; also of a log that breaks off."""
    identities, keys = IdentityMap(), dict[TrackletKey, None]()
    for entry in _entries(log):
        if entry["event"] not in ("start", "end"):
            key = TrackletKey(CameraId(entry["camera"]), entry["track"] or 0)
            keys[key] = None
            identities.apply(_link(key, entry))
    return {key: identity for key in keys if key.track and (identity := identities.get(key)) is not None}


def _entries(log: Path) -> Iterator[dict[str, Any]]:
    with log.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _link(key: TrackletKey, entry: dict[str, Any]) -> Link:
    kind = LinkKind(entry["event"])
    return Link(key, entry["identity"], kind, entry["time"], entry.get("previous"), None, None, None, None, "")


def _evidence(link: Link) -> dict[str, Any]:
    evidence = {
        "distance": _rounded(link.distance),
        "runner_up": _rounded(link.runner_up),
        "transit": None if link.transit is None else round(link.transit, 3),
        "likelihood_ratio": None if link.likelihood_ratio is None else float(f"{link.likelihood_ratio:.4g}"),
        "probability": _rounded(link.probability),
        "looks": None if link.looks is None else round(link.looks, 2),
        "way": None if link.way is None else round(link.way, 2),
        "rival": link.rival,
        "reason": link.reason,
    }
    previous = {} if link.previous is None else {"previous": link.previous}
    return previous | {"evidence": evidence}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
