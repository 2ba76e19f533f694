"""Questions about orders as portable SQL over the rollup ``user_orders``.

Its rows hold the money of a user and a local day, so nothing here looks at the events. Sums of money are exact:
the engine adds decimals. A day before a user's first order can hold a refund only; it belongs to no cohort.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.lifecycle.spec_revenue import CURVE_DAYS, RepeatSpec, RevenueSpec
from retention.periods import US_PER_DAY, sql_period
from retention.store.sql import Sql

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

Asked = RevenueSpec | RepeatSpec


def joined(spec: Asked, population: Sql | None) -> tuple[str, str]:
    """Write the join that keeps the chosen users, and the expression of their group."""
    if population is None:
        return "", "0"
    # Who did nothing that counts as activity has no start, so no filter can hold; without one, nobody is lost.
    kind = "join" if spec.where else "left join"
    return f"\n{kind} population as p on p.user_key = o.user_key", "p.grp" if spec.by else "0"


def named(population: Sql | None, **parts: Sql) -> dict[str, Sql]:
    """Name the parts of a statement, the population first where there is one."""
    return parts if population is None else {"population": population, **parts}


def and_group(group: str) -> str:
    """Write the group as a further column of a ``group by``."""
    return "" if group == "0" else f", {group}"


def periods_of_users(spec: RevenueSpec, population: Sql | None, week_start: str) -> Sql:
    """One row per user and period with an order, or with a refund that is booked in it."""
    join, group = joined(spec, population)
    period, first = (sql_period(f"o.{day}", spec.period, week_start) for day in ("day", "first_day"))
    return Sql.ctes(**named(population)).select(
        f"""
select o.user_key, {group} as grp, {period} as period, sum(o.n_orders) as n_orders, sum(o.gross) as gross,
    sum(o.refunded) as refunded, sum(case when o.n_orders = 0 then o.refunded else 0 end) as unbooked,
    max(case when {first} = {period} then 1 else 0 end) as is_first
from user_orders as o{join}
group by o.user_key, {period}{and_group(group)}"""
    )


def revenue_by_period(periods: Sql) -> Sql:
    """One row per period and group: orders, buyers, those who bought for the first time, and the money."""
    return Sql.ctes(bought=periods).select(
        """
select b.period, b.grp, sum(b.n_orders) as n_orders, sum(case when b.n_orders > 0 then 1 else 0 end) as n_buyers,
    sum(case when b.n_orders > 0 then b.is_first else 0 end) as n_first, sum(b.gross) as gross,
    sum(case when b.is_first = 1 then b.gross else 0 end) as gross_of_first,
    sum(case when b.is_first = 1 then b.refunded else 0 end) as refunded_of_first,
    sum(b.refunded) as refunded, sum(b.unbooked) as unbooked
from bought as b group by b.period, b.grp"""
    )


def buyers(periods: Sql, period: int, in_group: str, group_key: int | None, *, is_refunded: bool) -> Sql:
    """One row per user with an order in a period, or with one that was paid back in part.

    Parameters
    ----------
    in_group : str
        A condition of ours on ``b.grp``, which may use ``$group_key``.
    """
    holds = "b.refunded > 0" if is_refunded else "b.n_orders > 0"
    return Sql.ctes(bought=periods).select(
        f"select b.user_key from bought as b where b.period = $on_period and {holds} and {in_group}",
        on_period=period,
        **_key(group_key),
    )


def _key(group_key: int | None) -> dict[str, object]:
    return {} if group_key is None else {"group_key": group_key}


def customers(spec: Asked, population: Sql | None, clock: Clock) -> Sql:
    """One row per customer: the period and instant of the first order, the second order, and how long both were watched.

    Notes
    -----
    A customer is watched from the first order to the watermark, or to the first stretch marked missing after it:
    what came later may hide a second order.
    """
    join, group = joined(spec, population)
    cohort = sql_period("f.first_day", spec.period, clock.week_start)
    until = ", ".join(
        ["$as_of", *(f"case when f.first_us < $gap_to_{i} then $gap_from_{i} else $as_of end" for i in _gaps(clock))]
    )
    gaps = {f"gap_{end}_{i}": clock.gaps[i][end == "to"] for i in _gaps(clock) for end in ("from", "to")}
    return Sql.ctes(
        **named(
            population,
            firsts=Sql(
                f"""select o.user_key, {group} as grp, min(o.first_day) as first_day, min(o.first_us) as first_us,
    min(case when o.day = o.first_day then o.second_us else o.first_us end) as second_us
from user_orders as o{join}
where o.n_orders > 0
group by o.user_key{and_group(group)}"""
            ),
        )
    ).select(
        f"""
select f.user_key, f.grp, {cohort} as cohort, f.first_us, f.second_us - f.first_us as gap_us,
    least({until}) - f.first_us as follow_us
from firsts as f""",
        as_of=clock.as_of_us,
        **gaps,
    )


def _gaps(clock: Clock) -> range:
    return range(len(clock.gaps))


def repeat_counts(customers: Sql, days: int) -> Sql:
    """One row per cohort and group: customers, those watched for `days`, and those who ordered again in time."""
    return Sql.ctes(customers=customers).select(
        """
select c.cohort, c.grp, count(*) as n_customers,
    sum(case when c.follow_us >= $within then 1 else 0 end) as n_watched,
    sum(case when c.follow_us >= $within and c.gap_us <= $within then 1 else 0 end) as n_repeated
from customers as c group by c.cohort, c.grp""",
        within=days * US_PER_DAY,
    )


def repeat_members(
    customers: Sql, spec: RepeatSpec, cohort: int | None, in_group: str, group_key: int | None, *, has_repeated: bool
) -> Sql:
    """One row per customer who was watched for long enough, and ordered again in time or did not.

    Parameters
    ----------
    in_group : str
        A condition of ours on ``c.grp``, which may use ``$group_key``.
    """
    again = "c.gap_us <= $within" if has_repeated else "(c.gap_us is null or c.gap_us > $within)"
    of_cohort = "1 = 1" if cohort is None else "c.cohort = $cohort"
    return Sql.ctes(customers=customers).select(
        f"select c.user_key from customers as c where c.follow_us >= $within and {again} and {of_cohort} and {in_group}",
        within=spec.days * US_PER_DAY,
        **({} if cohort is None else {"cohort": cohort}),
        **_key(group_key),
    )


def second_order_days(customers: Sql) -> Sql:
    """Two histograms of days, told apart by `is_second`: for how long customers were watched, and the second orders.

    Of the first, `n_repeated` is how many ordered again within those days.
    """
    return Sql.ctes(
        customers=customers,
        aged=Sql(
            f"""select c.grp, least(c.follow_us // {US_PER_DAY}, {CURVE_DAYS}) as watched,
    (c.gap_us + {US_PER_DAY - 1}) // {US_PER_DAY} as second_day
from customers as c where c.follow_us >= 0"""
        ),
    ).select(
        """
select a.grp, 0 as is_second, a.watched as day, count(*) as n,
    sum(case when a.second_day <= a.watched then 1 else 0 end) as n_repeated
from aged as a group by a.grp, a.watched
union all
select a.grp, 1 as is_second, a.second_day as day, count(*) as n, count(*) as n_repeated
from aged as a where a.second_day <= a.watched group by a.grp, a.second_day"""
    )


def group_is(column: str, group: str | None, group_key: int | None) -> str:
    """Write the condition that a row belongs to a group; without a group, every row does."""
    if group is None:
        return "1 = 1"
    return f"{column} is null" if group_key is None else f"{column} = $group_key"
