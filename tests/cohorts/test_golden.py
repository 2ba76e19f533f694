"""The golden cases of the definitions, each worked by hand."""

from __future__ import annotations

import datetime as datetime_module
import sys
import time
from datetime import date, timedelta

import pytest

from retention.audiences.answer import users_of
from retention.cohorts.answer import cohort_retention
from retention.cohorts.spec import CellSpec, CohortSpec, Condition
from tests.cohorts.grids import as_plain, average, cell, states
from tests.oracles import DAY_US, Event
from tests.worlds import diary, instant, store_of


def crowd(prefix: str, on: str, size: int, returns_on: str = "", n_retained: int = 0) -> list[Event]:
    """Start `size` users on a day; the first `n_retained` of them return on another."""
    start = instant(on) + DAY_US // 2
    events = [Event(f"{prefix}{i}", start) for i in range(size)]
    if returns_on:
        events += [Event(f"{prefix}{i}", instant(returns_on) + DAY_US // 2) for i in range(n_retained)]
    return events


def test_a_cohort_keeps_the_users_who_come_back():
    world = diary("""
        ann: 5 12 26
        bob: 6 7
        cyd: 5 19
        dee: 13 20
    """)
    matrix = cohort_retention(store_of(world, as_of="2026-02-02"), CohortSpec(horizon=3))
    # Weeks begin on 5, 12, 19 and 26 January.
    assert matrix.size(date(2026, 1, 5)) == 3  # ann bob cyd
    assert matrix.retained(date(2026, 1, 5)) == [1, 1, 1, 1]  # bob again | ann | cyd | ann
    assert matrix.retained(date(2026, 1, 12)) == [0, 1, 0, None]  # dee once | dee | nobody | not over yet
    assert states(matrix, "2026-01-12")[-1] == "future"  # 2 to 8 February has not begun


def test_a_return_one_minute_after_midnight_is_calendar_age_1_and_elapsed_age_0():
    store = store_of(diary("ann: 5T23:45 6T00:01"), as_of="2026-01-20")
    calendar = cohort_retention(store, CohortSpec(period="day", horizon=1))
    elapsed = cohort_retention(store, CohortSpec(period="day", horizon=1, ages="elapsed"))
    # 6 January − 5 January = 1 day; 16 minutes = 0 whole days.
    assert calendar.retained(date(2026, 1, 5)) == [0, 1]
    assert elapsed.retained(date(2026, 1, 5)) == [1, 0]


def test_a_return_after_23_hours_and_a_minute_is_calendar_age_1_and_elapsed_age_0():
    store = store_of(diary("ann: 5T17:59 6T17:00"), as_of="2026-01-20")
    calendar = cohort_retention(store, CohortSpec(period="day", horizon=1))
    elapsed = cohort_retention(store, CohortSpec(period="day", horizon=1, ages="elapsed"))
    assert calendar.retained(date(2026, 1, 5)) == [0, 1]
    assert elapsed.retained(date(2026, 1, 5)) == [1, 0]  # not rounded to the hour


def test_a_return_after_exactly_one_period_is_elapsed_age_1_and_a_microsecond_earlier_age_0():
    world = diary("ann: 5T12:00 6T12:00\nbob: 5T12:00 6T11:59:59.999999")
    matrix = cohort_retention(store_of(world, as_of="2026-01-20"), CohortSpec(period="day", horizon=1, ages="elapsed"))
    assert matrix.retained(date(2026, 1, 5)) == [1, 1]  # bob | ann


def test_a_cohort_in_progress_enters_no_average():
    # Weeks of 5, 12 and 19 January: 1000 → 500, 500 → 400, and 700 of whom 10 have come back by 28 January.
    world = [
        *crowd("a", "2026-01-05", 1000, "2026-01-12", 500),
        *crowd("b", "2026-01-12", 500, "2026-01-19", 400),
        *crowd("c", "2026-01-19", 700, "2026-01-26", 10),
    ]
    matrix = cohort_retention(store_of(world, as_of="2026-01-28"), CohortSpec(horizon=1))
    assert [matrix.size(date(2026, 1, d)) for d in (5, 12, 19)] == [1000, 500, 700]
    young = cell(matrix, "2026-01-19", 1)
    assert (young["retained"], young["state"], young["complete_on"]) == (10, "in_progress", date(2026, 2, 2))
    assert (young["rate"], young["low"], young["high"]) == (None, None, None)
    assert average(matrix, "pooled", 1) == (pytest.approx(900 / 1500), 2)  # never 910 / 2200
    assert average(matrix, "simple", 1) == (pytest.approx((0.5 + 0.8) / 2), 2)


def test_a_cohort_to_which_nobody_returned_counts_in_the_average():
    # 2 of 10 and 0 of 100.
    world = [*crowd("a", "2026-01-05", 10, "2026-01-12", 2), *crowd("b", "2026-01-12", 100)]
    matrix = cohort_retention(store_of(world, as_of="2026-02-02"), CohortSpec(horizon=1))
    assert cell(matrix, "2026-01-12", 1)["rate"] == 0.0
    assert average(matrix, "pooled", 1) == (pytest.approx(2 / 110), 2)
    assert average(matrix, "simple", 1) == (pytest.approx(0.1), 2)


def test_a_user_who_starts_in_three_weeks_is_in_three_rows_and_counted_once_when_deduplicated():
    store = store_of(diary("ann: 5 12 19\nbob: 5"), as_of="2026-02-02")
    recurring = cohort_retention(store, CohortSpec(entry="recurring", horizon=1))
    weeks = [date(2026, 1, 5), date(2026, 1, 12), date(2026, 1, 19)]
    assert sorted(set(recurring.cells["cohort"])) == weeks
    assert [recurring.size(week) for week in weeks] == [2, 1, 1]
    # Age 1: ann came back on the 12th and on the 19th, not in the week of 26 January; bob never.
    assert average(recurring, "pooled", 1) == (pytest.approx(2 / 4), 3)
    assert average(recurring, "deduplicated", 1)[0] == pytest.approx(1 / 2)  # ann and bob, once each
    first_ever = cohort_retention(store, CohortSpec(horizon=1))
    assert set(first_ever.cells["cohort"]) == {date(2026, 1, 5)}


def test_the_deduplicated_start_is_the_first_one_of_the_range():
    store = store_of(diary("ann: 5 12 19"), as_of="2026-02-02")
    matrix = cohort_retention(store, CohortSpec(entry="recurring", horizon=1, from_on=date(2026, 1, 12)))
    assert average(matrix, "pooled", 1) == (pytest.approx(1 / 2), 2)
    assert average(matrix, "deduplicated", 1)[0] == pytest.approx(1.0)  # the week of the 12th, then the 19th


def test_a_user_known_before_the_range_is_in_no_first_ever_cohort_of_the_range():
    store = store_of(diary("ann: 2025-11-03 6 13\nbob: 6"), as_of="2026-02-02")
    matrix = cohort_retention(store, CohortSpec(horizon=1, from_on=date(2026, 1, 5), to_on=date(2026, 2, 2)))
    assert matrix.size(date(2026, 1, 5)) == 1  # bob
    assert set(matrix.cells["cohort"]) == {date(2026, 1, 5)}


def test_a_first_ever_entry_that_misses_the_filter_is_not_replaced_by_a_later_one():
    world = diary("ann: 5/buy?country=France 12/buy?country=Spain\nbob: 12/buy?country=Spain")
    store = store_of(world, as_of="2026-03-02")
    spain = (Condition.parse("country=Spain"),)
    first_ever = cohort_retention(store, CohortSpec(horizon=1, where=spain))
    assert first_ever.size(date(2026, 1, 12)) == 1  # bob
    first_matching = cohort_retention(store, CohortSpec(entry="first-matching", horizon=1, where=spain))
    assert first_matching.size(date(2026, 1, 12)) == 2  # ann and bob


def test_a_single_event_is_a_start_and_not_its_own_return():
    matrix = cohort_retention(store_of(diary("ann: 5"), as_of="2026-02-02"), CohortSpec(horizon=1))
    assert matrix.size(date(2026, 1, 5)) == 1
    assert cell(matrix, "2026-01-05", 0)["rate"] == 0.0
    assert matrix.retained(date(2026, 1, 5)) == [0, 0]


def test_another_event_at_the_very_instant_of_the_start_is_a_return():
    world = diary("ann: 5/open 5/buy\nbob: 5/open 5/open")
    store = store_of(world, as_of="2026-02-02")
    bought = cohort_retention(store, CohortSpec(start=("open",), returns=("buy",), horizon=1))
    assert bought.retained(date(2026, 1, 5)) == [1, 0]  # ann
    opened = cohort_retention(store, CohortSpec(start=("open",), returns=("open",), horizon=1))
    assert opened.retained(date(2026, 1, 5)) == [1, 0]  # bob's second one
    assert cohort_retention(store, CohortSpec(horizon=1)).retained(date(2026, 1, 5)) == [2, 0]


def test_a_return_event_before_the_start_does_not_count_on_the_same_day():
    world = diary("ann: 5T08:00/buy 5T09:00/open\nbob: 5T09:00/open 5T10:00/buy")
    spec = CohortSpec(start=("open",), returns=("buy",), horizon=1)
    assert cohort_retention(store_of(world, as_of="2026-02-02"), spec).retained(date(2026, 1, 5)) == [1, 0]  # bob


def test_a_user_who_changes_browser_is_retained_under_the_browser_of_the_start():
    world = diary("ann: 5?browser=Chrome 12?browser=Firefox\nbob: 5?browser=Firefox\ncyd: 5")
    matrix = cohort_retention(store_of(world, as_of="2026-02-02"), CohortSpec(horizon=1, by="browser"))
    assert matrix.size(date(2026, 1, 5), "Chrome") == 1
    assert matrix.retained(date(2026, 1, 5), "Chrome") == [0, 1]
    assert matrix.retained(date(2026, 1, 5), "Firefox") == [0, 0]
    assert matrix.retained(date(2026, 1, 5), "(none)") == [0, 0]


def test_a_missing_day_in_the_middle_shades_every_period_it_touches_and_enters_no_average():
    # 14 January is missing: age 1 of the week of 5 January, age 0 of the week of 12 January.
    world = diary("ann: 5 13\nbob: 12 19\ncyd: 12\ndee: 19 26")
    store = store_of(world, as_of="2026-02-09", gaps=[("2026-01-14", "2026-01-15")])
    matrix = cohort_retention(store, CohortSpec(horizon=1))
    shaded = matrix.cells[matrix.cells["touches_gap"]]
    assert [(row.cohort, row.age) for row in shaded.itertuples()] == [(date(2026, 1, 5), 1), (date(2026, 1, 12), 0)]
    assert set(matrix.cells["state"]) == {"mature"}  # a gap changes no state
    assert average(matrix, "pooled", 1) == (pytest.approx(2 / 3), 2)  # bob of bob and cyd, dee
    assert average(matrix, "pooled", 0) == (0.0, 2)
    assert average(matrix, "common cohorts", 1) == (1.0, 1)  # dee's alone is whole at both ages


def test_the_machines_clock_changes_no_number(monkeypatch):
    world = diary("ann: 5 12 26\nbob: 6 7\ncyd: 13 20")
    spec, member_spec = CohortSpec(horizon=3), CellSpec(cohorts=CohortSpec(horizon=3), cohort=date(2026, 1, 5), age=1)
    before = cohort_retention(store_of(world), spec)

    year = 365 * 24 * 3600
    now, now_ns = time.time, time.time_ns

    class Later(datetime_module.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + timedelta(seconds=year)

        @classmethod
        def utcnow(cls):
            return super().now() + timedelta(seconds=year)

    class LaterDate(datetime_module.date):
        @classmethod
        def today(cls):
            return super().today() + timedelta(seconds=year)

    monkeypatch.setattr(time, "time", lambda: now() + year)
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + year * 10**9)
    for name, module in list(sys.modules.items()):
        if name.startswith("retention"):
            for attribute, moved in (("datetime", Later), ("date", LaterDate)):
                if getattr(module, attribute, None) in (datetime_module.datetime, datetime_module.date):
                    monkeypatch.setattr(module, attribute, moved)
    store = store_of(world)
    after = cohort_retention(store, spec)
    assert as_plain(after) == as_plain(before)
    assert after.as_of_us == before.as_of_us == instant("2026-01-26T12:00") + 1  # just after ann's last event
    assert users_of(store, member_spec).count == 1


def test_a_bracket_is_in_progress_until_the_last_day_of_its_last_period_ends():
    # Age 4 of the week of 5 January is 2 to 8 February.
    spec = CohortSpec(mode="bracket", brackets=((2, 4),))
    for as_of, state in [
        ("2026-02-02T00:00:00", "future"),
        ("2026-02-02T00:00:00.000001", "in_progress"),
        ("2026-02-08T00:00:00", "in_progress"),
        ("2026-02-08T23:59:59.999999", "in_progress"),
        ("2026-02-09T00:00:00", "mature"),
    ]:
        matrix = cohort_retention(store_of(diary("ann: 5 20"), as_of=as_of), spec)
        found = cell(matrix, "2026-01-05", 2)
        assert (found["state"], found["to_age"], found["complete_on"]) == (state, 4, date(2026, 2, 9))
        assert found["retained"] == (None if state == "future" else 1)


def test_age_k_needs_k_plus_1_whole_periods():
    for as_of, expected in [("2026-01-11T23:59:59.999999", [None, None]), ("2026-01-12", [0, None])]:
        matrix = cohort_retention(store_of(diary("ann: 5"), as_of=as_of), CohortSpec(horizon=1))
        assert matrix.retained(date(2026, 1, 5)) == expected


def test_elapsed_ages_are_mature_when_they_are_for_the_latest_start():
    # Starts at noon on 5 January and at 18:00 on 7 January: age 0 of the row is over on 14 January at 18:00.
    spec = CohortSpec(ages="elapsed", horizon=1)
    world = diary("ann: 5\nbob: 7T18:00")
    early = cohort_retention(store_of(world, as_of="2026-01-14T17:59:59.999999"), spec)
    assert states(early, "2026-01-05") == ["in_progress", "in_progress"]  # ann's age 1 began on the 12th
    ripe = cohort_retention(store_of(world, as_of="2026-01-14T18:00"), spec)
    assert states(ripe, "2026-01-05") == ["mature", "in_progress"]
    assert cell(ripe, "2026-01-05", 0)["complete_on"] == date(2026, 1, 15)  # not complete at midnight of the 14th


def test_on_or_after_ripens_with_the_horizon_for_every_age():
    # K = 2: the week of 5 January is over on 26 January, the week of 12 January on 2 February.
    world = diary("ann: 5 20\nbob: 5 6\ncyd: 12 13")
    matrix = cohort_retention(store_of(world, as_of="2026-01-28"), CohortSpec(mode="on-or-after", horizon=2))
    assert matrix.retained(date(2026, 1, 5)) == [2, 1, 1]  # ann and bob | ann | ann
    assert states(matrix, "2026-01-12") == ["in_progress"] * 3
    assert cell(matrix, "2026-01-12", 0)["complete_on"] == date(2026, 2, 2)
    open_ended = CohortSpec(mode="on-or-after", horizon=1, is_open_ended=True)
    assert cohort_retention(store_of(world, as_of="2026-01-28"), open_ended).retained(date(2026, 1, 5)) == [2, 1]


def test_a_streak_needs_every_period_and_begins_at_age_1():
    world = diary("ann: 5 12 19\nbob: 5 19")
    matrix = cohort_retention(store_of(world, as_of="2026-02-02"), CohortSpec(mode="streak", horizon=2))
    assert matrix.cells["age"].tolist() == [1, 2]
    assert matrix.retained(date(2026, 1, 5)) == [1, 1]


def test_at_least_counts_return_events_inside_the_window_of_the_mode():
    # Two returns at age 1, one at age 2.
    store = store_of(diary("ann: 5 12 13 19"), as_of="2026-02-02")
    for mode, twice in [("on", [0, 1, 0]), ("on-or-after", [1, 1, 0]), ("on-or-before", [0, 1, 1]), ("streak", [1, 0])]:
        matrix = cohort_retention(store, CohortSpec(mode=mode, horizon=2, at_least=2))
        assert matrix.retained(date(2026, 1, 5)) == twice, mode
    bracket = CohortSpec(mode="bracket", brackets=((0, 1), (2, 2)), at_least=2)
    assert cohort_retention(store, bracket).retained(date(2026, 1, 5)) == [1, 0]


def test_events_at_or_after_as_of_are_kept_and_not_counted():
    store = store_of(diary("ann: 5 12\nbob: 12"), as_of="2026-01-12T12:00")
    matrix = cohort_retention(store, CohortSpec(horizon=1))
    assert set(matrix.cells["cohort"]) == {date(2026, 1, 5)}
    assert cell(matrix, "2026-01-05", 1)["retained"] == 0


def test_weeks_begin_on_the_day_of_the_setting():
    # Sunday 11 January: the week of Sunday the 11th, or of Monday the 5th.
    world = diary("ann: 5 11")
    monday = cohort_retention(store_of(world, as_of="2026-02-02"), CohortSpec(horizon=1))
    assert monday.retained(date(2026, 1, 5)) == [1, 0]
    sunday = cohort_retention(store_of(world, as_of="2026-02-02", week_start="sunday"), CohortSpec(horizon=1))
    assert sunday.retained(date(2026, 1, 4)) == [0, 1]


@pytest.mark.parametrize(
    ("timezone", "at", "cohort"),
    [
        ("Asia/Kolkata", "2026-01-04T18:30+00:00", date(2026, 1, 5)),  # midnight there
        ("Asia/Kolkata", "2026-01-04T18:29:59.999999+00:00", date(2026, 1, 4)),
        ("Asia/Shanghai", "2026-01-04T16:00+00:00", date(2026, 1, 5)),
        ("Asia/Shanghai", "2026-01-04T15:59:59.999999+00:00", date(2026, 1, 4)),
        ("America/Sao_Paulo", "2018-11-04T03:00+00:00", date(2018, 11, 4)),  # 01:00, the first instant of the day
        ("America/Sao_Paulo", "2018-11-04T02:59:59.999999+00:00", date(2018, 11, 3)),
    ],
)
def test_a_start_belongs_to_the_local_day_of_the_zone(timezone, at, cohort):
    store = store_of([Event("ann", instant(at))], as_of="2026-03-01", timezone=timezone)
    matrix = cohort_retention(store, CohortSpec(period="day", horizon=1))
    assert matrix.size(cohort) == 1
    assert set(matrix.cells["cohort"]) == {cohort}


def test_days_of_23_and_25_hours_are_one_day_each():
    # Paris: clocks go forward on 30 March 2025 and back on 26 October 2025.
    world = [
        Event("ann", instant("2025-03-30T00:30", "Europe/Paris")),
        Event("ann", instant("2025-03-30T23:30", "Europe/Paris")),  # 22 hours later, the same day
        Event("bob", instant("2025-10-26T00:15", "Europe/Paris")),
        Event("bob", instant("2025-10-26T23:45", "Europe/Paris")),  # 24.5 hours later, the same day
    ]
    store = store_of(world, as_of="2025-12-01", timezone="Europe/Paris")
    calendar = cohort_retention(store, CohortSpec(period="day", horizon=1))
    assert calendar.retained(date(2025, 3, 30)) == calendar.retained(date(2025, 10, 26)) == [1, 0]
    elapsed = cohort_retention(store, CohortSpec(period="day", horizon=1, ages="elapsed"))
    assert elapsed.retained(date(2025, 3, 30)) == [1, 0]
    assert elapsed.retained(date(2025, 10, 26)) == [0, 1]  # more than 24 exact hours


def test_a_25_hour_day_is_over_after_25_hours():
    world = [Event("bob", instant("2025-10-26T00:15", "Europe/Paris"))]
    spec = CohortSpec(period="day", horizon=1)
    for as_of, state in [("2025-10-26T22:59:59.999999+00:00", "in_progress"), ("2025-10-26T23:00+00:00", "mature")]:
        store = store_of(world, as_of=instant(as_of), timezone="Europe/Paris")
        assert states(cohort_retention(store, spec), "2025-10-26")[0] == state


def test_months_have_their_own_lengths():
    # From 31 January, February 2024 (29 days) is age 1 and 1 March age 2.
    world = diary("ann: 2024-01-31 2024-02-29 2024-03-01")
    matrix = cohort_retention(store_of(world, as_of="2024-03-31T23:59"), CohortSpec(period="month", horizon=2))
    assert matrix.retained(date(2024, 1, 1)) == [0, 1, None]
    assert cell(matrix, "2024-01-01", 2)["state"] == "in_progress"
    assert cell(matrix, "2024-01-01", 2)["complete_on"] == date(2024, 4, 1)
