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
