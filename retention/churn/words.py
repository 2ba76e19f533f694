"""What the At risk page says: the lapse, the age of scores, the slider, and the assumptions behind the money."""

from __future__ import annotations

from datetime import date
from math import ceil, floor, isnan

from retention.churn.judgement import Figure
from retention.churn.money import SURENESS, Offer
from retention.churn.reach import Point, Reach
from retention.churn.scores import Scoring
from retention.churn.spec import ChurnSpec, LapseSpec
from retention.churn.words_report import title_of

NOT_PERSUADABLE = (
    "A high risk does not say that a contact would keep the user: risk is not persuadability. Some leave whatever you do, and"
    " many stay anyway. Only a test with a group that is left alone tells whom a contact keeps."
)


def model_words(name: str) -> str:
    """Name a model inside a sentence.

    Examples
    --------
    >>> model_words("boosting"), model_words("bgnbd"), model_words("svm")
    ('gradient boosting', 'BG/NBD expected purchases', 'linear SVM')
    """
    said = title_of(name)
    return said if said[:2].isupper() or said.startswith(("Cox", "Transformer")) else said[:1].lower() + said[1:]


def day_words(on: date) -> str:
    """Write a date.

    Examples
    --------
    >>> day_words(date(2026, 3, 1))
    '1 March 2026'
    """
    return f"{on.day} {on:%B %Y}"


def amount(value: float) -> str:
    """Write money; the store knows no currency.

    Examples
    --------
    >>> amount(1234.5), amount(-3.2), amount(0.0), amount(float("nan"))
    ('1,234', '−3.20', '0', '–')
    """
    if isnan(value):
        return "–"
    text = f"{abs(value):,.0f}" if abs(value) >= 9.995 or value == round(value) else f"{abs(value):,.2f}"
    return f"−{text}" if value < 0 and text.strip("0.,") else text


def share(value: float) -> str:
    """Write a share as a percentage.

    Examples
    --------
    >>> share(0.4213), share(0.031), share(1.0), share(float("nan"))
    ('42 %', '3.1 %', '100 %', '–')
    """
    if isnan(value):
        return "–"
    return f"{value * 100:.0f} %" if value >= 0.0995 or value == 0 else f"{value * 100:.1f} %"


def whole(figure: Figure) -> str:
    """Write an expected number of users with its interval, rounded outwards.

    Examples
    --------
    >>> whole(Figure(311.6, 280.2, 343.1))
    '312 (280 to 344)'
    """
    return f"{figure.value:,.0f} ({floor(figure.low + 1e-9):,} to {ceil(figure.high - 1e-9):,})"


def part(figure: Figure) -> str:
    """Write a share with its interval.

    Examples
    --------
    >>> part(Figure(0.6, 0.52, 0.68)), part(Figure(float("nan"), float("nan"), float("nan")))
    ('60 % (52 to 68 %)', '–')
    """
    if isnan(figure.value):
        return "–"
    low, high = share(figure.low), share(figure.high)
    return f"{share(figure.value)} ({low.removesuffix(' %')} to {high})"


def money(figure: Figure) -> str:
    """Write an amount with its interval.

    Examples
    --------
    >>> money(Figure(700.0, -1500.0, 3400.0))
    '700 (−1,500 to 3,400)'
    """
    return f"{amount(figure.value)} ({amount(figure.low)} to {amount(figure.high)})"


def headline(sentence: str) -> tuple[str, str]:
    """Take a verdict apart: what is to be believed, and why.

    Examples
    --------
    >>> headline("Reliable enough to rank: of two users, one …")
    ('Reliable enough to rank.', 'Of two users, one …')
    >>> headline("No better than days since the last visit: use the rule. (ROC AUC +0.002 …)")
    ('No better than days since the last visit: use the rule.', '(ROC AUC +0.002 …)')
    """
    first, colon, rest = sentence.partition(": ")
    if colon and not rest.startswith("use the rule"):
        return f"{first}.", rest[:1].upper() + rest[1:]
    first, stop, rest = sentence.partition(". ")
    return (f"{first}.", rest) if stop else (sentence, "")


def age_words(scoring: Scoring, model: str, made_at: str, reach_to: date) -> str:
    """Say as of when users were scored, and whether the data have moved on.

    Parameters
    ----------
    made_at : str
        When, in the store's zone.
    reach_to : date
        The day that the data reach up to now.
    """
    said = (
        f"As of {day_words(scoring.cutoff)}: what happened on that day or later was not looked at."
        f" Scored {made_at} by version {scoring.version} ({model_words(model)})."
    )
    if scoring.is_current:
        return said
    return f"{said} The data have changed since, and now reach {day_words(reach_to)}."


def differences(asked: ChurnSpec, made: ChurnSpec) -> list[str]:
    """Say where what is asked for is not what the model was made for.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from retention.features.spec import FeatureSpec
    >>> one = ChurnSpec(features=FeatureSpec(presets=("rfm",)))
    >>> differences(replace(one, lapse=LapseSpec(horizon_days=30), model="tree"), one)
    ['horizon 30 days (now 90)', 'decision tree (now gradient boosting)']
    """
    found = []
    for name, word in (("horizon_days", "horizon"), ("gap_days", "gap"), ("lookback_days", "look-back")):
        want, have = getattr(asked.lapse, name), getattr(made.lapse, name)
        if want != have:
            found.append(f"{word} {want} days (now {have})")
    if asked.lapse.events != made.lapse.events:
        found.append("other events that keep a user")
    if asked.lapse.where != made.lapse.where:
        found.append("other users")
    if set(asked.features.asked) != set(made.features.asked):
        found.append("other features")
    if asked.model != made.model:
        found.append(f"{model_words(asked.model)} (now {model_words(made.model)})")
    if asked.cutoff != made.cutoff:
        found.append("another day" if asked.cutoff is None else f"as of {day_words(asked.cutoff)}")
    for name, word in (("n_backtests", "number of held-back cut-offs"), ("tune_seconds", "time for trying settings")):
        if getattr(asked, name) != getattr(made, name):
            found.append(f"another {word}")
    return found


def catch_words(point: Point, reach: Reach) -> str:
    """Say whom the riskiest users hold."""
    if not point.n:
        return "Nobody is contacted."
    who = "the user with the highest risk" if point.n == 1 else f"the {point.n:,} riskiest users"
    return (
        f"Of {who}, {whole(point.caught)} are expected to lapse, and {whole(point.bothered)} to stay anyway, bothered without"
        f" need. That reaches {part(point.recall)} of the {reach.expected:,.0f} users, of {reach.n_users:,}, who are expected to"
        " lapse."
    )


def seen_words(point: Point, reach: Reach, held_back_on: date) -> str:
    """Say what the same share of users was at the held-back cut-off, where the outcome is known."""
    if isnan(point.seen_precision.value):
        return "No held-back cut-off is there to compare with."
    return (
        f"Seen, not expected: among the riskiest {share(point.n / reach.n_users)} as of {day_words(held_back_on)},"
        f" {part(point.seen_precision)} lapsed; they were {part(point.seen_recall)} of all who lapsed then."
    )


def money_words(point: Point, reach: Reach, offer: Offer) -> str:
    """Say what contacting them costs and may bring."""
    if not point.n:
        return "Nothing is spent, and nothing is saved."
    if not point.n_valued:
        return (
            f"It costs {money(point.cost)}. What it brings cannot be said: no order of these users is known. Name a value of a"
            " user to see it."
        )
    said = (
        f"It costs {money(point.cost)} and brings {money(point.brings)}, so {money(point.net)} net: their value at risk is"
        f" {amount(point.at_risk.value)}, of which {share(offer.saving.mean)} is assumed to be saved."
    )
    if point.n_valued < point.n:
        said += f" The value of {point.n - point.n_valued:,} of them is not known: they count in the cost only."
    return said


def saving_words(offer: Offer) -> str:
    """Say what the money rests on, in a sentence."""
    saving = offer.saving
    return (
        f"The money rests on an assumption, not a measurement: of 100 contacted users who would lapse, {saving.mean * 100:.0f}"
        f" stay because of it, perhaps {saving.low * 100:.0f} to {saving.high * 100:.0f} (a beta({saving.alpha}, {saving.beta})"
        " distribution)."
    )


def assumption_words(offer: Offer, lapse: LapseSpec) -> list[str]:
    """Say what else the money rests on, a paragraph each."""
    worth = (
        f"what the user's orders of the last {lapse.lookback_days} days brought, less refunds, per {lapse.horizon_days} days."
        " Who ordered nothing in them has no value that is known"
        if offer.value is None
        else f"{amount(offer.value)} for every user"
    )
    return [
        f"**Save rate.** Nobody has measured it in your shop: only a test with a group that is left alone does. It is taken to be"
        f" as sure as {SURENESS} tries would make it. Verbraken, Verbeke and Baesens (2013) assume beta(6, 14), a mean of 30 %,"
        " for telephone companies.",
        f"**Cost.** A contact costs {amount(offer.contact_cost)}. Whoever stays takes an incentive of {amount(offer.incentive)},"
        " also those who would have stayed anyway.",
        f"**Value.** A user who stays is worth {worth}. Nothing later is counted.",
        "**Largest expected profit.** For each save rate that may be, the best number of users is found; what is shown is the mean"
        " of these over the assumed distribution (expected maximum profit, EMP).",
    ]


def spread_words(reach: Reach, season: str = "") -> str:
    """Say what the intervals hold, and what they do not.

    Parameters
    ----------
    season : str
        What is known of the level at this time of the year; see `scores.Scoring`.
    """
    said = "Intervals are 95 %: the luck of who lapses"
    if reach.is_error_known:
        said += ", how far the score was off at the held-back cut-offs, and, for money, how unsure the save rate is."
    else:
        said += (
            " and, for money, how unsure the save rate is. How far the score may be off is not in them: too few lapsed, or"
            " stayed, at the held-back cut-off to tell."
        )
    if season.startswith("Calibration unknown"):
        said += " The season is not in them: what is usual at this time of the year is not known, so more or fewer may lapse."
    return said


def profit_words(n: int, reach: Reach, offer: Offer) -> str:
    """Say how many users the expected profit is largest with."""
    if offer.value is None and not reach.n_valued:
        return "No order of these users is known, so profit cannot be spoken of. Name a value of a user under the costs."
    if not n:
        return "With these costs and values, contacting nobody has the largest expected profit."
    return (
        f"The expected profit is largest with the {n:,} riskiest users, averaged over the assumed save rates (expected maximum"
        " profit, EMP)."
    )
