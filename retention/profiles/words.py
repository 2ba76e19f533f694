"""A profile in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import floor, isnan

import pandas as pd

from retention.behaviour.week_hours import WEEKDAY_NAMES
from retention.behaviour.words_hours import clock_words
from retention.cohorts.words import percent
from retention.periods import date_of, from_us, zone
from retention.profiles.profile import OTHER, Profile, Standing, Timeline

REMARKABLE = 0.4
"""So far from the middle (0.5) is worth a sentence: one of ten users at most stands there or farther out."""


def day_words(on: date) -> str:
    """Write a day.

    Examples
    --------
    >>> day_words(date(2026, 3, 1))
    '1 March 2026'
    """
    return f"{on.day} {on:%B %Y}"


def local_day_words(us: int, timezone: str) -> str:
    """Write the local day of an instant.

    Examples
    --------
    >>> local_day_words(0, "Asia/Kolkata")
    '1 January 1970'
    """
    return day_words(from_us(us).astimezone(zone(timezone)).date())


def times(n: int) -> str:
    """Write how often.

    Examples
    --------
    >>> times(1), times(2), times(1200)
    ('once', 'twice', '1,200 times')
    """
    return {1: "once", 2: "twice"}.get(n, f"{n:,} times")


def many(n: int, one: str, several: str = "") -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> many(1, "day"), many(1200, "day")
    ('1 day', '1,200 days')
    """
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def money(value: float) -> str:
    """Write an amount; the store knows no currency.

    Examples
    --------
    >>> money(-1234.5), money(0)
    ('−1,234.50', '0.00')
    """
    return f"{value:,.2f}".replace("-", "−")


def verdict(profile: Profile) -> tuple[str, str]:
    """Say in one sentence whether the user is still there, and in a second one what they are worth."""
    known = local_day_words(profile.first_us, profile.clock.timezone)
    silent = profile.silent_days
    if silent is None:
        return "Never active: nothing that counts as activity is known of this user.", f"First seen on {known}."
    last = day_words(date_of(profile.active_days[-1]))
    is_last = profile.active_days[-1] == profile.end_day
    ago = "on the last day of the data" if is_last else f"{many(silent, 'day')} before the end of the data"
    if profile.is_lapsed:
        headline = f"Lapsed: last active on {last}, {ago}; {profile.window_days} days of silence count as a lapse."
    else:
        headline = f"Still active: last active on {last}, {ago}."
    detail = f"Known since {known}, active on {many(len(profile.active_days), 'day')}"
    if profile.n_returns:
        detail += f"; came back {times(profile.n_returns)} after {profile.window_days} days of silence or more"
    if profile.n_orders:
        detail += f". {many(profile.n_orders, 'order')} worth {money(profile.net)} less refunds"
    elif len(profile.orders):
        detail += ". No order, but refunds"
    else:
        detail += ". No order yet"
    return headline, detail + "."


def later_note(profile: Profile) -> str:
    """Say what is not counted yet; nothing where all is."""
    if not profile.n_later:
        return ""
    return (
        f"{many(profile.n_later, 'event')} from later than the data are complete up to"
        f" {'is' if profile.n_later == 1 else 'are'} kept and not counted here."
    )


def value_words(value: float, unit: str, text: str | None = None) -> str:
    """Write the value of a feature; nothing where it is not known.

    Examples
    --------
    >>> value_words(0.625, "share"), value_words(3, "days"), value_words(12.345, "days"), value_words(1.5, "money")
    ('62.5 %', '3 days', '12.3 days', '1.50')
    >>> value_words(1, "orders"), value_words(23.999, "hour of day"), value_words(0.5, "weekday")
    ('1 order', '00:00', 'Tuesday')
    >>> value_words(float("nan"), "days"), value_words(0, "channel", "ads")
    ('', 'ads')
    """
    if text is not None:
        return text
    if isnan(value):
        return ""
    if unit == "share":
        return percent(value) if value >= 0 else money(value)
    if unit == "money":
        return money(value)
    if unit == "hour of day":
        return clock_words(value)
    if unit == "weekday":
        return WEEKDAY_NAMES[int(value + 0.5) % 7]
    if unit.startswith("from "):
        return f"{value:.2f}".replace("-", "−")
    number = f"{value:,.0f}" if value == int(value) else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if unit == "times":
        return f"{number} times"
    nouns = {"categories": "category", "searches": "search"}
    noun = nouns.get(unit, unit.removesuffix("s")) if value == 1 else unit
    return f"{number} {noun}".replace("-", "−")


def place_words(below: float, equal: float, n_known: int) -> str:
    """Say where a value stands among those of all users of whom it is known.

    Examples
    --------
    >>> place_words(0.97, 0.01, 500)
    'more than 97.0 % of 500 users'
    >>> place_words(0.02, 0.01, 500)
    'less than 97.0 % of 500 users'
    >>> place_words(0.0, 0.625, 8)
    'the same as 62.5 % of 8 users, and nobody has less'
    """
    above = max(1 - below - equal, 0.0)
    of = f"of {n_known:,} users"
    if equal > max(below, above):
        others = [word for share, word in ((below, "less"), (above, "more")) if share == 0]
        said = f"the same as {percent(equal)} {of}"
        return f"{said}, and nobody has {others[0]}" if len(others) == 1 else said
    return f"more than {_at_least(below)} {of}" if below >= above else f"less than {_at_least(above)} {of}"


def _at_least(share: float) -> str:
    """Write a share rounded down: all but one of 5,000 users are not all of them."""
    return percent(floor(share * 1000 + 1e-9) / 1000)


def remarkable_sentences(among: Standing, most: int = 5) -> list[str]:
    """Say in which features the user stands out, the most striking first; none where there is none."""
    found = []
    for row in among.remarkable(most, most_of_group=2).itertuples(index=False):
        if abs(row.place - 0.5) < REMARKABLE:
            break
        found.append(
            f"{row.title}: {value_words(row.value, row.unit)}, {place_words(row.below, row.equal, row.n_known)}"
            f" (the middle user: {value_words(row.median, row.unit)})."
        )
    return found


def standing_definition(among: Standing) -> str:
    """Say what the comparison with the others means."""
    return (
        f"Every feature is as of {day_words(among.on)}, the last day that is looked at, of {among.n_users:,} users who"
        " had been active by then. A user is compared with those of whom the feature is known, their number beside it;"
        " who has the same value stands in the middle of all who have it. What is not known is empty, never 0."
    )


def timeline_title(period: str) -> str:
    """Say what a bar of the timeline is."""
    return f"Events a {period}"


def timeline_alt(found: Timeline) -> str:
    """Describe the timeline to somebody who does not see it."""
    totals = found.frame[list(found.kinds)].sum(axis=1)
    top = int(totals.to_numpy().argmax())
    kinds = ", ".join(f"{kind} {int(found.frame[kind].sum()):,}" for kind in found.kinds)
    return (
        f"Events of the user by {found.period}, stacked by kind: {kinds}. Most in the {found.period} of"
        f" {day_words(found.frame['on'].iloc[top])}: {int(totals.iloc[top]):,}. Quiet in"
        f" {int((totals == 0).sum())} of {len(totals)} {found.period}s."
    )


def timeline_caption(found: Timeline, timezone: str) -> str:
    """Say what the bars hold and which of them are not what they seem."""
    parts = [f"All events of the user by {found.period} ({timezone})."]
    if found.merged:
        parts.append(f"“{OTHER}” holds {', '.join(found.merged)}.")
    if (found.frame["state"] == "in_progress").any():
        parts.append(f"The last {found.period} goes on: hatched.")
    if found.frame["touches_gap"].any():
        parts.append("Crossed: rests on a stretch that is marked missing; what happened then is not known.")
    return " ".join(parts)


def label_kind(name: str) -> tuple[str, str]:
    """Split the name of a label into what it is and what it is called.

    Examples
    --------
    >>> label_kind("segment:Shoppers v2"), label_kind("tag:night shopper"), label_kind("risk:8 weeks")
    (('Segment', 'Shoppers v2'), ('Tag', 'night shopper'), ('Risk', '8 weeks'))
    """
    kind, colon, rest = name.partition(":")
    return (kind.capitalize(), rest) if colon and rest else ("Label", name)


def moves_words(name: str, moments: Sequence[tuple[int, str | None]], timezone: str) -> str:
    """Say how the value of a label changed.

    Examples
    --------
    >>> moves_words("segment:S v1", [(0, "New"), (86_400_000_000, None)], "UTC")
    'S v1: New (1 January 1970) → none (2 January 1970)'
    """
    said = " → ".join(f"{value or 'none'} ({local_day_words(us, timezone)})" for us, value in moments)
    return f"{label_kind(name)[1]}: {said}"


def contacts_words(contacts: pd.DataFrame) -> str:
    """Say how often campaigns wrote to the user, and how often they deliberately did not."""
    n_sent = int(contacts["is_sent"].sum())
    n_held = len(contacts) - n_sent
    said = f"Written to {times(n_sent)}" if n_sent else "Never written to"
    if n_held:
        said += f", and {times(n_held)} in a control group, which gets nothing so that the effect can be told"
    return said + "."
