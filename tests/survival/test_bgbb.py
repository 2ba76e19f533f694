"""BG/BB against the published figures, brute force and its own laws."""

from __future__ import annotations

from dataclasses import astuple
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from retention.errors import SpecError
from retention.survival.model_bgbb import BgBb, fit_bgbb

PAPER = BgBb(1.204, 0.750, 0.657, 2.783)  # Fader, Hardie & Shang (2010), donations
POSITIVE = st.floats(0.2, 6.0)


def test_the_donations_give_the_published_parameters(real_data):
    data = pd.read_csv(real_data / "donations_bgbb" / "donations.csv.gz")
    model, fit = fit_bgbb(data["frequency"], data["recency"], data["periods"], data["weights"])
    assert astuple(model) == pytest.approx((1.204, 0.750, 0.657, 2.783), abs=0.0006)
    assert fit.n == 11_104
    assert round(fit.log_likelihood, 1) == -33225.6  # the paper's table 2


def histories(n: int) -> list[tuple[int, int, int]]:
    """List each pattern of n opportunities with the number of histories that have it."""
    return [(0, 0, 1)] + [(x, last, comb(last - 1, x - 1)) for last in range(1, n + 1) for x in range(1, last + 1)]


@given(parameters=st.tuples(POSITIVE, POSITIVE, POSITIVE, POSITIVE), n=st.integers(1, 7))
def test_the_likelihoods_of_all_histories_add_up_to_one(parameters, n):
    x, last, ways = (np.array(column) for column in zip(*histories(n), strict=True))
    chances = np.exp(BgBb(*parameters).log_likelihood(x, last, np.full(len(x), n)))
    assert float(chances @ ways) == pytest.approx(1.0)


@pytest.mark.parametrize(("x", "last", "n"), [(0, 0, 3), (1, 2, 4), (3, 3, 3), (2, 3, 6)])
def test_the_likelihood_is_the_integral_that_it_stands_for(x, last, n):
    model = BgBb(2.0, 3.0, 2.0, 4.0)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    p, theta, of = ((nodes + 1) / 2)[:, None], ((nodes + 1) / 2)[None, :], weights / 2
    chance = p**x * (1 - p) ** (n - x) * (1 - theta) ** n
    for missed in range(n - last):
        chance = chance + p**x * (1 - p) ** (last - x + missed) * theta * (1 - theta) ** (last + missed)
    density = beta.pdf(p, model.alpha, model.beta) * beta.pdf(theta, model.gamma, model.delta)
    found = float(np.exp(model.log_likelihood(x, last, n))[0])
    assert found == pytest.approx(float(of @ (chance * density) @ of), rel=1e-9)


@given(parameters=st.tuples(POSITIVE, POSITIVE, POSITIVE, POSITIVE), n=st.integers(1, 6), ahead=st.integers(1, 4))
def test_what_is_expected_of_everybody_is_the_mean_of_what_is_expected_of_each(parameters, n, ahead):
    model = BgBb(*parameters)
    x, last, ways = (np.array(column) for column in zip(*histories(n), strict=True))
    chances = np.exp(model.log_likelihood(x, last, np.full(len(x), n))) * ways
    later = model.conditional_taken(ahead, x, last, np.full(len(x), n))
    assert float(chances @ later) == pytest.approx(model.expected_taken(n + ahead) - model.expected_taken(n))
    assert float(chances @ x) == pytest.approx(model.expected_taken(n))


def test_who_acted_at_the_last_opportunity_and_always_is_worth_most():
    n = np.full(3, 6)
    best, quiet, never = PAPER.conditional_taken(5, [6, 5, 0], [6, 5, 0], n)
    # The paper's table 6: 3.75 for (6, 6) and 0.07 for (0, 0).
    assert round(best, 2) == 3.75
    assert round(never, 2) == 0.07
    assert never < quiet < best
    alive = PAPER.alive_probability([6, 5, 0], [6, 5, 0], n)
    assert np.all((alive > 0) & (alive < 1))


def test_the_parameters_of_a_simulated_world_are_found_again():
    truth = BgBb(1.5, 1.0, 0.8, 3.0)
    rng = np.random.default_rng(4)
    rows = []
    for _ in range(8000):
        p, theta = rng.beta(truth.alpha, truth.beta), rng.beta(truth.gamma, truth.delta)
        x = last = 0
        for k in range(1, 9):
            if rng.random() < theta:
                break
            if rng.random() < p:
                x, last = x + 1, k
        rows.append((x, last, 8))
    counted = pd.Series(rows).value_counts()
    x, last, n = zip(*counted.index, strict=True)
    model, fit = fit_bgbb(x, last, n, counted.to_numpy())
    for name, wanted in zip(("alpha", "beta", "gamma", "delta"), astuple(truth), strict=True):
        assert abs(getattr(model, name) - wanted) < 4 * fit.errors[name]


def test_too_few_who_came_back_is_one_kind_sentence():
    with pytest.raises(SpecError, match="at least 20 people who came back, not 0"):
        fit_bgbb([0], [0], [6], [100])
