"""The story of an identity in words, numbers and pictures: what page, picture and table show, each in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.drawing import WALL_CLOCK, clock
from pipeline.why.crops import Crops
from pipeline.why.story import Compared, Role, Sighting, Step, Story
from reid.tracklets import LinkKind, TrackletKey

NOBODY = "nothing to compare with"
LEGEND = (
    "Bars: how much looks, and way (place and time), speak for (+) or against (-) the identity that is named "
    "above them, in nats: +2.3 is ten times likelier. Distance: 0 is the same, about 1 two people."
)
_LEAST_SCALE = 5.0  # nats, at the end of a bar
_ROLES = {Role.CHOSEN: "chosen", Role.MERGED: "merged", Role.REFUSED: "not chosen", Role.LEFT: "left"}


@dataclass(frozen=True, slots=True)
class Panel:
    """An identity that a track was compared with.

    Attributes:
        chosen: whether the track became it.
        title: its number and what became of it.
        where: the track that is shown of it.
        distance: appearance distance; None where the log has none.
        crops: of that track.
    """

    chosen: bool
    title: str
    where: str
    distance: float | None
    crops: Crops


@dataclass(frozen=True, slots=True)
class Row:
    """A track and the decision that put it there, or a merge or split.

    Attributes:
        kind: link, new, merge, split or left.
        verdict: the decision in a few words.
        where: camera and track.
        span: from when to when.
        since: how long after the last sighting.
        crops: of the track.
        panels: whom it was compared with: at most one chosen, at most one other.
        probability: of the decision; None where there was nothing to compare with.
        about: the identity that the bars are about.
        looks, way: nats; None where there is no evidence.
        reason: a sentence.
        weakest: whether no other decision here is less probable.
    """

    kind: str
    verdict: str
    where: str
    span: str
    since: str
    crops: Crops
    panels: tuple[Panel, ...]
    probability: float | None
    about: str
    looks: float | None
    way: float | None
    reason: str
    weakest: bool

    @property
    def chosen(self) -> Panel | None:
        """The identity that the track became, if somebody had it."""
        return next((panel for panel in self.panels if panel.chosen), None)

    @property
    def nobody(self) -> str:
        """What to say where there is no `chosen`."""
        return "somebody new" if self.kind in ("new", "split") else "nobody"

    @property
    def rival(self) -> Panel | None:
        """The identity that it did not become, or left."""
        return next((panel for panel in self.panels if not panel.chosen), None)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is shown of an identity.

    Attributes:
        title: a few words.
        summary: tracks, cameras, time.
        weakest: the least probable decision, in a sentence; empty where there is none.
        scale: nats at the end of a bar.
        rows: in order of time.
    """

    title: str
    summary: str
    weakest: str
    scale: float
    rows: tuple[Row, ...]


def report_of(story: Story, crops: Mapping[TrackletKey, Crops]) -> Report:
    """Puts a story and the pictures of its tracks into words."""
    seen = [*story.sightings, *(step.sighting for step in story.steps)]
    times = [time for sighting in seen for time in (sighting.start, sighting.end)]
    dated = clock(min(times))[:10] != clock(max(times))[:10] and min(times) >= WALL_CLOCK
    sure = [step.probability for step in story.steps if step.probability is not None]
    least = min(sure) if len(sure) > 1 else None
    rows = tuple(_row(step, crops, least, dated=dated) for step in story.steps)
    nats = [abs(value) for step in story.steps for value in (step.looks, step.way) if value is not None]
    weakest = next((row for row in rows if row.weakest), None)
    return Report(
        f"Why identity {story.identity}",
        _summary(story, min(times), max(times)),
        ""
        if weakest is None or least is None
        else f"Least sure: {weakest.where}, {weakest.verdict} ({percent(least)}).",
        max([_LEAST_SCALE, *nats]),
        rows,
    )


def _summary(story: Story, start: float, end: float) -> str:
    cameras = sorted({sighting.key.camera for sighting in story.sightings})
    tracks = len(story.sightings)
    many = f"{tracks} track{'s' * (tracks != 1)} in {len(cameras)} camera{'s' * (len(cameras) != 1)}"
    zone = " UTC" if start >= WALL_CLOCK else ""
    return f"{many}{': ' * bool(cameras)}{', '.join(cameras)}; {clock(start)} to {clock(end)}{zone}"


def _row(step: Step, crops: Mapping[TrackletKey, Crops], least: float | None, *, dated: bool) -> Row:
    sighting = step.sighting
    kind, verdict = _verdict(step)
    return Row(
        kind,
        verdict,
        name_of(sighting.key),
        _span(sighting, dated=dated),
        _since(step, dated=dated),
        crops[sighting.key],
        tuple(_panel(compared, crops, dated=dated) for compared in step.compared),
        step.probability,
        "" if step.about is None else f"identity {step.about}",
        step.looks,
        step.way,
        step.reason,
        step.probability is not None and step.probability == least,
    )


def _verdict(step: Step) -> tuple[str, str]:
    if step.kind is LinkKind.MERGE:
        return "merge", f"merged {step.previous} into {step.identity}"
    if step.kind is LinkKind.SPLIT:
        return "split", f"moved from {step.previous} to {'new ' * step.is_new}{step.identity}"
    return ("new", f"new identity {step.identity}") if step.is_new else ("link", f"linked to {step.identity}")


def _since(step: Step, *, dated: bool) -> str:
    if step.kind is LinkKind.MERGE:
        return f"decided {_clock(step.time, dated=dated)}"
    if step.last is None:
        return "first seen"
    gap = step.sighting.start - step.last.end
    if gap < 0:
        return f"overlaps {name_of(step.last.key)} by {-gap:.1f} s"
    return f"{_duration(gap)} after {name_of(step.last.key)}"


def _panel(compared: Compared, crops: Mapping[TrackletKey, Crops], *, dated: bool) -> Panel:
    seen = compared.sighting
    return Panel(
        compared.role in (Role.CHOSEN, Role.MERGED),
        f"identity {compared.identity}, {_ROLES[compared.role]}",
        "no other track of it" if seen is None else f"{name_of(seen.key)}, {_clock(seen.start, dated=dated)}",
        compared.distance,
        Crops(()) if seen is None else crops[seen.key],
    )


def percent(probability: float) -> str:
    """A probability for people: what is not quite certain is not called so.

    >>> percent(0.5), percent(0.998), percent(1.0)
    ('50%', '>99%', '100%')
    """
    return ">99%" if 0.995 <= probability < 1 else f"{probability:.0%}"


def name_of(key: TrackletKey) -> str:
    """A track for people, as in the annotated videos."""
    return f"{key.camera} t{key.track}"


def _span(sighting: Sighting, *, dated: bool) -> str:
    end = _clock(sighting.end, dated=False) if sighting.over else "not over"
    return f"{_clock(sighting.start, dated=dated)} - {end}"


def _clock(time: float, *, dated: bool) -> str:
    """Without the date, which stands above all rows, unless they are of several days."""
    text = clock(time)
    return text if dated or time < WALL_CLOCK else text[11:]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
