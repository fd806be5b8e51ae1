"""Trackers, ours and the peers, each run on a recorded sequence in a process of its own; results are kept."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from benchmarks.streams import ROOT
from pipeline.scores import Annotations, Scores, score

NO_EMBEDDER = "none"
SYNTHETIC = "synthetic"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
FloatArray = npt.NDArray[np.float64]


class RunFailedError(Exception):
    """A tracker's process failed or took too long."""


@dataclass(frozen=True, eq=False)
class Recording:
    """What the harness needs of a recorded sequence; the trackers' processes read the rest.

    Attributes:
        path: of the file.
        embedders: those whose embeddings it holds.
        truth: (G, 6) float64: frame from 1, id, x1, y1, x2, y2 of the counted pedestrians.
        checksums: CRC-32 of each array.
    """

    path: Path
    embedders: tuple[str, ...]
    truth: FloatArray
    checksums: dict[str, int]

    @property
    def name(self) -> str:
        """Of the sequence."""
        return self.path.stem

    def embedders_for(self, wanted: Sequence[str]) -> list[str]:
        """Those wanted that it holds; without any, its synthetic ones or none at all."""
        found = [name for name in wanted if name in self.embedders or name == NO_EMBEDDER]
        return found or [SYNTHETIC if SYNTHETIC in self.embedders else NO_EMBEDDER]


def read_sequence(path: Path) -> Recording:
    """Read a file of `times`, `off`, `dets`, `gt`, `W`, `H` and one `emb_NAME` for each embedder."""
    with np.load(path) as arrays:
        truth = arrays["gt"][:, :6].astype(np.float64)
        embedders = tuple(name.removeprefix("emb_") for name in arrays.files if name.startswith("emb_"))
    with zipfile.ZipFile(path) as archive:
        checksums = {member.filename.removesuffix(".npy"): member.CRC for member in archive.infolist()}
    return Recording(path, embedders, truth, checksums)


@dataclass(frozen=True)
class Contestant:
    """A tracker that can be run.

    Attributes:
        name: as tables show it.
        command: what comes before SEQUENCE RESULT on its command line (see `benchmarks.peers.replay`).
        version: changes when the tracker may return something else.
        appearance: "needs" embeddings, "uses" them where there are any, or "ignores" them.
    """

    name: str
    command: tuple[str, ...]
    version: str
    appearance: Literal["needs", "uses", "ignores"]

    def embedder(self, wanted: str) -> str | None:
        """What it is run with when ``wanted`` is asked for; None: it cannot be run."""
        if wanted == NO_EMBEDDER and self.appearance == "needs":
            return None
        return NO_EMBEDDER if self.appearance == "ignores" else wanted


@dataclass(frozen=True, eq=False)
class Result:
    """What a tracker returned and what it cost.

    Attributes:
        rows: (K, 6) frame from 1, id, x1, y1, x2, y2.
        milliseconds: (F,) wall time of each update.
        cpu_milliseconds: (F,) processor time of the thread in each update.
        memory: greatest growth of the process over all frames, MiB.
    """

    rows: FloatArray
    milliseconds: FloatArray
    cpu_milliseconds: FloatArray
    memory: float


def run(contestant: Contestant, recording: Recording, embedder: str, seconds: float) -> Result:
    """Run a tracker on one thread.

    Raises:
        RunFailedError: if the process fails, or takes longer than ``seconds``, its start included.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= dict.fromkeys(THREAD_VARIABLES, "1")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.npz"
        command = [*contestant.command, str(recording.path.resolve()), str(file), "--embedder", embedder]
        try:
            subprocess.run(
                command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            raise RunFailedError(f"{contestant.name}, {recording.name}: more than {seconds:g} s") from None
        except subprocess.CalledProcessError as error:
            last = (error.stderr.strip() or "no message").splitlines()[-1]
            raise RunFailedError(f"{contestant.name}, {recording.name}: {last}") from None
        return _load(file)


def _load(file: Path) -> Result:
    with np.load(file) as arrays:
        return Result(arrays["rows"], arrays["milliseconds"], arrays["cpu_milliseconds"], float(arrays["memory"]))


@dataclass(frozen=True)
class Cache:
    """Results in a folder; whatever may change a result is part of its file's name."""

    folder: Path

    def file(self, contestant: Contestant, recording: Recording, embedder: str) -> Path:
        """Where a result is kept."""
        read = ("times", "off", "dets", f"emb_{embedder}")
        arrays = [recording.checksums.get(name) for name in read]
        key = json.dumps([contestant.command, contestant.version, embedder, arrays])
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        return self.folder / recording.name / f"{contestant.name}-{embedder}-{digest}.npz".replace("/", "_")

    def get(self, contestant: Contestant, recording: Recording, embedder: str) -> Result | None:
        """A result, if it is there."""
        file = self.file(contestant, recording, embedder)
        return _load(file) if file.exists() else None

    def put(self, contestant: Contestant, recording: Recording, embedder: str, result: Result) -> None:
        """Keep a result; the file appears whole or not at all."""
        file = self.file(contestant, recording, embedder)
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part")
        with unfinished.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **asdict(result))
        unfinished.replace(file)

    def scores(self, recording: Recording, result: Result) -> Scores:
        """The scores of a result, kept by its rows and the truth."""
        key = hashlib.sha256(np.ascontiguousarray(result.rows).tobytes())
        key.update(str(recording.checksums["gt"]).encode())
        file = self.folder / recording.name / f"{key.hexdigest()[:16]}.json"
        if file.exists():
            return Scores(**json.loads(file.read_text("utf-8")))
        scores = score(as_annotations(recording.truth), as_annotations(result.rows))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(scores)), "utf-8")
        return scores


def as_annotations(rows: FloatArray) -> Annotations:
    """Rows (K, 6) as the scoring takes them."""
    boxes = np.concatenate([rows[:, 2:4], rows[:, 4:6] - rows[:, 2:4]], axis=1)
    return Annotations(rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), boxes)


@dataclass(frozen=True, eq=False)
class Outcome:
    """All runs of one tracker on one sequence; `embedder` is the one asked for."""

    contestant: Contestant
    recording: Recording
    embedder: str
    results: list[Result]

    def wall(self, percentile: float) -> float:
        """Milliseconds a frame, the median over the runs."""
        return float(np.median([np.percentile(result.milliseconds, percentile) for result in self.results]))

    def cpu(self, percentile: float) -> float:
        """The same of the processor time."""
        return float(np.median([np.percentile(result.cpu_milliseconds, percentile) for result in self.results]))

    @property
    def memory(self) -> float:
        """MiB, the median over the runs."""
        return float(np.median([result.memory for result in self.results]))


@dataclass(frozen=True)
class Plan:
    """How runs are done: ``repeat`` rounds of at most ``seconds`` a run; what fails is told to ``tell``."""

    cache: Cache
    repeat: int
    seconds: float

    def outcomes(
        self, contestants: Sequence[Contestant], recording: Recording, embedder: str
    ) -> Iterator[Outcome | RunFailedError]:
        """Run all on one sequence, in the order given.

        With one round a kept result stands in for a run. With more, whose purpose is the time, everything is run,
        the trackers in turn: A B C A B C.
        """
        results: dict[str, list[Result]] = {contestant.name: [] for contestant in contestants}
        failed: dict[str, RunFailedError] = {}
        for _ in range(self.repeat):
            for contestant in contestants:
                given = contestant.embedder(embedder)
                if given is None or contestant.name in failed:
                    continue
                try:
                    results[contestant.name].append(self._result(contestant, recording, given))
                except RunFailedError as error:
                    failed[contestant.name] = error
        for contestant in contestants:
            if contestant.name in failed:
                yield failed[contestant.name]
            elif results[contestant.name]:
                yield Outcome(contestant, recording, embedder, results[contestant.name])

    def _result(self, contestant: Contestant, recording: Recording, embedder: str) -> Result:
        kept = self.cache.get(contestant, recording, embedder) if self.repeat == 1 else None
        if kept is not None:
            return kept
        result = run(contestant, recording, embedder, self.seconds)
        self.cache.put(contestant, recording, embedder, result)
        return result
