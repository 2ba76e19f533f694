"""Revenue questions over every small shop: they agree with the plain loop, and with themselves."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from retention.cohorts.answer import portable_cohort_sql
from retention.cohorts.query import population
from retention.cohorts.spec import CohortSpec, Condition
from retention.lifecycle import query_duckdb_revenue, query_revenue
from retention.lifecycle.answer_revenue import repeat_purchases, revenue_over_time, revenue_retention, value_per_user
from retention.lifecycle.spec_revenue import VALUE_DAYS, RepeatSpec, RevenueSpec
from retention.store import Store
from tests import revenue_oracle as oracle
from tests.oracles import DAY_US, Clock, Event
from tests.test_sql_portable import portability_faults
from tests.worlds import CLOCK_CHANGES, diary, instant, store_of

# Every example makes stores, so a failing one is not shrunk.
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
VALUES = (None, "0", "10", "0.1", "33.333333", "250", "-4")


@st.composite
def shops(draw, period: str) -> tuple[list[Event], Clock]:
    """Draw a shop whose orders and refunds fall on borders of periods, around a change of the clock."""
    timezone = draw(st.sampled_from(("UTC", "America/New_York", "Asia/Kolkata", "America/Sao_Paulo")))
    centre = draw(st.sampled_from((*CLOCK_CHANGES[timezone], date(2026, 1, 1))))
    noon = instant(f"{centre} 12:00", timezone)
    width = {"day": 1, "week": 7, "month": 30}[period] * DAY_US
    world = []
    for number in range(draw(st.integers(1, 18))):
        step = draw(st.sampled_from((0, 0, 1, 2, 3))) * width
        at_us = noon + step + draw(st.sampled_from((0, -1, DAY_US // 2, 7 * DAY_US, DAY_US, -DAY_US // 2)))
        props = {"value": draw(st.sampled_from(VALUES)), "item": draw(st.sampled_from((None, "tea", "pot")))}
        kind = draw(st.sampled_from(("purchase", "purchase", "purchase", "refund", "visit")))
        kept = {k: v for k, v in {**props, "number": str(number)}.items() if v}
        world.append(Event(draw(st.sampled_from("abcd")), at_us, kind, kept))
    world.append(Event("a", noon + draw(st.sampled_from((0, width))), "purchase", {"value": "20", "number": "last"}))
    as_of_us = noon + draw(st.sampled_from((1, 2, 3, 5))) * width + draw(st.sampled_from((0, 1, DAY_US // 2)))
    gaps = ((noon + width, noon + width + DAY_US),) if draw(st.booleans()) else ()
    return world, Clock(as_of_us, timezone, draw(st.sampled_from(("monday", "sunday"))), gaps)


def opened(world: list[Event], clock: Clock) -> Store:
    return store_of(world, as_of=clock.as_of_us, timezone=clock.timezone, week_start=clock.week_start, gaps=clock.gaps)


def same(found: float, truth: object) -> bool:
    """Compare a number of a frame with a fraction of the oracle; None stands for what is not known."""
    if truth is None:
        return bool(pd.isna(found))
    return found == pytest.approx(float(truth), rel=1e-9, abs=1e-9)  # type: ignore[arg-type]


@pytest.mark.parametrize("period", ["day", "week", "month"])
@settings(max_examples=10, phases=UNSHRUNK)
@given(data=st.data())
def test_every_revenue_question_agrees_with_the_plain_loop(period, data):
    world, clock = data.draw(shops(period))
    days = oracle.order_days(world, clock)
    with opened(world, clock) as store:
        if not any(e.event == "purchase" for e in world):
            return
        for kind in ("net", "gross"):
            spec = RevenueSpec(period=period, kind=kind, horizon=3)
            check_periods(revenue_over_time(store, spec).periods, oracle.periods(days, clock, period))
            check_grid(revenue_retention(store, spec), days, clock)
            check_values(value_per_user(store, spec), days, clock)


def check_periods(found, truth) -> None:
    for row in found.to_dict("records"):
        n_orders, n_buyers, gross, refunded = truth.pop(row["on"], (0, 0, 0, 0))
        assert (row["n_orders"], row["n_buyers"]) == (n_orders, n_buyers)
        assert same(row["gross"], gross)
        assert same(row["refunded"], refunded)
    assert truth == {}


def check_grid(grid, days, clock) -> None:
    spec = grid.spec
    truth = oracle.cells(days, clock, spec.period, spec.kind, spec.horizon)
    for row in grid.cells.to_dict("records"):
        cell = truth.pop((row["cohort"], row["age"]))
        assert (row["size"], row["state"], row["touches_gap"]) == (cell.size, cell.state, cell.touches_gap)
        is_known, is_future = cell.state == "mature", cell.state == "future"
        assert is_future == bool(pd.isna(row["buyers"]))
        assert is_future or row["buyers"] == cell.buyers
        assert same(row["revenue"], None if is_future else cell.revenue)
        for name in ("nrr", "grr", "value"):
            assert same(row[name], getattr(cell, name) if is_known else None), name
        # The laws: nothing above 100 % is kept, and never more than there is.
        if is_known and cell.grr is not None:
            assert row["grr"] <= 1
            assert row["grr"] <= row["nrr"]
    assert truth == {}
    averages = oracle.pooled(days, clock, spec.period, spec.kind, spec.horizon)
    for row in grid.pooled.to_dict("records"):
        if row["measure"] == "value" or pd.isna(row["rate"]):
            continue
        rate, half, n = averages.pop((row["measure"], row["age"]))
        assert same(row["rate"], rate)
        assert row["n_users"] == n
        assert (half is None) == bool(pd.isna(row["low"]))
        if half is not None:
            # Half a width of nearly nothing is the root of what rounding leaves.
            assert row["low"] == pytest.approx(float(rate) - half, rel=1e-6, abs=1e-6)
            high = float(rate) + half
            assert row["high"] == pytest.approx(min(high, 1) if row["measure"] == "grr" else high, rel=1e-6, abs=1e-6)
    assert averages == {}


def check_values(result, days, clock) -> None:
    spec = result.spec
    truth = oracle.day_values(days, clock, spec.period, spec.kind, VALUE_DAYS)
    for row in result.rows.to_dict("records"):
        n, mean, is_mature, touches_gap = truth.pop((row["cohort"], row["days"]))
        assert (row["n_users"], row["state"] == "mature", row["touches_gap"]) == (n, is_mature, touches_gap)
        assert same(row["value"], mean if is_mature else None)
    assert truth == {}


@pytest.mark.parametrize("period", ["day", "month"])
@settings(max_examples=15, phases=UNSHRUNK)
@given(data=st.data())
def test_second_orders_agree_with_the_plain_loop(period, data):
    world, clock = data.draw(shops(period))
    seconds = oracle.second_orders(world, clock)
    with opened(world, clock) as store:
        for days in (1, 7, 30):
            result = repeat_purchases(store, RepeatSpec(days=days, period=period))
            total, by_cohort = oracle.repeat_rate(world, clock, days, period)
            found = result.total[["n_watched", "n_repeated"]].sum()
            assert (found["n_watched"], found["n_repeated"]) == total
            rows = {
                r["cohort"]: (r["n_customers"], r["n_watched"], r["n_repeated"]) for r in result.rows.to_dict("records")
            }
            assert rows == by_cohort
        for days in (1, 2, 7, 29, 30, 31, 365):
            watched = [s for s in seconds.values() if s[0] + days * DAY_US <= s[2]]
            again = [s for s in watched if s[1] is not None and s[1] <= s[0] + days * DAY_US]
            point = result.within(days)
            assert (len(watched), len(again)) == (0, 0) if point is None else (
                (point["n_watched"], point["n_repeated"]) == (len(watched), len(again))
            )  # fmt: skip


@settings(max_examples=10, phases=UNSHRUNK)
@given(data=st.data())
def test_net_is_never_above_gross(data):
    world, clock = data.draw(shops("month"))
    with opened(world, clock) as store:
        periods = revenue_over_time(store, RevenueSpec()).periods
        assert (periods["net"] <= periods["gross"]).all()
        assert (periods["gross"] >= 0).all()


def test_every_text_over_the_orders_is_portable():
    store = store_of(diary("ann: 5/purchase?country=France"), as_of="2026-03-01", gaps=[("2026-01-10", "2026-01-11")])
    clock = store.catalogue().require_clock()
    asked = CohortSpec(period="day", by="country", where=(Condition(name="country", values=("France",)),))
    people = population(portable_cohort_sql(asked, store.catalogue()).starts)
    for chosen, by in ((None, None), (people, "country")):
        for period in ("day", "week", "month"):
            spec, repeat = RevenueSpec(period=period, by=by), RepeatSpec(period=period, by=by)
            periods = query_revenue.periods_of_users(spec, chosen, "sunday")
            customers = query_revenue.customers(repeat, chosen, clock)
            for text in (
                query_revenue.revenue_by_period(periods),
                query_revenue.buyers(periods, 3, "b.grp = $group_key", 1, is_refunded=False),
                query_revenue.repeat_counts(customers, 90),
                query_revenue.second_order_days(customers),
                query_revenue.repeat_members(customers, repeat, 3, "c.grp is null", None, has_repeated=False),
            ):
                assert portability_faults(text.text) == [], text.text


@pytest.mark.parametrize("period", ["week", "month"])
@settings(max_examples=10, phases=UNSHRUNK)
@given(data=st.data())
def test_the_sums_that_are_kept_are_those_over_the_orders(period, data):
    world, clock = data.draw(shops(period))
    with opened(world, clock) as store:
        for kind in ("net", "gross"):
            spec = RevenueSpec(period=period, kind=kind, horizon=4)
            spent = query_duckdb_revenue.spent(spec, None, clock.week_start)
            periods = query_revenue.periods_of_users(spec, None, clock.week_start)
            for kept, over_orders, key in (
                (query_duckdb_revenue.kept_cells(spec), query_duckdb_revenue.revenue_cells(spent), ["cohort", "age"]),
                (query_duckdb_revenue.kept_periods(spec), query_revenue.revenue_by_period(periods), ["period"]),
            ):
                one, other = (
                    store.read(text).astype("float64").sort_values(key, ignore_index=True)
                    for text in (kept, over_orders)
                )
                pd.testing.assert_frame_equal(one, other[list(one.columns)], rtol=1e-12, atol=1e-6)
