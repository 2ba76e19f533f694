"""Answers about the days between visits, and about silences: read-only, each from one snapshot of the store."""

from __future__ import annotations

from retention.behaviour import query_duckdb_interval, query_interval
from retention.behaviour.churn_window import ChurnWindow, window_of_counts
from retention.behaviour.spec_interval import IntervalSpec, IntervalUsersSpec, SilentUsersSpec, WindowSpec
from retention.behaviour.usage_interval import UsageInterval, interval_of_counts
from retention.cohorts.answer import group_labels, is_everybody, population
from retention.cohorts.matrix import NONE_LABEL
from retention.errors import SpecError, nearest
from retention.store import Catalogue, Snapshot, Sql, Store


def days_sql(spec: IntervalSpec | WindowSpec, catalogue: Catalogue, *, is_portable: bool = False) -> Sql:
    """Choose the text of the active days: the rollups where they know the events, the events otherwise."""
    catalogue.require_clock()
    catalogue.event_names(spec.events)
    is_carried = not is_portable and query_duckdb_interval.is_carried(spec.events, catalogue)
    days = (query_duckdb_interval if is_carried else query_interval).active_days(spec.events, catalogue)
    who = None if is_everybody(spec.where, spec.by) else population(catalogue, spec.where, spec.by)
    return query_interval.of_population(days, who)


def _medians_sql(spec: IntervalSpec, catalogue: Catalogue) -> Sql:
    """Write the select of every user's median gap."""
    return query_duckdb_interval.user_medians(days_sql(spec, catalogue))


def usage_interval(store: Store, spec: IntervalSpec) -> UsageInterval:
    """How many days usually lie between two active days of a user?"""
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock = catalogue.require_clock()
        days = days_sql(spec, catalogue)
        return interval_of_counts(
            snapshot.read(query_interval.median_counts(query_duckdb_interval.user_medians(days))),
            snapshot.read(query_interval.gap_counts(days)),
            snapshot.read(query_interval.user_counts(days)),
            spec,
            clock,
            catalogue.data_version,
            group_labels(snapshot, spec.by),
        )


def false_lapses(store: Store, spec: WindowSpec) -> ChurnWindow:
    """For every X: of those whom a silence of X days would call lapsed, how many came back?"""
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock = catalogue.require_clock()
        ranges, lasts = _silences(spec, catalogue)
        return window_of_counts(
            snapshot.read(query_interval.range_counts(ranges)),
            snapshot.read(query_interval.silence_counts(lasts, clock.as_of_day)),
            spec,
            clock,
            catalogue.data_version,
            group_labels(snapshot, spec.by),
        )


def _silences(spec: WindowSpec, catalogue: Catalogue) -> tuple[Sql, Sql]:
    days = days_sql(spec, catalogue)
    lasts = query_interval.last_silences(days)
    as_of_day = catalogue.require_clock().as_of_day
    return query_interval.window_ranges(query_interval.record_gaps(days), lasts, spec, as_of_day), lasts


def interval_users(snapshot: Snapshot, spec: IntervalUsersSpec) -> Sql:
    """Whose usual interval lies in the range?"""
    key = _group_key(snapshot, spec.interval.by, spec.group)
    return query_interval.interval_members(_medians_sql(spec.interval, snapshot.catalogue), spec, key)


def silent_users(snapshot: Snapshot, spec: SilentUsersSpec) -> Sql:
    """Who is behind a window?"""
    ranges, lasts = _silences(spec.window, snapshot.catalogue)
    as_of_day = snapshot.catalogue.require_clock().as_of_day
    key = _group_key(snapshot, spec.window.by, spec.group)
    return query_interval.silent_members(ranges, lasts, spec, as_of_day, key)


def _group_key(snapshot: Snapshot, by: str | None, group: str | None) -> int | None:
    if group is None:
        return None
    keys = {label: key for key, label in group_labels(snapshot, by).items()}
    if group not in keys and group not in ("", NONE_LABEL):
        raise SpecError(f'No user has {by} = "{group}".', hint=nearest(group, keys))
    return keys.get(group)
