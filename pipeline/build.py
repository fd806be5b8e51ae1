"""From a `Config` to live parts, all checked before the first frame. The only place that knows all kinds."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline import runfolder
from pipeline.config import Config, LoadedConfig, dump
from pipeline.detectors.base import Detector
from pipeline.detectors.recorded import RecordedDetector, RecordedSettings
from pipeline.errors import HandoffError, SourceError, WeightsError
from pipeline.frames import CameraInfo
from pipeline.runner import Runner
from pipeline.sinks import Sink, SinkSite
from pipeline.sinks.store import StoreSettings, StoreSink, store_files
from pipeline.sinks.window import WindowSettings, require_display
from pipeline.sources import CameraSettings, Source, open_source
from pipeline.sources.address import URL_SCHEMES, expand, is_live, is_undecided, label, path_of, scheme
from pipeline.ticks import Ticks
from reid.base import Linker
from reid.embedder import Embedder
from reid.store_file import Lock, connect
from reid.tracklets import CameraId
from reid.weights import find_weights, sha256_of

log = logging.getLogger(__name__)

_OPENERS = 32  # cameras that are opened at the same time


@dataclass(slots=True)
class Run:
    """Live parts, ready to go. `close` once, whatever happened."""

    output: Path
    cameras: list[CameraInfo]
    ticks: Ticks
    runner: Runner
    detector: Detector
    embedder: Embedder
    sinks: list[Sink]
    unreachable: dict[CameraId, SourceError]  # live cameras that could not be opened

    def close(self) -> None:
        """Stop the readers and finish all files; the first error is raised after everything is closed."""
        errors = []
        parts: list[Ticks | Sink | Detector | Embedder] = [self.ticks, *self.sinks, self.detector, self.embedder]
        for part in parts:
            try:
                part.close()
            except HandoffError as error:
                errors.append(error)
        if errors:
            raise errors[0]


def build(loaded: LoadedConfig, output: Path, stop: threading.Event, *, overwrite: bool) -> Run:
    """Open everything a run needs.

    Raises:
        HandoffError: naming what cannot be opened; nothing is left open, and a run in ``output`` is untouched
            unless ``overwrite`` was given and all else is well.
    """
    config = loaded.config
    names = [camera.name for camera in config.cameras]
    weights = fingerprints(config)
    files = [file for sink in config.sinks if isinstance(sink, StoreSettings) for file in store_files(sink)]
    inputs = _inputs(loaded, weights)
    runfolder.check(output, names, inputs, files, overwrite=overwrite)  # told before models are loaded
    _check_stores(config, output)
    _check_weights(weights, {part: wanted for part, wanted in loaded.weights.items() if part in weights})
    sources, unreachable = _open_sources(loaded)
    opened: list[Source | Detector | Embedder | Sink] = list(sources)
    try:
        _check_clocks(loaded, sources)
        _announce(config)
        detector = config.detector.build()
        opened.append(detector)
        cameras = [source.info for source in sources]
        if isinstance(detector, RecordedDetector):
            detector.read([camera.name for camera in cameras])  # a fault shows before an older run is replaced
        embedder = config.embedder.build()
        opened.append(embedder)
        weights = fingerprints(config)  # after building, which may have fetched them
        _check_weights(weights, loaded.weights)
        if any(isinstance(settings, WindowSettings) for settings in config.sinks):
            require_display()  # before an older run in the folder is replaced
        runfolder.prepare(output, names, _inputs(loaded, weights), files, overwrite=overwrite)
        runfolder.write_record(output, dump(config, loaded.folder), weights)
        site = SinkSite(output, cameras, stop, embedder_mark(config, weights))
        sinks: list[Sink] = []
        for settings in config.sinks:
            sinks.append(settings.build(site))
            opened.append(sinks[-1])
        linker = config.linker.build(config.links)
        first = max((_remembered(sink, linker, config) for sink in sinks), default=1)
        trackers = {camera.name: config.tracker.build() for camera in cameras}
        runner = Runner(cameras, detector, embedder, trackers, linker, sinks, first)
        ticks = Ticks(sources, stop, depth=config.runtime.queue)
    except BaseException:
        for part in opened:
            part.close()
        raise
    return Run(output, cameras, ticks, runner, detector, embedder, sinks, unreachable)


def _check_stores(config: Config, output: Path) -> None:
    """A store that cannot be used is told before models are loaded and before an older run is replaced."""
    for settings in config.sinks:
        if isinstance(settings, StoreSettings) and settings.place(output).exists():
            Lock(settings.place(output)).release()
            if settings.is_shared:
                connect(settings.place(output), write=True).close()


def _remembered(sink: Sink, linker: Linker, config: Config) -> int:
    """Let the linker go on from a store; returns the first number of a new person."""
    if not isinstance(sink, StoreSink):
        return 1
    return sink.connect(linker, config.linker.max_identities, config.linker.max_tracklets)


def embedder_mark(config: Config, weights: Mapping[str, Mapping[str, str]]) -> str:
    """What decides whether embeddings of two runs can be compared: weights and settings, not how they are run."""
    how = {"weights", "architecture", "runtime", "device", "precision", "batch"}
    settings = config.embedder.model_dump(exclude=how)
    words = [str(value) if key == "type" else f"{key}={value}" for key, value in settings.items()]
    return " ".join([*words, weights.get("embedder", {}).get("sha256", "")]).strip()


def _announce(config: Config) -> None:
    """What takes seconds is said, so that nobody wonders."""
    models = [getattr(part, "weights", None) for part in (config.detector, config.embedder)]
    if any(models):
        log.info("loading %s", " and ".join(Path(model).name for model in models if model))


def _open_sources(loaded: LoadedConfig) -> tuple[list[Source], dict[CameraId, SourceError]]:
    """Open every camera. All faults of files are reported at once; a live camera that is away is left out."""
    cameras = loaded.config.cameras
    with ThreadPoolExecutor(
        min(_OPENERS, len(cameras))
    ) as pool:  # a live camera takes a second, an absent one more
        outcomes = list(pool.map(lambda settings: _try_to_open(settings, loaded), cameras))
    sources = [outcome for outcome in outcomes if not isinstance(outcome, SourceError)]
    faults: list[str] = []
    away: dict[CameraId, SourceError] = {}
    for settings, outcome in zip(cameras, outcomes, strict=True):
        if not isinstance(outcome, SourceError):
            continue
        if _may_come_back(settings):
            away[settings.name] = outcome
            log.warning("%s; the run goes on without it", outcome)
        else:
            faults.append(str(outcome))
    if not sources or faults:
        for source in sources:
            source.close()
        raise SourceError("\n".join([*faults, *(str(error) for error in away.values())]))
    return sources, away


def _may_come_back(settings: CameraSettings) -> bool:
    """Whether a camera is live and its address complete: what lacks a variable or credentials never opens."""
    try:
        address = expand(settings)
    except SourceError:
        return False
    return is_live(settings.source) and scheme(address) in (None, *URL_SCHEMES)


def _try_to_open(settings: CameraSettings, loaded: LoadedConfig) -> Source | SourceError:
    try:
        return open_source(settings, loaded.folder, reconnect=loaded.config.runtime.reconnect)
    except SourceError as error:
        return SourceError(f"{loaded.origins[settings.name]}: {error}")


def _check_clocks(loaded: LoadedConfig, sources: Sequence[Source]) -> None:
    """What `config` checks for files, for URLs too: only once open do they tell whether they are a file.

    Raises:
        SourceError: naming the camera that shares no clock with the others.
    """
    settings = {camera.name: camera for camera in loaded.config.cameras}
    live = {source.info.name for source in sources if source.info.live}
    timed = [source.info.name for source in sources if source.info.name in live or _start(settings, source)]
    for source in sources:
        name = source.info.name
        if timed and name not in timed:
            has = "is live" if timed[0] in live else "has `start`"
            raise SourceError(
                f"{label(settings[name])}: is a video file and camera {timed[0]} {has}, so it needs a clock to "
                "share: set its `start` to the time of its first frame"
            )


def _start(settings: Mapping[CameraId, CameraSettings], source: Source) -> bool:
    return settings[source.info.name].start is not None


def _inputs(loaded: LoadedConfig, weights: Mapping[str, Mapping[str, str]]) -> list[runfolder.Input]:
    """Every file and folder that the run reads, as they really lie."""
    config = loaded.config
    files = [camera for camera in config.cameras if not (is_live(camera.source) or is_undecided(camera.source))]
    found = [runfolder.Input("source", path_of(expand(camera), loaded.folder)) for camera in files]
    if isinstance(config.detector, RecordedSettings):
        folder = config.detector.folder
        places = [folder, *(folder / camera.name for camera in config.cameras)]
        found += [runfolder.Input("recorded detections", place) for place in places]
    stores = [sink for sink in config.sinks if isinstance(sink, StoreSettings) and sink.is_shared]
    found += [runfolder.Input("identity store", Path(sink.path)) for sink in stores]
    found += [runfolder.Input(f"{section} weights", Path(entry["path"])) for section, entry in weights.items()]
    return found


def fingerprints(config: Config) -> dict[str, dict[str, str]]:
    """Path and sha256 of the weights that are there, by section."""
    found = {}
    for section in ("detector", "embedder"):
        weights = getattr(getattr(config, section), "weights", None)
        if weights is None:
            continue
        try:
            path = find_weights(weights, setting=f"{section}.weights")
        except WeightsError:
            continue  # the part itself says what is missing, or fetches it
        found[section] = {"path": str(path), "sha256": fingerprint(path)}
    return found


def fingerprint(path: Path) -> str:
    """sha256 of a file, or of a folder's files and their names."""
    if path.is_file():
        return sha256_of(path)
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(path)} {sha256_of(file)}\n".encode())
    return digest.hexdigest()


def _check_weights(found: Mapping[str, Mapping[str, str]], wanted: Mapping[str, str]) -> None:
    """A run can be repeated only with the weights it was made with."""
    for section, sha256 in wanted.items():
        if section not in found:
            raise WeightsError(f"{section}.weights: that run's weights ({sha256[:12]}...) are not there")
        if found[section]["sha256"] != sha256:
            raise WeightsError(
                f"{found[section]['path']}: not that run's weights: sha256 {found[section]['sha256'][:12]}..., "
                f"but run.yaml has {sha256[:12]}...; restore the file, or take its entry out of `weights`"
            )
