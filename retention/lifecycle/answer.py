"""Answers about growth: read-only, each from one snapshot of the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from retention.cohorts.answer import group_labels, is_everybody, population
from retention.cohorts.matrix import NONE_LABEL
from retention.cohorts.query import attributes
from retention.cohorts.spec import CohortSpec
from retention.errors import SpecError, StoreError, nearest
from retention.lifecycle import query, query_duckdb
from retention.lifecycle.lifecycle import (
    Lifecycle,
    Transitions,
    begun,
    lifecycle_periods,
    shown_periods,
    transition_moves,
)
from retention.lifecycle.model_summary import recent_growth, stickiness_summary
from retention.lifecycle.query import MOST, Asked
from retention.lifecycle.spec import (
    ActiveDaysCellSpec,
    ActiveDaysSpec,
    ActiveUsersSpec,
    LifecycleCellSpec,
    LifecycleSpec,
    StickinessSpec,
    TransitionCellSpec,
    TransitionsSpec,
)
from retention.lifecycle.stickiness import ActiveDays, Stickiness, active_day_shares, active_users, shown_days
from retention.periods import Period, date_of, day_number, first_day, iso, period_of
from retention.store import Catalogue, Snapshot, Sql, Store
from retention.store.catalogue import Clock

if TYPE_CHECKING:
    import pandas as pd


def linked_sql(spec: Asked, catalogue: Catalogue) -> Sql:
    """Choose the text of the linked days: from the rollups where they carry the events."""
    made = query_duckdb if query_duckdb.is_carried(spec, catalogue) else query
    return made.linked(spec, catalogue, _population(spec, catalogue))


def periods_sql(spec: LifecycleSpec, catalogue: Catalogue, from_day: int | None = None) -> Sql:
    """Choose the text of the linked periods: from the rollups where they carry the events."""
    if query_duckdb.is_carried(spec, catalogue):
        return query_duckdb.periods(spec, catalogue, _population(spec, catalogue), from_day)
    return query.periods(linked_sql(spec, catalogue), spec.period, catalogue.settings.week_start)


def portable_linked_sql(spec: Asked, catalogue: Catalogue) -> Sql:
    """Return the text of the linked days over the events only, which every engine runs."""
    return query.linked(spec, catalogue, _joined(spec, catalogue))


def portable_periods_sql(spec: LifecycleSpec, catalogue: Catalogue) -> Sql:
    """Return the text of the linked periods over the events only, which every engine runs."""
    return query.periods(portable_linked_sql(spec, catalogue), spec.period, catalogue.settings.week_start)


def _population(spec: Asked, catalogue: Catalogue) -> Sql | None:
    catalogue.event_names(spec.events)
    for name in attributes(CohortSpec(where=spec.where, by=spec.by)):
        catalogue.property_name(name)
    if query_duckdb.is_carried(spec, catalogue) and query_duckdb.has_own_columns(spec, catalogue):
        return None
    return _joined(spec, catalogue)


def _joined(spec: Asked, catalogue: Catalogue) -> Sql | None:
    return None if is_everybody(spec.where, spec.by) else population(catalogue, spec.where, spec.by)


def _first_day(snapshot: Snapshot) -> int:
    """Return the day on which the data begin."""
    ((first, _),) = snapshot.rows(query.data_days().text)
    if first is None:
        raise StoreError(
            "No event of the store lies before its watermark.", hint="Look at the watermark on the Data page."
        )
    return int(first)


def user_lifecycle(store: Store, spec: LifecycleSpec) -> Lifecycle:
    """Is the user base growing or leaking?"""
    with store.snapshot() as snapshot:
        return read_lifecycle(snapshot, spec)


def read_lifecycle(snapshot: Snapshot, spec: LifecycleSpec) -> Lifecycle:
    """Is the user base growing or leaking, in this snapshot?"""
    catalogue = snapshot.catalogue
    clock = catalogue.require_clock()
    first_data_day = _first_day(snapshot)
    since, to = shown_periods(spec, clock, first_data_day)
    since_day = first_day(since - 1, spec.period, clock.week_start)
    periods = periods_sql(spec, catalogue, since_day)
    counts = snapshot.read(query.lifecycle_counts(periods, since - 1, to))
    frame = lifecycle_periods(counts, spec, clock, (since, to), group_labels(snapshot, spec.by))
    first_period, _ = begun(spec.period, clock, first_data_day)
    return Lifecycle(
        spec=spec,
        clock=clock,
        data_version=catalogue.data_version,
        periods=frame,
        recent=recent_growth(frame, spec, first_period),
        first_on=date_of(first_data_day),
    )


def user_transitions(store: Store, spec: TransitionsSpec) -> Transitions:
    """Where do the users of one period stand in the next?"""
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock, asked = catalogue.require_clock(), spec.lifecycle
        first_data_day = _first_day(snapshot)
        on = _source_period(spec, catalogue, first_data_day)
        counts = snapshot.read(query.move_counts(query.moves(periods_sql(asked, catalogue), on)))
        return Transitions(
            spec=spec,
            clock=clock,
            data_version=catalogue.data_version,
            on=date_of(first_day(on, asked.period, clock.week_start)),
            next_on=date_of(first_day(on + 1, asked.period, clock.week_start)),
            moves=transition_moves(counts, asked, group_labels(snapshot, asked.by)),
            state="complete" if on + 1 < clock.whole_until(asked.period) else "in_progress",
            has_gap=any(clock.touches_gap(i, asked.period) for i in (on - 1, on, on + 1)),
        )


def _source_period(spec: TransitionsSpec, catalogue: Catalogue, first_data_day: int) -> int:
    clock, unit = catalogue.require_clock(), spec.lifecycle.period
    first, to = begun(unit, clock, first_data_day)
    if spec.on is None:
        if clock.whole_until(unit) - 2 < first:
            raise SpecError(
                f"The data do not hold two complete {unit}s yet.", hint="Choose a narrower period to see transitions."
            )
        return clock.whole_until(unit) - 2
    on = _period(spec.on, unit, clock.week_start)
    if not first <= on < to - 1:
        first_on, last_on = (date_of(first_day(i, unit, clock.week_start)) for i in (first, to - 2))
        raise SpecError(
            f"Transitions from the {unit} of {spec.on} cannot be known.",
            hint=f"Choose a {unit} from {first_on} to {last_on}; the one after it must have begun."
            if to - 2 >= first
            else f"The data hold one {unit} only.",
        )
    return on


def _period(on: date, period: Period, week_start: str) -> int:
    return int(period_of(day_number(on), period, week_start))


def _begun_period(on: date, unit: Period, clock: Clock, first_data_day: int) -> int:
    """Return the period that holds a day, if the data do."""
    index = _period(on, unit, clock.week_start)
    first, to = begun(unit, clock, first_data_day)
    if not first <= index < to:
        first_on, last_on = (date_of(first_day(i, unit, clock.week_start)) for i in (first, to - 1))
        when = f"on {on}" if unit == "day" else f"in the {unit} of {on}"
        raise SpecError(f"There are no data {when}.", hint=f"Choose a {unit} from {first_on} to {last_on}.")
    return index


def user_stickiness(store: Store, spec: StickinessSpec) -> Stickiness:
    """How large a part of the month's users is there on a day?"""
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock = catalogue.require_clock()
        first_data_day = _first_day(snapshot)
        since, to = shown_days(spec, clock, first_data_day)
        counts = snapshot.read(query.pause_counts(linked_sql(spec, catalogue), since - MOST + 1, to))
        labels = group_labels(snapshot, spec.by)
        days = active_users(counts, spec, clock, (since, to), first_data_day, labels)
        return Stickiness(
            spec=spec,
            clock=clock,
            data_version=catalogue.data_version,
            days=days,
            summary=stickiness_summary(days),
            first_on=date_of(first_data_day),
        )


def user_active_days(store: Store, spec: ActiveDaysSpec) -> ActiveDays:
    """On how many days of a period are its users active?"""
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock = catalogue.require_clock()
        on = _counted_period(spec, catalogue, _first_day(snapshot))
        since, to = (first_day(i, spec.period, clock.week_start) for i in (on, on + 1))
        counts = snapshot.read(query.active_day_counts(_days_per_user(spec, catalogue, on)))
        return ActiveDays(
            spec=spec,
            clock=clock,
            data_version=catalogue.data_version,
            on=date_of(since),
            to_on=date_of(to),
            shares=active_day_shares(counts, spec, to - since, group_labels(snapshot, spec.by)),
            state="complete" if on < clock.whole_until(spec.period) else "in_progress",
            has_gap=clock.touches_gap(on, spec.period),
        )


def _counted_period(spec: ActiveDaysSpec, catalogue: Catalogue, first_data_day: int) -> int:
    clock, unit = catalogue.require_clock(), spec.period
    if spec.on is None:
        return max(clock.whole_until(unit) - 1, begun(unit, clock, first_data_day)[0])
    return _begun_period(spec.on, unit, clock, first_data_day)


def _days_per_user(spec: ActiveDaysSpec, catalogue: Catalogue, on: int) -> Sql:
    week_start = catalogue.settings.week_start
    since, to = (first_day(i, spec.period, week_start) for i in (on, on + 1))
    return query.days_per_user(linked_sql(spec, catalogue), since, to)


# The lists behind the numbers ----------------------------------------------------------------------------


def lifecycle_members(snapshot: Snapshot, cell: LifecycleCellSpec) -> Sql:
    """Who was in a state in a period?"""
    spec, catalogue = cell.lifecycle, snapshot.catalogue
    clock = catalogue.require_clock()
    on = _begun_period(cell.on, spec.period, clock, _first_day(snapshot))
    if cell.state == "dormant" and on >= clock.whole_until(spec.period):
        raise SpecError(
            f"Who falls silent in the {spec.period} of {cell.on} is not known before it ends.",
            hint=f"Choose a {spec.period} that is over.",
        )
    key = _group_key(snapshot, cell.group, spec.by)
    from_day = first_day(on - 1, spec.period, clock.week_start)
    periods = periods_sql(spec, catalogue, from_day)
    return query.state_members(periods, on, cell.state, query.group_is("a.grp", cell.group, key), key)


def transition_members(snapshot: Snapshot, cell: TransitionCellSpec) -> Sql:
    """Who went from one state to another?"""
    catalogue = snapshot.catalogue
    spec = TransitionsSpec(lifecycle=cell.lifecycle, on=cell.on)
    on = _source_period(spec, catalogue, _first_day(snapshot))
    key = _group_key(snapshot, cell.group, cell.lifecycle.by)
    moves = query.moves(periods_sql(cell.lifecycle, catalogue), on)
    return query.move_members(moves, cell.source, cell.target, query.group_is("m.grp", cell.group, key), key)


def active_user_members(snapshot: Snapshot, cell: ActiveUsersSpec) -> Sql:
    """Who was active in the days that end with this one?"""
    catalogue = snapshot.catalogue
    first_data_day = _first_day(snapshot)
    day = _begun_period(cell.on, "day", catalogue.require_clock(), first_data_day)
    if day - first_data_day + 1 < cell.window:
        raise SpecError(
            f"The data do not reach back {cell.window} days before {cell.on}.",
            hint=f"Choose a day from {date_of(first_data_day + cell.window - 1)} on.",
        )
    key = _group_key(snapshot, cell.group, cell.stickiness.by)
    in_group = query.group_is("l.grp", cell.group, key)
    return query.window_members(linked_sql(cell.stickiness, catalogue), day, cell.window, in_group, key)


def active_day_members(snapshot: Snapshot, cell: ActiveDaysCellSpec) -> Sql:
    """Who was active on so many days of a period?"""
    spec, catalogue = cell.active_days, snapshot.catalogue
    on = _begun_period(cell.on, spec.period, catalogue.require_clock(), _first_day(snapshot))
    key = _group_key(snapshot, cell.group, spec.by)
    per_user = _days_per_user(spec, catalogue, on)
    in_group = query.group_is("u.grp", cell.group, key)
    return query.active_day_members(per_user, cell.n_days, in_group, key, is_at_least=cell.is_at_least)


def _group_key(snapshot: Snapshot, group: str | None, by: str | None) -> int | None:
    if group is None or group in ("", NONE_LABEL):
        return None
    keys = {label: key for key, label in group_labels(snapshot, by).items()}
    if group not in keys:
        raise SpecError(f'No first activity has {by} = "{group}".', hint=nearest(group, keys))
    return keys[group]


# What a file holds -----------------------------------------------------------------------------------------


def lifecycle_frame(found: Lifecycle) -> pd.DataFrame:
    """Lay a lifecycle out for a file: one row a period (and group)."""
    return _for_file(found.periods, found.spec.by, found.as_of_us)


def transitions_frame(found: Transitions) -> pd.DataFrame:
    """Lay transitions out for a file: one row a move (and group)."""
    frame = found.moves.assign(on=found.on, next_on=found.next_on, state=found.state, touches_gap=found.has_gap)
    return _for_file(frame, found.spec.lifecycle.by, found.as_of_us)


def stickiness_frame(found: Stickiness) -> pd.DataFrame:
    """Lay daily, weekly and monthly actives out for a file: one row a day (and group)."""
    return _for_file(found.days, found.spec.by, found.as_of_us)


def active_days_frame(found: ActiveDays) -> pd.DataFrame:
    """Lay a distribution of active days out for a file: one row a number of days (and group)."""
    frame = found.shares.assign(on=found.on, to_on=found.to_on, state=found.state, touches_gap=found.has_gap)
    return _for_file(frame, found.spec.by, found.as_of_us)


def _for_file(frame: pd.DataFrame, by: str | None, as_of_us: int) -> pd.DataFrame:
    dates: Mapping[str, list[str]] = {
        name: [on.isoformat() for on in frame[name]]
        for name in ("on", "to_on", "next_on", "complete_on")
        if name in frame
    }
    wanted = frame.assign(**dates, as_of=iso(as_of_us))
    return wanted.drop(columns=[c for c in ("index", *(() if by else ("group",))) if c in wanted])


def explain_sql(store: Store, spec: LifecycleSpec | StickinessSpec) -> str:
    """Which SQL gives these numbers?"""
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock, first_data_day = catalogue.require_clock(), _first_day(snapshot)
        if isinstance(spec, StickinessSpec):
            since, to = shown_days(spec, clock, first_data_day)
            return _described(query.pause_counts(linked_sql(spec, catalogue), since - MOST + 1, to))
        since, to = shown_periods(spec, clock, first_data_day)
        from_day = first_day(since - 1, spec.period, clock.week_start)
        return _described(query.lifecycle_counts(periods_sql(spec, catalogue, from_day), since - 1, to))


def _described(sql: Sql) -> str:
    """Write a statement with the values that are bound to it."""
    values = "\n".join(f"-- ${name} = {value!r}" for name, value in sorted(sql.params.items()))
    return f"{values}\n{sql.text}" if values else sql.text
