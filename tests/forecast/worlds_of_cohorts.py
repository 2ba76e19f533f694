"""Worlds of cohorts whose members leave by a known law, as counts and as events."""

from __future__ import annotations

import numpy as np

from retention.forecast.history import History
from tests.worlds import Event, instant

DAY_US = 86_400_000_000
MONDAY = "2025-01-06T12:00"


def lives(rng: np.random.Generator, n: int, alpha: float, beta: float) -> np.ndarray:
    """Draw the period in which each of `n` members is gone: sBG, one draw of the chance a member."""
    return rng.geometric(rng.beta(alpha, beta, n))


def counted(
    seed: int, size: int, inflow: float, alpha: float = 0.7, beta: float = 1.2, share: float = 1.0
) -> np.ndarray:
    """Count who is there: cohorts by periods; of those not gone, each comes with probability `share`."""
    rng = np.random.default_rng(seed)
    n = np.zeros((size, size))
    for cohort in range(size):
        members = int(rng.poisson(inflow))
        gone = lives(rng, members, alpha, beta)
        n[cohort, cohort] = members
        for age in range(1, size - cohort):
            n[cohort, cohort + age] = rng.binomial(int((gone > age).sum()), share)
    return n


def known(n: np.ndarray, amount: np.ndarray | None = None) -> History:
    """Return counts as a history without gaps."""
    return History(0, n, np.zeros_like(n) if amount is None else amount, np.ones(len(n), dtype=bool))


def weeks_of(seed: int, n_weeks: int, inflow: int, event: str = "visit", value: str = "") -> list[Event]:
    """Return the events of such a world, one a week and member, with a constant inflow."""
    rng = np.random.default_rng(seed)
    start = instant(MONDAY)
    events = []
    for cohort in range(n_weeks):
        for member, gone in enumerate(lives(rng, inflow, 0.7, 1.2)):
            props = {"value": value} if value else {}
            for week in range(cohort, min(cohort + int(gone), n_weeks)):
                events.append(Event(f"u{cohort}-{member}", start + week * 7 * DAY_US, event, props))
    return events
