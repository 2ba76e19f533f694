"""Where nothing was done nothing is found: thousands of experiments without an effect on the users of the sample shop."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
import pytest
from scipy.stats import binom

from retention.experiments.model_readout import read_units
from retention.experiments.spec import ReadSpec
from retention.experiments.units import Outcome, Units
from retention.ingest.sample import SampleSpec, simulate
from retention.interventions.assignment import draws, split

DAY_US = 86_400_000_000
WINDOW_DAYS = 28
N_FEW = 200
N_ALL = 2_500


@cache
def shop() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Users of the shop 28 days before its end: id, came back, spent, spent in the 28 days before."""
    made = simulate(SampleSpec(n_users=4_000))
    at_us = made.watermark_us - WINDOW_DAYS * DAY_US
    users, place = np.unique(made.events["user_id"].to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    when = made.events["occurred_us"].to_numpy()
    names = made.events["event"].to_numpy(zero_copy_only=False).astype(str)
    value = np.nan_to_num(np.array(made.events["value"].to_pylist(), dtype=float))
    is_sale, is_visit = names == "purchase", names != "campaign_sent"
    after = (when >= at_us) & is_visit
    recent = (when < at_us) & (when >= at_us - 90 * DAY_US) & is_visit
    n = len(users)
    known = np.bincount(place[recent], minlength=n) > 0
    came = (np.bincount(place[after], minlength=n) > 0).astype(float)
    spent, before = (
        np.bincount(place[inside & is_sale], value[inside & is_sale], minlength=n)
        for inside in (after, (when < at_us) & (when >= at_us - WINDOW_DAYS * DAY_US))
    )
    return users[known], came[known], spent[known], before[known]


@lru_cache(maxsize=N_FEW)
def an_experiment(number: int) -> Units:
    """Split the users by the keyed hash of a campaign; their outcomes become known over four weeks, whatever the group."""
    users, came, spent, before = shop()
    group, _ = split(draws(f"{number:032x}", "nothing", users), 0.5, [1.0])
    day = np.random.default_rng(number).integers(0, 28, len(users))
    outcomes = (Outcome("came back", "rate", came), Outcome("spent", "mean", spent, before))
    return Units(("holdout", "arm"), group, outcomes, day=day, expected_shares=(0.5, 0.5))


def share_found(numbers: range, spec: ReadSpec) -> dict[tuple[str, str], float]:
    """Count in how many experiments each reading alone finds something, at any look there is."""
    found: dict[tuple[str, str], list[bool]] = {}
    for number in numbers:
        read = read_units(an_experiment(number), spec)
        for row in read.effects.itertuples():
            found.setdefault((row.metric, row.view), []).append(row.p <= spec.alpha)
        for metric, path in read.path.groupby("metric"):
            found.setdefault((metric, "any look"), []).append(bool(path["is_clear"].any()))
    return {reading: float(np.mean(values)) for reading, values in found.items()}


def test_the_users_differ_enough_for_the_proof_to_mean_something():
    users, came, spent, _ = shop()
    assert len(users) > 1_000 and 0.2 < came.mean() < 0.9
    assert (spent == 0).mean() > 0.5 and spent.max() > 15 * spent.mean()  # long tails, as money has


def test_one_look_finds_something_in_one_experiment_in_twenty():
    low, high = binom.ppf([0.0005, 0.9995], N_FEW, 0.05) / N_FEW
    for reading, share in share_found(range(N_FEW), ReadSpec()).items():
        assert low <= share <= high, reading


def test_daily_looks_find_something_no_more_often_with_sequential_intervals():
    most = binom.ppf(0.9995, N_FEW, 0.05) / N_FEW
    for reading, share in share_found(range(N_FEW), ReadSpec(method="sequential", tuned_for=1_000)).items():
        assert share <= most, reading


def test_daily_looks_at_intervals_for_one_look_deceive():
    """Why the method is named: 28 looks at fixed-horizon intervals find something far more often than in one of twenty."""
    n_deceived = 0
    for number in range(N_FEW):
        units = an_experiment(number)
        came = units.outcomes[0].values
        z = []
        for day in range(3, 28):
            x, n = (
                [float(v[(units.group == g) & (units.day <= day)].sum()) for g in (0, 1)]
                for v in (came, np.ones_like(came))
            )
            p = sum(x) / sum(n)
            z.append((x[1] / n[1] - x[0] / n[0]) / np.sqrt(p * (1 - p) * (1 / n[0] + 1 / n[1])))
        n_deceived += max(map(abs, z)) > 1.96
    assert n_deceived / N_FEW > 0.1


@pytest.mark.slow
def test_thousands_of_experiments_without_an_effect_reject_at_their_level():
    once = share_found(range(N_ALL), ReadSpec())
    assert set(once) >= {
        ("came back", "as measured"),
        ("spent", "as measured"),
        ("spent", "CUPED"),
        ("spent", "winsorised"),
    }
    for reading, share in once.items():
        assert 0.04 <= share <= 0.06, (reading, share)
    daily = share_found(range(N_ALL), ReadSpec(method="sequential", tuned_for=1_000))
    assert ("spent", "any look") in daily
    for reading, share in daily.items():
        assert share <= 0.05, (reading, share)
