"""Questions about growth as portable SQL: one text for every engine.

Everything rests on two selects. ``linked`` has one row per user and local day of activity with the day of activity
before it; ``periods`` keeps the first of those rows in each period, with the period of activity before it. Whoever
is new, returning, resurrecting or dormant can be read off such a row, and so can daily, weekly and monthly actives:
nothing is ever counted ``distinct``. Here both are made from the events; `query_duckdb` takes them from the rollups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.cohorts.query import of_kind
from retention.lifecycle.spec import ActiveDaysSpec, LifecycleSpec, StickinessSpec
from retention.periods import Period, sql_period
from retention.store.sql import NO_DAY, Sql

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue

MOST = 28
"""A pause of so many days or more is one and the same for a window of 28 days."""
Asked = LifecycleSpec | StickinessSpec | ActiveDaysSpec


def joined(spec: Asked, population: Sql | None, table: str) -> tuple[str, str]:
    """Write the join that keeps the chosen users, and the expression of their group."""
    if population is None:
        return "", "0"
    # Who did nothing that counts as activity has no start, so no filter can hold; without one, nobody is lost.
    kind = "join" if spec.where else "left join"
    return f"\n{kind} population as p on p.user_key = {table}.user_key", "p.grp" if spec.by else "0"


def linked(spec: Asked, catalogue: Catalogue, population: Sql | None) -> Sql:
    """One row per user and local day with one of the events: the group, and the day before it."""
    join, group = joined(spec, population, "e")
    is_kind, params = of_kind("e.event_key", "event", spec.events)
    parts = {} if population is None else {"population": population}
    days = Sql.ctes(**parts).select(
        f"""
select e.user_key, e.day, {group} as grp
from events as e{join}
where {is_kind} and e.occurred_us < $as_of
group by e.user_key, e.day{"" if group == "0" else ", " + group}""",
        as_of=catalogue.require_clock().as_of_us,
        **params,
    )
    return Sql.ctes(days=days).select(
        f"""
select d.user_key, d.day, d.grp, lag(d.day, 1, {NO_DAY}) over (partition by d.user_key order by d.day) as prev_day
from days as d"""
    )


def periods(linked: Sql, period: Period, week_start: str) -> Sql:
    """One row per user and period with one of the events: the group, and the period before it."""
    here, before = (sql_period(f"l.{day}", period, week_start) for day in ("day", "prev_day"))
    return Sql.ctes(
        linked=linked,
        placed=Sql(
            f"""select l.user_key, l.grp, {here} as period,
    case when l.prev_day = {NO_DAY} then {NO_DAY} else {before} end as prev_period
from linked as l"""
        ),
    ).select("select p.user_key, p.grp, p.period, p.prev_period from placed as p where p.period <> p.prev_period")


def lifecycle_counts(periods: Sql, from_period: int, to_period: int) -> Sql:
    """One row per period and group: how many were active, for the first time, and in the period before, too."""
    return Sql.ctes(periods=periods).select(
        f"""
select a.period, a.grp, count(*) as n_active,
    sum(case when a.prev_period = {NO_DAY} then 1 else 0 end) as n_new,
    sum(case when a.prev_period = a.period - 1 then 1 else 0 end) as n_returning
from periods as a where a.period >= $from_period and a.period < $to_period
group by a.period, a.grp""",
        from_period=from_period,
        to_period=to_period,
    )


def state_members(periods: Sql, period: int, state: str, in_group: str, group_key: int | None) -> Sql:
    """One row per user who was in a state in a period.

    Parameters
    ----------
    in_group : str
        From `group_is`, on ``a.grp``.
    """
    params: dict[str, object] = {"on_period": period}
    if group_key is not None:
        params["group_key"] = group_key
    if state == "dormant":
        return Sql.ctes(periods=periods).select(
            f"""
select a.user_key from periods as a
where a.period >= $on_period - 1 and a.period <= $on_period and {in_group}
group by a.user_key having max(a.period) < $on_period""",
            **params,
        )
    holds = {
        "active": "1 = 1",
        "new": f"a.prev_period = {NO_DAY}",
        "returning": "a.prev_period = a.period - 1",
        "resurrecting": f"a.prev_period <> {NO_DAY} and a.prev_period < a.period - 1",
    }[state]
    return Sql.ctes(periods=periods).select(
        f"select a.user_key from periods as a where a.period = $on_period and {holds} and {in_group}", **params
    )


def moves(periods: Sql, period: int) -> Sql:
    """One row per user seen by the end of the next period: the state in a period, and in the next one."""
    return Sql.ctes(
        periods=periods,
        seen=Sql(
            """select a.user_key, a.grp, min(a.period) as first_period,
    max(case when a.period = $on_period - 1 then 1 else 0 end) as was_before,
    max(case when a.period = $on_period then 1 else 0 end) as is_here,
    max(case when a.period = $on_period and a.prev_period = $on_period - 1 then 1 else 0 end) as is_returning,
    max(case when a.period = $on_period + 1 then 1 else 0 end) as is_next
from periods as a where a.period <= $on_period + 1
group by a.user_key, a.grp""",
            {"on_period": period},
        ),
    ).select(
        """
select s.user_key, s.grp,
    case when s.first_period > $on_period then 'unseen'
        when s.first_period = $on_period then 'new'
        when s.is_returning = 1 then 'returning'
        when s.is_here = 1 then 'resurrecting'
        when s.was_before = 1 then 'dormant'
        else 'away' end as source,
    case when s.first_period > $on_period then 'new'
        when s.is_next = 1 and s.is_here = 1 then 'returning'
        when s.is_next = 1 then 'resurrecting'
        when s.is_here = 1 then 'dormant'
        else 'away' end as target
from seen as s"""
    )


def move_counts(moves: Sql) -> Sql:
    """One row per group, state in a period and state in the next: how many users."""
    return Sql.ctes(moves=moves).select(
        """
select m.grp, m.source, m.target, count(*) as n from moves as m group by m.grp, m.source, m.target"""
    )


def move_members(moves: Sql, source: str, target: str, in_group: str, group_key: int | None) -> Sql:
    """One row per user who went from one state to another; `in_group` is on ``m.grp``."""
    params: dict[str, object] = {} if group_key is None else {"group_key": group_key}
    return Sql.ctes(moves=moves).select(
        f"select m.user_key from moves as m where m.source = $source and m.target = $target and {in_group}",
        source=source,
        target=target,
        **params,
    )


def pause_counts(linked: Sql, from_day: int, to_day: int) -> Sql:
    """One row per day, group and pause since the day of activity before, in days and at most 28: how many users."""
    return Sql.ctes(
        linked=linked,
        paused=Sql(
            f"""select l.day, l.grp, least(l.day - l.prev_day, {MOST}) as pause
from linked as l where l.day >= $low_day and l.day < $high_day""",
            {"low_day": from_day, "high_day": to_day},
        ),
    ).select("select p.day, p.grp, p.pause, count(*) as n from paused as p group by p.day, p.grp, p.pause")


def window_members(linked: Sql, day: int, window: int, in_group: str, group_key: int | None) -> Sql:
    """One row per user active in the days that end with `day`; `in_group` is on ``l.grp``."""
    params: dict[str, object] = {} if group_key is None else {"group_key": group_key}
    return Sql.ctes(linked=linked).select(
        f"""
select l.user_key from linked as l
where l.day > $on_day - $window and l.day <= $on_day and {in_group} group by l.user_key""",
        on_day=day,
        window=window,
        **params,
    )


def days_per_user(linked: Sql, from_day: int, to_day: int) -> Sql:
    """One row per user active between two days: on how many."""
    return Sql.ctes(linked=linked).select(
        """
select l.user_key, l.grp, count(*) as n_days
from linked as l where l.day >= $low_day and l.day < $high_day group by l.user_key, l.grp""",
        low_day=from_day,
        high_day=to_day,
    )


def active_day_counts(days_per_user: Sql) -> Sql:
    """One row per group and number of active days: how many users."""
    return Sql.ctes(days_per_user=days_per_user).select(
        "select u.grp, u.n_days, count(*) as n from days_per_user as u group by u.grp, u.n_days"
    )


def active_day_members(
    days_per_user: Sql, n_days: int, in_group: str, group_key: int | None, *, is_at_least: bool
) -> Sql:
    """One row per user with so many active days; `in_group` is on ``u.grp``."""
    params: dict[str, object] = {} if group_key is None else {"group_key": group_key}
    return Sql.ctes(days_per_user=days_per_user).select(
        f"""
select u.user_key from days_per_user as u
where u.n_days {">=" if is_at_least else "="} $n_days and {in_group}""",
        n_days=n_days,
        **params,
    )


def group_is(column: str, group: str | None, group_key: int | None) -> str:
    """Write the condition that a row belongs to a group; a missing value has no key."""
    if group is None:
        return "1 = 1"
    return f"{column} is null" if group_key is None else f"{column} = $group_key"


def data_days() -> Sql:
    """One row: the first and the last local day of the data that count; nothing where there is none."""
    return Sql("select min(d.day) as first_day, max(d.day) as last_day from user_day as d")
