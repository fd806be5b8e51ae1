"""Pictures in files: which files are some, and reading one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from reid.crops import Image
from reid.errors import DataError

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp"})


def read_picture(path: Path) -> Image:
    """(H, W, 3) uint8 BGR.

    Raises:
        DataError: if the file is absent or no picture.
    """
    import cv2

    try:
        data = np.fromfile(path, np.uint8)  # OpenCV itself opens no file with other than ASCII letters on Windows
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; check that it is still there and may be read") from error
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        raise DataError(f"{path}: not a picture that can be decoded; remove or replace it")
    return np.asarray(image, np.uint8)
