"""What funnels and paths read: the events of some kinds in order, and who is asked about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retention.behaviour import query_duckdb_steps, query_steps
from retention.behaviour.occurrences import Groups, Ints, Occurrences, groups_of, in_order, user_bits, user_ranges
from retention.cohorts.answer import group_labels, is_everybody, population
from retention.cohorts.matrix import NONE_LABEL
from retention.cohorts.spec import Condition
from retention.errors import SpecError, nearest
from retention.store import Snapshot, Sql


def last_user(snapshot: Snapshot) -> tuple[int, int]:
    """What is the highest user key, and how many events are there about?"""
    row = snapshot.read(query_steps.log_size()).iloc[0]
    return int(row["last_key"]), int(row["n"])


def occurrences(
    snapshot: Snapshot, event_keys: Sequence[int], to_us: int, from_us: int | None = None
) -> Iterator[Occurrences]:
    """Which events of some kinds are there? In blocks of users, each in order of user and instant."""
    for users in user_ranges(*last_user(snapshot)):
        text = query_duckdb_steps.step_rows(event_keys, users=users, from_us=from_us, to_us=to_us)
        yield from in_order(snapshot.read(text)).blocks()


def asked_groups(snapshot: Snapshot, where: tuple[Condition, ...], by: str | None) -> Groups:
    """Who is asked about, and in which group is each, as of the first activity?"""
    if is_everybody(where, by):
        return Groups()
    users = snapshot.read(query_steps.groups(population(snapshot.catalogue, where, by)))
    labels = group_labels(snapshot, by)
    return groups_of(users, last_user(snapshot)[0], labels, NONE_LABEL, is_split=by is not None)


def group_code(groups: Groups, group: str | None, by: str | None) -> int | None:
    """Which code has a group, by its name? Empty text stands for a missing value.

    Raises
    ------
    SpecError
        If nobody is in such a group.
    """
    if group is None:
        return None
    name = group or NONE_LABEL
    if name not in groups.labels:
        known = [str(label) for label in groups.labels]
        raise SpecError(f'Nobody\'s first activity has {by} = "{name}".', hint=nearest(name, known))
    return groups.labels.index(name)


def members_of(snapshot: Snapshot, users: Ints) -> Sql:
    """Write the select of users that a kernel found."""
    return query_duckdb_steps.users_of(user_bits(users, last_user(snapshot)[0]))
