"""Headline numbers of worlds small enough to be worked out by hand."""

from __future__ import annotations

from datetime import date
from math import exp, isnan, log, sqrt

import pytest

from retention.errors import SpecError, StoreError
from retention.headlines.answer import headlines
from retention.headlines.answer_curves import retention_against_last_year
from retention.headlines.answer_quiet import members, quiet_users
from retention.headlines.figures import Headline
from retention.headlines.spec import METRICS, CurvesSpec, HeadlinesSpec, QuietSpec
from retention.headlines.words import change_words, finding
from retention.store import Store
from tests.worlds import diary, store_of

Z = 1.959963984540054
# Weeks begin on 5, 12, 19 and 26 January 2026:     5 | 12 | 19 | 26
WORLD = """
    ann: 5 12 19 26
    bob: 6 19
    cyd: 13 20 27
    dee: 20
"""


def of(store: Store, name: str, weeks: int = 1) -> Headline:
    return headlines(store, HeadlinesSpec(weeks=weeks, metrics=(name,))).of(name)


def world(text: str = WORLD, as_of: str = "2026-02-02", **more: object) -> Store:
    return store_of(diary(text), as_of=as_of, **more)


def values(headline: Headline) -> list[float | None]:
    return [None if isnan(v) else v for v in headline.history["value"]]


def test_active_users_are_averaged_over_the_weeks_of_the_window():
    found = of(world(), "active-users", weeks=2)
    assert values(found) == [2, 2, 4, 2]  # ann bob | ann cyd | all four | ann cyd
    assert (found.now.value, found.before.value) == ((4 + 2) / 2, (2 + 2) / 2)
    assert found.now.n == 4  # users in the window
    assert (found.window.from_on, found.window.to_on) == (date(2026, 1, 19), date(2026, 2, 1))
    assert (found.window_before.from_on, found.window_before.to_on) == (date(2026, 1, 5), date(2026, 1, 18))


def test_the_change_of_a_count_knows_that_the_same_users_are_in_both_windows():
    found = of(world(), "active-users")
    assert (found.now.value, found.before.value) == (2, 4)
    # (c1/T1 - c0/T0)^2: ann and cyd (1/2 - 1/4)^2, bob and dee (0 - 1/4)^2: four times 1/16.
    half = Z * sqrt(4 / 16)
    assert found.change.difference == pytest.approx(-0.5)
    assert (found.change.low, found.change.high) == pytest.approx((exp(log(0.5) - half) - 1, exp(log(0.5) + half) - 1))
    assert found.change.says == "cannot tell"


def test_the_same_users_every_week_are_no_change_whatever_chance_does():
    same = "\n".join(f"u{i}: 5 12 19 26" for i in range(3))
    found = of(world(same), "active-users")
    assert (found.change.difference, found.change.low, found.change.high) == (0, 0, 0)


def test_new_users_are_those_of_the_first_week_in_all_history():
    found = of(world(), "new-users")
    assert values(found) == [2, 1, 1, 0]  # ann bob | cyd | dee | nobody: a known zero
    assert found.now.value == 0
    assert found.change is None
    assert "no relative change" in change_words(found, 1)


def test_the_quick_ratio_divides_the_gained_by_the_lost():
    found = of(world(), "quick-ratio", weeks=2)
    # Week of the 19th: bob resurrects, dee is new, nobody is lost. Of the 26th: nobody gained, bob and dee lost.
    assert found.now.value == 1.0
    assert found.now.n == 2
    assert found.before is None and "no two complete weeks before" in found.reason
    # Of the 12th: cyd gained, bob lost. The first week has no week before it; in that of the 19th nobody was lost.
    assert values(found) == [None, 1.0, None, 0.0]


def test_retention_takes_the_latest_cohorts_that_are_mature_at_their_age():
    found = of(world(), "week-1-retention")
    # Cohorts: 5th ann bob (ann back), 12th cyd (back), 19th dee (not back). The 26th began nobody.
    assert values(found) == [1 / 2, 1.0, 0.0]
    assert (found.now.value, found.now.n, found.before.value) == (0.0, 1, 1.0)
    assert found.window.from_on == date(2026, 1, 19)
    pooled = of(world(), "week-1-retention", weeks=3)
    assert (pooled.now.value, pooled.now.n) == (2 / 4, 4)


def test_a_cohort_whose_week_is_not_over_is_in_no_headline():
    early = of(world(as_of="2026-02-01T23:00"), "week-1-retention")
    assert early.window.from_on == date(2026, 1, 12)  # the week of the 26th lacks its last hour
    assert of(world(as_of="2026-02-01T23:00"), "active-users").window.to_on == date(2026, 1, 25)


def test_a_lapse_is_counted_in_the_week_in_which_the_silence_reaches_the_window():
    found = of(world(churn_window=8), "lapse-rate")
    # bob (6th) lapses on the 14th, again (19th) on the 27th; dee (20th) on the 28th. Gaps of 7 days are no lapse.
    # At risk on the 12th: ann bob. On the 19th: ann cyd (bob is lapsed). On the 26th: all four.
    assert values(found) == [None, 1 / 2, 0 / 2, 2 / 4]
    assert (found.now.value, found.now.n) == (0.5, 4)


def test_stickiness_is_the_mean_over_days_of_daily_over_monthly_users():
    # Every day of 8 weeks from Monday 5 January: ann. On the last day of it (1 March): bob, too.
    days = [
        f"2026-{1 + (d + 4) // 31:02}-{(d + 4) % 31 + 1:02}" if d < 27 else f"2026-02-{d - 26:02}" for d in range(55)
    ]
    text = f"ann: {' '.join(days)} 2026-03-01\nbob: 2026-03-01"
    found = of(world(text, as_of="2026-03-02"), "stickiness", weeks=1)
    assert found.now.value == pytest.approx(1.0)  # 1/1 six times, then 2/2
    text = f"ann: {' '.join(days)} 2026-03-01\nbob: 2026-02-28"
    found = of(world(text, as_of="2026-03-02"), "stickiness", weeks=1)
    assert found.now.value == pytest.approx((5 + 2 / 2 + 1 / 2) / 7)
    assert values(found)[:3] == [None, None, None]  # no 28 days behind them


def test_a_week_that_a_gap_touches_is_skipped_and_stays_empty():
    store = world(gaps=[("2026-01-20", "2026-01-21")])
    found = of(store, "active-users")
    assert values(found) == [2, 2, None, 2]
    assert found.window.from_on == date(2026, 1, 26)
    assert found.window_before.from_on == date(2026, 1, 12)
    # Who fell silent in the last week is not known, because the week before it is not.
    assert values(of(store, "quick-ratio")) == [None, 1.0, None, None]


ORDERS = """
    ann: 5/purchase?value=10 6/purchase?value=5 2026-03-01/purchase?value=100
    bob: 5/purchase?value=20 2026-04-06/purchase?value=1
    cyd: 12/purchase?value=40 14/refund?value=30 13/visit
    dee: 13/visit
"""


def test_a_second_order_counts_within_ninety_days_and_only_once_they_are_over():
    found = of(world(ORDERS, as_of="2026-04-19"), "repeat-purchase")
    # Cohort of the 5th: ann again after a day; bob after 91 days, too late. That of the 12th: cyd never.
    assert values(found) == [1 / 2, 0.0]
    # The last moment of the week of the 12th is 18 January, 24:00; 90 days later it is 18 April, 24:00.
    early = of(world(ORDERS, as_of="2026-04-18T23:59"), "repeat-purchase")
    assert values(early) == [1 / 2]


def test_the_early_value_is_net_and_of_customers_only():
    found = of(world(ORDERS, as_of="2026-04-19"), "value-30", weeks=2)
    # ann 15 (March is too late), bob 20, cyd 10.
    assert (found.now.value, found.now.n) == (15.0, 3)
    # Sample variance of 15, 20, 10 is 25.
    assert found.now.high - found.now.value == pytest.approx(Z * 5 / sqrt(3))


def test_net_revenue_retention_follows_the_customers_of_the_window_before():
    text = """
        ann: 5/purchase?value=10 12/purchase?value=5 19/purchase?value=6
        bob: 6/purchase?value=30 20/purchase?value=9
        cyd: 13/purchase?value=15 21/purchase?value=10 22/refund?value=4
    """
    found = of(world(text, as_of="2026-01-26"), "net-revenue-retention")
    # Then (12th): ann 5, cyd 15. Now (19th): ann 6, cyd 10 - 4. bob did not buy then.
    assert (found.now.value, found.now.n) == (12 / 20, 2)
    # Before: then (5th) ann 10, bob 30; a week later ann 5.
    assert (found.before.value, found.before.n) == (5 / 40, 2)
    # Variances by hand: now (6 - .6 5)^2 + (6 - .6 15)^2 = 18, over 20^2.
    assert found.now.high - found.now.value == pytest.approx(Z * sqrt(18) / 20)


def test_a_store_without_orders_says_so_and_the_other_numbers_stand():
    found = headlines(world(), HeadlinesSpec(weeks=1))
    assert [item.metric.name for item in found.items] == list(METRICS)
    for name in ("value-30", "net-revenue-retention"):
        assert found.of(name).now is None
    assert "revenue" in found.of("net-revenue-retention").reason
    assert found.of("active-users").now.value == 2


def test_too_few_weeks_are_counted_in_words():
    found = of(world(), "active-users", weeks=8)
    assert found.now is None
    assert found.reason == "It takes eight complete weeks without a gap, and there are four yet."
    assert finding(found, 8) == ""


def test_the_first_week_counts_only_if_the_data_begin_with_it():
    late = of(world("ann: 6 12 19\nbob: 7"), "active-users")  # begins on a Tuesday
    assert late.history["from_on"].tolist()[0] == date(2026, 1, 12)


def test_nothing_moves_with_the_clock_of_the_machine(monkeypatch):
    import time

    before = of(world(), "active-users").now
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert of(world(), "active-users").now == before


def test_an_empty_store_and_one_without_activity_say_what_to_do():
    with pytest.raises(StoreError, match="no events yet"):
        headlines(store_of([]), HeadlinesSpec())
    with pytest.raises(SpecError, match="counts as activity"):
        headlines(store_of(diary("ann: 5/refund"), as_of="2026-02-02"), HeadlinesSpec())


# Quiet for longer than ever ------------------------------------------------------------------------------

QUIET = """
    ann: 1 3 5 7 20
    bob: 1 3 5 7 9 11 24/purchase?value=50
    cyd: 10 12 14 16/purchase?value=8 2025-01-10/purchase?value=99
    dee: 2 30
    eve: 1 2 3 4
"""


def test_users_are_quiet_when_their_silence_is_longer_than_any_before():
    # Data until 1 February. ann: longest 13 days, silent 12: no. bob: longest 13, silent 8: no.
    # cyd has come back after a year: no. dee has two days only. eve: longest 1, silent 28, not lapsed at 60: yes.
    store = store_of(diary(QUIET), as_of="2026-02-01")
    assert quiet_users(store, QuietSpec()).n_users == 1
    # Twelve days later ann (24 days) and bob (20) are beyond their 13.
    store = store_of(diary(QUIET), as_of="2026-02-13")
    found = quiet_users(store, QuietSpec())
    assert (found.n_users, found.n_buyers, found.net) == (3, 1, 50.0)
    with store.snapshot() as snapshot:
        assert len(snapshot.read(members(snapshot, QuietSpec()))) == 3


def test_a_lapsed_user_is_no_longer_at_risk():
    store = store_of(diary(QUIET), as_of="2026-02-13", churn_window=20)
    # eve has been silent for 40 days, ann for 24, bob for 20: a silence of 20 days is a lapse.
    assert quiet_users(store, QuietSpec()).n_users == 0


def test_without_any_order_there_is_no_money():
    assert quiet_users(world(), QuietSpec()).net is None


# Two years -----------------------------------------------------------------------------------------------


def test_the_year_before_is_the_same_weeks_fifty_two_earlier():
    # Two cohorts a year apart: 6 January 2025 (bob back, cyd not) and 5 January 2026 (ann back).
    text = "bob: 2025-01-06 2025-01-13\ncyd: 2025-01-07\nann: 2026-01-05 2026-01-12"
    found = retention_against_last_year(world(text, as_of="2026-01-19"), CurvesSpec(n_cohorts=1, horizon=1))
    assert (found.now.from_on, found.before.from_on) == (date(2026, 1, 5), date(2025, 1, 6))
    row = found.frame.iloc[0]
    assert (row.n_now, row.rate_now, row.n_before, row.rate_before, row.says) == (1, 1.0, 2, 0.5, "cannot tell")
    assert "cannot tell in every week" in found.sentence


def test_without_a_year_before_the_curve_says_so():
    found = retention_against_last_year(world(), CurvesSpec(n_cohorts=3, horizon=1))
    assert found.before is None
    assert found.frame["rate_now"].tolist() == [2 / 4]
    assert "no year before to compare with: the data begin on 5 January 2026" in found.sentence


def test_without_a_mature_cohort_there_is_no_curve():
    found = retention_against_last_year(world(), CurvesSpec(horizon=8))
    assert found.now is None
    assert "takes 9 complete weeks" in found.sentence
