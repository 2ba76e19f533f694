"""Usual intervals and churn windows in plain words."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from retention.behaviour.churn_window import ChurnWindow
from retention.behaviour.spec_interval import (
    LONGEST_WINDOW,
    IntervalSpec,
    IntervalUsersSpec,
    SilentUsersSpec,
    WindowSpec,
)
from retention.behaviour.usage_interval import UsageInterval
from retention.cohorts.words import asked_words, interval, percent
from retention.periods import from_us, zone

if TYPE_CHECKING:

    from retention.store.catalogue import Catalogue, Clock


def days_words(days: float) -> str:
    """Write a number of days.

    Examples
    --------
    >>> days_words(1.0), days_words(3.5), days_words(14.0)
    ('1 day', '3.5 days', '14 days')
    """
    return f"{days:g} {'day' if days == 1 else 'days'}"


def days_range(low: float, high: float) -> str:
    """Write an interval of days.

    Examples
    --------
    >>> days_range(5, 6.5), days_range(6, 6)
    ('5–6.5 days', '6 days')
    """
    return days_words(low) if low == high else f"{low:g}–{days_words(high)}"


def activity_words(events: tuple[str, ...], catalogue: Catalogue) -> str:
    """Say what makes a day active."""
    return " or ".join(f"“{name}”" for name in events) or f"any activity ({catalogue.settings.activity})"


def interval_definition(spec: IntervalSpec, catalogue: Catalogue) -> str:
    """Say what the usual interval is."""
    return (
        f"A user's usual interval is the median number of days from one active day to the next, over all active days"
        f" up to the end of the data; an active day is a day ({catalogue.settings.timezone}) with"
        f" {activity_words(spec.events, catalogue)}. Users with a single active day have no interval; they are left"
        f" out and counted.{asked_words(spec.where, spec.by, catalogue)}"
    )


def window_definition(spec: WindowSpec, catalogue: Catalogue) -> str:
    """Say what a false lapse is."""
    f = spec.follow_up_days
    return (
        f"A window of X days calls a user lapsed once X days have passed since the last active day without another"
        f" one, so a gap of X days or more; an active day has {activity_words(spec.events, catalogue)}. For each X,"
        f" every user's first silence of X days is looked at, if it reached X at least {f} days before the end of the"
        f" data; it was a false lapse if the user was back within the {f} days that followed.{asked_words(spec.where, spec.by, catalogue)}"
    )


def interval_users_words(spec: IntervalUsersSpec, catalogue: Catalogue) -> str:
    """Say whose usual interval is meant."""
    said = range_words(spec.above, spec.up_to)
    return f"Users{_in_group(spec.interval.by, spec.group)} whose usual interval is {said}. " + interval_definition(
        spec.interval, catalogue
    )


def range_words(above: float, up_to: float | None) -> str:
    """Write a range of intervals.

    Examples
    --------
    >>> range_words(0, 1), range_words(60, None)
    ('at most 1 day', 'more than 60 days')
    """
    if up_to is None:
        return f"more than {days_words(above)}"
    return f"at most {days_words(up_to)}" if not above else f"more than {above:g} and at most {days_words(up_to)}"


def silent_users_words(spec: SilentUsersSpec, catalogue: Catalogue) -> str:
    """Say whose silence is meant."""
    return f"Users{_in_group(spec.window.by, spec.group)} {silent_title(spec)}. " + window_definition(
        spec.window, catalogue
    )


def silent_title(spec: SilentUsersSpec) -> str:
    """Say what the users behind a window did."""
    if spec.kind == "silent now":
        return f"silent for {days_words(spec.days)} or more at the end of the data"
    how = "came back" if spec.kind == "returned" else "did not come back"
    return f"whose first silence of {days_words(spec.days)} could be judged and who {how} within {days_words(spec.window.follow_up_days)}"


def _in_group(by: str | None, group: str | None) -> str:
    return "" if group is None else f" with {by} {group or '(none)'}"


def interval_verdict(result: UsageInterval) -> str:
    """Say how often people come."""
    row = result.row()
    n_all, n_users, n_excluded = (int(row[name]) for name in ("n_all", "n_users", "n_excluded"))
    if not n_all:
        return "Nobody did this yet, so there is no interval between visits."
    left_out = f"{percent(row['excluded_rate'])} of {n_all:,} users ({n_excluded:,}) were active on one day only and are left out"
    if not n_users:
        return f"No user was active on two days, so there is no interval yet: {left_out}."
    span = "" if isnan(row["low"]) else f" (95 % interval {days_range(row['low'], row['high'])})"
    return (
        f"Half of {n_users:,} users come back every {days_words(row['median'])} or more often{span}; the middle half lies"
        f" between {row['q25']:g} and {days_words(row['q75'])}. Of all returns, 90 % came within"
        f" {days_words(result.returned_within(0.9))}. {left_out[0].upper()}{left_out[1:]}."
    )


def window_verdict(result: ChurnWindow, accepted_rate: float, group: str | None = None) -> str:
    """Say which window the data suggest, or kindly why there is none."""
    f = days_words(result.spec.follow_up_days)
    accepted = f"{accepted_rate * 100:g} %"
    whose = "" if group is None else f"For {result.spec.by} {group}: "
    longest = result.longest_known(group)
    if longest is None:
        return (
            f"{whose}The data are too short for this: no silence was reached {f} before their end, so nobody can have had"
            f" {f} to come back. Choose a shorter follow-up, or wait for more data."
        )
    days = result.suggested(accepted_rate, group)
    if days is None:
        cut = (
            f" The data are long enough for windows of up to {days_words(longest)}; longer ones cannot be judged."
            if longest < LONGEST_WINDOW
            else ""
        )
        return (
            f"{whose}No window up to {days_words(longest)} keeps the false lapses at {accepted} or less for sure: accept a larger"
            f" share, or choose one by eye.{cut}"
        )
    row = result.row(days, group)
    return (
        f"{whose}After {days_words(days)} of silence, {percent(row['rate'])} of {int(row['n_silences']):,} users came back within"
        f" {f} (95 % interval {interval(row['low'], row['high'])}): the shortest window that calls at most {accepted}"
        f" lapsed by mistake."
    )


def window_sentence(result: ChurnWindow, days: int, group: str | None = None) -> str:
    """Say what one window would do."""
    if days > LONGEST_WINDOW:
        return f"Windows are tried up to {LONGEST_WINDOW} days only."
    row = result.row(days, group)
    now = f"{int(row['n_silent_now']):,} of {int(row['n_all']):,} users have been silent for that long at the end of the data"
    if not row["n_silences"]:
        return f"X = {days_words(days)} is longer than the data can judge; {now}."
    return (
        f"X = {days_words(days)}: of {int(row['n_silences']):,} users{_in_group(result.spec.by, group)} whose first silence of that length can be judged,"
        f" {int(row['n_returned']):,} came back within {days_words(result.spec.follow_up_days)}"
        f" ({percent(row['rate'])}, 95 % interval {interval(row['low'], row['high'])}); {now}."
    )


def gap_note(clock: Clock) -> str:
    """Say which days are marked missing, and what that does to gaps; nothing where there are none."""
    if not clock.gaps:
        return ""
    return (
        f"Marked missing on the Data page: {gap_days(clock)}. Visits on those days are not known, so a silence across"
        " them can be shorter than it looks."
    )


def gap_days(clock: Clock) -> str:
    """Write the stretches that are marked missing."""
    said = []
    for start, end in clock.gaps:
        first, last = (from_us(us).astimezone(zone(clock.timezone)) for us in (start, end - 1))
        said.append(f"{first:%-d %b %Y}" if first.date() == last.date() else f"{first:%-d %b %Y} to {last:%-d %b %Y}")
    return ", ".join(said)
