"""Revenue questions for one engine: sums of squares and products as floating-point numbers.

Money itself is added exactly, as decimals; only the moments that intervals are made of are rounded.
"""

from __future__ import annotations

from retention.lifecycle.query_revenue import and_group, group_is, joined, named
from retention.lifecycle.spec_revenue import VALUE_DAYS, RevenueSpec
from retention.periods import sql_period
from retention.store.sql import Sql


def _amount(spec: RevenueSpec) -> str:
    return "o.gross" if spec.kind == "gross" else "o.gross - o.refunded"


def spent(spec: RevenueSpec, population: Sql | None, week_start: str) -> Sql:
    """One row per customer and age with an order, or with a refund booked in it: the amount."""
    join, group = joined(spec, population)
    period, cohort = (sql_period(f"o.{day}", spec.period, week_start) for day in ("day", "first_day"))
    return Sql.ctes(**named(population)).select(
        f"""
select o.user_key, {group} as grp, {cohort} as cohort, {period} - {cohort} as age,
    sum({_amount(spec)}) as amount, sum(o.n_orders) as n_orders
from user_orders as o{join}
where o.day >= o.first_day and {period} - {cohort} <= $horizon
group by o.user_key, {cohort}, {period}{and_group(group)}""",
        horizon=spec.horizon,
    )


def revenue_cells(spent: Sql) -> Sql:
    """One row per cohort, group and age: buyers, the amount, what of it does not exceed the first period's, moments.

    Notes
    -----
    ``now`` is a customer's amount at the age, ``then`` that of age 0, and ``kept = least(now, then)``. Customers without
    a row have now = 0 and so kept = least(0, then), which is not 0 where refunds exceeded the first orders: `floor` is
    that, and the sums of `kept` are of what lies above it; those of age 0 bring the floor for everybody.
    """
    return Sql.ctes(
        spent=spent,
        beside=Sql(
            """select s.cohort, s.grp, s.age, s.n_orders, s.amount as now,
    t.amount as first_amount, least(t.amount, 0) as floor, least(s.amount, t.amount) as kept,
    s.amount::double as y, t.amount::double as x, least(t.amount, 0)::double as f,
    least(s.amount, t.amount)::double as k
from spent as s join spent as t on t.user_key = s.user_key and t.age = 0"""
        ),
    ).select(
        """
select b.cohort, b.grp, b.age, count(*) as n_rows, sum(case when b.n_orders > 0 then 1 else 0 end)::bigint as n_buyers,
    sum(b.now)::double as now, sum(b.kept - b.floor) as kept, sum(b.floor) as floor,
    sum(b.y * b.y) as yy, sum(b.y * b.x) as xy, sum(b.k * b.k - b.f * b.f) as kk, sum((b.k - b.f) * b.x) as kx,
    sum(b.x * b.x) as xx, sum(b.f * b.f) as ff, sum(b.f * b.x) as fx
from beside as b group by b.cohort, b.grp, b.age"""
    )


def has_cells(spec: RevenueSpec) -> bool:
    """Whether the sums are there already: of everybody, by week or month."""
    return spec.period in ("week", "month") and not spec.where and spec.by is None


def kept_cells(spec: RevenueSpec) -> Sql:
    """One row per cohort and age, as `revenue_cells` gives it."""
    kind = spec.kind
    now = "c.gross" if kind == "gross" else "c.gross - c.refunded"
    moments = ", ".join(f"c.{kind}_{name}::double as {name}" for name in ("yy", "xy", "kk", "kx", "xx", "ff", "fx"))
    return Sql(
        f"""select c.cohort, 0 as grp, c.age, c.n_rows, c.n_buyers, ({now})::double as now,
    c.{kind}_kept::double as kept, c.{kind}_floor::double as floor, {moments}
from order_cells as c where c.period = $period and c.age between 0 and $horizon""",
        {"period": spec.period, "horizon": spec.horizon},
    )


def kept_periods(spec: RevenueSpec) -> Sql:
    """One row per period, as `query_revenue.revenue_by_period` gives it."""
    return Sql(
        """select c.cohort + greatest(c.age, 0) as period, 0 as grp, sum(c.n_orders)::bigint as n_orders,
    sum(c.n_buyers)::bigint as n_buyers, sum(case when c.age = 0 then c.n_buyers else 0 end)::bigint as n_first,
    sum(c.gross)::double as gross, sum(case when c.age = 0 then c.gross else 0 end)::double as gross_of_first,
    sum(case when c.age = 0 then c.refunded else 0 end)::double as refunded_of_first,
    sum(c.refunded)::double as refunded, sum(case when c.age < 0 then c.refunded else 0 end)::double as unbooked
from order_cells as c where c.period = $period group by all""",
        {"period": spec.period},
    )


def values(spec: RevenueSpec, population: Sql | None, week_start: str) -> Sql:
    """One row per cohort and group: customers, and of each N-day value the sum and the sum of squares."""
    join, group = joined(spec, population)
    cohort = sql_period("o.first_day", spec.period, week_start)
    amount = _amount(spec)
    sums = "".join(
        f",\n    sum(case when o.day < o.first_day + {n} then {amount} else 0 end) as v{n}" for n in VALUE_DAYS
    )
    return Sql.ctes(
        **named(
            population,
            won=Sql(
                f"""select o.user_key, {group} as grp, {cohort} as cohort{sums}
from user_orders as o{join}
where o.day >= o.first_day and o.day < o.first_day + {max(VALUE_DAYS)}
group by o.user_key, {cohort}{and_group(group)}"""
            ),
        )
    ).select(
        "select w.cohort, w.grp, count(*) as n_users"
        + "".join(
            f",\n    sum(w.v{n})::double as v{n}, sum(w.v{n}::double * w.v{n}::double) as s{n}" for n in VALUE_DAYS
        )
        + "\nfrom won as w group by w.cohort, w.grp"
    )


def cell_members(
    spent: Sql, cohort: int, age: int | None, group: str | None, group_key: int | None, *, is_lost: bool
) -> Sql:
    """One row per customer of a cohort; with an age, those with an order then, or those without."""
    in_group = group_is("s.grp", group, group_key)
    key: dict[str, object] = {} if group is None or group_key is None else {"group_key": group_key}
    of_cohort = f"s.cohort = $cohort and {in_group}"
    if age is None:
        return Sql.ctes(spent=spent).select(
            f"select s.user_key from spent as s where s.age = 0 and {of_cohort}", cohort=cohort, **key
        )
    bought = Sql.ctes(spent=spent).select(
        f"select s.user_key from spent as s where s.age = $cell_age and s.n_orders > 0 and {of_cohort}",
        cohort=cohort,
        cell_age=age,
        **key,
    )
    if not is_lost:
        return bought
    return Sql.ctes(bought=bought).select(
        f"""
select s.user_key from spent as s
where s.age = 0 and {of_cohort} and not exists (select 1 from bought as b where b.user_key = s.user_key)"""
    )
