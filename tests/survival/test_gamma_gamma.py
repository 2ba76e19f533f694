"""Gamma-Gamma against the published figures, brute force and a simulated world."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import gamma

from retention.errors import SpecError
from retention.survival.model_gamma_gamma import GammaGamma, fit_gamma_gamma

PAPER = GammaGamma(6.25, 3.74, 15.44)  # Fader & Hardie (2013), CDNOW


def test_the_official_summary_gives_the_published_parameters(real_data):
    data = pd.read_csv(real_data / "cdnow_sample" / "cdnow_summary_with_monetary.csv.gz")
    back = data[data["x"] > 0]
    assert len(back) == 946
    model, _ = fit_gamma_gamma(back["x"], back["zbar"])
    p, q, v = astuple(model)
    # Published to two decimals; the official summary rounds means to the cent.
    assert (p, q, v) == pytest.approx((6.25, 3.74, 15.44), abs=0.01)


def test_expected_spend_is_that_of_the_authors_worksheet():
    # The first two customers of the note (x = 2, mean 22.35; x = 1, mean 11.77) and one without a repeat order.
    found = PAPER.expected_spend([2, 1, 0], [2 * 22.35, 11.77, 0.0])
    assert found == pytest.approx([24.65, 18.91, 35.17], abs=0.05)


def test_the_density_is_the_integral_that_it_stands_for():
    model = GammaGamma(2.0, 3.0, 20.0)
    for x, mean in ((1, 8.0), (3, 15.0), (6, 4.0)):
        # The mean of x values with shape p and rate ν has shape p·x and rate ν·x.
        integral = quad(
            lambda nu, x=x, mean=mean: (
                gamma.pdf(mean, model.p * x, scale=1 / (nu * x)) * gamma.pdf(nu, model.q, scale=1 / model.v)
            ),
            0,
            4,
            epsabs=1e-13,
        )[0]
        assert float(np.exp(model.log_likelihood(x, mean))) == pytest.approx(integral, rel=1e-7)


def test_the_parameters_of_a_simulated_world_are_found_again():
    truth = GammaGamma(5.0, 4.0, 18.0)
    rng = np.random.default_rng(3)
    x = rng.integers(1, 9, 6000)
    nu = rng.gamma(truth.q, 1 / truth.v, 6000)
    mean = rng.gamma(truth.p * x, 1 / (nu * x))
    model, fit = fit_gamma_gamma(x, mean)
    for name, wanted in zip(("p", "q", "v"), astuple(truth), strict=True):
        assert abs(getattr(model, name) - wanted) < 4 * fit.errors[name]


def test_the_fit_stands_on_a_summit_of_the_density():
    rng = np.random.default_rng(5)
    x = rng.integers(1, 6, 500)
    mean = rng.gamma(4.0 * x, 1 / (rng.gamma(3.0, 1 / 20.0, 500) * x))
    model, fit = fit_gamma_gamma(x, mean)
    best = float(model.log_likelihood(x, mean).sum())
    assert best == pytest.approx(fit.log_likelihood)
    for i in range(3):
        for factor in (0.99, 1.01):
            near = [v * (factor if i == k else 1) for k, v in enumerate(astuple(model))]
            assert float(GammaGamma(*near).log_likelihood(x, mean).sum()) < best


def test_the_sum_over_buyers_needs_only_their_total():
    each = PAPER.expected_spend([3, 3], [40.0, 90.0])
    assert each.sum() == pytest.approx(2 * float(PAPER.expected_spend(3, 65.0)))


def test_too_few_values_is_one_kind_sentence():
    with pytest.raises(SpecError, match="at least 20 buyers with a repeat purchase of known value, not 2"):
        fit_gamma_gamma([1, 2], [3.0, 4.0])


def test_one_and_the_same_price_is_refused_and_not_guessed_at():
    with pytest.raises(SpecError, match="do not tell its parameters apart"):
        fit_gamma_gamma([1, 2, 3] * 40, [9.99] * 120)
