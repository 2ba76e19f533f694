"""What buyers are expected to buy: the result, and how it is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from retention.cohorts.words import whose
from retention.survival.spec_clv import Band, BuyerListSpec, ClvSpec

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue, Clock

ALIVE_CAVEAT = (
    "The chance of still being a customer is what this model says, not something anybody has seen. For people who"
    " have bought only once it is always 100 %, because the model lets nobody leave before a second purchase: rank"
    " people by expected orders instead."
)
MONEY_WORDS = {"gross": "before refunds", "net": "after refunds"}
STRONG_LINK = 0.2
"""From this correlation on, spend and frequency cannot be called independent."""
BAND_WORDS: Mapping[Band, str] = {
    "top-1": "The top 1 %",
    "top-5": "The next 4 %",
    "top-10": "The next 5 %",
    "top-20": "The next 10 %",
    "top-50": "The next 30 %",
    "rest": "Everybody else",
    "quiet": "Came back, now likely gone",
}


@dataclass(frozen=True, slots=True)
class Watch:
    """What an answer rests on: `last_day` ends the fit, `end_day` (exclusive) what was held back after it."""

    clock: Clock
    data_version: int
    last_day: int
    end_day: int
    has_gap: bool


@dataclass(frozen=True, slots=True)
class Holdout:
    """What the model said of orders that it was not shown, and what they were.

    Attributes
    ----------
    n_days : int
        Days held back.
    predicted : float
        Orders expected of the buyers known before.
    actual : int
        Orders they made (days with an order).
    correlation : float
        Between the two over buyers; NaN where nobody differs.
    by_unit : DataFrame
        One row a whole unit: from_on, predicted, actual.
    """

    n_days: int
    predicted: float
    actual: int
    correlation: float
    by_unit: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Clv:
    """How often buyers will buy, and what they will spend.

    Attributes
    ----------
    spec : ClvSpec
    clock : Clock
    data_version : int
    last_on : date
        Last day of the orders that the models were fitted to.
    n_buyers, n_repeat : int
        Users with an order; those with orders on two days or more.
    bgnbd : mapping
        r, alpha, a, b, log_likelihood, and the standard error of each parameter (``se_r`` …).
    gamma_gamma : mapping or None
        p, q, v, log_likelihood, standard errors, n; None where `spend_note` says why.
    spend_note : str
    spend_correlation : float
        Between a buyer's number of repeat orders and their mean value.
    expected, low, high : float
        Orders of these buyers within the horizon, with a 95 % range (parameters and chance).
    value : float
        What they are worth, not discounted; NaN without a spend model.
    by_unit : DataFrame
        One row a coming unit: number, from_on, expected, value.
    by_x : DataFrame
        One row a number of repeat orders (the last one open): label, x, n, alive, expected, value (per buyer);
        with a hold-out also predicted and actual (per buyer, within the days held back).
    bands : DataFrame
        One row a band of the ranking by expected orders: band, words, n, expected, share (of all expected
        orders), value, alive; last the quiet ones, who are part of the other bands.
    holdout : Holdout or None
    has_gap : bool
        Whether days that were watched are marked missing: then people look quieter than they are.
    """

    spec: ClvSpec
    clock: Clock
    data_version: int
    last_on: date
    n_buyers: int
    n_repeat: int
    bgnbd: Mapping[str, float]
    gamma_gamma: Mapping[str, float] | None
    spend_note: str
    spend_correlation: float
    expected: float
    low: float
    high: float
    value: float
    by_unit: pd.DataFrame
    by_x: pd.DataFrame
    bands: pd.DataFrame
    holdout: Holdout | None
    has_gap: bool


def units(n: int, unit: str) -> str:
    """Write a number of units of time.

    Examples
    --------
    >>> units(1, "week"), units(12, "month")
    ('week', '12 months of 30 days')
    """
    if unit == "month":
        return "month of 30 days" if n == 1 else f"{n} months of 30 days"
    return unit if n == 1 else f"{n} {unit}s"


def headline(clv: Clv) -> str:
    """Say what to expect in one sentence."""
    ahead = units(clv.spec.horizon, clv.spec.unit)
    worth = "" if pd.isna(clv.value) else f", worth about {clv.value:,.0f} {MONEY_WORDS[clv.spec.money]}"
    return (
        f"The {clv.n_buyers:,} buyers so far are expected to order {clv.expected:,.0f} times in the {ahead}"
        f" after {clv.last_on:%-d %B %Y} (95 % range {clv.low:,.0f}–{clv.high:,.0f}){worth}."
    )


def check_words(clv: Clv) -> str:
    """Say how the prediction did on what was held back, or how to find out."""
    held = clv.holdout
    if held is None:
        return "Hold back the latest orders to see how far this prediction can be trusted."
    off = (held.predicted - held.actual) / held.actual if held.actual else float("nan")
    how = "" if pd.isna(off) else f", {abs(off) * 100:.0f} % too {'many' if off > 0 else 'few'}"
    link = "" if pd.isna(held.correlation) else f" Correlation over buyers: {held.correlation:.2f}."
    return (
        f"In the {held.n_days:,} days held back {held.predicted:,.0f} orders were expected and"
        f" {held.actual:,} came{how}.{link}"
    )


def cautions(clv: Clv) -> list[str]:
    """Say what to keep in mind."""
    found = [ALIVE_CAVEAT]
    if clv.spend_note:
        found.append(clv.spend_note)
    elif abs(clv.spend_correlation) >= STRONG_LINK:
        found.append(
            f"Those who buy {'more' if clv.spend_correlation > 0 else 'less'} often spend more at a time (correlation"
            f" {clv.spend_correlation:+.2f}); the spend model takes the two for unrelated, so its values are rough."
        )
    if clv.has_gap:
        found.append("Some of the days watched are marked missing, so people look quieter than they are.")
    return found


def definition(spec: ClvSpec, catalogue: Catalogue) -> str:
    """Say what the numbers mean, from the settings and nothing else."""
    events = " or ".join(f"“{name}”" for name in catalogue.settings.revenue_events)
    only = whose(spec.where, catalogue)
    until = "the last complete day" if spec.calibrate_to is None else f"{spec.calibrate_to:%-d %B %Y}"
    refunds = "before refunds" if spec.money == "gross" else "after refunds, which are booked on the day of the order"
    return (
        f"Buyers are users{only} with an order ({events}); the orders of a day count once. Up to {until}, each is"
        " known by the number of later days with an order, the days from the first to the last of them, and the days"
        f" from the first order to the end, in {spec.unit}s of {spec.unit_days} days."
        " BG/NBD turns these into expected orders; Gamma-Gamma turns the mean value of the repeat orders"
        f" ({refunds}) into expected spend. Values are not discounted, and new buyers to come are not in them."
    ).replace("days of 1 days", "days")


def list_words(spec: BuyerListSpec, catalogue: Catalogue) -> str:
    """Say whose list this is."""
    ahead = units(spec.clv.horizon, spec.clv.unit)
    if spec.band == "quiet":
        who = "Buyers who came back before and are now more likely gone than not, by BG/NBD."
    else:
        who = f"Buyers ranked by the orders expected of them in the next {ahead}: {BAND_WORDS[spec.band].lower()}."
    return f"{who} {definition(spec.clv, catalogue)}"
