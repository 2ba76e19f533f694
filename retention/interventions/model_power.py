"""How small an effect a comparison of two shares finds, and how many users it takes: power of the two-sample z test."""

from __future__ import annotations

from collections.abc import Callable
from math import nan

from retention.interventions.preview import Detection

ALPHA, POWER = 0.05, 0.8
LEAST = 1e-9
MOST_USERS = 10**9
HALF = 0.5
NEAR = 1e-8
"""So near is a share found, and no nearer."""


def power_of(difference: float, base_rate: float, n_arm: float, n_control: float, alpha: float = ALPHA) -> float:
    """Return the probability that a two-sided test finds a difference of two shares.

    Parameters
    ----------
    difference : float
        Share of the arm less share of the control.
    base_rate : float
        Share of the control.
    n_arm, n_control : float
        Users.

    Notes
    -----
    The variance is the pooled one under no difference and the unpooled one under the difference.

    References
    ----------
    Fleiss, J. L., Levin, B. & Paik, M. C. (2003). Statistical Methods for Rates and Proportions, 3rd ed., chapter 4,
    without the correction for continuity.
    """
    from statsmodels.stats.proportion import power_proportions_2indep

    return float(
        power_proportions_2indep(difference, base_rate, n_arm, ratio=n_control / n_arm, alpha=alpha, return_results=False)
    )


def smallest_effect(base_rate: float, n_arm: float, n_control: float, power: float = POWER, alpha: float = ALPHA) -> float:
    """Return the smallest rise of a share that is found with a power; NaN where none is."""
    if min(n_arm, n_control) < 1 or not 0 < base_rate < 1:
        return nan
    most = 1 - base_rate - LEAST
    if most <= LEAST or power_of(most, base_rate, n_arm, n_control, alpha) < power:
        return nan
    return _first(lambda x: power_of(x, base_rate, n_arm, n_control, alpha) >= power, 0.0, most)


def users_needed(
    difference: float, base_rate: float, holdout: float, power: float = POWER, alpha: float = ALPHA
) -> float:
    """Return how many users, arm and holdout together, find a difference with a power; NaN where no number does."""
    if not difference or not 0 < holdout < 1 or not 0 < base_rate < 1 or not 0 <= base_rate + difference <= 1:
        return nan

    def is_enough(n: float) -> bool:
        return power_of(difference, base_rate, n * (1 - holdout), n * holdout, alpha) >= power

    high = 2
    while not is_enough(high):
        high *= 2
        if high > MOST_USERS:
            return nan
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return float(high)


def holdout_needed(difference: float, base_rate: float, n_users: float, power: float = POWER, alpha: float = ALPHA) -> float:
    """Return the smallest share of some users to hold out that finds a difference; NaN where half is not enough."""
    if not difference or n_users < 2 or not 0 < base_rate < 1 or not 0 <= base_rate + difference <= 1:
        return nan

    def is_enough(share: float) -> bool:
        return power_of(difference, base_rate, n_users * (1 - share), n_users * share, alpha) >= power

    return _first(is_enough, 0.0, HALF) if is_enough(HALF) else nan


def detection_of(base_rate: float, assumed: float, n_users: int, holdout: float) -> Detection:
    """Say what a holdout can find out.

    Parameters
    ----------
    base_rate : float
        Share that stays without action.
    assumed : float
        Assumed rise of that share.
    """
    n_control = n_users * holdout
    n_arm = n_users - n_control
    is_told = min(n_arm, n_control) >= 1 and 0 < base_rate < 1 and 0 <= base_rate + assumed <= 1
    return Detection(
        base_rate=base_rate,
        assumed=assumed,
        smallest=smallest_effect(base_rate, n_arm, n_control),
        power=power_of(assumed, base_rate, n_arm, n_control) if is_told and assumed else nan,
        needed_users=users_needed(assumed, base_rate, holdout),
        needed_holdout=holdout_needed(assumed, base_rate, n_users),
    )


def _first(is_enough: Callable[[float], bool], low: float, high: float) -> float:
    """Return from where on something is enough, between a place where it is not and one where it is."""
    while high - low > NEAR:
        middle = (low + high) / 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
