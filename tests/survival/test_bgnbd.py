"""BG/NBD against the published figures, brute force, its own simulator and the ways in which it must refuse."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import hyp2f1
from scipy.stats import beta, gamma

from retention.errors import SpecError
from retention.survival.model_bgnbd import BgNbd, _with_gradient, fit_bgnbd

PAPER = BgNbd(0.243, 4.414, 0.793, 2.426)  # Fader, Hardie & Lee (2005), CDNOW, weeks
POSITIVE = st.floats(0.2, 6.0)


def summary(real_data) -> pd.DataFrame:
    return pd.read_csv(real_data / "cdnow_sample" / "cdnow_summary_x_tx_T.csv.gz")


def test_the_official_summary_gives_the_published_parameters(real_data):
    data = summary(real_data)
    model, fit = fit_bgnbd(data["frequency"], data["recency"], data["T"])
    assert [round(v, 3) for v in astuple(model)] == [0.243, 4.414, 0.793, 2.426]
    assert round(fit.log_likelihood, 1) == -9582.4
    assert fit.n == 2357


def test_counted_patterns_fit_as_the_buyers_one_by_one(real_data):
    data = summary(real_data)
    one_by_one, _ = fit_bgnbd(data["frequency"], data["recency"], data["T"])
    counted = data.groupby(["frequency", "recency", "T"]).size().reset_index(name="n")
    assert len(counted) < len(data)
    together, _ = fit_bgnbd(counted["frequency"], counted["recency"], counted["T"], counted["n"])
    assert astuple(together) == pytest.approx(astuple(one_by_one), rel=1e-6)


def test_the_conditional_expectation_is_that_of_the_authors_worksheet():
    # Fader & Hardie, "Implementing the BG/NBD model in Excel": x = 2, t_x = 30.43, T = 38.86, 39 weeks ahead.
    assert PAPER.conditional_purchases(39, [2], [30.43], [38.86])[0] == pytest.approx(1.226, abs=0.001)


def likelihood_by_integration(model: BgNbd, x: int, t_x: float, length: float) -> float:
    """Integrate the likelihood of one buyer over everybody's rate and dropout probability, on a fine grid."""
    nodes, weights = np.polynomial.legendre.leggauss(300)
    p, of_p = (nodes + 1) / 2, weights / 2
    rate, of_rate = (nodes + 1) / 2 * 40 / model.alpha, weights / 2 * 40 / model.alpha
    p, rate = p[:, None], rate[None, :]
    alive = (1 - p) ** x * rate**x * np.exp(-rate * length)
    gone = p * (1 - p) ** (x - 1) * rate**x * np.exp(-rate * t_x) if x > 0 else 0.0
    density = gamma.pdf(rate, model.r, scale=1 / model.alpha) * beta.pdf(p, model.a, model.b)
    return float(of_p @ ((alive + gone) * density) @ of_rate)


@pytest.mark.parametrize(("x", "t_x", "length"), [(0, 0.0, 5.0), (1, 2.0, 8.0), (2, 3.0, 3.5), (4, 6.0, 20.0)])
def test_the_likelihood_is_the_integral_that_it_stands_for(x, t_x, length):
    model = BgNbd(2.0, 3.0, 2.0, 3.0)
    found = float(np.exp(model.log_likelihood(x, t_x, length)))
    assert found == pytest.approx(likelihood_by_integration(model, x, t_x, length), rel=1e-8)


@given(
    parameters=st.tuples(POSITIVE, POSITIVE, POSITIVE, POSITIVE),
    rows=st.lists(st.tuples(st.integers(0, 40), st.floats(0.1, 1.0), st.floats(0.5, 60.0)), min_size=1, max_size=8),
)
def test_the_gradient_is_the_slope_of_the_likelihood(parameters, rows):
    x, share, length = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    t_x = np.where(x > 0, share * length, 0.0)
    weight = np.arange(1.0, len(x) + 1)
    counts, place = np.unique(x, return_inverse=True)
    at = np.array(parameters)

    def value(v: np.ndarray) -> float:
        return float(weight @ BgNbd(*v).log_likelihood(x, t_x, length))

    total, gradient = _with_gradient(at, x, t_x, length, weight, counts, place)
    assert total == pytest.approx(value(at), rel=1e-10)
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-5 * at[i]
        slope = (value(at + step) - value(at - step)) / (2 * step[i])
        assert gradient[i] == pytest.approx(slope, rel=1e-4, abs=1e-3)


def expected_by_the_paper(model: BgNbd, t: float, x: int, t_x: float, length: float) -> float:
    """Fader, Hardie & Lee (2005), eq. 10, as printed."""
    r, alpha, a, b = astuple(model)
    series = hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + length + t))
    above = (a + b + x - 1) / (a - 1) * (1 - ((alpha + length) / (alpha + length + t)) ** (r + x) * series)
    odds = a / (b + x - 1) * ((alpha + length) / (alpha + t_x)) ** (r + x) if x > 0 else 0.0
    return above / (1 + odds)


@pytest.mark.parametrize("x", [0, 1, 3, 12, 40])
@pytest.mark.parametrize("t", [1.0, 39.0, 400.0])
def test_expected_purchases_are_those_of_the_papers_formula(x, t):
    t_x = 20.0 if x else 0.0
    found = PAPER.conditional_purchases(t, [x], [t_x], [38.86])[0]
    assert found == pytest.approx(expected_by_the_paper(PAPER, t, x, t_x, 38.86), rel=1e-8)


def test_the_formula_has_no_hole_where_the_papers_divides_by_zero():
    below, at, above = (
        BgNbd(0.5, 3.0, a, 2.0).conditional_purchases(10, [2], [5.0], [9.0])[0] for a in (0.99, 1, 1.01)
    )
    assert at == pytest.approx((below + above) / 2, rel=1e-3)


def lives(model: BgNbd, n: int, seed: int, length: float) -> tuple[list[int], list[float], list[float]]:
    """Live `n` buyers, one purchase after the other."""
    rng = np.random.default_rng(seed)
    x, t_x, watched = [], [], []
    for _ in range(n):
        rate, p = rng.gamma(model.r, 1 / model.alpha), rng.beta(model.a, model.b)
        end = length * rng.uniform(0.5, 1.0)
        at, last, count = 0.0, 0.0, 0
        while True:
            at += rng.exponential(1 / rate)
            if at > end:
                break
            last, count = at, count + 1
            if rng.random() < p:
                break
        x.append(count)
        t_x.append(last)
        watched.append(end)
    return x, t_x, watched


@pytest.mark.parametrize("seed", [1, 2])
def test_the_parameters_of_a_simulated_world_are_found_again(seed):
    truth = BgNbd(0.8, 5.0, 0.9, 2.5)
    model, fit = fit_bgnbd(*lives(truth, 5000, seed, 60.0))
    for name, wanted in zip(("r", "alpha", "a", "b"), astuple(truth), strict=True):
        assert abs(getattr(model, name) - wanted) < 4 * fit.errors[name]


def test_the_expectation_is_the_mean_of_many_lives():
    model = BgNbd(0.8, 5.0, 0.9, 2.5)
    rng = np.random.default_rng(7)
    n = 200_000
    # The first purchase is at 0: what comes up to 20 is the expectation of a new buyer.
    rate, p = rng.gamma(model.r, 1 / model.alpha, n), rng.beta(model.a, model.b, n)
    bought = np.minimum(rng.poisson(rate * 20), rng.geometric(p))
    assert float(model.expected_purchases(20.0)) == pytest.approx(bought.mean(), abs=4 * bought.std() / np.sqrt(n))
    drawn = model.simulate(20.0, np.full(n, 3), np.full(n, 6.0), np.full(n, 9.0), rng)
    expected = float(model.conditional_purchases(20.0, [3], [6.0], [9.0])[0])
    assert expected == pytest.approx(drawn.mean(), abs=4 * drawn.std() / np.sqrt(n))


@given(x=st.integers(1, 60), t_x=st.floats(0.0, 30.0), wait=st.floats(0.0, 50.0), more=st.floats(0.1, 20.0))
def test_the_longer_the_silence_the_less_likely_alive(x, t_x, wait, more):
    first, later = PAPER.alive_probability([x, x], [t_x, t_x], [t_x + wait, t_x + wait + more])
    assert 0 <= later <= first <= 1


def test_who_bought_once_is_always_alive_to_the_model():
    assert PAPER.alive_probability([0, 0], [0, 0], [1, 5000]).tolist() == [1, 1]


def test_too_few_who_came_back_is_one_kind_sentence():
    with pytest.raises(SpecError, match="at least 20 buyers who came back, not 3"):
        fit_bgnbd([0] * 50 + [1] * 3, [0] * 50 + [2] * 3, [10] * 53)


def test_buyers_who_are_all_alike_are_refused_and_not_guessed_at():
    with pytest.raises(SpecError, match="do not tell its parameters apart"):
        fit_bgnbd([5] * 100, [10.0] * 100, [10.0] * 100)


@pytest.mark.parametrize("b", [900.0, 1100.0, 1e6])
def test_buyers_who_hardly_ever_stop_buy_as_a_poisson_process_does(b):
    # λ ~ Gamma(r + x, α + T) has the mean 3.5 / 50; of 30 days that is 2.1 purchases, less what dropping out takes.
    found = float(BgNbd(0.5, 10.0, 0.01, b).conditional_purchases(30.0, 3.0, 39.0, 40.0))
    assert found == pytest.approx(2.1, rel=1e-3)
