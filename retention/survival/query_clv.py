"""Buyers as the customer-base models see them, counted by pattern; portable SQL over the orders."""

from __future__ import annotations

from collections.abc import Sequence

from retention.store.sql import Sql
from retention.survival.spec_clv import ClvSpec

KEY_BASE = 100_000
"""Larger than any number of days between two orders of a store (274 years)."""


def order_span() -> Sql:
    """One row: the first day with an order."""
    return Sql("select min(o.day) as first_day from user_orders as o where o.n_orders > 0")


def buyers(spec: ClvSpec, last_day: int, end_day: int, population: Sql | None) -> Sql:
    """One row per buyer: what happened up to `last_day`, and how often the buyer came after it, before `end_day`.

    Notes
    -----
    Orders of one day count once, as in the published work: x = later days with an order, t_x = days from the
    first to the last of them, t = days from the first to `last_day`. Spend is that of the repeat days whose
    value is above 0.
    """
    value = "o.gross" if spec.money == "gross" else "o.gross - o.refunded"
    is_repeat = "o.day > o.first_day and o.day <= $last_day"
    parts = {} if population is None else {"buyer_population": population}
    only = "" if population is None else "\njoin buyer_population as p on p.user_key = o.user_key"
    return Sql.ctes(**parts).select(
        f"""
select o.user_key, $last_day - min(o.first_day) as t,
    max(case when o.day <= $last_day then o.day - o.first_day else 0 end) as t_x,
    sum(case when {is_repeat} then 1 else 0 end) as x,
    sum(case when {is_repeat} and {value} > 0 then 1 else 0 end) as n_spent,
    sum(case when {is_repeat} and {value} > 0 then {value} else 0 end) as spent,
    sum(case when o.day > $last_day then 1 else 0 end) as n_after
from user_orders as o{only}
where o.n_orders > 0 and o.first_day <= $last_day and o.day < $end_day
group by o.user_key""",
        last_day=last_day,
        end_day=end_day,
    )


def patterns(buyers: Sql) -> Sql:
    """One row per pattern of buying: how many buyers have it, their spend, their orders afterwards."""
    return Sql.ctes(buyers=buyers).select(
        """
select b.x, b.t_x, b.t, b.n_spent, count(*) as n, sum(b.spent) as total,
    sum(b.n_after) as after, sum(b.n_after * b.n_after) as after_squared
from buyers as b group by b.x, b.t_x, b.t, b.n_spent"""
    )


def spends(buyers: Sql) -> Sql:
    """One row per number and sum of repeat orders with a value: how many buyers have them."""
    return Sql.ctes(buyers=buyers).select(
        """
select b.n_spent, b.spent, count(*) as n
from buyers as b where b.n_spent > 0 group by b.n_spent, b.spent"""
    )


def orders_after(last_day: int, end_day: int, population: Sql | None) -> Sql:
    """One row per day after `last_day`: on how many buyers known by then it saw an order."""
    parts = {} if population is None else {"buyer_population": population}
    only = "" if population is None else "\njoin buyer_population as p on p.user_key = o.user_key"
    return Sql.ctes(**parts).select(
        f"""
select o.day - $last_day as days_after, count(*) as n
from user_orders as o{only}
where o.n_orders > 0 and o.first_day <= $last_day and o.day > $last_day and o.day < $end_day
group by o.day - $last_day""",
        last_day=last_day,
        end_day=end_day,
    )


def pattern_key(x: int, t_x: int, t: int) -> int:
    """Write a pattern as one number, as the texts below do."""
    return (x * KEY_BASE + t_x) * KEY_BASE + t


def of_patterns(buyers: Sql, keys: Sequence[int]) -> Sql:
    """One row per buyer whose pattern is one of `keys`; see `query_duckdb_clv` for many of them."""
    listed = ", ".join(f"$key_{i}" for i in range(len(keys)))
    return Sql.ctes(buyers=buyers).select(
        f"select b.user_key from buyers as b where (b.x * {KEY_BASE} + b.t_x) * {KEY_BASE} + b.t in ({listed})",
        **{f"key_{i}": key for i, key in enumerate(keys)},
    )


def ranked(buyers: Sql, chosen: Sql, limit: int) -> Sql:
    """One row per chosen buyer: the pseudonym and the pattern."""
    return Sql.ctes(buyers=buyers, listed_buyers=chosen).select(
        """
select b.user_key, u.pseudonym, b.x, b.t_x, b.t, b.n_spent, b.spent
from buyers as b join listed_buyers as c on c.user_key = b.user_key join users as u on u.user_key = b.user_key
order by b.user_key limit $limit""",
        limit=limit,
    )
