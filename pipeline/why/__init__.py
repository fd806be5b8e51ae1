"""`run.py why`: one page and one picture that show why tracks have an identity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.sinks.base import writing
from pipeline.why import crops, story
from pipeline.why.rows import Report, report_of
from reid.tracklets import TrackletKey

__all__ = ["Explained", "Report", "explain"]


@dataclass(frozen=True, slots=True)
class Explained:
    """What was written, and what is in it."""

    page: Path
    picture: Path
    report: Report


def explain(run: Path, identity: int, output: Path, track: TrackletKey | None = None) -> Explained:
    """Write ``why_<identity>.html`` and ``why_<identity>.png`` into ``output``, which is made where it is missing.

    Args:
        run: folder of the run.
        identity: its number.
        output: folder.
        track: show this one only.

    Raises:
        RunError: if run, identity or track are not there.
        RecordingError: if the run's recording is damaged.
        OutputError: if the files cannot be written.
    """
    told = story.read(run, identity, track)
    shown = {step.sighting.key for step in told.steps}
    shown |= {other.sighting.key for step in told.steps for other in step.compared if other.sighting is not None}
    report = report_of(told, crops.collect(run, shown))
    from pipeline.why import page, picture

    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
    files = output / f"why_{identity}.html", output / f"why_{identity}.png"
    with writing(files[0]):
        files[0].write_text(page.html_of(report), encoding="utf-8")
    with writing(files[1]):
        files[1].write_bytes(picture.png_of(report))
    return Explained(*files, report)
