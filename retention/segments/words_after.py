"""What came after the segments were fixed, in plain words."""

from __future__ import annotations

from math import isnan

import pandas as pd

from retention.cohorts.words import interval, percent
from retention.periods import date_of, local_day
from retention.segments.after import After
from retention.segments.spec_after import AfterUsersSpec
from retention.survival.curve import FEW, SurvivalCurves
from retention.survival.words import days, median_words

CAUTION = "A difference goes with the segment; it need not come from it."


def verdict(after: After) -> tuple[str, str]:
    """Say in one sentence what came after, and in a second how sure the difference is."""
    week = after.compared_week
    if week is None:
        return (
            "Which segment comes back more: cannot tell, for every week so far touches a stretch marked missing.",
            "Choose another day, or correct the gaps on the Data page.",
        )
    rows = after.weeks[(after.weeks["week"] == week) & (after.weeks["n"] > 0)]
    large = rows[rows["n"] >= FEW]
    rows = (large if len(large) else rows).sort_values("rate", ascending=False, kind="stable")
    best, worst = rows.iloc[0], rows.iloc[-1]
    when = f"in week {week} after {_day(after)}"
    if len(rows) == 1:
        return f"{_share(best)} of {best['name']} were active {when}.", CAUTION
    headline = (
        f"{_share(best)} of {best['name']} were active {when}, and {_share(worst)} of {worst['name']}."
    )
    n_clear, n = int((after.pairs["says"] != "cannot tell").sum()), len(after.pairs)
    corrected = ", corrected for looking at several at once" if n > 1 else ""
    sure = (
        f"No two segments differ clearly in that week: cannot tell (95 % intervals{corrected})."
        if not n_clear
        else f"{n_clear} of {n} pairs of segments differ clearly in that week (95 % intervals{corrected})."
    )
    return headline, f"{sure} {CAUTION}"


def _share(row: pd.Series) -> str:
    return f"{percent(float(row['rate']))} ({interval(float(row['low']), float(row['high']))})"


def _day(after: After) -> str:
    return f"{after.at_on.day} {after.at_on:%B %Y}"


def how_fixed(after: After) -> str:
    """Say how the segments were fixed, and why that makes the answer no circle."""
    who = "the saved model" if after.label else "the same settings"
    said = (
        f"Not circular: the segments were fixed at the beginning of {_day(after)} by {who}, from what was known by then, and only"
        " what came after is shown."
    )
    if after.label and after.learned_on and after.learned_on > after.at_on:
        said += (
            f" One thing is not from before: the model itself was learned from data up to {after.learned_on.day}"
            f" {after.learned_on:%B %Y}, so the borders between its segments know a little of what came after. The place of"
            " each user does not."
        )
    elif not after.label:
        said += " They were made anew as of that day, so that they can differ from those that you tune as of a later one."
    return said


def window_words(after: After) -> str:
    """Say which users and days the numbers are of."""
    asked, over = after.spec.weeks, after.n_weeks
    said = f"{after.n_users:,} users; {over} week{'' if over == 1 else 's'} of seven days from {_day(after)} on"
    if over < asked:
        said += f" are over of the {asked} asked for" if over != 1 else f" is over of the {asked} asked for"
    last = after.last_on
    said += f", the last one to {last.day} {last:%B %Y}."
    if after.n_left_out:
        said += f" {after.n_left_out:,} users had too few active days by then and are left out."
    return said


def gap_words(after: After) -> str:
    """Say which weeks touch a stretch marked missing; nothing where none does."""
    weeks = sorted({int(w) for w in after.weeks.loc[after.weeks["touches_gap"].astype(bool), "week"]})
    if not weeks:
        return ""
    listed = ", ".join(map(str, weeks))
    few = "Week" if len(weeks) == 1 else "Weeks"
    return f"{few} {listed} touch{'es' if len(weeks) == 1 else ''} a stretch marked missing: hollow in the chart, and in no verdict."


def lapse_words(after: After) -> tuple[str, str]:
    """Say what the curves of lapsing show, and who is in them."""
    curves = after.curves
    if curves is None:
        if after.known_from > date_of(local_day(after.clock.as_of_us, after.clock.timezone)):
            return (
                "Not yet known.",
                f"A lapse is {days(float(after.window_days))} of silence. Nobody's silence from {_day(after)} on can have ended"
                f" before {after.known_from.day} {after.known_from:%B %Y}. Choose an earlier day.",
            )
        return (
            "Nobody is left to follow.",
            f"Every user in a segment had been silent for {days(float(after.window_days))} already.",
        )
    # All that are censored are so at the same age, so the end of each curve is of the same day.
    ends = {group.name: group.at(group.last_age)[0] for group in curves.groups if group.n >= FEW}
    ends = ends or {group.name: group.at(group.last_age)[0] for group in curves.groups if group.n}
    best, worst = max(ends, key=lambda name: ends[name]), min(ends, key=lambda name: ends[name])
    n_clear, n = int((curves.comparisons["says"] != "cannot tell").sum()), len(curves.comparisons)
    last = curves.last_known_on
    headline = (
        f"By {last.day} {last:%B %Y}, {percent(ends[best])} of {best} had not lapsed"
        + (f", and {percent(ends[worst])} of {worst}." if worst != best else ".")
    )
    sure = "" if not n else (
        f"{n_clear} of {n} pair{'' if n == 1 else 's'} of segments differ clearly (log-rank test of the whole curves"
        f"{', corrected' if n > 1 else ''}). " if n_clear
        else f"Whether any two segments differ: cannot tell (log-rank test, {n} pair{'' if n == 1 else 's'}). "
    )  # fmt: skip
    n_followed, n_silent = sum(g.n for g in curves.groups), sum(g.gone_before for g in curves.groups)
    return headline, (
        f"{sure}Followed are {n_followed:,} users who had been active in the {after.window_days} days before; {n_silent:,} had"
        f" been silent for longer already and are left out. A curve begins below 100 %: who never came back lapsed on day 0."
        f" It ends on {last.day} {last:%B %Y}, the last day on which everybody's status is known."
        + over_gap_words(curves)
    )


def over_gap_words(curves: SurvivalCurves) -> str:
    """Say how many lapses rest on a stretch marked missing; nothing where none does.

    The sentence begins with a blank, to follow another one.
    """
    n = curves.n_over_gaps
    if not n:
        return ""
    of_all = sum(group.observed for group in curves.groups)
    return (
        f" Of {of_all:,} lapses, {n:,} rest on a silence that reaches across a stretch marked missing: whoever was active only"
        " then counts as lapsed all the same."
    )


def revenue_words(after: After) -> tuple[str, str]:
    """Say which segment brought in the most, and how that is counted."""
    rows = after.revenue
    if rows is None:
        return "", "The store holds no orders, so there is no revenue to share out."
    known = rows[rows["n"] > 0]
    if not float(known["net"].abs().sum()):
        return "Nobody ordered anything in these weeks.", ""
    most = known.loc[known["net"].idxmax()]
    share = "" if isnan(float(most["value_share"])) else f" brought in {percent(float(most['value_share']))} of the revenue"
    size = percent(float(most["n"]) / after.n_users)
    headline = f"{most['name']}, {size} of the users,{share or ' brought in the most'}: {_money(most['net_per_user'])} per user."
    return headline, (
        f"Value of orders from {_day(after)} to {after.last_on.day} {after.last_on:%B %Y}, less what was paid back of these"
        " orders by the end of the data, divided by all users of the segment, those who bought nothing included. In brackets"
        " and as a line: the 95 % interval of the mean."
    )


def _money(value: float) -> str:
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"


def money(value: float, low: float, high: float) -> str:
    """Write an amount with its interval.

    Examples
    --------
    >>> money(12.5, 10.0, 15.0), money(1234.5, float("nan"), float("nan"))
    ('12.50 (10.00 to 15.00)', '1,234')
    """
    return _money(value) + ("" if isnan(low) else f" ({_money(low)} to {_money(high)})")


def lapse_rows(after: After) -> list[dict[str, object]]:
    """Lay the followed users of each segment out."""
    if after.curves is None:
        return []
    return [
        {
            "Segment": group.name,
            "Users followed": group.n,
            "Lapsed": group.observed,
            "Not known to have lapsed": group.censored,
            "Silent already": group.gone_before,
            "Half have lapsed after": median_words(group) if group.n else "",
        }
        for group in after.curves.groups
    ]


DID_WORDS = {
    "active": "active in week {week}",
    "not active": "not active in week {week}",
    "lapsed": "lapsed",
    "not lapsed": "not known to have lapsed",
    "silent already": "silent already when the segments were fixed",
}


def did_words(did: str, week: int | None) -> str:
    """Say what the users of a list did.

    Examples
    --------
    >>> did_words("not active", 3), did_words("lapsed", None)
    ('not active in week 3', 'lapsed')
    """
    return DID_WORDS[did].format(week=week)


def users_words(spec: AfterUsersSpec, label: str, window: int) -> str:
    """Say whose users a list holds."""
    at_on = spec.after.at
    made = f"of {label}, scored" if label else "of segments made"
    day = f"{at_on.day} {at_on:%B %Y}" if at_on else ""
    return (
        f"Users in “{spec.segment}” {made} as of the beginning of {day}: those {did_words(spec.did, spec.week)}. Weeks are"
        f" seven days from then on; a lapse is {window} days of silence."
    )


def definition(after: After) -> str:
    """Say what the numbers mean, from the settings and nothing else."""
    return (
        f"{how_fixed(after)} Week 0 is the seven days that begin with {_day(after)}. A user is active in a week with any activity"
        f" in it; the share is of all users of the segment, with Wilson's 95 % interval. Only weeks that are over are shown. A"
        f" user lapses when {after.window_days} days pass without activity (the store's setting); the time of it is the last"
        f" activity before, or day 0 where that lies before {_day(after)}. Who was active within the last {after.window_days}"
        " days of the data is not known to have lapsed and counts up to the day before those. The curves are Kaplan and Meier's"
        " estimate with Greenwood's band on the log(−log) scale."
    )
