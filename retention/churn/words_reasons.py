"""Why a user is scored so and when users lapse, in words for people who act on it."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan

import pandas as pd

from retention.churn.reasons import SMALL, Dependence, Reason, UserReasons, Values, WhatIf, chance, title_of
from retention.churn.when import LapseTimes
from retention.features.spec_registry import MONEY_WINDOWS, REGISTRY
from retention.periods import date_of

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
STRONG, SOME = 0.7, 0.2
"""Log-odds: from one half a step of 0.7 leads to two thirds, one of 0.2 to 55 %."""


def percent(share: float) -> str:
    """Write a share.

    Examples
    --------
    >>> percent(0.724), percent(0.0004), percent(0.9999), percent(float("nan"))
    ('72 %', 'below 1 %', 'above 99 %', '–')
    """
    if isnan(share):
        return "–"
    if 0 < share < 0.005:
        return "below 1 %"
    if 0.995 < share < 1:
        return "above 99 %"
    return f"{share:.0%}".replace("%", " %")


def points(change: float) -> str:
    """Write a change of a share.

    Examples
    --------
    >>> points(0.114), points(-0.02)
    ('+11 points', '−2 points')
    """
    return f"{change * 100:+.0f} points".replace("-", "−")


def many(n: float, one: str, several: str = "") -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> many(1, "day"), many(0, "day"), many(1200, "user")
    ('1 day', 'no days', '1,200 users')
    """
    noun = one if n == 1 else several or f"{one}s"
    return f"no {noun}" if n == 0 else f"{n:,.0f} {noun}"


def value_words(feature: str, value: float) -> str:
    """Write a value with its unit.

    Examples
    --------
    >>> value_words("gap_mean", 9.25), value_words("share_weekend", 0.4), value_words("gap_mean", float("nan"))
    ('9.2 days', '40 %', 'not known')
    """
    if isnan(value):
        return "not known"
    unit = REGISTRY[feature].unit if feature in REGISTRY else ""
    if unit == "share":
        return percent(value)
    if unit == "money":
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
    text = (
        f"{value:,.0f}"
        if value == round(value) or abs(value) >= 100
        else f"{value:.1f}"
        if abs(value) >= 1
        else f"{value:.2f}"
    )
    text = text.replace("-", "−")
    match unit:
        case "times":
            return f"{text} times"
        case "from −1 to 1" | "from 0 to 1" | "":
            return text
        case "hour of day":
            return f"{int(value):02d}:{int(value % 1 * 60):02d}"
        case "weekday":
            return WEEKDAYS[round(value) % 7]
    return f"{text} {_singular(unit) if value == 1 else unit}"


def _singular(unit: str) -> str:
    return unit[:-2] if unit.endswith("ches") else "category" if unit == "categories" else unit.removesuffix("s")


def _known(values: Values, name: str) -> float:
    return values.get(name, float("nan"))


def _silence(values: Values) -> str:
    days, gap = _known(values, "days_since_last"), _known(values, "gap_mean")
    if isnan(days):
        ratio = _known(values, "silence_ratio")
        return "only one visit so far" if isnan(ratio) else f"silent for {ratio:.1f} times the usual gap"
    said = "a visit on the last day" if days == 0 else f"no visit for {many(days, 'day')}"
    if not isnan(gap):
        return f"{said} (usual gap {gap:.0f})" if gap >= 1.5 else f"{said} (usual gap {gap:.1f})"
    return f"{said} (came on one day only)" if _known(values, "active_days") == 1 else said


def _counted(values: Values, what: str, one: str, several: str) -> str:
    total = _known(values, what)
    if total == 0:
        return many(0, one, several)
    lately = next(((n, values[f"{what}_{n}"]) for n in (30, 60, 90, 180, 14, 7) if f"{what}_{n}" in values), None)
    parts = [] if isnan(total) else [many(total, one, several)]
    if lately is not None and not isnan(lately[1]):
        count = many(lately[1], one, several) if not parts else "none" if lately[1] == 0 else f"{lately[1]:,.0f}"
        parts.append(
            f"{count} of them in the last {lately[0]} days"
            if parts and lately[1]
            else f"{count} in the last {lately[0]} days"
        )
    return ", ".join(parts)


def _visits(values: Values) -> str:
    said = [
        _counted(values, "active_days", "day with a visit", "days with a visit"),
        _trend(values, "trend_active_days"),
    ]
    return "; ".join(part for part in said if part)


def _trend(values: Values, name: str) -> str:
    trend = _known(values, name)
    if isnan(trend):
        return ""
    return "lately more often than before" if trend > 0.2 else "lately less often than before" if trend < -0.2 else ""


def _activity(values: Values) -> str:
    rate = _known(values, "events_per_day")
    said = [_counted(values, "events", "event", "events"), "" if isnan(rate) else f"{rate:.1f} events a visit"]
    return "; ".join(part for part in said if part)


def _rhythm(values: Values) -> str:
    gap, last = _known(values, "gap_mean"), _known(values, "gap_last")
    if isnan(gap):
        return "too few visits to have a rhythm"
    said = f"a visit every {gap:.1f} days" if gap < 10 else f"a visit every {gap:.0f} days"
    return said if isnan(last) else f"{said}, the last gap {last:.0f}"


def _tenure(values: Values) -> str:
    days = _known(values, "days_since_first")
    if isnan(days):
        order = _known(values, "days_since_first_order")
        return "no order yet" if isnan(order) else f"first order {many(order, 'day')} ago"
    return f"known for {many(days, 'day')}"


def _order_silence(values: Values) -> str:
    days, gap = _known(values, "days_since_last_order"), _known(values, "order_gap_mean")
    if isnan(days):
        return "no order so far" if "days_since_last_order" in values else "too few orders to have a rhythm"
    said = "an order on the last day" if days == 0 else f"no order for {many(days, 'day')}"
    return said if isnan(gap) else f"{said} (usually one every {gap:.0f})"


def _orders(values: Values) -> str:
    return _counted(values, "orders", "order", "orders")


def _money(values: Values) -> str:
    total = next(
        (values[n] for n in ("net", "gross", *(f"gross_{w}" for w in MONEY_WINDOWS[::-1])) if n in values), float("nan")
    )
    each = _known(values, "value_per_order")
    said = "nothing spent" if total == 0 else "" if isnan(total) else f"{total:,.0f} spent".replace("-", "−")
    if isnan(each):
        return said
    return f"{said}, {each:,.0f} an order" if said else f"{each:,.0f} an order"


WORDS: dict[str, Callable[[Values], str]] = {
    "Silence": _silence, "Visits": _visits, "Activity": _activity, "Rhythm of visits": _rhythm, "Time known": _tenure,
    "Time without an order": _order_silence, "Orders": _orders, "Money spent": _money,
}  # fmt: skip


def reason_words(reason: Reason, values: Values) -> str:
    """Say what is known of a user that is a reason.

    Examples
    --------
    >>> silence = Reason("Silence", ("days_since_last", "silence_ratio"), 1.2, 0.0)
    >>> reason_words(silence, {"days_since_last": 41.0, "gap_mean": 9.2, "silence_ratio": 4.5})
    'no visit for 41 days (usual gap 9)'
    """
    said = WORDS[reason.title](values) if reason.title in WORDS else ""
    if said:
        return said
    return "; ".join(_named(name, values[name]) for name in reason.features)


def _named(feature: str, value: float) -> str:
    """Name a feature with its value, the unit only where the name does not say it."""
    title, said = title_of(feature), value_words(feature, value)
    number, _, unit = said.partition(" ")
    if unit and not isnan(value) and _singular(unit).lower() in title.lower():
        said = number
    return f"{title[:1].lower()}{title[1:]}: {said}"


def strength(part: float) -> str:
    """Say how much a part moves the risk.

    Examples
    --------
    >>> strength(1.0), strength(-0.3), strength(0.05)
    ('raises the risk much', 'lowers the risk somewhat', 'raises the risk a little')
    """
    way = "raises" if part > 0 else "lowers"
    how = "much" if abs(part) >= STRONG else "somewhat" if abs(part) >= SOME else "a little"
    return f"{way} the risk {how}"


def told_reasons(found: UserReasons, most: int = 5) -> tuple[Reason, ...]:
    """Choose the reasons worth a word: those that move the score, and more than chance of the sampling would."""
    return tuple(r for r in found.reasons if abs(r.part) >= max(SMALL, 2 * r.error))[:most]


def because(found: UserReasons, most: int = 3) -> str:
    """Say the score with the weightiest reasons that speak for it: for a high score what raises it, else what lowers it."""
    is_high = found.probability >= chance(found.base)
    chosen = [r for r in told_reasons(found, 99) if (r.part > 0) == is_high][:most]
    said = f"Risk of lapsing {percent(found.probability)}"
    if not chosen:
        return f"{said}: much as for other users."
    return f"{said}, because: {'; '.join(reason_words(r, found.values) for r in chosen)}."


def sum_sentence(found: UserReasons) -> str:
    """Say how the reasons add up."""
    return (
        f"The usual score is {percent(chance(found.base))}, and the reasons lead from there to {percent(found.probability)}: the"
        " bars add up exactly, on the scale of the odds, so the steps of the axis are not even. A reason is what the model has"
        " seen go with lapses; it need not cause them."
    )


def reason_table(found: UserReasons) -> pd.DataFrame:
    """Lay the reasons out for readers: Reason, What is known, Risk, Odds times."""
    return pd.DataFrame(
        {
            "Reason": [r.title for r in found.reasons],
            "What is known": [_capital(reason_words(r, found.values)) for r in found.reasons],
            "What it does": [
                strength(r.part) if abs(r.part) >= SMALL else "nothing worth a word" for r in found.reasons
            ],
            "Log-odds": [round(r.part, 3) for r in found.reasons],
        }
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def what_if_sentence(found: WhatIf, changes: Values) -> str:
    """Say what another value would do to the score."""
    told = " and ".join(f"“{title_of(name)}” were {value_words(name, value)}" for name, value in changes.items())
    change = found.after - found.before
    said = f"If {told}, the score would be {percent(found.after)} instead of {percent(found.before)}"
    return f"{said} ({points(change)})." if round(abs(change) * 100) else f"{said}: no change worth a word."


def follow_sentence(found: WhatIf) -> str:
    """Say which features changed along; nothing where none did."""
    if not found.follow:
        return ""
    told = "; ".join(f"“{title_of(name)}” {value_words(name, found.values[name])}" for name in found.follow)
    return f"What is made of it changes along: {told}."


def unseen_sentence(found: WhatIf) -> str:
    """Say which values nobody had; nothing where somebody did."""
    if not found.unseen:
        return ""
    told = ", ".join(f"“{title_of(name)}”" for name in found.unseen)
    return f"No user who was scored has such a value of {told}: the model guesses there."


def dependence_sentence(found: Dependence) -> str:
    """Say how the score goes with a feature."""
    curve, title = found.curve, title_of(found.feature)
    if len(curve) < 2:
        return f"“{title}” is the same for everybody, so no score goes with it."
    first, last = curve.iloc[0], curve.iloc[-1]
    change = float(last["mean"]) - float(first["mean"])
    ends = [value_words(found.feature, float(row["value"])) for row in (first, last)]
    if float(curve["mean"].max() - curve["mean"].min()) < 0.01:
        return f"The score hardly goes with “{title}”: from {ends[0]} to {ends[1]} the mean moves by less than 1 point."
    return (
        f"With {ends[0]} of “{title}” the mean score is {percent(float(first['mean']))}, with {ends[1]}"
        f" {percent(float(last['mean']))} ({points(change)})."
    )


# --- when ------------------------------------------------------------------------------------------------


def when_sentence(found: LapseTimes) -> str:
    """Say how many users have paid their last visit, will soon, or stay."""
    users = found.users
    gone = int((users["median"] == 0).sum())
    lasting = int(users["median"].isna().sum())
    between = found.n_users - gone - lasting
    return (
        f"Of {found.n_users:,} users {gone:,} have paid their last visit already, more likely than not; {between:,} will have"
        f" within {found.follow_days} days, and {lasting:,} are expected to stay longer than that."
    )


def judged_sentence(found: LapseTimes) -> str:
    """Say how good that was on later lives."""
    row = found.models.iloc[0]
    if isnan(float(row["concordance"])):
        return (
            "The data are too short to judge this on later users: take it as a first guess, and look again when there are"
            " more."
        )
    low, high, by = float(row["by_median_low"]), float(row["by_median_high"]), float(row["by_median"])
    if isnan(by):
        said = "Whether the days are right cannot be told: too few lives ended in time."
    elif low <= 0.5 <= high:
        said = f"The days are right as far as can be told: {percent(by)} had paid their last visit by their middle day, and 50 % should have."
    else:
        early = "sooner" if by > 0.5 else "later"
        said = (
            f"The days are off: {percent(by)} had paid their last visit by their middle day where 50 % should have, so users"
            f" went {early} than was said."
        )
    is_use = float(row["low"]) > 0.5
    order = (
        f"Of two users, the one expected to stay longer did in {percent(float(row['concordance']))} of cases (95 % interval"
        f" {percent(float(row['low']))} to {percent(float(row['high']))})"
        if is_use
        else "Which of two users stays longer cannot be told better than by tossing a coin"
    )
    return f"Judged on {found.n_judged:,} later users. {order}. {said}"


def lifetime_words(days: float, follow_days: int) -> str:
    """Write a length of life.

    Examples
    --------
    >>> lifetime_words(0.0, 90), lifetime_words(12.4, 90), lifetime_words(float("nan"), 90)
    ('already', 'in 12 days', 'not within 90 days')
    """
    if isnan(days):
        return f"not within {follow_days} days"
    return "already" if days < 0.5 else f"in {many(round(days), 'day')}"


def user_when_sentence(found: LapseTimes, row: pd.Series) -> str:
    """Say when the last visit of one user is expected."""
    median, low, high = (float(row[name]) for name in ("median", "low", "high"))
    cutoff = int(pd.Timestamp(found.cutoff_on).toordinal() - pd.Timestamp("1970-01-01").toordinal())

    def on(days: float) -> str:
        day = date_of(cutoff + int(days))
        return f"{day.day} {day:%B %Y}"

    gone = f"The chance that the last visit has been already is {percent(float(row['gone']))}."
    if isnan(median):
        return (
            f"More likely than not this user stays beyond {on(found.follow_days)}, as far as can be said"
            f" ({percent(float(row['lasting']))}). {gone}"
        )
    ends = "before this day" if low < 0.5 else on(low)
    until = f"not before {on(found.follow_days)}" if isnan(high) else on(high)
    if median < 0.5:
        return f"More likely than not this user has paid the last visit. {gone} Four in five such users: from {ends} to {until}."
    return f"The last visit is expected around {on(median)}; for four in five such users it lies from {ends} to {until}. {gone}"


def when_definition(found: LapseTimes) -> str:
    """Say what the numbers mean."""
    return (
        f"Days run from {found.cutoff_on} to the last visit before the first {found.window_days} days without one. Users who had"
        f" been silent for {found.window_days} days by then are left out ({found.n_silent:,}). Whoever came in the last"
        f" {found.window_days} days of the data is not known to have lapsed (“censored”), and counts as staying at least so long."
        f" Nothing is said beyond {found.follow_days} days, because no life was followed longer. It was learned from"
        f" {found.n_rows:,} lives (a user once for each of {len(found.plan.train_days)} starting days), of which"
        f" {found.n_observed:,} were seen to end. First the chance that a user has paid the last visit already (logistic"
        " regression), then for the others Weibull’s law of lifetimes with a scale that goes with the features. The linear"
        " regressions can learn from observed lapses only, so they take users for shorter-lived than they are: they stand here"
        " because articles name them, and because the weighted one shows what can be mended."
    )
