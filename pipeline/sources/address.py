"""What `source` in cams.yaml means: variables, schemes, and how it is shown without its secrets."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.sources.base import CameraSettings

URL_SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https", "udp")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_VARIABLE = re.compile(r"\$\{(\w+)\}")

# Everything up to the last '@', because passwords hold '@' and '/' too; only where "host/" or "host.name:port/"
# stands in front does the '@' belong to the path.
_USERINFO = re.compile(r"://(?![^/?#\s:@]*(?:\.[^/?#\s:@]*:\d+)?[/?#])\S*@")
_SECRET = re.compile(
    r"(?i)((?:^|[?&;/_.-])(?:password|passwd|passphrase|pass|pwd|psw|token|secret|key|api_?key|sig|signature|auth)=)"
    r"[^&;/\s]+"
)


def redact(source: str | int) -> str:
    """The source, or a text that holds one, without passwords: fit for messages, logs and files.

    >>> redact("rtsp://admin:hunter2@10.0.0.7/stream?channel=1&token=abc")
    'rtsp://***@10.0.0.7/stream?channel=1&token=***'
    """
    return _SECRET.sub(r"\1***", _USERINFO.sub("://***@", str(source)))


def expand(settings: CameraSettings) -> str:
    """The source of a camera with every ``${NAME}`` replaced from the environment.

    Raises:
        SourceError: if a variable is not set.
    """
    source = str(settings.source)
    if "***@" in source:
        raise SourceError(
            f"{label(settings)}: its credentials were left out of this file; put them back, best as ${{NAME}}, "
            "which is replaced from the environment"
        )
    missing = sorted({name for name in _VARIABLE.findall(source) if name not in os.environ})
    if missing:
        raise SourceError(
            f"{label(settings)}: the environment variable {', '.join(missing)} is not set; set it before the "
            f"start, for example: export {missing[0]}=..."
        )
    return _VARIABLE.sub(lambda match: os.environ[match[1]], source)


def scheme(source: str) -> str | None:
    """The scheme of a URL in lower case; None for a path."""
    match = _SCHEME.match(source)
    return match[1].lower() if match else None


def is_live(source: object) -> bool:
    """Whether a source is a stream or a webcam, which may come back, and not a file, which will not appear."""
    return isinstance(source, int) or (isinstance(source, str) and (source.isdigit() or "://" in source))


def label(settings: CameraSettings, place: str | Path | None = None) -> str:
    """How messages name a camera: its name and where it comes from.

    A URL is shown as it stands in cams.yaml, so that what came from the environment stays there.
    """
    return f"camera {settings.name}: {redact(settings.source) if place is None else place}"
