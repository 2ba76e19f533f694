"""Sums of money behind the headline numbers: squares and products of amounts need an engine's own floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retention.headlines.query import quiet_users
from retention.headlines.spec import VALUE_DAYS, QuietSpec
from retention.periods import first_day, sql_period
from retention.store.sql import Sql

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue


def early_values(from_: int, to: int, catalogue: Catalogue) -> Sql:
    """One row per week of the first order: customers, and the sums of their early net revenue and of its squares."""
    start = catalogue.settings.week_start
    week = sql_period("s.first_day", "week", start)
    return Sql.ctes(
        spent=Sql(
            """select o.user_key, o.first_day, sum(o.gross - o.refunded)::double as net from user_orders as o
where o.first_day >= $from_day and o.first_day < $to_day and o.day >= o.first_day and o.day < o.first_day + $value_days
group by o.user_key, o.first_day""",
            {
                "from_day": first_day(from_, "week", start),
                "to_day": first_day(to, "week", start),
                "value_days": VALUE_DAYS,
            },
        ),
    ).select(
        f"""
select {week} as week, count(*) as n, sum(s.net) as total, sum(s.net * s.net) as squares
from spent as s group by all"""
    )


def spending_moments(windows: Sequence[tuple[int, int]]) -> Sql:
    """One row: sums over customers of what each spent in three windows of days, and of squares and products.

    Parameters
    ----------
    windows : sequence of (from_day, to_day)
        The latest first: c follows b, and b follows a. A customer of a window has spent more than nothing in it.
    """
    sums = ",\n    ".join(
        f"sum(case when o.day >= $from_{w} and o.day < $to_{w} then o.gross - o.refunded else 0 end)::double as {w}"
        for w in "cba"
    )
    params = {
        f"{edge}_{w}": day
        for w, window in zip("cba", windows, strict=True)
        for edge, day in zip(("from", "to"), window, strict=True)
    }
    return Sql.ctes(
        spent=Sql(
            f"select o.user_key,\n    {sums}\nfrom user_orders as o\n"
            "where o.day >= $from_a and o.day < $to_c group by o.user_key",
            params,
        ),
        paired=Sql(
            """select s.b as b, case when s.b > 0 then s.c else 0 end as c, case when s.b > 0 then s.b else 0 end as base,
    s.a as a, case when s.a > 0 then s.b else 0 end as d, case when s.a > 0 then s.a else 0 end as root
from spent as s"""
        ),
    ).select(
        """
select sum(case when p.base > 0 then 1 else 0 end) as n_base, sum(case when p.root > 0 then 1 else 0 end) as n_root,
    sum(p.c) as c, sum(p.base) as b, sum(p.d) as d, sum(p.root) as a,
    sum(p.c * p.c) as cc, sum(p.base * p.base) as bb, sum(p.d * p.d) as dd, sum(p.root * p.root) as aa,
    sum(p.c * p.base) as cb, sum(p.d * p.root) as da, sum(p.c * p.d) as cd, sum(p.c * p.root) as ca,
    sum(p.base * p.d) as bd, sum(p.base * p.root) as ba
from paired as p"""
    )


def quiet_value(spec: QuietSpec, catalogue: Catalogue) -> Sql:
    """One row: how many users are quiet for longer than ever, and their net revenue of late."""
    as_of_day = catalogue.require_clock().as_of_day
    return Sql.ctes(quiet=quiet_users(spec, catalogue)).select(
        """
select count(distinct q.user_key) as n, count(distinct o.user_key) as n_buyers,
    coalesce(sum(o.gross - o.refunded), 0)::double as net
from quiet as q left join user_orders as o
    on o.user_key = q.user_key and o.day >= $value_from and o.day < $as_of_day""",
        value_from=as_of_day - spec.value_days,
    )
