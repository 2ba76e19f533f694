"""Headline numbers in plain words: formatted, compared, and as findings."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from retention.cohorts.words import percent
from retention.headlines.curves import span
from retention.headlines.decompose import Explanation, Part
from retention.headlines.figures import Change, Headline, Value
from retention.headlines.spec import REPEAT_DAYS, VALUE_DAYS, Metric, Unit, number_word

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

MINUS = "−"
SENTENCES = {
    "active-users": "On average {value} users were active in a week",
    "new-users": "On average {value} users a week were new",
    "week-1-retention": "Of the users who started, {value} were active in the week after",
    "week-4-retention": "Of the users who started, {value} were active in the fourth week after",
    "lapse-rate": "Of the users at risk, {value} lapsed in a week",
    "quick-ratio": "For each user who fell silent for a week, {value} were gained",
    "stickiness": "On a day, {value} of the users of the last 28 days were active",
    "repeat-purchase": f"Of the new customers, {{value}} bought again within {REPEAT_DAYS} days",
    "value-30": f"A new customer was worth {{value}} in the first {VALUE_DAYS} days, net of refunds",
    "net-revenue-retention": "The customers of {then} spent {value} of what they had spent then, net of refunds",
}
"""How a finding about each number begins."""


def written(value: float, unit: Unit) -> str:
    """Write a headline number with the digits it can bear.

    Examples
    --------
    >>> written(1316.0, "users"), written(0.4701, "rate"), written(1.17736, "ratio"), written(36.316, "money")
    ('1,316', '47.0 %', '1.18', '36.32')
    """
    if not isfinite(value):
        return "—"
    if unit == "rate":
        return percent(value)
    if unit == "users":
        return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.1f}"
    if unit == "money" and abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", MINUS)
    return f"{value:,.2f}".replace("-", MINUS)


def interval_words(value: Value, unit: Unit) -> str:
    """Write the interval of a headline number.

    Examples
    --------
    >>> interval_words(Value(0.47, 0.4197, 0.5211, 368), "rate")
    '42.0–52.1 %'
    """
    if unit == "rate":
        return f"{value.low * 100:.1f}–{value.high * 100:.1f} %"
    return f"{written(value.low, unit)}–{written(value.high, unit)}"


def signed(change: Change, value: float) -> str:
    """Write a change with its sign.

    Examples
    --------
    >>> signed(Change("points", 0.0666, -0.0102, 0.1419), -0.0102)
    '−1.0 points'
    """
    if change.kind == "points":
        digits = 2 if max(abs(change.difference), abs(change.low), abs(change.high)) < 0.01 else 1
        return f"{value * 100:+.{digits}f} points".replace("-", MINUS)
    if change.kind == "percent":
        return f"{value * 100:+.1f} %".replace("-", MINUS)
    return f"{value:+,.2f}".replace("-", MINUS)


def span_words(change: Change) -> str:
    """Write the interval of a change.

    Examples
    --------
    >>> span_words(Change("percent", 0.2348, 0.1974, 0.2734))
    '+19.7 to +27.3 %'
    """
    low, high = signed(change, change.low), signed(change, change.high)
    unit = high.rpartition(" ")[2] if " " in high else ""
    return f"{low.removesuffix(unit).strip()} to {high}" if unit else f"{low} to {high}"


def before_words(n_weeks: int) -> str:
    """Name the window that is compared with.

    Examples
    --------
    >>> before_words(4), before_words(1)
    ('the four weeks before', 'the week before')
    """
    return "the week before" if n_weeks == 1 else f"the {number_word(n_weeks)} weeks before"


def change_words(headline: Headline, n_weeks: int) -> str:
    """Say how a number changed, with what that allows to say."""
    change = headline.change
    if change is None:
        return headline.reason
    return f"{signed(change, change.difference)} vs {before_words(n_weeks)} ({span_words(change)}): {change.says}"


def basis_words(headline: Headline) -> str:
    """Say what a number rests on: how many, and which days."""
    if headline.now is None or headline.window is None:
        return headline.reason
    many = "" if headline.now.n == 0 else f"{headline.now.n:,} {headline.metric.of}, "
    return f"{many}{span(headline.window)}"


def definition(metric: Metric, clock: Clock, *, churn_window: int, n_weeks: int) -> str:
    """Say what a headline number means."""
    lapsed = f" The churn window is {churn_window} days." if metric.name == "lapse-rate" else ""
    weeks = "one complete week" if n_weeks == 1 else f"{number_word(n_weeks)} complete weeks"
    return (
        f"{metric.meaning}{lapsed} The window is the latest {weeks} for which it is known in full, without those that a"
        f" gap touches (weeks begin on {clock.week_start.capitalize()}, {clock.timezone}). {metric.method}"
    )


def finding(headline: Headline, n_weeks: int, *, is_short: bool = False) -> str:
    """Write a headline number and its change as one sentence; nothing where it is not known.

    Parameters
    ----------
    is_short : bool
        Without the number's own interval, which stands elsewhere.
    """
    if headline.now is None or headline.window is None:
        return ""
    metric, now = headline.metric, headline.now
    start = SENTENCES[metric.name].format(value=written(now.value, metric.unit), then=before_words(n_weeks))
    own = "" if is_short else f"; 95 % interval {interval_words(now, metric.unit)}"
    start = f"{start} ({span(headline.window)}{own})"
    change = headline.change
    if change is None:
        return f"{start}."
    by = f"{signed(change, change.difference)}, 95 % interval {span_words(change)}"
    if change.says == "cannot tell":
        return f"{start}; whether that differs from {before_words(n_weeks)}: cannot tell ({by})."
    return f"{start}, {change.says} than in {before_words(n_weeks)} ({by})."


def verdict_of(explanation: Explanation) -> str:
    """Say what a change is made of; a share of an explanation is never called a cause."""
    e = explanation
    unit = e.metric.unit
    change = f"{signed(e.change, e.change.difference)} ({span_words(e.change)}: {e.change.says})"
    biggest = e.split.groups.loc[e.split.groups["total"].abs().idxmax()]
    return (
        f"{e.metric.label} went from {written(e.rate_from.value, unit)} ({span(e.window_from)}) to"
        f" {written(e.rate_to.value, unit)} ({span(e.window_to)}), {change}."
        f" Split by {e.by}: {_part(e.split.mix)} goes with the mix of groups, {_part(e.split.within)} with rates inside"
        f" the groups. The largest part is that of {biggest['group']}"
        f" ({points(biggest['total'])})."
    )


def points(value: float) -> str:
    """Write a part of a change in percentage points.

    Examples
    --------
    >>> points(-0.0123)
    '−1.23 points'
    """
    return f"{value * 100:+.2f} points".replace("-", MINUS)


def _part(part: Part) -> str:
    if not isfinite(part.low):
        return f"{points(part.value)} (too few users for an interval)"
    low, high = points(part.low).removesuffix(" points"), points(part.high).removesuffix(" points")
    return f"{points(part.value)} ({low} to {high})"


def explain_definition(explanation: Explanation) -> str:
    """Say how the change was split."""
    e = explanation
    left_out = f" {e.n_left_out} weeks that a gap touches are left out." if e.n_left_out else ""
    return (
        f"{e.metric.meaning} The change is split by {e.by} as of each user's start (Kitagawa 1955): the mix part is what"
        f" the change of the groups' sizes comes to at their mean rates, the within part what the change of their rates"
        f" comes to at their mean sizes; together they are the change exactly. Intervals by the delta method; the"
        f" change by Newcombe's interval; groups corrected by Benjamini–Hochberg. A part goes with the change; it is not"
        f" said to cause it.{left_out}"
    )
