"""Counts of second orders to repeat purchase rates and to the time that a second order takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from retention.intervals import wilson
from retention.lifecycle.revenue import dates_of, groups_of, with_group_keys
from retention.lifecycle.spec_revenue import CURVE_DAYS, RepeatSpec
from retention.periods import US_PER_DAY, date_of, local_day

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

HALF = 0.5


@dataclass(frozen=True, slots=True)
class RepeatPurchases:
    """How many customers order again within H days, and how soon.

    Attributes
    ----------
    spec : RepeatSpec
    clock : Clock
    data_version : int
    total : DataFrame
        One row a group, of every customer who was watched for H days: group, n_customers, n_watched, n_repeated,
        rate, low, high (Wilson 95 %).
    rows : DataFrame
        One row a cohort of first orders and group: cohort, group, n_customers, n_watched, n_repeated, rate, low,
        high (NaN unless mature), state, complete_on, touches_gap.
    curve : DataFrame
        One row a group and number of days H from 1 to 365: group, days, n_watched, n_repeated, rate, low, high; the
        share, among the customers who were watched for H days, whose second order came within H days.
    """

    spec: RepeatSpec
    clock: Clock
    data_version: int
    total: pd.DataFrame
    rows: pd.DataFrame
    curve: pd.DataFrame

    def within(self, days: int, group: str | None = None) -> dict[str, float] | None:
        """Return one point of the curve; None where nobody was watched for so long."""
        found = self.of(group)
        found = found[(found["days"] == days) & (found["n_watched"] > 0)]
        return None if found.empty else {str(k): v for k, v in found.iloc[0].drop("group").items()}

    def median_days(self, group: str | None = None) -> int | None:
        """Return the days within which half of the customers have ordered again; None where that is not reached."""
        reached = self.of(group)
        reached = reached[reached["rate"] >= HALF]
        return None if reached.empty else int(reached["days"].iloc[0])

    def of(self, group: str | None = None) -> pd.DataFrame:
        """Return the curve of everybody or of a group."""
        return self.curve[self.curve["group"].isna() if group is None else self.curve["group"] == group]


def repeat_rows(
    frame: pd.DataFrame, spec: RepeatSpec, clock: Clock, labels: Mapping[int, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lay repeat purchase rates out in total and by cohort.

    Parameters
    ----------
    frame : DataFrame
        From `query_revenue.repeat_counts`.

    Returns
    -------
    total, rows : DataFrame
        As `RepeatPurchases` has them.

    Notes
    -----
    The total takes in every customer who was watched for long enough, those of cohorts that are not mature, too:
    each of them has the same follow-up.
    """
    frame = with_group_keys(frame).sort_values(["cohort", "grp"], ignore_index=True)
    counts = ["n_customers", "n_watched", "n_repeated"]
    frame[counts] = frame[counts].astype("int64")
    group = pd.Series(groups_of(frame["grp"], spec.by, labels), dtype=object)
    total = frame.groupby(group.rename("group"), dropna=False)[counts].sum().reset_index()
    total["group"] = total["group"].astype(object).where(total["group"].notna(), None)
    from_us = [clock.start_us(int(c), spec.period) for c in frame["cohort"]]
    to_us = [clock.start_us(int(c) + 1, spec.period) + spec.days * US_PER_DAY for c in frame["cohort"]]
    is_mature = np.asarray(to_us, dtype="int64") <= clock.as_of_us
    rows = pd.DataFrame(
        {
            "cohort": pd.Series(dates_of(frame["cohort"], spec.period, clock), dtype=object),
            "group": group,
            **{name: frame[name] for name in counts},
        }
    )
    for table in (total, rows):
        low, high = wilson(table["n_repeated"], table["n_watched"])
        table["rate"] = table["n_repeated"] / table["n_watched"].where(table["n_watched"] > 0)
        table["low"], table["high"] = low, high
    rows.loc[~is_mature, ["rate", "low", "high"]] = np.nan
    rows["state"] = np.where(is_mature, "mature", "in_progress")
    rows["complete_on"] = pd.Series([_day_after(us, clock.timezone) for us in to_us], dtype=object)
    rows["touches_gap"] = np.asarray([clock.has_gap(a, b) for a, b in zip(from_us, to_us, strict=True)], dtype=bool)
    return total, rows


def _day_after(us: int, timezone: str) -> object:
    """Return the first local day on which an instant has passed."""
    return date_of(local_day(us - 1, timezone) + 1)


def second_order_curve(frame: pd.DataFrame, spec: RepeatSpec, labels: Mapping[int, str]) -> pd.DataFrame:
    """Turn histograms of days into the share of customers who ordered again within each number of days.

    Parameters
    ----------
    frame : DataFrame
        From `query_revenue.second_order_days`.

    Notes
    -----
    For each H a plain share among the customers watched for H days. Another H has other customers, so the curve may
    fall a little where old customers were slower than new ones; it estimates nothing beyond what was seen.
    """
    frame = with_group_keys(frame)
    days = np.arange(1, CURVE_DAYS + 1)
    parts = []
    for key in sorted(frame["grp"].unique()):
        mine = frame[frame["grp"] == key]
        followed, seconds = mine[mine["is_second"] == 0], mine[mine["is_second"] == 1]
        n_at, again_at, second_at = (
            np.bincount(part["day"].to_numpy(dtype="int64"), part[name].to_numpy(dtype="int64"), CURVE_DAYS + 1)
            for part, name in ((followed, "n"), (followed, "n_repeated"), (seconds, "n"))
        )
        watched = n_at[::-1].cumsum()[::-1][1:]
        # Second orders by day H, less those of customers who were watched for fewer than H days.
        repeated = second_at.cumsum()[1:] - again_at.cumsum()[:-1]
        low, high = wilson(repeated, watched)
        with np.errstate(invalid="ignore"):
            rate = np.where(watched > 0, repeated / watched, np.nan)
        part = {"days": days, "n_watched": watched.astype("int64"), "n_repeated": repeated.astype("int64")}
        parts.append(pd.DataFrame({**part, "rate": rate, "low": low, "high": high, "grp": key}))
    names = ["days", "n_watched", "n_repeated", "rate", "low", "high", "grp"]
    curve = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({name: [] for name in names})
    curve.insert(0, "group", pd.Series(groups_of(curve["grp"], spec.by, labels), dtype=object))
    return curve.drop(columns="grp")
