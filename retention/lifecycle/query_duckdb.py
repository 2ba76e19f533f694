"""The same two selects over the rollups: ``linked`` and ``periods`` without a look at the events.

Any activity has its link ready (``user_day.prev_day``), so one pass over two columns answers for every period and
week start. A set of events is a mask on the day, week or month rows, linked by a window over what it keeps. Filters
and breakdowns on the first activity's own properties are columns of those rows; only users' properties need a join.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.cohorts.query import attributes, where
from retention.cohorts.query_duckdb import TABLES, mask_of
from retention.cohorts.spec import CohortSpec
from retention.lifecycle.query import Asked, joined
from retention.lifecycle.spec import LifecycleSpec
from retention.periods import sql_period
from retention.store.sql import NO_DAY, Sql

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue


def is_carried(spec: Asked, catalogue: Catalogue) -> bool:
    """Whether each of the events has a bit in the masks."""
    return not spec.events or mask_of(catalogue.event_names(spec.events)) is not None


def has_own_columns(spec: Asked, catalogue: Catalogue) -> bool:
    """Whether filters and breakdown are columns of the rollups, so that no population need be joined."""
    return all(catalogue.property_name(name).kind == "event" for name in attributes(_users(spec)))


def _users(spec: Asked) -> CohortSpec:
    return CohortSpec(where=spec.where, by=spec.by)


def _chosen(spec: Asked, catalogue: Catalogue, population: Sql | None) -> tuple[str, str, str, dict[str, object]]:
    """Write the join, the group and the condition that choose users, over a rollup ``d``."""
    if population is not None:
        join, group = joined(spec, population, "d")
        return join, group, "1 = 1", {}
    names = attributes(_users(spec))
    columns = {name: f"d.{catalogue.property_name(name).column}" for name in names}
    condition, params = where(_users(spec), catalogue, columns)
    group = columns[spec.by] if spec.by else "0"
    return "", group, condition, params


def _of(population: Sql | None, text: str, **params: object) -> Sql:
    return Sql.ctes(**({} if population is None else {"population": population})).select(text, **params)


def linked(spec: Asked, catalogue: Catalogue, population: Sql | None) -> Sql:
    """One row per user and day, as `query.linked` gives it.

    Parameters
    ----------
    population : Sql, optional
        Where `has_own_columns` does not hold; from `cohorts.answer.population`.
    """
    join, group, condition, params = _chosen(spec, catalogue, population)
    if not spec.events:
        # Only days of activity have a day before them, NO_DAY if none.
        return _of(
            population,
            f"""
select d.user_key, d.day, {group} as grp, d.prev_day
from user_day as d{join} where d.prev_day is not null and {condition}""",
            **params,
        )
    return _of(
        population,
        f"""
select d.user_key, d.day, {group} as grp,
    lag(d.day, 1, {NO_DAY}) over (partition by d.user_key order by d.day) as prev_day
from user_day as d{join} where d.ev_mask & $events <> 0 and {_has_start(spec)} and {condition}""",
        events=mask_of(catalogue.event_names(spec.events)),
        **params,
    )


def _has_start(spec: Asked) -> str:
    """Write the condition that a filter has a first activity to look at."""
    return "d.first_day is not null" if spec.where else "1 = 1"


def periods(spec: LifecycleSpec, catalogue: Catalogue, population: Sql | None, from_day: int | None = None) -> Sql:
    """One row per user and period, as `query.periods` gives it.

    Parameters
    ----------
    from_day : int, optional
        Periods that begin before this day are not asked for: their rows need not be read.
    """
    join, group, condition, params = _chosen(spec, catalogue, population)
    if not spec.events:
        week_start = catalogue.settings.week_start
        here, before = (sql_period(f"d.{day}", spec.period, week_start) for day in ("day", "prev_day"))
        since = "1 = 1" if from_day is None else "d.day >= $since"
        return _of(
            population,
            f"""
select d.user_key, {group} as grp, {here} as period,
    case when d.prev_day = {NO_DAY} then {NO_DAY} else {before} end as prev_period
from user_day as d{join} where {since} and {here} <> {before} and {condition}""",
            **params,
            **({} if from_day is None else {"since": from_day}),
        )
    table, column, first = TABLES[spec.period]
    return _of(
        population,
        f"""
select d.user_key, {group} as grp, d.{column} as period,
    lag(d.{column}, 1, {NO_DAY}) over (partition by d.user_key order by d.{column}) as prev_period
from {table} as d{join}
where d.ev_mask & $events <> 0 and {_has_start(spec).replace("first_day", first)} and {condition}""",
        events=mask_of(catalogue.event_names(spec.events)),
        **params,
    )
