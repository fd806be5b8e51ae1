"""Writes tests/golden/osnet_*.json from torchreid, the oracle for our OSNet.

python -m tests.reid.make_osnet_golden FOLDER

FOLDER holds osnet.py and osnet_ain.py of torchreid 0.2.5 (MIT licence): torchreid/reid/models of its archive.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import torch

from reid.osnet import ARCHITECTURES
from tests.reid.osnet_filling import fill, images

GOLDEN = Path(__file__).resolve().parent.parent / "golden"


def main(folder: Path) -> None:
    plain, ain = (_module(folder / f"{name}.py") for name in ("osnet", "osnet_ain"))
    for name in ARCHITECTURES:
        network = getattr(ain if "ain" in name else plain, name)(num_classes=3, pretrained=False).eval()
        state = network.state_dict()
        shapes = {key: list(value.shape) for key, value in state.items() if not key.startswith("classifier.")}
        weights = fill({key: state[key] for key in shapes})
        network.load_state_dict({**state, **weights})
        with torch.inference_mode():
            features = network(images())
        golden = {
            "source": "torchreid 0.2.5",
            "shapes": shapes,
            "norms": [float(f"{row.norm():.6g}") for row in features],
            "features": [[float(f"{value:.6g}") for value in row[:48]] for row in features],
        }
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items())
        (GOLDEN / f"{name}.json").write_text("{\n" + lines + "\n}\n")


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(Path(sys.argv[1]))
