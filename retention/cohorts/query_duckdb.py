"""The same cohort questions over the rollups, where the rollups carry what is asked.

Each text here stands beside the portable one in `query` and gives the same rows (there is a test). A user
is active in a period exactly once if one counts the rows of ``user_week`` (or day, or month) whose mask
holds a return event, so no ``distinct`` and no look at the events is needed, except at age 0, where the
order within the first period matters and the masks cannot always tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.cohorts import query
from retention.cohorts.spec import CohortSpec
from retention.store.sql import ACTIVITY_BIT, Sql

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue, EventName

TABLES = {
    "day": ("user_day", "day", "first_day"),
    "week": ("user_week", "period", "first_period"),
    "month": ("user_month", "period", "first_period"),
}


def mask_of(kinds: tuple[EventName, ...]) -> int | None:
    """Return the bits of some kinds of event, or None if one has no bit."""
    if any(kind.bit is None for kind in kinds):
        return None
    return sum(1 << kind.bit for kind in kinds if kind.bit is not None)


def return_mask(spec: CohortSpec, catalogue: Catalogue) -> int | None:
    """Return the mask of the return events; "any activity" has a bit of its own."""
    return mask_of(catalogue.kinds(spec.returns)) if spec.returns else 1 << ACTIVITY_BIT


def is_carried(spec: CohortSpec, catalogue: Catalogue) -> bool:
    """Whether the rollups can answer ages from 1 on: calendar ages, one return event is enough."""
    return spec.ages == "calendar" and spec.at_least == 1 and return_mask(spec, catalogue) is not None


def are_starts_carried(spec: CohortSpec, catalogue: Catalogue) -> bool:
    """Whether ``user_first`` knows every start: the first of a kind, with its own properties."""
    if spec.entry == "recurring" or (spec.entry == "first-matching" and spec.where):
        return False
    return all(catalogue.property_name(name).kind != "user" for name in query.attributes(spec))


def is_age_0_carried(spec: CohortSpec, catalogue: Catalogue) -> bool:
    """Whether the masks tell age 0: no return event of the first period can come before the start."""
    if not are_starts_carried(spec, catalogue):
        return False
    if not spec.returns:
        return not spec.start
    starts = {kind.event for kind in catalogue.kinds(spec.start)}
    returns = catalogue.event_names(spec.returns)
    return all(kind.event in starts for kind in returns) and mask_of(returns) is not None


def is_one_table(spec: CohortSpec, catalogue: Catalogue) -> bool:
    """Whether the period table alone answers: first activity of all, no range."""
    if any(catalogue.property_name(name).kind == "label" for name in query.attributes(spec)):
        return False
    return not spec.start and spec.from_on is None and spec.to_on is None and is_age_0_carried(spec, catalogue)


def has_cells(spec: CohortSpec, catalogue: Catalogue) -> bool:
    """Whether the counts are there already: the plain grid of one kind of return, or of any and one property."""
    names = query.attributes(spec)
    return (
        is_one_table(spec, catalogue)
        and spec.mode == "on"
        and spec.period in ("week", "month")
        and len(spec.returns) + len(names) <= 1
        and all(catalogue.property_name(name).has_cells for name in names)
    )


def _split(spec: CohortSpec, catalogue: Catalogue) -> tuple[str, str, dict[str, object]]:
    """Write the group and the condition over a table of cells."""
    names = query.attributes(spec)
    condition, params = query.where(spec, catalogue, dict.fromkeys(names, "c.value_key"))
    key = catalogue.property_name(names[0]).property_key if names else 0
    group = "c.value_key" if spec.by else "0"
    return group, f"c.property_key = $split and {condition}", {**params, "split": key}


def cell_sizes(spec: CohortSpec, catalogue: Catalogue) -> Sql:
    """One row per cohort and group, as `query.cohort_sizes` gives it."""
    group, condition, params = _split(spec, catalogue)
    return Sql(
        f"""select c.cohort, {group} as grp, sum(c.n)::bigint as n_users, sum(c.n)::bigint as n_first,
    min(c.first_us) as first_start_us, max(c.last_us) as last_start_us
from {spec.period}_cohorts as c where {condition} group by all""",
        params,
    )


def cell_counts(spec: CohortSpec, catalogue: Catalogue) -> Sql:
    """One row per cohort, group and age, as `query.cohort_counts` gives it."""
    group, condition, params = _split(spec, catalogue)
    kind = catalogue.event_names(spec.returns)[0].event_key if spec.returns else 0
    return Sql(
        f"""select c.cohort, {group} as grp, c.age, sum(c.n)::bigint as n_users, sum(c.n)::bigint as n_first
from {spec.period}_cells as c
where c.event_key = $kind and c.age <= $last_age and {condition} group by all""",
        {**params, "kind": kind, "last_age": spec.horizon},
    )


def starts(spec: CohortSpec, catalogue: Catalogue) -> Sql:
    """One row per entry of a user into a cohort, from ``user_first``."""
    kinds = (0,) if not spec.start else tuple(kind.event_key for kind in catalogue.event_names(spec.start))
    used = [catalogue.property_name(name) for name in query.attributes(spec)]
    joins, labels, of_labels = query.label_joins(used, "f")
    columns = {p.name: f"f.{p.column}" for p in used} | of_labels
    condition, values = query.where(spec, catalogue, columns)
    group = columns[spec.by] if spec.by else "0"
    cohort = query.sql_period("f.day", spec.period, catalogue.settings.week_start)
    is_start, params = query.any_of("f.event_key", "start_key", kinds)
    first = (
        ""
        if len(kinds) == 1
        else "qualify row_number() over (partition by f.user_key order by f.first_us, f.first_hash) = 1"
    )
    chosen = Sql(
        f"""select f.user_key, f.first_us, f.first_hash, f.day, {cohort} as cohort, {group} as grp, f.first_event_key,
    case when {condition} then 1 else 0 end as is_match
from user_first as f{joins} where {is_start}
{first}""".rstrip(),
        {**params, **values, **labels},
    )
    return Sql.ctes(chosen=chosen).select(
        """
select c.user_key, c.first_us as start_us, c.first_hash as anchor_hash, c.cohort, c.grp, 1 as nth_entry,
    c.first_event_key
from chosen as c where c.is_match = 1 and c.day >= $from_day and c.day < $to_day""",
        **query.entry_days(spec),
    )


def hits(starts: Sql, spec: CohortSpec, catalogue: Catalogue) -> Sql:
    """One row per entry and age in which the user came back."""
    table, period, first_period = TABLES[spec.period]
    mask = return_mask(spec, catalogue)
    bounds: dict[str, object] = {
        "returns": mask,
        "last_age": query.ALL_OF_THE_FUTURE if spec.is_open_ended else spec.horizon,
    }
    if is_one_table(spec, catalogue):
        columns = {name: f"u.{catalogue.property_name(name).column}" for name in query.attributes(spec)}
        condition, values = query.where(spec, catalogue, columns)
        group = columns[spec.by] if spec.by else "0"
        return Sql(
            f"""select u.user_key, u.{first_period} as cohort, {group} as grp, 1 as nth_entry,
    u.{period} - u.{first_period} as age, 1 as n
from {table} as u
where u.back_mask & $returns <> 0 and u.{period} - u.{first_period} <= $last_age and {condition}""",
            {**bounds, **values},
        )
    later = f"""select s.user_key, s.cohort, s.grp, s.nth_entry, u.{period} - s.cohort as age, 1 as n
from starts as s join {table} as u on u.user_key = s.user_key
where u.ev_mask & $returns <> 0 and u.{period} - s.cohort between 1 and $last_age"""
    if is_age_0_carried(spec, catalogue):
        return Sql.ctes(starts=starts).select(
            f"""
{later}
union all
select s.user_key, s.cohort, s.grp, s.nth_entry, 0 as age, 1 as n
from starts as s join {table} as u on u.user_key = s.user_key and u.{period} = s.cohort
join event_names as a on a.event_key = s.first_event_key
where u.ev_mask & $returns <> 0 and {_twice(spec, catalogue, "a.bit")}""",
            **bounds,
        )
    # Within the first period only the events know what came after the start.
    is_return, returns = query.of_kind("e.event_key", "return", spec.returns)
    cohort = query.sql_period("e.day", spec.period, catalogue.settings.week_start)
    return Sql.ctes(starts=starts).select(
        f"""
{later}
union all
select s.user_key, s.cohort, s.grp, s.nth_entry, 0 as age, count(*) as n
from starts as s join events as e on e.user_key = s.user_key and {cohort} = s.cohort
where {is_return} and e.occurred_us < $as_of and e.occurred_us >= s.start_us and e.row_hash <> s.anchor_hash
group by s.user_key, s.cohort, s.grp, s.nth_entry""",
        as_of=catalogue.require_clock().as_of_us,
        **bounds,
        **returns,
    )


def _twice(spec: CohortSpec, catalogue: Catalogue, anchor_bit: str) -> str:
    """Write the condition that a first period holds a return event besides the anchor.

    The anchor takes one event of its kind away; what is left is another kind, or that kind a second time.
    A kind without a bit cannot be among the returns here.
    """
    if not spec.returns:
        return "u.twice_mask & $returns <> 0"
    return (
        f"({anchor_bit} is null or u.ev_mask & $returns & ~(1::bigint << {anchor_bit}) <> 0"
        f" or (u.twice_mask & $returns) & (1::bigint << {anchor_bit}) <> 0)"
    )
