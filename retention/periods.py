"""Calendar arithmetic: instants, local days and periods, the same in Python and in SQL.

An instant is an integer of microseconds since 1970-01-01 UTC (``*_us``). A local day is the number of
days since 1970-01-01 in the store's zone. A period is an integer that grows by one from each day, week
or month to the next, so an age is a difference of two integers.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from retention.errors import SpecError, nearest

Period = Literal["day", "week", "month"]
PERIODS: tuple[Period, ...] = ("day", "week", "month")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

US_PER_DAY = 86_400_000_000
ELAPSED_DAYS: dict[Period, int] = {"day": 1, "week": 7, "month": 30}
OFFSET_STEP_US = 4 * US_PER_DAY
"""No zone has changed its offset and back within so short a time since 1970."""
EPOCH_ON = date(1970, 1, 1)
FIRST_US = int(datetime(1971, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
"""Earlier instants are taken for missing times (an epoch of zero is the usual one)."""
LAST_US = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
"""The integer month arithmetic below is exact from 1968-03-01 up to this instant."""


def zone(name: str) -> ZoneInfo:
    """Return the time zone called `name`.

    Raises
    ------
    SpecError
        If the name is not in the IANA database.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        from zoneinfo import available_timezones

        raise SpecError(
            f'The time zone must be an IANA name such as Europe/Paris, not "{name}".',
            hint=nearest(name, available_timezones()) if name else "",
        ) from None


def week_offset(week_start: str) -> int:
    """Return what is added to a day number so that weeks begin where a multiple of seven does.

    1970-01-01 was a Thursday, so Monday weeks need 3.

    Examples
    --------
    >>> week_offset("monday"), week_offset("thursday")
    (3, 0)
    """
    if week_start not in WEEKDAYS:
        raise SpecError(
            f'The week must start on a weekday, not "{week_start}".', hint=nearest(week_start, WEEKDAYS)
        )
    return (3 - WEEKDAYS.index(week_start)) % 7


def day_number(on: date) -> int:
    """Return the number of days from 1970-01-01 to `on`."""
    return (on - EPOCH_ON).days


def date_of(day: int) -> date:
    """Return the date of a day number."""
    return EPOCH_ON + timedelta(days=int(day))


def period_of(day: int | np.ndarray, period: Period, week_start: str = "monday") -> int | np.ndarray:
    """Return the period in which a local day lies.

    Parameters
    ----------
    day : int or ndarray of int, shape (n,)
        Days since 1970-01-01.
    period : {"day", "week", "month"}
    week_start : str
        Weekday on which weeks begin; only weeks use it.

    Examples
    --------
    >>> monday = day_number(date(2026, 1, 5))
    >>> period_of(monday, "week") - period_of(monday - 1, "week")
    1
    >>> period_of(day_number(date(1970, 2, 1)), "month")
    1
    """
    if period == "day":
        return day
    if period == "week":
        return (day + week_offset(week_start)) // 7
    since_march = day + 671  # days since 1968-03-01, the first day of a four-year cycle
    years = (4 * since_march + 3) // 1461
    day_of_year = since_march - (1461 * years) // 4
    return (years - 2) * 12 + 2 + (5 * day_of_year + 2) // 153


def sql_period(day: str, period: Period, week_start: str = "monday", engine: str = "duckdb") -> str:
    """Write `period_of` as SQL text over the integer expression `day`.

    Only integer floor divisions of numbers that are never negative, so every engine agrees.

    Examples
    --------
    >>> sql_period("e.day", "week")
    '((e.day + 3) // 7)'
    """
    div = "//" if engine == "duckdb" else "DIV"
    if period == "day":
        return day
    if period == "week":
        return f"(({day} + {week_offset(week_start)}) {div} 7)"
    years = f"((4 * ({day} + 671) + 3) {div} 1461)"
    return f"(({years} - 2) * 12 + 2 + (5 * ({day} + 671 - (1461 * {years}) {div} 4) + 2) {div} 153)"


def sql_elapsed_age(start_us: str, return_us: str, period: Period, engine: str = "duckdb") -> str:
    """Write the elapsed age, ``floor((return - start) / P)`` in exact microseconds, as SQL text."""
    div = "//" if engine == "duckdb" else "DIV"
    return f"(({return_us} - {start_us}) {div} {ELAPSED_DAYS[period] * US_PER_DAY})"


def first_day(index: int, period: Period, week_start: str = "monday") -> int:
    """Return the first local day of a period.

    Examples
    --------
    >>> date_of(first_day(12, "month"))
    datetime.date(1971, 1, 1)
    """
    if period == "day":
        return index
    if period == "week":
        return index * 7 - week_offset(week_start)
    return day_number(date(1970 + index // 12, index % 12 + 1, 1))


def to_us(moment: datetime) -> int:
    """Return an aware moment as microseconds since 1970-01-01 UTC, exactly."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def from_us(us: int) -> datetime:
    """Return microseconds since 1970-01-01 UTC as an aware moment."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(us))


def iso(us: int) -> str:
    """Write an instant as ISO 8601 in UTC.

    Examples
    --------
    >>> iso(1)
    '1970-01-01T00:00:00.000001Z'
    """
    return from_us(us).isoformat().replace("+00:00", "Z")


@lru_cache(maxsize=65_536)
def midnight_us(day: int, timezone: str) -> int:
    """Return the instant at which a local day begins.

    Where clocks skip midnight the day begins at the jump, where midnight comes twice, at the first:
    both are what PEP 495's ``fold=0`` gives.
    """
    on = date_of(day)
    return to_us(datetime(on.year, on.month, on.day, tzinfo=zone(timezone)))


def local_day(us: int, timezone: str) -> int:
    """Return the local day on which an instant falls."""
    return day_number(from_us(us).astimezone(zone(timezone)).date())


@lru_cache(maxsize=256)
def offsets(timezone: str, from_: int, to: int) -> tuple[tuple[int, int], ...]:
    """List the UTC offsets in force between two instants.

    Returns
    -------
    tuple of (from_us, offset_us)
        In order of time; the first begins at or before `from_`.
    """
    tz = zone(timezone)

    def offset(us: int) -> int:
        shift = from_us(us).astimezone(tz).utcoffset()
        assert shift is not None
        return shift // timedelta(microseconds=1)

    found = [(from_, offset(from_))]
    if tz.utcoffset(None) is not None:  # a zone that never changes
        return tuple(found)
    here = from_
    while here < to:
        there = min(here + OFFSET_STEP_US, to)
        if offset(there) != found[-1][1]:
            low, high = here, there  # the change lies in (low, high]; zones change on whole seconds
            while high - low > 1_000_000:
                middle = (low + high) // 2_000_000 * 1_000_000
                middle = middle if low < middle < high else low + 1_000_000
                if offset(middle) == found[-1][1]:
                    low = middle
                else:
                    high = middle
            at = high // 1_000_000 * 1_000_000
            found.append((at if at > low else high, offset(high)))
        here = there
    return tuple(found)


def sql_local_day(us: str, timezone: str, from_: int, to: int) -> str:
    """Write the local day of an instant as SQL text, for instants in ``[from_, to]``.

    The offsets come from the IANA database through Python, not from the engine, so that a store and a
    test agree on every machine.
    """
    segments = offsets(timezone, from_, to)
    text = f"(({us} + {segments[-1][1]}) // {US_PER_DAY})"
    if len(segments) == 1:
        return text
    cases = " ".join(
        f"when {us} < {until} then ({us} + {shift}) // {US_PER_DAY}"
        for (_, shift), (until, _) in pairwise(segments)
    )
    return f"(case {cases} else {text} end)"
