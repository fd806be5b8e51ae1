"""Networks that take no training: the mean colours of the upper and the lower half of a picture."""

from __future__ import annotations

import numpy as np
import openvino
from openvino import opset13


class Colours:
    """Tells the people of `write_people` apart."""

    name, description, size = "colours", "mean colours of two halves", (16, 8)

    def embed(self, batch):
        halves = np.asarray(batch, np.float32).reshape(len(batch), 2, -1, 3).mean(axis=2)
        return halves.reshape(len(batch), 6)  # a cosine does not see how bright the camera is


def write_model(path, shape=(-1, 3, 16, 8), *, fixed=None, number=np.float32):
    """An OpenVINO model (.xml and .bin): pictures to the mean of each colour, minus 128; (path).

    ``fixed``: a shape of the rows that is written into the layers.
    """
    pictures = opset13.parameter(list(shape), number)
    values = opset13.convert(pictures, np.float32)
    sides = (2, 3) if shape[1] == 3 else (1, 2)
    rows = opset13.reduce_mean(values, opset13.constant(np.array(sides)), keep_dims=False)
    rows = opset13.subtract(rows, opset13.constant(np.float32(128)))
    if fixed is not None:
        rows = opset13.reshape(rows, opset13.constant(np.array(fixed)), special_zero=False)
    openvino.save_model(openvino.Model([rows], [pictures]), path, compress_to_fp16=False)
    return path
