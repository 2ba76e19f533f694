"""Gaps, silences and hours counted by plain loops, straight from the definitions; shares nothing with the product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

from tests.oracles import Event, local_date, moment_of


def active_days(
    events: Iterable[Event], as_of_us: int, timezone: str, kinds: Sequence[str] = ()
) -> dict[str, list[date]]:
    """List each user's days with an event before `as_of`, in order."""
    found: dict[str, set[date]] = {}
    for event in events:
        if event.at_us < as_of_us and (not kinds or event.event in kinds):
            found.setdefault(event.user, set()).add(local_date(event.at_us, timezone))
    return {user: sorted(days) for user, days in found.items()}


def median_gaps(days_of: dict[str, list[date]]) -> dict[str, Fraction]:
    """Return the median gap of each user with two active days or more."""
    found = {}
    for user, days in days_of.items():
        gaps = sorted((later - earlier).days for earlier, later in pairwise(days))
        if gaps:
            half = len(gaps) // 2
            found[user] = Fraction(gaps[half]) if len(gaps) % 2 else Fraction(gaps[half - 1] + gaps[half], 2)
    return found


def judged(days: Sequence[date], as_of_day: date, window: int, follow_up: int) -> str | None:
    """Say what became of a user's first silence of `window` days: "returned", "stayed away", or None if not judged.

    Day by day: the silence has reached the window when so many days have begun since the last active day. It is
    judged if `follow_up` whole days came after that moment and before the day of `as_of`.
    """
    active = set(days)
    today, last = days[0], days[0]
    while today < as_of_day:
        today += timedelta(days=1)
        if (today - last).days >= window:  # reached as this day begins
            if today + timedelta(days=follow_up) > as_of_day:
                return None
            waited = [today + timedelta(days=n) for n in range(follow_up)]
            return "returned" if any(day in active for day in waited) else "stayed away"
        if today in active:
            last = today
    return None


def silent_days(days: Sequence[date], as_of_day: date) -> int:
    """Count the days from a user's last active day to the day of `as_of`."""
    return (as_of_day - days[-1]).days


def hour_of_week(at_us: int, timezone: str) -> tuple[date, int, int]:
    """Return the date, the weekday and the hour on a wall clock."""
    local = moment_of(at_us).astimezone(ZoneInfo(timezone))
    return local.date(), local.weekday(), local.hour


def usual_hours(active: Iterable[tuple[date, int]]) -> set[int]:
    """Take hours of the day, the most frequent first, until they hold half of the active hours."""
    active = set(active)
    left = {hour: sum(h == hour for _, h in active) for hour in range(24)}
    taken: set[int] = set()
    while 2 * sum(h in taken for _, h in active) < len(active):
        taken.add(max((h for h in left if h not in taken), key=lambda h: (left[h], -h)))
    return taken
