"""Runs trackers and linker again from a recording: no video, no model, another tracker or linker if wanted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import config as configuration
from pipeline import runfolder
from pipeline.config import Config, LoadedConfig
from pipeline.errors import HandoffError, RecordingError
from pipeline.following import Follower, Statistics
from pipeline.frames import NO_IMAGE, Frame, FrameResult
from pipeline.recording import RecordedEnd, RecordedFrame, Recording
from pipeline.recordingfile import FOLDER
from pipeline.sinks import Sink, SinkSite
from pipeline.sinks.identities import IdentitiesSettings
from pipeline.sinks.mot import MotSettings
from pipeline.summary import peak_memory_mb
from pipeline.yamlfile import YamlFile
from reid.base import Linker
from reid.tracklets import CameraId
from trackers import Detections, Track, Tracker, TrackId, TrackState
from trackers.tracks import BoolArray

_AT_REST = np.zeros(2, np.float32)


class Replay:
    """A recorded run once more, frame by frame in the order in which the run took them.

    Trackers get the recorded detections with the embeddings that were computed then; no new ones can be made. With
    unchanged settings everything is decided as in the run, bit by bit.

    Args:
        recording: open.
        config: names the tracker, the linker and the links.
        track: run the trackers; False: take the tracks as they were recorded, which leaves out lost tracks and
            velocities, and is only right where the tracker is the one of the run.
        linker: instead of the one that ``config`` names.
    """

    def __init__(
        self, recording: Recording, config: Config, *, track: bool = True, linker: Linker | None = None
    ) -> None:
        self._recording = recording
        self._kept = {} if track else {camera.name: _KeptTracks() for camera in recording.cameras}
        trackers: dict[CameraId, Tracker] = {camera.name: config.tracker.build() for camera in recording.cameras}
        trackers.update(self._kept)
        names = [camera.name for camera in recording.cameras]
        self._follower = Follower(names, trackers, linker or config.linker.build(config.links))

    @property
    def statistics(self) -> Statistics:
        """What was done so far."""
        return self._follower.statistics

    def results(self) -> Iterator[FrameResult]:
        """The results of the run; frames have `NO_IMAGE` for a picture."""
        follower, offsets = self._follower, self._recording.offsets
        for event in self._events():
            if isinstance(event, RecordedEnd):
                last = follower.end(event.camera)
                if last is not None:
                    yield last
                continue
            if event.camera in self._kept:
                self._kept[event.camera].take(event)
            frame = Frame(event.camera, event.index, event.time, NO_IMAGE, offsets[event.camera])
            yield follower.update(frame, event.detections)
        yield from follower.finish()

    def _events(self) -> Iterator[RecordedFrame | RecordedEnd]:
        events = self._recording.events()
        while True:
            with self.statistics.stage("wait"):
                event = next(events, None)
            if event is None:
                return
            yield event


class _KeptTracks:
    """Stands in for a tracker: gives the tracks of the frame that it was last told of."""

    def __init__(self) -> None:
        self._frame: RecordedFrame | None = None
        self._live: dict[int, Track] = {}

    def take(self, frame: RecordedFrame) -> None:
        """The frame that `update` is called for next."""
        self._frame = frame

    def wants_embedding(self, detections: Detections, time: float) -> BoolArray:
        """None: what there is was recorded."""
        return np.zeros(len(detections), bool)

    def update(self, detections: Detections, time: float) -> list[Track]:
        """Confirmed and ended tracks of the frame."""
        frame = self._frame
        if frame is None:
            return []
        looks, embedded = detections.embeddings, detections.embedded
        tracks = []
        for number, box, place in zip(frame.tracks.tolist(), frame.boxes, frame.matched.tolist(), strict=True):
            look = looks[place] if looks is not None and embedded is not None and embedded[place] else None
            score = float(detections.scores[place])
            track = Track(TrackId(number), box, _AT_REST, score, TrackState.CONFIRMED, look, place)
            self._live[number] = track
            tracks.append(track)
        return tracks + [self._end(number) for number in frame.ended.tolist() if number in self._live]

    def finish(self) -> list[Track]:
        """End all tracks."""
        return [self._end(number) for number in sorted(self._live)]

    def _end(self, number: int) -> Track:
        last = self._live.pop(number)
        return Track(last.id, last.box, _AT_REST, last.score, TrackState.ENDED)


def run(
    source: Path,
    output: Path,
    preset: str | None = None,
    changes: Sequence[str] = (),
    *,
    track: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write a new run folder from a recorded run: identities, tracks/, mot/, run.yaml, summary.json.

    Args:
        source: folder of the run.
        output: of the new run.
        preset: whose tracker and linker are taken.
        changes: ``section.key=value`` of tracker, linker or links.
        track: run the trackers even where their settings are those of the run.
        overwrite: replace the run that ``output`` holds.

    Returns:
        What is in summary.json.

    Raises:
        RecordingError: if the run has no recording, or it cannot be read.
        ConfigError: if a setting is wrong, or cannot change any more.
        OutputError: if the folder cannot be used.
    """
    with Recording(source) as recording:
        loaded = configuration.load_decisions(source, preset, changes)
        names = [camera.name for camera in loaded.config.cameras]
        unknown = [camera.name for camera in recording.cameras if camera.name not in names]
        if unknown:
            raise RecordingError(
                f"{recording.path}: has cameras that {source / runfolder.RECORD} does not know: "
                f"{', '.join(unknown)}; put the files of one run together again"
            )
        sinks: list[IdentitiesSettings | MotSettings] = [IdentitiesSettings(), MotSettings()]
        config = loaded.config.model_copy(update={"sinks": sinks})
        inputs = [runfolder.Input("recording", source / FOLDER)]
        runfolder.prepare(output, names, inputs, overwrite=overwrite)
        record = write_record(output, config, loaded)
        track = track or record["tracker"] != YamlFile(source / runfolder.RECORD).data["tracker"]
        replay = Replay(recording, config, track=track)
        site = SinkSite(output, recording.cameras, threading.Event())
        started = time.perf_counter()
        write_results(replay.results(), [settings.build(site) for settings in sinks], replay.statistics)
        summary = _summary(replay.statistics, recording, time.perf_counter() - started, track=track)
    summary["output"] = str(output)
    runfolder.write_summary(output, summary)
    return summary


def write_record(output: Path, config: Config, loaded: LoadedConfig) -> dict[str, Any]:
    """Write run.yaml of a run that is decided again, with the weights that the recorded one was made with."""
    weights = {
        part: {"path": str(getattr(getattr(config, part), "weights", "")), "sha256": sha256}
        for part, sha256 in loaded.weights.items()
    }
    record = configuration.dump(config, loaded.folder)
    runfolder.write_record(output, record, weights)
    return record


def lines_of(summary: dict[str, Any]) -> Iterator[str]:
    """The summary for people."""
    frames = sum(camera["frames"] for camera in summary["cameras"].values())
    tracks = "trackers run again" if summary["tracked_again"] else "tracks as recorded"
    yield (
        f"{summary['identities']} identities in {frames} frames of {len(summary['cameras'])} cameras; {tracks}; "
        f"{summary['seconds']:.1f} s for {summary['recorded_seconds']:.0f} s of recording: "
        f"{summary['times_real_time']:.0f} times faster than real time"
    )
    if not summary["finished"]:
        yield "the run did not end in order: the recording reaches up to about a second before it broke off"
    yield f"results: {summary['output']}"


def write_results(results: Iterable[FrameResult], sinks: Sequence[Sink], statistics: Statistics) -> None:
    """All results into all sinks, which are closed whatever happens."""
    errors: list[HandoffError] = []
    try:
        for result in results:
            with statistics.stage("write"):
                for sink in sinks:
                    sink.write(result)
    finally:
        for sink in sinks:
            try:
                sink.close()
            except HandoffError as error:
                errors.append(error)
    if errors:
        raise errors[0]


def _summary(statistics: Statistics, recording: Recording, seconds: float, *, track: bool) -> dict[str, Any]:
    frames = sum(statistics.frames.values())
    return {
        "cameras": {name: {"frames": count} for name, count in statistics.frames.items()},
        "identities": statistics.identities,
        "recording": str(recording.path.absolute()),
        "finished": recording.finished,
        "tracked_again": track,
        "recorded_seconds": round(recording.seconds, 3),
        "seconds": round(seconds, 3),
        "times_real_time": round(recording.seconds / seconds, 1) if seconds > 0 else 0.0,
        "frames_per_second": round(frames / seconds, 1) if seconds > 0 else 0.0,
        "stage_seconds": {name: round(value, 3) for name, value in statistics.seconds.items() if value},
        "peak_memory_mb": round(peak_memory_mb(), 1),
    }
