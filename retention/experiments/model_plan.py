"""Size, days and detectable effect of an experiment that is planned."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, isnan, nan

import numpy as np
import pandas as pd

from retention.errors import SpecError
from retention.experiments.model_moments import level_of
from retention.experiments.model_sequential import reach_of
from retention.experiments.plan import Plan
from retention.experiments.spec import PlanSpec, ReadSpec
from retention.interventions.model_power import power_of, smallest_effect, users_needed

MOST_USERS = 10**9
N_SIZES = 15


def plan_of(spec: PlanSpec) -> Plan:
    """Work out how many users it takes to find the smallest effect worth having, and how long.

    Raises
    ------
    SpecError
        If no number of users is enough.

    Notes
    -----
    Two-sided. Rates: the two-sample z test with the pooled variance under no difference (Fleiss, without the correction
    for continuity), which is how they are read. Means: the two-sample t test. With several arms each is compared with the
    holdout at α divided by their number (Bonferroni), so that the plan holds for the corrected reading.

    For a reading that may stop at any look the interval is wider; tuned for the size that is planned it reaches 3.04
    standard errors instead of 1.96 (at α = 5 %), for which this size has the power at its last look alone.

    References
    ----------
    Fleiss, J. L., Levin, B. & Paik, M. C. (2003). Statistical Methods for Rates and Proportions, 3rd ed., chapter 4.
    Cohen, J. (1988). Statistical Power Analysis for the Behavioral Sciences, 2nd ed., chapter 2.
    """
    control, arm = _shares(spec)
    both = control + arm
    needed = _needed(spec)
    if isnan(needed) or needed / both > MOST_USERS:
        raise SpecError(
            f"An effect of {spec.effect:g} must be larger: no number of users up to a thousand million finds it.",
            hint="Name a larger smallest effect, or a less uneven holdout.",
        )
    n_control, n_arm = ceil(needed * control / both - 1e-6), ceil(needed * arm / both - 1e-6)
    n_total = n_control + n_arm * spec.n_arms
    available = spec.n_available
    return Plan(
        spec=spec,
        n_control=n_control,
        n_arm=n_arm,
        n_total=n_total,
        n_sequential=ceil(n_total * _longer(spec)),
        detectable=nan if available is None else _smallest(spec, available),
        power_available=nan if available is None else _power(spec, available),
        curve=_curve(spec, n_total),
    )


def _shares(spec: PlanSpec) -> tuple[float, float]:
    """Return the share of all users that the holdout, and that each arm has."""
    return spec.holdout, (1 - spec.holdout) / spec.n_arms


def _alpha(spec: PlanSpec) -> float:
    return spec.alpha / spec.n_arms


def _needed(spec: PlanSpec) -> float:
    """Return how many users the holdout and one arm need together."""
    control, arm = _shares(spec)
    if spec.kind == "rate":
        return users_needed(spec.effect, spec.baseline, control / (control + arm), spec.power, _alpha(spec))
    n_control = _first(
        lambda n: _mean_power(spec, spec.effect, n * arm / control, n) >= spec.power, 2.0, float(MOST_USERS)
    )
    return n_control * (control + arm) / control


def _mean_power(spec: PlanSpec, effect: float, n_arm: float, n_control: float) -> float:
    from statsmodels.stats.power import TTestIndPower

    if min(n_arm, n_control) < 2:
        return 0.0
    size = abs(effect) / (spec.spread or nan)
    # So far out the power is 1 to ten digits, and the noncentral t is no longer worked out.
    if size * (n_arm * n_control / (n_arm + n_control)) ** 0.5 > (10 if n_arm + n_control > 50 else 30):
        return 1.0
    # The chance to find it on the wrong side is left out: it is nothing at any power worth having.
    return float(
        TTestIndPower().power(size, n_control, _alpha(spec) / 2, ratio=n_arm / n_control, alternative="larger")
    )


def _power(spec: PlanSpec, n_total: float) -> float:
    control, arm = _shares(spec)
    if spec.kind == "mean":
        return _mean_power(spec, spec.effect, n_total * arm, n_total * control)
    if n_total * min(control, arm) < 1:
        return nan
    return power_of(spec.effect, spec.baseline, n_total * arm, n_total * control, _alpha(spec))


def _smallest(spec: PlanSpec, n_total: float) -> float:
    """Return the smallest effect that a size finds, with its sign; NaN where none is."""
    control, arm = _shares(spec)
    sign = 1 if spec.effect > 0 else -1
    if spec.kind == "rate":  # a fall of a share is a rise of the rest
        base = spec.baseline if sign > 0 else 1 - spec.baseline
        return sign * smallest_effect(base, n_total * arm, n_total * control, spec.power, _alpha(spec))
    if n_total * min(control, arm) < 2:
        return nan
    far = 30 * (spec.spread or nan)
    return sign * _first(lambda d: _mean_power(spec, d, n_total * arm, n_total * control) >= spec.power, 0.0, far)


def _first(is_enough: Callable[[float], bool], low: float, high: float) -> float:
    """Return from where on something is enough; NaN where it is not at the upper end."""
    if not is_enough(high):
        return nan
    for _ in range(60):
        if high - low <= 1e-7 * high:
            break
        middle = (low + high) / 2 if low <= 0 or high / max(low, 1e-300) < 4 else (low * high) ** 0.5
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def _longer(spec: PlanSpec) -> float:
    """Return how many times as many users it takes where one looks every day."""
    read = ReadSpec(method="sequential", alpha=_alpha(spec))
    once, power = level_of(_alpha(spec)), level_of(2 * (1 - spec.power)) if spec.power > 0.5 else 0.0
    return ((float(reach_of(read.tuning, read)) + power) / (once + power)) ** 2


def _curve(spec: PlanSpec, n_total: int) -> pd.DataFrame:
    sizes = np.unique(np.geomspace(max(n_total / 10, 20), n_total * 4, N_SIZES).round())
    found = [_smallest(spec, float(n)) for n in sizes]
    return pd.DataFrame({"n_total": sizes.astype(np.int64), "detectable": found})
