"""The RFM grid: ties worked out by hand, units that do not matter, and the eleven names."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.segments.model_rfm import GRID, MEANINGS, NAMES, RfmGrid


def scores(*columns: list[float]) -> list[list[int]]:
    return RfmGrid().fit_transform(np.column_stack(columns)).astype(int).T.tolist()


def test_ten_users_without_ties_fall_into_fifths_of_two():
    recency, frequency = scores(list(range(10, 110, 10)), list(range(1, 11)))
    assert frequency == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert recency == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]  # the fewer days the better


def test_equal_values_have_one_score():
    # Six of ten bought once: the first three cuts (20, 40, 60 %) are 1, the fourth (80 %) is the eighth value, 2.
    _, frequency = scores([5] * 10, [1, 1, 1, 1, 1, 1, 2, 2, 3, 9])
    # 1: no cut lies below. 2: the three cuts at 1 lie below. 3 and 9: all four do.
    assert frequency == [1, 1, 1, 1, 1, 1, 4, 4, 5, 5]


def test_ties_in_recency_are_worth_the_least_that_they_touch():
    # Better is smaller. Upwards −9, −2, −2, −1, −1: the cuts are −9, −2, −2, −1.
    recency, _ = scores([1, 1, 2, 2, 9], [1, 2, 3, 4, 5])
    assert recency == [4, 4, 2, 2, 1]


def test_all_equal_is_the_lowest_score_for_all():
    recency, frequency = scores([7] * 5, [3] * 5)
    assert recency == frequency == [1] * 5


columns = st.lists(st.tuples(*[st.integers(0, 12)] * 3), min_size=3, max_size=40)


@given(rows=columns, seed=st.integers(0, 100))
def test_any_rising_change_of_unit_and_any_order_of_the_users_leave_the_names(rows, seed):
    values = np.array(rows, dtype=float)
    names = RfmGrid().fit(values).segments(values)
    bent = np.column_stack([values[:, 0] * 24.0, np.exp(values[:, 1] / 4), 100 * values[:, 2] ** 3])
    assert RfmGrid().fit(bent).segments(bent).tolist() == names.tolist()
    order = np.random.default_rng(seed).permutation(len(values))
    assert RfmGrid().fit(values[order]).segments(values[order]).tolist() == names[order].tolist()


@given(rows=columns)
def test_a_better_value_never_has_a_lower_score(rows):
    values = np.array(rows, dtype=float)
    found = RfmGrid().fit_transform(values)
    for j, sign in ((0, -1), (1, 1), (2, 1)):
        order = np.argsort(sign * values[:, j], kind="stable")
        assert (np.diff(found[order, j]) >= 0).all()


def test_every_name_has_its_place_and_its_meaning():
    assert len(NAMES) == 11
    assert {name for row in GRID for name in row} == set(NAMES) == set(MEANINGS)
    # 125 users, one for each combination of scores: each score a fifth of the users.
    values = np.array([(5 - r, f, m) for r, f, m in product(range(5), repeat=3)], dtype=float)
    grid = RfmGrid().fit(values)
    assert sorted(Counter(map(tuple, grid.transform(values))).values()) == [1] * 125
    found = [NAMES[i] for i in grid.segments(values)]
    place = {tuple(s): name for s, name in zip(grid.transform(values).astype(int).tolist(), found, strict=True)}
    assert place[5, 5, 5] == place[5, 4, 4] == "Champions"
    assert place[5, 1, 1] == place[5, 1, 2] == "New customers"
    assert place[4, 1, 1] == "Promising"
    assert place[1, 5, 5] == "Cannot lose them"
    assert place[1, 1, 1] == "Lost" and place[2, 1, 1] == "Hibernating"
    assert place[3, 3, 3] == "Need attention" and place[2, 4, 4] == "At risk"
    assert set(found) == set(NAMES)


def test_who_never_ordered_has_no_name_and_moves_no_cut():
    buyers = np.array([(d, f, m) for d, f, m in zip(range(10), range(10), range(10), strict=True)], dtype=float)
    everybody = np.vstack([buyers, [[np.nan, 0.0, 0.0]] * 30])
    found = RfmGrid().fit(everybody).segments(everybody)
    assert found[:10].tolist() == RfmGrid().fit(buyers).segments(buyers).tolist()
    assert set(found[10:]) == {-1}


def test_names_need_the_three_columns():
    with pytest.raises(ValueError, match="recency, frequency and money"):
        RfmGrid().fit([[1.0, 2.0], [2.0, 3.0]]).segments([[1.0, 2.0]])
