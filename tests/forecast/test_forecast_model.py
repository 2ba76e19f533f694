"""The forecast on counts: known laws found again, intervals that hold, a backtest that is blind to the future."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from retention.forecast.history import History
from retention.forecast.model import CohortCurve, backtest, fitted_curve, outlook, spreads
from retention.forecast.model_forecast import interval, trial
from retention.forecast.spec import ForecastSpec
from retention.survival.model_sbg import Sbg
from tests.forecast.worlds_of_cohorts import counted, known

WEEKS = ForecastSpec()


def expected_counts(size: int, inflow: float, rate) -> np.ndarray:
    """Lay out what is expected exactly: no chance at all."""
    n = np.zeros((size, size))
    for cohort in range(size):
        n[cohort, cohort] = inflow
        for age in range(1, size - cohort):
            n[cohort, cohort + age] = inflow * rate(age)
    return n


def test_a_known_sbg_is_found_again_and_carried_on_exactly():
    law = Sbg(0.7, 1.2)
    seen = known(expected_counts(42, 1000.0, lambda age: float(law.survival(age))))
    curve = fitted_curve(seen.before(30))
    ages = np.arange(1, 42)
    assert curve.at(ages) == pytest.approx(law.survival(ages), abs=2e-3)
    told = outlook(seen.before(30), WEEKS, 12)
    assert told.total == pytest.approx(seen.users[30:], rel=5e-3)
    assert told.inflow == 1000.0


def test_a_known_weibull_is_found_again():
    law = CohortCurve("Weibull", 0.6, 9.0, 0.7)
    curve = fitted_curve(known(expected_counts(30, 5000.0, lambda age: float(law.at(np.array([age]))[0]))))
    ages = np.arange(1, 30)
    assert curve.kind == "Weibull"
    assert curve.at(ages) == pytest.approx(law.at(ages), abs=1e-3)


@given(
    kind=st.sampled_from(["sBG", "Weibull"]),
    share=st.floats(0.1, 0.9),
    one=st.floats(0.3, 9.0),
    two=st.floats(0.3, 3.0),
)
def test_the_slopes_of_a_curve_are_its_slopes(kind, share, one, two):
    ages = np.arange(1.0, 12.0)
    law = CohortCurve(kind, share, one, two)
    assume(law.at(ages).min() > 1e-200)  # a curve that has reached zero has no logarithm
    slopes = law.slopes(ages)
    logit, step = np.log(share / (1 - share)), 1e-6

    def curve(shift: np.ndarray) -> np.ndarray:
        moved = CohortCurve(kind, 1 / (1 + np.exp(-logit - shift[0])), one * np.exp(shift[1]), two * np.exp(shift[2]))
        return np.log(moved.at(ages))

    for i in range(3):
        shift = np.zeros(3)
        shift[i] = step
        assert slopes[:, i] == pytest.approx((curve(shift) - curve(-shift)) / (2 * step), rel=1e-4, abs=1e-5)


def test_in_a_flat_world_the_forecast_is_the_last_value_and_says_so():
    # 200 people who come every week, and nobody new after the first week.
    n = np.zeros((30, 30))
    n[0, :] = 200
    told = outlook(known(n), WEEKS, 12)
    assert told.total == pytest.approx(np.full(12, 200.0), rel=1e-3)
    assert told.last.tolist() == [200.0] * 12
    verdict = trial(backtest(known(n), WEEKS), 12)
    assert not verdict.is_better
    assert verdict.naive_error == 0


def test_where_everybody_comes_once_the_forecast_is_the_inflow():
    n = np.diag(np.full(20, 50.0))
    assert outlook(known(n), WEEKS, 6).total == pytest.approx(np.full(6, 50.0), abs=1e-3)


@settings(max_examples=8)
@given(seed=st.integers(0, 50), origin=st.integers(8, 19), factor=st.sampled_from([0.0, 2.0, 17.0]))
def test_what_comes_after_an_origin_does_not_move_its_forecast(seed, origin, factor):
    n = counted(seed, 20, 40)
    changed = n.copy()
    changed[:, origin:] *= factor
    spec = ForecastSpec(horizon=4)
    before, after = (backtest(known(world), spec) for world in (n, changed))
    for column in ("forecast", "last", "seasonal"):
        first, second = (frame.loc[frame["origin"] <= origin, column].to_numpy() for frame in (before, after))
        assert np.array_equal(first, second, equal_nan=True)


def test_the_interval_holds_what_comes_in_simulated_worlds():
    inside = []
    for seed, (size, inflow, share) in enumerate([(30, 80, 1.0), (30, 80, 0.4), (20, 60, 0.6)] * 4):
        full = known(counted(seed, size + 12, inflow, share=share))
        seen = full.before(size)
        told = outlook(seen, WEEKS, 12)
        low, high = interval(told.total, *spreads(backtest(seen, WEEKS), 12))
        inside.append(np.mean((low <= full.users[size:]) & (full.users[size:] <= high)))
    # 12 worlds of 12 weeks that go up and down together: not fewer than nine in ten.
    assert 0.9 <= np.mean(inside) <= 1


def test_a_growing_base_is_forecast_better_than_by_its_last_value():
    verdict = trial(backtest(known(counted(3, 40, 100)), WEEKS), 12)
    assert verdict.is_better
    assert verdict.naive == "last"
    assert verdict.error < verdict.naive_error


def test_a_year_before_is_the_guess_where_the_year_repeats():
    rng = np.random.default_rng(1)
    season = 100 * (1.5 + np.sin(np.arange(40) * 2 * np.pi / 12))
    n = np.diag(season + rng.normal(0, 1, 40))
    verdict = trial(backtest(known(n), ForecastSpec(period="month", horizon=6)), 6)
    assert verdict.naive == "seasonal"
    assert not verdict.is_better


def test_a_period_with_a_gap_is_in_no_fit_and_in_no_trial():
    n = counted(5, 30, 80)
    hurt = n.copy()
    hurt[:, 20] = np.minimum(hurt[:, 20], 1)  # next to nothing was recorded in that week
    whole = np.ones(30, dtype=bool)
    whole[20] = False
    seen = History(0, hurt, np.zeros_like(hurt), whole)
    told, without = outlook(seen, WEEKS, 12), outlook(known(n), WEEKS, 12)
    assert told.total == pytest.approx(without.total, rel=0.06)
    tried = backtest(seen, WEEKS)
    assert 20 not in set(tried["origin"] + tried["ahead"] - 1)


def test_revenue_is_the_buyers_times_what_they_spent_lately():
    n = expected_counts(24, 100.0, lambda age: 0.3)
    amount = n * 5.0
    amount[np.diag_indices(24)] = 100 * 8.0  # a first order is worth 8, a later one 5
    spec = ForecastSpec(metric="revenue", horizon=3)
    told = outlook(known(n, amount), spec, 3)
    # In week 24: 100 new buyers, and three tenths of the 24 cohorts before.
    assert told.total[0] == pytest.approx(100 * 8 + 24 * 30 * 5, rel=2e-3)
