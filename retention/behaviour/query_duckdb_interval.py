"""The same days and gaps from the rollups, where they carry what is asked.

Each text here stands beside the portable one in `query_interval` and gives the same rows (there is a test).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.cohorts.query_duckdb import mask_of
from retention.store.sql import NO_DAY, Sql

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue


def is_carried(events: tuple[str, ...], catalogue: Catalogue) -> bool:
    """Whether the day rows know these events: any activity, or kinds that have a bit."""
    return not events or mask_of(catalogue.event_names(events)) is not None


def active_days(events: tuple[str, ...], catalogue: Catalogue) -> Sql:
    """One row per user and active day, as `query_interval.active_days` gives it."""
    if not events:
        return Sql("select u.user_key, u.day, u.prev_day from user_day as u where u.prev_day is not null")
    return Sql(
        f"""select u.user_key, u.day, lag(u.day, 1, {NO_DAY}) over (partition by u.user_key order by u.day) as prev_day
from user_day as u where u.ev_mask & $kinds <> 0""",
        {"kinds": mask_of(catalogue.event_names(events))},
    )


def user_medians(days: Sql) -> Sql:
    """One row per user with two active days or more, as `query_interval.user_medians` gives it."""
    return Sql.ctes(days=days).select(
        f"""
select d.user_key, d.grp, (2 * median(d.day - d.prev_day))::bigint as twice_median
from days as d where d.prev_day > {NO_DAY} group by d.user_key, d.grp"""
    )
