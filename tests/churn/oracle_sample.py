"""What the best of all models could say of the simulated shop: from its laws, by summing over days. Shares nothing with ours."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom, gamma

from retention.ingest import sample_laws as laws
from retention.ingest.sample_truth import clock_at

DAY = laws.DAY_US
RATE_SHAPE = 8
"""Users' rates vary around the segment's by a gamma of mean 1 and this shape; see `sample_laws.Segment`."""
N_RATES = 12


def true_lapse(truth, users, last_us, cutoff_us, gap_days, horizon_days):
    """P(no visit within the horizon | the last visit, and everything that is hidden: segment, rate, hazard)."""
    segment = truth.segment[users]
    rate = truth.visits_per_day[users]
    return _lapse(truth, users, segment, rate, last_us, cutoff_us, gap_days, horizon_days)[0]


def bayes_lapse(truth, users, last_us, n_visits, n_carts, cutoff_us, gap_days, horizon_days):
    """P(no visit within the horizon | what a shop can see): summed over segments and rates by Bayes' rule.

    Seen are the sign-up, the visits (how many, and the last), the baskets, plan, channel and country; the habit is taken
    as known, which a shop can nearly tell from the hours.
    """
    logs, lapses = [], []
    clock = laws.visit_clock()
    habit, signup = truth.habit[users], truth.signup_us[users]
    seen = clock_at(clock, habit, last_us) - clock_at(clock, habit, signup)
    for code, law in enumerate(laws.SEGMENTS):
        edges = (np.arange(N_RATES) + 0.5) / N_RATES
        base = law.visits_per_week / 7.0
        plan = np.where(truth.plan[users] == 1, law.plus_share, 1 - law.plus_share)
        habits = np.array(law.habits)[habit]
        carts = binom.pmf(n_carts, np.maximum(n_visits, n_carts), min(law.cart, 0.95))
        age = (last_us - signup) / DAY
        alive = np.exp(-truth.hazard_ratio[users] * (np.maximum(age, 0) / law.scale_days) ** law.shape)
        for quantile in edges:
            rate = np.full(len(users), base * gamma.ppf(quantile, RATE_SHAPE, scale=1 / RATE_SHAPE))
            # Poisson, without what is the same for all rates.
            log_visits = n_visits * np.log(rate) - rate * seen
            segment = np.full(len(users), code)
            p, mass = _lapse(truth, users, segment, rate, last_us, cutoff_us, gap_days, horizon_days)
            with np.errstate(divide="ignore"):
                logs.append(np.log(law.share * plan * habits * carts * alive * mass) + log_visits)
            lapses.append(p)
    weight = np.exp(np.array(logs) - np.max(logs, axis=0))
    return (weight * np.array(lapses)).sum(axis=0) / weight.sum(axis=0)


def _lapse(truth, users, segment, rate, last_us, cutoff_us, gap_days, horizon_days):
    """Sum over the days on which a user may have died: P(lapse | silent since the last visit), P(silent until the cut-off)."""
    clock = laws.visit_clock()
    habit, signup, ratio = truth.habit[users], truth.signup_us[users], truth.hazard_ratio[users]
    shape = np.array([law.shape for law in laws.SEGMENTS])[segment]
    scale = np.array([law.scale_days for law in laws.SEGMENTS])[segment]

    def survival(at_us):
        return np.exp(-ratio * (np.maximum(at_us - signup, 0) / DAY / scale) ** shape)

    def visits(from_us, to_us):
        low, high = np.minimum(from_us, to_us), to_us
        return rate * (clock_at(clock, habit, high) - clock_at(clock, habit, low))

    from_us, to_us = cutoff_us + gap_days * DAY, cutoff_us + (gap_days + horizon_days) * DAY
    born = survival(last_us)
    n_steps = 60
    silent_dead = np.zeros(len(users))
    span = cutoff_us - last_us
    for step in range(n_steps):  # died before the cut-off
        a, b = last_us + span * step // n_steps, last_us + span * (step + 1) // n_steps
        silent_dead += (survival(a) - survival(b)) * np.exp(-visits(last_us, (a + b) // 2))
    quiet = np.exp(-visits(last_us, np.full_like(last_us, cutoff_us)))
    low, high = np.full_like(last_us, from_us), np.full_like(last_us, to_us)
    silent_alive = survival(np.full_like(last_us, cutoff_us)) * quiet
    lapse = silent_dead + (survival(np.full_like(last_us, cutoff_us)) - survival(low)) * quiet
    n_steps = 20
    for step in range(n_steps):  # died within the horizon, having been silent in it
        a, b = low + (high - low) * step // n_steps, low + (high - low) * (step + 1) // n_steps
        lapse += (survival(a) - survival(b)) * quiet * np.exp(-visits(low, (a + b) // 2))
    lapse += survival(high) * quiet * np.exp(-visits(low, high))
    mass = (silent_dead + silent_alive) / born
    return lapse / (silent_dead + silent_alive), mass
