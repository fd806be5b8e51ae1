"""From cams.yaml, a preset and --set values to one frozen, checked `Config`; all faults are reported at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from pipeline import runfolder
from pipeline.crosscheck import cross_faults, kinds_of
from pipeline.detectors import DetectorSettings
from pipeline.errors import ConfigError
from pipeline.faults import nearest
from pipeline.layers import Layers
from pipeline.sinks import SinkSettings
from pipeline.sources.address import lasting, redact
from pipeline.sources.base import CameraSettings
from pipeline.yamlfile import YamlFile
from reid.embedder import EmbedderSettings
from reid.linker import EvidenceLinkerSettings
from reid.topology import CameraLink
from reid.tracklets import CameraId
from trackers import TrackerSettings

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = "default"  # preset
PRESETS = ROOT / "configs"
SECTIONS = ("detector", "embedder", "tracker", "linker", "sinks", "runtime")
_KEYS = (*SECTIONS, "cameras", "links")
_PRESET_RULE = "a preset holds processing settings only; cameras and links go into cams.yaml"
RECORD = ("environment", "weights")  # what run.yaml holds beside the configuration
DECISIONS = ("tracker", "linker", "links")  # what can change when a recording is run again


class RuntimeSettings(BaseModel, frozen=True, extra="forbid"):
    """How the loop runs."""

    queue: int = Field(4, ge=1, le=256, description="Decoded frames held ready for each camera.")
    reconnect: float = Field(
        60.0, ge=0, description="Seconds a live camera may be away before it counts as failed."
    )


class Processing(BaseModel, frozen=True, extra="forbid"):
    """What a preset holds: how frames are processed, whatever the cameras."""

    detector: DetectorSettings
    embedder: EmbedderSettings
    tracker: TrackerSettings
    linker: EvidenceLinkerSettings = Field(default_factory=EvidenceLinkerSettings)
    sinks: list[SinkSettings] = Field(description="What is written and shown.")
    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings)


class Config(Processing, frozen=True, extra="forbid"):
    """Everything that decides a run."""

    cameras: list[CameraSettings] = Field(min_length=1, description="The cameras, in the order of all output.")
    links: list[CameraLink] = Field(
        default_factory=list,
        description="Ways from one camera's view to another's. Without any, every pair is possible.",
    )


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration and where it came from.

    Attributes:
        config: checked.
        folder: relative sources start here.
        weights: sha256 that a run.yaml demands, by section; empty for a new run.
        origins: file and line of each camera's ``source``, or the --set that gave it.
    """

    config: Config
    folder: Path
    weights: Mapping[str, str]
    origins: Mapping[CameraId, str]


def load(
    sources: Path,
    preset: str | None = None,
    changes: Sequence[str] = (),
    *,
    show: bool = False,
    record: bool = False,
    decisions: YamlFile | None = None,
) -> LoadedConfig:
    """Read a configuration.

    Args:
        sources: cams.yaml, or the run.yaml of an earlier run (its settings then stand in for the preset).
        preset: name of a file in configs/, or a path to a YAML file of the same form; None: default.
        changes: ``section.key=value`` each; the last word.
        show: add the preview window to the sinks.
        record: add the recording to the sinks.
        decisions: a preset whose tracker and linker replace those of ``sources``.

    Raises:
        ConfigError: with a line for every fault: file, line, key, rule, value.
    """
    file = YamlFile(sources)
    if not isinstance(file.data, dict):
        raise ConfigError(f"{sources}:1: must be a mapping with a list `cameras` (see docs/tutorial.md)")
    is_run = "environment" in file.data
    layers = Layers()
    if not is_run:
        layers.add(_preset(preset or DEFAULT), SECTIONS, _PRESET_RULE, _KEYS)
    elif preset is not None:
        raise ConfigError(
            f"--config {preset}: {sources} is the record of a run and holds all settings; leave --config out, or "
            "give the cams.yaml of that run"
        )
    remedy = "settings of the processing go into a preset (--config) or --set"
    layers.add(file, ("cameras", "links", *((*SECTIONS, *RECORD) if is_run else ())), remedy, _KEYS)
    if decisions is not None:
        layers.replace(decisions, DECISIONS)
    for change in changes:
        layers.change(change)
    sinks = layers.data.get("sinks")
    for kind, wanted in (("recording", record), ("window", show)):
        if wanted and isinstance(sinks, list) and kind not in kinds_of(sinks):
            sinks.append({"type": kind})
    made_with = {key: layers.data.pop(key, None) or {} for key in RECORD}
    weights = _demanded_weights(file, made_with["weights"], changes)
    config = layers.checked(Config, cross_faults)
    if isinstance(made_with["environment"], dict):
        runfolder.warn_of_other_versions(sources, made_with["environment"])
    origins = {camera.name: layers.origin(("cameras", i, "source")) for i, camera in enumerate(config.cameras)}
    return LoadedConfig(config, sources.resolve().parent, weights, origins)


def load_decisions(run: Path, preset: str | None = None, changes: Sequence[str] = ()) -> LoadedConfig:
    """The configuration of a run that is recorded, with another tracker, linker or links.

    Args:
        run: its folder.
        preset: whose tracker and linker are taken; None: those of the run.
        changes: ``section.key=value`` each.

    Raises:
        ConfigError: as `load`, and for a change of what a recording has fixed.
    """
    record = run / runfolder.RECORD
    fixed = [change for change in changes if change.partition("=")[0].partition(".")[0] not in DECISIONS]
    if fixed:
        raise ConfigError(
            "\n".join(
                f"--set {redact(change)}: a recording has boxes and embeddings as they were made; only "
                f"{', '.join(DECISIONS)} can change; for the rest run again: --sources {record}"
                for change in fixed
            )
        )
    return load(record, None, changes, decisions=None if preset is None else _preset(preset))


def _demanded_weights(file: YamlFile, record: object, changes: Sequence[str]) -> dict[str, str]:
    """sha256 by section, from the part `weights` of a run.yaml; not of what is changed."""
    changed = {change.partition("=")[0] for change in changes}
    try:
        return {
            key: str(value["sha256"])
            for key, value in record.items()  # type: ignore[attr-defined]
            if not changed & {f"{key}.weights", f"{key}.type"}
        }
    except (AttributeError, KeyError, TypeError):
        line = file.line(("weights",))
        text = "weights: must hold `sha256` for each part; correct it, or take the entry out of `weights`"
        raise ConfigError(f"{file.path}:{line}: {text}") from None


def load_processing(preset: str | None = None, changes: Sequence[str] = ()) -> Processing:
    """A preset without cameras; raises like `load`."""
    layers = Layers()
    layers.add(_preset(preset or DEFAULT), SECTIONS, _PRESET_RULE, _KEYS)
    for change in changes:
        layers.change(change)
    return layers.checked(Processing, cross_faults)


def dump(config: Config, folder: Path) -> dict[str, Any]:
    """The configuration as plain data that loads again from anywhere: relative paths are made absolute.

    Credentials in URLs are left out, unless they stand there as ${NAME}.
    """
    data: dict[str, Any] = _plain(config.model_dump(by_alias=True))
    for camera in data["cameras"]:
        camera["source"] = lasting(camera["source"], folder)
    for section in ("detector", "embedder"):
        weights = data[section].get("weights")
        if weights and Path(weights).exists():
            data[section]["weights"] = str(Path(weights).resolve())
    return data


def _preset(name: str) -> YamlFile:
    if name.endswith((".yaml", ".yml")):
        return YamlFile(Path(name))
    names = sorted(preset.stem for preset in PRESETS.glob("*.yaml"))
    if name not in names:
        raise ConfigError(f"--config {name}: no such preset" + nearest(name, names))
    return YamlFile(PRESETS / f"{name}.yaml")


def _plain(value: Any) -> Any:
    """Nothing but dicts, lists and scalars; paths absolute."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value.resolve()) if isinstance(value, Path) else value
