"""How many users a comparison takes, against published figures and the formula written out."""

from __future__ import annotations

from math import isnan, sqrt
from statistics import NormalDist

import pytest

from retention.interventions.model_power import detection_of, holdout_needed, power_of, smallest_effect, users_needed

Z = NormalDist().inv_cdf


def test_figures_of_the_r_manual_come_out():
    # R Core Team, stats::power.prop.test, its examples: power = 0.740 and n = 76.7 in each group.
    assert power_of(0.25, 0.5, 50, 50) == pytest.approx(0.740, abs=5e-4)
    assert users_needed(0.25, 0.5, holdout=0.5, power=0.9) == 154, "two groups of 76.7 are 153.3 users"
    assert smallest_effect(0.5, 76.7, 76.7, power=0.9) == pytest.approx(0.25, abs=5e-4)


def written_out(low: float, high: float, alpha: float, power: float, ratio: float = 1.0) -> float:
    """Users of the first group, `ratio` times as many in the second: Fleiss, Levin and Paik (2003), chapter 4."""
    pooled = (low + ratio * high) / (1 + ratio)
    null = Z(1 - alpha / 2) * sqrt((1 + ratio) * pooled * (1 - pooled))
    alternative = Z(power) * sqrt(ratio * low * (1 - low) + high * (1 - high))
    return (null + alternative) ** 2 / (ratio * (high - low) ** 2)


@pytest.mark.parametrize(
    ("base", "rise", "holdout"), [(0.6, 0.05, 0.1), (0.2, 0.02, 0.5), (0.05, 0.05, 0.2), (0.9, 0.03, 0.3)]
)
def test_unequal_groups_take_what_the_formula_says(base, rise, holdout):
    held = written_out(base, base + rise, 0.05, 0.8, ratio=(1 - holdout) / holdout)
    assert users_needed(rise, base, holdout) == pytest.approx(held / holdout, abs=1.0)


def test_the_smallest_effect_and_the_holdout_are_found_with_just_enough_power():
    smallest = smallest_effect(0.6, 900, 100)
    assert power_of(smallest, 0.6, 900, 100) == pytest.approx(0.8, abs=1e-6)
    share = holdout_needed(0.05, 0.6, 5000)
    assert 0 < share < 0.5 and power_of(0.05, 0.6, 5000 * (1 - share), 5000 * share) == pytest.approx(0.8, abs=1e-6)
    assert users_needed(0.05, 0.6, share) == pytest.approx(5000, abs=1)
    assert users_needed(-0.05, 0.6, 0.5) == users_needed(0.05, 0.4, 0.5), "a fall is a rise of the rest"


@pytest.mark.parametrize(("base", "assumed", "n", "holdout"), [
    (0.6, 0.05, 1000, 0.0), (0.0, 0.05, 1000, 0.1), (1.0, 0.05, 1000, 0.1), (float("nan"), 0.05, 0, 0.1), (0.6, 0.05, 3, 0.1),
])  # fmt: skip
def test_what_cannot_be_found_is_unknown_and_no_number(base, assumed, n, holdout):
    found = detection_of(base, assumed, n, holdout)
    assert isnan(found.smallest) and isnan(found.power)


def test_no_effect_takes_no_number_of_users():
    found = detection_of(0.6, 0.0, 1000, 0.1)
    assert isnan(found.needed_users) and isnan(found.needed_holdout) and found.smallest > 0
