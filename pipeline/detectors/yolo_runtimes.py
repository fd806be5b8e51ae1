"""What runs a YOLO: the interface, finding the weights, and the torch runtime.

This is the only file that imports ultralytics (AGPL), and only for the definition of its networks: checkpoints are
unpickled with it. Neither its predictor nor its tracker is used.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pipeline.detectors.letterbox import Size
from pipeline.detectors.yolo_openvino import Export
from pipeline.detectors.yolo_outputs import Head, head_of, people, person_class
from pipeline.errors import ConfigError, WeightsError
from pipeline.frames import Image
from reid.openvino_import import import_openvino
from reid.weights import ROOT, find_weights
from trackers.tracks import FloatArray

if TYPE_CHECKING:
    import torch

WEIGHTS_FOLDER = ROOT / "weights"  # where official checkpoints are downloaded to
REMEDY = "set detector.weights to a YOLO .pt, .onnx or *_openvino_model folder"

_STRIDE = 32
_PROBE = (2, 64, 96, 3)  # a batch that is cheap and tells batch, height and width apart
_TRACED = (2, 3, 160, 192)  # likewise, with more than the 300 anchors that end-to-end heads choose from


class Runtime(Protocol):
    """A loaded YOLO.

    Attributes:
        head: layout of its output.
        size: height and width of its input where they are fixed, else None.
        stride: what height and width must be multiples of, px.
        batches: forward passes so far.
    """

    head: Head
    size: Size | None
    stride: int
    batches: int

    def run(self, canvases: Image) -> FloatArray:
        """Detect people on canvases (B, H, W, 3) uint8 BGR; gives (B, 5, N), see `yolo_outputs.people`."""

    def close(self) -> None:
        """Release memory; may be called twice."""


class TorchRuntime:
    """A ``.pt`` checkpoint in torch, fused, channels last; float32, or float16 on CUDA.

    Args:
        weights: the checkpoint.
        device: of torch.
        half: compute in float16.

    Raises:
        WeightsError: if the file cannot be read, is no detection model or knows no persons.
    """

    def __init__(self, weights: Path, device: torch.device, half: bool) -> None:
        import torch

        self._torch, self._device = torch, device
        self._type = torch.float16 if half else torch.float32
        model, self._names = _load_checkpoint(weights)
        self._person = person_class(self._names, str(weights))
        self._model: torch.nn.Module | None = model.to(self._device, self._type, memory_format=torch.channels_last)
        _decode_in_float32(model.model[-1])
        self.size: Size | None = None
        self.stride = max(_STRIDE, int(model.stride.max()))
        self.batches = 0
        self.head = head_of(self._forward(np.zeros(_PROBE, np.uint8)).shape, len(self._names), str(weights))

    def run(self, canvases: Image) -> FloatArray:
        """See `Runtime`."""
        self.batches += 1
        output = self._forward(canvases)
        if self.head is Head.DENSE:  # only the rows of people leave the device
            output = output[:, [0, 1, 2, 3, 4 + self._person]]
            return np.asarray(output.float().cpu().numpy())
        return people(output.float().cpu().numpy(), self.head, self._person)

    def close(self) -> None:
        """See `Runtime`."""
        self._model = None
        if self._device.type == "cuda":
            self._torch.cuda.empty_cache()

    def export(self) -> Export:
        """The network converted to OpenVINO, for any batch, height and width; `OpenvinoRuntime` takes it.

        Raises:
            RuntimeError: if OpenVINO cannot convert it (or another error of torch or OpenVINO).
        """
        openvino = import_openvino()
        model: Any = self._model
        head, example = model.model[-1], self._torch.zeros(_TRACED)
        head.dynamic = True  # computes the grid from the input instead of keeping the traced one
        with warnings.catch_warnings(action="ignore"):
            converted = openvino.convert_model(model, example_input=example)
        head.dynamic = False
        converted.reshape([-1, 3, -1, -1])
        return Export(converted, self._names, self.stride)

    def _forward(self, canvases: Image) -> torch.Tensor:
        if self._model is None:
            raise RuntimeError("the detector is closed")
        with self._torch.inference_mode():
            pixels = self._torch.from_numpy(canvases).to(self._device, non_blocking=True)
            rgb = pixels.permute(0, 3, 1, 2)[:, [2, 1, 0]].contiguous(memory_format=self._torch.channels_last)
            output: torch.Tensor = self._model(rgb.to(self._type).div_(255))
        return output


def find_or_fetch_weights(weights: str) -> Path:
    """The file or folder as `find_weights` finds it; an official checkpoint is downloaded into ``weights/``.

    Raises:
        WeightsError: if there is none.
    """
    try:
        return find_weights(weights, setting="detector.weights")
    except WeightsError:
        if Path(weights).name != weights or Path(weights).suffix != ".pt":
            raise
    return _download(weights, WEIGHTS_FOLDER / weights)


def _download(name: str, target: Path) -> Path:
    """Fetch an official checkpoint with ultralytics' own function."""
    with ultralytics_imported():
        from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, attempt_download_asset
    if name not in GITHUB_ASSETS_NAMES:
        raise WeightsError(f"{name}: not found at {target}, and no official model of that name exists; {REMEDY}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        attempt_download_asset(str(target), retry=0, progress=False)
    except Exception as error:
        raise _not_downloaded(name, target) from error
    if not target.is_file():
        raise _not_downloaded(name, target)
    return target


def _not_downloaded(name: str, target: Path) -> WeightsError:
    return WeightsError(
        f"{name}: not found at {target}, and downloading failed (no network?): put the file there or {REMEDY}"
    )


def _decode_in_float32(head: Any) -> None:
    """Let the head turn distances into pixels in float32: float16 is half a pixel coarse beyond 512."""
    head.dfl.float().register_forward_pre_hook(lambda _, inputs: (inputs[0].float(),))


def torch_device(device: str) -> torch.device:
    """The device of a setting: "auto" (CUDA where there is one), "cpu" or "cuda".

    Raises:
        ConfigError: if CUDA is asked for and not there.
    """
    import torch

    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise ConfigError(
            f"detector.device: torch {torch.__version__} finds no CUDA device; set it to cpu or auto, or install "
            "a CUDA build of torch and the driver"
        )
    return torch.device("cuda" if cuda and device != "cpu" else "cpu")


def _load_checkpoint(weights: Path) -> tuple[Any, dict[int, str]]:
    """The network, fused and ready to infer, and its classes."""
    with ultralytics_imported():
        from ultralytics.nn.modules import Detect, v10Detect
        from ultralytics.nn.tasks import torch_safe_load
    try:
        # Absolute: ultralytics deletes and downloads again what has an official bare name and cannot be read.
        # safe_only: a checkpoint is a pickle; only the classes of networks may come out of it, no code may run.
        checkpoint, _ = torch_safe_load(str(weights.resolve()), safe_only=True)  # type: ignore[no-untyped-call]
        model = checkpoint.get("ema") or checkpoint["model"]
        head = model.model[-1]
        named = model.names.items() if isinstance(model.names, dict) else enumerate(model.names)
        names = {int(index): str(name) for index, name in named}
    except Exception as error:
        raise WeightsError(
            f"{weights}: cannot be read as an ultralytics checkpoint (damaged, or another format); get it again "
            f"or {REMEDY}"
        ) from error
    if type(head) not in (Detect, v10Detect):  # masks, poses and so on derive from them
        raise WeightsError(f"{weights}: a {type(head).__name__} model, not a YOLO detection model; {REMEDY}")
    head.export = True  # the output alone, without the feature maps
    if getattr(head, "one2one_cv2", None) is not None:
        head.end2end = True  # of YOLO26's two branches the one that needs no suppression
    return model.float().fuse(verbose=False).eval().requires_grad_(False), names


@contextmanager
def ultralytics_imported() -> Iterator[None]:
    """Import ultralytics inside, without what its import does to the process and the user's files.

    It looks up hosts, writes a settings file, enables usage reports, may later install packages, and sets
    environment variables (one OpenMP thread), OpenCV's threads and printing options.
    """
    import cv2
    import torch  # before ultralytics, which would limit it to one thread

    environment, threads, printing = dict(os.environ), cv2.getNumThreads(), np.get_printoptions()
    with tempfile.TemporaryDirectory() as settings, warnings.catch_warnings():
        os.environ.update(
            YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false", YOLO_CONFIG_DIR=settings
        )
        try:
            yield
        finally:
            for name in set(os.environ) - set(environment):
                del os.environ[name]
            os.environ.update(environment)
            cv2.setNumThreads(threads)
            np.set_printoptions(**printing)
            torch.set_printoptions(profile="default")  # type: ignore[no-untyped-call]
