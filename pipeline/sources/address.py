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
_PIECES = re.compile(r"(\$\{\w+\})")

# Everything up to the last '@', because passwords hold '@' and '/' too; only where "host/" or "host.name:port/"
# stands in front does the '@' belong to the path.
_USERINFO = re.compile(r"://(?![^/?#\s:@]*(?:\.[^/?#\s:@]*:\d+)?[/?#])\S*@")
_SECRET = re.compile(
    r"(?i)((?:^|[?&;/])"
    r"(?:[\w.-]*(?:pass|psw|pwd|pw|token|key|auth|secret)[\w.-]*|[\w.-]*pas|(?:[\w.-]*[_.-])?sig(?:nature)?)=)"
    r"([^&;/\s]+)"
)
_LEFT_OUT = re.compile(r"(?<=[/:=}])\*\*\*(?=\$\{|[@&;/\s]|$)")  # what `redact` and `lasting` leave behind


def redact(source: str | int) -> str:
    """The source, or a text that holds one, without passwords: fit for messages, logs and files.

    >>> redact("rtsp://admin:hunter2@10.0.0.7/stream?channel=1&token=abc")
    'rtsp://***@10.0.0.7/stream?channel=1&token=***'
    """
    return _SECRET.sub(r"\1***", _USERINFO.sub("://***@", str(source)))


def lasting(source: str | int, folder: Path) -> str | int:
    """The source as run.yaml holds it: found from anywhere, without secrets, every ``${NAME}`` kept.

    Args:
        source: as in cams.yaml.
        folder: where relative paths start.

    >>> lasting("rtsp://${USER}:hunter2@10.0.0.7/${CHANNEL}", Path())
    'rtsp://${USER}:***@10.0.0.7/${CHANNEL}'
    """
    if isinstance(source, int):
        return source
    if is_live(source):
        text = _USERINFO.sub(lambda match: f"://{_userinfo(match[0][3:-1])}@", source)
        return _SECRET.sub(lambda match: match[1] + _starred(match[2]), text)
    if not _VARIABLE.search(source):
        return str(path_of(source, folder).resolve())
    absolute = _at_home(substituted(source)).is_absolute()  # a variable may hold the folder
    return str(_at_home(source) if absolute else folder.resolve() / source)


def _userinfo(text: str) -> str:
    """Name and password without what is secret; a name may stay where the password is wholly a variable."""
    name, _, password = text.partition(":")
    if not _VARIABLE.search(text):
        return "***"
    if not password:
        return _starred(text)
    return text if _starred(password) == password else f"{_starred(name)}:{_starred(password)}"


def _starred(text: str) -> str:
    """The text with everything between its variables hidden."""
    return "".join(piece if place % 2 else "***" * bool(piece) for place, piece in enumerate(_PIECES.split(text)))


def expand(settings: CameraSettings) -> str:
    """The source of a camera with every ``${NAME}`` replaced from the environment.

    Raises:
        SourceError: if a variable is not set, or credentials were left out.
    """
    source = str(settings.source)
    if is_live(source) and _LEFT_OUT.search(source):
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
    return substituted(source)


def substituted(source: str) -> str:
    """The source with every ``${NAME}`` replaced that the environment has; others stay."""
    return _VARIABLE.sub(lambda match: os.environ.get(match[1], match[0]), source)


def path_of(address: str, folder: Path) -> Path:
    """The absolute path of a file or folder that an expanded source names."""
    return (folder / _at_home(address)).absolute()


def _at_home(text: str) -> Path:
    """The path with ~ and ~name replaced; where nobody has that name it stays, as in a shell."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def scheme(source: str) -> str | None:
    """The scheme of a URL in lower case; None for a path."""
    match = _SCHEME.match(source)
    return match[1].lower() if match else None


def is_live(source: object) -> bool:
    """Whether a source is a stream or a webcam, which may come back, and not a file, which will not appear.

    What the variables stand for decides; as long as they are not set, the text does.
    """
    if not isinstance(source, str):
        return isinstance(source, int)
    source = substituted(source)
    return source.isdecimal() or "://" in source


def is_undecided(source: object) -> bool:
    """Whether a variable that is not set keeps open what a source is; opening it then says so."""
    return isinstance(source, str) and _VARIABLE.search(substituted(source)) is not None


def label(settings: CameraSettings, place: str | Path | None = None) -> str:
    """How messages name a camera: its name and where it comes from.

    A URL is shown as it stands in cams.yaml, so that what came from the environment stays there.
    """
    return f"camera {settings.name}: {redact(settings.source) if place is None else place}"
