"""Growth counted by plain loops over sets of users, straight from the definitions; shares nothing with the product."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.oracles import (
    NO_VALUE,
    Clock,
    Event,
    Question,
    _matches,
    _value,
    first_instant,
    local_date,
    next_period,
    period_begin,
)

Group = str | None


@dataclass(frozen=True)
class Asked:
    """Which events count, and whose."""

    events: tuple[str, ...] = ()
    where: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    by: str | None = None
    user_properties: frozenset[str] = frozenset()


@dataclass
class Diary:
    """The local days on which each chosen user did one of the events, and the groups; the first day of all data."""

    days: dict[str, set[date]] = field(default_factory=dict)
    group: dict[str, str] = field(default_factory=dict)
    first_on: date | None = None
    last_on: date | None = None


def read(events: Iterable[Event], clock: Clock, asked: Asked) -> Diary:
    """Look at every event once."""
    counted = sorted((e for e in events if e.at_us < clock.as_of_us), key=lambda e: e.at_us)
    found = Diary()
    if not counted:
        return found
    found.first_on = local_date(counted[0].at_us, clock.timezone)
    found.last_on = local_date(clock.as_of_us - 1, clock.timezone)
    question = Question(where=asked.where, by=asked.by, user_properties=asked.user_properties)
    for user in sorted({e.user for e in counted}):
        history = [e for e in counted if e.user == user]
        if not _matches(history[0], history, question):
            continue
        mine = [e for e in history if not asked.events or e.event in asked.events]
        if not mine:
            continue
        found.days[user] = {local_date(e.at_us, clock.timezone) for e in mine}
        if asked.by:
            found.group[user] = _value(asked.by, history[0], history, question) or NO_VALUE
    return found


def groups(found: Diary, asked: Asked) -> list[Group]:
    """List the groups, everyone first."""
    return [None, *sorted(set(found.group.values()))] if asked.by else [None]


def users_of(found: Diary, group: Group) -> set[str]:
    """Return the users of a group; of None, everyone."""
    return {u for u in found.days if group is None or found.group[u] == group}


def states(found: Diary, group: Group, begin: date, period: str, week_start: str) -> dict[str, set[str]]:
    """Return who was in which state in the period that begins on a day."""
    before = period_begin(begin - timedelta(days=1), period, week_start)
    said: dict[str, set[str]] = {
        name: set() for name in ("new", "returning", "resurrecting", "dormant", "away", "unseen")
    }
    for user in users_of(found, group):
        begins = {period_begin(day, period, week_start) for day in found.days[user]}
        if begin in begins:
            if min(begins) == begin:
                name = "new"
            elif before in begins:
                name = "returning"
            else:
                name = "resurrecting"
        elif before in begins:
            name = "dormant"
        elif min(begins) < before:
            name = "away"
        else:
            name = "unseen"
        said[name].add(user)
    return said


def active_in(found: Diary, group: Group, first: date, last: date) -> set[str]:
    """Return who was active on some day between two, both included."""
    return {u for u in users_of(found, group) if any(first <= day <= last for day in found.days[u])}


def begun_periods(found: Diary, period: str, week_start: str) -> list[date]:
    """List the first days of the periods from the one in which the data begin to the one of the watermark."""
    assert found.first_on is not None and found.last_on is not None
    begins = [period_begin(found.first_on, period, week_start)]
    while (after := next_period(begins[-1], period)) <= found.last_on:
        begins.append(after)
    return begins


def is_complete(begin: date, period: str, clock: Clock) -> bool:
    """Say whether a period has ended by the watermark."""
    return first_instant(next_period(begin, period), clock.timezone) <= clock.as_of_us


def touches_gap(first: date, end: date, clock: Clock) -> bool:
    """Say whether an instant of the days from `first` and before `end` is marked missing."""
    low, high = first_instant(first, clock.timezone), first_instant(end, clock.timezone)
    return any(start < high and low < stop for start, stop in clock.gaps)
