"""The trackers that are compared: every type of ours, the preset's, and the peers whose environments are there."""

from __future__ import annotations

import hashlib
import sys
import typing
from collections.abc import Sequence
from pathlib import Path

import click
import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from benchmarks.streams import ROOT
from benchmarks.tracker_runs import Contestant
from pipeline.config import load_processing
from trackers import TrackerSettings

ADAPTERS = ROOT / "benchmarks/peers"
PRESET = "default preset"


class Peer(typing.NamedTuple):
    """Package (also the folder of its environment), adapter, and whether it needs embeddings."""

    package: str
    adapter: str
    appearance: typing.Literal["needs", "ignores"]


PEERS = {
    "deep-sort-realtime": Peer("deep-sort-realtime", "deep_sort_realtime_peer.py", "needs"),
    "deep-sort-realtime-budget100": Peer("deep-sort-realtime", "deep_sort_realtime_peer.py", "needs"),
    "boxmot-strongsort": Peer("boxmot", "boxmot_peer.py", "needs"),
    "boxmot-strongsort-0.4": Peer("boxmot", "boxmot_peer.py", "needs"),
    "boxmot-botsort": Peer("boxmot", "boxmot_peer.py", "needs"),
    "boxmot-botsort-cpp": Peer("boxmot", "boxmot_peer.py", "needs"),
    "boxmot-deepocsort": Peer("boxmot", "boxmot_peer.py", "needs"),
    "boxmot-hybridsort": Peer("boxmot", "boxmot_peer.py", "needs"),
    "boxmot-boosttrack": Peer("boxmot", "boxmot_peer.py", "needs"),
    "boxmot-occluboost-cpp": Peer("boxmot", "boxmot_peer.py", "needs"),
    "boxmot-bytetrack": Peer("boxmot", "boxmot_peer.py", "ignores"),
    "boxmot-ocsort": Peer("boxmot", "boxmot_peer.py", "ignores"),
    "ultralytics-botsort-reid": Peer("ultralytics", "ultralytics_peer.py", "needs"),
    "ultralytics-botsort": Peer("ultralytics", "ultralytics_peer.py", "ignores"),
    "ultralytics-bytetrack": Peer("ultralytics", "ultralytics_peer.py", "ignores"),
    "norfair-reid": Peer("norfair", "norfair_peer.py", "needs"),
    "norfair-iou": Peer("norfair", "norfair_peer.py", "ignores"),
    "roboflow-bytetrack": Peer("trackers", "roboflow_peer.py", "ignores"),
    "roboflow-ocsort": Peer("trackers", "roboflow_peer.py", "ignores"),
    "roboflow-sort": Peer("trackers", "roboflow_peer.py", "ignores"),
    "roboflow-botsort": Peer("trackers", "roboflow_peer.py", "ignores"),
    "pyxtrackers-bytetrack": Peer("pyxtrackers", "pyxtrackers_peer.py", "ignores"),
}


def own_types() -> list[str]:
    """The types of tracker that there are."""
    members = typing.get_args(typing.get_args(TrackerSettings)[0])
    return [member.model_fields["type"].default for member in members]


def own(names: Sequence[str]) -> list[Contestant]:
    """Ours.

    Args:
        names: each a type, at its defaults or as ``type:key=value,key=value``, or `PRESET`; none: all types and
            the preset.

    Raises:
        click.UsageError: for what is no tracker of ours.
    """
    return [_own(name) for name in names or [*own_types(), PRESET]]


def _own(name: str) -> Contestant:
    if name == PRESET:
        settings: BaseModel = load_processing("default").tracker
    else:
        kind, _, changes = name.partition(":")
        values = dict(change.split("=", 1) for change in changes.split(",") if "=" in change)
        data = {"type": kind, **{key: yaml.safe_load(value) for key, value in values.items()}}
        try:
            settings = TypeAdapter(TrackerSettings).validate_python(data)
        except ValidationError as error:
            first = error.errors()[0]
            raise click.UsageError(
                f"--tracker {name}: {'.'.join(map(str, first['loc']))} {first['msg']}"
            ) from None
    command = (sys.executable, "-m", "benchmarks.own_tracker", settings.model_dump_json())
    sources = [*sorted((ROOT / "trackers").rglob("*.py")), ROOT / "benchmarks/own_tracker.py"]
    return Contestant(name, command, _digest([*sources, ADAPTERS / "replay.py"]), "uses")


def peers(folder: Path | None, names: Sequence[str]) -> list[Contestant]:
    """Those named, or all whose environment is below ``folder``.

    Raises:
        click.UsageError: for an unknown name, or where its environment is missing.
    """
    if unknown := [name for name in names if name not in PEERS]:
        raise click.UsageError(f"--peer {unknown[0]}: there is no such peer; there are {', '.join(PEERS)}")
    if folder is None:
        if names:
            raise click.UsageError(
                "--peer needs --peers-folder, the folder that benchmarks/peers/install.sh filled"
            )
        return []
    there = {name for name, peer in PEERS.items() if _python(folder, peer).exists()}
    if missing := [name for name in names if name not in there]:
        package = PEERS[missing[0]].package
        raise click.UsageError(f"--peer {missing[0]}: run benchmarks/peers/install.sh {folder} {package}")
    return [_peer(folder, name) for name in PEERS if name in (names or there)]


def _peer(folder: Path, name: str) -> Contestant:
    peer = PEERS[name]
    packages = sorted(path.name for path in (folder / peer.package).glob("lib/python*/site-packages/*.dist-info"))
    version = _digest([ADAPTERS / peer.adapter, ADAPTERS / "replay.py"]) + " ".join(packages)
    command = (str(_python(folder, peer).absolute()), str(ADAPTERS / peer.adapter), name)
    return Contestant(name, command, version, peer.appearance)


def _python(folder: Path, peer: Peer) -> Path:
    return folder / peer.package / "bin/python"


def _digest(files: Sequence[Path]) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
