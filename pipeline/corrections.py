"""What a person has decided about a run: corrections.yaml in its folder, as constraints on tracks.

Corrections name tracks, not identities, whose numbers may change with the next decision.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from pipeline.errors import RunError
from pipeline.sinks.base import writing
from reid.pair_evidence import Constraints
from reid.tracklets import CameraId, IdentityId, TrackletKey

CORRECTIONS = "corrections.yaml"
_HEAD = "# What a person has decided; `run.py relink` keeps to it. The last entry goes with --undo.\n"


class Merge(BaseModel, frozen=True, extra="forbid"):
    """These tracks are one person."""

    kind: Literal["merge"] = "merge"
    said: str = Field(description="As it was given.")
    tracks: tuple[str, ...] = Field(min_length=2, description="camera/track of each.")


class Split(BaseModel, frozen=True, extra="forbid"):
    """This track is another person than those."""

    kind: Literal["split"] = "split"
    said: str = Field(description="As it was given.")
    track: str = Field(description="camera/track.")
    others: tuple[str, ...] = Field(min_length=1, description="camera/track of each.")


_List = TypeAdapter(list[Merge | Split])


def read(run: Path) -> list[Merge | Split]:
    """The corrections of a run, the oldest first; none if there is no file.

    Raises:
        RunError: if the file is not of this form.
    """
    path = run / CORRECTIONS
    if not path.exists():
        return []
    try:
        return _List.validate_python(yaml.safe_load(path.read_text("utf-8")) or [])
    except (yaml.YAMLError, ValidationError, UnicodeDecodeError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error).splitlines()[0]
        raise RunError(f"{path}: not a list of corrections ({reason}); correct it, or delete it") from None


def write(run: Path, corrections: Sequence[Merge | Split]) -> None:
    """Write the corrections of a run; an empty list removes the file."""
    path = run / CORRECTIONS
    with writing(path):
        if not corrections:
            path.unlink(missing_ok=True)
            return
        text = yaml.safe_dump([each.model_dump(mode="json") for each in corrections], sort_keys=False)
        new = path.with_suffix(".new")
        new.write_text(_HEAD + text, encoding="utf-8")
        new.replace(path)


def constraints(corrections: Iterable[Merge | Split]) -> Constraints:
    """What `reid.clustering.cluster` takes."""
    together = [tuple(key_of(track) for track in each.tracks) for each in corrections if isinstance(each, Merge)]
    apart = [
        (key_of(each.track), key_of(other))
        for each in corrections
        if isinstance(each, Split)
        for other in each.others
    ]
    return Constraints(together, apart)


def merge(first: int, second: int, identities: Mapping[TrackletKey, IdentityId]) -> Merge:
    """Two identities are one person: all of their tracks are.

    Raises:
        RunError: if there is no such identity.
    """
    if first == second:
        raise RunError(f"--merge {first} {second}: is one identity already")
    tracks = [*_tracks_of(first, identities, "--merge"), *_tracks_of(second, identities, "--merge")]
    return Merge(said=f"--merge {first} {second}", tracks=tuple(tracks))


def split(word: str, identities: Mapping[TrackletKey, IdentityId]) -> Split:
    """``5@hall/7``: track 7 of camera hall is not the person of identity 5.

    Raises:
        RunError: if that is not of the form, or the track has another identity.
    """
    identity, separator, track = word.partition("@")
    if not separator or not identity.isdecimal() or "/" not in track:
        raise RunError(f"--split {word}: must be IDENTITY@CAMERA/TRACK, such as 5@hall/7")
    members = _tracks_of(int(identity), identities, "--split")
    if track not in members:
        raise RunError(f"--split {word}: identity {identity} has no track {track}; it has {', '.join(members)}")
    others = tuple(member for member in members if member != track)
    if not others:
        raise RunError(f"--split {word}: identity {identity} has no other track")
    return Split(said=f"--split {word}", track=track, others=others)


def check(corrections: Sequence[Merge | Split]) -> None:
    """Whether all can be true at once.

    Raises:
        RunError: naming the two that cannot.
    """
    group: dict[str, str] = {}

    def root(track: str) -> str:
        while group.setdefault(track, track) != track:
            track = group[track]
        return track

    for each in corrections:
        if isinstance(each, Merge):
            for track in each.tracks[1:]:
                group[root(track)] = root(each.tracks[0])
    for each in corrections:
        if isinstance(each, Split):
            for other in each.others:
                if root(each.track) == root(other):
                    raise RunError(
                        f"{each.said}: an earlier correction says that {each.track} and {other} are one person; "
                        "take that back first, with --undo"
                    )


def without(corrections: Iterable[Merge | Split], tracks: Collection[tuple[str, int]]) -> list[Merge | Split]:
    """Corrections without tracks, given as camera and number; those that say nothing without them go.

    What was said about the others stays in force; the words, which name an identity of that person, go.
    """
    kept: list[Merge | Split] = []
    for each in corrections:
        named = each.tracks if isinstance(each, Merge) else (each.track, *each.others)
        gone = {track for track in named if tuple(key_of(track))[:2] in tracks}
        if not gone:
            kept.append(each)
        elif isinstance(each, Merge):
            others = tuple(track for track in each.tracks if track not in gone)
            if len(others) > 1:
                kept.append(Merge(said="--merge (erased)", tracks=others))
        elif each.track not in gone and len(gone) < len(set(each.others)):
            others = tuple(track for track in each.others if track not in gone)
            kept.append(Split(said="--split (erased)", track=each.track, others=others))
    return kept


def key_of(track: str) -> TrackletKey:
    """camera/track -> key."""
    camera, _, number = track.rpartition("/")
    return TrackletKey(CameraId(camera), int(number))


def name_of(key: TrackletKey) -> str:
    """Key -> camera/track."""
    return f"{key.camera}/{key.track}"


def _tracks_of(identity: int, identities: Mapping[TrackletKey, IdentityId], option: str) -> list[str]:
    tracks = sorted(key for key, own in identities.items() if own == identity)
    if not tracks:
        there = ", ".join(map(str, sorted(set(identities.values()))[:20]))
        raise RunError(f"{option}: there is no identity {identity}; there are {there or 'none'}")
    return [name_of(key) for key in tracks]
