"""The calendar: periods, local days and offsets against Python's own."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.errors import SpecError
from retention.periods import (
    FIRST_US,
    LAST_US,
    US_PER_DAY,
    WEEKDAYS,
    date_of,
    day_number,
    first_day,
    local_day,
    midnight_us,
    offsets,
    period_of,
    sql_local_day,
    sql_period,
    to_us,
    zone,
)

ZONES = (
    "UTC",
    "Europe/Paris",
    "Asia/Kolkata",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "America/Havana",
    "Australia/Lord_Howe",
)
DAYS = st.integers(day_number(date(1971, 1, 1)), day_number(date(2099, 12, 31)))


def test_every_day_up_to_2100_lies_in_its_month():
    for day in range(day_number(date(1971, 1, 1)), day_number(date(2099, 12, 31)) + 1):
        on = date_of(day)
        assert period_of(day, "month") == (on.year - 1970) * 12 + on.month - 1


@given(day=DAYS, week_start=st.sampled_from(WEEKDAYS))
def test_a_week_begins_on_its_weekday_and_has_seven_days(day, week_start):
    first = first_day(period_of(day, "week", week_start), "week", week_start)
    assert date_of(first).weekday() == WEEKDAYS.index(week_start)
    assert first <= day < first + 7


@given(
    days=st.lists(DAYS, min_size=1, max_size=20),
    period=st.sampled_from(("day", "week", "month")),
    week_start=st.sampled_from(WEEKDAYS),
)
def test_sql_and_python_place_a_day_in_the_same_period(days, period, week_start):
    text = f"select {sql_period('d.day', period, week_start)} from (select unnest($days) as day) as d"
    assert [p for (p,) in duckdb.execute(text, {"days": days}).fetchall()] == [
        period_of(d, period, week_start) for d in days
    ]


@pytest.mark.parametrize("timezone", ZONES)
def test_the_offsets_agree_with_python_around_every_change(timezone):
    first, last = to_us(datetime(2009, 3, 4, 5, 6, 7, 8, tzinfo=UTC)), to_us(datetime(2026, 1, 1, tzinfo=UTC))
    known = offsets(timezone, first, last)
    starts = [start for start, _ in known]
    probes = [s + d for s in starts[1:] for d in (-1, 0, 1)] + list(
        range(first, last, 11 * US_PER_DAY + 12_345_678_901)
    )
    for us in probes:
        shift = known[bisect_right(starts, us) - 1][1]
        assert (us + shift) // US_PER_DAY == local_day(us, timezone)
    text = f"select {sql_local_day('t.us', timezone, first, last)} from (select unnest($us) as us) as t"
    assert [d for (d,) in duckdb.execute(text, {"us": probes}).fetchall()] == [local_day(us, timezone) for us in probes]


@given(us=st.integers(FIRST_US, LAST_US - 1), timezone=st.sampled_from(ZONES))
def test_an_instant_lies_between_the_midnights_of_its_day(us, timezone):
    day = local_day(us, timezone)
    assert midnight_us(day, timezone) <= us < midnight_us(day + 1, timezone)


def test_days_of_23_and_25_hours_are_as_long_as_they_are():
    # Paris 2026: clocks go forward on 29 March and back on 25 October.
    hours = {}
    for on in (date(2026, 3, 29), date(2026, 10, 25), date(2026, 7, 1)):
        day = day_number(on)
        hours[on] = (
            (midnight_us(day + 1, "Europe/Paris") - midnight_us(day, "Europe/Paris")) / timedelta(hours=1).seconds / 1e6
        )
    assert list(hours.values()) == [23, 25, 24]


def test_a_day_begins_at_the_jump_where_midnight_is_skipped():
    # São Paulo, 4 November 2018: 00:00 became 01:00; the day began at 03:00 UTC.
    assert midnight_us(day_number(date(2018, 11, 4)), "America/Sao_Paulo") == to_us(
        datetime(2018, 11, 4, 3, tzinfo=UTC)
    )


@pytest.mark.parametrize("name", ["", "Mars/Base", "../etc/passwd", "Europe/pariss"])
def test_a_zone_that_does_not_exist_says_so(name):
    with pytest.raises(SpecError, match="IANA name"):
        zone(name)
