"""Hours and weekdays in plain words."""

from __future__ import annotations

from datetime import date
from math import isnan
from typing import TYPE_CHECKING

from retention.behaviour.spec_hours import MIN_ACTIVE_HOURS, CellUsersSpec, HoursSpec, HourUsersSpec
from retention.behaviour.week_hours import WEEKDAY_NAMES, UserHours, UsualHours, WeekHours
from retention.behaviour.words_interval import activity_words
from retention.cohorts.words import percent, whose

if TYPE_CHECKING:
    from collections.abc import Iterable

    from retention.store.catalogue import Catalogue

MANY_DAYS = 6


def hour_words(hour: int) -> str:
    """Write an hour of the day.

    Examples
    --------
    >>> hour_words(8)
    '08:00'
    """
    return f"{hour:02d}:00"


def hours_words(hours: Iterable[int]) -> str:
    """Write hours of the day, those in a row as a range; the range ends where its last hour does.

    Examples
    --------
    >>> hours_words([20, 21, 8])
    '08:00–09:00 and 20:00–22:00'
    >>> hours_words([23, 0, 1])
    '23:00–02:00'
    """
    known = sorted(set(hours))
    if len(known) == 24:
        return "all day"
    runs: list[list[int]] = []
    for hour in known:
        if runs and hour == runs[-1][-1] + 1:
            runs[-1].append(hour)
        else:
            runs.append([hour])
    if len(runs) > 1 and runs[0][0] == 0 and runs[-1][-1] == 23:
        runs = [*runs[1:-1], [*runs[-1], *runs[0]]]
    return " and ".join(f"{run[0]:02d}:00–{(run[-1] + 1) % 24:02d}:00" for run in runs)


def clock_words(hour: float) -> str:
    """Write a mean hour to the nearest five minutes.

    Examples
    --------
    >>> clock_words(20.5), clock_words(23.999)
    ('20:30', '00:00')
    """
    minutes = round(hour * 12) * 5 % 1440
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def days_list(days: tuple[date, ...]) -> str:
    """Write a few days, and only the number of many.

    Examples
    --------
    >>> days_list((date(2025, 6, 10), date(2025, 6, 11)))
    'Tuesday 10 Jun 2025, Wednesday 11 Jun 2025'
    """
    if len(days) > MANY_DAYS:
        return f"{len(days)} days between {days[0]:%-d %b %Y} and {days[-1]:%-d %b %Y}"
    return ", ".join(f"{WEEKDAY_NAMES[on.weekday()]} {on:%-d %b %Y}" for on in days)


def _asked(spec: HoursSpec, catalogue: Catalogue) -> str:
    only = f", of users{whose(spec.where, catalogue)}" if spec.where else ""
    dates = (f" from {spec.from_on}" if spec.from_on else "") + (f" before {spec.to_on}" if spec.to_on else "")
    return f"{activity_words(spec.events, catalogue)}{only}{dates}"


def hours_definition(spec: HoursSpec, catalogue: Catalogue) -> str:
    """Say what a cell of the week counts."""
    counted = (
        "events" if spec.counted == "events" else "different users with at least one event; a user can be in many cells"
    )
    return (
        f"Each cell counts {counted}: {_asked(spec, catalogue)}, by the weekday and hour on the clocks of"
        f" {catalogue.settings.timezone}, daylight saving time included. On the day the clocks go back, the hour that"
        f" comes twice is counted under one number."
    )


def usual_definition(spec: HoursSpec, catalogue: Catalogue) -> str:
    """Say what a user's usual hours are."""
    return (
        f"A user's active hours are the days and hours ({catalogue.settings.timezone}) with {_asked(spec, catalogue)}; each counts"
        f" once. The usual hours are the fewest hours of the day that together hold at least half of them. Users with"
        f" fewer than {MIN_ACTIVE_HOURS} active hours have none."
    )


def hour_users_words(spec: HourUsersSpec, catalogue: Catalogue) -> str:
    """Say whose usual hour is meant."""
    return f"Users {hour_users_title(spec)}. {usual_definition(spec.hours, catalogue)}"


def hour_users_title(spec: HourUsersSpec) -> str:
    """Say what the users of an hour have in common."""
    return f"usually active at {hours_words([spec.hour])}"


def cell_users_words(spec: CellUsersSpec, catalogue: Catalogue) -> str:
    """Say whose hour of the week is meant."""
    return f"Users {cell_users_title(spec)}: {_asked(spec.hours, catalogue)} ({catalogue.settings.timezone})."


def cell_users_title(spec: CellUsersSpec) -> str:
    """Say what the users of a cell have in common."""
    return f"active on a {WEEKDAY_NAMES[spec.cell // 24]} between {hours_words([spec.cell % 24]).replace('–', ' and ')}"


def hours_verdict(result: WeekHours) -> str:
    """Say when most happens."""
    busiest = result.busiest
    if busiest is None:
        return "Nothing happened here: no event meets these settings."
    weekday, hour = busiest
    n = result.n(weekday, hour)
    of = (
        f"{n:,} of {result.n_events:,} events"
        if result.spec.counted == "events"
        else f"{n:,} of {result.n_users:,} users"
    )
    share = percent(float(result.cells["rate"].iloc[24 * weekday + hour]))
    return f"Busiest: {WEEKDAY_NAMES[weekday]} {hour_words(hour)}, with {of} ({share}) in that hour of the week."


def missing_note(result: WeekHours) -> str:
    """Say which days a marked gap touches; nothing where none does."""
    if not result.missing:
        return ""
    return (
        f"Marked missing on the Data page: {days_list(result.missing)}. What happened then is not known, so these"
        f" weekdays count a little too little."
    )


def usual_verdict(result: UsualHours) -> str:
    """Say at which hour most users are usually active."""
    if not result.n_users:
        return f"No user has {MIN_ACTIVE_HOURS} active hours yet, so there are no usual hours."
    hour = int(result.counts["n_users"].to_numpy().argmax())
    row = result.counts.iloc[hour]
    return (
        f"The commonest usual hour is {hours_words([hour])}: {int(row['n_users']):,} of {result.n_users:,} users"
        f" ({percent(float(row['rate']))}). {result.n_all - result.n_users:,} of {result.n_all:,} users have fewer than"
        f" {MIN_ACTIVE_HOURS} active hours and are left out."
    )


def user_verdict(result: UserHours) -> str:
    """Say when one user is usually active."""
    if result.n_active < MIN_ACTIVE_HOURS:
        hours = "hour" if result.n_active == 1 else "hours"
        return f"Active in {result.n_active} {hours} only: too few to tell a usual hour (at least {MIN_ACTIVE_HOURS})."
    usual = f"Usually active {'' if len(result.usual) == 24 else 'at '}{hours_words(result.usual)}"
    if isnan(result.mean_hour):
        mean = "no clear middle, the hours are spread around the clock"
    else:
        mean = f"on average around {clock_words(result.mean_hour)}"
    return (
        f"{usual} (at least half of {result.n_active:,} active hours); {mean}, concentration"
        f" {result.concentration:.2f} on a scale from 0 (even) to 1 (always the same hour)."
    )
