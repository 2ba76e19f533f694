"""What "95 %" means: over simulated worlds the intervals hold the truth that often."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from retention.intervals import wilson
from retention.survival.curve import Histogram, mean_stay
from retention.survival.model import kaplan_meier

AGE, HORIZON = 40, 60
SHAPE, SCALE = 0.7, 50.0
N_USERS, FOLLOW_UP = 250, 150


def still_active(age: np.ndarray | float) -> np.ndarray:
    """Return the true share that is active for longer than `age` whole days."""
    return np.exp(-(((np.asarray(age) + 1.0) / SCALE) ** SHAPE))


def world(rng: np.random.Generator, *, has_late_entry: bool) -> tuple[Histogram, np.ndarray, np.ndarray]:
    """Simulate users who start throughout and are watched until the data end, and their uncensored days."""
    lived = np.floor(rng.weibull(SHAPE, N_USERS) * SCALE).astype(np.int64)
    start = rng.integers(0, FOLLOW_UP, N_USERS)
    watched = FOLLOW_UP - 1 - start  # the last age at which the status is known
    entry = np.maximum(20 - start, 0) if has_late_entry else np.zeros(N_USERS, dtype=np.int64)
    duration = np.minimum(lived, watched)
    rows = pd.DataFrame(
        {"entry_day": entry, "age": duration, "is_lapsed": (lived <= watched).astype(int), "status": 0, "n": 1}
    )
    whole, _ = Histogram.of(rows[duration >= entry]).joined_up()
    return whole, lived, watched


def coverage(n_worlds: int, *, has_late_entry: bool) -> Counter[str]:
    """Count the worlds in which each interval holds the truth."""
    rng = np.random.default_rng(1970 + has_late_entry)
    share, mean = float(still_active(AGE)), float(still_active(np.arange(HORIZON)).sum())
    held: Counter[str] = Counter()
    for _ in range(n_worlds):
        histogram, lived, watched = world(rng, has_late_entry=has_late_entry)
        curve = kaplan_meier(histogram)
        at = curve[curve["t"] <= AGE].iloc[-1]
        held["Kaplan–Meier"] += bool(at["low"] <= share <= at["high"])
        _, low, high = mean_stay(curve, HORIZON)
        held["mean stay"] += bool(low <= mean <= high)
        # The grid's own rate: of those watched past the age, how many were still there.
        is_mature = watched > AGE
        low, high = wilson([(lived > AGE)[is_mature].sum()], [is_mature.sum()])
        held["retention"] += bool(low[0] <= share <= high[0])
    return held


@pytest.mark.parametrize("has_late_entry", [False, True], ids=["from the start", "late entry"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(has_late_entry):
    n = 200
    # A true coverage from 93 to 97 % leaves these bounds in one of two thousand runs; the seed is fixed.
    low, high = binom.ppf(0.0005, n, 0.93), binom.ppf(0.9995, n, 0.97)
    for name, held in coverage(n, has_late_entry=has_late_entry).items():
        assert low <= held <= high, (name, held / n)


@pytest.mark.slow
@pytest.mark.parametrize("has_late_entry", [False, True], ids=["from the start", "late entry"])
def test_intervals_hold_the_truth_in_93_to_97_of_100_worlds(has_late_entry):
    n = 2000
    for name, held in coverage(n, has_late_entry=has_late_entry).items():
        assert 0.93 <= held / n <= 0.97, (name, held / n)
