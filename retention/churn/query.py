"""Who could lapse at a cut-off, and who did, as portable SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.churn.spec import LapseSpec
from retention.cohorts.query import of_kind
from retention.store.sql import Sql

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue


def user_days(spec: LapseSpec, catalogue: Catalogue) -> Sql:
    """One row per user and local day with an event that keeps the user."""
    is_kind, params = of_kind("e.event_key", "kind", spec.events)
    return Sql(
        f"""select e.user_key, e.day from events as e
where {is_kind} and e.occurred_us < $as_of
group by e.user_key, e.day""",
        {**params, "as_of": catalogue.require_clock().as_of_us},
    )


def outcomes(days: Sql, spec: LapseSpec, cutoff_day: int, population: Sql | None) -> Sql:
    """One row per user who could lapse: user_key, n_after, first_after.

    `n_after` are the days with an event within the horizon after the gap: nobody with one has lapsed. `first_after` is
    the first of them, counted from the horizon's first day; null for those who lapsed.

    Parameters
    ----------
    cutoff_day : int
        Local days before it are known; the horizon begins `gap_days` after it.
    """
    who = "" if population is None else "\njoin population as p on p.user_key = d.user_key"
    parts = {"days": days} if population is None else {"days": days, "population": population}
    return Sql.ctes(**parts).select(
        f"""
select d.user_key, sum(case when d.day >= $label_from and d.day < $label_to then 1 else 0 end) as n_after,
    min(case when d.day >= $label_from and d.day < $label_to then d.day - $label_from else null end) as first_after
from days as d{who}
where d.day >= $seen_from and d.day < $label_to
group by d.user_key
having sum(case when d.day < $cutoff then 1 else 0 end) > 0""",
        cutoff=cutoff_day,
        seen_from=cutoff_day - spec.lookback_days,
        label_from=cutoff_day + spec.gap_days,
        label_to=cutoff_day + spec.label_days,
    )


def gap_counts(days: Sql, as_of_day: int) -> Sql:
    """One row per length and whether it has ended: days from one visit to the next, and from the last one to the end.

    A silence that has not ended (`is_over` 0) says only that the next visit takes longer.
    """
    return Sql.ctes(days=days).select(
        """
select g.gap, g.is_over, count(*) as n from (
    select coalesce(f.next_day, $as_of_day) - f.day as gap, case when f.next_day is null then 0 else 1 end as is_over
    from (
        select d.user_key, d.day, lead(d.day) over (partition by d.user_key order by d.day) as next_day
        from days as d where d.day < $as_of_day
    ) as f
) as g group by g.gap, g.is_over""",
        as_of_day=as_of_day,
    )


def value_before(day: int, lookback_days: int) -> Sql:
    """One row per user with an order in the look-back: user_key, net (of the orders of these days, less refunds)."""
    return Sql(
        """select o.user_key, cast(sum(o.gross - o.refunded) as double) as net
from user_orders as o where o.day >= $value_from and o.day < $value_to group by o.user_key""",
        {"value_from": day - lookback_days, "value_to": day},
    )


def base_rate(rows: Sql) -> Sql:
    """One row: n_users who could lapse, n_lapsed of them; `rows` is `outcomes`."""
    return Sql.ctes(outcomes=rows).select(
        "select count(*) as n_users, sum(case when o.n_after = 0 then 1 else 0 end) as n_lapsed from outcomes as o"
    )


def scores_of(scoring_key: int) -> Sql:
    """One row per user who was scored: user_key, probability, value."""
    return Sql(
        "select s.user_key, s.probability, s.value from user_scores as s where s.scoring_key = $scoring_key"
        " order by s.user_key",
        {"scoring_key": scoring_key},
    )


def held_back_of(version: int) -> Sql:
    """One row per user on whom a model was judged."""
    return Sql(
        "select h.user_key, h.lapsed, h.probability, h.recency, h.frequency, h.bgnbd from held_back_scores as h"
        " where h.version = $version order by h.user_key",
        {"version": version},
    )
