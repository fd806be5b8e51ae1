"""Distances of same and of different people."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reid.training.ranking import Block
from reid.training.separation import BINS, Separation


def block(same, different, ignored=()):
    values = np.array([[*same, *different, *ignored]], np.float32)
    kinds = np.repeat([0, 1, 2], [len(same), len(different), len(ignored)])[None]
    values[kinds == 2] = np.inf
    return Block(np.array([0]), values, kinds == 0, kinds == 2)


def test_d_prime_and_equal_error_of_two_normal_distributions():
    """For equal deviations the threshold is half-way, and the error that of the normal distribution at d' / 2."""
    rng = np.random.default_rng(0)
    separation = Separation()
    for _ in range(4):
        separation.add(block(rng.normal(0.5, 0.1, 50_000), rng.normal(0.8, 0.1, 50_000)))
    threshold, error = separation.equal_error
    assert separation.d_prime == pytest.approx(3.0, abs=0.02)
    assert threshold == pytest.approx(0.65, abs=0.002)
    assert error == pytest.approx(0.5 * math.erfc(1.5 / math.sqrt(2)), abs=0.002)


def test_people_who_lie_apart_are_told_without_error():
    separation = Separation()
    separation.add(block([0.1, 0.2], [0.6, 0.9]))
    threshold, error = separation.equal_error
    assert 0.2 <= threshold <= 0.6
    assert error == 0.0


def test_what_is_ignored_is_not_counted():
    separation = Separation()
    separation.add(block([0.1], [2.0, 0.5], ignored=[0.3, 0.3]))
    assert (separation.same.sum(), separation.different.sum()) == (1, 2)
    assert separation.same[100] + separation.same[99] == 1
    assert separation.different[BINS - 1] == 1


def test_without_different_people_there_is_no_threshold():
    separation = Separation()
    separation.add(block([0.1], []))
    assert all(map(math.isnan, (*separation.equal_error, separation.d_prime)))
