"""Counts behind the headline numbers as portable SQL over the rollups.

Engines return whole numbers: rows by week, by user's share in two windows (a small histogram), or by group of
users. Rates, ratios and their intervals are arithmetic after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retention.headlines.spec import REPEAT_DAYS, QuietSpec
from retention.periods import US_PER_DAY, first_day, sql_period
from retention.store.sql import ACTIVITY_BIT, Sql

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue

ACTIVE = 1 << ACTIVITY_BIT
TRAILING_DAYS = 28
N_GROUPS = 40
"""Groups of users that the jackknife leaves out one after another."""


def first_active_day() -> Sql:
    """One row: the first local day with activity."""
    return Sql("select min(f.day) as day from user_first as f where f.event_key = 0")


def flows(from_: int, to: int) -> Sql:
    """One row per user and week of ``[from_, to)`` in which the user was active, or fell silent.

    Notes
    -----
    A user is gained in a week if new, or active in it, not in the week before, and active earlier; lost in a week
    if active in the one before and not in it.
    """
    return Sql.ctes(
        active=Sql(
            """select u.user_key, u.period, u.first_period,
    lag(u.period, 1, -1) over (partition by u.user_key order by u.period) as before,
    lead(u.period, 1, 2147483647) over (partition by u.user_key order by u.period) as after
from user_week as u
where u.ev_mask & $active <> 0 and u.period >= $from_period - 1 and u.period < $to_period""",
            {"active": ACTIVE, "from_period": from_, "to_period": to},
        )
    ).select(
        """
select a.user_key, a.period, 1 as n_active,
    case when a.first_period = a.period then 1 else 0 end as n_new,
    case when a.first_period = a.period or a.before < a.period - 1 then 1 else 0 end as n_gained,
    0 as n_lost
from active as a where a.period >= $from_period
union all
select a.user_key, a.period + 1 as period, 0 as n_active, 0 as n_new, 0 as n_gained, 1 as n_lost
from active as a where a.period + 1 < $to_period and a.after > a.period + 1"""
    )


def weekly_flows(from_: int, to: int) -> Sql:
    """One row per week: how many users were active, new, gained and lost."""
    return Sql.ctes(flows=flows(from_, to)).select(
        """
select f.period, sum(f.n_active) as n_active, sum(f.n_new) as n_new, sum(f.n_gained) as n_gained,
    sum(f.n_lost) as n_lost
from flows as f group by f.period"""
    )


def user_flows(now: Sequence[int], before: Sequence[int]) -> Sql:
    """One row per combination of what a user counts for in two windows: how many users count so."""
    weeks = (*now, *before)
    in_now, later = _one_of("f.period", "now", now)
    in_before, earlier = _one_of("f.period", "before", before)
    kinds = ("active", "new", "gained", "lost")
    sums = ",\n    ".join(
        f"sum(case when {condition} then f.n_{kind} else 0 end) as {kind}_{window}"
        for window, condition in ((1, in_now), (0, in_before))
        for kind in kinds
    )
    names = ", ".join(f"s.{kind}_{window}" for window in (1, 0) for kind in kinds)
    return Sql.ctes(
        flows=flows(min(weeks), max(weeks) + 1),
        shares=Sql(f"select f.user_key,\n    {sums}\nfrom flows as f group by f.user_key", {**later, **earlier}),
    ).select(f"select {names}, count(*) as n_users from shares as s group by {names}")


def _one_of(column: str, name: str, values: Sequence[int]) -> tuple[str, dict[str, object]]:
    if not values:
        return "1 = 0", {}
    params: dict[str, object] = {f"{name}_{i}": value for i, value in enumerate(values)}
    return f"{column} in ({', '.join('$' + key for key in params)})", params


def daily_activity(from_day: int, to_day: int) -> Sql:
    """One row per group of users and day: how many are active, and how many leave the last 28 days.

    A user enters the last 28 days with each active day and leaves with the next one, or after 28 days without.
    """
    return Sql.ctes(
        days=Sql(
            """select u.user_key, u.day, lead(u.day, 1, 2147483647) over (partition by u.user_key order by u.day) as next_day
from user_day as u where u.ev_mask & $active <> 0 and u.day >= $from_day and u.day < $to_day""",
            {"active": ACTIVE, "from_day": from_day, "to_day": to_day},
        )
    ).select(
        """
select d.user_key % $n_groups as part, d.day, 1 as is_in, count(*) as n
from days as d group by d.user_key % $n_groups, d.day
union all
select d.user_key % $n_groups as part, least(d.next_day, d.day + $trailing) as day,
    0 as is_in, count(*) as n
from days as d
group by d.user_key % $n_groups, least(d.next_day, d.day + $trailing)""",
        n_groups=N_GROUPS,
        trailing=TRAILING_DAYS,
    )


def lapse_spells(population: Sql | None, from_: int, to: int, catalogue: Catalogue) -> Sql:
    """One row per group and week: how many users were at risk when it began, and how many lapsed in it.

    Notes
    -----
    After an active day a user is at risk at the beginning of each week up to the next active day, or up to the
    day on which the silence reaches the churn window, whichever comes first. On that day the user lapses.
    """
    start = catalogue.settings.week_start
    window = int(catalogue.settings.churn_window)
    parts = {
        "days": Sql(
            """select u.user_key, u.day, lead(u.day, 1, 2147483647) over (partition by u.user_key order by u.day) as next_day
from user_day as u where u.ev_mask & $active <> 0 and u.day >= $spells_from and u.day < $spells_to""",
            {
                "active": ACTIVE,
                "spells_from": first_day(from_, "week", start) - window,
                "spells_to": first_day(to, "week", start),
            },
        ),
        "spells": Sql(
            """select d.user_key, d.day, least(d.next_day, d.day + $window) as until_day,
    case when d.next_day >= d.day + $window then 1 else 0 end as is_lapse
from days as d""",
            {"window": window},
        ),
    }
    group, join = "0", ""
    if population is not None:
        parts["population"] = population
        group, join = "p.grp", "\njoin population as p on p.user_key = s.user_key"
    day, until = (sql_period(column, "week", start) for column in ("s.day", "s.until_day"))
    parts["weeks"] = Sql(
        f"""select {group} as grp, {day} + 1 as from_week, {until} as to_week, s.is_lapse
from spells as s{join}"""
    )
    # Sums over the weeks of a spell are made after the engine, from where spells begin and end.
    return Sql.ctes(**parts).select(
        """
select w.grp, w.from_week, w.to_week, w.is_lapse, count(*) as n
from weeks as w where w.from_week <= w.to_week
group by w.grp, w.from_week, w.to_week, w.is_lapse"""
    )


def repeat_orders(population: Sql | None, from_day: int, to_day: int, catalogue: Catalogue) -> Sql:
    """One row per group and week of the first order: how many customers, and how many bought again in time."""
    week = sql_period("f.first_day", "week", catalogue.settings.week_start)
    parts = {
        "orders": Sql(
            """select o.user_key, o.day, o.first_day, o.first_us, o.second_us,
    lead(o.first_us, 1, 9223372036854775807) over (partition by o.user_key order by o.day) as next_us
from user_orders as o where o.n_orders > 0 and o.first_day >= $orders_from and o.first_day < $orders_to""",
            {"orders_from": from_day, "orders_to": to_day},
        ),
        "firsts": Sql(
            """select o.user_key, o.first_day, o.first_us, coalesce(o.second_us, o.next_us) as again_us
from orders as o where o.day = o.first_day"""
        ),
    }
    group, join = "0", ""
    if population is not None:
        parts["population"] = population
        group, join = "p.grp", "\njoin population as p on p.user_key = f.user_key"
    parts["customers"] = Sql(
        f"""select {group} as grp, {week} as week,
    case when f.again_us - f.first_us <= $within_us then 1 else 0 end as is_again
from firsts as f{join}""",
        {"within_us": REPEAT_DAYS * US_PER_DAY},
    )
    return Sql.ctes(**parts).select(
        """
select c.grp, c.week, count(*) as n, sum(c.is_again) as x
from customers as c group by c.grp, c.week"""
    )


def quiet_users(spec: QuietSpec, catalogue: Catalogue) -> Sql:
    """One row per user who has been quiet for longer than ever before, for a while, and is not lapsed yet."""
    window = int(catalogue.settings.churn_window)
    return Sql.ctes(
        rhythms=Sql(
            """select u.user_key, count(*) as n_days, max(u.day) as last_day,
    max(case when u.day = u.first_day then 0 else u.day - u.prev_day end) as longest
from user_day as u where u.ev_mask & $active <> 0 and u.day < $as_of_day group by u.user_key""",
            {"active": ACTIVE, "as_of_day": catalogue.require_clock().as_of_day},
        )
    ).select(
        """
select r.user_key from rhythms as r
where r.n_days >= $min_days and $as_of_day - r.last_day > r.longest
    and $as_of_day - r.last_day >= $least and $as_of_day - r.last_day < $window""",
        min_days=spec.min_days,
        least=spec.least_silence(window),
        window=window,
    )


def user_count(members: Sql) -> Sql:
    """One row: how many users."""
    return Sql.ctes(members=members).select("select count(*) as n from members as m")


def known_groups() -> Sql:
    """One row per property with few values: how many values, and of how many users it is known at the start."""
    return Sql(
        """select c.property_key, count(distinct c.value_key) as n_values,
    sum(case when c.value_key is null then 0 else c.n end) as n_users
from week_cohorts as c where c.property_key > 0 group by c.property_key"""
    )
