"""Hours and weekdays of events in the store's zone, as portable SQL.

A local hour is the number of hours since the beginning of 1970-01-01 on the wall clock, so the day, the weekday
and the hour of the day are whole-number divisions of it. The offsets come from `retention.periods`, as those of the
local days do: never from the engine.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from retention.behaviour.spec_hours import MIN_ACTIVE_HOURS, CellUsersSpec, HoursSpec, HourUsersSpec
from retention.cohorts.query import of_kind
from retention.periods import US_PER_DAY, day_number, offsets
from retention.store.sql import Sql

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue

US_PER_HOUR = US_PER_DAY // 24
MONDAY_SHIFT = 72
"""Hours added so that weeks of 168 begin on Monday: 1970-01-01 was a Thursday."""


def sql_local_hour(us: str, timezone: str, from_: int, to: int) -> str:
    """Write the local hour of an instant as SQL text, for instants in ``[from_, to]``.

    Where clocks go back, the hour that comes twice has one number for both; where they go forward, the number of
    the hour that is left out does not occur.

    Examples
    --------
    >>> sql_local_hour("e.us", "Asia/Kolkata", 0, 1)
    '((e.us + 19800000000) // 3600000000)'
    """
    segments = offsets(timezone, from_, to)
    last = f"({us} + {segments[-1][1]})"
    if len(segments) == 1:
        return f"({last} // {US_PER_HOUR})"
    cases = " ".join(f"when {us} < {until} then {us} + {shift}" for (_, shift), (until, _) in pairwise(segments))
    return f"((case {cases} else {last} end) // {US_PER_HOUR})"


def first_instant() -> Sql:
    """One row: the first instant of all, or null."""
    return Sql("select min(u.first_us) as first_us from users as u")


def local_hours(spec: HoursSpec, catalogue: Catalogue, population: Sql | None, first_us: int) -> Sql:
    """One row per event: the user and the local hour."""
    clock = catalogue.require_clock()
    is_kind, params = of_kind("e.event_key", "kind", spec.events)
    hour = sql_local_hour("e.occurred_us", clock.timezone, first_us, clock.as_of_us)
    conditions = [is_kind, "e.occurred_us < $as_of"]
    params["as_of"] = clock.as_of_us
    if spec.from_on:
        conditions.append("e.day >= $shown_from")
        params["shown_from"] = day_number(spec.from_on)
    if spec.to_on:
        conditions.append("e.day < $shown_to")
        params["shown_to"] = day_number(spec.to_on)
    if population is not None:
        conditions.append("e.user_key in (select p.user_key from population as p)")
    text = f"select e.user_key, {hour} as local_hour from events as e\nwhere {' and '.join(conditions)}"
    if population is None:
        return Sql(text, params)
    return Sql.ctes(population=population).select(text, **params)


def cell_events(hours: Sql) -> Sql:
    """One row per hour of the week, Monday 0:00 being 0: how many events."""
    return Sql.ctes(hours=hours).select(
        f"""
select (h.local_hour + {MONDAY_SHIFT}) % 168 as cell, count(*) as n
from hours as h group by (h.local_hour + {MONDAY_SHIFT}) % 168"""
    )


def cell_users(hours: Sql) -> Sql:
    """One row per hour of the week: how many different users."""
    return Sql.ctes(
        hours=hours,
        pairs=Sql(
            f"""select h.user_key, (h.local_hour + {MONDAY_SHIFT}) % 168 as cell
from hours as h group by h.user_key, (h.local_hour + {MONDAY_SHIFT}) % 168"""
        ),
    ).select("select p.cell, count(*) as n from pairs as p group by p.cell")


def totals(hours: Sql) -> Sql:
    """One row: events, different users, first and last local hour."""
    return Sql.ctes(
        hours=hours,
        per_user=Sql(
            """select h.user_key, count(*) as n, min(h.local_hour) as first_hour, max(h.local_hour) as last_hour
from hours as h group by h.user_key"""
        ),
    ).select(
        """
select sum(p.n) as n_events, count(*) as n_users, min(p.first_hour) as first_hour, max(p.last_hour) as last_hour
from per_user as p"""
    )


def cell_members(hours: Sql, spec: CellUsersSpec) -> Sql:
    """One row per user with an event in an hour of the week."""
    return Sql.ctes(hours=hours).select(
        f"select h.user_key from hours as h where (h.local_hour + {MONDAY_SHIFT}) % 168 = $cell group by h.user_key",
        cell=spec.cell,
    )


# Usual hours of users --------------------------------------------------------------------------------


def usual_hours(hours: Sql) -> Sql:
    """One row per user and hour of the day at which the user is usually active.

    Those are the fewest hours of the day that together hold at least half of the user's active hours; a local day
    and hour with an event counts once. Of equally frequent hours the earlier is taken first.
    """
    return Sql.ctes(
        hours=hours,
        active=Sql("select h.user_key, h.local_hour from hours as h group by h.user_key, h.local_hour"),
        per_hour=Sql(
            """select a.user_key, a.local_hour % 24 as hour_of_day, count(*) as n
from active as a group by a.user_key, a.local_hour % 24"""
        ),
        summed=Sql(
            """select p.user_key, p.hour_of_day, p.n, sum(p.n) over (partition by p.user_key) as n_all,
    sum(p.n) over (partition by p.user_key order by p.n desc, p.hour_of_day
        rows between unbounded preceding and current row) as so_far
from per_hour as p"""
        ),
    ).select(
        """
select s.user_key, s.hour_of_day from summed as s
where s.n_all >= $min_hours and 2 * (s.so_far - s.n) < s.n_all""",
        min_hours=MIN_ACTIVE_HOURS,
    )


def usual_hour_counts(usual: Sql) -> Sql:
    """One row per hour of the day: how many users are usually active at it."""
    return Sql.ctes(usual=usual).select(
        "select u.hour_of_day, count(*) as n_users from usual as u group by u.hour_of_day"
    )


def usual_user_count(usual: Sql) -> Sql:
    """One row: how many users have usual hours."""
    return Sql.ctes(usual=usual).select("select count(distinct u.user_key) as n_users from usual as u")


def usual_members(usual: Sql, spec: HourUsersSpec) -> Sql:
    """One row per user who is usually active at the hour."""
    return Sql.ctes(usual=usual).select("select u.user_key from usual as u where u.hour_of_day = $hour", hour=spec.hour)


def user_key(user: str) -> Sql:
    """One row: the user with a pseudonym, or with an id of the file."""
    return Sql(
        """select u.user_key, u.pseudonym from users as u
left join identities as i on i.user_key = u.user_key
where u.pseudonym = $user or i.user_id = $user limit 1""",
        {"user": user},
    )


def hours_of(hours: Sql, key: int) -> Sql:
    """One row per local hour in which a user was active."""
    return Sql.ctes(hours=hours).select(
        "select h.local_hour from hours as h where h.user_key = $user_key group by h.local_hour", user_key=key
    )
