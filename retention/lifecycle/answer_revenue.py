"""Answers about orders and money: read-only, each from one snapshot of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.cohorts.answer import group_labels, is_everybody, population
from retention.cohorts.matrix import NONE_LABEL
from retention.errors import SpecError, nearest
from retention.lifecycle import query_duckdb_revenue as faster
from retention.lifecycle import query_revenue as query
from retention.lifecycle.repeat import RepeatPurchases, repeat_rows, second_order_curve
from retention.lifecycle.revenue import (
    RevenueGrid,
    RevenueOverTime,
    ValuePerUser,
    revenue_cells,
    revenue_periods,
    value_rows,
)
from retention.lifecycle.spec_revenue import BuyersSpec, RepeatListSpec, RepeatSpec, RevenueCellSpec, RevenueSpec
from retention.periods import day_number, period_of
from retention.store import Catalogue, Snapshot, Sql, Store

if TYPE_CHECKING:
    from datetime import date

Asked = RevenueSpec | RepeatSpec


def require_revenue(catalogue: Catalogue) -> None:
    """Check that the store can hold revenue at all.

    Raises
    ------
    SpecError
        If none of its events is one that the setting `revenue` names.
    """
    catalogue.require_clock()
    wanted = catalogue.settings.revenue_events
    if not any(name in catalogue.events for name in wanted):
        names = " or ".join(f'"{name}"' for name in wanted)
        raise SpecError(
            f"The store holds no revenue: none of its events is called {names}.",
            hint="Name the events whose value is revenue in the setting `revenue`, for example with"
            f" `python -m retention settings set revenue EVENT`. {nearest(wanted[0], catalogue.events)}",
        )


def _population(spec: Asked, catalogue: Catalogue) -> Sql | None:
    require_revenue(catalogue)
    if is_everybody(spec.where, spec.by):
        return None
    return population(catalogue, spec.where, spec.by)


def _periods_sql(spec: RevenueSpec, chosen: Sql | None, week_start: str) -> Sql:
    """Choose the text of revenue over time: the sums that are kept where they carry the question."""
    if faster.has_cells(spec):
        return faster.kept_periods(spec)
    return query.revenue_by_period(query.periods_of_users(spec, chosen, week_start))


def _cells_sql(spec: RevenueSpec, chosen: Sql | None, week_start: str) -> Sql:
    if faster.has_cells(spec):
        return faster.kept_cells(spec)
    return faster.revenue_cells(faster.spent(spec, chosen, week_start))


def revenue_over_time(store: Store, spec: RevenueSpec) -> RevenueOverTime:
    """How much came in, and how much was paid back?"""
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock = catalogue.require_clock()
        chosen = _population(spec, catalogue)
        frame = snapshot.read(_periods_sql(spec, chosen, clock.week_start))
        labels = group_labels(snapshot, spec.by)
        return RevenueOverTime(spec, clock, catalogue.data_version, revenue_periods(frame, spec, clock, labels))


def revenue_retention(store: Store, spec: RevenueSpec) -> RevenueGrid:
    """How much of what a cohort spent first does it spend later?"""
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock = catalogue.require_clock()
        frame = snapshot.read(_cells_sql(spec, _population(spec, catalogue), clock.week_start))
        cells, pooled = revenue_cells(frame, spec, clock, group_labels(snapshot, spec.by))
        return RevenueGrid(spec, clock, catalogue.data_version, cells, pooled)


def value_per_user(store: Store, spec: RevenueSpec) -> ValuePerUser:
    """How much does a customer bring in the first N days?"""
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock = catalogue.require_clock()
        frame = snapshot.read(faster.values(spec, _population(spec, catalogue), clock.week_start))
        rows, pooled = value_rows(frame, spec, clock, group_labels(snapshot, spec.by))
        return ValuePerUser(spec, clock, catalogue.data_version, rows, pooled)


def repeat_purchases(store: Store, spec: RepeatSpec) -> RepeatPurchases:
    """How many customers order a second time, and how soon?"""
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock = catalogue.require_clock()
        customers = query.customers(spec, _population(spec, catalogue), clock)
        labels = group_labels(snapshot, spec.by)
        total, rows = repeat_rows(snapshot.read(query.repeat_counts(customers, spec.days)), spec, clock, labels)
        curve = second_order_curve(snapshot.read(query.second_order_days(customers)), spec, labels)
        return RepeatPurchases(spec, clock, catalogue.data_version, total, rows, curve)


def explain_revenue(store: Store, spec: Asked) -> str:
    """Which SQL gives these numbers?"""
    with store.snapshot() as snapshot:
        clock = snapshot.catalogue.require_clock()
        chosen = _population(spec, snapshot.catalogue)
        if isinstance(spec, RepeatSpec):
            customers = query.customers(spec, chosen, clock)
            texts = [query.repeat_counts(customers, spec.days), query.second_order_days(customers)]
        else:
            texts = [
                _periods_sql(spec, chosen, clock.week_start),
                _cells_sql(spec, chosen, clock.week_start),
                faster.values(spec, chosen, clock.week_start),
            ]
    values = {name: value for sql in texts for name, value in sql.params.items()}
    bound = "\n".join(f"-- ${name} = {value!r}" for name, value in sorted(values.items()))
    return "\n\n".join(["-- reads the orders by user and day, kept with every import", bound, *(s.text for s in texts)])


# The users behind a number ---------------------------------------------------------------------------


def cell_members(snapshot: Snapshot, cell: RevenueCellSpec) -> Sql:
    """Write the select of the customers behind a cell of the revenue grid.

    Raises
    ------
    SpecError
        If the cell is in the future.
    """
    spec, catalogue = cell.revenue, snapshot.catalogue
    clock = catalogue.require_clock()
    spent = faster.spent(spec, _population(spec, catalogue), clock.week_start)
    cohort = _period(cell.cohort, spec, catalogue)
    if clock.start_us(cohort + (cell.age or 0), spec.period) >= clock.as_of_us:
        raise SpecError(
            f"{spec.period.capitalize()} {cell.age or 0} of the cohort of {cell.cohort} has not begun.",
            hint="Choose an earlier one.",
        )
    key = _group_key(snapshot, spec, cell.group)
    return faster.cell_members(spent, cohort, cell.age, cell.group, key, is_lost=cell.is_lost)


def buyers_members(snapshot: Snapshot, spec: BuyersSpec) -> Sql:
    """Write the select of the customers who ordered in a period."""
    asked, catalogue = spec.revenue, snapshot.catalogue
    key = _group_key(snapshot, asked, spec.group)
    periods = query.periods_of_users(asked, _population(asked, catalogue), catalogue.settings.week_start)
    in_group = query.group_is("b.grp", spec.group, key)
    return query.buyers(periods, _period(spec.on, asked, catalogue), in_group, key, is_refunded=spec.is_refunded)


def repeat_members(snapshot: Snapshot, spec: RepeatListSpec) -> Sql:
    """Write the select of the customers behind a repeat purchase rate."""
    asked, catalogue = spec.repeat, snapshot.catalogue
    key = _group_key(snapshot, asked, spec.group)
    customers = query.customers(asked, _population(asked, catalogue), catalogue.require_clock())
    cohort = None if spec.cohort is None else _period(spec.cohort, asked, catalogue)
    in_group = query.group_is("c.grp", spec.group, key)
    return query.repeat_members(customers, asked, cohort, in_group, key, has_repeated=spec.has_repeated)


def _period(on: date, spec: Asked, catalogue: Catalogue) -> int:
    return int(period_of(day_number(on), spec.period, catalogue.settings.week_start))


def _group_key(snapshot: Snapshot, spec: Asked, group: str | None) -> int | None:
    """Return the code of a group; None without one, and for the missing value."""
    if group is None:
        return None
    keys = {label: key for key, label in group_labels(snapshot, spec.by).items()}
    if group not in keys and group not in ("", NONE_LABEL):
        raise SpecError(f'No user starts with {spec.by} = "{group}".', hint=nearest(group, keys))
    return keys.get(group)
