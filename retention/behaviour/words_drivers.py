"""Drivers and what they show, in plain words: what goes with what, never what causes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retention.behaviour.drivers import LESS, MORE, Drivers
from retention.behaviour.spec_drivers import DriversSpec, DriverUsersSpec
from retention.behaviour.words_funnel import Finding, range_words, users_many
from retention.cohorts.words import asked_words, interval, local, percent

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue

CAUTION = (
    "“Goes with” is not “leads to”. Users who do much early are often those who would have stayed anyway, and the wish"
    " to stay can come first and the behaviour second. Whether bringing users to do it would keep them, only a trial"
    " with a randomly chosen comparison group can tell."
)


def times_words(n: int) -> str:
    """Write how often.

    Examples
    --------
    >>> times_words(1), times_words(3)
    ('at least once', 'at least 3 times')
    """
    return "at least once" if n == 1 else f"at least {n} times"


def days_words(spec: DriversSpec) -> tuple[str, str]:
    """Name the two windows.

    Examples
    --------
    >>> days_words(DriversSpec())
    ('the first 7 days', 'days 7 to 34')
    """
    first = "the first day" if spec.first_days == 1 else f"the first {spec.first_days} days"
    later = f"day {spec.from_day}" if spec.from_day == spec.to_day else f"days {spec.from_day} to {spec.to_day}"
    return first, later


def definition(spec: DriversSpec, catalogue: Catalogue) -> str:
    """Say what the numbers mean, from the settings and nothing else."""
    clock = catalogue.require_clock()
    first, later = days_words(spec)
    active = " or ".join(f"“{n}”" for n in spec.returns) or f"any activity ({catalogue.settings.activity})"
    return (
        f"Did users do something in {first} (day 0 is the day of their first activity, which counts), and had they"
        f" {active} on {later}? The two windows never overlap. Only users whose day {spec.to_day} had ended by"
        f" {local(clock.as_of_us, clock.timezone)} and whose days touch no stretch marked missing count."
        f"{range_words(spec.from_on, spec.to_on, 'first activities')}{asked_words(spec.where, None, catalogue)}"
    )


def users_words(cell: DriverUsersSpec, catalogue: Catalogue) -> str:
    """Say whose users a list holds."""
    first, later = days_words(cell.drivers)
    did = "did" if cell.has_done else "did not do"
    kept = "" if cell.is_retained is None else f" and were {'' if cell.is_retained else 'not '}active on {later}"
    return (
        f"Users who {did} “{cell.event}” {times_words(cell.n)} in {first}{kept}. {definition(cell.drivers, catalogue)}"
    )


def ratio_words(value: float) -> str:
    """Write a lift.

    Examples
    --------
    >>> ratio_words(2.449), ratio_words(float("inf"))
    ('2.45', '∞')
    """
    return "∞" if value == float("inf") else f"{value:.2f}"


def row_words(drivers: Drivers, place: int) -> str:
    """Say what one row of the table shows."""
    row = drivers.table.iloc[place]
    first, later = days_words(drivers.spec)
    return (
        f"Of those who did “{row['event']}” {times_words(int(row['n']))} in {first}, {percent(row['rate_did'])}"
        f" were active on {later} ({interval(row['rate_did_low'], row['rate_did_high'])}); of the others,"
        f" {percent(row['rate_not'])} ({interval(row['rate_not_low'], row['rate_not_high'])})."
    )


def finding(drivers: Drivers) -> Finding:
    """Say which early behaviour goes with being active later the most."""
    spec, table = drivers.spec, drivers.table
    first, later = days_words(spec)
    if not drivers.n_users:
        if drivers.n_open + drivers.n_gap:
            return Finding(
                f"Too early to tell: nobody's day {spec.to_day} can be judged yet.",
                f"{users_many(drivers.n_open + drivers.n_gap)} started. End the later window sooner,"
                " or look again when there is more data.",
            )
        return Finding("Nobody matches these settings.", "Remove a condition or widen the dates.")
    if drivers.n_retained in (0, drivers.n_users):
        who = "Nobody" if drivers.n_retained == 0 else "Everybody"
        return Finding(
            f"{who} of {users_many(drivers.n_users)} was active on {later}, so nothing can go with it.",
            "Choose another later window.",
        )
    if table.empty:
        return Finding(
            "Everybody did the same in these days, so there is nothing to compare.", "Choose a longer first window."
        )
    clear = table[table["says"].isin([MORE, LESS])]
    compared = f"{len(table)} behaviours compared at once, Benjamini–Hochberg corrected"
    if clear.empty:
        return Finding(
            f"Cannot tell: no early behaviour goes clearly with being active on {later}.",
            f"{users_many(drivers.n_users)}, {percent(drivers.n_retained / drivers.n_users)} of them active; {compared}.",
        )
    row = clear.iloc[0]
    more = "more" if row["says"] == MORE else "less"
    return Finding(
        f"Doing “{row['event']}” {times_words(int(row['n']))} in {first} goes with {more} activity on {later}:"
        f" {percent(row['rate_did'])} against {percent(row['rate_not'])} of the others.",
        f"Lift {ratio_words(row['lift'])} (95 % interval {ratio_words(row['lift_low'])} to"
        f" {ratio_words(row['lift_high'])}) among {users_many(drivers.n_users)}; {compared}.",
    )


def left_out(drivers: Drivers) -> str:
    """Say who was left out, and why; nothing if nobody was."""
    parts = []
    if drivers.n_open:
        parts.append(f"{users_many(drivers.n_open)} started too recently to be judged")
    if drivers.n_gap:
        parts.append(f"{users_many(drivers.n_gap)} have days marked missing")
    return f"Left out: {' and '.join(parts)}." if parts else ""


def skipped_words(drivers: Drivers) -> str:
    """Say which behaviours have nothing to be compared with."""
    parts = []
    for why in ("everybody did", "nobody did"):
        rows = drivers.skipped[(drivers.skipped["why"] == why)]
        # Once more is never said of what is said of fewer times.
        rows = rows.drop_duplicates("event", keep="last" if why == "everybody did" else "first")
        if len(rows):
            named = ", ".join(f"“{r.event}” {times_words(int(r.n))}" for r in rows.itertuples())
            parts.append(f"{why} {named}")
    return f"Nothing to compare: {'; '.join(parts)}." if parts else ""
