"""How sure links must be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid.decisions import FalseLinkBudget, wrong_left

ADVANCE = 10.0
RATES = st.sampled_from([0.01, 0.05, 0.2])


def budget_of(rate, probabilities):
    budget = FalseLinkBudget(rate)
    for each in probabilities:
        budget.add(float(each))
    return budget


def left(rate, made):
    return wrong_left(rate, float(len(made)), float((1 - np.asarray(made)).sum()))


@given(RATES, st.lists(st.floats(0.5, 1.0), max_size=60))
def test_as_many_of_the_likeliest_are_linked_as_the_rate_allows(rate, probabilities):
    best = np.sort(np.array(probabilities))[::-1]
    needed = budget_of(rate, best).needed
    linked = best[best >= needed]
    distinct = np.unique(linked)[::-1]
    if len(distinct) and (best == distinct[-1]).sum() == 1:  # equal ones are linked together, or not at all
        assert left(rate, linked) >= -1e-9
    rest = best[best < needed]
    if len(rest):
        assert left(rate, [*linked, rest[0]]) < 1e-9  # not one more would do


@given(RATES, st.lists(st.floats(0.5, 1.0, exclude_max=True), max_size=60))
def test_one_that_was_not_counted_yet_must_find_room(rate, probabilities):
    """A merge, say."""
    best = np.sort(np.array(probabilities))[::-1]
    needed = budget_of(rate, best).needed
    assert left(rate, [*best[best >= needed], needed]) >= -1e-9 or needed in best or needed == 0.5


def test_links_that_are_more_likely_wrong_than_right_are_never_made():
    assert budget_of(0.4, [0.99, 0.99, 0.3, 0.2]).needed == 0.5


@pytest.mark.parametrize("before", [[], [0.6], [0.9, 0.7]])
def test_what_was_not_sure_enough_does_not_lower_what_is_needed(before):
    assert budget_of(0.01, before).needed == pytest.approx(1 - 0.01 * (1 + ADVANCE / 2))  # for one link alone


def test_sure_links_leave_room_for_one_that_is_less_sure():
    assert budget_of(0.02, np.ones(10)).needed == pytest.approx(1 - 0.02 * (11 + ADVANCE / 2))
