"""A forecast beside the naive one, how both did at earlier dates, and how that is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

from retention.cohorts.words import whose
from retention.forecast.spec import ForecastSpec
from retention.periods import date_of, first_day

if TYPE_CHECKING:
    from retention.store.catalogue import Catalogue, Clock

Naive = Literal["last", "seasonal"]


@dataclass(frozen=True, slots=True)
class Basis:
    """The data that an answer rests on."""

    clock: Clock
    data_version: int


@dataclass(frozen=True, slots=True)
class Trial:
    """How the forecast did at earlier dates, against a naive one.

    Attributes
    ----------
    n_origins : int
        Earlier dates from which it was made, with what was known then.
    n_points : int
        Periods compared.
    naive : {"last", "seasonal"}
        The better of the naive forecasts: the last complete period, or the same period a year before.
    error, naive_error : float
        Sum of absolute errors over the sum of what came; NaN where nothing came.
    ratio : float
        Of the mean absolute errors, forecast over naive (the relative MAE): below 1 the forecast is better.
    wins : int
        Origins at which the forecast was closer on average.
    coverage : float
        Share of what came that lay in the 95 % interval made from the errors at the other origins.
    is_better : bool
        At least 5 % closer in all, and closer at two thirds of the origins or more.
    """

    n_origins: int
    n_points: int
    naive: Naive
    error: float
    naive_error: float
    ratio: float
    wins: int
    coverage: float
    is_better: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """What to expect of the coming periods.

    Attributes
    ----------
    spec : ForecastSpec
    clock : Clock
    data_version : int
    seen : DataFrame
        One row a complete period: from_on, actual, touches_gap.
    ahead : DataFrame
        One row a coming period: number, from_on, expected, low, high (95 %), last, seasonal (naive; NaN where
        unknown), new, back (users, or buyers).
    tried : DataFrame
        One row an origin and period: origin_on, ahead, forecast, last, seasonal, actual.
    trial : Trial
    curve : str
        Which curve the cohorts follow, in words.
    kept : DataFrame
        The pooled curve: age, rate.
    inflow : float
        New users (or buyers) a period that are taken for granted.
    """

    spec: ForecastSpec
    clock: Clock
    data_version: int
    seen: pd.DataFrame
    ahead: pd.DataFrame
    tried: pd.DataFrame
    trial: Trial
    curve: str
    kept: pd.DataFrame
    inflow: float


def period_days(first: int, numbers: range, spec: ForecastSpec, clock: Clock) -> list[object]:
    """Return the first local day of periods that are numbered from a first one."""
    return [date_of(first_day(first + k, spec.period, clock.week_start)) for k in numbers]


def naive_words(naive: Naive, period: str) -> str:
    """Say what a naive forecast assumes."""
    if naive == "last":
        return f"the next {period}s equal the last one"
    return f"each {period} equals the same {period} a year before"


def headline(found: Forecast) -> str:
    """Say what to expect in one sentence."""
    spec, first, last = found.spec, found.ahead.iloc[0], found.ahead.iloc[-1]
    what = "active users are" if spec.metric == "active users" else "of revenue before refunds is"
    later = f" and {last.expected:,.0f} ({last.low:,.0f}–{last.high:,.0f}) in the last of {spec.horizon} {spec.period}s"
    return (
        f"About {first.expected:,.0f} {what} expected in the {spec.period} from {first.from_on:%-d %B %Y}"
        f" (95 % interval {first.low:,.0f}–{first.high:,.0f}){later if spec.horizon > 1 else ''}."
    )


def verdict(found: Forecast) -> str:
    """Say whether the forecast is worth more than a guess that needs no model."""
    trial, period = found.trial, found.spec.period
    guess = naive_words(trial.naive, period)
    tried = f"Made at {trial.n_origins} earlier dates with what was known then,"
    if pd.isna(trial.error):
        return f"No better than assuming that {guess}: nothing came in the periods it was tried on."
    figures = f"it was off by {trial.error * 100:.1f} % on average, the guess by {trial.naive_error * 100:.1f} %"
    wins = f"it was closer at {trial.wins} of {trial.n_origins} dates"
    if trial.is_better:
        return f"Better than assuming that {guess}. {tried} {figures}; {wins}."
    return f"No better than assuming that {guess}. {tried} {figures}; {wins}. Plan with the simple guess."


def interval_words(found: Forecast) -> str:
    """Say where the interval comes from, and how it did."""
    inside = "" if pd.isna(found.trial.coverage) else (
        f" Tried date by date, with the errors at the other dates, it held {found.trial.coverage * 100:.0f} % of what came."
    )  # fmt: skip
    return (
        f"The 95 % interval is made of the errors of the same method at {found.trial.n_origins} earlier dates"
        f" (Student's t of the log errors, by distance).{inside} It knows no campaign and no holiday that is yet to come."
    )


def definition(spec: ForecastSpec, catalogue: Catalogue) -> str:
    """Say what the numbers mean, from the settings and nothing else."""
    only = whose(spec.where, catalogue)
    if spec.metric == "active users":
        what = f"Users{only} with activity ({catalogue.settings.activity}) in each calendar {spec.period}."
        who, money = "users", ""
    else:
        events = " or ".join(f"“{name}”" for name in catalogue.settings.revenue_events)
        what = f"Value of the orders ({events}) of users{only} in each calendar {spec.period}, before refunds."
        who, money = "buyers", " Each buyer is taken to spend what new and returning buyers spent lately."
    return (
        f"{what} Every {spec.period}'s newcomers are a cohort; one curve (sBG or Weibull, whichever fits better) is"
        f" fitted to the shares of all cohorts that come back at each age, each cohort gets an own level that is drawn"
        f" to everybody's where little is known, and as many new {who} as lately are added.{money} Only complete"
        f" {spec.period}s count; those that touch a gap are left out."
    )
