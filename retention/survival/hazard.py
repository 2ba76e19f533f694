"""When users lapse: the rate week by week, smoothed, and which week is the riskiest."""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from retention.intervals import Z95
from retention.survival.curve import FEW
from retention.survival.spec import HazardSpec

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

BANDWIDTH = 3
"""Weeks on either side that the smoothed rate still feels, less and less."""


@dataclass(frozen=True, slots=True)
class HazardWeeks:
    """The rate at which the users of a group lapse, week by week.

    Attributes
    ----------
    spec : HazardSpec
    clock : Clock
    data_version : int
    n_lapsed : int
    weeks : DataFrame
        One row a week since the start: week (from 1), at_risk (at its first day), events, hazard (lapses per user
        and week, the increment of Nelson–Aalen), low, high, smoothed, smoothed_low, smoothed_high,
        cumulative_hazard (at its end).
    riskiest : int or None
        The week with the highest rate; None if nobody can tell.
    candidates : tuple of int
        The weeks that the data cannot tell from the riskiest one, it among them.
    """

    spec: HazardSpec
    clock: Clock
    data_version: int
    n_lapsed: int
    weeks: pd.DataFrame
    riskiest: int | None
    candidates: tuple[int, ...]


def weekly(days: pd.DataFrame) -> pd.DataFrame:
    """Add the increments of Nelson–Aalen up to weeks, whole ones with at least 20 users at risk throughout.

    Parameters
    ----------
    days : DataFrame
        t, at_risk, events, cumulative_hazard, variance: one row a day.

    Notes
    -----
    The interval of a rate h is h · exp(± 1.96 se / h), which stays above 0; a week without a lapse has the upper
    end 3 / n of the "rule of three". The smoothed rate is a mean of the weeks around with weights that fall off
    like Epanechnikov's kernel, renormalised at both ends, where a plain kernel would read too low.

    References
    ----------
    Ramlau-Hansen, H. (1983). Smoothing counting process intensities by means of kernel functions. Annals of Statistics 11.
    Hanley, J. A. & Lippman-Hand, A. (1983). If nothing goes wrong, is everything all right? JAMA 249.
    """
    enough = days["at_risk"] >= FEW
    n_days = int((~enough).to_numpy().argmax()) if not enough.all() else len(days)
    n_weeks = n_days // 7
    days = days.iloc[: 7 * n_weeks]
    week = days["t"].to_numpy(dtype=np.int64) // 7
    increments = np.diff(days["cumulative_hazard"].to_numpy(dtype=float), prepend=0.0)
    hazard = np.bincount(week, weights=increments, minlength=n_weeks)
    variance = np.bincount(week, weights=days["variance"].to_numpy(dtype=float), minlength=n_weeks)
    events = np.bincount(week, weights=days["events"].to_numpy(dtype=float), minlength=n_weeks).astype(np.int64)
    at_risk = days["at_risk"].to_numpy(dtype=np.int64)[::7]
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.exp(Z95 * np.sqrt(variance) / hazard)
        low, high = hazard / factor, hazard * factor
    low, high = np.where(hazard > 0, low, 0.0), np.where(hazard > 0, high, 3.0 / np.maximum(at_risk, 1))
    apart = (np.arange(n_weeks)[:, None] - np.arange(n_weeks)[None, :]) / BANDWIDTH
    kernel = np.clip(1.0 - apart**2, 0.0, None)
    kernel /= kernel.sum(axis=1, keepdims=True)
    smoothed = kernel @ hazard
    error = np.sqrt((kernel**2) @ variance)
    return pd.DataFrame(
        {
            "week": np.arange(1, n_weeks + 1),
            "at_risk": at_risk,
            "events": events,
            "hazard": hazard,
            "low": low,
            "high": high,
            "smoothed": smoothed,
            "smoothed_low": np.maximum(smoothed - Z95 * error, 0.0),
            "smoothed_high": smoothed + Z95 * error,
            "cumulative_hazard": days["cumulative_hazard"].to_numpy(dtype=float)[6::7],
            "variance": variance,
        }
    )


def riskiest_week(weeks: pd.DataFrame, alpha: float = 0.05) -> tuple[int | None, tuple[int, ...]]:
    """Return the week with the highest rate and those that cannot be told from it.

    Notes
    -----
    Increments of Nelson–Aalen are uncorrelated, so each other week is compared with the highest by a normal test,
    one-sided, corrected by Bonferroni: the set then holds the truly riskiest week in at least 95 % of worlds. Where
    it holds more than half of the weeks the data cannot tell.

    References
    ----------
    Hsu, J. C. (1984). Constrained simultaneous confidence intervals for multiple comparisons with the best.
    Annals of Statistics 12.
    """
    if len(weeks) < 2 or not weeks["events"].any():
        return None, ()
    top = int(weeks["hazard"].to_numpy().argmax())
    best = weeks.iloc[top]
    found = []
    for i, row in enumerate(weeks.itertuples(index=False)):
        spread = sqrt(float(best["variance"]) + max(float(row.variance), 0.0))
        z = (float(best["hazard"]) - float(row.hazard)) / spread if spread > 0 else 0.0
        if i == top or 0.5 * erfc(z / sqrt(2)) > alpha / (len(weeks) - 1):
            found.append(int(row.week))
    return (None if len(found) > len(weeks) / 2 else int(best["week"])), tuple(found)
