"""Decides a recorded run again, all tracks at once, and says what became different."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipeline import config as configuration
from pipeline import corrections, runfolder
from pipeline.config import LoadedConfig
from pipeline.errors import HandoffError
from pipeline.frames import FrameResult
from pipeline.recording import RecordedTrack, Recording
from pipeline.recordingfile import FOLDER
from pipeline.replay import Replay, write_record, write_results
from pipeline.rerender import with_pictures
from pipeline.sinks import SinkSite
from pipeline.sinks.identities import LOG, IdentitiesSettings, identities_of
from pipeline.sinks.mot import MotSettings
from pipeline.sinks.video import VideoSettings
from reid.clustering import Clustering, cluster
from reid.decided import DecidedLinker
from reid.topology import Topology
from reid.tracklet_builder import TrackletBuilder
from reid.tracklets import IdentityId, Link, LinkKind, Tracklet, TrackletKey

log = logging.getLogger("handoff.relink")

Identities = Mapping[TrackletKey, IdentityId]


@dataclass(frozen=True, slots=True)
class Relinked:
    """What came of it.

    Attributes:
        output: folder of the new run.
        tracks: how many there are; changed: how many have another identity than in the run.
        identities: how many there are now; before: in the run.
        joined: identities of the run that are one now, under the number that they have: number, those gone.
        parted: identities of the run of which tracks went elsewhere: number, the new numbers.
        corrections: that were kept to.
        seconds: for reading, deciding; rendering not counted.
        recorded_seconds: of recording.
    """

    output: Path
    tracks: int
    changed: int
    identities: int
    before: int
    joined: tuple[tuple[int, tuple[int, ...]], ...]
    parted: tuple[tuple[int, tuple[int, ...]], ...]
    corrections: int
    seconds: float
    recorded_seconds: float


def run(
    source: Path,
    output: Path,
    changes: Sequence[str] = (),
    *,
    render: bool = False,
    overwrite: bool = False,
) -> Relinked:
    """Write a new run folder with the final identities: identities, tracks/, mot/, and videos if wanted.

    Args:
        source: folder of a recorded run.
        output: of the new one.
        changes: ``section.key=value`` of linker or links.
        render: draw the videos again, from the sources of the run.
        overwrite: replace the run that ``output`` holds.

    Raises:
        RecordingError: if the run has no recording, or it cannot be read.
        HandoffError: if a setting is wrong, a correction cannot be kept, or a folder or source cannot be used.
    """
    started = time.perf_counter()
    with Recording(source) as recording:
        loaded = configuration.load_decisions(source, None, changes)
        names = [camera.name for camera in loaded.config.cameras]
        said = corrections.read(source)
        inputs = [runfolder.Input("recording", source / FOLDER)]
        runfolder.check(output, names, inputs, overwrite=overwrite)
        settings = loaded.config.linker
        tracklets = [_summed_up(track, settings.exemplars) for track in recording.tracklets()]
        topology = Topology(loaded.config.links, settings.clock_tolerance)
        found = cluster(tracklets, topology, settings.false_link_rate, corrections.constraints(said))
        before = identities_of(source / LOG) if (source / LOG).exists() else {}
        links = _links(found, _numbers(found, before))
        after = {key: link.identity for key, link in links.items()}
        runfolder.prepare(output, names, inputs, overwrite=overwrite)
        _write(recording, loaded, links, output)
        seconds = time.perf_counter() - started
        if render:
            _render(recording, loaded, links, output)
        length = recording.seconds
    return _compared(before, after, output, len(said), seconds, length)


def lines_of(outcome: Relinked) -> Iterator[str]:
    """For people."""
    people = "1 identity" if outcome.identities == 1 else f"{outcome.identities} identities"
    corrected = "correction" if outcome.corrections == 1 else "corrections"
    kept = f", {outcome.corrections} {corrected} kept" if outcome.corrections else ""
    yield (
        f"{people} in {outcome.tracks} tracks (the run had {outcome.before}); {outcome.changed} tracks changed "
        f"their identity{kept}; {outcome.seconds:.1f} s for {outcome.recorded_seconds:.0f} s of recording"
    )
    for number, gone in outcome.joined:
        yield f"  {', '.join(map(str, gone))} and {number} are one person: {number}"
    for number, new in outcome.parted:
        yield f"  tracks of {number} went to {', '.join(map(str, new))}"
    yield f"results: {outcome.output}"


def _summed_up(track: RecordedTrack, exemplars: int) -> Tracklet:
    """As the linker sums it up."""
    builder = TrackletBuilder(TrackletKey(track.camera, track.track), exemplars)
    for row, place in zip(track.embeddings, track.views.tolist(), strict=True):
        builder.look(row, float(track.qualities[place]))
    return replace(
        builder.tracklet(track.doubles),
        start=float(track.times[0]),
        end=float(track.times[-1]),
        entry_box=track.boxes[0],
        exit_box=track.boxes[-1],
        count=len(track.times),
    )


def _numbers(found: Clustering, before: Identities) -> dict[int, IdentityId]:
    """Each cluster keeps the number that most of its observations had; others get numbers never used."""
    weights: dict[tuple[int, IdentityId], float] = defaultdict(float)
    for tracklet, label in zip(found.tracklets, found.labels.tolist(), strict=True):
        if tracklet.key in before:
            weights[label, before[tracklet.key]] += tracklet.count
    old = sorted(set(before.values()))
    labels = sorted(set(found.labels.tolist()))
    table = np.zeros((len(labels), len(old)))
    for (label, identity), weight in weights.items():
        table[labels.index(label), old.index(identity)] = weight
    rows, columns = linear_sum_assignment(-table)
    numbers = {
        labels[row]: old[column]
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if table[row, column] > 0
    }
    unused = max(old, default=IdentityId(0)) + 1
    for label in labels:
        if label not in numbers:
            numbers[label], unused = IdentityId(unused), unused + 1
    return numbers


def _links(found: Clustering, numbers: Mapping[int, IdentityId]) -> dict[TrackletKey, Link]:
    """The decision about each tracklet, with its evidence."""
    links = {}
    for i, tracklet in enumerate(found.tracklets):
        why = found.explain(i)
        identity = numbers[int(found.labels[i])]
        rival = None if why.rival is None else numbers[why.rival]
        if why.alone:
            reason = "all tracks together: nobody else is likely enough"
        else:
            reason = f"all tracks together: most likely identity {identity}"
        links[tracklet.key] = Link(
            key=tracklet.key,
            identity=identity,
            kind=LinkKind.LINK,
            time=tracklet.start,
            previous=None,
            distance=why.distance,
            runner_up=why.rival_distance,
            transit=why.transit,
            likelihood_ratio=None,
            reason=reason,
            probability=why.probability,
            looks=why.looks,
            way=why.way,
            rival=rival,
        )
    return links


def _write(recording: Recording, loaded: LoadedConfig, links: Mapping[TrackletKey, Link], output: Path) -> None:
    """The record, and what needs no pictures."""
    sinks: list[IdentitiesSettings | MotSettings] = [IdentitiesSettings(), MotSettings()]
    config = loaded.config.model_copy(update={"sinks": sinks})
    write_record(output, config, loaded)
    replay = Replay(recording, config, track=False, linker=DecidedLinker(links))
    site = SinkSite(output, recording.cameras, threading.Event())
    write_results(replay.results(), [settings.build(site) for settings in sinks], replay.statistics)


def _render(recording: Recording, loaded: LoadedConfig, links: Mapping[TrackletKey, Link], output: Path) -> None:
    """The videos, with the final identities from the first frame on."""
    log.info("drawing the videos again")
    videos = [each for each in loaded.config.sinks if isinstance(each, VideoSettings)] or [VideoSettings()]
    replay = Replay(recording, loaded.config, track=False, linker=DecidedLinker(links))
    results: Iterator[FrameResult] = with_pictures(replay.results(), loaded)
    site = SinkSite(output, recording.cameras, threading.Event())
    write_results(results, [videos[0].build(site)], replay.statistics)


def _compared(
    before: Identities, after: Identities, output: Path, said: int, seconds: float, recorded_seconds: float
) -> Relinked:
    """What became of the identities of the run."""
    parts: dict[int, Counter[int]] = defaultdict(Counter)
    for key, identity in before.items():
        if key in after:
            parts[identity][after[key]] += 1
    gone = {number: new.most_common(1)[0][0] for number, new in parts.items() if number not in new}
    joined: dict[int, list[int]] = defaultdict(list)
    for number, kept in gone.items():
        joined[kept].append(number)
    parted = {
        number: sorted(set(new) - {number}) for number, new in parts.items() if number in new and len(new) > 1
    }
    return Relinked(
        output=output,
        tracks=len(after),
        changed=sum(before.get(key) != identity for key, identity in after.items()),
        identities=len(set(after.values())),
        before=len(set(before.values())),
        joined=tuple((number, tuple(sorted(others))) for number, others in sorted(joined.items())),
        parted=tuple((number, tuple(new)) for number, new in sorted(parted.items())),
        corrections=said,
        seconds=seconds,
        recorded_seconds=recorded_seconds,
    )


def default_output(source: Path) -> Path:
    """Where a run that is decided again goes, if nothing else is said."""
    return source / "relinked"


def check_folder(source: Path) -> None:
    """Whether there is a run.

    Raises:
        HandoffError: if not.
    """
    if not (source / runfolder.RECORD).exists():
        raise HandoffError(f"{source}: holds no run; name the folder that a run has written, with its run.yaml")
