"""Answers about hours and weekdays: read-only, each from one snapshot of the store."""

from __future__ import annotations

from retention.behaviour import query_hours
from retention.behaviour.spec_hours import CellUsersSpec, HoursSpec, HourUsersSpec, UserHoursSpec
from retention.behaviour.week_hours import (
    UserHours,
    UsualHours,
    WeekHours,
    day_of_counts,
    hours_of_user,
    week_of_counts,
)
from retention.cohorts.answer import is_everybody, population
from retention.errors import SpecError
from retention.store import Snapshot, Sql, Store


def hours_sql(snapshot: Snapshot, spec: HoursSpec) -> Sql:
    """Write the select of the local hours of the events."""
    catalogue = snapshot.catalogue
    clock = catalogue.require_clock()
    catalogue.event_names(spec.events)
    who = None if is_everybody(spec.where) else population(catalogue, spec.where)
    ((first_us,),) = snapshot.rows(query_hours.first_instant().text)
    return query_hours.local_hours(spec, catalogue, who, clock.as_of_us if first_us is None else int(first_us))


def activity_hours(store: Store, spec: HoursSpec) -> WeekHours:
    """At which hours of which weekdays do things happen?"""
    with store.snapshot() as snapshot:
        hours = hours_sql(snapshot, spec)
        counts = query_hours.cell_events(hours) if spec.counted == "events" else query_hours.cell_users(hours)
        catalogue = snapshot.catalogue
        return week_of_counts(
            snapshot.read(counts),
            snapshot.read(query_hours.totals(hours)),
            spec,
            catalogue.require_clock(),
            catalogue.data_version,
        )


def usual_hours(store: Store, spec: HoursSpec) -> UsualHours:
    """How many users are usually active at which hour of the day?"""
    with store.snapshot() as snapshot:
        hours = hours_sql(snapshot, spec)
        usual = query_hours.usual_hours(hours)
        catalogue = snapshot.catalogue
        return day_of_counts(
            snapshot.read(query_hours.usual_hour_counts(usual)),
            int(snapshot.read(query_hours.usual_user_count(usual))["n_users"].iloc[0]),
            int(snapshot.read(query_hours.totals(hours))["n_users"].iloc[0]),
            spec,
            catalogue.require_clock(),
            catalogue.data_version,
        )


def user_hours(store: Store, spec: UserHoursSpec) -> UserHours:
    """When is this user usually active?

    Raises
    ------
    SpecError
        If the store holds no such user.
    """
    with store.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        asked = query_hours.user_key(spec.user.strip())
        found = snapshot.rows(asked.text, asked.params)
        if not found:
            raise SpecError(
                "The store holds no such user.",
                hint="Give a pseudonym from one of the lists, or the id exactly as it was in your file.",
            )
        ((key, pseudonym),) = found
        hours = query_hours.hours_of(hours_sql(snapshot, HoursSpec(events=spec.events)), int(key))
        active = [int(hour) for (hour,) in snapshot.rows(hours.text, hours.params)]
        return hours_of_user(active, spec, catalogue.require_clock(), catalogue.data_version, str(pseudonym))


def hour_users(snapshot: Snapshot, spec: HourUsersSpec) -> Sql:
    """Who is usually active at the hour?"""
    return query_hours.usual_members(query_hours.usual_hours(hours_sql(snapshot, spec.hours)), spec)


def cell_users(snapshot: Snapshot, spec: CellUsersSpec) -> Sql:
    """Who has an event in the hour of the week?"""
    return query_hours.cell_members(hours_sql(snapshot, spec.hours), spec)
