"""Revenue retention, values and repeat purchases: worked out by hand, and by a plain loop over every small shop."""

from __future__ import annotations

from datetime import date
from math import isnan, sqrt

import numpy as np
import pandas as pd
import pytest

from retention.audiences.answer import users_of
from retention.cohorts.spec import Condition
from retention.errors import RetentionError, SpecError, StoreError
from retention.intervals import Z95, wilson
from retention.lifecycle.answer_revenue import (
    repeat_purchases,
    revenue_over_time,
    revenue_retention,
    value_per_user,
)
from retention.lifecycle.spec_revenue import (
    BuyersSpec,
    RepeatListSpec,
    RepeatSpec,
    RevenueCellSpec,
    RevenueSpec,
)
from retention.lifecycle.words_revenue import (
    over_time_verdict,
    repeat_verdict,
    retention_verdict,
    value_verdict,
)
from retention.store import Sql, Store
from tests.worlds import diary, store_of

# Two cohorts of months. January: ann 100, bob 50 (20 of it paid back in February); February: cyd 10.
SHOP = """
    ann: 2026-01-05/purchase?value=60 2026-01-20/purchase?value=40 2026-02-10/purchase?value=150
    bob: 2026-01-06/purchase?value=50 2026-02-11/refund?value=20 2026-03-01/purchase?value=30
    cyd: 2026-02-03/purchase?value=10 2026-03-09/purchase?value=10 2026-03-09T18:00/purchase?value=5
"""


@pytest.fixture
def shop() -> Store:
    return store_of(diary(SHOP), as_of="2026-04-10")


def ids(store: Store, spec: object) -> list[str]:
    """Return the ids of the file behind a number, having checked that the list is as long as it says."""
    members = users_of(store, spec)
    assert members.count == len(members.users)
    known = store.read(Sql("select i.user_key, i.user_id from identities as i"))
    names = dict(zip(known["user_key"], known["user_id"], strict=True))
    return sorted(names[key] for key in members.users["user_key"])


def cell(store: Store, cohort: str, age: int, **asked: object) -> dict[str, object]:
    """Return one cell of the revenue grid."""
    cells = revenue_retention(store, RevenueSpec(horizon=4, **asked)).cells  # type: ignore[arg-type]
    [found] = cells[(cells["cohort"] == date.fromisoformat(cohort)) & (cells["age"] == age)].to_dict("records")
    return found


# Revenue over time -------------------------------------------------------------------------------------


def test_revenue_of_a_month_is_what_was_ordered_in_it_less_what_was_paid_back_for_those_orders(shop):
    months = revenue_over_time(shop, RevenueSpec()).periods.set_index("on")
    january = months.loc[date(2026, 1, 1)]
    # Bob's refund of February belongs to his order of January.
    assert (january["gross"], january["refunded"], january["net"]) == (150, 20, 130)
    assert (january["n_orders"], january["n_buyers"], january["n_first"]) == (3, 2, 2)
    assert january["order_value"] == pytest.approx(130 / 3)
    february = months.loc[date(2026, 2, 1)]
    assert (february["gross"], february["refunded"], february["n_buyers"], february["n_first"]) == (160, 0, 2, 1)
    assert february["of_first"] == 10
    march = months.loc[date(2026, 3, 1)]
    assert (march["n_orders"], march["n_buyers"], march["n_first"]) == (3, 2, 0)


def test_a_month_without_an_order_is_nothing_sold_and_the_running_one_is_marked(shop):
    months = revenue_over_time(shop, RevenueSpec()).periods
    assert months["state"].tolist() == ["complete"] * 3 + ["in_progress"]
    april = months.iloc[-1]
    assert (april["n_orders"], april["gross"]) == (0, 0)
    assert isnan(april["order_value"])


def test_a_refund_without_an_order_is_told_apart(shop):
    store = store_of(diary("ann: 5/refund?value=7 9/purchase?value=30"))
    [january] = revenue_over_time(store, RevenueSpec()).periods.to_dict("records")
    assert (january["gross"], january["refunded"], january["unbooked"], january["net"]) == (30, 7, 7, 23)
    # It belongs to no cohort: the customer's first order is worth 30.
    assert cell(store, "2026-01-01", 0)["revenue"] == 30


def test_the_sum_over_periods_is_the_same_for_every_period(shop):
    for kind in ("gross", "net"):
        totals = {
            p: revenue_over_time(shop, RevenueSpec(period=p)).periods[kind].sum() for p in ("day", "week", "month")
        }
        assert totals["day"] == totals["week"] == totals["month"]


# Revenue retention -------------------------------------------------------------------------------------


def test_grr_and_nrr_are_what_a_hand_works_out(shop):
    february = cell(shop, "2026-01-01", 1, kind="gross")
    # Then 100 + 50; now 150 + 0; kept min(150, 100) + min(0, 50).
    assert (february["size"], february["buyers"], february["revenue"]) == (2, 1, 150)
    assert (february["nrr"], february["grr"]) == (1.0, pytest.approx(100 / 150))
    march = cell(shop, "2026-01-01", 2, kind="gross")
    assert (march["nrr"], march["grr"]) == (pytest.approx(30 / 150), pytest.approx(30 / 150))
    net = cell(shop, "2026-01-01", 2)
    assert net["nrr"] == pytest.approx(30 / 130)  # bob's 50 less 20, both in January
    assert net["value"] == pytest.approx((130 + 150 + 30) / 2)


def test_the_running_month_has_no_rate_and_a_future_one_nothing(shop):
    april, may = cell(shop, "2026-01-01", 3), cell(shop, "2026-01-01", 4)
    assert (april["state"], april["revenue"], april["complete_on"]) == ("in_progress", 0, date(2026, 5, 1))
    assert (may["state"], may["complete_on"]) == ("future", date(2026, 6, 1))
    assert all(isnan(april[name]) for name in ("nrr", "grr", "value", "nrr_low", "grr_high"))
    assert isnan(may["revenue"])
    assert pd.isna(may["buyers"])


def test_the_pooled_rate_and_its_interval_are_those_of_a_ratio_over_users(shop):
    grid = revenue_retention(shop, RevenueSpec(kind="gross", horizon=4))
    row = grid.of("nrr").set_index("age").loc[1]
    # (then, now): ann (100, 150), bob (50, 0), cyd (10, 15).
    rate = 165 / 160
    squares = (150 - rate * 100) ** 2 + (0 - rate * 50) ** 2 + (15 - rate * 10) ** 2
    half = Z95 * sqrt(3 / 2 * squares) / 160
    assert row["rate"] == pytest.approx(rate)
    assert (row["low"], row["high"]) == (pytest.approx(rate - half), pytest.approx(rate + half))
    assert (row["n_users"], row["n_cohorts"]) == (3, 2)
    kept = grid.of("grr").set_index("age").loc[1]
    assert kept["rate"] == pytest.approx((100 + 0 + 10) / 160)
    assert kept["high"] <= 1


def test_a_month_that_touches_a_gap_is_marked_and_in_no_average():
    store = store_of(diary(SHOP), as_of="2026-04-10", gaps=[("2026-02-15", "2026-02-16")])
    assert [cell(store, "2026-01-01", age)["touches_gap"] for age in range(4)] == [False, True, False, False]
    # The February cohort began in a month with a gap, so none of its comparisons counts.
    assert [cell(store, "2026-02-01", age)["touches_gap"] for age in range(2)] == [True, True]
    assert cell(store, "2026-01-01", 2)["value_touches_gap"]
    grid = revenue_retention(store, RevenueSpec(horizon=4))
    assert set(grid.of("nrr")["age"]) == {0, 2}
    assert grid.of("nrr").set_index("age").loc[2, "n_users"] == 2
    assert set(grid.of("value")["age"]) == {0}


def test_a_refund_greater_than_the_first_orders_keeps_grr_below_nrr():
    # ann's January: 10 bought, 40 paid back for it; then = -30. bob's: 100.
    store = store_of(
        diary("""
            ann: 5/purchase?value=10 6/refund?value=40 2026-02-05/purchase?value=5
            bob: 5/purchase?value=100
        """),
        as_of="2026-03-01",
    )
    february = cell(store, "2026-01-01", 1)
    assert february["nrr"] == pytest.approx(5 / 70)
    assert february["grr"] == pytest.approx((-30 + 0) / 70)


# Value per customer ------------------------------------------------------------------------------------


def test_the_n_day_value_counts_the_day_of_the_first_order_as_the_first():
    store = store_of(
        diary("""
            ann: 5T23:00/purchase?value=1 11T23:00/purchase?value=2 12T00:30/purchase?value=4
            bob: 7/purchase?value=10
        """),
        as_of="2026-03-20",
    )
    rows = value_per_user(store, RevenueSpec()).rows.set_index("days")
    # Ann's seven days are the 5th to the 11th.
    assert rows.loc[7, "value"] == pytest.approx((1 + 2 + 10) / 2)
    assert rows.loc[30, "value"] == pytest.approx((1 + 2 + 4 + 10) / 2)
    # A customer of the 31st of January has had 30 days on 2 March, 60 on 1 April.
    assert rows.loc[30, "complete_on"] == date(2026, 3, 2)
    assert rows.loc[60, "state"] == "in_progress"
    assert isnan(rows.loc[60, "value"])
    spread = np.std([3, 10], ddof=1) / sqrt(2) * Z95
    assert rows.loc[7, "high"] == pytest.approx(6.5 + spread)


def test_a_value_is_known_from_the_day_on_which_the_last_customers_days_are_over():
    world = diary("ann: 31/purchase?value=1")
    for as_of, state in (("2026-02-06T23:59", "in_progress"), ("2026-02-07", "mature")):
        rows = value_per_user(store_of(world, as_of=as_of), RevenueSpec()).rows.set_index("days")
        assert rows.loc[7, "state"] == state
        assert rows.loc[7, "complete_on"] == date(2026, 2, 7)


# Second orders -----------------------------------------------------------------------------------------

REPEATS = """
    ann: 5T10:00/purchase 5T18:00/purchase
    bob: 5T10:00/purchase 15T10:00/purchase
    cyd: 5T10:00/purchase 15T10:01/purchase
    dee: 5T10:00/purchase
    eve: 2026-02-20/purchase 2026-02-21/purchase
"""


def test_a_repeat_purchase_comes_within_so_many_times_24_hours():
    store = store_of(diary(REPEATS), as_of="2026-02-25")
    result = repeat_purchases(store, RepeatSpec(days=10))
    [total] = result.total.to_dict("records")
    # Eve's first order is five days old: she could not be watched for ten days, so she does not count, though she
    # ordered again. Ann did on the same day, bob to the minute, cyd a minute late.
    assert (total["n_customers"], total["n_watched"], total["n_repeated"]) == (5, 4, 2)
    low, high = wilson([2], [4])
    assert (total["rate"], total["low"], total["high"]) == (0.5, low[0], high[0])
    rows = result.rows.set_index("cohort")
    assert rows.loc[date(2026, 1, 1), "rate"] == 0.5
    assert (rows.loc[date(2026, 2, 1), "state"], rows.loc[date(2026, 2, 1), "n_watched"]) == ("in_progress", 0)
    assert rows.loc[date(2026, 2, 1), "complete_on"] == date(2026, 3, 11)


def test_the_time_to_the_second_order_is_a_share_of_those_who_could_be_watched():
    store = store_of(diary(REPEATS), as_of="2026-02-25")
    result = repeat_purchases(store, RepeatSpec(days=10))
    # Day 1: ann and eve of five. Day 4: eve is still watched (4.5 days). Day 5: eve is not.
    assert [(int(p["n_repeated"]), int(p["n_watched"])) for p in map(result.within, (1, 4, 5, 10, 11))] == [
        (2, 5), (2, 5), (1, 4), (2, 4), (3, 4),
    ]  # fmt: skip
    assert result.median_days() == 10
    assert result.within(60) is None  # nobody's first order is 60 days old


def test_a_second_order_that_half_never_reach_has_no_median():
    store = store_of(diary("ann: 5/purchase 9/purchase\nbob: 5/purchase\ncyd: 5/purchase"), as_of="2026-06-01")
    result = repeat_purchases(store, RepeatSpec())
    assert result.median_days() is None
    assert "fewer than half came back within a year" in repeat_verdict(result, 1).detail


def test_a_customer_is_watched_up_to_a_gap_only():
    # Ann's ten days hold a missing day; bob's do not.
    world = diary("ann: 5/purchase 9/purchase\nbob: 15/purchase 16/purchase")
    store = store_of(world, as_of="2026-03-01", gaps=[("2026-01-10", "2026-01-11")])
    [total] = repeat_purchases(store, RepeatSpec(days=10)).total.to_dict("records")
    assert (total["n_customers"], total["n_watched"], total["n_repeated"]) == (2, 1, 1)
    [row] = repeat_purchases(store, RepeatSpec(days=10)).rows.to_dict("records")
    assert row["touches_gap"]


# Groups, filters and lists -----------------------------------------------------------------------------

GROUPED = """
    ann: 5/visit?country=France 6/purchase?value=10&country=Spain 2026-02-06/purchase?value=5&country=Spain
    bob: 5/visit?country=Spain 6/purchase?value=20&country=France
    cyd: 6/purchase?value=40
"""


def test_groups_and_filters_look_at_the_first_activity_of_all():
    store = store_of(diary(GROUPED), as_of="2026-03-01")
    months = revenue_over_time(store, RevenueSpec(by="country")).periods
    january = months[months["on"] == date(2026, 1, 1)].set_index("group")["net"].to_dict()
    assert january == {"France": 10, "Spain": 20, "(none)": 40}
    french = RevenueSpec(where=(Condition(name="country", values=("France",)),))
    assert revenue_over_time(store, french).periods["net"].tolist() == [10, 5]
    grid = revenue_retention(store, RevenueSpec(by="country", horizon=1))
    assert grid.of("nrr", "France").set_index("age").loc[1, "rate"] == 0.5
    assert set(value_per_user(store, RevenueSpec(by="country")).pooled["group"]) == {"France", "Spain", "(none)"}
    assert set(repeat_purchases(store, RepeatSpec(days=30, by="country")).total["group"]) == {
        "France",
        "Spain",
        "(none)",
    }


def test_the_list_behind_a_number_is_the_number(shop):
    january = RevenueCellSpec(revenue=RevenueSpec(), cohort=date(2026, 1, 15), age=1)
    assert ids(shop, january) == ["ann"]
    assert ids(shop, RevenueCellSpec(revenue=RevenueSpec(), cohort=date(2026, 1, 1), age=1, is_lost=True)) == ["bob"]
    assert ids(shop, RevenueCellSpec(revenue=RevenueSpec(), cohort=date(2026, 1, 1))) == ["ann", "bob"]
    assert ids(shop, BuyersSpec(revenue=RevenueSpec(), on=date(2026, 2, 1))) == ["ann", "cyd"]
    assert ids(shop, BuyersSpec(revenue=RevenueSpec(), on=date(2026, 1, 1), is_refunded=True)) == ["bob"]
    within = RepeatSpec(days=20)
    assert ids(shop, RepeatListSpec(repeat=within)) == ["ann"]
    assert ids(shop, RepeatListSpec(repeat=within, has_repeated=False)) == ["bob", "cyd"]
    assert ids(shop, RepeatListSpec(repeat=within, has_repeated=False, cohort=date(2026, 2, 1))) == ["cyd"]


def test_the_list_behind_a_groups_number_is_the_number():
    store = store_of(diary(GROUPED), as_of="2026-03-01")
    spec = RevenueSpec(by="country")
    assert ids(store, RevenueCellSpec(revenue=spec, cohort=date(2026, 1, 1), age=1, group="France")) == ["ann"]
    assert ids(store, BuyersSpec(revenue=spec, on=date(2026, 1, 1), group="")) == ["cyd"]
    repeat = RepeatSpec(days=31, by="country")
    assert ids(store, RepeatListSpec(repeat=repeat, has_repeated=False, group="Spain")) == ["bob"]


# Bad input ---------------------------------------------------------------------------------------------


def test_a_store_without_a_revenue_event_names_the_setting():
    store = store_of(diary("ann: 5 6/order?value=3"))
    with pytest.raises(
        SpecError, match=r'The store holds no revenue: none of its events is called "purchase"\. .*`revenue`'
    ):
        revenue_over_time(store, RevenueSpec())
    for question, spec in ((revenue_retention, RevenueSpec()), (value_per_user, RevenueSpec()),
                           (repeat_purchases, RepeatSpec())):  # fmt: skip
        with pytest.raises(SpecError, match="The store holds no revenue"):
            question(store, spec)
    with pytest.raises(SpecError, match="The store holds no revenue"):
        users_of(store, BuyersSpec(revenue=RevenueSpec(), on=date(2026, 1, 5)))


def test_an_empty_store_says_that_it_holds_nothing():
    with pytest.raises(StoreError, match="The store holds no events yet"):
        revenue_over_time(store_of([]), RevenueSpec())


def test_a_filter_that_nobody_meets_gives_a_reason_and_no_number():
    store = store_of(diary("ann: 5/purchase?value=3&country=France"))
    spec = RevenueSpec(where=(Condition(name="country", values=("Mars",)),))
    repeat = RepeatSpec(where=spec.where)
    said = [
        over_time_verdict(revenue_over_time(store, spec)),
        retention_verdict(revenue_retention(store, spec), 20),
        value_verdict(value_per_user(store, spec), 20),
        repeat_verdict(repeat_purchases(store, repeat), 20),
    ]
    assert {v.headline for v in said} == {"Nobody who meets these filters has ordered yet."}


def test_too_young_a_store_says_when_there_will_be_an_answer():
    store = store_of(diary("ann: 5/purchase?value=3"), as_of="2026-01-08")
    assert over_time_verdict(revenue_over_time(store, RevenueSpec())).headline.startswith("Too early to tell")
    said = retention_verdict(revenue_retention(store, RevenueSpec()), 20)
    assert said.detail == "The first one will be complete on 1 March 2026."
    assert "Too early to tell" in value_verdict(value_per_user(store, RevenueSpec()), 20).headline
    assert "nobody's first order is 90 days ago" in repeat_verdict(repeat_purchases(store, RepeatSpec()), 20).headline


@pytest.mark.parametrize(("make", "message"), [
    (lambda: RevenueSpec(period="year"), "`period` must be one of day, week, month, not 'year'"),
    (lambda: RevenueSpec(kind="profit"), "`kind` must be one of net, gross, not 'profit'"),
    (lambda: RevenueSpec(horizon=0), "`horizon` must be from 1 to 104, not 0"),
    (lambda: RepeatSpec(days=0), "`days` must be from 1 to 730, not 0"),
    (lambda: RevenueCellSpec(revenue=RevenueSpec(), cohort=date(2026, 1, 1), age=13), "`age` must be from 0 to 12, not 13"),
    (lambda: RevenueCellSpec(revenue=RevenueSpec(), cohort=date(2026, 1, 1), is_lost=True), "`is_lost` needs an age"),
    (lambda: BuyersSpec(revenue=RevenueSpec(), on=date(2026, 1, 1), group="x"), "`group` needs a breakdown"),
    (lambda: RepeatListSpec(group="x"), "`group` needs a breakdown"),
])  # fmt: skip
def test_a_question_that_cannot_be_asked_says_why(make, message):
    with pytest.raises(SpecError, match=message.replace("`", "`")):
        make()


def test_a_cell_that_has_not_begun_and_a_group_that_is_unknown_have_no_list(shop):
    with pytest.raises(RetentionError, match="Month 4 of the cohort of 2026-01-01 has not begun"):
        users_of(shop, RevenueCellSpec(revenue=RevenueSpec(), cohort=date(2026, 1, 1), age=4))
    store = store_of(diary(GROUPED), as_of="2026-03-01")
    with pytest.raises(SpecError, match=r'No user starts with country = "Frence"\. Did you mean "France"'):
        users_of(store, BuyersSpec(revenue=RevenueSpec(by="country"), on=date(2026, 1, 1), group="Frence"))
