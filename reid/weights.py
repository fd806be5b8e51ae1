"""Finds, checks and loads weight files; importing this pulls in no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reid.errors import WeightsError

if TYPE_CHECKING:
    from reid.osnet import OSNet

ROOT = Path(__file__).resolve().parent.parent


def find_weights(weights: str, *, setting: str) -> Path:
    """The file or folder that a setting names: absolute, below the current folder, or below the program's.

    Args:
        weights: as configured.
        setting: the setting's name, for the message.

    Raises:
        WeightsError: with every place that was looked at.
    """
    places = list(dict.fromkeys([Path(weights).expanduser().absolute(), (ROOT / weights).absolute()]))
    for place in places:
        if place.exists():
            return place
    looked = " and ".join(str(place) for place in places)
    raise WeightsError(
        f"{weights}: not found (looked at {looked}); put the file there or set {setting} to its path"
    )


def sha256_of(path: Path) -> str:
    """sha256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_osnet(path: Path, architecture: str | None = None) -> tuple[OSNet, str]:
    """An OSNet in eval mode with the weights of a checkpoint, whose classifier is dropped, and its architecture.

    Args:
        path: a state dict as torchreid or `reid train` saves it, alone or under "state_dict".
        architecture: a key of `reid.osnet.ARCHITECTURES`; found out from the shapes when None.

    Raises:
        WeightsError: if the file is no checkpoint, or does not fit an OSNet or the one asked for.
    """
    from reid.osnet import ARCHITECTURES, create_osnet

    state = _state_dict(path)
    fitting = [name for name in ARCHITECTURES if _fits(state, name)]
    if not fitting:
        raise WeightsError(
            f"{path}: not the weights of an OSNet ({len(state)} tensors; keys or shapes differ from all of: "
            f"{', '.join(ARCHITECTURES)})"
        )
    if architecture is not None and architecture not in fitting:
        raise WeightsError(
            f"{path}: weights of {fitting[0]}, but embedder.architecture is {architecture}; "
            "set it to the former or leave it out"
        )
    network = create_osnet(architecture or fitting[0])
    network.load_state_dict(state, strict=True)
    return network.eval(), architecture or fitting[0]


def _state_dict(path: Path) -> dict[str, Any]:
    """The tensors of a checkpoint without the classifier, keys as torchreid names them."""
    import pickle

    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        reason = str(error).split("\n", 1)[0][:120]
        raise WeightsError(
            f"{path}: not a readable checkpoint, perhaps cut short: {reason}; fetch it again"
        ) from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(torch.is_tensor(value) for value in content.values()):
        raise WeightsError(f"{path}: not a checkpoint: a dict of tensors is wanted, got {type(content).__name__}")
    state = {str(key).removeprefix("module."): value for key, value in content.items()}
    return {key: value for key, value in state.items() if not key.startswith("classifier.")}


def _fits(state: dict[str, Any], name: str) -> bool:
    import torch

    from reid.osnet import create_osnet

    with torch.device("meta"):
        wanted = create_osnet(name).state_dict()
    return wanted.keys() == state.keys() and all(wanted[key].shape == state[key].shape for key in wanted)
