"""Intervals of headline numbers: published values, the laws of their kind, and whether they cover."""

from __future__ import annotations

from math import isnan, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.headlines import figures
from retention.headlines.figures import Change, Daily, Value, beyond, choose
from retention.headlines.spec import METRICS
from retention.headlines.words import SENTENCES, signed, span_words, written

Z = 1.959963984540054


@pytest.mark.parametrize(
    ("n", "low", "high"),
    # Exact Poisson limits (Garwood 1936): Pearson & Hartley, Biometrika tables for statisticians I, table 40.
    [(5, 1.6235, 11.6683), (10, 4.7954, 18.3904), (30, 20.2409, 42.8269), (100, 81.3640, 121.6272)],
)
def test_a_plain_count_has_the_exact_poisson_interval_within_a_hundredth(n, low, high):
    found = figures.total(pd.Series([1]), pd.Series([n]), per=1)
    assert (found.value, found.low, found.high) == (n, pytest.approx(low, rel=0.01), pytest.approx(high, rel=0.01))


def test_nobody_is_a_count_of_zero_with_an_upper_limit():
    found = figures.total(pd.Series([0]), pd.Series([50]), per=4)
    assert (found.value, found.low, found.n) == (0, 0, 0)
    assert 3.6 / 4 < found.high < 3.7 / 4  # exact: 3.689


def test_users_who_count_four_times_widen_the_interval_as_four_times_fewer_would():
    once = figures.total(pd.Series([1]), pd.Series([100]), per=1)
    often = figures.total(pd.Series([4]), pd.Series([100]), per=4)
    assert (often.value, often.low, often.high) == pytest.approx((once.value, once.low, once.high))


def test_two_plain_counts_compare_as_poisson_counts_do():
    # 1/40 + 1/20 on the logarithm where nobody is in both windows.
    frame = pd.DataFrame({"a": [1, 0], "b": [0, 1], "n": [40, 20]})
    found = figures.total_change(frame["a"], frame["b"], frame["n"], (1, 1))
    assert found.difference == pytest.approx(1.0)
    assert np.log1p(found.high) - np.log1p(found.difference) == pytest.approx(Z * sqrt(1 / 40 + 1 / 20))
    assert found.says == "higher"


def test_a_mean_and_its_change_are_welchs():
    one, two = [3.0, 5.0, 10.0], [1.0, 2.0, 3.0, 2.0]
    sums = [(float(len(v)), sum(v), sum(x * x for x in v)) for v in (one, two)]
    value = figures.mean(*sums[0])
    assert value.value == 6.0
    assert value.high - 6.0 == pytest.approx(Z * sqrt(13 / 3))  # variance (9 + 1 + 16) / 2
    change = figures.mean_change(*sums)
    assert change.difference == 4.0
    assert change.high - 4.0 == pytest.approx(Z * sqrt(13 / 3 + (2 / 3) / 4))
    assert figures.mean(1.0, 5.0, 25.0) is None


def test_the_quick_ratio_without_a_loss_is_not_known_and_without_a_gain_is_zero():
    one = pd.Series([1])
    assert figures.ratio(one, one * 0, one) is None
    none = figures.ratio(one * 0, one, one)
    assert (none.value, none.low) == (0.0, 0.0) and isnan(none.high)


def test_an_interval_without_an_upper_limit_is_never_surely_below():
    assert beyond(Value(0.0, 0.0, float("nan"), 3), "below", 0.5) == (True, False)


@given(usable=st.sets(st.integers(0, 40)), n_weeks=st.integers(1, 6))
def test_windows_are_the_latest_usable_weeks_and_never_overlap(usable, n_weeks):
    now, before, reason = choose(sorted(usable), n_weeks)
    assert set(now) | set(before) <= usable and not set(now) & set(before)
    assert len(now) in (0, n_weeks) and len(before) in (0, n_weeks)
    assert bool(reason) == (not now or not before)
    if now:
        assert max(usable) in now
        assert not {week for week in usable if min(now) < week} - set(now)
    if before:
        assert not {week for week in usable if min(before) < week < min(now)} - set(before)


def test_groups_of_users_left_out_one_by_one_give_the_error_of_a_mean_of_groups():
    # One day, one user active in 28 days per group: the share is the mean of the groups' zeros and ones.
    rng = np.random.default_rng(1)
    hits = (rng.random(40) < 0.3).astype(float)
    daily = Daily(0, hits[:, None], np.ones((40, 1)))
    found, _, _ = figures.jackknife(daily, [0], [])
    assert found.value == pytest.approx(hits.mean())
    # The jackknife of a mean is exactly its textbook standard error.
    assert found.high - found.value == pytest.approx(2.0227 * hits.std(ddof=1) / sqrt(40), rel=1e-3)


@pytest.mark.parametrize("n_worlds", [300, pytest.param(3000, marks=pytest.mark.slow)])
def test_the_intervals_of_counts_and_ratios_cover(n_worlds):
    """Users come as a Poisson crowd; each counts 0 to 4 times in either of two windows, the same users in both."""
    rng = np.random.default_rng(11)
    hits = np.zeros(3)
    for _ in range(n_worlds):
        n = rng.poisson(800)
        keen = rng.beta(1, 3, n)
        now, before = rng.binomial(4, keen), rng.binomial(4, keen * 0.9)
        gained, lost = rng.binomial(1, 0.2, n), rng.binomial(1, 0.16, n)
        frame = pd.DataFrame({"now": now, "before": before, "gained": gained, "lost": lost})
        frame = frame.groupby(list(frame.columns)).size().rename("n").reset_index()
        count = figures.total(frame["now"], frame["n"], per=4)
        change = figures.total_change(frame["now"], frame["before"], frame["n"], (4, 4))
        ratio = figures.ratio(frame["gained"], frame["lost"], frame["n"])
        hits += [
            count.low <= 800 * 0.25 <= count.high,
            change.low <= 1 / 0.9 - 1 <= change.high,
            ratio.low <= 0.2 / 0.16 <= ratio.high,
        ]
    slack = 0.038 if n_worlds == 300 else 0.012  # three standard errors of a share of .95
    assert np.abs(hits / n_worlds - 0.95).max() < slack


@pytest.mark.parametrize("n_worlds", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_the_interval_of_revenue_retention_covers(n_worlds):
    rng = np.random.default_rng(3)
    hits = np.zeros(2)
    n = 1500
    for _ in range(n_worlds):
        level = rng.gamma(4, 5, n)
        a, b, c = (rng.binomial(1, p, n) * level * rng.uniform(0.5, 1.5, n) for p in (0.8, 0.7, 0.6))
        base, root = np.where(b > 0, b, 0), np.where(a > 0, a, 0)
        now, then = np.where(b > 0, c, 0), np.where(a > 0, b, 0)
        sums = {
            "c": now, "b": base, "d": then, "a": root, "cc": now**2, "bb": base**2, "dd": then**2, "aa": root**2,
            "cb": now * base, "da": then * root, "cd": now * then, "ca": now * root, "bd": base * then, "ba": base * root,
            "n_base": b > 0, "n_root": a > 0,
        }  # fmt: skip
        moments = pd.Series({name: float(v.sum()) for name, v in sums.items()})
        value = figures.retained_revenue(moments)
        change = figures.retained_revenue_change(moments)
        hits += [value.low <= 0.6 <= value.high, change.low <= 0.6 - 0.7 <= change.high]
    slack = 0.047 if n_worlds == 200 else 0.015
    assert np.abs(hits / n_worlds - 0.95).max() < slack


def test_every_number_has_its_words():
    assert set(SENTENCES) == set(METRICS)
    for metric in METRICS.values():
        assert "{value}" in SENTENCES[metric.name]
        assert metric.meaning.endswith(".") and metric.method.endswith(".")


def test_small_changes_keep_the_digits_they_need():
    small = Change("points", -0.0032, -0.0079, 0.0014)
    assert signed(small, small.difference) == "−0.32 points"
    assert span_words(small) == "−0.79 to +0.14 points"
    assert written(float("nan"), "rate") == "—"
    assert written(-1234.5, "money") == "−1,234"
