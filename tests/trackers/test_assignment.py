import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.optimize import linear_sum_assignment

from trackers.assignment import assign, assign_pairs, unmatched

costs = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=5), elements=st.floats(0, 1))


def best_by_trying(cost, limit):
    """Most gain over `limit` that any set of allowed pairs has."""
    n, m = cost.shape
    best = 0.0
    for size in range(1, min(n, m) + 1):
        for rows in itertools.combinations(range(n), size):
            for columns in itertools.permutations(range(m), size):
                values = cost[list(rows), list(columns)]
                if (values <= limit).all():
                    best = max(best, float((limit - values).sum()))
    return best


@given(costs, st.floats(0.05, 0.95))
def test_no_other_choice_of_pairs_gains_more(cost, limit):
    pairs = assign(cost, limit)
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    values = cost[pairs[:, 0], pairs[:, 1]]
    assert (values <= limit).all()
    assert (limit - values).sum() == pytest.approx(best_by_trying(cost, limit), abs=1e-3)


@given(costs)
def test_without_a_limit_it_is_the_assignment_of_scipy(cost):
    pairs = assign(cost, 2.0)
    rows, columns = linear_sum_assignment(cost)
    assert len(pairs) == min(cost.shape)
    assert cost[pairs[:, 0], pairs[:, 1]].sum() == pytest.approx(cost[rows, columns].sum())


def test_forbidden_pairs_are_left_out():
    cost = np.array([[np.inf, 0.1], [np.inf, 0.2]])
    assert assign(cost, 0.5).tolist() == [[0, 1]]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_to_assign(shape):
    assert assign(np.zeros(shape), 1.0).shape == (0, 2)


def test_unmatched_are_the_others_in_order():
    assert unmatched(5, np.array([3, 0])).tolist() == [1, 2, 4]


@given(costs)
def test_the_worth_of_the_chosen_pairs_is_the_greatest_there_is(worth):
    rows, columns = np.nonzero(worth > 0.3)
    chosen = assign_pairs(rows + 5, columns + 7, worth[rows, columns])
    assert len(set(chosen[0])) == len(set(chosen[1])) == len(chosen[0])
    assert (np.diff(chosen[0]) > 0).all()
    values = np.where(worth > 0.3, worth, 0)
    best = values[linear_sum_assignment(-values)].sum()
    assert values[chosen[0] - 5, chosen[1] - 7].sum() == pytest.approx(best)


def test_no_pairs_make_no_choice():
    nothing = np.zeros(0, np.int64)
    assert [len(part) for part in assign_pairs(nothing, nothing, np.zeros(0))] == [0, 0]
