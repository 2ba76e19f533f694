"""How many days usually lie between two active days, over users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from retention.behaviour.spec_interval import IntervalSpec
from retention.cohorts.matrix import NONE_LABEL
from retention.intervals import Z95

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

EXACT_RANKS = 200


@dataclass(frozen=True, slots=True)
class UsageInterval:
    """The distribution over users of the median gap between their active days.

    Attributes
    ----------
    spec : IntervalSpec
    clock : Clock
    data_version : int
    groups : DataFrame
        One row a group, everybody (group None) first: group, n_all (users with an active day), n_users (with two or
        more), n_excluded, excluded_rate, q25, median, q75 (days), low, high (95 % interval of the median).
    counts : DataFrame
        One row a group and median gap: group, days (a multiple of a half), n_users.
    gaps : DataFrame
        One row a group and single gap: group, days, n_gaps.
    """

    spec: IntervalSpec
    clock: Clock
    data_version: int
    groups: pd.DataFrame
    counts: pd.DataFrame
    gaps: pd.DataFrame

    @property
    def as_of_us(self) -> int:
        """The data watermark."""
        return self.clock.as_of_us

    def of(self, group: str | None = None) -> pd.DataFrame:
        """Return the distribution of one group; None is everybody."""
        return _of(self.counts, group)

    def row(self, group: str | None = None) -> pd.Series:
        """Return the figures of one group; None is everybody."""
        return _of(self.groups, group).iloc[0]

    def binned(self, group: str | None = None, *, counted: str = "users", last_bin: int = 60) -> pd.DataFrame:
        """Count by whole days: bin d holds what lies above d − 1 and up to d days; the last one all longer.

        Parameters
        ----------
        counted : {"users", "gaps"}
            Users by their median gap, or every single gap.

        Returns
        -------
        DataFrame
            One row a bin from 1 to `last_bin` + 1: up_to (days; `last_bin` + 1 for the rest), n, rate, within_rate
            (so far, from the shortest).
        """
        mine, name = (_of(self.gaps, group), "n_gaps") if counted == "gaps" else (self.of(group), "n_users")
        bins = np.minimum(np.ceil(mine["days"].to_numpy(dtype=float)).astype(int), last_bin + 1)
        n = np.bincount(bins, weights=mine[name].to_numpy(dtype=float), minlength=last_bin + 2)[1:].astype(int)
        rate = n / n.sum() if n.sum() else np.full(len(n), np.nan)
        return pd.DataFrame({"up_to": np.arange(1, last_bin + 2), "n": n, "rate": rate, "within_rate": rate.cumsum()})

    def returned_within(self, share: float, group: str | None = None) -> float:
        """Return the days within which so large a share of all gaps ended; NaN without a gap."""
        mine = _of(self.gaps, group)
        return quantile(mine["days"].to_numpy(dtype=float), mine["n_gaps"].to_numpy(dtype=int), share)


def _of(frame: pd.DataFrame, group: str | None) -> pd.DataFrame:
    return frame[frame["group"].isna() if group is None else frame["group"] == group]


def interval_of_counts(
    counts: pd.DataFrame,
    gaps: pd.DataFrame,
    users: pd.DataFrame,
    spec: IntervalSpec,
    clock: Clock,
    data_version: int,
    labels: Mapping[int, str],
) -> UsageInterval:
    """Make the distribution of small counts.

    Parameters
    ----------
    counts : DataFrame
        grp, twice_median, n_users.
    gaps : DataFrame
        grp, gap, n_gaps.
    users : DataFrame
        grp, n_users: everybody with an active day.
    labels : mapping of int to str
        The values of the breakdown.
    """

    counts = counts.assign(days=counts["twice_median"].astype(float) / 2, n=counts["n_users"].astype(int))
    told = _by_group(counts, spec, labels).rename(columns={"n": "n_users"})
    gaps = gaps.assign(days=gaps["gap"].astype(float), n=gaps["n_gaps"].astype(int))
    told_gaps = _by_group(gaps, spec, labels).rename(columns={"n": "n_gaps"})
    totals: dict[str | None, int] = {None: int(users["n_users"].sum())}
    if spec.by is not None:
        by_size = users.assign(group=_names(users, labels)).sort_values(["n_users", "group"], ascending=[False, True])
        totals |= {str(g): int(n) for g, n in zip(by_size["group"], by_size["n_users"], strict=True)}
    rows = []
    for group, n_all in totals.items():
        mine = _of(told, group)
        days, n = mine["days"].to_numpy(dtype=float), mine["n_users"].to_numpy(dtype=int)
        n_users = int(n.sum())
        low, high = median_ranks(n_users)
        rows.append(
            {
                "group": group,
                "n_all": n_all,
                "n_users": n_users,
                "n_excluded": n_all - n_users,
                "excluded_rate": (n_all - n_users) / n_all if n_all else np.nan,
                **{name: quantile(days, n, q) for name, q in (("q25", 0.25), ("median", 0.5), ("q75", 0.75))},
                "low": _at_rank(days, n, low) if low else np.nan,
                "high": _at_rank(days, n, high) if low else np.nan,
            }
        )
    return UsageInterval(spec, clock, data_version, _without_nan(pd.DataFrame(rows)), told, told_gaps)


def _by_group(counts: pd.DataFrame, spec: IntervalSpec, labels: Mapping[int, str]) -> pd.DataFrame:
    """Add everybody (group None) to the groups; columns group, days, n, in order."""
    parts = [counts.groupby("days", as_index=False)["n"].sum().assign(group=None)]
    if spec.by is not None:
        parts.append(counts.assign(group=_names(counts, labels)))
    told = pd.concat([p[["group", "days", "n"]].astype({"group": object}) for p in parts], ignore_index=True)
    return _without_nan(told.sort_values(["group", "days"], na_position="first", ignore_index=True))


def _names(frame: pd.DataFrame, labels: Mapping[int, str]) -> pd.Series:
    names = [NONE_LABEL if pd.isna(g) else labels.get(int(g), str(int(g))) for g in frame["grp"]]
    return pd.Series(names, index=frame.index, dtype=object)


def _without_nan(frame: pd.DataFrame) -> pd.DataFrame:
    group = frame["group"].astype(object)
    return frame.assign(group=group.where(group.notna(), None))


def quantile(values: np.ndarray, counts: np.ndarray, share: float) -> float:
    """Return a quantile of counted values, as the mean of the two where it falls between them.

    Notes
    -----
    Definition 2 of Hyndman and Fan: the inverse of the distribution function, averaged where it is flat.

    References
    ----------
    Hyndman, R. J. & Fan, Y. (1996). Sample quantiles in statistical packages. The American Statistician 50.

    Examples
    --------
    >>> quantile(np.array([1.0, 3.0, 10.0]), np.array([1, 1, 2]), 0.5)
    6.5
    """
    n = int(counts.sum())
    if not n:
        return float("nan")
    place = share * n
    below = int(place)
    if place > below:
        return _at_rank(values, counts, below + 1)
    return (_at_rank(values, counts, max(below, 1)) + _at_rank(values, counts, min(below + 1, n))) / 2


def _at_rank(values: np.ndarray, counts: np.ndarray, rank: int) -> float:
    return float(values[np.searchsorted(np.cumsum(counts), rank)])


def median_ranks(n: int) -> tuple[int, int]:
    """Return the ranks of the order statistics that hold the median with at least 95 % probability.

    Notes
    -----
    The number of values below the median is binomial with p = 1/2. Exact up to 200 values, then by the
    normal approximation, rounded outwards. (0, 0) where fewer than six values can hold nothing.

    References
    ----------
    David, H. A. & Nagaraja, H. N. (2003). Order Statistics, section 7.1.

    Examples
    --------
    >>> median_ranks(10), median_ranks(5)
    ((2, 9), (0, 0))
    """
    if n <= EXACT_RANKS:
        below, rank = 0, 0
        while (below + comb(n, rank)) * 40 <= 2**n:  # at most 2.5 % on either side
            below += comb(n, rank)
            rank += 1
    else:
        rank = int(n / 2 - Z95 * sqrt(n) / 2)
    return (rank, n + 1 - rank) if rank else (0, 0)
