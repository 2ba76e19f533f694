"""Answers about early behaviour and later activity: read-only, each from one snapshot of the store."""

from __future__ import annotations

from dataclasses import dataclass

from retention.behaviour import query_drivers, query_duckdb_drivers
from retention.behaviour.drivers import Drivers, drivers_of
from retention.behaviour.spec_drivers import DriversSpec, DriverUsersSpec
from retention.behaviour.words_drivers import definition, users_words
from retention.cohorts.answer import population
from retention.store import Catalogue, Snapshot, Sql, Store


@dataclass(frozen=True, slots=True)
class DriverSql:
    """The selects that everything about drivers is read from."""

    users: Sql
    judged: Sql
    done: Sql
    kept: Sql


def driver_sql(spec: DriversSpec, catalogue: Catalogue) -> DriverSql:
    """Choose the texts: the day rows say who was active later, where their masks carry it."""
    catalogue.event_names(spec.returns)
    asked = query_drivers.users(population(catalogue, spec.where), spec, catalogue)
    judged = query_drivers.judged(asked)
    mask = query_duckdb_drivers.later_mask(spec, catalogue)
    if mask is None:
        kept = query_drivers.kept(judged, spec, catalogue)
    else:
        kept = query_duckdb_drivers.kept(judged, spec, mask)
    return DriverSql(asked, judged, query_drivers.done(judged, spec, catalogue), kept)


def drivers(store: Store, spec: DriversSpec) -> Drivers:
    """Which early behaviours go with being active later?

    Raises
    ------
    SpecError
        If the store has never seen one of the events or properties.
    """
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        clock = catalogue.require_clock()
        sql = driver_sql(spec, catalogue)
        states = snapshot.read(query_drivers.states(sql.users))
        n_by_reason = dict(zip(states["why"], states["n"], strict=True))
        totals = snapshot.read(query_drivers.totals(sql.judged, sql.kept)).iloc[0]
        is_anybody = bool(totals["n_users"])
        return drivers_of(
            snapshot.read(query_drivers.tables(sql.done, sql.kept, spec)),
            int(totals["n_users"]),
            int(totals["n_retained"]) if is_anybody else 0,
            (int(n_by_reason.get(query_drivers.OPEN, 0)), int(n_by_reason.get(query_drivers.GAP, 0))),
            spec,
            clock,
            catalogue.data_version,
            {kind.event_key: name for name, kind in catalogue.events.items()},
            int(catalogue.settings.min_cohort_size),
        )


def driver_users(snapshot: Snapshot, cell: DriverUsersSpec) -> Sql:
    """Who did, or did not do, something in the first days? One row a user."""
    (kind,) = snapshot.catalogue.event_names((cell.event,))
    sql = driver_sql(cell.drivers, snapshot.catalogue)
    return query_drivers.members(sql.judged, sql.done, sql.kept, cell, kind.event_key)


def driver_users_words(cell: DriverUsersSpec, catalogue: Catalogue) -> str:
    """Whose users does a list hold?"""
    return users_words(cell, catalogue)


def drivers_words(store: Store, spec: DriversSpec) -> str:
    """What do the numbers of drivers mean?"""
    return definition(spec, store.catalogue())
