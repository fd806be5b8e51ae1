"""The identity store as a sink: what is decided goes into it, and the linker goes on from what it holds."""

from __future__ import annotations

import hashlib
import logging
import time
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, field_validator

from pipeline.frames import FrameResult
from pipeline.sinks.base import SinkSite
from reid.base import Linker
from reid.store import IdentityStore, RunInfo
from reid.store_file import files_of
from reid.tracklets import TrackletKey
from trackers.tracks import TrackState

_LEARNED = 10.0  # seconds between copies of what the linker has learned

log = logging.getLogger(__name__)


class StoreSettings(BaseModel, frozen=True, extra="forbid"):
    """People, tracklets, embeddings and decisions in an SQLite file, which later runs can go on from."""

    type: Literal["store"] = "store"
    path: str = Field(
        "identities.db",
        min_length=1,
        description="A file name lies in the run's folder and is part of the run; an absolute path serves several "
        "runs and is never deleted.",
    )
    retention_days: float = Field(
        30.0, gt=0, description="Days, on the cameras' clock, after which a track that ended is removed."
    )
    max_mb: float = Field(
        1000.0, ge=8, description="Most that file and log may take, in 10^6 bytes; the oldest tracks make room."
    )

    @field_validator("path")
    @classmethod
    def _name_or_absolute(cls, path: str) -> str:
        place = Path(path).expanduser()
        if not place.is_absolute() and (place.name != path or path == ".."):
            raise ValueError("must be a file name, which lies in the run's folder, or an absolute path")
        return str(place)

    @property
    def is_shared(self) -> bool:
        """Whether it outlives the run's folder."""
        return Path(self.path).is_absolute()

    def place(self, output: Path) -> Path:
        """Where the store of a run lies."""
        return output / self.path  # an absolute path stays what it is

    def build(self, site: SinkSite) -> StoreSink:
        """A sink whose store is open; raises StoreError."""
        return StoreSink(self, site)


def store_files(settings: StoreSettings) -> list[str]:
    """Names of the files that the sink can write into the run's folder."""
    return [] if settings.is_shared else [path.name for path in files_of(Path(settings.path))]


class StoreSink:
    """Each result with news is committed before `write` returns. Memory: the keys of the tracks in view."""

    def __init__(self, settings: StoreSettings, site: SinkSite) -> None:
        record = site.output / "run.yaml"
        digest = hashlib.sha256(record.read_bytes()).hexdigest() if record.exists() else ""
        run = RunInfo(str(site.output.resolve()), digest, site.embedder)
        bounds = {"retention_days": settings.retention_days, "max_mb": settings.max_mb}
        self.store = IdentityStore(settings.place(site.output), run, **bounds)
        self._linker: Linker | None = None
        self._in_view: set[TrackletKey] = set()
        self._saved = time.monotonic()
        self._checked = False

    def connect(self, linker: Linker, identities: int, tracklets: int) -> int:
        """Tell a linker what earlier runs knew, and keep what it learns.

        Args:
            linker: before its first frame.
            identities: most people that it remembers.
            tracklets: most tracklets that it remembers of each.

        Returns:
            The first number that a new person gets.
        """
        known = self.store.known(identities, tracklets)
        linker.remember(known, self.store.next_identity, self.store.learned())
        self._linker = linker
        if known:
            log.info("%s: %d people known from earlier runs", self.store.path, len(known))
        if strangers := self.store.strangers():
            log.warning(
                "%s: %d people were seen with another embedder and cannot be recognised; use the embedder of "
                "those runs, or another store",
                self.store.path,
                strangers,
            )
        return self.store.next_identity

    def write(self, result: FrameResult) -> None:
        """Store what began, changed, ended or was decided."""
        for track in result.tracks:
            key = TrackletKey(result.camera, track.id)
            if track.state is TrackState.ENDED:
                self._in_view.discard(key)
            else:
                self._in_view.add(key)
        if not self._checked:
            self._check_clock(result.time)
        if result.links or result.tracklets:
            self.store.write(result.time, result.links, result.tracklets, self._in_view)
        if time.monotonic() - self._saved > _LEARNED:
            self._save_learned()

    def close(self) -> None:
        """Finish the run in the store."""
        try:
            self._save_learned()
        finally:
            self.store.close()

    def _save_learned(self) -> None:
        if self._linker is not None:
            self.store.save_learned(self._linker.learned())
        self._saved = time.monotonic()

    def _check_clock(self, now: float) -> None:
        """The same hours twice: nobody can be recognised in them, as one person is in one place at a time."""
        self._checked = True
        last = self.store.last_time()
        if last is not None and now <= last:
            log.warning(
                "%s: holds tracks up to %.0f s later than this run begins; people of that time are taken for "
                "others. Give the cameras their true `start`, or use another store",
                self.store.path,
                last - now,
            )
