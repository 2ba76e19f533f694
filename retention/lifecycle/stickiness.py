"""Counts to daily, weekly and monthly actives, and to the distribution of active days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from retention.cohorts.matrix import NO_GROUP
from retention.errors import SpecError
from retention.intervals import wilson
from retention.lifecycle.lifecycle import by_group, group_names
from retention.lifecycle.spec import MAX_PERIODS, WINDOWS, ActiveDaysSpec, StickinessSpec
from retention.periods import date_of, day_number, local_day

if TYPE_CHECKING:
    from retention.store.catalogue import Clock

MONTH = 28
"""Days of the trailing month: four whole weeks, so that every day's window holds each weekday as often."""


@dataclass(frozen=True, slots=True)
class Stickiness:
    """How many users were active on each day, in the 7 and in the 28 days that end with it.

    Attributes
    ----------
    spec : StickinessSpec
    clock : Clock
    data_version : int
    days : DataFrame
        One row a group and day: on, group (None = everyone), index, dau, wau, mau (missing where the data do not
        reach back so far), rate (dau / mau; NaN where the day enters no average), state ("complete" or
        "in_progress"), touches_gap (the day), week_touches_gap (one of the 7 days), window_touches_gap (of the 28).
    summary : DataFrame
        One row a group: group, n_days, rate (the mean), low, high (95 %, from `n_blocks` blocks of 28 days),
        n_left_out (complete days that entered no mean), change, change_low, change_high (the newer half of the
        blocks less the older one), says ("higher", "lower" or "cannot tell").
    first_on : date
        The first local day of the data.
    """

    spec: StickinessSpec
    clock: Clock
    data_version: int
    days: pd.DataFrame
    summary: pd.DataFrame
    first_on: date

    @property
    def as_of_us(self) -> int:
        """The data watermark."""
        return self.clock.as_of_us

    @property
    def groups(self) -> list[str]:
        """The groups of the breakdown, the one with most daily users first."""
        return [str(group) for group in self.summary["group"] if group is not None]

    def of(self, group: str | None = None) -> pd.DataFrame:
        """Return the days of one group, in order."""
        mine = self.days["group"].isna() if group is None else self.days["group"] == group
        return self.days[mine]

    def summed_up(self, group: str | None = None) -> pd.Series:
        """Return the averages of one group."""
        mine = self.summary["group"].isna() if group is None else self.summary["group"] == group
        return self.summary[mine].iloc[0]


@dataclass(frozen=True, slots=True)
class ActiveDays:
    """On how many days of a period its active users were active.

    Attributes
    ----------
    spec : ActiveDaysSpec
    clock : Clock
    data_version : int
    on, to_on : date
        The first local day of the period, and the first one after it.
    shares : DataFrame
        One row a group and number of days: group, n_days, n_exactly, n_at_least, size (active users), and for both
        rate, low and high (Wilson 95 %) as rate_exactly, low_exactly, …
    state : str
        "complete" or "in_progress".
    has_gap : bool
    """

    spec: ActiveDaysSpec
    clock: Clock
    data_version: int
    on: date
    to_on: date
    shares: pd.DataFrame
    state: str
    has_gap: bool

    @property
    def as_of_us(self) -> int:
        """The data watermark."""
        return self.clock.as_of_us

    @property
    def groups(self) -> list[str]:
        """The groups of the breakdown, the largest first."""
        return [str(group) for group in dict.fromkeys(self.shares["group"]) if group is not None]

    def of(self, group: str | None = None) -> pd.DataFrame:
        """Return the distribution of one group."""
        mine = self.shares["group"].isna() if group is None else self.shares["group"] == group
        return self.shares[mine]


def shown_days(spec: StickinessSpec, clock: Clock, first_data_day: int) -> tuple[int, int]:
    """Return the first day shown, and the first one after the last.

    Raises
    ------
    SpecError
        If the range holds no data, or too many days.
    """
    last_day = local_day(clock.as_of_us - 1, clock.timezone)
    to = last_day + 1 if spec.to_on is None else min(last_day + 1, day_number(spec.to_on))
    since = max(first_data_day, to - spec.n_last if spec.from_on is None else day_number(spec.from_on))
    if since >= to:
        raise SpecError(
            "There are no data in these dates.",
            hint=f"The data reach from {date_of(first_data_day)} to {date_of(last_day)}.",
        )
    if to - since > MAX_PERIODS:
        raise SpecError(f"At most {MAX_PERIODS} days can be shown, not {to - since}.", hint="Choose fewer dates.")
    return since, to


def trailing(pauses: list[np.ndarray], window: int, n_days: int) -> np.ndarray:
    """Count the users of each trailing window from the pauses before each day of activity.

    Parameters
    ----------
    pauses : list of ndarray of int, shape (n_groups, n_days)
        For each pause from 1 to 28 days (28 stands for longer ones, and for none): users active after it, by day.
    window : int
        Days of the window, at most 28.
    n_days : int

    Returns
    -------
    ndarray of int, shape (n_groups, n_days)

    Notes
    -----
    Who is active on day d is in the windows that end on d to d + w − 1. After a pause of g < w days the first w − g
    of them hold the user already, so a user joins at d + max(0, w − g) and leaves at d + w: one step up and one step
    down a user-day, and the cumulative sum counts each user once.
    """
    steps = np.zeros((pauses[0].shape[0], n_days + 2 * MONTH), dtype=np.int64)
    for pause, users in enumerate(pauses, start=1):
        joins = max(0, window - pause)
        steps[:, joins : joins + n_days] += users
        steps[:, window : window + n_days] -= users
    return steps.cumsum(axis=1)[:, :n_days]


def active_users(
    counts: pd.DataFrame,
    spec: StickinessSpec,
    clock: Clock,
    shown: tuple[int, int],
    first_data_day: int,
    labels: Mapping[int, str],
) -> pd.DataFrame:
    """Lay counts out as the days of `Stickiness`; everyone first, then each group.

    Parameters
    ----------
    counts : DataFrame
        day, grp, pause, n; from 27 days before the first one shown.
    """
    since, to = shown
    lead = MONTH - 1
    n_all, n = to - since + lead, to - since
    keys, (active,) = by_group(counts, "day", ("n",), since - lead, n_all)
    row_of = {int(key): row for row, key in enumerate(keys)}
    pauses = [np.zeros_like(active) for _ in range(MONTH)]
    rows = counts["grp"].fillna(NO_GROUP).astype("int64").map(row_of).to_numpy(dtype=np.int64)
    columns = counts["day"].to_numpy(dtype=np.int64) - (since - lead)
    lengths, users = counts["pause"].to_numpy(dtype=np.int64), counts["n"].to_numpy(dtype=np.int64)
    for length in range(1, MONTH + 1):
        mine = lengths == length
        np.add.at(pauses[length - 1], (rows[mine], columns[mine]), users[mine])
    actives = [trailing(pauses, window, n_all)[:, lead:] for window in WINDOWS]
    totals = [array.sum(axis=0, keepdims=True) for array in actives]
    groups: list[str | None] = [None]
    if spec.by is not None:
        actives = [np.vstack([total, array]) for total, array in zip(totals, actives, strict=True)]
        groups += group_names(keys, labels)
    else:
        actives = totals

    index = np.arange(since, to)
    complete = index < clock.as_of_day
    gap = np.asarray([clock.touches_gap(int(day), "day") for day in range(since - lead, to)], dtype=bool)
    in_week, in_window = (np.convolve(gap, np.ones(width, dtype=np.int64))[lead : lead + n] > 0 for width in (7, MONTH))
    reach = index - first_data_day + 1
    dau, wau, mau = actives
    usable = np.tile(complete & ~in_window & (reach >= MONTH), (len(groups), 1)) & (mau > 0)
    rate = np.where(usable, dau / np.maximum(mau, 1), np.nan)
    frame = pd.DataFrame(
        {
            "on": [date_of(int(day)) for day in index] * len(groups),
            "group": np.repeat(np.asarray(groups, dtype=object), n),
            "index": np.tile(index, len(groups)),
            "dau": pd.array(dau.ravel(), dtype="Int64"),
            "wau": pd.array(wau.ravel(), dtype="Int64"),
            "mau": pd.array(mau.ravel(), dtype="Int64"),
            "rate": rate.ravel(),
            "state": np.tile(np.where(complete, "complete", "in_progress"), len(groups)),
            "touches_gap": np.tile(gap[lead:], len(groups)),
            "week_touches_gap": np.tile(in_week, len(groups)),
            "window_touches_gap": np.tile(in_window, len(groups)),
        }
    )
    for name, window in (("wau", 7), ("mau", MONTH)):
        frame.loc[np.tile(reach < window, len(groups)), name] = pd.NA
    return frame


def active_day_shares(
    counts: pd.DataFrame, spec: ActiveDaysSpec, n_possible: int, labels: Mapping[int, str]
) -> pd.DataFrame:
    """Lay counts out as the shares of `ActiveDays`; everyone first, then each group.

    Parameters
    ----------
    counts : DataFrame
        grp, n_days, n.
    n_possible : int
        Days of the period.
    """
    keys, (exactly,) = by_group(counts, "n_days", ("n",), 1, n_possible)
    groups: list[str | None] = [None]
    total = exactly.sum(axis=0, keepdims=True)
    if spec.by is not None:
        exactly = np.vstack([total, exactly])
        groups += group_names(keys, labels)
    else:
        exactly = total
    at_least = exactly[:, ::-1].cumsum(axis=1)[:, ::-1]
    size = np.repeat(exactly.sum(axis=1), n_possible)
    frame = pd.DataFrame(
        {
            "group": np.repeat(np.asarray(groups, dtype=object), n_possible),
            "n_days": np.tile(np.arange(1, n_possible + 1), len(groups)),
            "n_exactly": exactly.ravel(),
            "n_at_least": at_least.ravel(),
            "size": size,
        }
    )
    for name in ("exactly", "at_least"):
        n = frame[f"n_{name}"].to_numpy()
        low, high = wilson(n, size)
        frame[f"rate_{name}"] = np.where(size > 0, n / np.maximum(size, 1), np.nan)
        frame[f"low_{name}"], frame[f"high_{name}"] = low, high
    return frame
