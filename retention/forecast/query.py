"""Cohorts and how many of them were there in each period, from the rollups; portable SQL."""

from __future__ import annotations

from retention.forecast.spec import ForecastSpec
from retention.periods import sql_period
from retention.store.sql import ACTIVITY_BIT, Sql

TABLES = {"week": "user_week", "month": "user_month"}


def active_cells(spec: ForecastSpec, until: int, population: Sql | None) -> Sql:
    """One row per cohort and period before `until`: users of the cohort with activity in the period."""
    parts, only = _only(population, "a")
    return Sql.ctes(**parts).select(
        f"""
select a.first_period as cohort, a.period, count(*) as n, 0 as amount
from {TABLES[spec.period]} as a{only}
where (a.ev_mask & $activity) <> 0 and a.period < $until
group by a.first_period, a.period""",
        activity=1 << ACTIVITY_BIT,
        until=until,
    )


def order_cells(spec: ForecastSpec, until: int, week_start: str, population: Sql | None) -> Sql:
    """One row per cohort of first orders and period before `until`: buyers in the period, and their orders' value."""
    parts, only = _only(population, "o")
    period, cohort = (sql_period(f"o.{day}", spec.period, week_start) for day in ("day", "first_day"))
    return Sql.ctes(
        **parts,
        bought=Sql(
            f"""select o.user_key, {cohort} as cohort, {period} as period, sum(o.gross) as amount
from user_orders as o{only}
where o.n_orders > 0
group by o.user_key, {cohort}, {period}"""
        ),
    ).select(
        """
select b.cohort, b.period, count(*) as n, sum(b.amount) as amount
from bought as b where b.period < $until group by b.cohort, b.period""",
        until=until,
    )


def _only(population: Sql | None, of: str) -> tuple[dict[str, Sql], str]:
    if population is None:
        return {}, ""
    return {"cohort_population": population}, f"\njoin cohort_population as p on p.user_key = {of}.user_key"
