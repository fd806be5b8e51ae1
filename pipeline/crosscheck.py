"""Rules of a configuration that no single setting can tell: over several cameras, links or sinks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.faults import Fault, nearest
from pipeline.sources.address import URL_SCHEMES, is_live, is_undecided, scheme, substituted


def cross_faults(data: dict[str, Any]) -> list[Fault]:
    """Rules over several cameras, links or sinks, on data that may have other faults."""
    cameras = [camera if isinstance(camera, dict) else {} for camera in _list(data.get("cameras"))]
    links = [link if isinstance(link, dict) else {} for link in _list(data.get("links"))]
    kinds = kinds_of(_list(data.get("sinks")))
    return [
        *_name_faults(cameras),
        *_source_faults(cameras),
        *_clock_faults(cameras),
        *_link_faults(links, cameras),
        *_sink_faults(kinds),
    ]


def _name_faults(cameras: Sequence[dict[str, Any]]) -> Iterator[Fault]:
    first_with: dict[str, int] = {}
    for index, camera in enumerate(cameras):
        if "name" not in camera:
            continue
        before = first_with.setdefault(str(camera["name"]).casefold(), index)
        if before != index:
            text = (
                f"'{camera['name']}' is taken by cameras[{before}]; names must differ, also without regard to case"
            )
            yield ("cameras", index, "name"), text


def _source_faults(cameras: Sequence[dict[str, Any]]) -> Iterator[Fault]:
    for index, camera in enumerate(cameras):
        source = camera.get("source")
        kind = scheme(substituted(source)) if isinstance(source, str) else None
        if kind is not None and kind not in URL_SCHEMES:
            yield ("cameras", index, "source"), f"{kind}:// is not supported{nearest(kind, URL_SCHEMES)}"


def _clock_faults(cameras: Sequence[dict[str, Any]]) -> Iterator[Fault]:
    """Files that share no clock with the other cameras would be linked wrongly without a word."""
    live = [index for index, camera in enumerate(cameras) if is_live(camera.get("source", ""))]
    timed = [index for index, camera in enumerate(cameras) if camera.get("start") is not None or index in live]
    for index in range(len(cameras)):
        if timed and index not in timed and not is_undecided(cameras[index].get("source")):
            has = "is live" if timed[0] in live else "has one"
            text = f"is missing, but cameras[{timed[0]}] {has}; files need it to share a clock with the others"
            yield ("cameras", index, "start"), text


def _link_faults(links: Sequence[dict[str, Any]], cameras: Sequence[dict[str, Any]]) -> Iterator[Fault]:
    names = [str(camera.get("name")) for camera in cameras]
    for index, link in enumerate(links):
        ends = link.get("from"), link.get("to")
        for key, name in zip(("from", "to"), ends, strict=True):
            if name is not None and name not in names:
                yield ("links", index, key), f"no camera is called '{name}'" + nearest(str(name), names)
        if ends[0] is not None and ends[0] == ends[1]:
            yield ("links", index), "must join two cameras; people can always come back to the same one"
        pairs = [(other.get("from"), other.get("to")) for other in links[:index]]
        if None not in ends and ends in pairs:
            yield ("links", index), f"has the same cameras as links[{pairs.index(ends)}]; keep one of the two"


def _sink_faults(kinds: Sequence[object]) -> Iterator[Fault]:
    for index, kind in enumerate(kinds):
        if kind is not None and kind in kinds[:index]:
            yield ("sinks", index), f"'{kind}' stands here twice; the two would write the same files"


def kinds_of(sinks: list[Any]) -> list[object]:
    """The type of each sink, None where it has none."""
    return [sink.get("type") if isinstance(sink, dict) else None for sink in sinks]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
