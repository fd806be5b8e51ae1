"""Camera links from finished runs: who went from which camera to which, how often, and how long it took."""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.errors import RunError
from pipeline.motfile import read_mot
from pipeline.runfolder import RECORD
from pipeline.sinks.identities import TABLE
from pipeline.yamlfile import YamlFile
from reid.tracklets import CameraId, Tracklet, TrackletKey
from reid.transit import Transits

Float = npt.NDArray[np.float64]

MIN_TRANSITS = 5
MIN_SHARE = 0.05  # of all who leave a camera: more than wrong links give to one pair
MAX_CHANCE = 0.05
HELD = 0.95  # share of the transits in a window
_SURE = 0.8  # confidence from which a transit counts
_SHORTEST = 0.1  # s; times are compared by their logarithms
_ROUNDING = 1e-6
_NO_LOOKS = np.zeros((0, 0), np.float32)


class Transit(NamedTuple):
    """A person's next appearance after another."""

    earlier: Tracklet
    later: Tracklet
    weight: float
    run: int  # number of the run


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What counts of one finished run.

    Attributes:
        cameras: in the order of cams.yaml.
        people: tracks of each identity, by start.
        confidence: of every track.
        overlapping: pairs of cameras with a common area.
    """

    cameras: list[CameraId]
    people: list[list[Tracklet]]
    confidence: dict[TrackletKey, float]
    overlapping: set[frozenset[CameraId]]


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """What is known of an ordered pair of cameras.

    Attributes:
        origin: camera that people leave.
        to: camera that they appear in next.
        times: (N,) seconds out of view of every transit.
        share: of the weight of all transits from ``origin`` to another camera.
        median: seconds.
        window: seconds; the narrowest, in logarithms, in which 95 % of the weight lies.
        leave: most frequent side at which people leave; enter: at which they appear.
        chance: how likely times so alike are if entries have nothing to do with exits, at most 1.
        doubt: why the pair is not taken for a link; empty if it is.
    """

    origin: CameraId
    to: CameraId
    times: Float
    share: float
    median: float
    window: tuple[float, float]
    leave: str
    enter: str
    chance: float
    doubt: str

    @property
    def transits(self) -> int:
        """How many there were."""
        return len(self.times)


@dataclass(frozen=True, slots=True, eq=False)
class LearnedLinks:
    """What finished runs tell of a site.

    Attributes:
        cameras: of all runs.
        links: pairs that are taken for links, by origin, the most frequent first.
        doubtful: all other pairs that people went.
        overlapping: pairs of cameras with a common area, as the runs were told.
        transits: that counted, between different cameras that do not overlap.
    """

    cameras: list[CameraId]
    links: list[Way]
    doubtful: list[Way]
    overlapping: list[tuple[CameraId, CameraId]]
    transits: int


def learn(folders: Sequence[Path], min_transits: int = MIN_TRANSITS) -> LearnedLinks:
    """Learn the links of a site from finished runs.

    Args:
        folders: of runs of one site.
        min_transits: that a pair needs to be a link.

    Raises:
        RunError: if a folder holds no finished run, or there is no link to be learned.
        ConfigError: if a run.yaml cannot be read.
    """
    runs = [read_run(folder) for folder in folders]
    cameras = list(dict.fromkeys(camera for run in runs for camera in run.cameras))
    overlapping = set().union(*(run.overlapping for run in runs))
    transits = [
        transit
        for number, run in enumerate(runs)
        for transit in _transits(run, number)
        if _pair(transit) not in overlapping
    ]
    ways = _ways(transits, runs, min_transits)
    links = [way for way in ways if not way.doubt]
    if not links:
        faults = Counter(way.doubt for way in ways)
        found = "; ".join(f"{count} with {doubt}" for doubt, count in faults.items())
        raise RunError(
            f"{', '.join(str(folder) for folder in folders)}: no link can be learned from {len(transits)} "
            f"transits between {len(ways)} pairs of cameras"
            + (f" ({found})" if found else "")
            + "; give longer or more runs of the site, or a lower --min-transits"
        )
    pairs = sorted(tuple(sorted(pair)) for pair in overlapping)
    doubtful = [way for way in ways if way.doubt]
    return LearnedLinks(cameras, links, doubtful, [(a, b) for a, b in pairs], len(transits))


def read_run(folder: Path) -> Run:
    """Read run.yaml, identities.csv and tracks/ of a finished run.

    Raises:
        RunError: if something is missing or wrong; names it.
    """
    if not (folder / RECORD).is_file():
        raise RunError(f"{folder}: holds no run ({RECORD} is missing); give the folder that --output named")
    data = YamlFile(folder / RECORD).data
    try:
        cameras = [CameraId(camera["name"]) for camera in data["cameras"]]
        overlapping = {
            frozenset((CameraId(link["from"]), CameraId(link["to"])))
            for link in data.get("links") or []
            if link.get("overlap")
        }
    except (AttributeError, KeyError, TypeError):
        raise RunError(f"{folder / RECORD}: not the record of a run; give the folder of a finished run") from None
    boxes = {camera: _ends_of_tracks(folder / "tracks" / f"{camera}.txt") for camera in cameras}
    people: defaultdict[int, list[Tracklet]] = defaultdict(list)
    confidence = {}
    for identity, tracklet, sure in _rows(folder / TABLE, boxes):
        people[identity].append(tracklet)
        confidence[tracklet.key] = sure
    for tracks in people.values():
        tracks.sort(key=lambda tracklet: (tracklet.start, tracklet.key))
    return Run(cameras, list(people.values()), confidence, overlapping)


def _rows(
    path: Path, boxes: dict[CameraId, dict[int, npt.NDArray[np.float32]]]
) -> Iterator[tuple[int, Tracklet, float]]:
    """Identity, track and confidence of every row of identities.csv whose track has boxes."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise RunError(
            f"{path}: is missing; a run writes it at its end, with the sink `identities`: let the run finish, or "
            "`replay` it if it was recorded"
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path}: cannot be read ({error}); run again") from None
    for number, row in enumerate(rows, start=2):
        start = end = sure = math.nan
        try:
            key = TrackletKey(CameraId(row["camera"]), int(row["track"]))
            identity, frames = int(row["identity"]), int(row["frames"])
            start, end, sure = (float(row[name]) for name in ("start", "end", "confidence"))
        except (KeyError, TypeError, ValueError):
            pass
        if not math.isfinite(start + end + sure):
            raise RunError(f"{path}:{number}: not a row of the table of identities; run again")
        ends = boxes.get(key.camera, {}).get(key.track)
        if ends is None:
            raise RunError(
                f"{path}:{number}: track {key.track} of {key.camera} has no row in tracks/{key.camera}.txt; "
                "put the files of one run together again"
            )
        yield identity, Tracklet(key, start, end, ends[0], ends[1], None, _NO_LOOKS, frames, 0.0), sure


def _ends_of_tracks(path: Path) -> dict[int, npt.NDArray[np.float32]]:
    """First and last box (2, 4) of every track."""
    if not path.is_file():
        raise RunError(f"{path}: is missing; it is written by the sink `mot`: add {{type: mot}} to `sinks`")
    rows = read_mot(path, RunError)
    rows = rows.select(np.lexsort((rows.frame, rows.id)))
    numbers, firsts = np.unique(rows.id, return_index=True)
    lasts = np.append(firsts, len(rows))[1:] - 1
    boxes = rows.xyxy.astype(np.float32)
    return {int(number): boxes[[first, last]] for number, first, last in zip(numbers, firsts, lasts, strict=True)}


def _transits(run: Run, number: int) -> Iterator[Transit]:
    """From each track of a person to the next in another camera; those that are not sure are left out."""
    for tracks in run.people:
        latest: Tracklet | None = None
        for tracklet in tracks:
            sure = run.confidence[tracklet.key]
            if latest is not None and latest.key.camera != tracklet.key.camera and sure >= _SURE:
                yield Transit(latest, tracklet, sure, number)
            if latest is None or tracklet.end >= latest.end:  # in overlapping views the last to lose sight
                latest = tracklet


def _pair(transit: Transit) -> frozenset[CameraId]:
    return frozenset((transit.earlier.key.camera, transit.later.key.camera))


def _ways(transits: Sequence[Transit], runs: Sequence[Run], min_transits: int) -> list[Way]:
    """All pairs that people went, judged."""
    sides = Transits()
    groups: defaultdict[tuple[CameraId, CameraId], list[Transit]] = defaultdict(list)
    leaving: Counter[CameraId] = Counter()
    entries: dict[tuple[int, CameraId], list[float]] = defaultdict(list)
    for number, run in enumerate(runs):
        for tracklet in (tracklet for tracks in run.people for tracklet in tracks):
            sides.see(tracklet)
            entries[number, tracklet.key.camera].append(tracklet.start)
    for transit in transits:
        sides.add(transit.earlier, transit.later, transit.weight)
        origin, to = transit.earlier.key.camera, transit.later.key.camera
        groups[origin, to].append(transit)
        leaving[origin] += transit.weight  # type: ignore[assignment]
    sorted_entries = {key: np.sort(np.array(starts)) for key, starts in entries.items()}
    by_side = {(link.origin, link.to): (link.leave, link.enter) for link in sides.learned(0.0)}
    ways = []
    for (origin, to), group in groups.items():
        gaps = np.array([max(0.0, one.later.start - one.earlier.end) for one in group])
        weights = np.array([one.weight for one in group])
        share = float(weights.sum() / leaving[origin])
        chance = _chance(group, gaps, sorted_entries)
        doubt = _doubt(len(group), share, chance, min_transits)
        median, window = weighted_median(gaps, weights), narrowest(gaps, weights, HELD)
        ways.append(Way(origin, to, gaps, share, median, window, *by_side[origin, to], chance, doubt))
    return sorted(ways, key=lambda way: (way.origin, -way.share, way.to))


def _doubt(transits: int, share: float, chance: float, min_transits: int) -> str:
    if transits < min_transits:
        return f"fewer than {min_transits} transits"
    if share < MIN_SHARE:
        return f"less than {MIN_SHARE:.0%} of those who leave"
    if chance > MAX_CHANCE:
        return "times as chance gives them"
    return ""


def _chance(group: Sequence[Transit], gaps: Float, entries: dict[tuple[int, CameraId], Float]) -> float:
    """How likely it is that unrelated entries put so many times into one window so narrow.

    The window is the narrowest with half of the times. How many unrelated people would lie in
    it is known from the entries of all others after each exit; then the number of times in a given window is
    binomial, and each place where the window can lie is a trial.
    """
    from scipy.special import betainc

    low, high = narrowest(gaps, np.ones(len(gaps)), 0.5)
    alike = after = 0
    for transit, gap in zip(group, gaps, strict=True):
        known = entries[transit.run, transit.later.key.camera]
        left = transit.later.start - gap
        first, last = np.searchsorted(known, [left + low - _ROUNDING, left + high + _ROUNDING])
        own = low <= gap <= high
        alike += int(last - first) - own
        after += len(known) - int(np.searchsorted(known, left - _ROUNDING)) - 1
    inside = int(((gaps >= low) & (gaps <= high)).sum())
    places = len(gaps) - inside + 1
    at_least = float(betainc(inside, places, (alike + 1) / (after + 1)))  # of binomial: so many or more are inside
    return min(1.0, places * at_least)


def weighted_median(values: Float, weights: Float) -> float:
    """The value (N,) below and above which half of the weight (N,) lies; between two values their mean."""
    order = np.argsort(values, kind="stable")
    summed = np.cumsum(weights[order])
    half = summed[-1] / 2
    first = int(np.searchsorted(summed, half * (1 - 1e-12)))
    second = int(np.searchsorted(summed, half * (1 + 1e-12), side="right"))
    return float(values[order[[first, min(second, len(values) - 1)]]].mean())


def narrowest(values: Float, weights: Float, share: float) -> tuple[float, float]:
    """The window with a share of the weight (N,) that is narrowest in logarithms of the values (N,).

    Unlike quantiles, which leave out as much on either side, it leaves out what lies farthest off.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    logs = np.log(np.maximum(ordered, _SHORTEST))
    summed = np.concatenate([[0.0], np.cumsum(weights[order])])
    wanted = share * summed[-1] * (1 - 1e-12)
    lasts = np.searchsorted(summed, summed[:-1] + wanted)  # values first..lasts - 1 hold the share
    firsts = np.flatnonzero(lasts <= len(values))
    widths = logs[lasts[firsts] - 1] - logs[firsts]
    first = int(firsts[widths.argmin()])
    return float(ordered[first]), float(ordered[lasts[first] - 1])
