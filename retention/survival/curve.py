"""Counts of durations to curves: the event table, who is at risk when, the median and the mean stay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import isnan, nan
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.intervals import Z95
from retention.survival.spec import SurvivalSpec

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

SAFE = 10
"""The mean stay is taken as far as every group has so many users under observation, or a tenth of a small group."""
FEW = 20
OTHER_LABEL = "(other)"
CURVE_COLUMNS = ("t", "at_risk", "entered", "events", "censored", "survival", "low", "high")
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Users by age at entry, duration and outcome: the sufficient statistics of every estimate here.

    Attributes
    ----------
    entry, duration : ndarray of int, shape (n_cells,)
        Days; a user is at risk at every age from `entry` to `duration`, both included.
    observed : ndarray of bool, shape (n_cells,)
        Whether the life ended at `duration`; otherwise it is known to be longer.
    n : ndarray of int, shape (n_cells,)
        Users.
    """

    entry: Ints
    duration: Ints
    observed: NDArray[np.bool_]
    n: Ints

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Histogram:
        """Read the rows of `query.histogram` that are followed."""
        kept = rows["status"].to_numpy() == 0
        return cls(
            rows["entry_day"].to_numpy(dtype=np.int64)[kept],
            rows["age"].to_numpy(dtype=np.int64)[kept],
            rows["is_lapsed"].to_numpy(dtype=bool)[kept],
            rows["n"].to_numpy(dtype=np.int64)[kept],
        )

    @property
    def size(self) -> int:
        """How many users there are."""
        return int(self.n.sum())

    @property
    def n_observed(self) -> int:
        """How many lives ended."""
        return int(self.n[self.observed].sum())

    def where(self, is_kept: NDArray[np.bool_]) -> Histogram:
        """Return some of the cells."""
        return Histogram(self.entry[is_kept], self.duration[is_kept], self.observed[is_kept], self.n[is_kept])

    @property
    def table(self) -> pd.DataFrame:
        """The event table: one row a day from 0 to the longest duration.

        Returns
        -------
        DataFrame
            t, at_risk, entered, events, censored. `at_risk` counts who can still be seen to lapse on day t, just
            before anything happens on it: R's ``n.risk`` of ``survfit(Surv(entry - 0.5, duration, observed) ~ 1)``.
        """
        last = int(self.duration.max()) if len(self.n) else -1
        entered, events, censored = (
            np.bincount(at, weights=n, minlength=last + 1).astype(np.int64)[: last + 1]
            for at, n in (
                (self.entry, self.n),
                (self.duration[self.observed], self.n[self.observed]),
                (self.duration[~self.observed], self.n[~self.observed]),
            )
        )
        removed = np.concatenate([[0], (events + censored).cumsum()[:-1]]) if last >= 0 else np.zeros(0)
        return pd.DataFrame(
            {
                "t": np.arange(last + 1),
                "at_risk": (entered.cumsum() - removed).astype(np.int64),
                "entered": entered,
                "events": events,
                "censored": censored,
            }
        )

    def joined_up(self) -> tuple[Histogram, int | None]:
        """Return the users whose ages hang together, and the age after which nobody was left before others entered.

        Notes
        -----
        With late entry the group under observation can run empty and fill again later. No estimate bridges that:
        what comes after is left out, and said.
        """
        table = self.table
        left = table["at_risk"] - table["events"] - table["censored"]
        has_begun = table["entered"].cumsum() > 0
        holes = table.loc[has_begun & (left == 0) & (table["t"] < int(self.entry.max(initial=0))), "t"]
        if holes.empty:
            return self, None
        hole = int(holes.iloc[0])
        return self.where(self.entry <= hole), hole


@dataclass(frozen=True, slots=True)
class SurvivalGroup:
    """The survival of one group.

    Attributes
    ----------
    group : str or None
        None where everyone is one group.
    n, observed, censored : int
        Users followed; those seen to lapse; those not known to have lapsed.
    left_out : int
        Users who started too late for anybody to know.
    gone_before : int
        Users who had lapsed before the follow-up began.
    median, median_low, median_high : float
        Days after which half have lapsed, with its 95 % interval; NaN where not reached.
    mean_stay, mean_low, mean_high : float
        Restricted mean survival time over the horizon of the answer, in days; NaN where the group was not
        followed that far.
    curve : DataFrame
        One row an age at which somebody entered, lapsed or was censored, and age 0: t (days), at_risk, entered,
        events, censored, survival (share that stays longer than t days), low, high (NaN once nobody is left).
    note : str
        What a reader must know of this curve; empty if nothing.
    """

    group: str | None
    n: int
    observed: int
    censored: int
    left_out: int
    gone_before: int
    median: float
    median_low: float
    median_high: float
    mean_stay: float
    mean_low: float
    mean_high: float
    curve: pd.DataFrame
    note: str = ""

    @property
    def name(self) -> str:
        """What the group is called where a name is needed."""
        return "Everyone" if self.group is None else self.group

    @property
    def last_age(self) -> int:
        """The oldest age that was seen."""
        return int(self.curve["t"].max()) if len(self.curve) else 0

    def at(self, age: int) -> tuple[float, float, float]:
        """Return the survival at an age with its interval; NaN beyond the oldest age seen."""
        rows = self.curve[self.curve["t"] <= age]
        if rows.empty or age > self.last_age:
            return nan, nan, nan
        last = rows.iloc[-1]
        return float(last["survival"]), float(last["low"]), float(last["high"])

    def at_risk(self, ages: list[int]) -> list[int]:
        """Return how many are at risk at each age, by R's convention."""
        curve = self.curve
        # Between two rows nobody enters or leaves: the next row has the number, and past the last there is nobody.
        found = np.searchsorted(curve["t"].to_numpy(), ages, side="left")
        counts = [*curve["at_risk"].tolist(), 0]
        entered = [*curve["entered"].tolist(), 0]
        times = [*curve["t"].tolist(), -1]
        return [
            int(counts[i]) if times[i] == age else int(counts[i] - entered[i])
            for i, age in zip(found.tolist(), ages, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class SurvivalCurves:
    """How long users stay, by group.

    Attributes
    ----------
    spec : SurvivalSpec
    clock : Clock
    data_version : int
    window_days : int
    horizon_days : int
        Over which the mean stay is taken.
    last_known_on : date
        The day of the censoring: ``as_of − window``.
    groups : tuple of SurvivalGroup
        The largest first; months in order; what is merged last.
    comparisons : DataFrame
        One row a pair of groups: first, second, statistic, p, p_adjusted, says ("longer", "shorter", "cannot tell":
        how long the first stay against the second).
    merged : tuple of str
        Values of the breakdown that are shown together.
    n_over_gaps : int
        Lapses whose silence overlaps a stretch marked missing.
    has_followed_from : date, optional
        First day of the follow-up.
    """

    spec: SurvivalSpec
    clock: Clock
    data_version: int
    window_days: int
    horizon_days: int
    last_known_on: date
    groups: tuple[SurvivalGroup, ...]
    comparisons: pd.DataFrame
    merged: tuple[str, ...]
    n_over_gaps: int
    has_followed_from: date | None = None

    @property
    def as_of_us(self) -> int:
        """The data watermark."""
        return self.clock.as_of_us

    def of(self, group: str | None) -> SurvivalGroup:
        """Return a group by its name."""
        return next(g for g in self.groups if g.group == group)


def median_of(curve: pd.DataFrame) -> tuple[float, float, float]:
    """Return the first age at which half or fewer are left, with its interval; NaN where not reached.

    Notes
    -----
    The interval holds every age at which the band of the curve contains one half.

    References
    ----------
    Brookmeyer, R. & Crowley, J. (1982). A confidence interval for the median survival time. Biometrics 38.
    """

    def first(column: str) -> float:
        # Rounding must not keep a curve that is at one half just above it.
        reached = curve.loc[curve[column] <= 0.5 + 1e-12, "t"]
        return float(reached.iloc[0]) if len(reached) else nan

    return first("survival"), first("low"), first("high")


def daily(curve: pd.DataFrame, days: int) -> np.ndarray:
    """Return the survival at the ages 0 to ``days − 1``."""
    at = np.searchsorted(curve["t"].to_numpy(), np.arange(days), side="right") - 1
    return curve["survival"].to_numpy(dtype=float)[at]


def mean_stay(curve: pd.DataFrame, horizon: int) -> tuple[float, float, float]:
    """Return the restricted mean survival time over `horizon` days with its 95 % interval.

    Notes
    -----
    The area under the curve up to τ. Its variance is the sum over the lapse ages t before τ of
    A(t)² d / (n (n − d)), where A(t) is the area from t to τ. (lifelines' ``return_variance`` is something else: the
    variance of min(T, τ) in the population.)

    References
    ----------
    Royston, P. & Parmar, M. K. B. (2013). Restricted mean survival time: an alternative to the hazard ratio.
    BMC Medical Research Methodology 13.
    """
    if curve.empty or horizon > int(curve["t"].max()):
        return nan, nan, nan
    survival = daily(curve, horizon)
    left = survival[::-1].cumsum()[::-1]
    mean = float(left[0])
    lapses = curve[(curve["events"] > 0) & (curve["t"] < horizon)]
    d, n = (lapses[c].to_numpy(dtype=float) for c in ("events", "at_risk"))
    area = left[lapses["t"].to_numpy(dtype=np.int64)]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(area > 0, area**2 * d / (n * (n - d)), 0.0)
    half = Z95 * float(np.sqrt(terms.sum()))
    return mean, max(mean - half, 0.0), min(mean + half, float(horizon))


def safe_horizon(groups: list[pd.DataFrame]) -> int:
    """Return the longest horizon over which the groups are well observed, at least one day.

    Parameters
    ----------
    groups : list of DataFrame
        The curve of each group.

    Notes
    -----
    The last age at which every group still has 10 users at risk (a tenth of a group smaller than 100). A group too
    small to tell anything, or followed for less than a quarter of the time that the others are, does not shorten it;
    it has no mean stay then.
    """
    found = []
    for curve in groups:
        n = int(curve["entered"].sum())
        enough = curve.loc[curve["at_risk"] >= max(1, min(SAFE, n // 10)), "t"]
        found.append((n, int(enough.max()) if len(enough) else 0))
    large = [age for n, age in found if n >= FEW] or [age for _, age in found]
    return max(min((age for age in large if 4 * age >= max(large)), default=1), 1)


def known(value: float) -> float | None:
    """Return a number, or None where it is not known."""
    return None if isnan(value) else value
