"""Days between visits, and silences, as portable SQL: one text for every engine.

``active_days`` says on which days each user was active and which active day came before. Everything else is
written over it, so that a faster source of the same rows (`query_duckdb_interval`) changes nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.behaviour.spec_interval import LONGEST_WINDOW, IntervalUsersSpec, SilentUsersSpec, WindowSpec
from retention.cohorts.query import of_kind
from retention.store.sql import NO_DAY, Sql

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue


def active_days(events: tuple[str, ...], catalogue: Catalogue) -> Sql:
    """One row per user and day with one of the events: the day, and the active day before it."""
    is_kind, params = of_kind("e.event_key", "kind", events)
    return Sql.ctes(
        kind_days=Sql(
            f"""select e.user_key, e.day from events as e
where {is_kind} and e.occurred_us < $as_of
group by e.user_key, e.day""",
            {**params, "as_of": catalogue.require_clock().as_of_us},
        )
    ).select(
        f"""
select d.user_key, d.day, lag(d.day, 1, {NO_DAY}) over (partition by d.user_key order by d.day) as prev_day
from kind_days as d"""
    )


def of_population(days: Sql, population: Sql | None) -> Sql:
    """Keep the days of the population's users, with their group; without a population, all in group 0."""
    if population is None:
        return Sql.ctes(active_days=days).select("select d.user_key, d.day, d.prev_day, 0 as grp from active_days as d")
    return Sql.ctes(active_days=days, population=population).select(
        """
select d.user_key, d.day, d.prev_day, p.grp
from active_days as d join population as p on p.user_key = d.user_key"""
    )


# Usual interval --------------------------------------------------------------------------------------


def user_medians(days: Sql) -> Sql:
    """One row per user with two active days or more: twice the median gap, so that it is a whole number."""
    return Sql.ctes(
        days=days,
        placed=Sql(
            f"""select d.user_key, d.grp, d.day - d.prev_day as gap,
    row_number() over (partition by d.user_key order by d.day - d.prev_day) as place,
    count(*) over (partition by d.user_key) as n_gaps
from days as d where d.prev_day > {NO_DAY}"""
        ),
    ).select(
        """
select p.user_key, p.grp,
    sum(case when p.place = (p.n_gaps + 1) // 2 then p.gap else 0 end)
        + sum(case when p.place = (p.n_gaps + 2) // 2 then p.gap else 0 end) as twice_median
from placed as p group by p.user_key, p.grp"""
    )


def median_counts(medians: Sql) -> Sql:
    """One row per group and median gap: how many users."""
    return Sql.ctes(medians=medians).select(
        "select m.grp, m.twice_median, count(*) as n_users from medians as m group by m.grp, m.twice_median"
    )


def gap_counts(days: Sql) -> Sql:
    """One row per group and gap: how often it came."""
    return Sql.ctes(days=days).select(
        f"""
select d.grp, d.day - d.prev_day as gap, count(*) as n_gaps
from days as d where d.prev_day > {NO_DAY} group by d.grp, d.day - d.prev_day"""
    )


def user_counts(days: Sql) -> Sql:
    """One row per group: how many users have an active day."""
    return Sql.ctes(days=days).select(
        f"select d.grp, count(*) as n_users from days as d where d.prev_day = {NO_DAY} group by d.grp"
    )


def in_group(group: str | None, group_key: int | None) -> tuple[str, dict[str, object]]:
    """Write the condition that a row ``r`` is in a group; no group means every row."""
    if group is None:
        return "1 = 1", {}
    return ("r.grp is null", {}) if group_key is None else ("r.grp = $group_key", {"group_key": group_key})


def interval_members(medians: Sql, spec: IntervalUsersSpec, group_key: int | None) -> Sql:
    """One row per user whose usual interval lies in the range."""
    is_mine, params = in_group(spec.group, group_key)
    up_to = "" if spec.up_to is None else " and r.twice_median <= $up_to"
    if spec.up_to is not None:
        params = {**params, "up_to": int(2 * spec.up_to)}
    return Sql.ctes(medians=medians).select(
        f"select r.user_key from medians as r where r.twice_median > $above{up_to} and {is_mine}",
        above=int(2 * spec.above),
        **params,
    )


# Silences --------------------------------------------------------------------------------------------


def record_gaps(days: Sql) -> Sql:
    """One row per user and gap that is longer than every gap before it.

    A silence of X days came for the first time in the gap with ``longest_before < X <= gap``, and there is one
    such gap at most; so these few rows answer every X at once.
    """
    return Sql.ctes(
        days=days,
        chained=Sql(
            f"""select d.user_key, d.grp, d.prev_day as since, d.day - d.prev_day as gap,
    max(d.day - d.prev_day) over (partition by d.user_key order by d.day
        rows between unbounded preceding and 1 preceding) as longest
from days as d where d.prev_day > {NO_DAY}"""
        ),
    ).select(
        """
select c.user_key, c.grp, c.since, c.gap, coalesce(c.longest, 0) as longest_before
from chained as c where c.gap > coalesce(c.longest, 0)"""
    )


def last_silences(days: Sql) -> Sql:
    """One row per user: the silence that still goes on, and the longest gap before it."""
    return Sql.ctes(days=days).select(
        f"""
select d.user_key, d.grp, max(d.day) as since,
    max(case when d.prev_day > {NO_DAY} then d.day - d.prev_day else 0 end) as longest_before
from days as d group by d.user_key, d.grp"""
    )


def window_ranges(records: Sql, lasts: Sql, spec: WindowSpec, as_of_day: int) -> Sql:
    """One row per silence that is the first of some windows: those from ``low`` to ``high``.

    The silence reached window X at the beginning of day ``since + X``; it counts where F whole days followed by
    `as_of`. Windows from ``back_low`` to ``high`` call a user lapsed who was back within those F days.
    """
    return Sql.ctes(records=records, lasts=lasts).select(
        """
select r.user_key, r.grp, r.longest_before + 1 as low, least(r.gap, $latest - r.since, $longest) as high,
    greatest(r.longest_before + 1, r.gap - $follow_up + 1) as back_low
from records as r
where r.longest_before < $latest - r.since and r.longest_before < $longest
union all
select l.user_key, l.grp, l.longest_before + 1 as low, least($latest - l.since, $longest) as high,
    $longest + 1 as back_low
from lasts as l
where l.longest_before < $latest - l.since and l.longest_before < $longest""",
        latest=as_of_day - spec.follow_up_days,
        follow_up=spec.follow_up_days,
        longest=LONGEST_WINDOW,
    )


def range_counts(ranges: Sql) -> Sql:
    """One row per group and range of windows: how many silences."""
    return Sql.ctes(ranges=ranges).select(
        """
select r.grp, r.low, r.high, r.back_low, count(*) as n_users
from ranges as r group by r.grp, r.low, r.high, r.back_low"""
    )


def silence_counts(lasts: Sql, as_of_day: int) -> Sql:
    """One row per group and length of the silence that goes on: how many users."""
    return Sql.ctes(lasts=lasts).select(
        """
select l.grp, least($as_of_day - l.since, $longest) as silent_days, count(*) as n_users
from lasts as l group by l.grp, least($as_of_day - l.since, $longest)""",
        as_of_day=as_of_day,
        longest=LONGEST_WINDOW,
    )


def silent_members(ranges: Sql, lasts: Sql, spec: SilentUsersSpec, as_of_day: int, group_key: int | None) -> Sql:
    """One row per user behind a window."""
    is_mine, params = in_group(spec.group, group_key)
    if spec.kind == "silent now":
        return Sql.ctes(lasts=lasts).select(
            f"select r.user_key from lasts as r where $as_of_day - r.since >= $window and {is_mine}",
            as_of_day=as_of_day,
            window=spec.days,
            **params,
        )
    compared = ">=" if spec.kind == "returned" else "<"
    return Sql.ctes(ranges=ranges).select(
        f"""
select r.user_key from ranges as r
where $window between r.low and r.high and $window {compared} r.back_low and {is_mine}""",
        window=spec.days,
        **params,
    )
