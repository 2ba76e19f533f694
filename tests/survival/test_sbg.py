"""sBG against the published figures and its own laws."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.errors import SpecError
from retention.survival.model_sbg import Sbg, fit_sbg

POSITIVE = st.floats(0.2, 8.0)
# Fader & Hardie (2007), table 1: percent still there after 0 to 7 years.
HIGH_END = [100.0, 86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1]
REGULAR = [100.0, 63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1]


def fitted(alive: list[float]) -> Sbg:
    lost = -np.diff(alive)
    watched = np.zeros(len(lost))
    watched[-1] = alive[-1]
    return fit_sbg(np.arange(1, len(alive)), lost, watched)[0]


@pytest.mark.parametrize(("alive", "published"), [(HIGH_END, (0.668, 3.806)), (REGULAR, (0.704, 1.182))])
def test_seven_years_give_the_published_parameters(alive, published):
    assert [round(v, 3) for v in astuple(fitted(alive))] == list(published)


def test_the_stored_curves_are_the_published_table(real_data):
    data = pd.read_csv(real_data / "sbg_subscription_survival" / "sbg_survival.csv.gz")
    assert data["high_end_pct"].tolist()[:8] == HIGH_END
    assert data["regular_pct"].tolist()[:8] == REGULAR
    # Years 8 to 12 were held back: the curve stays within two points of them.
    for name, alive in (("high_end_pct", HIGH_END), ("regular_pct", REGULAR)):
        later = data[data["year"] >= 8]
        off = fitted(alive).survival(later["year"]) * 100 - later[name].to_numpy()
        assert np.max(np.abs(off)) < 2


def test_the_value_of_staying_is_the_published_one():
    # Fader & Hardie (2010): a high-end member after seven renewals, discounted by 10 % a year.
    assert round(fitted(HIGH_END).residual_lifetime(7, 0.1), 3) == 7.530


@given(alpha=POSITIVE, beta=POSITIVE, n=st.integers(0, 12), discount=st.floats(0.05, 0.5))
def test_the_residual_lifetime_is_its_sum(alpha, beta, n, discount):
    model = Sbg(alpha, beta)
    t = np.arange(n + 1, n + 600)
    terms = model.survival(t) / model.survival(n) / (1 + discount) ** (t - n - 1)
    assert model.residual_lifetime(n, discount) == pytest.approx(float(terms.sum()), rel=1e-6)


@given(alpha=POSITIVE, beta=POSITIVE, t=st.integers(1, 40))
def test_survival_is_the_product_of_the_retention_rates(alpha, beta, t):
    model = Sbg(alpha, beta)
    assert float(model.survival(t)) == pytest.approx(float(np.prod(model.retention(np.arange(1, t + 1)))))


def test_the_parameters_of_a_simulated_world_are_found_again():
    rng = np.random.default_rng(2)
    left = rng.geometric(rng.beta(0.8, 2.0, 20_000))
    t = np.arange(1, 13)
    lost = np.array([(left == k).sum() for k in t])
    watched = np.where(t == 12, (left > 12).sum(), 0)
    model, fit = fit_sbg(t, lost, watched)
    assert abs(model.alpha - 0.8) < 4 * fit.errors["alpha"]
    assert abs(model.beta - 2.0) < 4 * fit.errors["beta"]


def test_where_nobody_left_there_is_no_curve():
    with pytest.raises(SpecError, match="members who left in at least two different periods"):
        fit_sbg([1, 2, 3], [0, 0, 0], [0, 0, 50])
