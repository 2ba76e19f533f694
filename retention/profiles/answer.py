"""Answers about one user: read-only, each from one snapshot of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from retention.behaviour import query_hours
from retention.behaviour.answer_hours import hours_sql
from retention.behaviour.spec_hours import HoursSpec, UserHoursSpec
from retention.behaviour.week_hours import hours_of_user
from retention.errors import SpecError
from retention.features.answer import features_of
from retention.features.likely import ARMS, CONTACTS, DISCOUNTS, REVIEWS, SEARCHES, STARS, all_like, first_like
from retention.features.table import FeatureTable
from retention.periods import iso
from retention.profiles import query
from retention.profiles.profile import (
    Profile,
    Standing,
    attribute_table,
    event_rows,
    order_table,
    profile_rows,
    standing,
    weekday_counts,
)
from retention.profiles.spec import (
    COMPARED,
    FEWEST_CHARACTERS,
    LATEST_EVENTS,
    LATEST_USERS,
    ProfileSpec,
    no_such_user,
    pseudonym_start,
)
from retention.store import Snapshot, Store

if TYPE_CHECKING:
    import pandas as pd

    from retention.store.catalogue import Catalogue, EventName, PropertyName

CAMPAIGNS = (r"^campaign$", r"campaign", r"newsletter|mailing")


def find_user(store: Store, text: str) -> ProfileSpec:
    """Who is meant by a pseudonym, by its first characters, or by an id of the file?

    Raises
    ------
    SpecError
        If nobody is, or several are. What was typed is not repeated: it may be an id.
    """
    said = text.strip()
    if not said:
        raise SpecError("Name a user: a pseudonym from a list, or the id exactly as it was in your file.")
    start = pseudonym_start(said)
    with store.snapshot() as snapshot:
        if len(start) == 32 and (found := _begins(snapshot, start)):
            return found
        asked = query.by_file_id(said)
        for (pseudonym,) in snapshot.rows(asked.text, asked.params):
            return ProfileSpec(user=str(pseudonym))
        if start and (found := _begins(snapshot, start)):
            return found
    raise no_such_user()


def user_of_link(store: Store, text: str) -> ProfileSpec:
    """Who is meant by a link, which names pseudonyms only?"""
    start = pseudonym_start(text)
    with store.snapshot() as snapshot:
        if start and (found := _begins(snapshot, start)):
            return found
    raise no_such_user()


def _begins(snapshot: Snapshot, start: str) -> ProfileSpec | None:
    asked = query.by_pseudonym(start)
    ((n, pseudonym),) = snapshot.rows(asked.text, asked.params)
    if n > 1:
        raise SpecError(
            f"{n} users have pseudonyms that begin with these {len(start)} characters.",
            hint=f"Give more of them; {FEWEST_CHARACTERS} are the least, 32 are all.",
        )
    return ProfileSpec(user=str(pseudonym)) if n else None


def latest_seen(store: Store) -> pd.DataFrame:
    """Who was seen last?

    Returns
    -------
    DataFrame
        pseudonym, first_us, last_us, n_events; at most 20 users.
    """
    with store.snapshot() as snapshot:
        as_of_us = snapshot.catalogue.require_clock().as_of_us
        return snapshot.read(query.latest_users(as_of_us, LATEST_USERS))


def user_profile(store: Store, spec: ProfileSpec) -> Profile:
    """What does the store hold of one user?

    Raises
    ------
    SpecError
        If there is no such user, or nothing of theirs lies before the watermark.
    """
    with store.snapshot() as snapshot:
        return profile_of(snapshot, spec)


def profile_of(snapshot: Snapshot, spec: ProfileSpec) -> Profile:
    """What does the store hold of one user, in a snapshot that is open?"""
    catalogue = snapshot.catalogue
    clock = catalogue.require_clock()
    person = _person(snapshot, spec, clock.as_of_us)
    read = snapshot.read
    days = read(query.days(person))
    if not len(days):
        raise SpecError(
            f"Nothing is known of this user before {iso(clock.as_of_us)}, up to when the data are complete.",
            hint="What happened later is kept, and counted once the data are complete up to then.",
        )
    lively = [kind for kind in catalogue.events.values() if kind.is_activity]
    of_things = {first_like(catalogue.properties, patterns) for patterns in (STARS, DISCOUNTS)}
    properties = tuple(prop for name, prop in catalogue.properties.items() if name not in of_things)
    named = {prop.property_key: prop.name for prop in properties}
    hours = query_hours.hours_of(hours_sql(snapshot, HoursSpec()), person.user_key)
    active = [int(hour) for (hour,) in snapshot.rows(hours.text, hours.params)]
    return Profile(
        spec=spec,
        clock=clock,
        data_version=catalogue.data_version,
        window_days=int(catalogue.settings.churn_window),
        user_key=person.user_key,
        days=days,
        n_later=int(read(query.later(person))["n"].iloc[0]),
        latest=read(query.latest(person, LATEST_EVENTS)),
        orders=order_table(read(query.orders(person))),
        items=read(query.items(person, lively, _kinds(catalogue, catalogue.settings.revenue_events))),
        attributes=_attributes(snapshot, person, properties, lively, named),
        searches=read(query.searches(person, _like(catalogue, SEARCHES))),
        reviews=read(query.reviews(person, _like(catalogue, REVIEWS), _property(catalogue, STARS))),
        contacts=read(
            query.contacts(
                person, _like(catalogue, CONTACTS), _property(catalogue, CAMPAIGNS), _property(catalogue, ARMS)
            )
        ),
        labels=read(query.labels(person.user_key)),
        hours=hours_of_user(active, UserHoursSpec(user=spec.user), clock, catalogue.data_version, spec.user),
        weekdays=weekday_counts(days),
    )


def user_standing(features: FeatureTable, profile: Profile) -> Standing | None:
    """Where does a user stand among all?"""
    return standing(features, profile.user_key)


def profile_file(
    snapshot: Snapshot, spec: ProfileSpec, fmt: str, to_bytes: Callable[[Any, str], bytes]
) -> tuple[bytes, int]:
    """What is the file of one user's profile, and how many rows has it? Only orders ask, for they leave a trace."""
    profile = profile_of(snapshot, spec)
    table = profile_rows(profile, standing(features_of(snapshot, COMPARED), profile.user_key))
    return to_bytes(table, fmt), len(table)


def events_file(
    snapshot: Snapshot, spec: ProfileSpec, fmt: str, to_bytes: Callable[[Any, str], bytes]
) -> tuple[bytes, int]:
    """What is the file of all that one user did, and how many rows has it? Only orders ask."""
    person = _person(snapshot, spec, snapshot.catalogue.require_clock().as_of_us)
    table = event_rows(snapshot.read(query.latest(person, None)))
    return to_bytes(table, fmt), len(table)


def _person(snapshot: Snapshot, spec: ProfileSpec, as_of_us: int) -> query.Person:
    asked = query.key_of(spec.user)
    found = snapshot.rows(asked.text, asked.params)
    if not found:
        raise no_such_user()
    return query.Person(int(found[0][0]), as_of_us)


def _attributes(
    snapshot: Snapshot,
    person: query.Person,
    properties: tuple[PropertyName, ...],
    lively: list[EventName],
    named: dict[int, str],
) -> pd.DataFrame:
    """Read what activity named of each property; a store without properties has a table without rows."""
    if not properties:
        empty = snapshot.read(query.no_attributes())
        return attribute_table(empty, {})
    return attribute_table(snapshot.read(query.attributes(person, properties, lively)), named)


def _kinds(catalogue: Catalogue, names: tuple[str, ...]) -> list[EventName]:
    return [catalogue.events[name] for name in names if name in catalogue.events]


def _like(catalogue: Catalogue, pattern: str) -> list[EventName]:
    return _kinds(catalogue, all_like(catalogue.events, pattern))


def _property(catalogue: Catalogue, patterns: tuple[str, ...]) -> PropertyName | None:
    name = first_like(catalogue.properties, patterns)
    return None if name is None else catalogue.properties[name]
