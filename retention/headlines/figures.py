"""Headline numbers with their intervals, and how two windows differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import exp, inf, isfinite, log, nan, sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from retention.headlines.spec import HeadlinesSpec, Metric, number_word
from retention.intervals import Z95, newcombe, wilson

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

Says = Literal["higher", "lower", "cannot tell"]
T95_39 = 2.0226909200367604
"""Student's t at 97.5 % with 39 degrees of freedom: 40 groups less one."""


@dataclass(frozen=True, slots=True)
class Value:
    """A number with its 95 % interval.

    Attributes
    ----------
    value, low, high : float
    n : int
        What it is divided by, or how many it counts: see `Metric.of`.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Change:
    """How the window differs from the one before it.

    Attributes
    ----------
    kind : {"points", "percent", "amount"}
        A difference of two shares, the relative change of two counts or ratios, or a difference of two amounts.
    difference, low, high : float
        Points and percent as fractions of one.
    says : {"higher", "lower", "cannot tell"}
    """

    kind: Literal["points", "percent", "amount"]
    difference: float
    low: float
    high: float

    @property
    def says(self) -> Says:
        """What the interval allows to say: one that holds zero allows nothing."""
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "cannot tell"


@dataclass(frozen=True, slots=True)
class Window:
    """Complete weeks that a number is made of.

    Attributes
    ----------
    weeks : tuple of int
        Their indices, in order; a week that a gap touches is not among them.
    from_on, to_on : date
        First and last local day.
    """

    weeks: tuple[int, ...]
    from_on: date
    to_on: date


@dataclass(frozen=True, slots=True)
class Headline:
    """A headline number, how it changed, and its history.

    Attributes
    ----------
    metric : Metric
    now, before : Value or None
        In the window, and in the one before; None where it cannot be computed.
    window, window_before : Window or None
    change : Change or None
    history : DataFrame
        from_on, to_on (dates), value, n: one row a week (NaN where it is not known), oldest first.
    reason : str
        Why there is no number, or no change; empty where both are there.
    """

    metric: Metric
    now: Value | None
    before: Value | None
    window: Window | None
    window_before: Window | None
    change: Change | None
    history: pd.DataFrame
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Headlines:
    """The headline numbers of a store at one data version."""

    spec: HeadlinesSpec
    clock: Clock
    data_version: int
    churn_window: int
    items: tuple[Headline, ...]

    def of(self, name: str) -> Headline:
        """Return the number of that name."""
        return next(item for item in self.items if item.metric.name == name)

    @property
    def as_of_us(self) -> int:
        """The data watermark."""
        return self.clock.as_of_us


def choose(usable: Sequence[int], n_weeks: int) -> tuple[tuple[int, ...], tuple[int, ...], str]:
    """Choose the latest usable weeks and those before them.

    Returns
    -------
    now, before : tuple of int
        Empty where there are too few.
    reason : str

    Examples
    --------
    >>> choose([1, 2, 3, 5, 6], 2)
    ((5, 6), (2, 3), '')
    >>> choose([5, 6, 7], 2)
    ((6, 7), (), 'There are no two complete weeks before to compare with yet.')
    """
    weeks = sorted(usable)
    words = number_word(n_weeks)
    plural = "" if n_weeks == 1 else "s"
    if len(weeks) < n_weeks:
        have = f"there {'is' if len(weeks) == 1 else 'are'} {number_word(len(weeks)) if weeks else 'none'}"
        return (), (), f"It takes {words} complete week{plural} without a gap, and {have} yet."
    now, rest = tuple(weeks[-n_weeks:]), weeks[:-n_weeks]
    if len(rest) < n_weeks:
        return (
            now,
            (),
            f"There {'is' if n_weeks == 1 else 'are'} no {words} complete week{plural} before to compare with yet.",
        )
    return now, tuple(rest[-n_weeks:]), ""


def rate(x: float, n: float) -> Value:
    """Return a share with Wilson's interval.

    Examples
    --------
    >>> value = rate(81, 263)
    >>> round(value.low, 4), round(value.high, 4)
    (0.2553, 0.3662)
    """
    low, high = (float(v) for v in wilson(x, n))
    return Value(x / n, low, high, int(n))


def rate_change(x1: float, n1: float, x0: float, n0: float) -> Change:
    """Return the difference of two shares of different users, with Newcombe's interval."""
    low, high = (float(v) for v in newcombe(x1, n1, x0, n0))
    return Change("points", x1 / n1 - x0 / n0, low, high)


def total(counts: pd.Series, n_users: pd.Series, *, per: float) -> Value:
    """Return a count, divided by `per`, with a Poisson interval that knows that users count several times.

    Parameters
    ----------
    counts, n_users : Series
        So many users count so often each.
    per : float
        Weeks of the window.

    Notes
    -----
    If users come independently, the total T = Σ c_u is a compound Poisson variable with variance V = Σ c_u²
    (T itself where everybody counts once). T²/V is then the size of a plain Poisson count as uncertain; its
    interval is Byar's approximation to the exact one, scaled back.

    References
    ----------
    Breslow, N. E. & Day, N. E. (1987). Statistical methods in cancer research II, p. 69 (Byar).
    Dobson, A. J. et al. (1991). Confidence intervals for weighted sums of Poisson parameters. Statistics in Medicine 10.

    Examples
    --------
    >>> value = total(pd.Series([1]), pd.Series([10]), per=1)   # exact: 4.795 to 18.39
    >>> value.value, round(value.low, 2), round(value.high, 2)
    (10.0, 4.79, 18.39)
    """
    c, n = counts.to_numpy(dtype=float), n_users.to_numpy(dtype=float)
    t, v = float((c * n).sum()), float((c * c * n).sum())
    scale = v / t if t else 1.0
    size = t / scale
    low = size * (1 - 1 / (9 * size) - Z95 / (3 * sqrt(size))) ** 3 if size else 0.0
    high = (size + 1) * (1 - 1 / (9 * (size + 1)) + Z95 / (3 * sqrt(size + 1))) ** 3
    return Value(t / per, max(low, 0.0) * scale / per, high * scale / per, int(n[c > 0].sum()))


def _log_change(value_1: float, value_0: float, variance: float) -> Change | None:
    """Return the relative change of two positive numbers, given the variance of its logarithm."""
    if not (value_1 > 0 and value_0 > 0 and isfinite(variance)):
        return None
    middle, half = log(value_1 / value_0), Z95 * sqrt(variance)
    return Change("percent", exp(middle) - 1, exp(middle - half) - 1, exp(middle + half) - 1)


def total_change(counts_1: pd.Series, counts_0: pd.Series, n_users: pd.Series, weeks: tuple[int, int]) -> Change | None:
    """Return the relative change between two counts of (partly) the same users.

    Notes
    -----
    The delta method on log(T₁ / T₀): Var = Σ (c₁/T₁ − c₀/T₀)² over users, which is 1/T₁ + 1/T₀ where nobody is in
    both, and less where the same users are.
    """
    c1, c0, n = (v.to_numpy(dtype=float) for v in (counts_1, counts_0, n_users))
    t1, t0 = float((c1 * n).sum()), float((c0 * n).sum())
    if not t1 or not t0:
        return None
    return _log_change(t1 / weeks[0], t0 / weeks[1], float((n * (c1 / t1 - c0 / t0) ** 2).sum()))


def ratio(gained: pd.Series, lost: pd.Series, n_users: pd.Series) -> Value | None:
    """Return the ratio of two counts, with a delta-method interval on its logarithm, clustered by user."""
    plus, minus, n = (v.to_numpy(dtype=float) for v in (gained, lost, n_users))
    up, down = float((plus * n).sum()), float((minus * n).sum())
    if not down:
        return None
    if not up:
        return Value(0.0, 0.0, nan, int(down))
    half = Z95 * sqrt(float((n * (plus / up - minus / down) ** 2).sum()))
    return Value(up / down, up / down * exp(-half), up / down * exp(half), int(down))


def ratio_change(flows: pd.DataFrame) -> Change | None:
    """Return the relative change of the quick ratio; `flows` has gained_1, lost_1, gained_0, lost_0, n_users."""
    n = flows["n_users"].to_numpy(dtype=float)
    parts = {c: flows[c].to_numpy(dtype=float) for c in ("gained_1", "lost_1", "gained_0", "lost_0")}
    sums = {c: float((v * n).sum()) for c, v in parts.items()}
    if not all(sums.values()):
        return None
    share = {c: v / sums[c] for c, v in parts.items()}
    influence = share["gained_1"] - share["lost_1"] - share["gained_0"] + share["lost_0"]
    return _log_change(
        sums["gained_1"] / sums["lost_1"], sums["gained_0"] / sums["lost_0"], float((n * influence**2).sum())
    )


def mean(n: float, sum_: float, squares: float) -> Value | None:
    """Return a mean with its normal interval; it takes two users."""
    if n < 2:
        return None
    m, variance = _moments(n, sum_, squares)
    half = Z95 * sqrt(variance / n)
    return Value(m, m - half, m + half, int(n))


def mean_change(now: tuple[float, float, float], before: tuple[float, float, float]) -> Change | None:
    """Return the difference of two means of different users; each side is (n, sum, sum of squares).

    References
    ----------
    Welch, B. L. (1947). The generalization of Student's problem when several different population variances are
    involved. Biometrika 34. (Here with the normal quantile: windows hold hundreds of users.)
    """
    if now[0] < 2 or before[0] < 2:
        return None
    (m1, v1), (m0, v0) = _moments(*now), _moments(*before)
    half = Z95 * sqrt(v1 / now[0] + v0 / before[0])
    return Change("amount", m1 - m0, m1 - m0 - half, m1 - m0 + half)


def _moments(n: float, sum_: float, squares: float) -> tuple[float, float]:
    m = sum_ / n
    return m, max(squares - n * m * m, 0.0) / (n - 1)


def retained_revenue(m: pd.Series, suffix: str = "") -> Value | None:
    """Return Σ now ÷ Σ then of the customers then, with a delta-method interval clustered by customer.

    Parameters
    ----------
    m : Series
        The moments of `query_duckdb.spending_moments`; `suffix` "before" takes the earlier pair of windows.
    """
    now, then, n = ("d", "a", "n_root") if suffix else ("c", "b", "n_base")
    if not float(m[then]) > 0:
        return None
    r = float(m[now]) / float(m[then])
    variance = float(m[now * 2]) - 2 * r * float(m[now + then]) + r * r * float(m[then * 2])
    half = Z95 * sqrt(max(variance, 0.0)) / float(m[then])
    return Value(r, max(r - half, 0.0), r + half, int(m[n]))


def retained_revenue_change(m: pd.Series) -> Change | None:
    """Return the difference of two consecutive revenue retentions; customers in both make them correlate."""
    if not (float(m["a"]) > 0 and float(m["b"]) > 0):
        return None
    a, b = float(m["a"]), float(m["b"])
    r1, r0 = float(m["c"]) / b, float(m["d"]) / a
    late = float(m["cc"]) - 2 * r1 * float(m["cb"]) + r1 * r1 * float(m["bb"])
    early = float(m["dd"]) - 2 * r0 * float(m["da"]) + r0 * r0 * float(m["aa"])
    both = float(m["cd"]) - r0 * float(m["ca"]) - r1 * float(m["bd"]) + r1 * r0 * float(m["ba"])
    half = Z95 * sqrt(max(late / b**2 + early / a**2 - 2 * both / (a * b), 0.0))
    return Change("points", r1 - r0, r1 - r0 - half, r1 - r0 + half)


def spell_counts(spells: pd.DataFrame, from_: int, to: int) -> tuple[np.ndarray, np.ndarray]:
    """Return users at risk at the beginning of each week of ``[from_, to)``, and how many lapsed in it."""
    at_risk, lapsed = np.zeros(to - from_ + 1), np.zeros(to - from_ + 1)
    if len(spells):
        first, last, n = (spells[c].to_numpy(dtype=np.int64) for c in ("from_week", "to_week", "n"))
        np.add.at(at_risk, np.clip(first - from_, 0, to - from_), n)
        np.add.at(at_risk, np.clip(last + 1 - from_, 0, to - from_), -n)
        ends = (spells["is_lapse"].to_numpy() == 1) & (last >= from_) & (last < to)
        np.add.at(lapsed, last[ends] - from_, n[ends])
    return at_risk.cumsum()[:-1], lapsed[:-1]


@dataclass(frozen=True, slots=True)
class Daily:
    """Daily and trailing-28-day actives by group of users: two arrays (n_groups, n_days), the first day first."""

    first_day: int
    daily: np.ndarray
    monthly: np.ndarray

    def stickiness(self, days: Sequence[int], leave_out: int | None = None) -> float:
        """Return the mean over days of daily ÷ trailing-28-day actives, perhaps without one group of users."""
        at = [day - self.first_day for day in days]
        kept = np.ones(len(self.daily), dtype=bool)
        if leave_out is not None:
            kept[leave_out] = False
        daily, monthly = (v[kept][:, at].sum(axis=0) for v in (self.daily, self.monthly))
        return float((daily[monthly > 0] / monthly[monthly > 0]).mean()) if (monthly > 0).any() else nan


def daily_of(frame: pd.DataFrame, from_day: int, to_day: int, n_groups: int) -> Daily:
    """Lay the rows of `query.daily_activity` out by group and day."""
    enters, leaves = (np.zeros((n_groups, to_day - from_day)) for _ in range(2))
    for target, is_in in ((enters, 1), (leaves, 0)):
        rows = frame[(frame["is_in"] == is_in) & (frame["day"] < to_day)]
        np.add.at(
            target, (rows["part"].to_numpy(dtype=int), rows["day"].to_numpy(dtype=int) - from_day), rows["n"].to_numpy()
        )
    return Daily(from_day, enters, enters.cumsum(axis=1) - leaves.cumsum(axis=1))


def jackknife(
    daily: Daily, now: Sequence[int], before: Sequence[int]
) -> tuple[Value | None, Value | None, Change | None]:
    """Return stickiness in two windows of days and its change, with delete-a-group jackknife intervals.

    Notes
    -----
    With G groups of users and θ₋g the number without group g, Var(θ) = (G − 1)/G Σ (θ₋g − θ)²; the quantile is
    Student's with G − 1 degrees of freedom. Users are dealt to the groups in turn as they came.

    References
    ----------
    Kott, P. S. (2001). The delete-a-group jackknife. Journal of Official Statistics 17.
    """

    def spread(of: Sequence[float], whole: float) -> float:
        g = len(of)
        return T95_39 * sqrt((g - 1) / g * sum((v - whole) ** 2 for v in of))

    groups = range(len(daily.daily))
    found: list[Value | None] = []
    parts: list[list[float]] = []
    for days in (now, before):
        whole = daily.stickiness(days) if days else nan
        parts.append([daily.stickiness(days, g) for g in groups] if days else [])
        if not isfinite(whole) or not all(isfinite(v) for v in parts[-1]):
            found.append(None)
            continue
        half = spread(parts[-1], whole)
        n = round(float(daily.monthly[:, [day - daily.first_day for day in days]].sum(axis=0).mean()))
        found.append(Value(whole, max(whole - half, 0.0), min(whole + half, 1.0), n))
    one, two = found
    if one is None or two is None:
        return one, two, None
    difference = one.value - two.value
    half = spread([a - b for a, b in zip(*parts, strict=True)], difference)
    return one, two, Change("points", difference, difference - half, difference + half)


def beyond(value: Value, operator: str, threshold: float) -> tuple[bool, bool]:
    """Tell whether a value lies beyond a threshold, and whether its whole interval does.

    Examples
    --------
    >>> beyond(Value(0.10, 0.08, 0.12, 900), "below", 0.11)
    (True, False)
    """
    low = value.low if isfinite(value.low) else -inf
    high = value.high if isfinite(value.high) else inf
    if operator == "below":
        return value.value < threshold, high < threshold
    return value.value > threshold, low > threshold
