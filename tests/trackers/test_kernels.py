"""Every compiled loop against its NumPy form."""

import inspect

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from trackers import kalman, kernels, kernels_numpy
from trackers.boxes import xyxy_to_xyah

SHARED = [name for name, f in vars(kernels_numpy).items() if inspect.isfunction(f) and hasattr(kernels, name)]


def scene(seed, tracks=7, found=9, dimension=16):
    """Random arguments of `evidence`."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 400, (tracks + found, 2))
    boxes = np.concatenate([corner, corner + rng.uniform([20, 60], [80, 200], (tracks + found, 2))], axis=1)
    looks = rng.normal(size=(tracks + found, dimension)).astype(np.float32)
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    motion = kalman.predict(kalman.initiate(xyxy_to_xyah(boxes[:tracks])), 0.1)
    by_left_edge = np.argsort(boxes[tracks:, 0])
    return {
        "motion": motion,
        "rows": np.flatnonzero(rng.random(tracks) < 0.8),
        "boxes": boxes[tracks:].copy(),
        "columns": by_left_edge[rng.random(found) < 0.9],
        "prototypes": looks[:tracks].copy(),
        "known": rng.random(tracks) < 0.7,
        "embeddings": looks[tracks:].copy(),
        "embedded": rng.random(found) < 0.7,
    }


def evidence_arguments(given_scene, pad, slope):
    s = given_scene
    pads = pad * s["motion"][s["rows"], 3]
    appearance = np.array([slope, 0.7, 6.0])
    looks = (s["prototypes"], s["known"], s["embeddings"], s["embedded"])
    return (s["motion"], s["rows"], pads, s["boxes"], s["columns"], *looks, appearance, 12.0, 0.15, 9.5)


def test_all_of_them_are_compared_here():
    assert sorted(SHARED) == [
        "blend",
        "boxes_of",
        "clear",
        "correct",
        "dense",
        "moments",
        "pairs",
        "predict",
        "separated",
        "similarities",
    ]


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.02, 1 / 30, 0.5, 7.0]))
def test_predict_and_correct(seed, dt):
    rng = np.random.default_rng(seed)
    compiled = kalman.initiate(rng.uniform([0, 0, 0.2, 1], [800, 600, 0.8, 400], (5, 4)))
    compiled[:, 4:8] = rng.normal(size=(5, 4)) * [50, 50, 0.1, 20]
    plain = compiled.copy()
    rows = np.array([3, 0, 4])
    boxes = scene(seed)["boxes"]
    for form, motion in ((kernels, compiled), (kernels_numpy, plain)):
        form.predict(motion, dt, 0.03)
        form.correct(motion, rows, boxes, np.array([8, 2, 5]), 0.05)
        form.predict(motion, 0.1, 0.01)
    np.testing.assert_allclose(compiled, plain, rtol=1e-9, atol=1e-9)


def compared_pairs(arguments):
    """The result of the compiled form, once it is that of the other."""
    compiled, plain = kernels.pairs(*arguments), kernels_numpy.pairs(*arguments)
    for found, expected in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    return compiled


@given(
    st.integers(0, 10_000),
    st.sampled_from([0.0, 0.1, 2.0]),
    st.sampled_from([0.0, 12.0]),
    st.sampled_from([4, 25, 60]),
)
def test_pairs_and_what_is_read_off_them(seed, pad, slope, found):
    arguments = scene(seed, found=found)
    row, column, worth = compared_pairs(evidence_arguments(arguments, pad, slope))
    rows = len(arguments["rows"])
    compiled = kernels.separated(row, column, worth, rows, found)
    plain = kernels_numpy.separated(row, column, worth, rows, found)
    for part, expected in zip(compiled, plain, strict=True):
        np.testing.assert_array_equal(part, expected)
    np.testing.assert_array_equal(
        kernels.clear(row, column, worth, rows, found, 2.0, 1.0),
        kernels_numpy.clear(row, column, worth, rows, found, 2.0, 1.0),
    )


def test_there_are_pairs_of_both_kinds():
    arguments = scene(3, tracks=40, found=60)
    row, column, worth = compared_pairs(evidence_arguments(arguments, 0.0, 12.0))
    decided, contested, *_ = kernels.separated(row, column, worth, len(arguments["rows"]), 60)
    assert (decided >= 0).any()
    assert len(contested) > 10
    assert kernels.clear(row, column, worth, len(arguments["rows"]), 60, 0.5, 0.5).any()


def test_a_crowd_at_one_place_has_room():
    crowd = scene(0, tracks=30, found=30)
    crowd["boxes"][:] = [100, 100, 150, 250]
    crowd["motion"] = kalman.initiate(xyxy_to_xyah(crowd["boxes"]))
    crowd["rows"] = crowd["columns"] = np.arange(30)
    rows, *_ = compared_pairs(evidence_arguments(crowd, 0.0, 0.0))
    assert len(rows) == 900


def test_pairs_without_any_embedder():
    bare = scene(1)
    bare["prototypes"], bare["known"] = np.zeros((7, 0), np.float32), np.zeros(7, bool)
    bare["embeddings"], bare["embedded"] = np.zeros((9, 0), np.float32), np.zeros(9, bool)
    rows, *_ = compared_pairs(evidence_arguments(bare, 0.3, 0.0))
    assert len(rows)


@given(st.integers(0, 10_000))
def test_boxes_of(seed):
    s = scene(seed)
    found, expected = (form.boxes_of(s["motion"], s["rows"]) for form in (kernels, kernels_numpy))
    assert found.dtype == expected.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@given(st.integers(0, 10_000))
def test_dense(seed):
    rng = np.random.default_rng(seed)
    rows, columns = np.nonzero(rng.random((8, 9)) < 0.2)
    pairs = (rows + 4, columns + 2, rng.random(len(rows)))
    for found, expected in zip(kernels.dense(*pairs), kernels_numpy.dense(*pairs), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_boxes_without_embeddings_meet_tracks_that_have_some():
    bare = scene(1)
    bare["embeddings"], bare["embedded"] = np.zeros((9, 0), np.float32), np.zeros(9, bool)
    rows, *_ = compared_pairs(evidence_arguments(bare, 0.3, 12.0))
    assert len(rows)


def test_moments():
    values = np.random.default_rng(0).normal(3, 2, 50)
    np.testing.assert_allclose(kernels.moments(values), kernels_numpy.moments(values))


@given(st.integers(0, 10_000))
def test_similarities_and_blend(seed):
    s = scene(seed)
    rows, columns = np.array([0, 4, 2]), np.array([8, 1, 1])
    expected = kernels_numpy.similarities(s["prototypes"], rows, s["embeddings"], columns)
    found = kernels.similarities(s["prototypes"], rows, s["embeddings"], columns)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    compiled, plain = s["prototypes"].copy(), s["prototypes"].copy()
    keep = np.array([0.0, 0.9, 0.5], np.float32)
    kernels.blend(compiled, rows, s["embeddings"], columns, keep)
    kernels_numpy.blend(plain, rows, s["embeddings"], columns, keep)
    np.testing.assert_allclose(compiled, plain, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(compiled, axis=1), 1, rtol=1e-5)


def test_a_program_that_nothing_can_be_written_beside_compiles_each_time(monkeypatch):
    def refuse(*arguments, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(*arguments, **options)

    monkeypatch.setattr(kernels, "njit", refuse)
    assert kernels.compiled(lambda a: a + 1)(2) == 3
