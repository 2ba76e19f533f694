"""Intervals against the papers' tables and statsmodels."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.intervals import newcombe, wilson

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # on import only, what statsmodels has to say about its own dependencies
    from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_table_of_newcombe_1998(x, n, low, high):
    # Two-sided confidence intervals for the single proportion, Statistics in Medicine 17, 857: table I, method 3.
    found = [float(v) for v in wilson(x, n)]
    assert found == pytest.approx([low, high], abs=5e-5)


@pytest.mark.parametrize(
    ("x1", "n1", "x2", "n2", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0000),
        (10, 10, 0, 10, 0.6075, 1.0000),
    ],
)
def test_newcombe_gives_the_table_of_newcombe_1998(x1, n1, x2, n2, low, high):
    # Interval estimation for the difference between independent proportions, Statistics in Medicine 17, 873:
    # table II, method 10.
    found = [float(v) for v in newcombe(x1, n1, x2, n2)]
    assert found == pytest.approx([low, high], abs=5e-5)


@given(data=st.data(), n=st.integers(1, 100_000))
def test_wilson_is_the_one_of_statsmodels(data, n):
    x = data.draw(st.integers(0, n))
    low, high = proportion_confint(x, n, method="wilson")
    found = [float(v) for v in wilson(x, n)]
    assert found == pytest.approx([low, high], abs=1e-9)
    assert 0 <= found[0] <= x / n <= found[1] <= 1


@given(data=st.data(), n1=st.integers(1, 5_000), n2=st.integers(1, 5_000))
def test_newcombe_is_the_one_of_statsmodels(data, n1, n2):
    x1, x2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    found = [float(v) for v in newcombe(x1, n1, x2, n2)]
    assert found == pytest.approx(confint_proportions_2indep(x1, n1, x2, n2, method="newcomb"), abs=1e-9)
    mirrored = [-float(v) for v in newcombe(x2, n2, x1, n1)]
    assert found == pytest.approx(mirrored[::-1], abs=1e-12)


def test_a_rate_that_is_not_known_has_no_interval():
    low, high = wilson(np.array([np.nan, 0, 3]), np.array([10, 0, np.nan]))
    assert np.isnan(low).all() and np.isnan(high).all()


def test_all_or_nothing_reaches_exactly_the_end_of_the_scale():
    low, high = wilson(np.array([0, 7]), np.array([7, 7]))
    assert (low[0], high[1]) == (0.0, 1.0)
    # n = 7, x = 0: the upper limit is z² / (n + z²), with z = 1.96.
    assert high[0] == pytest.approx(1.959964**2 / (7 + 1.959964**2), abs=1e-6)
    assert math.isclose(1 - high[0], low[1])
