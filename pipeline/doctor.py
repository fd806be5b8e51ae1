"""What this machine has, what is missing, and what to do about it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from rich.table import Table
from rich.text import Text

from pipeline.config import load_processing
from pipeline.errors import HandoffError, WeightsError
from pipeline.frames import Frame
from reid.choice import Measured
from reid.embedder import OsnetSettings, measure
from reid.openvino_import import openvino_core
from reid.tracklets import CameraId
from reid.weights import find_weights

_DECODERS, _ENCODER = ("h264", "hevc", "mjpeg"), "libx264"
_FREE_GB = 2.0
_RIVALS = {"lap": ("lapx",), "opencv-python": ("opencv-python-headless", "opencv-contrib-python")}
_SIZE = (720, 1280)  # of the warm-up picture


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; ``remedy`` is empty where all is well."""

    subject: str
    state: str
    remedy: str = ""


def examine(preset: str, changes: Sequence[str] = ()) -> list[Finding]:
    """Look at everything; a check that fails becomes a finding and does not end the others."""
    findings: list[Finding] = []
    for check in (_python, _packages, _torch, _openvino, _codecs, _display, _disk):
        findings += _guarded(check.__name__.strip("_"), check)
    processing = load_processing(preset, changes)
    for section in ("detector", "embedder"):
        settings = getattr(processing, section)
        findings += _guarded(f"{section} weights", lambda s=section, p=settings: _weights(s, p))  # type: ignore[misc]
        findings += _guarded(f"{section} warm-up", lambda s=section, p=settings: _warm_up(s, p))  # type: ignore[misc]
    return findings


def table(findings: Sequence[Finding]) -> Table:
    """The findings for a terminal."""
    result = Table("", "checked", "found", "what to do", box=None, pad_edge=False)
    for column in result.columns:
        column.overflow = "fold"  # a path is of use only as a whole
    for finding in findings:
        mark = "[red]x[/]" if finding.remedy else "[green]ok[/]"
        result.add_row(mark, *(Text(text) for text in (finding.subject, finding.state, finding.remedy)))
    return result


def _guarded(subject: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except HandoffError as error:
        return [Finding(subject, "not usable", str(error))]
    except Exception as error:  # the report must come to its end on a broken machine, that is what it is for
        return [Finding(subject, f"fails: {error!r}", "install the requirements again: make install")]


def _python() -> Iterator[Finding]:
    state = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("python", state, "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer")


def _packages() -> Iterator[Finding]:
    for package, rivals in _RIVALS.items():
        for rival in rivals:
            try:
                found = version(rival)
            except PackageNotFoundError:
                continue
            remedy = f"both install the same files: pip uninstall {rival} {package}; pip install {package}"
            yield Finding(package, f"beside {rival} {found}", remedy)


def _torch() -> Iterator[Finding]:
    import torch

    yield Finding("torch", f"{torch.__version__}, {torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        yield Finding("cuda", f"{torch.cuda.get_device_name(0)}, {memory:.0f} GB")
    else:
        yield Finding("cuda", "no device; models run on the CPU")


def _openvino() -> Iterator[Finding]:
    core = openvino_core()
    for device in core.available_devices:
        name = core.get_property(device, "FULL_DEVICE_NAME")
        precisions = [
            c
            for c in core.get_property(device, "OPTIMIZATION_CAPABILITIES")
            if c in {"FP32", "FP16", "BF16", "INT8"}
        ]
        yield Finding(f"openvino {device}", f"{name}: {', '.join(sorted(precisions))}")


def _codecs() -> Iterator[Finding]:
    import av

    missing = [codec for codec in (*_DECODERS, _ENCODER) if codec not in av.codecs_available]
    remedy = f"this build of PyAV lacks {', '.join(missing)}: pip install --force-reinstall av" if missing else ""
    yield Finding("video codecs", f"PyAV {av.__version__}: {', '.join(_DECODERS)} in, {_ENCODER} out", remedy)


def _display() -> Iterator[Finding]:
    there = sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    yield Finding("display", "there" if there else "none; --show will not work, everything else does")


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    remedy = (
        "" if free >= _FREE_GB else "an hour of annotated video takes about 1 GB: free some space or set --output"
    )
    yield Finding("disk", f"{free:.1f} GB free here", remedy)


def _weights(section: str, settings: object) -> Iterator[Finding]:
    weights = getattr(settings, "weights", None)
    if weights is None:
        yield Finding(f"{section} weights", f"{getattr(settings, 'type', '?')} needs none")
        return
    try:
        yield Finding(f"{section} weights", str(find_weights(weights, setting=f"{section}.weights")))
    except WeightsError as error:
        bare = section == "detector" and weights == Path(weights).name and weights.endswith(".pt")
        download = "; where there is a network, the first run downloads an official model" if bare else ""
        yield Finding(f"{section} weights", "not found", f"{error}{download}")


def _warm_up(section: str, settings: object) -> Iterator[Finding]:
    """Build the part and time it on one picture; silent where its weights are missing, which is said above."""
    weights = getattr(settings, "weights", None)
    if getattr(settings, "type", "") == "recorded":
        return
    if weights is not None:
        try:
            find_weights(weights, setting=f"{section}.weights")
        except WeightsError:
            return
    started = time.perf_counter()
    part = settings.build()  # type: ignore[attr-defined]
    built = time.perf_counter() - started
    image = np.full((*_SIZE, 3), 128, np.uint8)
    if section == "detector":
        frame, what = Frame(CameraId("warm-up"), 0, 0.0, image), "a 720p frame"
        milliseconds = _timed(lambda: part.detect([frame]))
    else:
        boxes, what = np.tile(np.array([[100, 100, 200, 400]], np.float32), (8, 1)), "8 crops"
        milliseconds = _timed(lambda: part.embed([image], [boxes]))
    how = getattr(part, "description", "")
    part.close()
    yield Finding(
        f"{section} warm-up", f"ready in {built:.1f} s; {milliseconds:.1f} ms for {what}{how and '; ' + how}"
    )
    if isinstance(settings, OsnetSettings):
        for measured in measure(settings):
            yield _runtime(measured, chosen=measured.name == part.runtime)


def _runtime(measured: Measured, *, chosen: bool) -> Finding:
    """What one runtime does here; which is used is said above, and no fault is found with the others."""
    parity = measured.parity
    verdict = f"{parity}: {'passes' if parity.passed else 'does not pass'}" if parity else "the reference"
    state = f"{measured.crops_per_second:.0f} crops a second; {verdict}"
    return Finding(f"embedder in {measured.name}", f"{state}; this is used" if chosen else state)


def _timed(call: Callable[[], object]) -> float:
    """Median milliseconds of five calls after one."""
    call()
    times = []
    for _ in range(5):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return 1e3 * float(np.median(times))
