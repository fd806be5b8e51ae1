"""HOTA, CLEAR and identity scores of boxes with ids, computed by TrackEval from arrays.

The metrics are TrackEval's own classes (`trackeval.metrics`), fed with the data dictionary that its data sets
build from files; nothing is read, written or printed here. As there, a box can match from an IoU of 0.5 on for
CLEAR (MOTA) and the identity scores (IDF1), and HOTA is the mean over the thresholds 0.05, 0.10, ..., 0.95.

Sources: Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", IJCV 2021; Bernardin
and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics", 2008; Ristani et al.,
"Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking", 2016 (IDF1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_RATES = ("hota", "det_a", "ass_a", "loc_a", "idf1", "idp", "idr", "mota")


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """Boxes with ids over the frames of one sequence: truth or result, as a struct of arrays in any order.

    Attributes:
        frames: (N,) int64.
        ids: (N,) int64, not negative; an id occurs once in a frame.
        boxes: (N, 4) float64, left, top, width, height in pixels.
    """

    frames: IntArray
    ids: IntArray
    boxes: FloatArray

    def __len__(self) -> int:
        return len(self.frames)

    def repeated(self) -> IntArray:
        """Indices (K,) of the rows whose id occurred in the same frame before; none in valid annotations."""
        pairs = np.stack([self.frames, self.ids], axis=1)
        _, first = np.unique(pairs, axis=0, return_index=True)
        return np.setdiff1d(np.arange(len(self)), first)


class Sequence(NamedTuple):
    """What is compared: the truth and the result of one camera, or of all cameras one after another."""

    truth: Annotations
    result: Annotations


@dataclass(frozen=True, slots=True)
class Scores:
    """How well the ids of a result follow those of the truth.

    Without a box in the truth the rates say nothing: TrackEval leaves them 0, see `defined`.

    Attributes:
        hota: in [0, 1], like all rates; mean over the thresholds, like the next three.
        det_a: detection accuracy.
        ass_a: association accuracy.
        loc_a: mean IoU of the matched boxes (1 when none matches, as in TrackEval).
        idf1: identity F1.
        idp: identity precision.
        idr: identity recall.
        mota: at most 1; negative when there are more mistakes than boxes in the truth.
        switches: how often a person's id differs from the one before.
        fragments: how often a person is tracked again after a time without; as TrackEval counts, a time out of
            view is one too, and frames without any box in the truth or without any in the result are passed over.
        misses: boxes of the truth without a match.
        false_positives: boxes of the result without a match.
        truth_ids: different ids in the truth.
        result_ids: different ids in the result.
        truth_boxes: boxes in the truth.
        result_boxes: boxes in the result.
    """

    hota: float
    det_a: float
    ass_a: float
    loc_a: float
    idf1: float
    idp: float
    idr: float
    mota: float
    switches: int
    fragments: int
    misses: int
    false_positives: int
    truth_ids: int
    result_ids: int
    truth_boxes: int
    result_boxes: int

    @property
    def defined(self) -> bool:
        """Whether the truth holds any box, without which the rates say nothing."""
        return self.truth_boxes > 0

    def to_dict(self) -> dict[str, float | int | None]:
        """All fields for JSON; rates from 0 to 1, None where not `defined`."""
        values: dict[str, float | int | None] = asdict(self)
        if not self.defined:
            values.update(dict.fromkeys(_RATES))
        return values


def score(truth: Annotations, result: Annotations) -> Scores:
    """Score one sequence.

    Args:
        truth: what was there.
        result: what was found; its ids need not have anything in common with the truth's.

    Raises:
        ValueError: if an id occurs twice in one frame.
    """
    return score_data(trackeval_data(truth, result))


def score_data(data: Mapping[str, Any]) -> Scores:
    """Score what `trackeval_data` made."""
    from trackeval.metrics import HOTA, Identity

    hota = HOTA().eval_sequence(data)
    clear = _clear(data)
    identity = Identity({"PRINT_CONFIG": False}).eval_sequence(data)
    return Scores(
        hota=float(np.mean(hota["HOTA"])),
        det_a=float(np.mean(hota["DetA"])),
        ass_a=float(np.mean(hota["AssA"])),
        loc_a=float(np.mean(hota["LocA"])),
        idf1=float(identity["IDF1"]),
        idp=float(identity["IDP"]),
        idr=float(identity["IDR"]),
        mota=float(clear["MOTA"]),
        switches=int(clear["IDSW"]),
        fragments=int(clear["Frag"]),
        misses=int(clear["CLR_FN"]),
        false_positives=int(clear["CLR_FP"]),
        truth_ids=data["num_gt_ids"],
        result_ids=data["num_tracker_ids"],
        truth_boxes=data["num_gt_dets"],
        result_boxes=data["num_tracker_dets"],
    )


def _clear(data: Mapping[str, Any]) -> Mapping[str, Any]:
    from trackeval.metrics import CLEAR

    scores: Mapping[str, Any] = CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    return scores


def trackeval_data(truth: Annotations, result: Annotations) -> dict[str, Any]:
    """What TrackEval's metrics take: ids relabelled from 0 without gaps, and the IoU of all pairs of each frame.

    Frames without a box on either side are left out; they change no score.

    Raises:
        ValueError: if an id occurs twice in one frame.
    """
    for name, side in (("truth", truth), ("result", result)):
        if len(repeated := side.repeated()):
            row = repeated[0]
            raise ValueError(f"{name}: id {side.ids[row]} twice in frame {side.frames[row]}")
    frames = np.union1d(truth.frames, result.frames)
    truth_names, truth_ids, truth_boxes = _by_frame(truth, frames)
    result_names, result_ids, result_boxes = _by_frame(result, frames)
    return {
        "num_timesteps": len(frames),
        "num_gt_ids": len(truth_names),
        "num_tracker_ids": len(result_names),
        "num_gt_dets": len(truth),
        "num_tracker_dets": len(result),
        "gt_ids": truth_ids,
        "tracker_ids": result_ids,
        "similarity_scores": [iou_ltwh(t, r) for t, r in zip(truth_boxes, result_boxes, strict=True)],
    }


def _by_frame(a: Annotations, frames: IntArray) -> tuple[IntArray, list[IntArray], list[FloatArray]]:
    """The sorted ids, and for each frame the indices into them and the boxes."""
    names, labels = np.unique(a.ids, return_inverse=True)
    order = np.lexsort((labels, a.frames))
    cuts = np.searchsorted(a.frames[order], frames[1:])
    if not len(frames):
        return names, [], []
    return names, np.split(labels[order], cuts), np.split(a.boxes[order], cuts)


def iou_ltwh(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of all pairs of boxes.

    Args:
        a: (N, 4) left, top, width, height; float64, so that a box at a threshold falls on TrackEval's side of it.
        b: (M, 4)

    Returns:
        (N, M) in [0, 1]
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    overlap = np.prod(np.maximum(high - low, 0.0), axis=2)
    union = np.prod(a[:, 2:], axis=1)[:, None] + np.prod(b[:, 2:], axis=1)[None, :] - overlap
    ious: FloatArray = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
    return ious


def global_sequence(cameras: Mapping[str, Sequence]) -> Sequence:
    """All cameras as one sequence: one after another in the order of their names, ids kept.

    Each camera's frames are moved behind the last frame of the camera before, so a person who has one id here and
    another there costs as much as a change of id within one view.
    """
    offset = 0
    shifted: list[Sequence] = []
    for name in sorted(cameras):
        shifted.append(Sequence(*(replace(a, frames=a.frames + offset) for a in cameras[name])))
        offset += max((int(a.frames.max()) for a in cameras[name] if len(a)), default=0)
    return Sequence(_concatenate([s.truth for s in shifted]), _concatenate([s.result for s in shifted]))


def _concatenate(parts: list[Annotations]) -> Annotations:
    return Annotations(
        np.concatenate([p.frames for p in parts]),
        np.concatenate([p.ids for p in parts]),
        np.concatenate([p.boxes for p in parts]),
    )


def score_global(cameras: Mapping[str, Sequence]) -> Scores:
    """Score the ids over all cameras (see `global_sequence`).

    HOTA and the identity scores do not depend on the order of the cameras. Switches, and through them MOTA, do: a
    person seen with ids 1, 2, 1 in three views has two switches, with 1, 1, 2 one. Fragments are the sum over the
    cameras, because leaving one view for another is no fragment.
    """
    fragments = sum(int(_clear(trackeval_data(*sequence))["Frag"]) for sequence in cameras.values())
    return replace(score(*global_sequence(cameras)), fragments=fragments)
