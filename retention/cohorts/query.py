"""Cohort questions as portable SQL over the events: one text for every engine.

Four selects build on each other, and the grid, the average, the member list and the export share them:
``starts`` (who entered which cohort, and when), ``hits`` (in which ages a member came back, how often),
``marks`` (what the retention mode makes of that) and the counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from retention.cohorts.spec import CellSpec, CohortSpec, Condition
from retention.periods import day_number, period_of, sql_elapsed_age, sql_period
from retention.store.sql import Sql, any_of

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue, PropertyName

ALL_OF_THE_FUTURE = 2**31 - 1


def of_kind(column: str, name: str, events: tuple[str, ...]) -> tuple[str, dict[str, object]]:
    """Write the condition that an event is one of `events`, or any activity if there are none."""
    if not events:
        return f"{column} in (select n.event_key from event_names as n where n.is_activity = 1)", {}
    condition, params = any_of("n.event", name, events)
    return f"{column} in (select n.event_key from event_names as n where {condition})", params


def _holds(condition: Condition, number: int, prop: PropertyName, column: str) -> tuple[str, dict[str, object]]:
    """Write a condition on a property; it is decided once for each distinct value."""
    params: dict[str, object] = {f"property_{number}": prop.property_key}
    if condition.operator in ("=", "!="):
        matches, values = any_of("v.value", f"value_{number}", condition.values)
        params.update(values)
    else:
        params[f"value_{number}"] = float(condition.values[0])
        matches = f"v.number {condition.operator} $value_{number}"
    codes = f"select v.value_key from property_values as v where v.property_key = $property_{number} and {matches}"
    if condition.operator == "!=":
        return f"({column} is null or {column} not in ({codes}))", params
    return f"{column} in ({codes})", params


def where(spec: CohortSpec, catalogue: Catalogue, columns: dict[str, str]) -> tuple[str, dict[str, object]]:
    """Write all conditions on the start, given the column that holds each property."""
    texts, params = [], {}
    for number, condition in enumerate(spec.where):
        text, more = _holds(condition, number, catalogue.property_name(condition.name), columns[condition.name])
        texts.append(text)
        params.update(more)
    return " and ".join(texts) or "1 = 1", params


def attributes(spec: CohortSpec) -> tuple[str, ...]:
    """List the properties that the question uses."""
    names = [condition.name for condition in spec.where] + ([spec.by] if spec.by else [])
    return tuple(dict.fromkeys(names))


def label_joins(used: Iterable[PropertyName], alias: str) -> tuple[str, dict[str, object], dict[str, str]]:
    """Write the joins that give each user the latest value of some labels.

    Returns
    -------
    (text, params, columns)
        Columns by the label's name. A label holds for all of a user's history: it is of the user as of its own
        moment and not as of the start, which whoever shows it says (`words.label_caution`).
    """
    text, columns = "", dict[str, str]()
    params: dict[str, object] = {}
    for p in used:
        if p.kind != "label":
            continue
        table = f"l_{p.property_key}"
        text += (
            f"\nleft join user_labels as {table} on {table}.user_key = {alias}.user_key"
            f" and {table}.property_key = ${table} and {table}.cutoff_us = ${table}_cutoff"
        )
        params |= {table: p.property_key, f"{table}_cutoff": p.cutoff_us}
        columns[p.name] = f"{table}.value_key"
    return text, params, columns


def start_events(spec: CohortSpec, catalogue: Catalogue) -> Sql:
    """One row per start event, with its group and whether it satisfies the conditions."""
    used = {name: catalogue.property_name(name) for name in attributes(spec)}
    joins, labels, of_labels = label_joins(used.values(), "e")
    columns = {name: f"e.{p.column}" for name, p in used.items()} | of_labels
    parts: dict[str, Sql] = {}
    source = "events as e"
    of_users = [p for p in used.values() if p.kind == "user"]
    if of_users:
        # A user's property holds until its next value: number the values, and give each event the number
        # of the last one at or before its instant (the window's default frame includes ties).
        numbers = "".join(
            f",\n    sum(case when e.{p.column} is null then 0 else 1 end)"
            f" over (partition by e.user_key order by e.occurred_us) as n_{p.column}"
            for p in of_users
        )
        own = "".join(f", e.{p.column}" for p in used.values() if p.kind == "event")
        parts["numbered"] = Sql(
            f"select e.user_key, e.occurred_us, e.day, e.event_key, e.row_hash{own}{numbers}\nfrom events as e"
        )
        source = "numbered as e"
        for p in of_users:
            parts[f"values_{p.column}"] = Sql(
                f"select e.user_key, e.{p.column} as value_key,\n"
                "    row_number() over (partition by e.user_key order by e.occurred_us, e.row_hash) as number\n"
                f"from events as e where e.{p.column} is not null"
            )
            source += (
                f"\nleft join values_{p.column} as a_{p.column}"
                f" on a_{p.column}.user_key = e.user_key and a_{p.column}.number = e.n_{p.column}"
            )
            columns[p.name] = f"a_{p.column}.value_key"
    is_start, starts = of_kind("e.event_key", "start", spec.start)
    condition, values = where(spec, catalogue, columns)
    group = columns[spec.by] if spec.by else "0"
    return Sql.ctes(**parts).select(
        f"""
select e.user_key, e.occurred_us, e.row_hash, e.day, {group} as grp,
    case when {condition} then 1 else 0 end as is_match
from {source}{joins}
where {is_start} and e.occurred_us < $as_of""",
        as_of=catalogue.require_clock().as_of_us,
        **labels,
        **starts,
        **values,
    )


def entry_days(spec: CohortSpec) -> dict[str, object]:
    """Bind the range of local days in which a start must lie."""
    return {
        "from_day": -ALL_OF_THE_FUTURE if spec.from_on is None else day_number(spec.from_on),
        "to_day": ALL_OF_THE_FUTURE if spec.to_on is None else day_number(spec.to_on),
    }


def starts(spec: CohortSpec, catalogue: Catalogue) -> Sql:
    """One row per entry of a user into a cohort: the anchor."""
    week_start = catalogue.settings.week_start
    cohort = sql_period("e.day", spec.period, week_start)
    by_entry = "e.user_key, " + cohort if spec.entry == "recurring" else "e.user_key"
    only = "" if spec.entry == "first-ever" else "\nwhere e.is_match = 1"
    return Sql.ctes(
        start_events=start_events(spec, catalogue),
        ranked=Sql(
            f"""select e.user_key, e.occurred_us, e.row_hash, e.day, e.grp, e.is_match, {cohort} as cohort,
    row_number() over (partition by {by_entry} order by e.occurred_us, e.row_hash) as nth
from start_events as e{only}"""
        ),
    ).select(
        """
select r.user_key, r.occurred_us as start_us, r.row_hash as anchor_hash, r.cohort, r.grp,
    row_number() over (partition by r.user_key order by r.cohort) as nth_entry
from ranked as r
where r.nth = 1 and r.is_match = 1 and r.day >= $from_day and r.day < $to_day""",
        **entry_days(spec),
    )


def population(starts: Sql) -> Sql:
    """One row per user of daily cohorts: when and in which group the user started."""
    return Sql.ctes(starts=starts).select(
        "select s.user_key, s.start_us, s.cohort as start_day, s.grp from starts as s"
    )


def hits(starts: Sql, spec: CohortSpec, catalogue: Catalogue) -> Sql:
    """One row per entry and age in which the user came back, with how often."""
    if spec.ages == "elapsed":
        age = sql_elapsed_age("s.start_us", "r.occurred_us", spec.period)
    else:
        age = sql_period("r.day", spec.period, catalogue.settings.week_start) + " - s.cohort"
    is_return, returns = of_kind("e.event_key", "return", spec.returns)
    return Sql.ctes(
        starts=starts,
        returns=Sql(
            f"""select e.user_key, e.occurred_us, e.day, e.row_hash
from events as e where {is_return} and e.occurred_us < $as_of""",
            {**returns, "as_of": catalogue.require_clock().as_of_us},
        ),
        aged=Sql(
            f"""select s.user_key, s.cohort, s.grp, s.nth_entry, {age} as age
from starts as s join returns as r on r.user_key = s.user_key
where r.occurred_us >= s.start_us
    and r.row_hash <> s.anchor_hash  -- the anchor is not its own return"""
        ),
    ).select(
        """
select a.user_key, a.cohort, a.grp, a.nth_entry, a.age, count(*) as n
from aged as a
where a.age <= $last_age
group by a.user_key, a.cohort, a.grp, a.nth_entry, a.age""",
        last_age=ALL_OF_THE_FUTURE if spec.is_open_ended else spec.horizon,
    )


def marks(hits: Sql, spec: CohortSpec) -> Sql:
    """One row per entry and age that the retention mode rests on.

    A mark is an age at which the entry is retained (on, bracket), the last one (on-or-after, streak) or the
    first one (on-or-before): `marks_cell` says which marks make a cell.
    """
    entry = "h.user_key, h.cohort, h.grp, h.nth_entry"
    if spec.mode == "on":
        return Sql.ctes(hits=hits).select(
            f"select {entry}, h.age from hits as h where h.n >= $at_least", at_least=spec.at_least
        )
    if spec.mode == "bracket":
        low = " ".join(f"when h.age between {a} and {b} then {a}" for a, b in spec.brackets)
        return Sql.ctes(
            hits=hits,
            in_bracket=Sql(f"select {entry}, case {low} else -1 end as age, h.n from hits as h"),
            summed=Sql(f"select {entry}, h.age, sum(h.n) as n from in_bracket as h group by {entry}, h.age"),
        ).select(
            f"select {entry}, h.age from summed as h where h.age >= 0 and h.n >= $at_least",
            at_least=spec.at_least,
        )
    if spec.mode == "streak":
        return Sql.ctes(
            hits=hits,
            in_a_row=Sql(
                f"select {entry}, h.age, row_number() over (partition by h.user_key, h.cohort order by h.age) as nth\n"
                "from hits as h where h.age >= 1 and h.n >= $at_least",
                {"at_least": spec.at_least},
            ),
        ).select(f"select {entry}, max(h.age) as age from in_a_row as h where h.age = h.nth group by {entry}")
    latest = spec.mode == "on-or-after"
    extreme = "max" if latest else "min"
    if spec.at_least == 1:
        return Sql.ctes(hits=hits).select(f"select {entry}, {extreme}(h.age) as age from hits as h group by {entry}")
    order = "order by h.age desc" if latest else "order by h.age"
    return Sql.ctes(
        hits=hits,
        running=Sql(
            f"select {entry}, h.age, sum(h.n) over (partition by h.user_key, h.cohort {order}) as n from hits as h"
        ),
    ).select(
        f"select {entry}, {extreme}(h.age) as age from running as h where h.n >= $at_least group by {entry}",
        at_least=spec.at_least,
    )


def is_retained(spec: CohortSpec, mark: str, cell: str) -> str:
    """Write the condition that a mark makes its entry retained at the cell's age."""
    if spec.mode in ("on-or-after", "streak"):
        return f"{mark} >= {cell}"
    return f"{mark} <= {cell}" if spec.mode == "on-or-before" else f"{mark} = {cell}"


def cohort_sizes(starts: Sql) -> Sql:
    """One row per cohort and group: how many entered, how many for the first time, and when."""
    return Sql.ctes(starts=starts).select(
        """
select s.cohort, s.grp, count(*) as n_users, sum(case when s.nth_entry = 1 then 1 else 0 end) as n_first,
    min(s.start_us) as first_start_us, max(s.start_us) as last_start_us
from starts as s group by s.cohort, s.grp"""
    )


def cohort_counts(marks: Sql) -> Sql:
    """One row per cohort, group and age of a mark: how many entries."""
    return Sql.ctes(marks=marks).select(
        """
select m.cohort, m.grp, m.age, count(*) as n_users, sum(case when m.nth_entry = 1 then 1 else 0 end) as n_first
from marks as m group by m.cohort, m.grp, m.age"""
    )


def cluster_moments(
    starts: Sql, marks: Sql, spec: CohortSpec, cells: list[tuple[int, int, int]], *, is_grouped: bool
) -> Sql:
    """One row per age: the sums over users that a variance clustered by user needs.

    Parameters
    ----------
    cells : list of (cohort, group, age)
        The cells that enter the average; integers of ours.
    is_grouped : bool
        One row per group and age instead.
    """
    rows = ", ".join(f"({c}, {g}, {a})" for c, g, a in cells)
    group = "s.grp" if is_grouped else "0"
    # A missing value of the breakdown is group -1 here, because null equals nothing in a join.
    return Sql.ctes(
        starts=starts,
        marks=marks,
        cells=Sql(f"select v.cohort, v.grp, v.age from (values {rows}) as v(cohort, grp, age)"),
        entered=Sql(
            f"""select s.user_key, s.cohort, {group} as grp, c.age
from starts as s join cells as c on c.cohort = s.cohort and c.grp = coalesce(s.grp, -1)"""
        ),
        kept=Sql(
            f"""select s.user_key, s.cohort, {group} as grp, c.age
from marks as s join cells as c on c.cohort = s.cohort and c.grp = coalesce(s.grp, -1)
    and {is_retained(spec, "s.age", "c.age")}"""
        ),
        together=Sql(
            """select e.user_key, e.grp, e.age, 1 as n, 0 as x from entered as e
union all select k.user_key, k.grp, k.age, 0 as n, 1 as x from kept as k"""
        ),
        per_user=Sql(
            """select b.user_key, b.grp, b.age, sum(b.n) as n, sum(b.x) as x
from together as b group by b.user_key, b.grp, b.age"""
        ),
    ).select(
        """
select u.grp, u.age, count(*) as n_users, sum(u.n) as n, sum(u.x) as x,
    sum(u.n * u.n) as nn, sum(u.n * u.x) as nx, sum(u.x * u.x) as xx
from per_user as u group by u.grp, u.age"""
    )


def cohort_index(cohort: date, spec: CohortSpec, week_start: str) -> int:
    """Return the period that begins with, or holds, the day `cohort`."""
    return int(period_of(day_number(cohort), spec.period, week_start))


def cell_members(starts: Sql, marks: Sql, cell: CellSpec, week_start: str, group_key: int | None) -> Sql:
    """One row per user behind a cell: those retained, or those lost."""
    spec = cell.cohorts
    params: dict[str, object] = {"cell_cohort": cohort_index(cell.cohort, spec, week_start)}
    in_group = "1 = 1"
    if cell.group is not None:
        in_group = "s.grp is null" if group_key is None else "s.grp = $cell_group"
        if group_key is not None:
            params["cell_group"] = group_key
    kept = Sql.ctes(marks=marks).select(
        f"""
select m.user_key from marks as m
where m.cohort = $cell_cohort and {is_retained(spec, "m.age", "$cell_age")} and {in_group.replace("s.", "m.")}
group by m.user_key""",
        cell_age=cell.age,
        **params,
    )
    if not cell.is_lost:
        return kept
    return Sql.ctes(starts=starts, kept=kept).select(
        f"""
select s.user_key from starts as s left join kept as k on k.user_key = s.user_key
where s.cohort = $cell_cohort and {in_group} and k.user_key is null""",
    )


def group_values(prop: PropertyName) -> Sql:
    """One row per value of a property: its code and its text."""
    return Sql(
        "select v.value_key, v.value from property_values as v where v.property_key = $property",
        {"property": prop.property_key},
    )


def filter_values(prop: PropertyName, limit: int) -> Sql:
    """One row per value of a property, in order."""
    return Sql(
        """select v.value from property_values as v where v.property_key = $property
order by v.value limit $limit""",
        {"property": prop.property_key, "limit": limit},
    )
