"""Questions about growth and their results in plain words."""

from __future__ import annotations

from datetime import date
from math import isnan
from typing import TYPE_CHECKING

from retention.cohorts.words import Verdict, asked_words, interval, percent
from retention.lifecycle.lifecycle import FEWEST, Lifecycle, Transitions
from retention.lifecycle.spec import (
    ActiveDaysCellSpec,
    ActiveDaysSpec,
    ActiveUsersSpec,
    LifecycleCellSpec,
    LifecycleSpec,
    StickinessSpec,
    TransitionCellSpec,
)
from retention.lifecycle.stickiness import MONTH, ActiveDays, Stickiness
from retention.periods import Period

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue

Asked = LifecycleSpec | StickinessSpec | ActiveDaysSpec
STATE_WORDS = {
    "new": "New",
    "returning": "Returning",
    "resurrecting": "Back after a break",
    "dormant": "Fell silent",
    "away": "Away for longer",
    "unseen": "Not seen before",
}
WINDOW_WORDS = {1: "Daily", 7: "Weekly (7 days)", MONTH: "Monthly (28 days)"}


def period_label(on: date, period: Period) -> str:
    """Name a period.

    Examples
    --------
    >>> period_label(date(2026, 1, 5), "week"), period_label(date(2026, 1, 1), "month")
    ('the week of 5 January 2026', 'January 2026')
    """
    if period == "month":
        return f"{on:%B %Y}"
    return f"the week of {_day(on)}" if period == "week" else _day(on)


def _day(on: date) -> str:
    return f"{on.day} {on:%B %Y}"


def what_counts(spec: Asked, catalogue: Catalogue) -> str:
    """Say which events make a user active."""
    if spec.events:
        return " or ".join(f"“{name}”" for name in spec.events)
    return f"any activity ({catalogue.settings.activity})"


def _who(spec: Asked, catalogue: Catalogue) -> str:
    said = asked_words(spec.where, spec.by, catalogue)
    return said + (" A filter chooses users and makes nobody new." if spec.where else "")


def lifecycle_definition(spec: LifecycleSpec, catalogue: Catalogue) -> str:
    """Say what the states mean, from the settings and nothing else."""
    unit, counts = spec.period, what_counts(spec, catalogue)
    return (
        f"A user is active in a calendar {unit} with {counts}. New: for the first time in all history, also before"
        f" the dates shown. Returning: active in the {unit} before, too. Back after a break: not active in the {unit}"
        f" before, but earlier. Fell silent: active in the {unit} before, not in this one. Quick ratio: new and back"
        f" after a break, divided by fell silent; above 1 the base grows.{_who(spec, catalogue)}"
    )


def stickiness_definition(spec: StickinessSpec, catalogue: Catalogue) -> str:
    """Say what daily, weekly and monthly actives mean."""
    return (
        f"Users with {what_counts(spec, catalogue)} on the day, in the 7 days and in the {MONTH} days that end with"
        f" it, each counted once. Stickiness: the daily users of a day divided by the users of its {MONTH} days,"
        f" averaged over the complete days whose {MONTH} days lie in the data and touch no missing stretch.{_who(spec, catalogue)}"
    )


def active_days_definition(spec: ActiveDaysSpec, catalogue: Catalogue) -> str:
    """Say what the distribution of active days means."""
    return (
        f"Of the users with {what_counts(spec, catalogue)} in the calendar {spec.period}, the share that had it on"
        f" exactly, or on at least, so many of its days.{_who(spec, catalogue)}"
    )


def verdict(found: Lifecycle, group: str | None = None) -> Verdict:
    """Say whether the base grows."""
    unit, recent = found.spec.period, found.recently(group)
    shown = found.of(group)
    if not int(shown["n_active"].sum()) and not int(shown["n_dormant"].sum()):
        return Verdict(
            "Nobody was active under these settings.",
            "No event counts within the dates. Choose other events, remove a filter or widen the dates.",
        )
    n = int(recent["n_periods"])
    if n < FEWEST:
        few = "none is" if n == 0 else "only one is" if n == 1 else f"only {n} are"
        return Verdict(
            "Growing or leaking: cannot tell yet.",
            f"It takes {FEWEST} complete {unit}s after the one in which the data begin, without a missing stretch;"
            f" {few} shown.",
        )
    span = f"In the {n} complete {unit}s from {_day(recent['from_on'])}"
    between = (shown["on"] >= recent["from_on"]) & (shown["on"] < recent["to_on"])
    if int(between.sum()) > n:
        span += ", those left out that rest on a missing stretch"
    gained, lost = int(recent["n_gained"]), int(recent["n_lost"])
    if not lost:
        return Verdict("Nobody fell silent.", f"{span}, {gained:,} users came or came back and nobody fell silent.")
    rate = f"{float(recent['quick_ratio']) * 100:,.0f} came or came back for every 100 who fell silent"
    if isnan(recent["low"]):
        return Verdict("Nobody came.", f"{span}, {rate}.")
    sure = f"95 % interval {float(recent['low']) * 100:,.0f} to {float(recent['high']) * 100:,.0f}"
    headline = {
        "growing": "The base is growing",
        "leaking": "The base is leaking",
        "cannot tell": "Growing or leaking: cannot tell",
    }[recent["says"]]
    detail = f"{span}, {gained:,} users came or came back and {lost:,} fell silent."
    if recent["says"] == "cannot tell":
        detail += f" From one {unit} to the next the figures differ too much to be sure on which side of 100 it lies."
    return Verdict(f"{headline}: {rate} ({sure}).", detail)


def transitions_verdict(found: Transitions, group: str | None = None) -> Verdict:
    """Say how many of the active users stayed, and how many of the new ones."""
    moves, unit = found.of(group), found.spec.lifecycle.period
    active = moves[moves["source"].isin(("new", "returning", "resurrecting"))]
    n_stayed, n = int(active.loc[active["target"] == "returning", "n"].sum()), int(active["n"].sum())
    here, there = (period_label(on, unit) for on in (found.on, found.next_on))
    if not n:
        return Verdict(f"Nobody was active in {here}.", "")
    so_far = " so far" if found.state == "in_progress" else ""
    headline = f"{n_stayed:,} of the {n:,} users active in {here} were active again in {there}{so_far}."
    said = []
    for source, name in (("new", "new ones"), ("returning", "returning ones"), ("resurrecting", "back after a break")):
        row = moves[(moves["source"] == source) & (moves["target"] == "returning")].iloc[0]
        if row["size"]:
            said.append(f"{name}: {percent(row['rate'])} of {int(row['size']):,} ({interval(row['low'], row['high'])})")
    return Verdict(headline, f"Active again in the next {unit}, with 95 % intervals: {'; '.join(said)}.")


def stickiness_verdict(found: Stickiness, group: str | None = None) -> Verdict:
    """Say how much of the month's users a day sees, and whether that changes."""
    row, days = found.summed_up(group), found.of(group)
    n = int(row["n_days"])
    if not n and not int(days["wau"].fillna(0).sum()) and not int(days["dau"].sum()):
        return Verdict(
            "Nobody was active under these settings.",
            "No event counts within the dates. Choose other events, remove a filter or widen the dates.",
        )
    if not n:
        return Verdict(
            "Stickiness cannot be told yet.",
            f"It takes {MONTH} days of data before the first day that can be measured, without a missing stretch.",
        )
    rate = float(row["rate"])
    sure = (
        f"fewer than three blocks of {MONTH} days, so no interval"
        if isnan(row["low"])
        else f"95 % interval {interval(row['low'], row['high'])}"
    )
    headline = f"On an average day {percent(rate)} of the users of the last {MONTH} days are there ({sure})."
    detail = (
        f"That is as if each of them came on {rate * MONTH:.1f} of {MONTH} days. Averaged over {n:,} complete days"
        f"{_left_out(int(row['n_left_out']))}."
    )
    if isnan(row["change_low"]):
        return Verdict(headline, f"{detail} Whether it changes: cannot tell from so few days.")
    points = _points(float(row["change"]), float(row["change_low"]), float(row["change_high"]))
    since = _day(row["newer_since"])
    if row["says"] == "cannot tell":
        return Verdict(
            headline, f"{detail} Whether the days since {since} differ from those before: cannot tell ({points})."
        )
    how = "stickier" if row["says"] == "higher" else "less sticky"
    return Verdict(headline, f"{detail} The days since {since} are {how} than those before ({points}).")


def _left_out(n: int) -> str:
    if not n:
        return ""
    return f"; {n:,} more {'is' if n == 1 else 'are'} left out, too close to the beginning of the data or to a gap"


def _points(change: float, low: float, high: float) -> str:
    said = f"{change * 100:+.1f} points, 95 % interval {low * 100:+.1f} to {high * 100:+.1f}"
    return said.replace("-", "−")


def active_days_verdict(found: ActiveDays, group: str | None = None) -> Verdict:
    """Say how many came only once, and how many on many days."""
    shares, when = found.of(group), period_label(found.on, found.spec.period)
    size = int(shares["size"].max()) if len(shares) else 0
    so_far = " so far" if found.state == "in_progress" else ""
    if not size:
        return Verdict(f"Nobody was active in {when}{so_far}.", "")
    once = shares.iloc[0]
    median = int(shares.loc[shares["n_at_least"] * 2 >= size, "n_days"].max())
    headline = (
        f"{percent(once['rate_exactly'])} of the {size:,} users active in {when}{so_far} were there on one day only"
        f" (95 % interval {interval(once['low_exactly'], once['high_exactly'])})."
    )
    days = "1 day" if median == 1 else f"{median} days"
    return Verdict(headline, f"Half of them were there on {days} or more.")


# What the lists behind the numbers are called ------------------------------------------------------------


def _of_group(group: str | None, by: str | None) -> str:
    return "" if group is None else f", {by} {group or '(none)'}"


def lifecycle_title(cell: LifecycleCellSpec) -> str:
    """Name the list behind a bar, without its count."""
    unit = cell.lifecycle.period
    said = {
        "new": "active for the first time in",
        "returning": f"active in the {unit} before and in",
        "resurrecting": "back after a break in",
        "dormant": f"active in the {unit} before and silent in",
        "active": "active in",
    }[cell.state]
    return f"{said} {period_label(cell.on, unit)}{_of_group(cell.group, cell.lifecycle.by)}"


def lifecycle_words(cell: LifecycleCellSpec, catalogue: Catalogue) -> str:
    """Say whose users a bar counts."""
    return f"Users {lifecycle_title(cell)}. {lifecycle_definition(cell.lifecycle, catalogue)}"


def transition_title(cell: TransitionCellSpec) -> str:
    """Name the list behind a move, without its count."""
    unit = cell.lifecycle.period
    here, there = STATE_WORDS[cell.source].lower(), STATE_WORDS[cell.target].lower()
    group = _of_group(cell.group, cell.lifecycle.by)
    return f"“{here}” in {period_label(cell.on, unit)} and “{there}” in the {unit} after{group}"


def transition_words(cell: TransitionCellSpec, catalogue: Catalogue) -> str:
    """Say whose users a move counts."""
    return f"Users {transition_title(cell)}. {lifecycle_definition(cell.lifecycle, catalogue)}"


def active_users_title(cell: ActiveUsersSpec) -> str:
    """Name the list behind a day, without its count."""
    when = f"on {_day(cell.on)}" if cell.window == 1 else f"in the {cell.window} days up to {_day(cell.on)}"
    return f"active {when}{_of_group(cell.group, cell.stickiness.by)}"


def active_users_words(cell: ActiveUsersSpec, catalogue: Catalogue) -> str:
    """Say whose users a day counts."""
    return f"Users {active_users_title(cell)}. {stickiness_definition(cell.stickiness, catalogue)}"


def active_days_title(cell: ActiveDaysCellSpec) -> str:
    """Name the list behind a number of active days, without its count."""
    how = "at least " if cell.is_at_least else "exactly "
    days = "1 day" if cell.n_days == 1 else f"{cell.n_days} days"
    when = period_label(cell.on, cell.active_days.period)
    return f"active on {how}{days} of {when}{_of_group(cell.group, cell.active_days.by)}"


def active_days_words(cell: ActiveDaysCellSpec, catalogue: Catalogue) -> str:
    """Say whose users a number of active days counts."""
    return f"Users {active_days_title(cell)}. {active_days_definition(cell.active_days, catalogue)}"
