"""Cohort curves to a forecast: a pooled curve, a level for each cohort, new users as lately; and the backtest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import digamma, stdtrit

from retention.forecast.history import MIN_HISTORY, Floats, History
from retention.forecast.spec import ForecastSpec
from retention.survival.model_sbg import Sbg

Curve = Literal["sBG", "Weibull"]

INFLOW_PERIODS = {"week": 8, "month": 4}
"""New users and the value of an order are taken to stay what they were over so many of the latest periods."""
LEVEL_PERIODS = {"week": 4, "month": 2}
"""The whole curve is lifted or lowered to what came back over so many of the latest periods."""
SEASON = {"week": 52, "month": 12}
MOST_ORIGINS = 26
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class CohortCurve:
    """The share of a cohort that is there at each age from 1 on.

    Parameters
    ----------
    kind : {"sBG", "Weibull"}
        Which curve fits better: share · B(α, β + k) / B(α, β), or share · exp(−(k / λ)^ν).
    share : float
        Of those still customers, how many are there in a period.
    one, two : float
        α and β, or λ and ν.

    References
    ----------
    Fader, P. S. & Hardie, B. G. S. (2007). How to project customer retention. Journal of Interactive
    Marketing 21(1).
    Nakagawa, T. & Osaki, S. (1975). The discrete Weibull distribution. IEEE Transactions on Reliability 24.
    """

    kind: Curve
    share: float
    one: float
    two: float

    def at(self, ages: NDArray[np.int64] | Floats) -> Floats:
        """Return the share at each age."""
        ages = np.asarray(ages, dtype=float)
        if self.kind == "sBG":
            return self.share * Sbg(self.one, self.two).survival(ages)
        return np.asarray(self.share * np.exp(-((ages / self.one) ** self.two)), dtype=float)

    def slopes(self, ages: Floats) -> Floats:
        """Return how ln of the share at each age moves with logit(share), ln(one), ln(two); shape (n_ages, 3)."""
        of_share = np.full(len(ages), 1 - self.share)
        if self.kind == "sBG":
            a, b = self.one, self.two
            gone = digamma(a + b) - digamma(a + b + ages)
            return np.column_stack([of_share, a * gone, b * (digamma(b + ages) - digamma(b) + gone)])
        power = (ages / self.one) ** self.two
        return np.column_stack([of_share, self.two * power, -self.two * power * np.log(ages / self.one)])


def fitted_curve(seen: History) -> CohortCurve:
    """Fit one curve to all cohorts of a history.

    Notes
    -----
    Every cohort has the same curve here, so the counts of each age over the cohorts that reached it say all:
    the binomial likelihood is highest in share and shape together. Users are in the counts of several ages,
    so it is a quasi-likelihood: good for the curve, and not used for its interval (the backtest is).
    """
    from scipy.optimize import minimize

    ages, came, could = _by_age(seen)

    def cost(logs: Floats, kind: Curve) -> tuple[float, Floats]:
        curve = _curve(kind, logs)
        rate = np.clip(curve.at(ages), TINY, 1 - TINY)
        value = came @ np.log(rate) + (could - came) @ np.log1p(-rate)
        slope = (came - (could - came) * rate / (1 - rate)) @ curve.slopes(ages)
        return -float(value) / float(could.sum()), -slope / float(could.sum())

    found = []
    starts: dict[Curve, tuple[float, float, float]] = {"sBG": (0.0, 0.0, 0.0), "Weibull": (0.0, 2.0, -0.5)}
    for kind, start in starts.items():
        bounds = [(-9.0, 12.0), (-7.0, 10.0), (-4.0, 10.0 if kind == "sBG" else 1.5)]
        end = minimize(cost, np.array(start), args=(kind,), jac=True, method="L-BFGS-B", bounds=bounds)
        found.append((float(end.fun), kind, end.x))
    _, kind, logs = min(found, key=lambda one: one[0])
    return _curve(kind, logs)


def _curve(kind: Curve, logs: Floats) -> CohortCurve:
    return CohortCurve(kind, float(1 / (1 + np.exp(-logs[0]))), float(np.exp(logs[1])), float(np.exp(logs[2])))


def _by_age(seen: History) -> tuple[Floats, Floats, Floats]:
    """Return each age from 1 on with those who came and those who could have, over periods without a gap."""
    size = len(seen)
    cohort, period = np.triu_indices(size, k=1)
    used = seen.is_whole[period]
    age = (period - cohort)[used]
    came = np.bincount(age, weights=seen.n[cohort, period][used], minlength=size)
    could = np.bincount(age, weights=np.diag(seen.n)[cohort][used], minlength=size)
    ages = np.flatnonzero(could > 0)
    return ages.astype(float), came[ages].astype(float), could[ages].astype(float)


@dataclass(frozen=True, slots=True)
class Outlook:
    """A forecast from one date.

    Attributes
    ----------
    curve : CohortCurve
    inflow : float
        New users a period.
    level : float
        What came back lately, as a multiple of the fitted curves.
    new, back : ndarray of float, shape (horizon,)
        New and returning users of each coming period.
    total : ndarray of float, shape (horizon,)
        Of the metric: users, or value.
    last, seasonal : ndarray of float, shape (horizon,)
        The naive forecasts: the last complete period; the same period a year before (NaN where unknown).
    """

    curve: CohortCurve
    inflow: float
    level: float
    new: Floats
    back: Floats
    total: Floats
    last: Floats
    seasonal: Floats


def outlook(seen: History, spec: ForecastSpec, horizon: int) -> Outlook:
    """Forecast from what was seen.

    Notes
    -----
    Returning users of period p = level · Σ over cohorts c of size_c · scale_c · R(p − c), with the pooled curve R.
    A cohort's scale is what came of it over what the curve expects, drawn towards 1 (empirical Bayes: with
    expected count e and weight κ it is (x + κ) / (e + κ)), so that young cohorts follow the pooled curve.
    Cohorts still to come have the mean of the latest ones as size.
    """
    curve = fitted_curve(seen)
    size = len(seen)
    sizes = np.diag(seen.n)
    ages = np.arange(size + horizon + 1)
    rate = np.concatenate([[0.0], curve.at(ages[1:])])
    scale = _scales(seen, rate)
    cohort = np.arange(size)
    whole = np.flatnonzero(seen.is_whole)
    lately = whole[-INFLOW_PERIODS[spec.period] :]
    recent = whole[whole > 0][-LEVEL_PERIODS[spec.period] :]

    def expected(periods: NDArray[np.int64]) -> Floats:
        age = periods[:, None] - cohort[None, :]
        return np.asarray(np.where(age > 0, rate[np.maximum(age, 0)], 0.0) @ (sizes * scale), dtype=float)

    came = sum(float(seen.n[:p, p].sum()) for p in recent)
    fitted = float(expected(recent).sum())
    level = came / fitted if fitted > TINY else 1.0
    inflow = float(sizes[lately].mean()) if len(lately) else 0.0
    ahead = np.arange(size, size + horizon)
    # Cohorts that start within the horizon come back within it, too.
    later = inflow * np.concatenate([[0.0], np.cumsum(rate[1:horizon])])
    back = level * (expected(ahead) + later)
    new = np.full(horizon, inflow)
    series = seen.users if spec.metric == "active users" else seen.value
    if spec.metric == "active users":
        total = new + back
    else:
        of_new, of_back = _spend(seen, lately)
        total = new * of_new + back * of_back
    last = float(series[whole[-1]]) if len(whole) else 0.0
    year_before = ahead - SEASON[spec.period]
    is_known = (year_before >= 0) & (year_before < size)
    is_known &= seen.is_whole[np.clip(year_before, 0, size - 1)]
    seasonal = np.where(is_known, series[np.clip(year_before, 0, size - 1)], np.nan)
    return Outlook(curve, inflow, level, new, back, total, np.full(horizon, last), seasonal)


def _scales(seen: History, rate: Floats) -> Floats:
    size = len(seen)
    age = np.arange(size)[None, :] - np.arange(size)[:, None]
    used = (age > 0) & seen.is_whole[None, :]
    came = np.where(used, seen.n, 0.0).sum(axis=1)
    fitted = np.where(used, rate[np.maximum(age, 0)], 0.0).sum(axis=1) * np.diag(seen.n)
    between = float(((came - fitted) ** 2 - fitted).sum()) / max(float((fitted**2).sum()), TINY)
    weight = 1 / max(between, TINY)
    return np.asarray((came + weight) / (fitted + weight), dtype=float)


def _spend(seen: History, lately: NDArray[np.int64]) -> tuple[float, float]:
    """Return the value a new and a returning buyer, over the latest periods."""
    new_n, new_value = np.diag(seen.n)[lately].sum(), np.diag(seen.amount)[lately].sum()
    all_n, all_value = seen.users[lately].sum(), seen.value[lately].sum()
    back_n, back_value = all_n - new_n, all_value - new_value
    usual = all_value / all_n if all_n else 0.0
    return (
        float(new_value / new_n) if new_n else float(usual),
        float(back_value / back_n) if back_n else float(usual),
    )


def backtest(seen: History, spec: ForecastSpec, cast: Callable[..., Outlook] = outlook) -> pd.DataFrame:
    """Forecast from earlier dates with what was known then, and hold it against what came.

    Returns
    -------
    DataFrame
        One row an origin and number of periods ahead: origin (its number), ahead, forecast, last, seasonal,
        actual. Periods that touch a gap are left out.
    """
    size = len(seen)
    series = seen.users if spec.metric == "active users" else seen.value
    rows = []
    for origin in range(max(MIN_HISTORY, size - MOST_ORIGINS), size):
        known = seen.before(origin)
        reach = min(spec.horizon, size - origin)
        told = cast(known, spec, reach)
        for k in range(reach):
            if seen.is_whole[origin + k]:
                rows.append((origin, k + 1, told.total[k], told.last[k], told.seasonal[k], float(series[origin + k])))
    return pd.DataFrame(rows, columns=["origin", "ahead", "forecast", "last", "seasonal", "actual"])


def spreads(tried: pd.DataFrame, horizon: int) -> tuple[Floats, float]:
    """Return the typical error for each number of periods ahead (of log ratios), and how many of them a 95 % needs.

    Notes
    -----
    Root mean square of ln(actual / forecast) over the origins, never falling with the distance; beyond the
    distances tried it grows with the square root. The multiplier is Student's t for as many origins as there
    are, so that a few origins give a wide interval.
    """
    errors = np.log((tried["actual"] + 0.5) / (tried["forecast"].clip(lower=0) + 0.5)).to_numpy()
    ahead = tried["ahead"].to_numpy()
    typical = np.full(horizon, np.nan)
    for k in range(1, horizon + 1):
        mine = errors[ahead == k]
        if len(mine) >= 2:
            typical[k - 1] = np.sqrt(np.mean(mine**2))
    reach = int(np.flatnonzero(~np.isnan(typical)).max(initial=0))
    typical = np.fmax.accumulate(np.nan_to_num(typical))
    beyond = np.arange(horizon) > reach
    typical[beyond] = typical[reach] * np.sqrt((np.arange(horizon)[beyond] + 1) / (reach + 1))
    degrees = max(tried["origin"].nunique() - 1, 1)
    return typical, float(stdtrit(degrees, 0.975))
