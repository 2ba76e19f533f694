"""The same lives over the day rows, where their masks carry the events that keep a user alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.cohorts.query import where as conditions
from retention.cohorts.query_duckdb import mask_of
from retention.periods import sql_period
from retention.store.sql import ACTIVITY_BIT, NO_DAY, Sql
from retention.survival import query
from retention.survival.spec import FIRST_EVENT, FIRST_MONTH, RESERVED, SurvivalSpec

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue


def sign_mask(spec: SurvivalSpec, catalogue: Catalogue) -> int | None:
    """Return the bits of the events that keep a user alive, or None if one of them has no bit."""
    return mask_of(catalogue.event_names(spec.events)) if spec.events else 1 << ACTIVITY_BIT


def later_days(people: Sql, spec: SurvivalSpec, catalogue: Catalogue) -> Sql:
    """One row per user and later day with a qualifying event, as `query.later_days` gives it."""
    if not spec.events:
        # The row knows the activity before it; the start itself counts, whatever it was.
        return Sql.ctes(people=people).select(
            """
select p.user_key, p.start_day, d.day, greatest(d.prev_day, p.start_day) as prev_day
from people as p join user_day as d on d.user_key = p.user_key
where d.prev_day is not null and d.day > p.start_day"""
        )
    return Sql.ctes(people=people).select(
        """
select p.user_key, p.start_day, d.day,
    lag(d.day, 1, p.start_day) over (partition by d.user_key order by d.day) as prev_day
from people as p join user_day as d on d.user_key = p.user_key
where d.ev_mask & $signs <> 0 and d.day > p.start_day""",
        signs=sign_mask(spec, catalogue),
    )


def is_one_table(spec: SurvivalSpec, catalogue: Catalogue) -> bool:
    """Whether the day rows alone answer: any activity from the very first on, split by what they carry."""
    names = [condition.name for condition in spec.where]
    if spec.by is not None and spec.by not in RESERVED:
        names.append(spec.by)
    return (
        not spec.events
        and not spec.start
        and spec.by != FIRST_EVENT
        and (spec.entry == "first-ever" or not spec.where)
        and all(catalogue.property_name(name).kind == "event" for name in names)
    )


def lives(spec: SurvivalSpec, catalogue: Catalogue) -> Sql:
    """One row per user, as `query.lives` gives it, in one pass over the day rows without a join.

    Notes
    -----
    A user's first day and properties are the same in all of the rows: grouping by the key alone, with their least value,
    takes a quarter less time than a key of three parts.
    """
    names = [condition.name for condition in spec.where]
    columns = {name: f"d.{catalogue.property_name(name).column}" for name in names}
    condition, params = conditions(spec, catalogue, columns)  # type: ignore[arg-type]
    group = "0"
    if spec.by == FIRST_MONTH:
        group = f"min({sql_period('d.first_day', 'month', catalogue.settings.week_start)})"
    elif spec.by is not None:
        group = f"min(d.{catalogue.property_name(spec.by).column})"
    lapsed = "null"
    window: dict[str, object] = {}
    if spec.ends == "first lapse":
        # The first row of a user has the sentinel as its day before: no silence came before it.
        is_lapse = "d.day - d.prev_day >= $window and d.prev_day > $no_day"
        lapsed = f"min(case when {is_lapse} then d.prev_day end)"
        window["no_day"] = NO_DAY
        window["window"] = query.window_days(spec, catalogue)
    return Sql(
        f"""select l.user_key, l.grp, l.start_day, coalesce(l.lapsed_day, l.last_day) as end_day
from (
    select d.user_key, {group} as grp, min(d.first_day) as start_day, {lapsed} as lapsed_day, max(d.day) as last_day
    from user_day as d
    where d.prev_day is not null and {condition}
    group by d.user_key
) as l""",
        {**params, **window},
    )
