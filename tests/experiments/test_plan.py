"""How large an experiment must be: against published tables, a plain loop, and simulation."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, isnan, sqrt

import numpy as np
import pytest
from scipy.stats import norm

from retention.errors import SpecError
from retention.experiments.answer_plan import plan
from retention.experiments.model_readout import read_units
from retention.experiments.spec import PlanSpec
from retention.experiments.units import Outcome, Units
from retention.experiments.words_plan import plan_words


def rate(baseline: float, effect: float, **more) -> PlanSpec:
    return PlanSpec(metric="stayed", baseline=baseline, effect=effect, **more)


def fleiss(p1: float, p2: float, ratio: float, power: float, alpha: float) -> tuple[int, int]:
    """Fleiss, Levin & Paik (2003), formula 4.17 without the correction: units of p1, and `ratio` times as many of p2."""
    z_alpha, z_power = norm.isf(alpha / 2), norm.ppf(power)
    p = (p1 + ratio * p2) / (1 + ratio)
    root = z_alpha * sqrt((ratio + 1) * p * (1 - p)) + z_power * sqrt(ratio * p1 * (1 - p1) + p2 * (1 - p2))
    n = root**2 / (ratio * (p2 - p1) ** 2)
    return ceil(n), ceil(ratio * n)


def test_sizes_are_those_that_r_documents():
    """R's help of power.prop.test: p1 = .50, p2 = .75, power = .90 takes n = 76.7 a group."""
    made = plan(rate(0.5, 0.25, power=0.9))
    assert (made.n_control, made.n_arm, made.n_total) == (77, 77, 154)


@pytest.mark.parametrize(("baseline", "effect", "holdout", "power", "alpha"), [
    (0.3, 0.02, 0.5, 0.8, 0.05), (0.3, 0.02, 0.1, 0.8, 0.05), (0.3, -0.05, 0.2, 0.9, 0.01), (0.02, 0.01, 0.5, 0.8, 0.1),
])  # fmt: skip
def test_uneven_groups_follow_fleiss(baseline, effect, holdout, power, alpha):
    made = plan(rate(baseline, effect, holdout=holdout, power=power, alpha=alpha))
    control, arm = fleiss(baseline, baseline + effect, (1 - holdout) / holdout, power, alpha)
    # Fleiss leaves out the chance to find it on the wrong side, which is nothing at these sizes.
    assert made.n_control == pytest.approx(control, abs=1.01) and made.n_arm == pytest.approx(arm, rel=1e-3, abs=1.01)


@pytest.mark.parametrize(("d", "n"), [(0.2, 393), (0.5, 64), (0.8, 26)])
def test_sizes_of_means_are_cohens(d, n):
    """Cohen (1988), table 2.4.1: two-sided 5 %, power 80 %."""
    made = plan(PlanSpec(metric="spend", kind="mean", baseline=50, effect=20 * d, spread=20))
    assert made.n_control == pytest.approx(n, abs=1)


def test_the_effect_that_a_size_finds_is_the_effect_that_needs_this_size():
    for spec in (
        rate(0.3, 0.02, holdout=0.2),
        rate(0.3, -0.02),
        PlanSpec(metric="m", kind="mean", baseline=9, effect=2, spread=8),
    ):
        made = plan(spec)
        there = plan(replace(spec, n_available=made.n_total))
        assert there.detectable == pytest.approx(spec.effect, rel=5e-3)
        assert there.power_available == pytest.approx(spec.power, abs=5e-3) and there.is_enough
        assert made.curve["detectable"].abs().is_monotonic_decreasing


def test_several_arms_are_each_compared_with_the_holdout_at_a_part_of_alpha():
    made = plan(rate(0.3, 0.03, holdout=0.4, n_arms=3))
    control, arm = fleiss(0.3, 0.33, 0.5, 0.8, 0.05 / 3)  # 40 % held out, 20 % in each arm
    assert made.n_control == pytest.approx(control, abs=1.01) and made.n_arm == pytest.approx(arm, abs=1.01)
    assert made.n_total == made.n_control + 3 * made.n_arm


def test_days_are_those_to_collect_and_those_to_wait():
    made = plan(rate(0.5, 0.25, power=0.9, units_per_day=10, window_days=28))
    assert (made.collect_days, made.days) == (16, 44)  # 154 at 10 a day
    there = plan(rate(0.5, 0.25, power=0.9, n_available=200, window_days=28))
    assert (there.collect_days, there.days) == (0, 28)
    both = plan(rate(0.5, 0.25, power=0.9, n_available=100, units_per_day=10, window_days=28))
    assert (both.collect_days, both.days, both.is_enough) == (6, 34, False)  # 54 are missing
    assert isnan(plan(rate(0.5, 0.25)).days)


def test_more_than_there_are_is_said_with_what_they_can_find():
    said = " ".join(plan_words(plan(rate(0.3, 0.02, n_available=3_000))))
    assert (
        "It takes 16,7" in said and "There are only 3,000 users" in said and "smallest effect that can be found" in said
    )
    assert "at most" in said  # looking every day takes more


def test_looking_every_day_takes_more_users():
    """(3.035 + 0.842)² against (1.96 + 0.84)²."""
    made = plan(rate(0.3, 0.02))
    assert made.n_sequential / made.n_total == pytest.approx(((3.035 + 0.842) / (1.960 + 0.842)) ** 2, rel=2e-3)


@pytest.mark.parametrize(("make", "said"), [
    (lambda: rate(0.0, 0.02), "baseline of a share must be more than 0"),
    (lambda: rate(1.0, -0.02), "baseline of a share must be more than 0"),
    (lambda: rate(0.3, 0.0), "effect worth having must be a number other than 0"),
    (lambda: rate(0.9, 0.2), "Baseline and effect together"),
    (lambda: rate(0.3, float("nan")), "effect worth having"),
    (lambda: rate(0.3, 0.02, power=0.01), "`power` must be more than `alpha`"),
    (lambda: rate(0.3, 0.02, holdout=0.0), "`holdout`"),
    (lambda: rate(0.3, 0.02, n_arms=0), "`n_arms`"),
    (lambda: rate(0.3, 0.02, n_available=0), "`n_available`"),
    (lambda: PlanSpec(metric="m", kind="mean", baseline=9, effect=2), "`spread` must be more than 0 for a mean, not empty"),
    (lambda: plan(rate(0.3, 1e-7)), "no number of users"),
])  # fmt: skip
def test_what_cannot_be_planned_is_said_in_a_sentence(make, said):
    with pytest.raises(SpecError, match=said):
        make()


@pytest.mark.slow
def test_an_experiment_of_the_planned_size_finds_the_effect_as_often_as_planned():
    spec = rate(0.3, 0.06, holdout=0.3)
    made, rng = plan(spec), np.random.default_rng(11)
    group = np.repeat([0, 1], [made.n_control, made.n_arm])
    n_found = 0
    for _ in range(1_000):
        values = (rng.random(made.n_total) < np.where(group == 1, 0.36, 0.3)).astype(float)
        units = Units(("holdout", "arm"), group, (Outcome("stayed", "rate", values),), expected_shares=(0.3, 0.7))
        n_found += read_units(units).effect("stayed", "arm")["says"] == "higher"
    assert 0.8 - 0.04 <= n_found / 1_000 <= 0.8 + 0.04  # three standard errors
