"""The interface of a camera's source, and the settings of a camera."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Protocol

from pydantic import BaseModel, BeforeValidator, Field, field_validator

from pipeline.frames import CameraInfo, Frame
from reid.tracklets import CameraId


def _to_seconds(value: object) -> object:
    """A date and time (UTC where it names no zone) as Unix seconds; seconds and None unchanged."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise ValueError("must be a date and time, as in 2026-03-01T09:00:00Z, or a number of seconds")


class CameraSettings(BaseModel, frozen=True, extra="forbid"):
    """One entry of `cameras` in cams.yaml."""

    name: CameraId = Field(
        description="Unique; also the name of the camera's output files.", min_length=1, max_length=100
    )
    source: str | int = Field(
        description="Video file, folder of images, rtsp:// or http(s):// URL, or the number of a webcam. "
        "Relative paths start at the folder of cams.yaml. ${NAME} is replaced from the environment.",
    )
    start: Annotated[Annotated[float, Field(allow_inf_nan=False)] | None, BeforeValidator(_to_seconds)] = Field(
        None,
        description="Files: wall clock of the first frame, as date and time (UTC where no zone is given) or "
        "seconds. Default 0 s. All files of a run must have one or none.",
    )
    fps: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="Frames per second, where the file's own clock is wrong or it has none (images).",
    )
    roi: tuple[int, int, int, int] | None = Field(
        None, description="Part of the picture to use: left, top, right, bottom in pixels."
    )

    @field_validator("name")
    @classmethod
    def _usable_as_file_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._ -]*", name) or name.endswith((".", " ")):
            raise ValueError(
                "must be usable as a file name: letters, digits, '.', '_', '-' and spaces, starting with a letter "
                "or digit"
            )
        return name

    @field_validator("source", mode="before")
    @classmethod
    def _names_a_place(cls, source: object) -> object:
        number = isinstance(source, int) and not isinstance(source, bool) and source >= 0
        if number or (isinstance(source, str) and source):
            return source
        raise ValueError("must be a path, a URL, or the number of a webcam")

    @field_validator("roi")
    @classmethod
    def _roi_not_empty(cls, roi: tuple[int, int, int, int] | None) -> tuple[int, int, int, int] | None:
        if roi is not None and not (0 <= roi[0] < roi[2] and 0 <= roi[1] < roi[3]):
            raise ValueError("must be [left, top, right, bottom] with 0 <= left < right and 0 <= top < bottom")
        return roi


class Source(Protocol):
    """An opened camera. Not thread-safe: one reader calls `frames`, then `close`."""

    @property
    def info(self) -> CameraInfo:
        """Name, size, rate and kind, known once the source is open."""

    def frames(self) -> Iterator[Frame]:
        """Yield frames in order of time, each with a strictly greater time than the one before.

        Raises:
            SourceError: when the source breaks off (frames yielded so far stay valid).
        """

    def close(self) -> None:
        """Release the file or connection; may be called twice and from another thread."""
