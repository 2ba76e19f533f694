"""The intervals of the average rows, from formulas worked by hand."""

from __future__ import annotations

from datetime import date
from math import sqrt

import pytest
from statsmodels.stats.proportion import proportion_confint

from retention.cohorts.answer import cohort_retention
from retention.cohorts.spec import CohortSpec
from tests.oracles import DAY_US, Event
from tests.worlds import instant, store_of

Z = 1.959964


def events(user: str, kind: str, *days: str) -> list[Event]:
    return [Event(user, instant(day) + DAY_US // 2, kind) for day in days]


def interval(matrix, kind: str, age: int) -> tuple[float, float]:
    (row,) = [r for r in matrix.average.to_dict("records") if (r["kind"], r["age"]) == (kind, age)]
    return row["low"], row["high"]


def test_the_pooled_average_of_first_entries_has_the_interval_of_wilson():
    # 5 of 10 and 16 of 20: 21 of 30.
    world = []
    for i in range(10):
        world += events(f"a{i}", "visit", "2026-01-05", *(["2026-01-12"] if i < 5 else []))
    for i in range(20):
        world += events(f"b{i}", "visit", "2026-01-12", *(["2026-01-19"] if i < 16 else []))
    matrix = cohort_retention(store_of(world, as_of="2026-02-02"), CohortSpec(horizon=1))
    assert interval(matrix, "pooled", 1) == pytest.approx(proportion_confint(21, 30, method="wilson"))
    # The simple average has the standard error √(Σ p(1 − p)/n) ÷ number of cohorts.
    error = sqrt(0.5 * 0.5 / 10 + 0.8 * 0.2 / 20) / 2
    assert interval(matrix, "simple", 1) == pytest.approx((0.65 - Z * error, 0.65 + Z * error))


def test_a_user_who_enters_twice_with_one_fate_is_one_observation():
    # 12 users open in two weeks; 4 of them buy in the week after each. The pooled rate is 8 of 24, but there
    # are only 12 independent fates: Σ(x − p n)² = 12 · 4 · p(1 − p), so the effective size is 12.
    world = []
    for i in range(12):
        world += events(f"u{i}", "open", "2026-01-05", "2026-01-12")
        if i < 4:
            world += events(f"u{i}", "buy", "2026-01-12", "2026-01-19")
    world += events("other", "buy", "2026-01-01")
    store = store_of(world, as_of="2026-02-02")
    matrix = cohort_retention(store, CohortSpec(entry="recurring", start=("open",), returns=("buy",), horizon=1))
    assert [matrix.retained(date(2026, 1, d))[1] for d in (5, 12)] == [4, 4]
    assert interval(matrix, "pooled", 1) == pytest.approx(proportion_confint(4, 12, method="wilson"))
    assert interval(matrix, "common cohorts", 1) == pytest.approx(proportion_confint(4, 12, method="wilson"))
    assert interval(matrix, "deduplicated", 1) == pytest.approx(proportion_confint(4, 12, method="wilson"))


def test_users_who_enter_once_are_independent():
    world = []
    for i in range(9):
        world += events(f"u{i}", "open", "2026-01-05" if i < 5 else "2026-01-12")
        if i in (0, 1, 5):
            world += events(f"u{i}", "buy", "2026-01-12" if i < 5 else "2026-01-19")
    store = store_of(world, as_of="2026-02-02")
    matrix = cohort_retention(store, CohortSpec(entry="recurring", start=("open",), returns=("buy",), horizon=1))
    assert interval(matrix, "pooled", 1) == pytest.approx(proportion_confint(3, 9, method="wilson"))


def test_an_average_of_nothing_is_unknown_and_not_zero():
    world = events("ann", "visit", "2026-01-05")
    matrix = cohort_retention(store_of(world, as_of="2026-01-06"), CohortSpec(horizon=1))
    assert matrix.average[["rate", "low", "high"]].isna().all(axis=None)
    assert (matrix.average["n_cohorts"] == 0).all()
    assert sorted(set(matrix.average["kind"])) == ["common cohorts", "deduplicated", "pooled", "simple"]
