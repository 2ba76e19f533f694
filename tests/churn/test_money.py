"""Expected maximum profit: worked by hand, against numeric integration, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.churn.money import (
    Offer,
    SaveRate,
    expected_maximum_profit,
    maximum_profit,
    ranking_profit,
)
from retention.errors import SpecError

PAPER = Offer(contact_cost=1.0, incentive=10.0, save_rate=0.3, value=200.0)
"""Verbraken, Verbeke and Baesens (2013), section 5: CLV 200, d 10, f 1, beta(6, 14)."""


def beta_density(g: np.ndarray) -> np.ndarray:
    # B(6, 14) = 5! 13! / 19!
    return g**5 * (1 - g) ** 13 * (121645100408832000 / (120 * 6227020800))


def by_integration(lapsed: list[int], scores: list[float], offer: Offer) -> tuple[float, float]:
    """Walk over save rates in small steps; at each try every threshold, as the definition says."""
    n, grid = len(lapsed), (np.arange(4_000) + 0.5) / 4_000
    delta, phi = offer.incentive / offer.value, offer.contact_cost / offer.value
    profit = share = 0.0
    for g, h in zip(grid, beta_density(grid) / 4_000, strict=True):
        best = (0.0, 0.0)
        for t in sorted(set(scores), reverse=True):
            chosen = [y for y, s in zip(lapsed, scores, strict=True) if s >= t]
            churners, others = sum(chosen) / n, (len(chosen) - sum(chosen)) / n  # π₀F₀ and π₁F₁
            p = offer.value * (g * (1 - delta) - phi) * churners - offer.value * (delta + phi) * others
            best = max(best, (p, len(chosen) / n), key=lambda found: (round(found[0], 9), -found[1]))  # the shorter list of two
        profit, share = profit + h * best[0], share + h * best[1]
    return profit, share


def test_a_perfect_ranking_earns_what_the_hand_says():
    # Half of the users lapse, and all of them are contacted where 0.95 γ > 0.005, which is nearly always:
    # 200 · ½ · (0.95 · 0.3 − 0.005) = 28.
    found = ranking_profit([1, 0, 1, 0], [0.9, 0.1, 0.8, 0.2], PAPER)
    assert found.profit == pytest.approx(28.0, abs=1e-6)
    assert found.place == pytest.approx(0.5, abs=1e-6)


def test_without_a_ranking_everybody_is_contacted_or_nobody():
    # 200 · ½ · (0.95 γ − 0.005 − 0.055) = 95 γ − 6 at a known rate of 0.3.
    known = ranking_profit([1, 0, 1, 0], [0.5] * 4, PAPER, is_save_rate_known=True)
    assert (known.profit, known.place) == (pytest.approx(22.5), 1.0)
    # With an unknown rate nobody is contacted below 6 / 95, which only helps.
    unknown = ranking_profit([1, 0, 1, 0], [0.5] * 4, PAPER)
    profit, share = by_integration([1, 0, 1, 0], [0.5] * 4, PAPER)
    assert unknown.profit == pytest.approx(profit, abs=1e-5) and unknown.profit >= 22.5
    assert unknown.place == pytest.approx(share, abs=1e-4) and unknown.place < 1


@pytest.mark.parametrize("offer", [
    PAPER, Offer(contact_cost=3, incentive=40, value=100.0), Offer(contact_cost=0, incentive=0, value=50.0),
    Offer(contact_cost=30, incentive=5, value=60.0),
])  # fmt: skip
def test_expected_maximum_profit_is_the_integral_that_defines_it(offer):
    random = np.random.default_rng(7)
    scores = [round(float(s), 1) for s in random.random(12)]  # with ties
    lapsed = [int(random.random() < s) for s in scores]
    found = ranking_profit(lapsed, scores, offer)
    profit, share = by_integration(lapsed, scores, offer)
    assert found.profit == pytest.approx(profit, abs=2e-4)
    assert found.place == pytest.approx(share, abs=2e-3)


def test_an_offer_that_costs_more_than_a_user_is_worth_is_made_to_nobody():
    found = ranking_profit([1, 1, 0], [0.9, 0.8, 0.1], Offer(contact_cost=50, incentive=200, value=100.0))
    assert (found.profit, found.place) == (0.0, 0.0)


def test_the_save_rate_is_the_beta_of_the_paper():
    rate, grid = SaveRate(6, 14), (np.arange(200_000) + 0.5) / 200_000
    density = beta_density(grid) / 200_000
    assert rate.mean == 0.3 and rate.spread == pytest.approx(0.1)  # √(6 · 14 / (400 · 21)) = 0.1
    for x in (0.1, 0.3, 0.55):
        inside = grid <= x
        assert float(rate.below(x)) == pytest.approx(density[inside].sum(), abs=1e-6)
        assert float(rate.mean_below(x)) == pytest.approx((grid * density)[inside].sum(), abs=1e-6)
    assert float(rate.below(rate.low)) == pytest.approx(0.025) and float(rate.below(rate.high)) == pytest.approx(0.975)


@given(
    rows=st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=20),
    value=st.floats(1, 500), incentive=st.floats(0, 100), contact=st.floats(0, 20),
)  # fmt: skip
def test_not_knowing_the_save_rate_never_costs_and_perfect_order_is_never_beaten(rows, value, incentive, contact):
    lapsed, scores = [y for y, _ in rows], [s for _, s in rows]
    offer = Offer(contact_cost=contact, incentive=incentive, value=value)
    expected = ranking_profit(lapsed, scores, offer)
    known = ranking_profit(lapsed, scores, offer, is_save_rate_known=True)
    # The mean of a maximum is at least the maximum at the mean (Jensen), and never less than doing nothing.
    assert expected.profit >= known.profit - 1e-9 and known.profit >= 0
    assert 0 <= expected.place <= 1
    # Nobody does better than whoever knows the outcome, as long as a saved user is worth the incentive.
    if value >= incentive:
        assert expected.profit <= ranking_profit(lapsed, lapsed, offer).profit + 1e-9


def test_the_hull_leaves_out_what_is_never_best():
    # Places: nobody, a poor one, a good one. The poor one gains less and costs more than going on.
    gain, cost = [0.0, 1.0, 4.0], [0.0, 3.0, 1.0]
    assert maximum_profit(gain, cost, 0.5, [0, 10, 20]).place == 20
    found = expected_maximum_profit(gain, cost, SaveRate(1, 1), [0, 10, 20])
    # Uniform: contact 20 where 4γ > 1, for three quarters of the rates; ∫ (4γ − 1) from ¼ to 1 = 1.875 − 0.75 = 1.125.
    assert (found.place, found.profit) == (pytest.approx(15.0), pytest.approx(1.125))


@pytest.mark.parametrize(("asked", "said"), [
    ({"contact_cost": -1}, "`contact_cost` must be an amount of money from 0 on, not -1."),
    ({"value": float("nan")}, "`value` must be an amount"),
    ({"save_rate": 0.0}, "save rate must be more than 0"),
    ({"save_rate": 1.0}, "save rate must be more than 0"),
])  # fmt: skip
def test_an_offer_out_of_range_is_refused(asked, said):
    with pytest.raises(SpecError, match=said):
        Offer(**asked)


def test_profit_needs_a_value():
    with pytest.raises(SpecError, match="value"):
        ranking_profit([1, 0], [0.5, 0.1], Offer())
