"""Finds, checks and loads weight files; importing this pulls in no torch."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reid.errors import WeightsError

if TYPE_CHECKING:
    from reid.osnet import OSNet

ROOT = Path(__file__).resolve().parent.parent


def find_weights(weights: str, *, setting: str) -> Path:
    """The file or folder that a setting names: absolute, below the current folder, the program's, or its weights/.

    Args:
        weights: as configured.
        setting: the setting's name, for the message.

    Raises:
        WeightsError: with every place that was looked at.
    """
    wanted = Path(os.path.expanduser(weights))  # noqa: PTH111 - Path's raises where nobody has that name
    ours = [ROOT / wanted] if wanted.parts[:1] == ("weights",) else [ROOT / wanted, ROOT / "weights" / wanted]
    places = list(dict.fromkeys([wanted.absolute(), *ours]))
    for place in places:
        if os.path.exists(place):  # noqa: PTH110 - Path's raises where the name is too long or a folder is closed
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
        architecture: a key of `reid.osnet.ARCHITECTURES`; found out from keys and shapes when None.

    Raises:
        WeightsError: if the file is no checkpoint, or does not fit an OSNet or the one asked for.
    """
    from reid.osnet import ARCHITECTURES, create_osnet

    state = _read_state(path)
    found = _architecture_of(state)
    if found is None:
        raise WeightsError(
            f"{path}: not the weights of an OSNet ({len(state)} tensors); "
            f"wanted is one of: {', '.join(ARCHITECTURES)}"
        )
    if architecture not in (None, found):
        raise WeightsError(
            f"{path}: weights of {found}, but embedder.architecture is {architecture}; "
            f"set it to {found} or leave it out"
        )
    network = create_osnet(found)
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(f"{path}: looks like {found} but does not fit it: {reason}") from None
    return network.eval(), found


def _read_state(path: Path) -> dict[str, Any]:
    """The tensors of a checkpoint without the classifier, keys as torchreid names them."""
    import pickle

    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (PermissionError, IsADirectoryError) as error:
        raise WeightsError(
            f"{path}: cannot be read: {error.strerror}; give the checkpoint's file and check its rights"
        ) from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError):
        raise WeightsError(
            f"{path}: not a readable checkpoint: of another format, damaged, or cut short; "
            "an OSNet state dict saved by torch (.pth) is wanted, so fetch it again or name another file"
        ) from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(torch.is_tensor(value) for value in content.values()):
        raise WeightsError(f"{path}: not a checkpoint: a dict of tensors is wanted, got {type(content).__name__}")
    state = {str(key).removeprefix("module."): value for key, value in content.items()}
    broken = [key for key, value in state.items() if not torch.isfinite(value).all()]
    if broken:
        raise WeightsError(
            f"{path}: {broken[0]} holds values that are not finite; the training that wrote it failed"
        )
    return {key: value for key, value in state.items() if not key.startswith("classifier.")}


def _architecture_of(state: dict[str, Any]) -> str | None:
    """The network that a few telling keys and one shape point to."""
    from reid.osnet import ARCHITECTURES

    stem = state.get("conv1.conv.weight")
    for name, architecture in ARCHITECTURES.items():
        if (
            stem is not None
            and len(stem) == architecture.channels[0]
            and ("conv1.bn.running_mean" not in state) == architecture.stem_norm
            and ("conv2.0.conv2.0.layers.0.conv1.weight" in state) == architecture.ain
        ):
            return name
    return None
