"""What a score is made of: the parts of it that features add, and what it would be with other values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, isnan, nan

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.churn.scores import Scoring
from retention.features.spec_registry import MONEY_WINDOWS, REGISTRY, WINDOWS

Floats = NDArray[np.float64]
Values = Mapping[str, float]
SMALL = 0.02
"""Log-odds that move a probability by less than half a point: not worth a word."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each feature adds to the score of each user, in log-odds.

    Attributes
    ----------
    features : tuple of str
    base : float
        Mean log-odds of the users that are compared with.
    values : ndarray, shape (n_users, n_features)
        Above 0 raises the risk.
    errors : ndarray, shape (n_users, n_features)
        Standard errors of the sampling; 0 where the parts are exact.
    """

    features: tuple[str, ...]
    base: float
    values: Floats
    errors: Floats

    @property
    def log_odds(self) -> Floats:
        """The scores that the parts add up to."""
        return self.base + self.values.sum(axis=1)


@dataclass(frozen=True, slots=True)
class Dependence:
    """How the score goes with one feature.

    Attributes
    ----------
    feature : str
    curve : DataFrame
        value, mean, low, median, high: the mean score of the users if all had this value, and where the middle 80 % of
        them lie.
    n_users : int
        Of whom the mean is.
    unknown_rate : float
        Share of the users for whom the feature is not known.
    """

    feature: str
    curve: pd.DataFrame
    n_users: int
    unknown_rate: float


def chance(log_odds: float) -> float:
    """Turn log-odds into a probability.

    Examples
    --------
    >>> chance(0.0)
    0.5
    """
    return 1 / (1 + exp(-min(max(log_odds, -35.0), 35.0)))


# --- reasons ---------------------------------------------------------------------------------------------

TOPICS = {
    "silence": ("Silence", ("days_since_last", "silence_ratio")),
    "visits": ("Visits", ("active_days", *(f"active_days_{n}" for n in WINDOWS), "trend_active_days")),
    "activity": ("Activity", ("events", *(f"events_{n}" for n in WINDOWS), "events_per_day", "trend_events")),
    "rhythm": ("Rhythm of visits", ("gap_mean", "gap_sd", "gap_last", "gap_last_ratio")),
    "tenure": ("Time known", ("days_since_first", "days_since_first_order")),
    "order silence": ("Time without an order", ("days_since_last_order", "order_gap_mean")),
    "orders": ("Orders", ("orders", *(f"orders_{n}" for n in WINDOWS), "order_rate")),
    "money": (
        "Money spent",
        ("gross", *(f"gross_{n}" for n in MONEY_WINDOWS), "net", "value_per_order", "trend_gross"),
    ),
    "refunds": ("Refunds", ("refunded", "refund_share")),
    "breadth": ("Breadth of the range", ("items", "categories", "items_seen", "event_kinds")),
    "searches": ("Searches", ("searches", "search_rate", "search_texts", "words_per_search")),
    "reviews": ("Reviews", ("reviews", "stars_mean", "sentiment")),
    "contacts": ("Contacts by campaigns", ("contacts", "contacts_30", "days_since_contact")),
}
"""Topic → (title, its features): features that tell the same story are one reason, whose parts add up."""
TOPIC_OF = {name: topic for topic, (_, names) in TOPICS.items() for name in names}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for a score.

    Attributes
    ----------
    title : str
    features : tuple of str
        Those of the model that it is about.
    part : float
        What it adds to the log-odds; above 0 raises the risk.
    error : float
        Its standard error; 0 where the part is exact.
    """

    title: str
    features: tuple[str, ...]
    part: float
    error: float


def title_of(feature: str) -> str:
    """Name a feature as the screen does.

    Examples
    --------
    >>> title_of("gap_mean")
    'Usual gap'
    """
    return REGISTRY[feature].title if feature in REGISTRY else feature


def reasons_of(parts: Contributions, place: int) -> tuple[Reason, ...]:
    """Gather the parts of one user's score by what they are about, the weightiest first; they add up as the parts do.

    Notes
    -----
    Errors of features of one topic are added as if they always went together, which is never too little.
    """
    found: dict[str, list[int]] = {}
    for j, name in enumerate(parts.features):
        found.setdefault(TOPIC_OF.get(name, name), []).append(j)
    reasons = [
        Reason(
            TOPICS[topic][0] if topic in TOPICS else title_of(topic),
            tuple(parts.features[j] for j in places),
            float(parts.values[place, places].sum()),
            float(parts.errors[place, places].sum()),
        )
        for topic, places in found.items()
    ]
    return tuple(sorted(reasons, key=lambda reason: (-abs(reason.part), reason.title)))


@dataclass(frozen=True, slots=True)
class UserReasons:
    """Why a user is scored so.

    Attributes
    ----------
    scoring : Scoring
    model : str
    user_key : int
    probability : float
        As the model says now, of what is known of the day of the scoring.
    stored : float
        As it was written when users were scored; the data of before that day may have changed since.
    base : float
        Mean log-odds of the users who were scored.
    reasons : tuple of Reason
        Weightiest first; with the base they add up to the log-odds of `probability`.
    values : mapping of feature to value
        What was known of the user; NaN where it was not known.
    medians : mapping of feature to value
        Of the users who were scored.
    n_compared : int
        Users that the score is compared with.
    parts : mapping of feature to float
        What each feature adds by itself.
    """

    scoring: Scoring
    model: str
    user_key: int
    probability: float
    stored: float
    base: float
    reasons: tuple[Reason, ...]
    values: Values
    medians: Values
    n_compared: int
    parts: Values

    @property
    def is_same(self) -> bool:
        """Whether the score is still what it was when it was written."""
        return abs(self.probability - self.stored) < 1e-6

    def table(self) -> pd.DataFrame:
        """Lay out every feature.

        Returns
        -------
        DataFrame
            feature, title, unit, value, median (of the users scored), log_odds (what it adds), topic; the weightiest first.
        """
        rows = [
            (
                name, title_of(name), REGISTRY[name].unit if name in REGISTRY else "", self.values[name], self.medians[name], part,
                next(reason.title for reason in self.reasons if name in reason.features),
            )
            for name, part in self.parts.items()
        ]  # fmt: skip
        columns = ["feature", "title", "unit", "value", "median", "log_odds", "topic"]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.sort_values("log_odds", key=lambda c: -c.abs(), kind="stable", ignore_index=True)


# --- what if ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What a score would be with other values.

    Attributes
    ----------
    before, after : float
        Probabilities.
    values : mapping of feature to value
        All that the changed user would have.
    follow : tuple of str
        Features that changed because they are made of the changed ones.
    impossible : tuple of str
        Why no user can have these values together, in sentences; the score then means little.
    unseen : tuple of str
        Features whose value nobody had when users were scored.
    """

    before: float
    after: float
    values: Values
    follow: tuple[str, ...]
    impossible: tuple[str, ...]
    unseen: tuple[str, ...]


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0 else nan


# Feature → (what it is made of, how); in an order in which each stands after its parts.
MADE_OF: dict[str, tuple[tuple[str, ...], Callable[..., float]]] = {
    "gap_mean": (
        ("days_since_first", "days_since_last", "active_days"),
        lambda first, last, n: _ratio(first - last, n - 1),
    ),
    "silence_ratio": (("days_since_last", "gap_mean"), _ratio),
    "gap_last_ratio": (("gap_last", "gap_mean"), _ratio),
    "events_per_day": (("events", "active_days"), _ratio),
    "order_rate": (("orders", "active_days"), _ratio),
    "search_rate": (("searches", "active_days"), _ratio),
    "value_per_order": (("gross", "orders"), _ratio),
    "refund_share": (("refunded", "gross"), _ratio),
    "net": (("gross", "refunded"), lambda gross, refunded: gross - refunded),
}


def followed(values: Values, changes: Values) -> tuple[dict[str, float], tuple[str, ...]]:
    """Change values, and with them what is made of them.

    Returns
    -------
    (values, names)
        All values, and those that followed.

    Examples
    --------
    >>> followed({"days_since_last": 10.0, "gap_mean": 5.0, "silence_ratio": 2.0}, {"days_since_last": 40.0})
    ({'days_since_last': 40.0, 'gap_mean': 5.0, 'silence_ratio': 8.0}, ('silence_ratio',))
    """
    found = {**values, **changes}
    moved, names = set(changes), list[str]()
    for name, (parts, made) in MADE_OF.items():
        if name in values and name not in changes and moved & set(parts) and all(part in found for part in parts):
            new = made(*(found[part] for part in parts))
            if not (new == found[name] or (isnan(new) and isnan(found[name]))):
                found[name] = new
                moved.add(name)
                names.append(name)
    return found, tuple(names)


def impossible(values: Values, lookback_days: int) -> tuple[str, ...]:
    """Say why no user can have these values together; nothing where one could.

    Parameters
    ----------
    lookback_days : int
        Only who was active within so many days is scored.

    Examples
    --------
    >>> impossible({"days_since_last": 41.0, "active_days_30": 3.0}, 180)
    ('No activity for 41 days does not go with 3 active days within the last 30.',)
    """

    def known(name: str) -> float:
        return values.get(name, nan)

    said: list[str] = []
    for name, value in values.items():
        unit = REGISTRY[name].unit if name in REGISTRY else ""
        # More can be paid back than was paid, where the order lies before the data.
        if isnan(value) or name in ("net", "sentiment", "refund_share"):
            continue
        if unit == "from −1 to 1" and abs(value) > 1:
            said.append(f"“{title_of(name)}” lies from −1 to 1.")
        elif unit in ("share", "from 0 to 1") and not 0 <= value <= 1:
            said.append(f"“{title_of(name)}” lies from 0 to 100 %.")
        elif unit != "from −1 to 1" and value < 0:
            said.append(f"“{title_of(name)}” cannot be below 0.")
    if known("days_since_last") >= lookback_days:
        said.append(f"Only users who were active within {lookback_days} days are scored.")
    for last, first, what in (
        ("days_since_last", "days_since_first", "last activity"), ("days_since_last_order", "days_since_first_order", "last order"),
    ):  # fmt: skip
        if known(last) > known(first):
            said.append(f"The {what} cannot lie before the first one.")
    if known("days_since_last_order") < known("days_since_last"):
        said.append("An order is activity: the last activity cannot lie before the last order.")
    if known("active_days") > known("days_since_first") - known("days_since_last") + 1:
        said.append(
            f"There are not {known('active_days'):g} different days between the first activity and the last one."
        )
    for what, last, one, silence in (
        ("active_days", "days_since_last", "active days", "activity"), ("events", "days_since_last", "events", "activity"),
        ("orders", "days_since_last_order", "orders", "order"),
    ):  # fmt: skip
        said += _windows(known, what, last, one, silence)
    spent = [(n, known(f"gross_{n}")) for n in MONEY_WINDOWS if f"gross_{n}" in values]
    for (short, little), (long, much) in zip(spent, [*spent[1:], (0, known("gross"))], strict=True) if spent else ():
        if little > much:
            said.append(f"More cannot be spent within {short} days than {f'within {long}' if long else 'ever'}.")
    mean = MADE_OF["gap_mean"][1](*(known(part) for part in MADE_OF["gap_mean"][0]))
    if abs(mean - known("gap_mean")) > 0.01 * max(mean, 1.0):
        said.append(f"The usual gap of so many visits between the first and the last is {mean:.1f} days.")
    return tuple(dict.fromkeys(said))


def _windows(known: Callable[[str], float], what: str, last: str, one: str, silence: str) -> list[str]:
    """Check counts within the last days against each other, and against the days of silence."""
    said, before = list[str](), (0, 0.0)
    for n in WINDOWS:
        count = known(f"{what}_{n}")
        if isnan(count):
            continue
        if before[1] > count:
            said.append(f"There cannot be more {one} within {before[0]} days than within {n}.")
        if what == "active_days" and count > n:
            said.append(f"There are no more than {n} days within the last {n}.")
        if known(last) >= n and count > 0:
            said.append(f"No {silence} for {known(last):g} days does not go with {count:g} {one} within the last {n}.")
        if known(last) < n and count == 0:
            said.append(f"The last {silence} {known(last):g} days ago does not go with no {one} within the last {n}.")
        before = (n, count)
    if before[1] > known(what):
        said.append(f"There cannot be more {one} within {before[0]} days than ever.")
    return said
