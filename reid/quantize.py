"""int8 by calibration: weights and activations get 8 bits over the ranges that crops of people show.

Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR
2018. NNCF, OpenVINO's own tool, measures the ranges and rewrites the graph; it is needed to export only.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np

from reid.crops import HEIGHT, WIDTH, Image
from reid.errors import DataError, HandoffError
from reid.openvino_import import import_openvino
from reid.pictures import SUFFIXES, read_picture

CALIBRATION_CROPS: Final = 300
HELD_OUT_CROPS: Final = 64  # of the same folder, to tell what 8 bits cost on crops that set no range
_FEWEST: Final = 128  # pictures in the folder
# Unit length is exact in every precision but this one: a row divided by a rounded length has another length.
_KEPT: Final = [".*linalg_vector_norm.*", ".*clamp_min.*", "aten::div.*"]


def calibration_crops(folder: Path, count: int = CALIBRATION_CROPS) -> tuple[Image, Image]:
    """Pictures of a folder and those below it, spread evenly over the sorted names, as crops.

    Args:
        folder: of pictures of people, boxes as a detector cuts them; no names or labels are needed.
        count: how many to calibrate on, at most.

    Returns:
        (N, 256, 128, 3) crops to calibrate on, and (M, 256, 128, 3) others, M at most `HELD_OUT_CROPS`.

    Raises:
        DataError: if there is no such folder, it holds too few pictures, or one cannot be read.
    """
    import cv2

    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give --calibrate a folder of pictures of people")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if len(paths) < _FEWEST:
        raise DataError(
            f"{folder}: {len(paths)} pictures, at least {_FEWEST} are wanted for calibration; "
            "add more, of many people and cameras"
        )
    wanted = min(count + HELD_OUT_CROPS, len(paths))
    chosen = [paths[place] for place in np.linspace(0, len(paths) - 1, wanted).astype(int)]
    crops = np.stack([np.asarray(cv2.resize(read_picture(path), (WIDTH, HEIGHT)), np.uint8) for path in chosen])
    held = np.zeros(wanted, bool)
    held[np.linspace(0, wanted - 1, min(HELD_OUT_CROPS, wanted // 4)).astype(int)] = True
    return crops[~held], crops[held]


def quantize(model: Any, crops: Image) -> Any:
    """The model with 8 bits in convolutions and what lies between them; the length of the rows stays exact.

    Args:
        model: from `reid.runtimes.to_openvino`; left as it is.
        crops: (N, 256, 128, 3) uint8 BGR, N at least a hundred.

    Raises:
        HandoffError: if NNCF is not installed.
    """
    import_openvino()  # first, without its usage reports, which NNCF would send too
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import nncf
    except ImportError:
        raise HandoffError(
            "--precision int8 needs NNCF, which is not installed: pip install -r requirements-export.txt"
        ) from None
    logging.getLogger("nncf").setLevel(logging.ERROR)
    batches = [crop[None] for crop in crops]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # NNCF draws bars on it
        warnings.simplefilter("ignore")
        return nncf.quantize(
            model.clone(),
            nncf.Dataset(batches),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(batches),
            ignored_scope=nncf.IgnoredScope(patterns=_KEPT),
        )
