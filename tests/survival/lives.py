"""Lives, curves and tests by plain loops: straight from the definitions, sharing nothing with the product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from tests.oracles import NO_VALUE, Clock, Event, Question, _holds, _value, local_date

NOT_ACTIVITY = ("refund", "campaign_sent")


@dataclass(frozen=True)
class Life:
    """One user's life as the curve sees it; the last three say nothing unless it is followed."""

    group: str | None
    status: str
    entry: int = 0
    duration: int = 0
    is_observed: bool = False


def lives(
    events: Iterable[Event],
    clock: Clock,
    *,
    window: int,
    ends: str = "first lapse",
    signs: Sequence[str] = (),
    start: Sequence[str] = (),
    entry: str = "first-ever",
    where: Sequence[tuple[str, str, tuple[str, ...]]] = (),
    by: str | None = None,
    entry_on: date | None = None,
    user_properties: frozenset[str] = frozenset(),
) -> dict[str, Life]:
    """Follow every user, one day after the other."""
    asked = Question(where=tuple(where), by=by, user_properties=user_properties)
    histories: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda e: e.at_us):
        if event.at_us < clock.as_of_us:
            histories.setdefault(event.user, []).append(event)
    last_known = local_date(clock.as_of_us, clock.timezone) - timedelta(days=window)
    found = {}
    for user, history in histories.items():
        wanted = start or signs
        begins = [e for e in history if (e.event in wanted if wanted else e.event not in NOT_ACTIVITY)]
        if entry == "first-ever":
            begins = begins[:1]
        begins = [
            e for e in begins if all(_holds(_value(name, e, history, asked), op, values) for name, op, values in where)
        ]
        if not begins:
            continue
        anchor = begins[0]
        group = None
        if by is not None:
            group = _value(by, anchor, history, asked) or NO_VALUE
        first = local_date(anchor.at_us, clock.timezone)
        days = {first}
        for event in history:
            is_sign = event.event in signs if signs else event.event not in NOT_ACTIVITY
            if is_sign and local_date(event.at_us, clock.timezone) > first:
                days.add(local_date(event.at_us, clock.timezone))
        last = max(days)
        if ends == "first lapse":
            for before, after in pairwise(sorted(days)):
                if (after - before).days >= window:
                    last = before
                    break
        if first > last_known:
            found[user] = Life(group, "left out")
            continue
        is_observed = last <= last_known
        duration = ((last if is_observed else last_known) - first).days
        late = max((entry_on - first).days, 0) if entry_on else 0
        found[user] = (
            Life(group, "gone before") if duration < late else Life(group, "followed", late, duration, is_observed)
        )
    return found


def product_limit(followed: Sequence[Life]) -> dict[int, tuple[int, int, Fraction]]:
    """Return (at risk, lapses, share left) at every age up to the last, or to the age after which nobody is left."""
    found: dict[int, tuple[int, int, Fraction]] = {}
    share = Fraction(1)
    for age in range(max(life.duration for life in followed) + 1):
        here = [life for life in followed if life.entry <= age <= life.duration]
        lapses = sum(life.is_observed and life.duration == age for life in here)
        if here:
            share *= Fraction(len(here) - lapses, len(here))
        found[age] = len(here), lapses, share
        if (
            any(life.entry <= age for life in followed)
            and not any(life.duration > age for life in here)
            and any(life.entry > age for life in followed)
        ):
            break  # whoever joins later meets nobody
    return found
