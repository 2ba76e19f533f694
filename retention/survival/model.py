"""Kaplan–Meier, Nelson–Aalen and the log-rank test, from counts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from retention.cohorts.compare import ALPHA, benjamini_hochberg
from retention.intervals import Z95
from retention.survival.curve import CURVE_COLUMNS, FEW, Histogram


def kaplan_meier(histogram: Histogram) -> pd.DataFrame:
    """Estimate the survival curve with its log(−log) 95 % band.

    Parameters
    ----------
    histogram : Histogram
        Joined up (see `Histogram.joined_up`).

    Returns
    -------
    DataFrame
        t, at_risk, entered, events, censored, survival, low, high: one row an age at which anything happens, and age 0.

    Notes
    -----
    S(t) = Π (1 − d / n). The band is Greenwood's on the log(−log) scale ("exponential Greenwood"), which stays within
    0 and 1. From counts these are a few sums: the numbers are those of lifelines' ``KaplanMeierFitter`` from one row a
    user (tested), at a small part of its cost. Where nobody is left the band is not known (R says NA; lifelines 0).

    References
    ----------
    Kaplan, E. L. & Meier, P. (1958). Nonparametric estimation from incomplete observations. JASA 53.
    Kalbfleisch, J. D. & Prentice, R. L. (2002). The statistical analysis of failure time data, section 1.4.

    Examples
    --------
    >>> import numpy as np
    >>> lapsed_after = np.array([0, 1, 3]), np.array([True, True, True]), np.array([1, 2, 1])
    >>> curve = kaplan_meier(Histogram(np.zeros(3, dtype=int), *lapsed_after))
    >>> curve["survival"].round(2).tolist()
    [0.75, 0.25, 0.0]
    """
    table = histogram.table
    happens = table[["entered", "events", "censored"]].to_numpy().any(axis=1) | (table["t"].to_numpy() == 0)
    table = table[happens].reset_index(drop=True)
    if table.empty:
        return pd.DataFrame({name: pd.Series(dtype=float) for name in CURVE_COLUMNS})
    d, n = (table[c].to_numpy(dtype=float) for c in ("events", "at_risk"))
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(np.where(n > 0, 1.0 - d / n, 1.0))
        survival[np.logical_or.accumulate((n > 0) & (d == n))] = 0.0
        greenwood = np.cumsum(np.where(n > d, d / (n * (n - d)), 0.0))
        log_share = np.log(survival)
        reach = Z95 * np.sqrt(greenwood) / log_share
        low, high = (np.exp(-np.exp(np.log(-log_share) + side * reach)) for side in (-1, 1))
    is_left, is_whole = survival > 0, survival == 1
    return table.assign(
        survival=survival,
        low=np.where(is_whole, 1.0, np.where(is_left, low, np.nan)),
        high=np.where(is_whole, 1.0, np.where(is_left, high, np.nan)),
    )


def nelson_aalen(histogram: Histogram) -> pd.DataFrame:
    """Estimate the cumulative hazard: one row a day, with t, cumulative_hazard and the variance of its increment.

    Notes
    -----
    H(t) = Σ d / n, equal to lifelines' ``NelsonAalenFitter`` without its correction for ties: days are whole here, so
    lapses on one day are one day's and not an order lost by rounding. The variance of an increment is d (n − d) / n³.

    References
    ----------
    Aalen, O. (1978). Nonparametric inference for a family of counting processes. Annals of Statistics 6.
    """
    table = histogram.table
    d, n = (table[c].to_numpy(dtype=float) for c in ("events", "at_risk"))
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(n > 0, d / n, 0.0)
        variance = np.where(n > 0, d * (n - d) / n**3, 0.0)
    return table.assign(cumulative_hazard=np.cumsum(steps), variance=variance)


def log_rank(tables: Sequence[pd.DataFrame]) -> tuple[float, float, float]:
    """Test whether groups have one survival curve, from their event tables.

    Returns
    -------
    statistic, p, excess : float
        χ² with one degree of freedom less than there are groups; its p-value; lapses of the first group above
        those expected. NaN where nothing can be compared.

    Notes
    -----
    At each age the lapses of a group are compared with the hypergeometric expectation given those at risk, late
    entry included. lifelines has the test without late entry; where there is none the numbers agree.

    References
    ----------
    Mantel, N. (1966). Evaluation of survival data and two new rank order statistics arising in its consideration.
    """
    from scipy.stats import chi2

    length = max((len(table) for table in tables), default=0)
    d, n = (
        np.stack([np.pad(t[c].to_numpy(dtype=float), (0, length - len(t))) for t in tables])
        for c in ("events", "at_risk")
    )
    total_d, total_n = d.sum(axis=0), n.sum(axis=0)
    used = (total_d > 0) & (total_n > 1)
    d, n, total_d, total_n = d[:, used], n[:, used], total_d[used], total_n[used]
    share = n / total_n
    excess = (d - share * total_d).sum(axis=1)
    spread = total_d * (total_n - total_d) / (total_n - 1)
    covariance = np.diag((share * spread).sum(axis=1)) - (share * spread) @ share.T
    z, v = excess[:-1], covariance[:-1, :-1]
    if not len(z) or np.linalg.matrix_rank(v) < len(z):
        return float("nan"), float("nan"), float("nan")
    statistic = float(z @ np.linalg.solve(v, z))
    return statistic, float(chi2.sf(statistic, len(z))), float(excess[0])


def pairwise(names: Sequence[str], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Compare every two groups by the log-rank test, corrected for looking at all of them.

    Returns
    -------
    DataFrame
        first, second, statistic, p, p_adjusted (Benjamini–Hochberg), says. Pairs with fewer than 20 users in a
        group are not compared: they say "cannot tell" and have no numbers.
    """
    rows = []
    for (a, one), (b, two) in combinations(zip(names, tables, strict=True), 2):
        is_enough = min(int(t["entered"].sum()) for t in (one, two)) >= FEW
        rows.append((a, b, *(log_rank([one, two]) if is_enough else (np.nan, np.nan, np.nan))))
    frame = pd.DataFrame(rows, columns=["first", "second", "statistic", "p", "excess"])
    frame["p_adjusted"] = np.nan
    is_known = frame["p"].notna()
    if is_known.any():
        frame.loc[is_known, "p_adjusted"] = benjamini_hochberg(frame.loc[is_known, "p"].to_numpy(dtype=float))
    is_clear = frame["p_adjusted"] <= ALPHA
    frame["says"] = np.where(
        is_clear & (frame["excess"] < 0), "longer", np.where(is_clear & (frame["excess"] > 0), "shorter", "cannot tell")
    )
    return frame.drop(columns=["excess"])
